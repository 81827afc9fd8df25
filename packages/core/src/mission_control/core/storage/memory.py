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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from itertools import islice, product
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

from ..errors import DatabaseInUseError, PersistenceError, StaleMissionError
from ..history import HistoryRecord, HistoryType, MissionStatus, MissionSummary, OpenWait, due_at, is_scheduled
from ..schedules import StoredSchedule
from .mailbox import Mailbox, OwnedMailbox
from .memory_mailbox import MemoryMailbox, MemoryOwnedMailbox, Post
from .persistence import CommitOutcome, DueKind, LoadOutcome, MissionCommit, next_due_kind

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

_Filter: TypeAlias = tuple[MissionStatus | None, str | None, str | None]
_Due: TypeAlias = tuple[datetime, str]
_Queue: TypeAlias = DueKind | Literal["any", "scheduled"]
_Kind: TypeAlias = tuple[str | None, str | None]
_WaitPlace: TypeAlias = tuple[datetime, str, str]
_Place = TypeVar("_Place", int, _Due, _WaitPlace)


@attrs.define(eq=False, repr=False)  # not frozen: there is one for each record, and that takes thrice as long to make
class _Entry:
    """What a record says beside its details, and the JSON text of these."""

    seq: int
    type: HistoryType
    at: datetime
    event_name: str | None
    attempt_number: int | None
    details: str

    @classmethod
    def of(cls, record: HistoryRecord) -> _Entry:
        details = _encode(record.details) if record.details else "{}"
        return cls(record.seq, record.type, record.at, record.event_name, record.attempt_number, details)

    def fresh(self) -> HistoryRecord:
        return HistoryRecord(
            seq=self.seq,
            type=self.type,
            at=self.at,
            event_name=self.event_name,
            attempt_number=self.attempt_number,
            details=json.loads(self.details),
        )


_Encoded: TypeAlias = tuple[MissionCommit, list[_Entry], str | None]


@attrs.define(eq=False, repr=False)
class _Stored:
    """One mission: its place in the order of creation, its history, its summary, its open waits, who awaits it."""

    number: int
    summary: MissionSummary
    is_awaited: bool | None
    entries: list[_Entry] = attrs.field(factory=list[_Entry])
    waits: dict[str, OpenWait] = attrs.field(factory=dict[str, OpenWait])

    @property
    def version(self) -> int:
        return self.entries[-1].seq if self.entries else 0

    @property
    def is_stray(self) -> bool:
        """True for a child that is awaited and has ended, or was let go and has not."""
        return self.is_awaited is self.summary.status.is_terminal


class _Index:
    """What listings show, in their orders: missions by status, name and parent, due times by kind, and open waits."""

    def __init__(self) -> None:
        self.numbers: defaultdict[_Filter, list[int]] = defaultdict(list[int])
        self.due: defaultdict[_Queue, list[_Due]] = defaultdict(list[_Due])
        self.strays: list[int] = []
        self.waits: defaultdict[_Kind, list[_WaitPlace]] = defaultdict(list[_WaitPlace])

    def replace(self, number: int, old: MissionSummary | None, new: MissionSummary) -> None:
        """Move the mission from where `old` puts it to where `new` does."""
        before, after = set(_filters(old)), set(_filters(new))
        for lost in before - after:
            _discard(self.numbers[lost], number)
        for gained in after - before:
            insort(self.numbers[gained], number)
        was, place = _places(old), _places(new)
        if was != place:
            for queue, due in was.items():
                _discard(self.due[queue], due)
            for queue, due in place.items():
                insort(self.due[queue], due)

    def replace_stray(self, number: int, *, was: bool, is_now: bool) -> None:
        """List the mission among the strays, or no more."""
        if is_now and not was:
            insort(self.strays, number)
        elif was and not is_now:
            _discard(self.strays, number)

    def add_wait(self, wait: OpenWait) -> None:
        """List an open wait, with filters and without."""
        for kind in _kinds(wait):
            insort(self.waits[kind], _wait_place(wait))

    def remove_wait(self, wait: OpenWait) -> None:
        """List it no more."""
        for kind in _kinds(wait):
            _discard(self.waits[kind], _wait_place(wait))


def _discard(places: list[_Place], place: _Place) -> None:
    del places[bisect_left(places, place)]


def _filters(summary: MissionSummary | None) -> Iterator[_Filter]:
    if summary is not None:
        parents = (None,) if summary.parent_id is None else (None, summary.parent_id)
        yield from product((None, summary.status), (None, summary.mission_name), parents)


def _kinds(wait: OpenWait) -> Iterator[_Kind]:
    return product((None, wait.signal), (None, wait.mission_name))


def _wait_place(wait: OpenWait) -> _WaitPlace:
    return wait.since, wait.mission_id, wait.event_name


def _places(summary: MissionSummary | None) -> Mapping[_Queue, _Due]:
    """Return the mission's place in each queue that it is in."""
    places: dict[_Queue, _Due] = {}
    if summary is None:
        return places
    kind, own_due = next_due_kind(summary), due_at(summary.waiting)
    if kind is not None and summary.next_due is not None:
        places["any"] = places[kind] = (summary.next_due, summary.mission_id)
    if own_due is not None and is_scheduled(summary):
        places["scheduled"] = (own_due, summary.mission_id)
    return places


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
        self._schedules: dict[str, StoredSchedule] = {}
        self.post: Post = Post()
        """What other threads, and other programs of this process, have sent."""

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
        families = [[(one, *_encoded(one)) for one in member.family()] for member in batch]
        with self.post.lock:
            return [self._append(family) for family in families]

    def _append(self, family: Sequence[_Encoded]) -> CommitOutcome:
        """Append what a member and its children add, unless one of them is stale."""
        expected: dict[str, int] = {}
        for member, _, _ in family:
            stored = self._missions.get(member.mission_id)
            version = expected.get(member.mission_id, 0 if stored is None else stored.version)
            if version != member.expected_version:
                return _stale(member, version)
            expected[member.mission_id] = member.records[-1].seq
        for member, entries, definition in family:
            self._append_one(member, entries, definition)
        return None

    def _append_one(self, member: MissionCommit, entries: Iterable[_Entry], definition: str | None) -> None:
        if member.definition is not None and definition is not None:
            self._definitions.setdefault(member.definition.fingerprint, definition)
        stored = self._missions.get(member.mission_id)
        was_stray = stored is not None and stored.is_stray
        if stored is None:
            stored = self._create(member)
        else:
            self._index.replace(stored.number, stored.summary, member.summary)
        stored.summary = member.summary
        stored.entries.extend(entries)
        self._index.replace_stray(stored.number, was=was_stray, is_now=stored.is_stray)
        for child_id in member.let_go:
            self._let_go(child_id)
        for wait in member.closed:
            known = stored.waits.pop(wait.event_name, None)
            if known is not None:
                self._index.remove_wait(known)
        for wait in member.opened:
            stored.waits[wait.event_name] = wait
            self._index.add_wait(wait)
        if member.schedule is not None:
            self._schedules[member.schedule.name] = member.schedule
        for answer in member.answers:
            self.post.answers[answer.request_id] = answer

    def _create(self, member: MissionCommit) -> _Stored:
        stored = _Stored(len(self._order), member.summary, is_awaited=True if member.is_awaited else None)
        self._missions[member.mission_id] = stored
        self._order.append(member.mission_id)
        self._index.replace(stored.number, None, member.summary)
        return stored

    def _let_go(self, child_id: str) -> None:
        child = self._missions.get(child_id)
        if child is not None and child.is_awaited:
            was_stray, child.is_awaited = child.is_stray, False
            self._index.replace_stray(child.number, was=was_stray, is_now=child.is_stray)

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
        parent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Sequence[MissionSummary]:
        """Return a page of summaries in order of creation."""
        self._check_open()
        return self._created(self._index.numbers.get((status, mission_name, parent_id), []), limit, after)

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

    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the children to be told of or cancelled, in order of creation."""
        self._check_open()
        return self._created(self._index.strays, limit, after)

    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: tuple[datetime, str, str] | None = None,
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits for signals, the longest open first."""
        self._check_open()
        places = self._index.waits.get((signal, mission_name), [])
        first = 0 if after is None else bisect_right(places, after)
        page = islice((places[at] for at in range(first, len(places))), limit)
        return [self._missions[mission_id].waits[name] for _, mission_id, name in page]

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules by name, each with the status of the mission that it started last."""
        self._check_open()
        return [(one, self._status(one.last_mission_id)) for _, one in sorted(self._schedules.items())]

    def _status(self, mission_id: str | None) -> MissionStatus | None:
        stored = None if mission_id is None else self._missions.get(mission_id)
        return None if stored is None else stored.summary.status

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        """Keep rows of schedules, in place of those of the same names."""
        self._check_open()
        with self.post.lock:
            self._schedules.update((row.name, row) for row in rows)

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form stored under `fingerprint`, or None."""
        self._check_open()
        text = self._definitions.get(fingerprint)
        return None if text is None else json.loads(text)

    def mailbox(self) -> OwnedMailbox | None:
        """Return the owner's side of the mailbox."""
        return MemoryOwnedMailbox(self.post)

    def entrance(self) -> Mailbox:
        """Return the mailbox for those who send."""
        return MemoryMailbox(self)

    def view(self) -> InMemoryAdapter:
        """Return an adapter that reads the same storage whether anybody owns it or not."""
        view = copy(self)
        view._owner = asyncio.get_running_loop()
        return view

    async def close(self) -> None:
        """Give the storage up; what it holds stays in this object."""
        self._owner = None

    def _created(self, numbers: Sequence[int], limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the missions with those numbers, which are sorted."""
        if after is None:
            return self._page((self._order[number] for number in numbers), limit)
        if after not in self._missions:
            return []
        first = bisect_right(numbers, self._missions[after].number)
        return self._page((self._order[numbers[at]] for at in range(first, len(numbers))), limit)

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


def _stale(member: MissionCommit, version: int) -> StaleMissionError:
    return StaleMissionError(
        f"mission {member.mission_id!r}: expected version {member.expected_version}, found {version}: another"
        " writer has changed it, and nothing was written; let one commander alone run missions on a storage",
        mission_id=member.mission_id,
    )


def _last_place(summary: MissionSummary) -> _Due | None:
    """Return the mission's place by due time; one that is not scheduled any more stands where it last changed."""
    instant = due_at(summary.waiting) if is_scheduled(summary) else summary.updated_at
    return None if instant is None else (instant, summary.mission_id)
