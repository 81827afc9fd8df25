"""The payloads of a mission's events: a mapping that grows by one entry at a time and never forgets a version.

A mission of 5,000 steps must not copy 5,000 entries for each step, and yet a state that was handed out must not
change. So all versions of a ledger share one log, and each looks only at its own length of it. Adding to the
newest version appends; adding to an older one copies what that one sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from .records import EventRecord

_SPARE = 64
"""Entries beyond twice the needed ones that a log may have before what was replaced is left behind."""


class Ledger(Mapping[str, EventRecord]):
    """An immutable mapping of event names to what went in and came out, in order of first appearance."""

    __slots__ = ("_log", "_positions", "_size")

    def __init__(self) -> None:
        self._log: list[tuple[str, EventRecord | None]] = []
        self._positions: dict[str, list[int]] = {}
        self._size = 0

    def with_entry(self, name: str, entry: EventRecord | None) -> Ledger:
        """Return a ledger in which `name` has `entry`; None only marks the name as passed, as a sleep does."""
        log, positions = self._log, self._positions
        if self._size != len(log) or self._size > 2 * len(positions) + _SPARE:
            log, positions = self._copy()
        if name in positions:
            positions[name].append(len(log))
        else:
            positions[name] = [len(log)]
        log.append((name, entry))
        grown = Ledger.__new__(Ledger)
        grown._log, grown._positions, grown._size = log, positions, len(log)
        return grown

    @property
    def size(self) -> int:
        """How many entries the log has, replaced ones included."""
        return self._size

    def weight(self, first: int) -> int:
        """Return about how many bytes the payloads take that came with the entries from `first` on."""
        entries = (entry for _, entry in self._log[first : self._size] if entry is not None)
        return sum(_weigh(entry.input) + _weigh(entry.output) for entry in entries)

    def has_passed(self, name: str) -> bool:
        """True where the mission has been at `name`, a sleep included."""
        return self._find(name) is not None

    def _copy(self) -> tuple[list[tuple[str, EventRecord | None]], dict[str, list[int]]]:
        """Return a log of what this version sees, without what was replaced."""
        seen = dict(self._log[: self._size])
        return list(seen.items()), {name: [position] for position, name in enumerate(seen)}

    def _find(self, name: str) -> tuple[str, EventRecord | None] | None:
        for position in reversed(self._positions.get(name, ())):
            if position < self._size:
                return self._log[position]
        return None

    def __getitem__(self, name: str) -> EventRecord:
        found = self._find(name)
        if found is None or found[1] is None:
            raise KeyError(name)
        return found[1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, positions in list(self._positions.items()) if positions[0] < self._size and name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Ledger({dict(self)!r})"


def _weigh(value: object) -> int:
    if isinstance(value, str):
        return 64 + len(value)
    if isinstance(value, dict):
        return 64 + sum(64 + _weigh(item) for item in cast("dict[str, object]", value).values())
    if isinstance(value, list):
        return 64 + sum(_weigh(item) for item in cast("list[object]", value))
    return 0 if value is None else 32
