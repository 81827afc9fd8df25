"""A result that a test hands over when it chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic

from typing_extensions import TypeVar

T = TypeVar("T", default=Any)


class Deferred(Generic[T]):
    """A future, and what settles it: the first call of `resolve` or `reject`; later ones do nothing.

    Both may be called from any thread. On the future's own loop they take effect at once, from elsewhere at the
    loop's next turn.
    """

    def __init__(self) -> None:
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def resolve(self, value: T) -> None:
        """Let whoever awaits `future` have `value`."""
        self._settle(lambda: self.future.set_result(value))

    def reject(self, error: BaseException) -> None:
        """Let whoever awaits `future` meet `error`."""
        self._settle(lambda: self.future.set_exception(error))

    def _settle(self, settlement: Callable[[], None]) -> None:
        def settle() -> None:
            if not self.future.done():
                settlement()

        loop = self.future.get_loop()
        if _running_loop() is loop:
            settle()
        else:
            loop.call_soon_threadsafe(settle)


def create_deferred() -> Deferred[T]:
    """Return a result that a test settles with `.resolve(value)` or `.reject(error)`, and code awaits as `.future`.

    `ready: Deferred[int] = create_deferred()` has its values checked. Raises `RuntimeError` outside an event loop.
    """
    return Deferred()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
