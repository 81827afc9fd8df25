"""A worker process: it takes up one mission, and runs until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import MissionContext, m
from mission_control.runtime import CommanderRuntime, create_commander_runtime


def is_first(mark: str) -> bool:
    """Return whether no process was here before, and leave a mark."""
    is_new = not Path(mark).exists()
    Path(mark).touch()
    return is_new


def clean_up(mark: str) -> None:
    Path(mark).write_text("cleaned up", "utf-8")


async def work(ctx: MissionContext[str]) -> str:
    """Never end in the first process, and at once in the next."""
    if is_first(ctx.input):
        ctx.log.warning("working")
        try:
            await asyncio.Event().wait()
        finally:
            clean_up(ctx.input)
    ctx.log.warning("done")
    return "done"


labour = m.define("labour").start(input=str, run=lambda ctx: None).step("work", work).end()


async def main(database: str, mark: str) -> None:
    runtime = create_commander_runtime(
        definitions=[labour], persistence=create_sqlite_persistence_adapter(database), identity="worker"
    )
    runtime.set_next_tick_in(3600)
    await asyncio.gather(runtime.run_until_stopped(), take_up(runtime, mark))


async def take_up(runtime: CommanderRuntime, mark: str) -> None:
    await runtime.start()
    if await runtime.commander.get_mission("labour-1") is None:
        await runtime.commander.start(labour, mark, mission_id="labour-1", wait=False)


logging.basicConfig(level=logging.INFO, format="%(message)s")
asyncio.run(main(*sys.argv[1:]))
