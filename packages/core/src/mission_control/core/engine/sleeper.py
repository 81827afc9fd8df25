"""Waiting for the earliest of many instants with one task."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

from ..foreign import must_pass
from ..log import ContainedLogger
from .activity import Activity
from .clock import Clock

logger: ContainedLogger = ContainedLogger("mission_control.alarm")

_BROKEN_CLOCK_SECONDS = 1.0
"""How long a clock that raises is left alone."""


class Sleeper:
    """One wait on the clock, which can be moved. `wake` is called when its instant has come."""

    def __init__(self, clock: Clock, activity: Activity, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._activity = activity
        self._wake = wake
        self._task: asyncio.Task[None] | None = None
        self._is_arming = False
        self.instant: datetime | None = None

    def set(self, instant: datetime | None) -> None:
        """Wait for `instant` instead of what was waited for; None to wait for nothing."""
        if instant == self.instant:
            return
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._armed()
        self.instant = instant
        if instant is not None:
            self._is_arming = True
            self._activity.enter()
            self._task = asyncio.get_running_loop().create_task(self._sleep(instant))

    def _armed(self) -> None:
        if self._is_arming:
            self._is_arming = False
            self._activity.leave()

    async def _sleep(self, instant: datetime) -> None:
        asyncio.get_running_loop().call_soon(self._armed)  # by then the clock knows of the wait
        task = asyncio.current_task()
        while self._task is task:
            try:
                await self._clock.sleep_until(instant)
                self._armed()
                self._task = self.instant = None
                self._wake()
            except BaseException as error:
                if must_pass(error):
                    raise
                logger.exception("the clock failed; trying again in %g s", _BROKEN_CLOCK_SECONDS)
                if self._task is None:
                    self._task, self.instant = task, instant
                await asyncio.sleep(_BROKEN_CLOCK_SECONDS)


class Deadlines:
    """Calls back at each of many instants, with one wait on the clock."""

    def __init__(self, clock: Clock, activity: Activity) -> None:
        self._clock = clock
        self._sleeper = Sleeper(clock, activity, self._expire)
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self._live: dict[int, tuple[datetime, int, Callable[[], None]]] = {}
        self._keys = count()

    @property
    def is_quiet(self) -> bool:
        """True where none has come that was not told."""
        instant = self._sleeper.instant
        return instant is None or instant > self._clock.now()

    def add(self, instant: datetime, expire: Callable[[], None]) -> int:
        """Call `expire` at `instant`, unless the returned key is removed before."""
        key = next(self._keys)
        entry = (instant, key, expire)
        self._live[key] = entry
        heapq.heappush(self._heap, entry)
        self._rearm()
        return key

    def remove(self, key: int) -> None:
        """Forget the deadline; nothing where it has passed."""
        self._live.pop(key, None)
        if len(self._heap) > 2 * len(self._live) + 64:
            self._heap = list(self._live.values())
            heapq.heapify(self._heap)

    def close(self) -> None:
        """Forget all deadlines."""
        self._live.clear()
        self._heap.clear()
        self._sleeper.set(None)

    def _rearm(self) -> None:
        while self._heap and self._heap[0][1] not in self._live:
            heapq.heappop(self._heap)
        self._sleeper.set(self._heap[0][0] if self._heap else None)

    def _expire(self) -> None:
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            _, key, expire = heapq.heappop(self._heap)
            if self._live.pop(key, None) is not None:
                expire()
        self._rearm()
