"""Who guesses tokens has to wait."""

from __future__ import annotations

import time
from collections import OrderedDict

_FREE = 5
"""How many wrong tokens one address may send before it has to wait."""
_WAIT = 30.0
"""How many seconds it waits then, after each further one."""
_REMEMBERED = 1_000
"""How many addresses are remembered."""


class Attempts:
    """Counts the wrong tokens of each address."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """Return for how long an address may not try; 0 where it may."""
        count, last = self._wrong.get(address, (0, 0.0))
        return 0.0 if count < _FREE else max(0.0, last + _WAIT - time.monotonic())

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        count, _ = self._wrong.pop(address, (0, 0.0))
        self._wrong[address] = (count + 1, time.monotonic())
        while len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget an address."""
        self._wrong.pop(address, None)
