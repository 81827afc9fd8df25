"""The signals of a mission that came before their waits, which take them in the order in which they came.

A mission that keeps 1,000 signals must not copy them for each one, and yet a state that was handed out must not change.
So all versions share one book, as those of `Opened` do: what came and what was taken bears the number of its change,
and each version looks only at changes before its own end. Changing the newest version appends; changing an older one
copies what that one sees.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Any, NamedTuple

from .ledger import weigh


class KeptSignal(NamedTuple):
    """A signal that no wait has taken yet: the number of its record, what it is for, and its payload."""

    seq: int
    name: str
    """The bare name of the signal, or the instance of the one wait that may take it."""
    payload: Any


class _Queue:
    """The signals of one name in order, and the numbers of the changes in which each came, and was taken."""

    __slots__ = ("came", "signals", "taken")

    def __init__(self) -> None:
        self.signals: list[KeptSignal] = []
        self.came = array("Q")
        self.taken = array("Q")

    def seen(self, changes: int) -> list[KeptSignal]:
        """Return the signals that are there after so many changes: those that came first were taken first."""
        return self.signals[bisect_left(self.taken, changes) : bisect_left(self.came, changes)]

    def first(self, changes: int) -> KeptSignal | None:
        """Return the first of those; None where there is none."""
        first = bisect_left(self.taken, changes)
        return self.signals[first] if first < bisect_left(self.came, changes) else None


class _Book:
    """What all versions share, and the number of changes in it."""

    __slots__ = ("changes", "queues")

    def __init__(self) -> None:
        self.changes = 0
        self.queues: dict[str, _Queue] = {}


class Kept:  # noqa: PLW1641 - equal by what is in it, as a dictionary is
    """The signals that are kept for waits of a mission. Immutable."""

    __slots__ = ("_book", "_changes", "_size", "_weight")

    def __init__(self) -> None:
        self._book = _Book()
        self._changes = self._size = self._weight = 0

    def with_signal(self, signal: KeptSignal) -> Kept:
        """Return a version in which one more has come."""
        book = self._own()
        queue = book.queues.setdefault(signal.name, _Queue())
        queue.signals.append(signal)
        queue.came.append(book.changes)
        return self._changed(book, 1, signal)

    def without_first(self, name: str) -> Kept:
        """Return a version in which the first of a name was taken. Raises `LookupError` where there is none."""
        signal = self.first(name)
        if signal is None:
            raise LookupError(f"no signal is kept for {name!r}")
        book = self._own()
        book.queues[name].taken.append(book.changes)
        return self._changed(book, -1, signal)

    def first(self, name: str) -> KeptSignal | None:
        """Return the first of those kept under that name; None where there is none."""
        queue = self._book.queues.get(name)
        return None if queue is None else queue.first(self._changes)

    @property
    def weight(self) -> int:
        """About how many bytes the payloads take."""
        return self._weight

    def signals(self) -> list[KeptSignal]:
        """Return all of them, in the order in which they came."""
        queues = self._book.queues.values()
        return sorted(signal for queue in queues for signal in queue.seen(self._changes))

    def _own(self) -> _Book:
        """Return a book that has nothing but what this version sees: the shared one for the newest, else a copy."""
        if self._changes == self._book.changes:
            return self._book
        own = Kept()
        for signal in self.signals():
            own = own.with_signal(signal)
        return own._book

    def _changed(self, book: _Book, signals: int, signal: KeptSignal) -> Kept:
        """Return the version that sees all of a book, with the change that was just written to it."""
        book.changes += 1
        version = Kept.__new__(Kept)
        version._book, version._changes = book, book.changes
        version._size = self._size + signals
        version._weight = self._weight + signals * weigh(signal.payload)
        return version

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return self.signals() == other.signals() if isinstance(other, Kept) else NotImplemented

    def __repr__(self) -> str:
        return f"Kept({self.signals()!r})"
