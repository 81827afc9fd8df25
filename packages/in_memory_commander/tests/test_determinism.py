"""Missions in memory on a fake clock are the same in every run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mission_control.core import MissionContext, RetryPolicy, m
from mission_control.in_memory_commander import InMemoryCommander
from mission_control.testing import FakeClock


async def story() -> list[dict[str, Any]]:
    """Run a few missions through a retry, a sleep and a signal, and return all there is to see of them."""

    async def shaky(ctx: MissionContext[int]) -> int:
        if ctx.attempt == 1:
            raise ConnectionError("not yet")
        return ctx.input

    definition = (
        m.define("story")
        .start(input=int, run=lambda ctx: None)
        .step("shaky", shaky, retry=RetryPolicy(max_attempts=2, initial_interval=5))
        .sleep("night", timedelta(hours=8))
        .need_to("wake", str, timeout=timedelta(days=1))
        .end()
    )
    clock = FakeClock()
    async with InMemoryCommander(definitions=[definition], clock=clock) as commander:
        missions = [await commander.start(definition, number, wait=False) for number in range(3)]
        await clock.advance(timedelta(hours=9))
        await missions[0].signal("wake", "good morning")
        await clock.advance(timedelta(days=2))
        return [(await mission.inspect()).to_dict() for mission in missions]


async def test_two_runs_give_equal_inspections() -> None:
    """Ids and times come out the same, so whole inspections may be compared."""
    first, second = await story(), await story()

    assert first == second
    assert [one["snapshot"]["mission_id"] for one in first] == ["mission-1", "mission-2", "mission-3"]
    assert [one["snapshot"]["status"] for one in first] == ["completed", "failed", "failed"]
