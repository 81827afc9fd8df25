"""Durable missions inside your application: define them once, run them to their end, see where each one stands."""

from typing import TYPE_CHECKING

from .builder import MissionBuilder, MissionDraft, m
from .clock import Clock, Driven, DrivenClock, RunningAttempt, SystemClock
from .commander import Commander
from .context import MissionContext
from .definition import MissionDefinition, Signal
from .embedded import create_commander
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
from .handle import MissionHandle
from .persistence import CommitOutcome, DueKind, LoadOutcome, MissionCommit, PersistenceAdapter, StoredDefinition
from .records import (
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
from .retry import RetryPolicy
from .schema import Schema

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
