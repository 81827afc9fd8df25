"""How much is going on: a count that says when everything has come to rest."""

from __future__ import annotations

import asyncio


class Activity:
    """Counts what is under way; `wait` returns whenever something that was under way has ended."""

    __slots__ = ("_count", "_waiters")

    def __init__(self) -> None:
        self._count = 0
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def is_idle(self) -> bool:
        """True where nothing is under way."""
        return self._count == 0

    def enter(self) -> None:
        """Say that something has begun."""
        self._count += 1

    def leave(self) -> None:
        """Say that something has ended."""
        self._count -= 1
        if self._count == 0 and self._waiters:
            self.notify()

    def notify(self) -> None:
        """Let all who wait look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def change(self) -> None:
        """Return when the count has come down to nothing once more, or somebody said `notify`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()
