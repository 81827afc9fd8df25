"""What storage in memory remembers for the sake of missions that are deleted: who names a definition, and their places.

It holds what it says of missions as text and numbers alone: a mission that was deleted is in memory no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from .memory_stored import Named

_REMEMBERED = timedelta(days=1)
"""How long it is known where a mission stood that was deleted."""


@attrs.define(eq=False, repr=False)
class Definitions:
    """The definitions that missions name, by fingerprint, in the order in which they came."""

    kept: dict[str, Named] = attrs.field(factory=dict[str, Named])
    _uses: Counter[str] = attrs.field(factory=Counter[str])

    def name(self, definition: Named) -> None:
        """Keep the form that came first for one mission more."""
        self.kept.setdefault(definition.fingerprint, definition)
        self._uses[definition.fingerprint] += 1

    def release(self, fingerprints: Iterable[str]) -> None:
        """Keep each for one mission less."""
        for fingerprint in fingerprints:
            self._uses[fingerprint] -= 1
            if not self._uses[fingerprint]:
                del self._uses[fingerprint], self.kept[fingerprint]


@attrs.frozen(eq=False, repr=False)
class _Gone:
    number: int
    ended_at: datetime | None
    at: datetime


@attrs.define(eq=False, repr=False)
class Purged:
    """Where missions stood that were deleted within the last day."""

    _gone: dict[str, _Gone] = attrs.field(factory=dict[str, _Gone])

    def add(self, mission_id: str, number: int, ended_at: datetime | None, now: datetime) -> None:
        """Remember one, and forget what is too old: what was deleted first comes first."""
        self._gone.pop(mission_id, None)
        self._gone[mission_id] = _Gone(number, ended_at, now)
        while self._gone[oldest := next(iter(self._gone))].at < now - _REMEMBERED:
            del self._gone[oldest]

    def number(self, mission_id: str) -> int | None:
        """Return where it stood in the order of creation, if it is known."""
        gone = self._gone.get(mission_id)
        return None if gone is None else gone.number

    def ended_at(self, mission_id: str) -> datetime | None:
        """Return when it ended, if it is known."""
        gone = self._gone.get(mission_id)
        return None if gone is None else gone.ended_at
