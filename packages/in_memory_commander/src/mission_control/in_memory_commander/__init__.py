"""Missions in memory: the adapter that keeps them, and a commander with predictable ids."""

from typing import TYPE_CHECKING

from .commander import InMemoryCommander, create_in_memory_persistence_adapter, in_memory_mailbox

__all__ = ["InMemoryCommander", "__version__", "create_in_memory_persistence_adapter", "in_memory_mailbox"]

__version__: str

if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-in-memory-commander")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
