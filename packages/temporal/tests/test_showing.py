"""What readers and lists see of a mission while its steps run: readers all of it, lists what lasts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from mission_control.core import Commander, MissionContext, MissionDefinition, m
from mission_control.temporal import create_temporal_commander, create_temporal_worker
from mission_control.temporal.forms import BEGINNING, Form
from mission_control.temporal.histories import last_named, read_history
from mission_control.temporal.names import RECORDS


async def work(ctx: MissionContext[int]) -> int:
    return 1


def lasting(until: asyncio.Event) -> MissionDefinition[Any]:
    async def last(ctx: MissionContext[int]) -> int:
        await until.wait()
        return 2

    return m.define("lasting").start(input=int, run=work).step("brief", work).step("long", last).end()


async def cursor(commander: Commander, mission_id: str) -> str | None:
    rows = [row for row in await commander.list_missions() if row.mission_id == mission_id]
    return rows[0].cursor if rows else None


async def test_lists_show_a_step_that_lasts(namespace: Client) -> None:
    """A second after it has begun, and readers see at once that it runs."""
    until = asyncio.Event()
    definition = lasting(until)
    async with (
        create_temporal_worker(namespace, definitions=[definition], task_queue="tests"),
        create_temporal_commander(namespace, definitions=[definition], task_queue="tests") as commander,
    ):
        handle = await commander.start(definition, 1, mission_id="m", wait=False)
        async with asyncio.timeout(20):
            while (await handle.snapshot()).cursor != "long":
                await asyncio.sleep(0.01)
            assert await read_history(namespace, "m") == await namespace.get_workflow_handle("m").query(RECORDS, 0)
            while await cursor(commander, "m") != "long":
                await asyncio.sleep(0.1)
        until.set()
        assert (await handle.wait_for_completion()).status == "completed"


async def test_a_step_that_ends_at_once_changes_no_row(namespace: Client) -> None:
    """The memo of a mission that does not rest changes once, at its end."""
    until = asyncio.Event()
    until.set()
    definition = lasting(until)
    async with (
        create_temporal_worker(namespace, definitions=[definition], task_queue="tests"),
        create_temporal_commander(namespace, definitions=[definition], task_queue="tests") as commander,
    ):
        await commander.start(definition, 1, mission_id="m")
        history = await namespace.get_workflow_handle("m").fetch_history()
    changes = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED]
    assert len(changes) == 1


async def test_a_caller_may_give_up_waiting_for_a_start(namespace: Client) -> None:
    """Without a worker it does not come to rest, and the caller's own timeout is what the caller gets."""
    definition = lasting(asyncio.Event())
    async with create_temporal_commander(namespace, definitions=[definition], task_queue="tests") as commander:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await commander.start(definition, 1, mission_id="m")
        assert await commander.get_mission("m") is not None


def test_what_is_named_once_more_is_not_the_last() -> None:
    """The place in the chain counts: an attempt that is tried again names what was long gone on from."""
    batches: dict[str, Form] = {
        BEGINNING: {"after": None},
        "2": {"after": BEGINNING},
        "1": {"after": BEGINNING},
        "3": {"after": "2"},
    }
    assert last_named(batches, {BEGINNING, "2", "3"}) == "3"
    assert last_named(batches, {BEGINNING}) == BEGINNING
