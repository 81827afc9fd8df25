"""What can be seen of a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from .records import MissionStatus, Record

PassedOverReason: TypeAlias = Literal["missed", "overlap", "replaced", "paused", "failed"]
ScheduleStatus: TypeAlias = Literal["active", "paused", "absent", "ended"]


@attrs.frozen
class PassedOver(Record):
    """Slots in a row that started no mission, all for one reason: the first of them, the last, and how many they are.

    "missed": the owner came to them too late for `catch_up`. "overlap": the mission of a slot before had not ended, nor
    was there room to wait for that. "replaced": a newer slot took the place of one that waited. "paused": the schedule
    was. "failed": the function that makes the input raised, or returned what does not fit.
    """

    first: datetime
    last: datetime
    count: int
    reason: PassedOverReason


@attrs.frozen(kw_only=True)
class ScheduleSummary(Record):
    """One schedule: when it fires next, what it started last, and which slots it passed over lately.

    `spec` is when it fires, as a text. `next_slot` is None unless its `status` is active. `last_slot` is the last one
    that started a mission, `last_mission_id` that mission's id, and `last_outcome` its status; None where there is no
    such mission, or none any more. `passed_over` has at most 100 entries, the oldest first.
    """

    name: str
    mission_name: str
    spec: str
    status: ScheduleStatus
    next_slot: datetime | None
    last_slot: datetime | None
    last_mission_id: str | None
    last_outcome: MissionStatus | None
    passed_over: tuple[PassedOver, ...]

    @property
    def failing(self) -> PassedOver | None:
        """The last slots that it came to, where they started no mission for a fault and it fires still; else None."""
        return None if self.status == "absent" else failing(self.last_slot, self.passed_over)


def failing(last_slot: datetime | None, passed_over: Sequence[PassedOver]) -> PassedOver | None:
    """Return the last slots that a schedule came to where they failed, and none has started a mission since."""
    last = passed_over[-1] if passed_over else None
    if last is None or last.reason != "failed" or (last_slot is not None and last_slot > last.last):
        return None
    return last
