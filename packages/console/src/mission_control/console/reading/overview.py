"""How all missions are, on one screen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import attrs

from mission_control.client import CommanderClient
from mission_control.core import MissionStatistics, MissionStatus, MissionSummary, Owner, ScheduleSummary, SignalWait
from mission_control.core.history import Record

from .agenda import MOST_SCHEDULES
from .selecting import MOST_COUNTED

_SOON = timedelta(hours=24)
_LATE = timedelta(minutes=1)
"""How long ago what is due may have been due while nothing is wrong: it is being worked off."""

NeedKind: TypeAlias = Literal["nobody runs", "failed", "deadline", "overdue", "schedule"]


@attrs.frozen(kw_only=True)
class Need(Record):
    """Something that needs a person now: what it is, how often it is there, and one example where there is one."""

    kind: NeedKind
    text: str
    count: int = 1
    mission_id: str | None = None


@attrs.frozen(kw_only=True)
class Overview(Record):
    """What `status` and the first page tell: who runs the missions, how many there are, and what needs a person."""

    at: datetime
    owner: Owner | None
    statistics: MissionStatistics
    next_due: MissionSummary | None
    """The mission that wakes first by itself."""
    schedules: tuple[ScheduleSummary, ...]
    needs: tuple[Need, ...]

    def count(self, *statuses: MissionStatus) -> int:
        """Return how many missions have one of these statuses; how many there are, without any."""
        return sum(one.count for one in self.statistics.missions if not statuses or one.status in statuses)


async def read_overview(client: CommanderClient) -> Overview:
    """Return how all missions are now."""
    operations, soon = client.operations, datetime.now(UTC) + _SOON
    owner, statistics, first, due, schedules = await asyncio.gather(
        operations.owner(),
        operations.statistics(),
        operations.list_due(limit=1),
        operations.list_due(until=soon, limit=MOST_COUNTED),
        client.schedules.list(),
    )
    return Overview(
        at=statistics.at,
        owner=owner,
        statistics=statistics,
        next_due=first[0] if first else None,
        schedules=tuple(schedules[:MOST_SCHEDULES]),
        needs=tuple(_needs(owner, statistics, due, schedules)),
    )


def _needs(
    owner: Owner | None, statistics: MissionStatistics, due: list[MissionSummary], schedules: list[ScheduleSummary]
) -> Iterator[Need]:
    live = sum(one.count for one in statistics.missions if not one.status.is_terminal)
    if owner is None and live:
        text = f"{_missions(live, 'is', 'are')} live, and no process runs the missions of this database"
        yield Need(kind="nobody runs", text=text, count=live)
    if failed := sum(one.count for one in statistics.recent_failures):
        yield Need(kind="failed", text=f"{_missions(failed)} failed within 24 hours", count=failed)
    if near := [one for one in due if _has_near_deadline(one, statistics.at)]:
        waiting = _missions(len(near), "waits", "wait") if len(due) < MOST_COUNTED else "missions or more wait"
        text = f"{waiting} for a signal with a deadline within 24 hours"
        yield Need(kind="deadline", text=text, count=len(near), mission_id=near[0].mission_id)
    if late := [one for one in due if one.next_due is not None and one.next_due < statistics.at - _LATE]:
        text = f"{_missions(statistics.overdue)} should have gone on by now"
        yield Need(kind="overdue", text=text, count=statistics.overdue, mission_id=late[0].mission_id)
    if failing := [one.name for one in schedules if one.failing is not None]:
        noun = "schedule" if len(failing) == 1 else "schedules"
        text = f"{noun} cannot make the input of a mission: {', '.join(failing[:3])}"
        yield Need(kind="schedule", text=text, count=len(failing))


def _missions(count: int, *verbs: str) -> str:
    """Return what stands behind a number of missions: the noun, and its verb for one or for several."""
    return " ".join(["mission" if count == 1 else "missions", *(verbs[count != 1 :][:1])])


def _has_near_deadline(mission: MissionSummary, now: datetime) -> bool:
    wait = mission.next_wait
    return isinstance(wait, SignalWait) and wait.timeout_at is not None and now <= wait.timeout_at < now + _SOON
