"""What the clients' written methods stand on: whom they ask, and the thread on which that is awaited."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from mission_control.core import MissionHandle, MissionSnapshot
from mission_control.core.commander import Missions
from mission_control.core.definition import I, seconds

from .background import BackgroundLoop

A = TypeVar("A")
T = TypeVar("T")

_BATCH = 100
"""Missions that are handed from the thread at once; each alone would take a change of threads."""


class Asking:
    """Asks for missions on the caller's own event loop."""

    def __init__(self, asked: Missions) -> None:
        self._asked = asked


class Waiting(Generic[A]):
    """Asks something of core's on the background thread, and waits for the answer."""

    __slots__ = ("_asked", "_background")

    def __init__(self, asked: A, background: BackgroundLoop) -> None:
        self._asked: A = asked
        self._background: BackgroundLoop = background

    def _ask(self, method: Callable[..., Coroutine[Any, Any, T]], /, *arguments: object, **options: object) -> T:
        return self._background.call(partial(method, *arguments, **options))

    def _each(self, method: Callable[..., AsyncIterator[T]], /, *arguments: object, **options: object) -> Iterator[T]:
        found = method(*arguments, **options)
        while True:
            batch = self._background.call(partial(_next_ones, found))
            yield from batch
            if len(batch) < _BATCH:
                return


async def _next_ones(found: AsyncIterator[T]) -> list[T]:
    batch: list[T] = []
    async for one in found:
        batch.append(one)
        if len(batch) == _BATCH:
            break
    return batch


class WaitingHandle(Waiting[MissionHandle[I]], Generic[I]):
    """What a handle for callers that wait has of its own."""

    __slots__ = ()

    def result(self, timeout: timedelta | float | None = None) -> MissionSnapshot:
        """Wait for the mission's end and return its state, however it ended.

        Where that takes more than `timeout`, in seconds or as a `timedelta`, it raises `TimeoutError` and leaves the
        mission running.
        """
        if timeout is None:
            return self._background.call(self._asked.result)
        limit = min(seconds(timeout, subject="timeout"), threading.TIMEOUT_MAX)
        try:
            return self._background.call(self._asked.result, timeout=limit)
        except TimeoutError:
            mission_id = self._asked.mission_id
            raise TimeoutError(f"mission {mission_id!r} has not ended within {limit:g} s; it goes on") from None

    def __repr__(self) -> str:
        return f"<BlockingMissionHandle {self._asked.mission_id!r} ({self._asked.mission_name})>"
