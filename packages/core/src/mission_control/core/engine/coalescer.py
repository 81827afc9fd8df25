"""Reaching storage in batches: whatever gathers while the adapter is busy goes down, or comes up, in its next call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Generic

from typing_extensions import TypeVar

from ..errors import MissionControlError, PersistenceError
from ..foreign import described, must_pass
from .activity import Activity

Item = TypeVar("Item")
Caller = TypeVar("Caller")
Outcome = TypeVar("Outcome")

_MOST = 256
"""Members of one batch; more would make the first of them wait for the last."""

_TURN = 64
"""About how many outcomes are told in one turn of the loop. Missions that are told together go on in one batch again:
while the adapter writes what one turn led to, those of the other turns are worked on."""


class Coalescer(Generic[Item, Caller, Outcome]):
    """Hands items to `work` in batches, one batch at a time, and tells each outcome to the one who asked for it.

    `tell(caller, outcome)` is called on the loop, later. An idle coalescer begins at once. Where a batch fails, each
    of its members is told a `PersistenceError`.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Awaitable[Sequence[Outcome]]],
        tell: Callable[[Caller, Outcome | PersistenceError], None],
        activity: Activity,
    ) -> None:
        self._work = work
        self._tell = tell
        self._activity = activity
        self._items: list[Item] = []
        self._callers: list[Caller] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, item: Item, caller: Caller) -> None:
        """Hand `item` over, and tell `caller` what became of it."""
        self._items.append(item)
        self._callers.append(caller)
        if self._task is None:
            self._activity.enter()
            self._task = asyncio.get_running_loop().create_task(self._run())

    def cut(self, error: PersistenceError) -> None:
        """Hand nothing over any more: whoever still waits for a turn, or asks, is told `error`."""

        async def refuse(items: list[Item]) -> Sequence[Outcome]:
            raise error

        self._work = refuse

    async def drained(self) -> None:
        """Return when nothing is waiting and nothing is under way."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._items:
                callers, self._callers = deque(self._callers[:_MOST]), self._callers[_MOST:]
                await self._tell_all(callers, deque(await self._outcomes(self._batch())))
        finally:
            self._task = None
            self._activity.leave()

    def _batch(self) -> list[Item]:
        batch, self._items = self._items[:_MOST], self._items[_MOST:]
        return batch

    async def _tell_all(self, callers: deque[Caller], outcomes: deque[Outcome | PersistenceError]) -> None:
        turns = max(1, round(len(callers) / _TURN))
        most = ceil(len(callers) / turns)
        for number in range(1, len(callers) + 1):
            self._tell(callers.popleft(), outcomes.popleft())  # what was told is not kept until the last one is
            if number % most == 0 and callers:
                await asyncio.sleep(0)  # others on the loop get their turn

    async def _outcomes(self, items: list[Item]) -> Sequence[Outcome | PersistenceError]:
        try:
            outcomes = await self._work(items)
        except BaseException as error:
            if must_pass(error):
                raise
            return [as_persistence_error(error)] * len(items)
        if len(outcomes) != len(items):
            wrong = PersistenceError(
                f"the adapter returned {len(outcomes)} outcomes for a batch of {len(items)}, and has to return one for "
                f"each, in order: mend the adapter"
            )
            return [wrong] * len(items)
        return outcomes


def as_persistence_error(error: BaseException) -> PersistenceError:
    """Return what an adapter raised as the error that callers know."""
    if isinstance(error, PersistenceError):
        return error
    wrapped = PersistenceError(f"storage failed: {described(error)}")
    if isinstance(error, MissionControlError):
        wrapped = PersistenceError(str(error))
    wrapped.__cause__ = error
    return wrapped
