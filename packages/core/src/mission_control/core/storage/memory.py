"""Storage in memory: the adapter of a commander that is given no other.

Missions are dictionary entries; every listing is a page out of a sorted list of keys, found by bisection, so that
what it costs does not grow with the missions it passes over. Payloads are kept as JSON text, so what comes out is
what a file would give, and belongs to the caller.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal, TypeAlias

import attrs

from ..errors import DatabaseInUseError, PersistenceError, StaleMissionError
from ..history import HistoryRecord, MissionStatus, MissionSummary, due_at, is_scheduled
from .persistence import CommitOutcome, DueKind, LoadOutcome, MissionCommit, due_kind

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

_Filter: TypeAlias = tuple[MissionStatus | None, str | None]
_Due: TypeAlias = tuple[datetime, str]
_Queue: TypeAlias = DueKind | Literal["any", "scheduled"]


@attrs.frozen
class _Entry:
    """A record and the JSON text of its details; the record's own details are left empty."""

    record: HistoryRecord
    details: str

    @classmethod
    def of(cls, record: HistoryRecord) -> _Entry:
        return cls(attrs.evolve(record, details={}), _encode(record.details))

    def fresh(self) -> HistoryRecord:
        return attrs.evolve(self.record, details=json.loads(self.details))


@attrs.define
class _Stored:
    """One mission: its place in the order of creation, its history, its summary."""

    number: int
    summary: MissionSummary
    entries: list[_Entry] = attrs.field(factory=list[_Entry])

    @property
    def version(self) -> int:
        return self.entries[-1].record.seq if self.entries else 0


class _Index:
    """Which missions a listing shows, in its order: numbers by status and name, due times by kind."""

    def __init__(self) -> None:
        self.numbers: defaultdict[_Filter, list[int]] = defaultdict(list[int])
        self.due: defaultdict[_Queue, list[_Due]] = defaultdict(list[_Due])

    def replace(self, number: int, old: MissionSummary | None, new: MissionSummary) -> None:
        """Move the mission from where `old` puts it to where `new` does."""
        before, after = set(_filters(old)), set(_filters(new))
        for lost in before - after:
            _discard_number(self.numbers[lost], number)
        for gained in after - before:
            insort(self.numbers[gained], number)
        if _due(old) != _due(new) or set(_queues(old)) != set(_queues(new)):
            self._requeue(old, new)

    def _requeue(self, old: MissionSummary | None, new: MissionSummary) -> None:
        if (was := _due(old)) is not None:
            for queue in _queues(old):
                keys = self.due[queue]
                del keys[bisect_left(keys, was)]
        if (place := _due(new)) is not None:
            for queue in _queues(new):
                insort(self.due[queue], place)


def _discard_number(numbers: list[int], number: int) -> None:
    del numbers[bisect_left(numbers, number)]


def _filters(summary: MissionSummary | None) -> Iterator[_Filter]:
    if summary is not None:
        yield None, None
        yield summary.status, None
        yield None, summary.mission_name
        yield summary.status, summary.mission_name


def _due(summary: MissionSummary | None) -> _Due | None:
    instant = None if summary is None else due_at(summary.waiting)
    return None if summary is None or instant is None else (instant, summary.mission_id)


def _queues(summary: MissionSummary | None) -> Iterator[_Queue]:
    if summary is not None and summary.waiting is not None:
        yield "any"
        yield due_kind(summary.waiting)
        if is_scheduled(summary):
            yield "scheduled"


class InMemoryAdapter:
    """A `PersistenceAdapter` whose storage is this object, and lives as long as it does.

    A commander owns it from `bootstrap` to `close`; a closed one's can be handed to a new commander, of another
    event loop too, which finds everything that was committed. Where an event loop ended without `close`, its
    commander owns the adapter no longer.
    """

    def __init__(self) -> None:
        self._owner: asyncio.AbstractEventLoop | None = None
        self._missions: dict[str, _Stored] = {}
        self._order: list[str] = []
        self._index = _Index()
        self._definitions: dict[str, str] = {}

    async def bootstrap(self) -> None:
        """Own the storage. Raises `DatabaseInUseError` while another commander does."""
        if self._owner is not None and not self._owner.is_closed():
            raise DatabaseInUseError(
                "this in-memory storage is in use by another open commander of this process:"
                " close that one first, or give each commander an adapter of its own"
            )
        self._owner = asyncio.get_running_loop()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        """Append the records of many missions, each where its expected version is the stored one."""
        self._check_open()
        encoded = [_encoded(member) for member in batch]
        return [self._append(member, *texts) for member, texts in zip(batch, encoded, strict=True)]

    def _append(self, member: MissionCommit, entries: Iterable[_Entry], definition: str | None) -> CommitOutcome:
        stored = self._missions.get(member.mission_id)
        version = 0 if stored is None else stored.version
        if version != member.expected_version:
            return StaleMissionError(
                f"mission {member.mission_id!r}: expected version {member.expected_version}, found {version}: another"
                " writer has changed it, and nothing was written; let one commander alone run missions on a storage"
            )
        if member.definition is not None and definition is not None:
            self._definitions.setdefault(member.definition.fingerprint, definition)
        if stored is None:
            stored = self._create(member)
        else:
            self._index.replace(stored.number, stored.summary, member.summary)
        stored.summary = member.summary
        stored.entries.extend(entries)
        return None

    def _create(self, member: MissionCommit) -> _Stored:
        stored = self._missions[member.mission_id] = _Stored(len(self._order), member.summary)
        self._order.append(member.mission_id)
        self._index.replace(stored.number, None, member.summary)
        return stored

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        """Return each mission's history, or None."""
        self._check_open()
        found = (self._missions.get(mission_id) for mission_id in mission_ids)
        return [None if stored is None else tuple(entry.fresh() for entry in stored.entries) for stored in found]

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's summary, or None."""
        self._check_open()
        stored = self._missions.get(mission_id)
        return None if stored is None else stored.summary

    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Sequence[MissionSummary]:
        """Return a page of summaries in order of creation."""
        self._check_open()
        numbers = self._index.numbers.get((status, mission_name), [])
        if after is None:
            return self._page((self._order[number] for number in numbers), limit)
        if after not in self._missions:
            return []
        first = bisect_right(numbers, self._missions[after].number)
        return self._page((self._order[numbers[at]] for at in range(first, len(numbers))), limit)

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the missions that wait for a timer or a retry, earliest due first."""
        self._check_open()
        if after is None:
            return self._due_page("scheduled", None, limit)
        if after not in self._missions:
            return []
        return self._due_page("scheduled", _last_place(self._missions[after].summary), limit)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        """Return a page of the missions that are due, earliest first."""
        self._check_open()
        end = bisect_right(self._index.due["any"], before, key=lambda place: place[0])
        return self._due_page("any", after, limit, end)

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        """Return the earliest due time later than `after`, or None."""
        self._check_open()
        places = self._index.due[kind or "any"]
        first = 0 if after is None else bisect_right(places, after, key=lambda place: place[0])
        return places[first][0] if first < len(places) else None

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are running, in order of creation."""
        return await self.list_missions(status=MissionStatus.RUNNING, limit=limit, after=after)

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form stored under `fingerprint`, or None."""
        self._check_open()
        text = self._definitions.get(fingerprint)
        return None if text is None else json.loads(text)

    async def close(self) -> None:
        """Give the storage up; what it holds stays in this object."""
        self._owner = None

    def _due_page(
        self, queue: _Queue, after: _Due | None, limit: int, end: int | None = None
    ) -> Sequence[MissionSummary]:
        places = self._index.due[queue]
        first = 0 if after is None else bisect_right(places, after)
        last = len(places) if end is None else end
        return self._page((places[at][1] for at in range(first, last)), limit)

    def _page(self, mission_ids: Iterable[str], limit: int) -> Sequence[MissionSummary]:
        return [self._missions[mission_id].summary for mission_id in islice(mission_ids, limit)]

    def _check_open(self) -> None:
        if self._owner is None:
            raise PersistenceError("this in-memory storage is not open: await bootstrap() first")


def _encoded(member: MissionCommit) -> tuple[list[_Entry], str | None]:
    """Return everything of the member that can fail to be stored, before anything is."""
    try:
        entries = [_Entry.of(record) for record in member.records]
        return entries, None if member.definition is None else _encode(member.definition.static)
    except (TypeError, ValueError, RecursionError) as error:
        raise PersistenceError(f"mission {member.mission_id!r}: its records have no JSON form: {error}") from error


def _last_place(summary: MissionSummary) -> _Due | None:
    """Return the mission's place by due time; one that is not scheduled any more stands where it last changed."""
    instant = due_at(summary.waiting) if is_scheduled(summary) else summary.updated_at
    return None if instant is None else (instant, summary.mission_id)
