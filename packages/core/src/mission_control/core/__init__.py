"""Durable missions inside your application: define them once, run them to their end, see where each one stands."""

from typing import TYPE_CHECKING

from .commander import Commander, MissionHandle, create_commander
from .definition import (
    MissionBuilder,
    MissionContext,
    MissionDefinition,
    MissionDraft,
    RetryPolicy,
    Signal,
    StoredDefinition,
    m,
)
from .engine import Clock, Driven, DrivenClock, RunningAttempt, SystemClock
from .errors import (
    CommanderClosedError,
    CommanderError,
    CorruptMissionError,
    DatabaseInUseError,
    MissionAlreadyExistsError,
    MissionAlreadyStartedError,
    MissionCancelledError,
    MissionControlError,
    MissionDefinitionError,
    MissionDefinitionMismatchError,
    MissionExecutionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionNotRegisteredError,
    MissionSignalError,
    MissionTerminalError,
    MissionValidationError,
    NonRetryableError,
    PayloadError,
    PersistenceError,
    RetryAfterError,
    StaleMissionError,
)
from .history import (
    EventRecord,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionInspection,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
    RetryWait,
    SignalRecord,
    SignalWait,
    StepAttempt,
    TimerRecord,
    TimerWait,
    Wait,
    is_recoverable,
    is_scheduled,
    is_waiting,
)
from .payloads import Schema
from .storage import CommitOutcome, DueKind, LoadOutcome, MissionCommit, PersistenceAdapter

__all__ = [
    "Clock",
    "Commander",
    "CommanderClosedError",
    "CommanderError",
    "CommitOutcome",
    "CorruptMissionError",
    "DatabaseInUseError",
    "Driven",
    "DrivenClock",
    "DueKind",
    "EventRecord",
    "HistoryRecord",
    "HistoryType",
    "LoadOutcome",
    "MissionAlreadyExistsError",
    "MissionAlreadyStartedError",
    "MissionBuilder",
    "MissionCancelledError",
    "MissionCommit",
    "MissionContext",
    "MissionControlError",
    "MissionDefinition",
    "MissionDefinitionError",
    "MissionDefinitionMismatchError",
    "MissionDraft",
    "MissionExecutionError",
    "MissionFailedError",
    "MissionFailure",
    "MissionHandle",
    "MissionInspection",
    "MissionNotFoundError",
    "MissionNotRegisteredError",
    "MissionSignalError",
    "MissionSnapshot",
    "MissionStatus",
    "MissionSummary",
    "MissionTerminalError",
    "MissionValidationError",
    "NonRetryableError",
    "PayloadError",
    "PersistenceAdapter",
    "PersistenceError",
    "RetryAfterError",
    "RetryPolicy",
    "RetryWait",
    "RunningAttempt",
    "Schema",
    "Signal",
    "SignalRecord",
    "SignalWait",
    "StaleMissionError",
    "StepAttempt",
    "StoredDefinition",
    "SystemClock",
    "TimerRecord",
    "TimerWait",
    "Wait",
    "__version__",
    "create_commander",
    "is_recoverable",
    "is_scheduled",
    "is_waiting",
    "m",
]

__version__: str

if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-core")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
