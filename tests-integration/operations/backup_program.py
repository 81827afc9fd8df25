"""A process that has a database and is killed: `backup_program.py <what> <database> <copy>`."""

from __future__ import annotations

# ruff: noqa: T201 - it says to whoever started it how far it is
import asyncio
import resource
import sys
from datetime import UTC, datetime

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import MissionContext, PersistenceError, create_commander, m


def give(ctx: MissionContext[int]) -> str:
    return "x" * 2_000


ONE = m.define("one").start(input=int, run=give).end()
PARKED = m.define("parked").start(input=int, run=give).need_to("go", str).end()


async def back_up(database: str, copy: str) -> None:
    """Copy the database until somebody kills this process."""
    adapter = create_sqlite_persistence_adapter(database)
    async with create_commander(definitions=[ONE, PARKED], persistence=adapter) as commander:
        print("ready", flush=True)
        for number in range(1_000):
            await commander.operations.backup(f"{copy}-{number}")


async def fill_the_disk(database: str, copy: str) -> None:
    """Copy the database to where there is no room for it, and say what came of it, and that missions go on."""
    adapter = create_sqlite_persistence_adapter(database)
    async with create_commander(definitions=[ONE, PARKED], persistence=adapter) as commander:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most))
        try:
            await commander.operations.backup(copy)
        except PersistenceError as error:
            print(error, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        await commander.start(ONE, 1, mission_id="after")
        await commander.operations.backup(copy)


async def purge(database: str, _: str) -> None:
    """Delete all that has ended, until somebody kills this process."""
    adapter = create_sqlite_persistence_adapter(database)
    async with create_commander(definitions=[ONE, PARKED], persistence=adapter) as commander:
        print("ready", flush=True)
        await commander.operations.purge_missions(ended_before=datetime.now(UTC))
        print("done", flush=True)
        await asyncio.Event().wait()


PROGRAMS = {"back_up": back_up, "fill_the_disk": fill_the_disk, "purge": purge}

if __name__ == "__main__":
    asyncio.run(PROGRAMS[sys.argv[1]](*sys.argv[2:]))
