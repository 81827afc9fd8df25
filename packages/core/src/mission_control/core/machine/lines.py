"""The live paths of a mission: a line for each, and what of them is open, by the questions that are asked of it.

A mission of 10,000 live paths must not copy 10,000 lines for each decision, and yet a state that was handed out must
not change. So all versions share one dictionary: the newest has it, and an older one remembers what was different
then. A line is copied when a version touches it first. The indexes (who wants to begin, what is due, who waits for a
signal of which name) are the newest version's alone; their entries are checked against the lines when they are looked
at, so that nothing has to be searched for and taken out.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from ..history import MissionFailure, Position, SignalWait, Wait, due_at
from ..values import Shown, Value
from .phases import Phase, Place

if TYPE_CHECKING:
    from .state import State

MAIN = ""
"""The key of the main line, which is the state itself."""

_SPARE = 64
"""Outdated entries beyond as many as there are others that an index may have before it is made anew."""


@attrs.frozen
class Fork(Value):
    """The construct with live paths that a line stands on: how many of its paths have begun, live, and have failed."""

    kind: Literal["parallel", "race", "each"]
    total: int
    limit: int | None
    begun: int = 0
    live: int = 0
    lost: int = 0

    @property
    def has_room(self) -> bool:
        """True where another path may begin, of which at most `limit` live at once."""
        return self.begun < self.total and (self.limit is None or self.live < self.limit)


@attrs.define
class Line(Shown):
    """A live path, with the names that the state has for its main line: the same rules are for both."""

    path: str
    parent: str
    """The key of the line that stands on the construct whose path this is."""
    number: int
    """Its place in the order of opening."""
    phase: Phase = Phase.READY
    cursor: str | None = None
    place: Place = "step"
    attempt_number: int = 0
    failures: int = 0
    interruptions: int = 0
    stands_by: bool = False
    is_undoable: bool = False
    waiting: Wait | None = None
    waits_since: datetime | None = None
    """When it began to wait for the last signal."""
    fork: Fork | None = None
    anchor: datetime | None = None
    """When the first of its reminders was due, for the line of a reminder."""
    since: int = 0
    """Which of all waits its last one was, in the order in which they began."""
    failed: MissionFailure | None = None
    """Why the last attempt failed, where that may be followed by another one."""

    def copy(self) -> Line:
        """Return a line that another version may change."""
        return Line(
            self.path,
            self.parent,
            self.number,
            self.phase,
            self.cursor,
            self.place,
            self.attempt_number,
            self.failures,
            self.interruptions,
            self.stands_by,
            self.is_undoable,
            self.waiting,
            self.waits_since,
            self.fork,
            self.anchor,
            self.since,
            self.failed,
        )


AnyLine: TypeAlias = "Line | State"


def key_of(line: AnyLine) -> str:
    """Return what the line is found by."""
    return line.path or MAIN


def is_roomy(line: AnyLine) -> bool:
    """True where a path of the construct that the line stands on may begin."""
    return line.phase is Phase.FORKED and line.fork is not None and line.fork.has_room


def position_of(line: AnyLine) -> Position | None:
    """Return where the line stands; None for one that has ended, stands on live paths, or is an idle reminder."""
    waiting = line.waiting
    if line.phase in _WITHOUT_POSITION or (line.place == "reminder" and waiting is not None):
        return None
    attempt = line.attempt_number if line.phase is Phase.ATTEMPTING else getattr(waiting, "attempt_number", None)
    path = line.path
    if line.place == "reminder":
        path = (line.cursor or "").rpartition("/")[0]
    status: Literal["running", "waiting"] = "running" if waiting is None else "waiting"
    return Position(path=path, cursor=line.cursor, status=status, waiting=waiting, attempt_number=attempt)


_WITHOUT_POSITION = frozenset({Phase.NEW, Phase.FORKED, Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED})


class _Queue:
    """Keys of lines, the first opened first. Those that are gone are left out when they come up."""

    __slots__ = ("_heap", "members")

    def __init__(self) -> None:
        self.members: set[str] = set()
        self._heap: list[tuple[int, str]] = []

    def set(self, line: AnyLine, *, is_member: bool) -> None:
        key = key_of(line)
        if not is_member:
            self.members.discard(key)
        elif key not in self.members:
            self.members.add(key)
            heapq.heappush(self._heap, (line.number, key))
            if len(self._heap) > 2 * len(self.members) + _SPARE:
                self._heap = sorted({entry for entry in self._heap if entry[1] in self.members})

    def first(self, but: Collection[str] = ()) -> str | None:
        """Return the first that is not one of `but`, which are few."""
        while self._heap and self._heap[0][1] not in self.members:
            heapq.heappop(self._heap)
        if not but:
            return self._heap[0][1] if self._heap else None
        left = (entry for entry in self._heap if entry[1] in self.members and entry[1] not in but)
        return min(left, default=(0, None))[1]


_Entry: TypeAlias = "tuple[Any, int, str, Wait]"
"""When it is due, if ever; which one it was to begin; whose it is, and the wait."""


class _Index:
    """What is open, of the newest version."""

    __slots__ = (
        "_due",
        "_ended",
        "_names",
        "_open",
        "_reminders",
        "_undated",
        "attempting",
        "ready",
        "roomy",
    )

    def __init__(self) -> None:
        self.attempting: int = 0
        self.ready: _Queue = _Queue()
        self.roomy: _Queue = _Queue()
        self._open: dict[str, Wait] = {}
        self._ended = 0
        self._due: list[_Entry] = []
        self._reminders: list[_Entry] = []
        self._undated: deque[_Entry] = deque()
        self._names: dict[str, dict[str, None]] = {}

    @property
    def is_short(self) -> bool:
        """True where a line stands before an attempt, or has room for a path."""
        return bool(self.ready.members or self.roomy.members)

    def opens(self, line: AnyLine, wait: Wait, number: int) -> None:
        """The line waits, from now on; so many waits have begun with this one."""
        key = key_of(line)
        self._open[key] = wait
        if isinstance(wait, SignalWait):
            self._names.setdefault(bare(wait.event_name), {})[wait.event_name] = None
        entry = (due_at(wait), number, key, wait)
        if entry[0] is None:
            self._undated.append(entry)
        else:
            heapq.heappush(self._reminders if line.place == "reminder" else self._due, entry)

    def closes(self, line: AnyLine, wait: Wait) -> None:
        """The line does not wait any more."""
        del self._open[key_of(line)]
        self._ended += 1
        if self._ended > len(self._open) + _SPARE:
            self._forget()
        if isinstance(wait, SignalWait):
            name = bare(wait.event_name)
            named = self._names[name]
            del named[wait.event_name]
            if not named:
                del self._names[name]

    def _forget(self) -> None:
        """Leave behind the entries of waits that have ended."""
        self._ended = 0
        self._due, self._reminders = (sorted(filter(self._is_open, heap)) for heap in (self._due, self._reminders))
        self._undated = deque(filter(self._is_open, self._undated))

    def _is_open(self, entry: _Entry) -> bool:
        return self._open.get(entry[2]) is entry[3]

    def first_due(self, *, reminders: bool = True) -> _Entry | None:
        """Return what becomes due first, and when (first) and whose it is (third)."""
        first, reminder = self._top(self._due), self._top(self._reminders) if reminders else None
        if first is None or reminder is None:
            return first or reminder
        return min(first, reminder)

    def first_wait(self) -> Wait | None:
        """Return the open wait that ends first by itself, else the one that began first; no reminder's."""
        entry = self._top(self._due)
        if entry is None:
            while self._undated and not self._is_open(self._undated[0]):
                self._undated.popleft()
            entry = self._undated[0] if self._undated else None
        return None if entry is None else entry[3]

    def _top(self, heap: list[_Entry]) -> _Entry | None:
        while heap and not self._is_open(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def waits_for(self, name: str) -> Collection[str]:
        """Return the instances of the open waits for the signal of that bare name, in the order in which they began."""
        return self._names.get(name, ())


Facts: TypeAlias = "tuple[bool, Wait | None, datetime | None]"


class Lines:  # noqa: PLW1641 - equal by what is in it, as a dictionary is
    """The lines of one version of a mission with paths, and what of them is open."""

    __slots__ = ("_before", "_facts", "_index", "_lines", "_newer", "_next_number", "_waits", "_was")

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._was: dict[str, Line | None] = {}
        """What was different in this version from the newer one, where there is one."""
        self._newer: Lines | None = None
        self._before: dict[str, Line | None] | None = None
        """Where to keep what this version changes, for the one before it."""
        self._index: _Index | None = _Index()
        self._facts: Facts | None = None
        """What an older version had open."""
        self._next_number = 1
        self._waits = 0
        """How many waits have begun."""

    @property
    def is_outdated(self) -> bool:
        """True where there is a newer version, which has taken along what is open."""
        return self._newer is not None

    def branch(self, state: State) -> Lines:
        """Return the next version, which may be changed; `state` is the copy that it will be of."""
        newer = Lines()
        newer._next_number, newer._waits = self._next_number, self._waits
        if self._newer is not None:  # a newer one has what this one had: begin with a copy
            newer._lines = {line.path: line.copy() for line in self}
            newer._reindex(state)
            return newer
        self._facts = self.facts()
        newer._lines, newer._index, newer._before = self._lines, self._index, self._was
        self._newer, self._index, self._before, self._lines = newer, None, None, {}
        return newer

    def _reindex(self, state: State) -> None:
        self._index = _Index()
        lines: list[AnyLine] = [state, *self]
        for line in sorted(lines, key=lambda line: line.since):
            self._stands(line, was_attempting=False)
            if line.waiting is not None:
                self._index.opens(line, line.waiting, line.since)

    # Lines

    def get(self, path: str) -> Line | None:
        """Return the live line, to look at."""
        version = self
        while version._newer is not None:
            if path in version._was:
                return version._was[path]
            version = version._newer
        return version._lines.get(path)

    def edit(self, path: str) -> Line | None:
        """Return the live line, to be changed in this version, which is the newest."""
        line = self._lines.get(path)
        if line is None or self._before is None or path in self._before:
            return line
        self._before[path] = line
        line = self._lines[path] = line.copy()
        return line

    def add(self, path: str, parent: str) -> Line:
        """Open a line."""
        line = Line(path, parent, self._next_number)
        self._next_number += 1
        if self._before is not None:
            self._before.setdefault(path, None)
        self._lines[path] = line
        return line

    def remove(self, line: Line) -> None:
        """The line, which this version has changed, has ended."""
        del self._lines[line.path]

    def __len__(self) -> int:
        return len(self._lines) if self._newer is None else sum(1 for _ in self)

    def __iter__(self) -> Iterator[Line]:
        """The lines in order of opening."""
        found: dict[str, Line | None] = {}
        version = self
        while version._newer is not None:
            found = {**version._was, **found}
            version = version._newer
        everything = (line for line in {**version._lines, **found}.values() if line is not None)
        return iter(sorted(everything, key=lambda line: line.number))

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Lines) else NotImplemented

    # What is open

    @property
    def open(self) -> _Index:
        """What is open, of the newest version: only that one is asked, and changed."""
        assert self._index is not None
        return self._index

    def facts(self) -> Facts:
        """Return whether any line runs or could, the wait to show, and when the first of everything becomes due."""
        if self._facts is not None:
            return self._facts
        index = self.open
        is_running = index.attempting > 0 or index.is_short
        due = index.first_due()
        return is_running, index.first_wait(), None if due is None else due[0]

    def moved(self, line: AnyLine, *, was_attempting: bool, waited: Wait | None) -> None:
        """Take note of where a line has come to."""
        self._stands(line, was_attempting=was_attempting)
        if line.waiting is not waited:
            index = self.open
            if waited is not None:
                index.closes(line, waited)
            if line.waiting is not None:
                self._waits += 1
                if isinstance(line, Line):
                    line.since = self._waits
                index.opens(line, line.waiting, self._waits)

    def _stands(self, line: AnyLine, *, was_attempting: bool) -> None:
        index, phase = self.open, line.phase
        index.attempting += (phase is Phase.ATTEMPTING) - was_attempting
        index.ready.set(line, is_member=phase is Phase.READY)
        index.roomy.set(line, is_member=is_roomy(line))


def bare(instance: str) -> str:
    """Return a node's name without the places that it is in."""
    return instance.rpartition("/")[2]
