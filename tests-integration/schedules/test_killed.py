"""A process that fires schedules is killed at any moment: each slot starts once, or is on record (rule 55)."""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import Commander, MissionSummary, ScheduleSummary
from schedule_program import schedules

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

PROGRAM = Path(__file__).parent.with_name("schedule_program.py")
SECOND = timedelta(seconds=1)
ABOUT_A_COMMIT = 0.03
"""Seconds after a slot in which it is decided, mostly."""


async def live_and_die(database: Path, chance: random.Random) -> datetime:
    """Let a process fire until it is killed, at whatever moment or right after a slot; return when it was ready."""
    process = await asyncio.create_subprocess_exec(sys.executable, PROGRAM, str(database), stdout=PIPE)
    assert process.stdout is not None
    ready = datetime.fromisoformat((await process.stdout.readline()).decode().strip())
    fraction = chance.choice([chance.random(), chance.random() * ABOUT_A_COMMIT])
    await asyncio.sleep((fraction - datetime.now(UTC).microsecond / 1e6) % 1)
    process.kill()
    await process.communicate()
    return ready


async def decide_all(commander: Commander) -> datetime:
    """Have everything decided that was due, and return up to when."""
    for schedule in schedules:
        await commander.schedules.pause(schedule.name)  # passes over what waits
    now = datetime.now(UTC)
    for schedule in schedules:
        await commander.schedules.resume(schedule.name)  # passes over what came since
        await commander.schedules.pause(schedule.name)
    return now


def whole_seconds(since: datetime, until: datetime) -> list[datetime]:
    """Return the slots that lie between."""
    first = since.replace(microsecond=0) + SECOND
    return [first + number * SECOND for number in range((until - first) // SECOND + 1)]


def check(summary: ScheduleSummary, missions: Iterable[MissionSummary], slots: list[datetime]) -> Counter[str]:
    """Check that each slot has a mission or is passed over, and not both; return how many are, for which reason."""
    started = [one.slot for one in missions if one.schedule == summary.name and one.slot is not None]
    reasons = Counter({"started": len(started)})
    for entry in summary.passed_over:
        reasons[entry.reason] += entry.count
    passed = [slot for one in summary.passed_over for slot in whole_seconds(one.first - SECOND, one.last)]
    decided = Counter([*started, *passed])
    assert {slot: decided[slot] for slot in slots} == dict.fromkeys(slots, 1)
    assert set(decided.values()) == {1}
    return reasons


async def test_a_process_that_fires_is_killed(database_path: Path) -> None:
    """At random moments, many of them amid the commits of a slot: what is caught up starts, and nothing is lost."""
    chance = random.Random(55)
    lives = [await live_and_die(database_path, chance) for _ in range(6)]

    opened_at = datetime.now(UTC)
    async with SQLiteCommander(database_path=database_path, schedules=schedules) as commander:
        await commander.settled()
        slots = whole_seconds(lives[0], await decide_all(commander))
        missions = [one async for one in commander.iter_missions()]
        summaries = {one.name: one for one in await commander.schedules.list()}
    found = {name: check(one, missions, slots) for name, one in summaries.items()}

    assert set(found["skip"]) <= {"started", "overlap", "paused"}
    assert found["skip"]["overlap"] > 0
    assert set(found["queue"]) <= {"started", "overlap", "paused"}
    assert set(found["cancel"]) <= {"started", "replaced", "paused"}
    for name in ("latest", *(f"all-{number}" for number in range(5))):
        assert [one for one in summaries[name].passed_over if one.first <= opened_at] == []
        assert found[name]["started"] >= len(whole_seconds(lives[0], opened_at))
