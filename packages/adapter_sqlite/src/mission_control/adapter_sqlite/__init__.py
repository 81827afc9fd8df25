"""Missions in a SQLite file: durable, recoverable, readable while a runtime owns them."""

from typing import TYPE_CHECKING

from .location import DatabasePath
from .mailbox import sqlite_mailbox
from .reader import MissionReader, open_mission_reader

if TYPE_CHECKING:
    from .adapter import create_sqlite_persistence_adapter
    from .commander import SQLiteCommander

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
    # On first use: who only reads and sends needs none of it.
    _OF_OWNERS = {"SQLiteCommander": "commander", "create_sqlite_persistence_adapter": "adapter"}

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-adapter-sqlite")
        if name in _OF_OWNERS:
            return getattr(import_module(f".{_OF_OWNERS[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
