"""What was recorded of a mission, and the views of it: records, the ledger of its payloads, inspection, timeline.

Everything is frozen, and made of nothing but itself: no room is below this one.
"""

from .inspection import MissionInspection, inspected
from .ledger import Ledger
from .records import (
    START_AT,
    EventRecord,
    HistoryRecord,
    HistoryType,
    MissionFailure,
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
    due_at,
    failure_of,
    is_recoverable,
    is_scheduled,
    is_waiting,
    iso,
    parse_iso,
)

__all__ = [
    "START_AT",
    "EventRecord",
    "HistoryRecord",
    "HistoryType",
    "Ledger",
    "MissionFailure",
    "MissionInspection",
    "MissionSnapshot",
    "MissionStatus",
    "MissionSummary",
    "RetryWait",
    "SignalRecord",
    "SignalWait",
    "StepAttempt",
    "TimerRecord",
    "TimerWait",
    "Wait",
    "due_at",
    "failure_of",
    "inspected",
    "is_recoverable",
    "is_scheduled",
    "is_waiting",
    "iso",
    "parse_iso",
]
