"""The process that tests of schedules kill: `schedule_program.py DATABASE` fires schedules each second.

It says when it is ready. There is a schedule of each policy, whose missions take longer than a second, and several that
let missions run beside one another, so that there is always something to kill.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionContext, Schedule, m


async def note(ctx: MissionContext[str]) -> str:
    return ctx.input


def slot_text(slot: datetime) -> str:
    return slot.isoformat()


nap = m.define("nap").start(input=str, run=note).sleep("nap", 1.3).step("note", note).end()
schedules = [
    Schedule("skip", nap, input=slot_text, every=1, overlap="skip"),
    Schedule("queue", nap, input=slot_text, every=1, overlap="queue", catch_up=timedelta(hours=1)),
    Schedule("cancel", nap, input="one", every=1, overlap="cancel", catch_up=timedelta(hours=1)),
    Schedule("latest", nap, input="one", every=1, overlap="allow"),
    *(Schedule(f"all-{number}", nap, input="one", every=1, overlap="allow", catch_up=3600) for number in range(5)),
]


async def fire(database: Path) -> None:
    async with SQLiteCommander(database_path=database, schedules=schedules):
        sys.stdout.write(f"{datetime.now(UTC).isoformat()}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(fire(Path(sys.argv[1])))
