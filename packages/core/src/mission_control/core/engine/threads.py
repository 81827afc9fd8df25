"""Daemon threads for synchronous user code: they never keep the program from ending."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from ..foreign import carried

Work: TypeAlias = Callable[[], None]

_IDLE = 10.0
"""Seconds after which a thread without work ends."""


class Threads:
    """As many threads as there is work at once; a thread that has finished takes the next work."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Work]] = []

    def run(self, work: Work) -> None:
        """Run `work`, which must not raise, on a thread of its own."""
        try:
            self._idle.pop().put(work)
        except IndexError:
            queue: SimpleQueue[Work] = SimpleQueue()
            queue.put(work)
            threading.Thread(target=_serve, args=(queue, self._idle), name="mission-control-step", daemon=True).start()

    async def call(self, run: Callable[..., Any], *arguments: Any) -> Any:
        """Run synchronous code on a thread and return what it returns."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def work() -> None:
            value, error = None, None
            try:
                value = run(*arguments)
            except BaseException as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever asked
                loop.call_soon_threadsafe(_settle, answer, value, error)

        self.run(work)
        return await answer


def _settle(answer: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(carried(error))


def _serve(queue: SimpleQueue[Work], idle: list[SimpleQueue[Work]]) -> None:
    while True:
        try:
            work = queue.get(timeout=_IDLE)
        except Empty:
            try:
                idle.remove(queue)
            except ValueError:
                continue  # somebody has just picked this thread: its work is on the way
            return
        work()
        del work
        idle.append(queue)
