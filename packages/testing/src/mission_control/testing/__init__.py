"""Tools for testing missions and for testing adapters."""

from typing import TYPE_CHECKING

__all__ = [
    "CrashPoint",
    "CrashReport",
    "Deferred",
    "FakeClock",
    "FaultInjectingAdapter",
    "Life",
    "PersistenceAdapterContract",
    "RepeatedStep",
    "__version__",
    "crash",
    "crash_everywhere",
    "create_deferred",
    "load_mission",
]

__version__: str

if TYPE_CHECKING:
    from .clock import FakeClock
    from .conformance import PersistenceAdapterContract
    from .crashing import crash
    from .deferred import Deferred, create_deferred
    from .everywhere import CrashPoint, CrashReport, Life, RepeatedStep, crash_everywhere
    from .faults import FaultInjectingAdapter
    from .loading import load_mission
else:
    # On first use: pytest loads this package in every project where it is installed, and the conformance suite must
    # not be imported before the plugin has registered it for assertion rewriting.
    _HOMES = {
        "CrashPoint": "everywhere",
        "CrashReport": "everywhere",
        "Deferred": "deferred",
        "FakeClock": "clock",
        "FaultInjectingAdapter": "faults",
        "Life": "everywhere",
        "PersistenceAdapterContract": "conformance",
        "RepeatedStep": "everywhere",
        "crash": "crashing",
        "crash_everywhere": "everywhere",
        "create_deferred": "deferred",
        "load_mission": "loading",
    }

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-testing")
        if name in _HOMES:
            from importlib import import_module

            return getattr(import_module(f".{_HOMES[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
