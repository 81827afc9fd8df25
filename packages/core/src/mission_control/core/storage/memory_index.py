"""By what missions in memory are found: sorted lists of their numbers, times and ids, read by bisection.

A mission is in the list of each facet that it has, by its number in the order of creation; what is looked for by
several is found by the shortest of their lists, and what that has is narrowed by the others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice, product
from operator import attrgetter
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from ..definition import template
from ..history import MissionFailure, MissionStatus, MissionSummary, OpenWait, due_at, is_scheduled
from .memory_stored import Stored
from .persistence import DueKind, next_due_kind
from .queries import MissionQuery

Facet: TypeAlias = tuple[str | None, ...]
"""What missions are found by: its kind, and what they have of it."""

At: TypeAlias = tuple[datetime, str]
"""A time, and the id of a mission that it concerns."""

Queue: TypeAlias = DueKind | Literal["any", "scheduled", "created", "ended"]
WaitKind: TypeAlias = tuple[str | None, str | None]
WaitPlace: TypeAlias = tuple[datetime, str, str]

_Key = TypeVar("_Key")
_Place = TypeVar("_Place", int, str, At, WaitPlace)

EVERY: Facet = ("every",)
STRAY: Facet = ("stray",)
UNPLACED: Facet = ("unplaced",)


class Places(NamedTuple):
    """Where a mission is listed: by which facets, and at which times."""

    facets: set[Facet]
    times: Mapping[Queue, At]


NOWHERE = Places(set(), {})


def places(stored: Stored) -> Places:
    """Return where the mission, as it is now, has to be listed."""
    return Places(_facets(stored), _times(stored.summary))


def _facets(stored: Stored) -> set[Facet]:
    row = stored.summary
    name, status = row.mission_name, row.status
    facets: set[Facet] = {EVERY, ("status", status), ("name", name), ("name and status", name, status)}
    if stored.is_stray:
        facets.add(STRAY)
    if stored.is_unplaced:
        facets.add(UNPLACED)
    if row.parent_id is not None:
        facets.add(("parent", row.parent_id))
    if row.schedule is not None:
        facets.add(("schedule", row.schedule))
    if row.error is not None:
        facets.update(_failure_facets(row, row.error))
    if row.labels:
        facets.update(("label", *label) for label in row.labels.items())
    return facets


def _failure_facets(row: MissionSummary, error: MissionFailure) -> Iterator[Facet]:
    yield "error", error.code
    if row.status is MissionStatus.FAILED:
        yield "failure", *kind_of_failure(row, error)


def kind_of_failure(row: MissionSummary, error: MissionFailure) -> tuple[str, str | None, str | None]:
    """Return what failed missions are told apart by: code, class, and the node where it was."""
    return error.code, error.type, None if row.cursor is None else template(row.cursor)


def _times(row: MissionSummary) -> dict[Queue, At]:
    times: dict[Queue, At] = {"created": (_created_at(row), row.mission_id)}
    kind = None if row.next_due is None else next_due_kind(row)
    if kind is not None and row.next_due is not None:
        times["any"] = times[kind] = (row.next_due, row.mission_id)
    own_due = None if row.waiting is None else due_at(row.waiting)
    if own_due is not None and is_scheduled(row):
        times["scheduled"] = (own_due, row.mission_id)
    if row.status.is_terminal and row.updated_at is not None:
        times["ended"] = (row.updated_at, row.mission_id)
    return times


_listed = attrgetter(
    "status", "next_wait", "next_due", "error", "mission_name", "parent_id", "schedule", "labels", "created_at"
)


def _is_alike(row: MissionSummary, other: MissionSummary) -> bool:
    """True where both are listed in the same places, as a mission's rows after two steps mostly are."""
    return not row.status.is_terminal and _listed(row) == _listed(other)


class Index:
    """What listings show, in their orders."""

    def __init__(self) -> None:
        self.missions: dict[str, Stored] = {}
        self.numbers: defaultdict[Facet, list[int]] = defaultdict(list[int])
        self.times: defaultdict[Queue, list[At]] = defaultdict(list[At])
        self.waits: defaultdict[WaitKind, list[WaitPlace]] = defaultdict(list[WaitPlace])
        self._by_number: dict[int, Stored] = {}
        self._ids: list[str] = []
        self._next: int = 0

    # Changing

    def create(self, summary: MissionSummary, ran_under: str | None, *, is_awaited: bool) -> Stored:
        """Return a new mission, the last in the order of creation."""
        stored = Stored(self._next, summary, True if is_awaited else None, ran_under)
        self._next += 1
        self.missions[summary.mission_id] = self._by_number[stored.number] = stored
        insort(self._ids, summary.mission_id)
        self.move(stored, NOWHERE)
        return stored

    def move(self, stored: Stored, was: Places) -> None:
        """List the mission where it now has to be, in place of where it was."""
        self._move(stored.number, was, places(stored))

    def replace(self, stored: Stored, summary: MissionSummary, ran_under: str | None) -> None:
        """Give the mission another row, and list it where that puts it."""
        if ran_under == stored.ran_under and _is_alike(summary, stored.summary):
            stored.summary = summary
            return
        was = places(stored)
        stored.summary, stored.ran_under = summary, ran_under
        self.move(stored, was)

    def remove(self, stored: Stored) -> None:
        """Have the mission no more."""
        self._move(stored.number, places(stored), NOWHERE)
        del self.missions[stored.summary.mission_id], self._by_number[stored.number]
        del self._ids[bisect_left(self._ids, stored.summary.mission_id)]

    def _move(self, number: int, was: Places, now: Places) -> None:
        for facet in was.facets - now.facets:
            _discard(self.numbers, facet, number)
        for facet in now.facets - was.facets:
            insort(self.numbers[facet], number)
        for queue, at in was.times.items():
            if now.times.get(queue) != at:
                _discard(self.times, queue, at)
        for queue, at in now.times.items():
            if was.times.get(queue) != at:
                insort(self.times[queue], at)

    def add_wait(self, wait: OpenWait) -> None:
        """List an open wait, with filters and without."""
        for kind in _kinds(wait):
            insort(self.waits[kind], _wait_place(wait))

    def remove_wait(self, wait: OpenWait) -> None:
        """List it no more."""
        for kind in _kinds(wait):
            _discard(self.waits, kind, _wait_place(wait))

    # Finding

    def find(self, query: MissionQuery, limit: int, after: int | None) -> list[MissionSummary]:
        """Return a page of what is looked for, behind that number."""
        found = _walk(self._shortest(query), after, is_backwards=query.newest_first)
        rows = (self._by_number[number].summary for number in found)
        return list(islice(filter(query.fits, rows), limit))

    def page(self, facet: Facet, limit: int, after: int | None) -> list[Stored]:
        """Return a page of the missions that have a facet, in order of creation."""
        found = _walk([self.numbers.get(facet, [])], after, is_backwards=False)
        return [self._by_number[number] for number in islice(found, limit)]

    def due_page(self, queue: Queue, limit: int, after: At | None, end: int | None = None) -> list[MissionSummary]:
        """Return a page of the missions in a queue, by time and then by id, those before its place `end`."""
        times = self.times.get(queue, [])
        first = 0 if after is None else bisect_right(times, after)
        last = len(times) if end is None else end
        return [self.missions[times[at][1]].summary for at in islice(range(first, last), limit)]

    def count_until(self, queue: Queue, instant: datetime) -> int:
        """Return how many in a queue are there for that instant or an earlier one."""
        return bisect_right(self.times.get(queue, []), instant, key=_time)

    def ended_since(self, instant: datetime) -> Iterator[tuple[datetime, MissionSummary]]:
        """Yield the missions that ended then or later, each with when that was."""
        times = self.times.get("ended", [])
        for at, mission_id in times[self.count_before("ended", instant) :]:
            yield at, self.missions[mission_id].summary

    def count_before(self, queue: Queue, instant: datetime) -> int:
        """Return how many in a queue are there for an instant earlier than that one."""
        return bisect_left(self.times.get(queue, []), instant, key=_time)

    def _shortest(self, query: MissionQuery) -> Sequence[Sequence[int]]:
        """Return the lists, of all that could be asked, that have the fewest missions."""
        lists = min(self._lists(query), key=_total)
        length, places = _total(lists), None
        for sorted_ids in self._ranges(query):
            if len(sorted_ids) < length:
                length, places = len(sorted_ids), sorted_ids
        return lists if places is None else [sorted(self.missions[mission_id].number for mission_id in places)]

    def _lists(self, query: MissionQuery) -> Iterator[Sequence[Sequence[int]]]:
        facets: list[Facet] = [EVERY, *(("label", name, text) for name, text in query.labels.items())]
        named = {
            "parent": query.parent_id,
            "schedule": query.schedule,
            "error": query.error,
            "name": query.mission_name,
        }
        facets += ((kind, text) for kind, text in named.items() if text is not None)
        for facet in facets:
            yield [self.numbers.get(facet, [])]
        if query.statuses:
            kind: Facet = ("status",) if query.mission_name is None else ("name and status", query.mission_name)
            yield [self.numbers.get((*kind, status), []) for status in set(query.statuses)]

    def _ranges(self, query: MissionQuery) -> Iterator[Sequence[str]]:
        """Yield the ids that begin as is asked, and those of missions that were created when it is asked."""
        if query.id_prefix is not None:
            length = len(query.id_prefix)
            first = bisect_left(self._ids, query.id_prefix)
            yield self._ids[first : bisect_right(self._ids, query.id_prefix, key=lambda one: one[:length])]
        if query.since is not None or query.until is not None:
            first = 0 if query.since is None else self.count_before("created", query.since)
            last = None if query.until is None else self.count_before("created", query.until)
            yield [mission_id for _, mission_id in self.times.get("created", [])[first:last]]


def _total(lists: Iterable[Sequence[int]]) -> int:
    return sum(map(len, lists))


def _walk(lists: Iterable[Sequence[int]], after: int | None, *, is_backwards: bool) -> Iterator[int]:
    """Yield the numbers in the lists behind one, in their order or against it."""
    return merge(*(_steps(numbers, after, is_backwards=is_backwards) for numbers in lists), reverse=is_backwards)


def _steps(numbers: Sequence[int], after: int | None, *, is_backwards: bool) -> Iterator[int]:
    if is_backwards:
        end = len(numbers) if after is None else bisect_left(numbers, after)
        return (numbers[at] for at in range(end - 1, -1, -1))
    first = 0 if after is None else bisect_right(numbers, after)
    return (numbers[at] for at in range(first, len(numbers)))


def _created_at(row: MissionSummary) -> datetime:
    assert row.created_at is not None, f"mission {row.mission_id!r} is stored, and was not created"
    return row.created_at


def _time(place: At) -> datetime:
    return place[0]


def _kinds(wait: OpenWait) -> Iterator[WaitKind]:
    return product((None, wait.signal), (None, wait.mission_name))


def _wait_place(wait: OpenWait) -> WaitPlace:
    return wait.since, wait.mission_id, wait.event_name


def _discard(lists: defaultdict[_Key, list[_Place]], key: _Key, place: _Place) -> None:
    """Take the place out of a list, and the list away where nothing is left in it."""
    found = lists[key]
    del found[bisect_left(found, place)]
    if not found:
        del lists[key]
