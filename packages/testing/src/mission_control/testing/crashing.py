"""Ending a commander as the death of its process would, without ending the process."""

from __future__ import annotations

import asyncio
from typing import Any

from mission_control.core import Commander
from mission_control.core.commander import EmbeddedCommander

_orphans: set[asyncio.Task[Any]] = set()
"""User code of commanders that have crashed, until it ends, or its loop ends it: nobody else keeps it."""


async def crash(commander: Commander) -> None:
    """End `commander` as SIGKILL would end its process, and free its storage for the next one.

    From the call on nothing more is committed: an attempt that runs is found interrupted by the commander that opens
    the storage next. User code that runs is not told; it goes on as a request that is under way does, and what it
    returns is lost. Whoever waits for a mission gets `CommanderClosedError`, and closing the commander does nothing.

    It works for commanders that run missions in this process, on any storage and any clock, from inside a step too.
    Raises `TypeError` for others.
    """
    await end_as_killed(commander)


async def end_as_killed(commander: Commander) -> list[asyncio.Task[Any]]:
    """Do what `crash` does, and return the tasks of the user code that still runs."""
    if not isinstance(commander, EmbeddedCommander):
        raise TypeError(f"expected a commander that runs missions in this process, found {commander!r}")
    tasks = await commander.abandon()
    for task in tasks:
        _orphans.add(task)
        task.add_done_callback(_orphans.discard)
    return tasks
