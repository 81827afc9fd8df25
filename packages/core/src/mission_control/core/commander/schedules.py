"""What can be asked of schedules, wherever they fire: the place where each question is written, and typed."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from ..definition import checked_instant, sought
from ..errors import ScheduleNotFoundError
from ..history import MissionStatus, ScheduleStatus, ScheduleSummary, iso
from ..schedules import StoredSchedule
from .notes import noted
from .port import SchedulePort


class Schedules:
    """Shows the schedules of a commander, and changes what they do. Each change is durable before a method returns.

    `by` is a note of who asks for it, 1 to 255 characters, which is recorded of the missions that it starts. A name
    that no schedule of the commander has is a `ScheduleNotFoundError`.
    """

    __slots__ = ("_by", "_port")

    def __init__(self, port: Callable[[], Awaitable[SchedulePort]], by: str | None = None) -> None:
        self._port = port
        self._by = by

    async def list(self) -> builtins.list[ScheduleSummary]:
        """Return all schedules that storage knows, by name, also those that the code no longer names."""
        stored = await (await self._port()).list_schedules()
        return [_summary(schedule, outcome) for schedule, outcome in stored]

    async def pause(self, name: str, /, *, by: str | None = None) -> None:
        """Let a schedule start nothing but what is triggered and backfilled. A second call does nothing."""
        wanted, who = _wanted(name), noted(by, self._by)
        await (await self._port()).change_schedule(wanted, "pause", since=None, until=None, by=who)

    async def resume(self, name: str, /, *, by: str | None = None) -> None:
        """Let a paused schedule fire again; slots that came meanwhile stay passed over. A second call does nothing."""
        wanted, who = _wanted(name), noted(by, self._by)
        await (await self._port()).change_schedule(wanted, "resume", since=None, until=None, by=who)

    async def trigger(self, name: str, /, *, by: str | None = None) -> str:
        """Start a mission of a schedule now, whatever its other missions do, and return that mission's id."""
        wanted, who = _wanted(name), noted(by, self._by)
        port = await self._port()
        (mission_id,) = await port.change_schedule(wanted, "trigger", since=None, until=None, by=who)
        return mission_id

    async def backfill(
        self, name: str, /, *, since: datetime, until: datetime, by: str | None = None
    ) -> builtins.list[str]:
        """Start the missions of all slots from `since` on and before `until` (aware), and return their ids.

        At most 10,000 of them. Missions that exist are left alone, and their ids are returned with the others. Raises
        `ValueError` for more slots, for a naive instant, and for an `until` that lies before `since`.
        """
        wanted, who = _wanted(name), noted(by, self._by)
        first, end = checked_span(since, until)
        port = await self._port()
        return await port.change_schedule(wanted, "backfill", since=first, until=end, by=who)


def checked_span(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """Return the instants between which slots are meant. Raises `ValueError` for what are none, or in another order."""
    first, end = checked_instant(since, subject="since"), checked_instant(until, subject="until")
    if end < first:
        raise ValueError(f"until: expected an instant that is not before since ({iso(first)}), found {iso(end)}")
    return first, end


def schedule_not_found(name: str, known: Iterable[str]) -> ScheduleNotFoundError:
    """Return the error for a name that none of the schedules has that there are."""
    listed = ", ".join(map(repr, known)) or "none"
    return ScheduleNotFoundError(
        f"no schedule has the name {name!r} (there are: {listed}); check the name, or pass the schedule to the "
        f"commander, schedules=[...]"
    )


def _wanted(name: str) -> str:
    return sought(name, subject="the name of a schedule")


def _summary(stored: StoredSchedule, outcome: MissionStatus | None) -> ScheduleSummary:
    status = _status(stored)
    return ScheduleSummary(
        name=stored.name,
        mission_name=stored.mission_name,
        spec=str(stored.spec),
        status=status,
        next_slot=stored.next_slot if status == "active" else None,
        last_slot=stored.last_slot,
        last_mission_id=stored.last_mission_id,
        last_outcome=outcome,
        passed_over=stored.passed_over,
    )


def _status(stored: StoredSchedule) -> ScheduleStatus:
    if stored.is_absent:
        return "absent"
    if stored.is_paused:
        return "paused"
    return "ended" if stored.next_slot is None else "active"
