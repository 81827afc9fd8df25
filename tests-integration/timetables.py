"""A mission that schedules start, which ends when it is told to, and what came of the slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mission_control.core import Commander, MissionContext, MissionStatus, PassedOver, Schedule, ScheduleSummary, m

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    """Return the instant so many minutes after the epoch."""
    return EPOCH + minutes * MINUTE


async def run(ctx: MissionContext[int]) -> int:
    return ctx.input


quick = m.define("quick").start(input=int, run=run).end()
slow = m.define("slow").start(input=int, run=run).need_to("finish", str).end()


def every(minutes: float = 10, name: str = "s", **options: Any) -> Schedule[int]:
    """Return a schedule that fires every so many minutes, of missions that wait to be told to end."""
    return Schedule(
        name, options.pop("definition", slow), input=options.pop("input", 1), every=minutes * MINUTE, **options
    )


async def fired(commander: Commander, name: str = "s") -> list[float]:
    """Return the slots that have a mission, in minutes."""
    return [
        (one.slot - EPOCH) / MINUTE
        async for one in commander.iter_missions()
        if one.schedule == name and one.slot is not None
    ]


async def running(commander: Commander, name: str = "s") -> list[float]:
    """Return the slots whose missions have not ended, in minutes."""
    return [
        (one.slot - EPOCH) / MINUTE
        async for one in commander.iter_missions()
        if one.schedule == name and one.slot is not None and not one.status.is_terminal
    ]


async def statuses(commander: Commander) -> dict[str, MissionStatus]:
    """Return the status of each mission."""
    return {one.mission_id: one.status async for one in commander.iter_missions()}


async def summary(commander: Commander, name: str = "s") -> ScheduleSummary:
    """Return what is to be seen of a schedule."""
    (found,) = [one for one in await commander.schedules.list() if one.name == name]
    return found


async def passed(commander: Commander, name: str = "s") -> list[tuple[float, float, int, str]]:
    """Return what was passed over: the first and the last slot in minutes, how many, and why."""
    return [_in_minutes(one) for one in (await summary(commander, name)).passed_over]


def _in_minutes(one: PassedOver) -> tuple[float, float, int, str]:
    return (one.first - EPOCH) / MINUTE, (one.last - EPOCH) / MINUTE, one.count, one.reason


def slot_id(minutes: float, name: str = "s") -> str:
    """Return the id of a slot's mission."""
    return f"{name}@{at(minutes):%Y-%m-%dT%H:%M:%SZ}"


async def finish(commander: Commander, minutes: float, name: str = "s") -> None:
    """Let the mission of a slot come to its end."""
    mission = await commander.get_mission(slot_id(minutes, name))
    assert mission is not None
    await mission.signal("finish", "now")
    await commander.settled()
