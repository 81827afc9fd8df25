"""A mission's state: what its history folds to. Only the machine makes new ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Literal

import attrs

from ..history import EventRecord, Ledger, MissionFailure, MissionSnapshot, MissionStatus, MissionSummary, Wait
from ..payloads import copy_json


class Phase(StrEnum):
    """Where a mission is, finer than its status: what may be recorded next depends on it."""

    NEW = "new"
    CREATED = "created"
    DELAYED = "delayed"
    READY = "ready"
    ATTEMPTING = "attempting"
    AWAITING = "awaiting"
    SLEEPING = "sleeping"
    BACKING_OFF = "backing off"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUS: Mapping[Phase, MissionStatus] = {
    Phase.NEW: MissionStatus.IDLE,
    Phase.CREATED: MissionStatus.RUNNING,
    Phase.READY: MissionStatus.RUNNING,
    Phase.ATTEMPTING: MissionStatus.RUNNING,
    Phase.DELAYED: MissionStatus.WAITING,
    Phase.AWAITING: MissionStatus.WAITING,
    Phase.SLEEPING: MissionStatus.WAITING,
    Phase.BACKING_OFF: MissionStatus.WAITING,
    Phase.COMPLETED: MissionStatus.COMPLETED,
    Phase.FAILED: MissionStatus.FAILED,
    Phase.CANCELLED: MissionStatus.CANCELLED,
}
"""The status that people see for each phase."""

_ENDED = frozenset(phase for phase, status in STATUS.items() if status.is_terminal)

Place = Literal["start", "step", "need_to", "sleep"]


@attrs.define
class State:
    """Everything that the machine knows of a mission. Immutable to all but the fold that makes it."""

    mission_id: str
    mission_name: str = ""
    phase: Phase = Phase.NEW
    version: int = 0
    at: datetime | None = None
    created_at: datetime | None = None
    cursor: str | None = None
    place: Place = "start"
    attempt_number: int = 0
    failures: int = 0
    interruptions: int = 0
    stands_by: bool = False
    """True where the attempt begun last has waited for the end of another mission."""
    waiting: Wait | None = None
    cancellation: str | None = None
    is_cancelling: bool = False
    error: MissionFailure | None = None
    events: Ledger = attrs.field(factory=Ledger)
    output: Any = None
    created_with: str | None = None
    last_run: str | None = None
    trace: str | None = None

    @property
    def status(self) -> MissionStatus:
        """The phase as people see it."""
        return STATUS[self.phase]

    @property
    def is_terminal(self) -> bool:
        """True where nothing more may be recorded."""
        return self.phase in _ENDED

    def summary(self) -> MissionSummary:
        """Return the mission's row."""
        return MissionSummary(
            mission_id=self.mission_id,
            mission_name=self.mission_name,
            status=STATUS[self.phase],
            cursor=self.cursor,
            waiting=self.waiting,
            error=self.error,
            created_at=self.created_at,
            updated_at=self.at,
        )

    def snapshot(self) -> MissionSnapshot:
        """Return the mission's row with its payloads, which are the caller's to keep and change."""
        summary = self.summary()
        return MissionSnapshot(
            **{name: getattr(summary, name) for name in attrs.fields_dict(MissionSummary)},
            events={
                name: EventRecord(input=copy_json(event.input), output=copy_json(event.output))
                for name, event in self.events.items()
            },
            output=copy_json(self.output),
            definition_created_with=self.created_with,
            definition_last_run=self.last_run,
        )

    def copy(self) -> State:
        """Return a state that a fold may change."""
        return State(*_values(self))


_values = attrgetter(*attrs.fields_dict(State))
