"""Missions of every construct, each brought to its end, whose workflows' histories are kept and replayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHistory

from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    NonRetryableError,
    Reminder,
    RetryPolicy,
    Signal,
    m,
)
from mission_control.temporal import create_temporal_commander, create_temporal_worker

approved = Signal("approved", str)
asked = Signal("asked", str)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def work(ctx: MissionContext[int]) -> str:
    return f"{ctx.step_name} of {ctx.input}"


async def undo(ctx: MissionContext[int]) -> None:
    await asyncio.sleep(0)


async def fail_once(ctx: MissionContext[int]) -> str:
    if ctx.attempt == 1:
        raise ConnectionError("not the first time")
    return "worked"


async def fail(ctx: MissionContext[int]) -> str:
    raise NonRetryableError("it cannot be")


async def slow(ctx: MissionContext[int]) -> str:
    await asyncio.sleep(30)
    return "late"


async def which(ctx: MissionContext[int]) -> str:
    return "odd" if ctx.input % 2 else "even"


async def items(ctx: MissionContext[int]) -> list[int]:
    return list(range(ctx.input))


async def is_enough(ctx: MissionContext[int]) -> bool:
    return (ctx.index or 0) >= 1


async def rename(ctx: MissionContext[int], name: str) -> str:
    return name.upper()


async def whom(ctx: MissionContext[int]) -> int:
    return ctx.input


SOON = timedelta(seconds=0.1)
linear = (
    m.define("linear")
    .update("rename", str, rename)
    .start(input=int, run=begin)
    .step("retried", fail_once, retry=RetryPolicy(max_attempts=3, initial_interval=0.1))
    .need_to(approved)
    .sleep("nap", SOON)
    .step("last", work)
    .end()
)
parallel = (
    m.define("parallel")
    .start(input=int, run=begin)
    .parallel(
        "both",
        {
            "a": m.path().step("one", work).step("two", work),
            "b": m.path().need_to(approved, early=True).step("one", work),
        },
    )
    .end()
)
race = (
    m.define("race")
    .start(input=int, run=begin)
    .race("first", {"fast": m.path().sleep("nap", SOON), "slow": m.path().step("slow", slow)})
    .step("last", work)
    .end()
)
branch = (
    m.define("branch")
    .start(input=int, run=begin)
    .branch("which", which, {"odd": m.path().step("one", work), "even": m.path().sleep("nap", SOON)})
    .end()
)
each = (
    m.define("each")
    .start(input=int, run=begin)
    .each("item", items, m.path().step("one", work), max_concurrency=2)
    .end()
)
repeat = (
    m.define("repeat")
    .start(input=int, run=begin)
    .repeat("round", m.path().step("one", work), until=is_enough, max_rounds=3)
    .end()
)
child = m.define("child").start(input=int, run=begin).need_to(approved).end()
parent = m.define("parent").start(input=int, run=begin).mission("kid", child, whom).step("last", work).end()
undoing = (
    m.define("undoing").start(input=int, run=begin, undo=undo).step("done", work, undo=undo).step("failing", fail).end()
)
cancelled = m.define("cancelled").start(input=int, run=begin, undo=undo).step("slow", slow).end()
reminded = (
    m.define("reminded")
    .start(input=int, run=begin)
    .need_to(asked, reminder=Reminder(work, every=timedelta(seconds=0.2), at_most=2), timeout=timedelta(seconds=1))
    .end()
)

DEFINITIONS: tuple[MissionDefinition[Any], ...] = (
    linear,
    parallel,
    race,
    branch,
    each,
    repeat,
    child,
    parent,
    undoing,
    cancelled,
    reminded,
)


async def bring_to_ends(client: Client) -> AsyncIterator[tuple[str, WorkflowHistory]]:
    """Run a mission of each definition to its end; yield the history of each workflow."""
    async with (
        create_temporal_worker(client, definitions=DEFINITIONS, task_queue="tests"),
        create_temporal_commander(client, definitions=DEFINITIONS, task_queue="tests") as commander,
    ):
        handles = [
            await commander.start(definition, 3, mission_id=definition.name, wait=False)
            for definition in DEFINITIONS
            if definition is not child
        ]
        await asyncio.gather(*(_end(commander, handle) for handle in handles))
        for name in (*(handle.mission_id for handle in handles), "parent/kid"):
            workflow = client.get_workflow_handle(name)
            await workflow.result()  # a while after the mission's end, where code that was stopped runs still
            yield name.replace("/", "_"), await workflow.fetch_history()


async def _end(commander: Commander, handle: MissionHandle[Any]) -> None:
    name = handle.mission_name
    if name == "linear":
        await commander.operations.pause_mission(name, by="an operator")
        await commander.operations.resume_mission(name)
    if name in ("linear", "parallel"):
        while (await handle.status()).value == "running" and name == "linear":
            await asyncio.sleep(0.05)
        await handle.signal(approved, "yes", key="once", by="somebody", wait=False)
    if name == "linear":
        await handle.update("rename", "b", key="twice")
    if name == "parent":
        await _signal_child(commander)
    if name == "cancelled":
        await asyncio.sleep(0.3)
        await handle.cancel("no need")
    while not (await handle.snapshot()).status.is_terminal:
        await asyncio.sleep(0.05)
    snapshot = await handle.result() if name in ("linear", "parallel") else None
    assert snapshot is None or snapshot.error is None


async def _signal_child(commander: Commander) -> None:
    while (kid := await commander.get_mission("parent/kid")) is None or (await kid.status()).value != "waiting":
        await asyncio.sleep(0.05)
    await kid.signal(approved, "yes")
