"""How much user code may run at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Slots:
    """A fixed number of slots, handed out in the order in which they were asked for."""

    __slots__ = ("_waiting", "free")

    def __init__(self, limit: int) -> None:
        self.free: int = limit
        """How many could be taken now."""
        self._waiting: deque[Callable[[], bool]] = deque()

    def are_wanted(self, *, beside: int) -> bool:
        """True where more wait for one than so many."""
        return len(self._waiting) > beside

    def take(self) -> bool:
        """Take a slot if one is free."""
        if self.free <= 0:
            return False
        self.free -= 1
        return True

    def request(self, grant: Callable[[], bool]) -> None:
        """Call `grant` once a slot is given back; it returns False where the slot is not wanted any more."""
        self._waiting.append(grant)

    def give_back(self) -> None:
        """Give a slot back; the first that waits for one gets it."""
        while self._waiting:
            if self._waiting.popleft()():
                return
        self.free += 1

    async def acquire(self) -> None:
        """Wait for a slot and take it."""
        if self.take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(lambda: _resolve(turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise


def _resolve(turn: asyncio.Future[None]) -> bool:
    if turn.done():
        return False
    turn.set_result(None)
    return True
