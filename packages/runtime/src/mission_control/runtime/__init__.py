"""The tick runtime: starts a commander, resumes what is due, reports what happens."""

from typing import TYPE_CHECKING

from .records import RuntimeEvent, RuntimeMetric
from .runtime import CommanderRuntime, create_commander_runtime
from .stop_signals import stop_signals

__all__ = [
    "CommanderRuntime",
    "RuntimeEvent",
    "RuntimeMetric",
    "__version__",
    "create_commander_runtime",
    "stop_signals",
]

__version__: str

if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-runtime")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
