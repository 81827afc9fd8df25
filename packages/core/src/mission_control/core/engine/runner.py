"""What user code needs to run, and what of it is running."""

from __future__ import annotations

import asyncio
import contextvars
from enum import Enum
from typing import Any, Protocol

from .activity import Activity
from .clock import Clock, RunningAttempt
from .observer import Tracer
from .sleeper import Deadlines
from .slots import Slots
from .threads import Threads


class Stop(Enum):
    """Why an attempt was told to stop."""

    TIMEOUT = "timed out"
    CANCEL = "cancelled"
    PATH = "stopped"
    CLOSE = "closed"


class Running(Protocol):
    """User code that was begun and has not ended."""

    @property
    def is_at_rest(self) -> bool:
        """True while it does nothing but wait for other missions."""
        ...

    def stop(self, reason: Stop) -> None:
        """Tell the code to stop, once; it is given up on after the grace."""
        ...

    def describe(self) -> RunningAttempt:
        """Return what a clock that moves time wants to know."""
        ...

    def orphan(self) -> asyncio.Task[Any] | None:
        """Let the code run on, untold: nothing comes of how it ends. Returns its task, where it has one."""
        ...


class Runner:
    """What attempts need to run: a clock and its deadlines, slots, threads, a context, and the activity they count for.

    User code starts from the context that the commander was made in, not from that of whoever happened to call:
    after a restart there would be no such caller.
    """

    def __init__(
        self,
        clock: Clock,
        deadlines: Deadlines,
        slots: Slots,
        activity: Activity,
        context: contextvars.Context,
        tracer: Tracer | None,
    ) -> None:
        self.clock = clock
        self.deadlines = deadlines
        self.slots = slots
        self.activity = activity
        self.threads: Threads = Threads()
        self.context = context
        self.tracer = tracer
        self.running: set[Running] = set()
        self.abandoned: set[Running] = set()
        """Those that were given up on, whose threads have not returned and hold no slot."""

    def abandon(self) -> list[asyncio.Task[Any]]:
        """Let all code run on without anybody who hears of it, and return its tasks, which nothing else keeps."""
        tasks = [attempt.orphan() for attempt in self.running]
        self.running.clear()
        return [task for task in tasks if task is not None]
