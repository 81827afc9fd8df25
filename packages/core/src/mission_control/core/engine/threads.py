"""Daemon threads for synchronous user code: they never keep the program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeAlias

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
