"""Tells open pages that something has changed: one look for all of them, and none while no page is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from mission_control.core import MissionControlError

LOOK_SECONDS: Final = 0.25
"""How long after a look the next one is."""
MOST_STREAMS: Final = 64
"""How many streams are open at once."""
_LIFETIME_SECONDS = 60.0
"""How long a stream is open before the browser opens another: so long does a server that stops wait at most."""
_CHANGED = b"event: changed\ndata:\n\n"
_ALIVE = b": alive\n\n"
_ALIVE_SECONDS = 15.0


class Changes:
    """Looks whether anything has changed, for as many streams as are open.

    `token` returns what differs whenever anything that a page shows has changed.
    """

    def __init__(self, token: Callable[[], Awaitable[object]]) -> None:
        self._token = token
        self._open: set[asyncio.Event] = set()
        self._looking: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def has_room(self) -> bool:
        """True where another stream may open."""
        return not self._is_closed and len(self._open) < MOST_STREAMS

    @property
    def is_looking(self) -> bool:
        """True while somebody looks."""
        return self._looking is not None and not self._looking.done()

    def close(self) -> None:
        """End all streams, so that a server can stop, and open no further one."""
        self._is_closed = True
        for changed in self._open:
            changed.set()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield one event at once, since what came before is unknown, and then one whenever something has changed.

        Ends at once where there is no room.
        """
        if not self.has_room:  # many may have been promised it in one moment
            return
        changed = asyncio.Event()
        self._open.add(changed)
        self._look()
        try:
            yield b"retry: 1000\n" + _CHANGED
            end = asyncio.get_running_loop().time() + _LIFETIME_SECONDS
            while not self._is_closed and asyncio.get_running_loop().time() < end:
                yield await _next(changed)
        finally:
            self._open.discard(changed)
            if not self._open and self._looking is not None:
                self._looking.cancel()

    def _look(self) -> None:
        if not self.is_looking:
            self._looking = asyncio.get_running_loop().create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        last = await self._seen()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            seen = await self._seen()
            if seen != last:
                last = seen
                for changed in self._open:
                    changed.set()

    async def _seen(self) -> object:
        try:
            return await self._token()
        except MissionControlError as error:  # a file that is gone is news too
            return type(error)


async def _next(changed: asyncio.Event) -> bytes:
    try:
        async with asyncio.timeout(_ALIVE_SECONDS):
            await changed.wait()
    except TimeoutError:
        return _ALIVE
    changed.clear()
    return _CHANGED
