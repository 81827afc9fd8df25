"""Which constructs of a mission have opened paths, how many of those have begun, and how each of them ended.

A mission of 100,000 items must not copy what it knows of them for each one, and yet a state that was handed out must
not change. So all versions share one book, as those of a `Ledger` do: what happened bears the number of its change,
and each version looks only at changes before its own end. Changing the newest version appends; changing an older one
copies what that one sees. An item costs its text, an entry of a dictionary, and two numbers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Literal, TypeAlias

from .records import MissionFailure

ConstructKind: TypeAlias = Literal["parallel", "race", "each"]
PathStatus: TypeAlias = Literal["completed", "failed", "stopped"]
Construct: TypeAlias = tuple[ConstructKind, tuple[str, ...] | None, int]
"""What it is, the names of its paths in order (None for an `each`), and how many paths or items it has."""
PathEnd: TypeAlias = tuple[PathStatus, MissionFailure | None]

_STATUSES: tuple[PathStatus, ...] = ("completed", "failed", "stopped")
_WITHOUT_ERROR: tuple[PathEnd, ...] = tuple((status, None) for status in _STATUSES)


class _Entry:
    """A construct, the number of the change that opened it, and those of the changes in which its paths began."""

    __slots__ = ("begun", "change", "construct")

    def __init__(self, construct: Construct, change: int, begun: array[int]) -> None:
        self.construct = construct
        self.change = change
        self.begun = begun


class _Book:
    """What all versions share, and the number of changes in it.

    `ends` has, for the text of a path, the number of its change times three, and which of the statuses it is.
    """

    __slots__ = ("changes", "constructs", "ends", "entries", "errors")

    def __init__(self, changes: int = 0) -> None:
        self.changes = changes
        self.entries: dict[str, _Entry] = {}
        self.constructs: dict[Construct, Construct] = {}
        self.ends: dict[str, int] = {}
        self.errors: dict[str, MissionFailure] = {}

    def upto(self, changes: int) -> _Book:
        """Return a book of its own with the first `changes` of this one."""
        book = _Book(changes)
        book.constructs = dict(self.constructs)
        book.ends = {text: end for text, end in self.ends.items() if end < changes * len(_STATUSES)}
        book.errors = {text: error for text, error in self.errors.items() if text in book.ends}
        for instance, entry in self.entries.items():
            if entry.change < changes:
                begun = entry.begun[: bisect_left(entry.begun, changes)]
                book.entries[instance] = _Entry(entry.construct, entry.change, begun)
        return book


class Opened:  # noqa: PLW1641 - equal by what is in it, as a dictionary is
    """The constructs of a mission that have opened paths, by instance name, and how those paths ended. Immutable."""

    __slots__ = ("_book", "_changes")

    def __init__(self) -> None:
        self._book = _Book()
        self._changes = 0

    def with_construct(self, instance: str, kind: ConstructKind, names: tuple[str, ...] | None, count: int) -> Opened:
        """Return a version in which a construct has opened `count` paths, none of which has begun.

        `names` are those of the paths in order, None for the items of an `each`. Raises `ValueError` where it has
        opened them before.
        """
        if self.construct(instance) is not None:
            raise ValueError(f"{instance!r} has opened its paths before")
        book = self._own()
        construct = (kind, names, count)
        construct = book.constructs.setdefault(construct, construct)
        book.entries[instance] = _Entry(construct, book.changes, array("Q"))
        return self._grown(book)

    def with_begun(self, instance: str) -> Opened:
        """Return a version in which one more path or item of a construct has begun: they begin in order.

        Raises `ValueError` where the construct has not opened any, or where all of them have begun.
        """
        construct = self.construct(instance)
        if construct is None or self.begun(instance) >= construct[2]:
            raise ValueError(f"{instance!r} has no path or item that could begin")
        book = self._own()
        book.entries[instance].begun.append(book.changes)
        return self._grown(book)

    def with_end(self, path: str, status: PathStatus, error: MissionFailure | None = None) -> Opened:
        """Return a version in which a path, given as its text, has ended; `error` is that of one that failed.

        Raises `ValueError` where it has ended before.
        """
        if self.end(path) is not None:
            raise ValueError(f"path {path!r} has ended before")
        book = self._own()
        book.ends[path] = book.changes * len(_STATUSES) + _STATUSES.index(status)
        if error is not None:
            book.errors[path] = error
        return self._grown(book)

    def construct(self, instance: str) -> Construct | None:
        """Return what is known of a construct; None where it has not opened any paths."""
        entry = self._book.entries.get(instance)
        return None if entry is None or entry.change >= self._changes else entry.construct

    def begun(self, instance: str) -> int:
        """Return how many paths or items of a construct have begun."""
        entry = self._book.entries.get(instance)
        return 0 if entry is None else bisect_left(entry.begun, self._changes)

    def end(self, path: str) -> PathEnd | None:
        """Return how a path ended, and why where it failed; None where it has not ended."""
        end = self._book.ends.get(path)
        if end is None or end >= self._changes * len(_STATUSES):
            return None
        status = end % len(_STATUSES)
        error = self._book.errors.get(path)
        return _WITHOUT_ERROR[status] if error is None else (_STATUSES[status], error)

    def _own(self) -> _Book:
        """Return a book that has nothing but what this version sees: the shared one for the newest, else a copy."""
        return self._book if self._changes == self._book.changes else self._book.upto(self._changes)

    @staticmethod
    def _grown(book: _Book) -> Opened:
        """Return the version that sees all of a book, with the change that was just written to it."""
        book.changes += 1
        version = Opened.__new__(Opened)
        version._book, version._changes = book, book.changes
        return version

    def _seen(self) -> tuple[dict[str, tuple[Construct, int]], dict[str, PathEnd]]:
        book = self._own()
        constructs = {instance: (entry.construct, len(entry.begun)) for instance, entry in book.entries.items()}
        return constructs, {path: end for path in book.ends if (end := self.end(path))}

    def __eq__(self, other: object) -> bool:
        return self._seen() == other._seen() if isinstance(other, Opened) else NotImplemented

    def __repr__(self) -> str:
        constructs, ends = self._seen()
        return f"Opened({constructs!r}, {ends!r})"
