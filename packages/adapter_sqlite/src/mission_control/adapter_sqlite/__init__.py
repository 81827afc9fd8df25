"""Missions in a SQLite file: durable, recoverable, readable while a runtime owns them."""

from typing import TYPE_CHECKING

from .adapter import create_sqlite_persistence_adapter
from .commander import SQLiteCommander
from .location import DatabasePath
from .mailbox import sqlite_mailbox
from .reader import MissionReader, open_mission_reader

__all__ = [
    "DatabasePath",
    "MissionReader",
    "SQLiteCommander",
    "__version__",
    "create_sqlite_persistence_adapter",
    "open_mission_reader",
    "sqlite_mailbox",
]

__version__: str

if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-adapter-sqlite")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
