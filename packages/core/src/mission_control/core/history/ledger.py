"""The payloads of a mission's events: a mapping that grows by one entry at a time and never forgets a version.

A mission of 5,000 steps must not copy 5,000 entries for each step, and yet a state that was handed out must not
change. So all versions of a ledger share one log, and each looks only at its own length of it. Adding to the
newest version appends; adding to an older one copies what that one sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast

from .records import EventRecord

_SPARE = 64
"""Entries beyond twice the needed ones that a log may have before what was replaced is left behind."""

_Line: TypeAlias = tuple[str, EventRecord | None, int]
"""A name, its entry, and where in the log the name's line before this one is."""

_NOWHERE = -1
_LEFT_BEHIND = -2
"""Where a name's line before is that was not copied."""


class Ledger(Mapping[str, EventRecord]):
    """An immutable mapping of event names to what went in and came out, in order of first appearance."""

    __slots__ = ("_latest", "_log", "_size")

    def __init__(self) -> None:
        self._log: list[_Line] = []
        self._latest: dict[str, int] = {}
        self._size = 0

    def with_entry(self, name: str, entry: EventRecord | None) -> Ledger:
        """Return a ledger in which `name` has `entry`; None only marks the name as passed, as a sleep does."""
        log, latest, size = self._log, self._latest, self._size
        if size != len(log) or size > 2 * len(latest) + _SPARE:
            log, latest = self._copy()
            size = len(log)
        log.append((name, entry, latest.get(name, _NOWHERE)))
        latest[name] = size
        grown = Ledger.__new__(Ledger)
        grown._log = log
        grown._latest = latest
        grown._size = size + 1
        return grown

    @property
    def size(self) -> int:
        """How many entries the log has, replaced ones included."""
        return self._size

    def weight(self, first: int) -> int:
        """Return about how many bytes the payloads take that came with the entries from `first` on."""
        entries = (entry for _, entry, _ in self._log[first : self._size] if entry is not None)
        return sum(weigh(entry.input) + weigh(entry.output) for entry in entries)

    def has_passed(self, name: str) -> bool:
        """True where the mission has been at `name`, a sleep included."""
        return self._find(name) is not None

    def has_replaced(self, name: str) -> bool:
        """True where the entry of `name` has taken the place of an earlier one."""
        line = self._find(name)
        return line is not None and line[2] != _NOWHERE

    def find(self, name: str) -> EventRecord | None:
        """Return what `get` does, and cost as little where there is nothing."""
        line = self._find(name)
        return None if line is None else line[1]

    def entries(self) -> list[tuple[str, EventRecord]]:
        """Return what `items` gives, all at once."""
        found = {name: entry for name, entry, _ in self._log[: self._size]}
        return [(name, entry) for name, entry in found.items() if entry is not None]

    def _copy(self) -> tuple[list[_Line], dict[str, int]]:
        """Return a log of what this version sees, without what was replaced."""
        seen = {name: (entry, before) for name, entry, before in self._log[: self._size]}
        log = [
            (name, entry, _NOWHERE if before == _NOWHERE else _LEFT_BEHIND) for name, (entry, before) in seen.items()
        ]
        return log, {name: position for position, name in enumerate(seen)}

    def _find(self, name: str) -> _Line | None:
        position = self._latest.get(name, _NOWHERE)
        while position >= self._size:
            position = self._log[position][2]
        return None if position == _NOWHERE else self._log[position]

    def __getitem__(self, name: str) -> EventRecord:
        entry = self.find(name)
        if entry is None:
            raise KeyError(name)
        return entry

    def __iter__(self) -> Iterator[str]:
        return (name for name in list(self._latest) if self.find(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Ledger({dict(self)!r})"


def weigh(value: object) -> int:
    """Return about how many bytes a payload takes."""
    if isinstance(value, str):
        return 64 + len(value)
    if isinstance(value, dict):
        return 64 + sum(64 + weigh(item) for item in cast("dict[str, object]", value).values())
    if isinstance(value, list):
        return 64 + sum(weigh(item) for item in cast("list[object]", value))
    return 0 if value is None else 32
