"""The keys of the signals and updates of a mission, and the record that bears each of them.

A key is used once and for all. So all versions share one book, as those of a `Ledger` do, and each looks only at its
own length of it. Using a key in the newest version appends; in an older one that copies what it sees.
"""

from __future__ import annotations

from itertools import islice
from typing import TypeAlias

from .ledger import weigh
from .records import HistoryRecord

_Use: TypeAlias = tuple[int, HistoryRecord]
"""How many keys were used before, and the record that bears this one."""


class UsedKeys:  # noqa: PLW1641 - equal by what is in it, as a dictionary is
    """The keys that a mission's history has, in order of use. Immutable."""

    __slots__ = ("_book", "_size", "weight")

    def __init__(self) -> None:
        self._book: dict[str, _Use] = {}
        self._size = 0
        self.weight: int = 0
        """About how many bytes the keys take, and the records that bear them."""

    def with_key(self, key: str, record: HistoryRecord) -> UsedKeys:
        """Return a version in which `record` bears `key`. Raises `ValueError` where another one does."""
        if self.find(key) is not None:
            raise ValueError(f"the key {key!r} is used already")
        used = UsedKeys.__new__(UsedKeys)
        used._book = self._book if self._size == len(self._book) else dict(self._seen())
        used._book[key] = (self._size, record)
        used._size = self._size + 1
        used.weight = self.weight + weigh(key) + weigh(record.details)
        return used

    def find(self, key: str) -> HistoryRecord | None:
        """Return the record that bears a key; None where it was not used."""
        use = self._book.get(key)
        return None if use is None or use[0] >= self._size else use[1]

    def _seen(self) -> islice[tuple[str, _Use]]:
        return islice(self._book.items(), self._size)

    def __eq__(self, other: object) -> bool:
        return dict(self._seen()) == dict(other._seen()) if isinstance(other, UsedKeys) else NotImplemented

    def __repr__(self) -> str:
        return f"UsedKeys({ {key: record for key, (_, record) in self._seen()}!r})"
