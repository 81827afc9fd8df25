"""Going through all missions without holding up the event loop, or having more than a page of them in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

PAGE = 128

_LONGEST = 0.01
"""Seconds after which others on the loop get their turn."""


class HasMissionId(Protocol):
    """What storage returns pages of."""

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        ...


M = TypeVar("M", bound=HasMissionId)


class Turns:
    """Gives others their turn where one has had the loop for long."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def taken(self) -> None:
        """Return at once, or when others have had their turn."""
        if time.perf_counter() - self._since > _LONGEST:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


async def paged(fetch: Callable[[str | None], Awaitable[Sequence[M]]], size: int = PAGE) -> AsyncIterator[Sequence[M]]:
    """Yield page after page, of `size` each, of what `fetch(after)` returns."""
    after: str | None = None
    while True:
        page = await fetch(after)
        if page:
            yield page
            after = page[-1].mission_id
        if len(page) < size:
            return
