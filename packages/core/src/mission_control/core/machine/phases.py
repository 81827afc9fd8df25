"""The phases of a line: where it is between two records, and the status that people see for each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from ..history import MissionStatus


class Phase(StrEnum):
    """Where a line of a mission is, finer than its status: what may be recorded next depends on it."""

    NEW = "new"
    CREATED = "created"
    DELAYED = "delayed"
    READY = "ready"
    ATTEMPTING = "attempting"
    AWAITING = "awaiting"
    SLEEPING = "sleeping"
    BACKING_OFF = "backing off"
    FORKED = "forked"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUS: Mapping[Phase, MissionStatus] = {
    Phase.NEW: MissionStatus.IDLE,
    Phase.CREATED: MissionStatus.RUNNING,
    Phase.READY: MissionStatus.RUNNING,
    Phase.ATTEMPTING: MissionStatus.RUNNING,
    Phase.FORKED: MissionStatus.RUNNING,
    Phase.DELAYED: MissionStatus.WAITING,
    Phase.AWAITING: MissionStatus.WAITING,
    Phase.SLEEPING: MissionStatus.WAITING,
    Phase.BACKING_OFF: MissionStatus.WAITING,
    Phase.COMPLETED: MissionStatus.COMPLETED,
    Phase.FAILED: MissionStatus.FAILED,
    Phase.CANCELLED: MissionStatus.CANCELLED,
}
"""The status that people see for each phase of a mission of one line; one that is forked waits while all paths do."""

ENDED = frozenset(phase for phase, status in STATUS.items() if status.is_terminal)

Place = Literal[
    "start",
    "step",
    "need_to",
    "sleep",
    "parallel",
    "race",
    "branch",
    "each",
    "repeat",
    "mission",
    "reminder",
    "undo",
]
"""What a line stands on."""
