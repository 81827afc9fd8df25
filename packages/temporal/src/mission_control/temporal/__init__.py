"""The same missions on Temporal: for whom one machine is not enough."""

from typing import TYPE_CHECKING

from .commander import create_temporal_commander
from .leaving import leave_in_order as _leave_in_order
from .worker import TemporalWorker, create_temporal_worker, run_temporal_worker

__all__ = [
    "TemporalWorker",
    "__version__",
    "create_temporal_commander",
    "create_temporal_worker",
    "run_temporal_worker",
]

__version__: str

_leave_in_order()

if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-temporal")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
