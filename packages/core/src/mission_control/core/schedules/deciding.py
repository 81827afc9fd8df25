"""What is decided of the slots of a schedule that are due: which of them start a mission, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs

from ..history import PassedOver, PassedOverReason
from .schedule import Schedule
from .stored import StoredSchedule

IN_TIME = timedelta(seconds=60)
"""How late an owner may come to a slot that is not missed."""


class Sorter:
    """Tells the slots that are to be decided from those that are passed over because the owner comes too late.

    It is given those that are due `now`, the oldest first, and yields both in their order.
    """

    def __init__(self, now: datetime, catch_up: timedelta | Literal["latest"]) -> None:
        self._now = now
        self._catch_up = catch_up
        self._missed: PassedOver | None = None
        self._newest: datetime | None = None
        """The newest slot that was missed, where that one starts all the same."""

    def take(self, slot: datetime) -> Iterator[datetime | PassedOver]:
        """Yield what is known now that this slot follows those before it."""
        late = self._now - slot
        if late <= IN_TIME or (isinstance(self._catch_up, timedelta) and late <= self._catch_up):
            yield from self.rest()
            yield slot
        elif isinstance(self._catch_up, timedelta):
            self._missed = joined(self._missed, slot, "missed")
        else:
            if self._newest is not None:
                self._missed = joined(self._missed, self._newest, "missed")
            self._newest = slot

    def rest(self) -> Iterator[datetime | PassedOver]:
        """Yield what is known now that no slot follows that was missed."""
        if self._missed is not None:
            yield self._missed
        if self._newest is not None:
            yield self._newest
        self._missed = self._newest = None


def joined(before: PassedOver | None, slot: datetime, reason: PassedOverReason) -> PassedOver:
    """Return an entry for a slot and for those right before it."""
    if before is None:
        return PassedOver(slot, slot, 1, reason)
    return PassedOver(before.first, slot, before.count + 1, reason)


def decide_slot(schedule: Schedule[Any], row: StoredSchedule, slot: datetime) -> tuple[StoredSchedule, bool]:
    """Decide the slot after those that are decided: return the row that says so, and whether it starts a mission now.

    `row.running` are the missions that have not ended.
    """
    row = decided(schedule, row, slot)
    if schedule.overlap == "allow" or not (row.running or row.queued):
        return row, True
    if schedule.overlap == "cancel":
        if row.queued is not None:
            row = passed_over(row, row.queued, "replaced")
        return attrs.evolve(row, queued=slot), False
    if schedule.overlap == "queue" and row.queued is None:
        return attrs.evolve(row, queued=slot), False
    return passed_over(row, slot, "overlap"), False


def decided(schedule: Schedule[Any], row: StoredSchedule, slot: datetime) -> StoredSchedule:
    """Return the row with everything decided up to an instant."""
    return attrs.evolve(row, decided=slot, next_slot=schedule.next_slot(slot))


def started(row: StoredSchedule, slot: datetime, mission_id: str) -> StoredSchedule:
    """Return the row with the mission of a slot running, which waits no longer where it did."""
    queued = None if row.queued == slot else row.queued
    return attrs.evolve(
        row, running=(*row.running, mission_id), queued=queued, last_slot=slot, last_mission_id=mission_id
    )


def passed_over(row: StoredSchedule, slot: datetime, reason: PassedOverReason) -> StoredSchedule:
    """Return the row with one slot passed over, which waits no longer where it did."""
    queued = None if row.queued == slot else row.queued
    return attrs.evolve(row.passing_over(PassedOver(slot, slot, 1, reason)), queued=queued)


def known_as(schedule: Schedule[Any], row: StoredSchedule | None, now: datetime) -> StoredSchedule:
    """Return the row of a schedule that the code names: as it goes on, or as it begins now, where it is another one.

    Where there is nothing to change it is the very same, so that thousands are compared in no time.
    """
    name, spec = schedule.definition.name, schedule.spec
    if row is None:
        return StoredSchedule(
            name=schedule.name, mission_name=name, spec=spec, decided=now, next_slot=schedule.next_slot(now)
        )
    if row.mission_name != name or row.is_absent:
        row = attrs.evolve(row, mission_name=name, is_absent=False)
    if row.spec != spec:
        return decided(schedule, attrs.evolve(row, spec=spec), now)
    if row.next_slot is None or (schedule.ends_at is not None and row.next_slot >= schedule.ends_at):
        return decided(schedule, row, row.decided)  # it may end at another time now
    return row


def resumed(schedule: Schedule[Any], row: StoredSchedule, now: datetime, missed: PassedOver | None) -> StoredSchedule:
    """Return the row of a schedule that fires again, with what came while it was paused."""
    row = attrs.evolve(row if missed is None else row.passing_over(missed), is_paused=False)
    return decided(schedule, row, max(now, row.decided))
