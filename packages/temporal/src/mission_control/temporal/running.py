"""Runs user code in an activity, as an attempt of core's: with its timeout, its thread, its grace."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

from temporalio import activity

from mission_control.core.definition import UpdateHandler, Work
from mission_control.core.engine import Activity, Attempt, Code, Deadlines, Runner, Slots, Stop, SystemClock, steady
from mission_control.core.machine import State

HEARTBEAT = 1.0
"""Seconds between two signs of life."""


class Flown:
    """The mission that code runs for; it has its slot of the worker until it ends."""

    def __init__(self, state: State) -> None:
        self.mission_id: str = state.mission_id
        self.labels: dict[str, object] = {"mission_id": state.mission_id, "mission_name": state.mission_name}

    def lent(self, attempt: Attempt[Any], /) -> None:
        """Nothing: only a commander that runs missions itself lends slots."""

    def reclaimed(self, attempt: Attempt[Any], /) -> None:
        """Nothing, as above."""

    def rest_changed(self, attempt: Attempt[Any], /) -> None:
        """Nothing, as above."""


class Running:
    """What the user code of one worker needs to run."""

    def __init__(self, max_concurrency: int) -> None:
        self.activity: Activity = Activity()
        clock = steady(SystemClock())
        self._deadlines = Deadlines(clock, self.activity)
        self.runner: Runner = Runner(
            clock, self._deadlines, Slots(max_concurrency), self.activity, contextvars.copy_context(), None
        )

    def now(self) -> datetime:
        """Return what time it is, for code that runs."""
        return self.runner.clock.now()

    async def run(
        self,
        state: State,
        work: Work | UpdateHandler,
        code: Code,
        name: str,
        number: int | None,
        *arguments: object,
    ) -> Attempt[Flown]:
        """Run code in the activity that asks, and return the attempt when it has ended, however that is.

        Raises `CancelledError` where the mission wants nothing of it any more: its code has been told, and has ended.
        """
        ended = asyncio.get_running_loop().create_future()
        attempt: Attempt[Flown] = Attempt(self.runner, Flown(state), code, name, number, ended.set_result)
        attempt.begin(work.run, arguments, is_async=work.is_async)
        async with _signs_of_life():
            try:
                await asyncio.shield(ended)
            except asyncio.CancelledError:
                is_closing = activity.is_worker_shutdown()
                attempt.stop(Stop.CLOSE if is_closing else Stop.CANCEL)
                await ended
                if not is_closing:
                    raise
        return attempt

    def close(self) -> None:
        """Forget the deadlines of code that was given up on."""
        self._deadlines.close()


@contextlib.asynccontextmanager
async def _signs_of_life() -> AsyncGenerator[None]:
    """Tell the server once a second that the code runs, which is also how it hears that it is to stop."""
    task = asyncio.create_task(_beat())
    try:
        yield
    finally:
        task.cancel()


async def _beat() -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)  # its beginning was a sign of life
        activity.heartbeat()
