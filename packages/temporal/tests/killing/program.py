"""A worker process that tests kill: `program.py ADDRESS NAMESPACE SET`, where SET names what it can run.

The input of each mission is a folder. Steps say there when they begin and end, and those that hold wait for as long as
there is a file named `hold`: a process that is killed meanwhile leaves them running.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from temporalio.client import Client

from mission_control.core import (
    MissionBuilder,
    MissionContext,
    MissionDefinition,
    MissionPath,
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.temporal import run_temporal_worker

QUEUE = "killing"


def note(ctx: MissionContext[str], what: str) -> None:
    """Add a line to the ledger of a folder; lines of several processes do not mix."""
    ledger = os.open(Path(ctx.input) / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, f"{what} {os.getpid()} {ctx.mission_id} {ctx.step_name}\n".encode())
    os.close(ledger)


def is_held(ctx: MissionContext[str]) -> bool:
    return (Path(ctx.input) / "hold").exists()


async def work(ctx: MissionContext[str]) -> str:
    note(ctx, "began")
    await asyncio.sleep(0.01)
    note(ctx, "ended")
    return str(ctx.step_name)


async def hold(ctx: MissionContext[str]) -> str:
    note(ctx, "began")
    while is_held(ctx):
        await asyncio.sleep(0.02)
    note(ctx, "ended")
    return str(ctx.step_name)


def hold_thread(ctx: MissionContext[str]) -> str:
    note(ctx, "began")
    while is_held(ctx):
        time.sleep(0.02)
    note(ctx, "ended")
    return str(ctx.step_name)


async def hold_update(ctx: MissionContext[str], number: int) -> int:
    await hold(ctx)
    return number + 1


async def fail(ctx: MissionContext[str]) -> str:
    note(ctx, "began")
    raise ValueError("it cannot be done")


async def left(ctx: MissionContext[str]) -> str:
    await hold(ctx)
    return "left"


async def straight(ctx: MissionContext[str]) -> str:
    await work(ctx)
    return "left"


async def five(ctx: MissionContext[str]) -> list[int]:
    await work(ctx)
    return [1, 2, 3, 4, 5]


async def is_second(ctx: MissionContext[str]) -> bool:
    await work(ctx)
    return ctx.index == 1


async def large(ctx: MissionContext[str]) -> str:
    note(ctx, "began")
    return "x" * 3_000_000


async def half_a_megabyte(ctx: MissionContext[str]) -> str:
    note(ctx, "began")
    return "x" * 500_000


async def megabyte(ctx: MissionContext[str]) -> str:
    note(ctx, "began")
    return "x" * 1_500_000


def flow(name: str) -> MissionBuilder[str]:
    return m.define(name).start(input=str, run=work)


def path() -> MissionPath[Any]:
    return m.path()


def folder(ctx: MissionContext[str]) -> str:
    return ctx.input


child = flow("child").step("held", hold).step("after", work).end()

CONSTRUCTS: tuple[MissionDefinition[str], ...] = (
    m.define("start").start(input=str, run=hold).step("after", work).end(),
    flow("step").step("before", work).step("held", hold).step("after", work).end(),
    flow("thread").step("held", hold_thread).step("after", work).end(),
    flow("wait").need_to("go", str).step("after", work).end(),
    flow("deadline").need_to("never", str, timeout=0.1, on_timeout=path().step("held", hold)).step("after", work).end(),
    flow("reminder").need_to("go", str, reminder=Reminder(hold, 0.1, at_most=1)).step("after", work).end(),
    flow("parallel")
    .parallel(
        "all",
        {
            "async": path().step("before", work).step("held", hold).step("after", work),
            "thread": path().step("held", hold_thread),
            "wait": path().need_to("go", str).step("after", work),
            "nap": path().sleep("nap", 2),  # without a step: it may fire before the kill, and after it
        },
    )
    .step("after", work)
    .end(),
    flow("race")
    .race("first", {"held": path().step("held", hold), "wait": path().need_to("go", str)})
    .step("after", work)
    .end(),
    flow("choice").branch("kind", left, {"left": path().step("then", work)}).step("after", work).end(),
    flow("branch").branch("kind", straight, {"left": path().step("held", hold)}).end(),
    flow("each")
    .each("items", five, path().step("before", work).step("held", hold).step("after", work), max_concurrency=3)
    .step("after", work)
    .end(),
    flow("repeat")
    .repeat("rounds", path().step("before", work).step("held", hold), until=is_second, every=0.2)
    .step("after", work)
    .end(),
    flow("parent").mission("child", child, folder).step("after", work).end(),
    flow("undo").step("done", work, undo=hold).step("before", work, undo=work).step("fails", fail).end(),
    flow("cancel").step("done", work, undo=hold).need_to("never", str).end(),
    flow("sleep").sleep("nap", 3).step("after", work).end(),
)
"""A mission for each construct, each killed in it; the last one does not wait for that."""

updated = m.define("updated").update("more", int, hold_update).start(input=str, run=work).need_to("go", str).end()
parked = flow("parked").step("first", work).need_to("go", str).step("then", work)
long = parked.step("more", work).end()
"""As `short`, with a step behind what was its end."""
short = parked.end()
moved = flow("parked").step("first", work).need_to("gone", str).step("then", work).end()
"""Without the wait in which missions of `short` stand."""
other = flow("other").step("work", work).end()
line = flow("line").step("one", work).step("two", work).step("three", work).end()
held = flow("held").step("held", hold).step("after", work).end()
swapped = flow("held").step("after", work).end()
"""Without the step in which missions of `held` stand."""
frail = flow("frail").step("held", hold, retry=RetryPolicy(max_interruptions=1)).end()
oversized = flow("oversized").step("large", large).end()
heavy = flow("heavy").step("one", half_a_megabyte).step("two", half_a_megabyte).step("three", half_a_megabyte).end()
heavier = (
    flow("heavier").step("one", megabyte).step("two", megabyte).step("three", megabyte).step("four", megabyte).end()
)

SETS: dict[str, Iterable[MissionDefinition[str]]] = {
    "all": (*CONSTRUCTS, updated, short, other, line, held, frail, oversized, heavy, heavier),
    "long": (long,),
    "moved": (moved, swapped),
    "other": (other,),
}


async def main(address: str, namespace: str, name: str) -> None:
    client = await Client.connect(address, namespace=namespace)
    await run_temporal_worker(client, definitions=SETS[name], task_queue=QUEUE)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(levelname)s %(name)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
    logging.shutdown()
    os._exit(0)  # the SDK's own threads can abort an interpreter that they find ending: temporalio/sdk-python#300
