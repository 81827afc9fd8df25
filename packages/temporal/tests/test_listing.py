"""Lists of missions that went on in another run of their workflow."""

from __future__ import annotations

import asyncio

from temporalio.client import Client

from mission_control.core import MissionContext, MissionStatus, m
from mission_control.temporal import create_temporal_commander, create_temporal_worker


async def fail(ctx: MissionContext[str]) -> str:
    raise ValueError(ctx.input)


failing = m.define("failing").start(input=str, run=fail).end()


async def test_reopened_mission_is_listed_once_as_it_is(namespace: Client) -> None:
    """What it was before it went on is in no list and in no count."""
    async with (
        create_temporal_worker(namespace, definitions=[failing], task_queue="listing"),
        create_temporal_commander(namespace, definitions=[failing], task_queue="listing") as commander,
    ):
        for number in (1, 2):
            mission = await commander.start(failing, "no", mission_id=f"m-{number}", wait=False)
            assert (await mission.result()).status is MissionStatus.FAILED
        await commander.operations.skip_step("m-1", output="yes")
        mission = await commander.start(failing, "no", mission_id="m-1", if_exists="return")
        assert (await mission.result()).status is MissionStatus.COMPLETED

        async with asyncio.timeout(20):
            while {row.mission_id async for row in commander.iter_missions(status=MissionStatus.FAILED)} != {"m-2"}:
                await asyncio.sleep(0.1)
        everything = [row.mission_id async for row in commander.iter_missions()]
        counts = {count.status: count.count for count in (await commander.operations.statistics()).missions}

    assert sorted(everything) == ["m-1", "m-2"]
    assert counts == {MissionStatus.FAILED: 1, MissionStatus.COMPLETED: 1}
