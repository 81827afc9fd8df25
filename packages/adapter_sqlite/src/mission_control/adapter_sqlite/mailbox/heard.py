"""What senders say of what has come, and when it is better to look for oneself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .came import Listed
from .place import REQUEST_ID

_AGAIN_SECONDS = 1.0
"""How long after something was taken by its name all is looked through."""
_MUCH = 2048
"""Where so many bytes were said at once, the bell may have been too full for more."""


class Heard:
    """The requests that were named since the last look; it calls `rung` when there is a reason for the next one.

    A bell that is full takes no word, and a sender that dies before it rings says none: so after something was named
    everything is looked through besides, before long.
    """

    def __init__(self, rung: Callable[[], None]) -> None:
        self._rung = rung
        self._named: list[Listed] | None = None
        self._again: asyncio.TimerHandle | None = None

    def hear(self, said: bytes) -> None:
        """Note what was said, an id a line."""
        names = [REQUEST_ID.fullmatch(line) for line in said.decode("latin-1").split("\n") if line]
        if self._named is None or None in names or not 0 < len(said) < _MUCH:
            self._named = None
        else:
            self._named += [(name[0], name["sender"]) for name in names if name is not None]
            if self._again is None and names:
                self._again = asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._look_again)
        self._rung()

    def _look_again(self) -> None:
        self._again = self._named = None
        self._rung()

    def named(self) -> list[Listed] | None:
        """Return what was named since this was asked for; None where everything has to be looked through."""
        named, self._named = self._named, []
        return named

    def lose(self) -> None:
        """Have everything looked through: what was named could not be taken."""
        self._named = None

    def close(self) -> None:
        """Call nobody any more."""
        if self._again is not None:
            self._again.cancel()
