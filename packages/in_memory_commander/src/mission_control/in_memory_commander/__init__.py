"""Missions in memory: the adapter that keeps them, and a commander with predictable ids."""

from typing import TYPE_CHECKING

from mission_control.core.memory import InMemoryAdapter
from mission_control.core.persistence import PersistenceAdapter

__all__ = ["__version__", "create_in_memory_persistence_adapter"]

__version__: str


def create_in_memory_persistence_adapter() -> PersistenceAdapter:
    """Return storage that lives as long as the returned object.

    Hand it from a closed commander to a new one to rehearse a restart; a second commander that opens it while the
    first is open gets `DatabaseInUseError`.
    """
    return InMemoryAdapter()


if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-in-memory-commander")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
