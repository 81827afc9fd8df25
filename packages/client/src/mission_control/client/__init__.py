"""Mission-native helpers for application code, async and blocking."""

from typing import TYPE_CHECKING

from .blocking import BlockingCommanderClient, create_blocking_client
from .blocking_methods import BlockingMissionHandle, BlockingOperations, BlockingSchedules
from .client import CommanderClient, create_commander_client

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

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-client")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
