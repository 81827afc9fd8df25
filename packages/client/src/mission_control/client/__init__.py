"""Mission-native helpers for application code, async and blocking."""

from typing import TYPE_CHECKING

from .client import CommanderClient, create_commander_client

if TYPE_CHECKING:
    from .blocking import BlockingCommanderClient, create_blocking_client
    from .blocking_handle import BlockingMissionHandle
    from .blocking_operations import BlockingOperations, BlockingSchedules

__all__ = [
    "BlockingCommanderClient",
    "BlockingMissionHandle",
    "BlockingOperations",
    "BlockingSchedules",
    "CommanderClient",
    "__version__",
    "create_blocking_client",
    "create_commander_client",
]

__version__: str

if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module
    # On first use: a program with an event loop needs none of it.
    _OF_CALLERS_THAT_WAIT = {
        "BlockingCommanderClient": "blocking",
        "create_blocking_client": "blocking",
        "BlockingMissionHandle": "blocking_handle",
        "BlockingOperations": "blocking_operations",
        "BlockingSchedules": "blocking_operations",
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-client")
        if name in _OF_CALLERS_THAT_WAIT:
            return getattr(import_module(f".{_OF_CALLERS_THAT_WAIT[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
