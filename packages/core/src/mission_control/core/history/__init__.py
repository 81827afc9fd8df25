"""What was recorded of a mission, and the views of it: records, payloads, paths, inspection, timeline.

Everything is frozen, and made of nothing but itself: no room is below this one.
"""

from .inspection import MissionInspection, inspected
from .kept import Kept, KeptSignal
from .labels import NO_LABELS, Labels, labels_of
from .ledger import Ledger
from .opened import Construct, ConstructKind, Opened, PathEnd, PathStatus
from .owner import Owner
from .records import (
    START_AT,
    UNDO,
    ChildRecord,
    ChildWait,
    EventRecord,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
    PathResult,
    Position,
    Record,
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
from .schedules import PassedOver, PassedOverReason, ScheduleStatus, ScheduleSummary, failing
from .statistics import FailureCount, HourCount, MissionCount, MissionStatistics, WaitCount, hour_of, last_hours
from .used_keys import UsedKeys
from .waits import OpenWait

__all__ = [
    "NO_LABELS",
    "START_AT",
    "UNDO",
    "ChildRecord",
    "ChildWait",
    "Construct",
    "ConstructKind",
    "EventRecord",
    "FailureCount",
    "HistoryRecord",
    "HistoryType",
    "HourCount",
    "Kept",
    "KeptSignal",
    "Labels",
    "Ledger",
    "MissionCount",
    "MissionFailure",
    "MissionInspection",
    "MissionSnapshot",
    "MissionStatistics",
    "MissionStatus",
    "MissionSummary",
    "OpenWait",
    "Opened",
    "Owner",
    "PassedOver",
    "PassedOverReason",
    "PathEnd",
    "PathResult",
    "PathStatus",
    "Position",
    "Record",
    "RetryWait",
    "ScheduleStatus",
    "ScheduleSummary",
    "SignalRecord",
    "SignalWait",
    "StepAttempt",
    "TimerRecord",
    "TimerWait",
    "UsedKeys",
    "Wait",
    "WaitCount",
    "due_at",
    "failing",
    "failure_of",
    "hour_of",
    "inspected",
    "is_recoverable",
    "is_scheduled",
    "is_waiting",
    "iso",
    "labels_of",
    "last_hours",
    "parse_iso",
]
