"""The storage under test: opening it, opening it again, and a loop to do so on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from mission_control.core.storage import PersistenceAdapter

AdapterFactory: TypeAlias = Callable[[], PersistenceAdapter]
"""Returns an adapter, not yet bootstrapped; each one over the same storage."""

C = TypeVar("C")


class Storage:
    """One test's storage. Whatever was opened and not given up is closed when the test ends."""

    def __init__(self, factory: AdapterFactory) -> None:
        self.create: AdapterFactory = factory
        self._open: list[PersistenceAdapter] = []

    async def open(self) -> PersistenceAdapter:
        """Return another adapter, bootstrapped."""
        adapter = self.create()
        await adapter.bootstrap()
        self._open.append(adapter)
        return adapter

    async def close(self, adapter: PersistenceAdapter) -> None:
        """Close an adapter that `open` returned."""
        self._open.remove(adapter)
        await adapter.close()

    async def reopen(self, adapter: PersistenceAdapter) -> PersistenceAdapter:
        """Close `adapter` and return another over the same storage."""
        await self.close(adapter)
        return await self.open()

    async def close_all(self) -> None:
        """Close what is still open."""
        while self._open:
            await self._open.pop().close()


def run(work: Awaitable[None]) -> None:
    """Run `work` on a loop of its own, leaving the thread's current loop alone."""

    async def call() -> None:
        await work

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(call())


def contract(body: Callable[[C, Storage], Awaitable[None]]) -> Callable[[C, AdapterFactory], None]:
    """Turn a coroutine function over a `Storage` into a plain test that takes the fixture `adapter_factory`."""

    async def use(self: C, storage: Storage) -> None:
        try:
            await body(self, storage)
        finally:
            await storage.close_all()

    def test(self: C, adapter_factory: AdapterFactory) -> None:
        run(use(self, Storage(adapter_factory)))

    return _named_like(test, body)


def _named_like(test: Callable[[C, AdapterFactory], None], body: Any) -> Callable[[C, AdapterFactory], None]:
    # functools.wraps would have pytest read the fixtures off the body's signature
    test.__name__, test.__qualname__ = body.__name__, body.__qualname__
    test.__doc__, test.__module__ = body.__doc__, body.__module__
    return test
