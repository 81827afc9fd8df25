"""What will happen by itself, in order of time."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from mission_control.client import CommanderClient
from mission_control.core import MissionSummary, RetryWait, ScheduleSummary, SignalWait
from mission_control.core.history import START_AT, Record

MOST_SCHEDULES = 1000
"""How many schedules are shown at once."""

AgendaKind: TypeAlias = Literal["start", "sleep", "retry", "deadline", "reminder", "schedule"]


@attrs.frozen(kw_only=True)
class AgendaEntry(Record):
    """Something that happens by itself `at` an instant: a mission goes on at `what`, or a schedule starts one."""

    at: datetime
    kind: AgendaKind
    mission_name: str
    what: str
    mission_id: str | None = None


async def read_agenda(client: CommanderClient, *, until: datetime | None, limit: int) -> list[AgendaEntry]:
    """Return up to `limit` of what happens by itself until an instant, the earliest first; the overdue is at its head.

    Of each schedule it is the next slot.
    """
    due, schedules = await asyncio.gather(client.operations.list_due(until=until, limit=limit), client.schedules.list())
    entries = [_of_mission(mission, mission.next_due) for mission in due if mission.next_due is not None]
    entries += [
        _of_schedule(schedule, schedule.next_slot)
        for schedule in schedules
        if schedule.next_slot is not None and (until is None or schedule.next_slot <= until)
    ]
    return sorted(entries, key=lambda one: one.at)[:limit]


def _of_mission(mission: MissionSummary, at: datetime) -> AgendaEntry:
    wait = mission.next_wait
    return AgendaEntry(
        at=at,
        kind=_kind(mission, at),
        mission_name=mission.mission_name,
        what=(mission.cursor or "") if wait is None else wait.event_name,
        mission_id=mission.mission_id,
    )


def _kind(mission: MissionSummary, at: datetime) -> AgendaKind:
    wait = mission.next_wait
    if isinstance(wait, SignalWait):
        return "deadline" if wait.timeout_at == at else "reminder"
    if isinstance(wait, RetryWait):
        return "retry"
    return "start" if wait is not None and wait.event_name == START_AT else "sleep"


def _of_schedule(schedule: ScheduleSummary, at: datetime) -> AgendaEntry:
    return AgendaEntry(at=at, kind="schedule", mission_name=schedule.mission_name, what=schedule.name)
