"""A mission whose history gets long goes on in another run, and nobody who asks it notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mission_control.core import MissionContext, MissionStatus, Signal, m
from mission_control.temporal import create_temporal_commander, create_temporal_worker
from mission_control.temporal.names import RECORDS
from temporal_opener import dev_server, new_namespace

counted = Signal("counted", int)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def add(ctx: MissionContext[int]) -> int:
    return ctx.received(counted)


async def is_enough(ctx: MissionContext[int]) -> bool:
    return ctx.output(add) + 1 == ctx.input


counting = (
    m.define("counting")
    .start(input=int, run=begin)
    .repeat("round", m.path().need_to(counted).step("add", add), until=is_enough, max_rounds=100)
    .end()
)


@pytest.fixture(scope="module")
def short_server() -> Iterator[str]:
    """A server that suggests another run after 60 events."""
    with dev_server("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60") as address:
        yield address


async def test_a_long_mission_goes_on_in_another_run(short_server: str) -> None:
    """Its history is whole, signals find it while it moves, and who waits for its end is told."""
    client = await new_namespace(short_server)
    async with (
        create_temporal_worker(client, definitions=[counting], task_queue="tests"),
        create_temporal_commander(client, definitions=[counting], task_queue="tests") as commander,
    ):
        handle = await commander.start(counting, 20, mission_id="long")
        first_run = (await client.get_workflow_handle("long").describe()).run_id
        ended = asyncio.create_task(handle.result())
        for number in range(20):
            await handle.signal(counted, number, key=f"k-{number}")
        snapshot = await ended

        assert snapshot.status is MissionStatus.COMPLETED
        last = await client.get_workflow_handle("long").describe()
        assert last.run_id != first_run
        inspection = await commander.inspect_mission("long")
        assert inspection is not None
        assert [record.seq for record in inspection.history] == list(range(1, len(inspection.history) + 1))
        assert [one.payload for one in inspection.signals] == list(range(20))
        recorded = await client.get_workflow_handle("long").query(RECORDS, 0)
        assert recorded == [record.to_dict(exact=True) for record in inspection.history]
        await handle.signal(counted, 3, key="k-3")  # a repeat, of an earlier run
