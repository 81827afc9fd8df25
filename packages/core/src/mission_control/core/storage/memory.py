"""Storage in memory: the adapter of a commander that is given no other.

Missions are dictionary entries; every listing is a page out of a sorted list of keys, found by bisection, so that
what it costs does not grow with the missions it passes over. Payloads are kept as JSON text, so what comes out is
what a file would give, and belongs to the caller.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ..definition import StoredDefinition
from ..errors import DatabaseInUseError, PersistenceError, StaleMissionError
from ..history import MissionStatistics, MissionStatus, MissionSummary, OpenWait, due_at, is_scheduled
from ..schedules import StoredSchedule
from .answers import Answer
from .mailbox import Mailbox, OwnedMailbox
from .memory_counting import standing, statistics
from .memory_index import EVERY, STRAY, UNPLACED, At, Facet, Index, places
from .memory_mailbox import Held, MemoryMailbox, MemoryOwnedMailbox, Post
from .memory_purging import Definitions, Purged
from .memory_stored import Encoded, Entry, Named, Stored, encoded
from .persistence import CommitOutcome, DueKind, MissionCommit
from .queries import EVERYTHING, MissionQuery
from .stored import LoadOutcome, MissionRows, Standing, StoredMission

_PORTION = 64
"""Missions that a purge looks at before others have their turn on the loop."""


class InMemoryAdapter:
    """A `PersistenceAdapter` whose storage is this object, and lives as long as it does.

    A commander owns it from `bootstrap` to `close`; a closed one's can be handed to a new commander, of another
    event loop too, which finds everything that was committed. Where an event loop ended without `close`, its
    commander owns the adapter no longer.
    """

    def __init__(self) -> None:
        self._owner: asyncio.AbstractEventLoop | None = None
        self._index = Index()
        self._missions: dict[str, Stored] = self._index.missions
        self._definitions = Definitions()
        self._purged = Purged()
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
        self.post.held = Held(self._owner, datetime.now(UTC))

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        """Append the records of many missions, each where its expected version is the stored one."""
        self._check_open()
        families = [[encoded(one) for one in member.family()] for member in batch]
        with self.post.lock:
            return [self._append(family) for family in families]

    def _append(self, family: Sequence[Encoded]) -> CommitOutcome:
        """Append what a member and its children add, unless one of them is stale."""
        expected: dict[str, int] = {}
        for member, _, _ in family:
            stored = self._missions.get(member.mission_id)
            version = expected.get(member.mission_id, 0 if stored is None else stored.version)
            if version != member.expected_version:
                return _stale(member, version)
            expected[member.mission_id] = member.records[-1].seq
        self.post.changes += 1
        for member, entries, named in family:
            self._append_one(member, entries, named)
        return None

    def _append_one(self, member: MissionCommit, entries: Iterable[Entry], named: Iterable[Named]) -> None:
        stored = self._missions.get(member.mission_id)
        if stored is None:
            stored = self._index.create(member.summary, member.ran_under, is_awaited=member.is_awaited)
        else:
            self._index.replace(stored, member.summary, member.ran_under)
        stored.entries.extend(entries)
        for definition in named:
            if definition.fingerprint not in stored.named:
                stored.named.add(definition.fingerprint)
                self._definitions.name(definition)
        for child_id in member.let_go:
            self._let_go(child_id)
        for child_id in member.awaited:
            self._await(child_id)
        self._change_waits(stored, member.closed, member.opened)
        if member.schedule is not None:
            self._schedules[member.schedule.name] = member.schedule
        for answer in member.answers:
            self.post.answers[answer.request_id] = answer

    def _let_go(self, child_id: str) -> None:
        child = self._missions.get(child_id)
        if child is not None and child.is_awaited:
            was, child.is_awaited = places(child), False
            self._index.move(child, was)

    def _await(self, child_id: str) -> None:
        child = self._missions[child_id]
        was, child.is_awaited = places(child), True
        self._index.move(child, was)

    def _change_waits(self, stored: Stored, closed: Iterable[OpenWait], opened: Iterable[OpenWait]) -> None:
        for wait in closed:
            known = stored.waits.pop(wait.event_name, None)
            if known is not None:
                self._index.remove_wait(known)
        for wait in opened:
            stored.waits[wait.event_name] = wait
            self._index.add_wait(wait)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        """Return each mission's history, or None."""
        self._check_open()
        found = (self._missions.get(mission_id) for mission_id in mission_ids)
        return [None if stored is None else stored.history() for stored in found]

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's summary, or None."""
        self._check_open()
        stored = self._missions.get(mission_id)
        return None if stored is None else stored.summary

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        """Return a page of what is looked for, in order of creation or against it."""
        self._check_open()
        number = self._number(after)
        return [] if number is None and after is not None else self._index.find(query, limit, number)

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the missions that wait for a timer or a retry, earliest due first."""
        self._check_open()
        place = None if after is None else self._place(after)
        return [] if place is None and after is not None else self._index.due_page("scheduled", limit, place)

    def _place(self, mission_id: str) -> At | None:
        """Return where a mission stands by due time, or stood; one that is not scheduled is where it last changed."""
        stored = self._missions.get(mission_id)
        if stored is None:
            instant = self._purged.ended_at(mission_id)
        else:
            instant = due_at(stored.summary.waiting) if is_scheduled(stored.summary) else stored.summary.updated_at
        return None if instant is None else (instant, mission_id)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        """Return a page of the missions that are due, earliest first."""
        self._check_open()
        return self._index.due_page("any", limit, after, self._index.count_until("any", before))

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        """Return the earliest due time later than `after`, or None."""
        self._check_open()
        queue = kind or "any"
        times = self._index.times.get(queue, [])
        first = 0 if after is None else self._index.count_until(queue, after)
        return times[first][0] if first < len(times) else None

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are running, in order of creation."""
        return self._page(("status", MissionStatus.RUNNING), limit, after)

    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the children to be told of or cancelled, in order of creation."""
        return self._page(STRAY, limit, after)

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
        found = self._index.waits.get((signal, mission_name), [])
        first = 0 if after is None else bisect_right(found, after)
        page = islice((found[at] for at in range(first, len(found))), limit)
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
            self.post.changes += 1
            self._schedules.update((row.name, row) for row in rows)

    async def statistics(self, now: datetime, /) -> MissionStatistics:
        """Return what there is at `now`, counted."""
        self._check_open()
        return statistics(self._index, now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return where missions stand that have not ended, as far as their rows tell."""
        self._check_open()
        return standing(self._index, mission_name, limit)

    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Return a page of the others that have not ended, in order of creation."""
        return self._page(UNPLACED, limit, after)

    async def audit(
        self, *, limit: int, after: str | None = None, mission_id: str | None = None
    ) -> Sequence[StoredMission]:
        """Return a page of missions with all that is stored of them, in order of creation."""
        self._check_open()
        if mission_id is not None:
            stored = self._missions.get(mission_id)
            return [] if stored is None else [stored.whole()]
        return [stored.whole() for stored in self._created(EVERY, limit, after)]

    async def rewrite(self, rows: MissionRows, /) -> bool:
        """Replace what is stored of a mission beside its history, where that has not gone on."""
        self._check_open()
        with self.post.lock:
            stored = self._missions.get(rows.summary.mission_id)
            if stored is None or stored.version != rows.version:
                return False
            self.post.changes += 1
            self._index.replace(stored, rows.summary, rows.ran_under)
            self._change_waits(stored, tuple(stored.waits.values()), rows.waits)
            return True

    async def purge(
        self,
        before: datetime,
        /,
        *,
        statuses: Sequence[MissionStatus],
        mission_name: str | None = None,
        limit: int,
        request_id: str | None = None,
    ) -> int:
        """Delete missions that ended before an instant, some families at a time."""
        known = None if request_id is None else self.post.answers.get(request_id)
        count, ended = known.value if known is not None else 0, self._index.times.get("ended", [])
        candidates = [mission_id for _, mission_id in ended[: bisect_left(ended, (before, ""))]]
        for start in range(0, len(candidates), _PORTION):
            self._check_open()
            with self.post.lock:
                for mission_id in candidates[start : start + _PORTION]:
                    if count < limit and self._may_go(mission_id, statuses, mission_name):
                        count += self._delete_family(mission_id, before)
                if request_id is not None:
                    self.post.answers[request_id] = Answer(request_id=request_id, value=count, is_final=False)
            await asyncio.sleep(0)
        return count

    def _may_go(self, mission_id: str, statuses: Sequence[MissionStatus], mission_name: str | None) -> bool:
        stored = self._missions.get(mission_id)
        if stored is None or stored.summary.parent_id in self._missions or stored.summary.status not in statuses:
            return False
        return mission_name is None or stored.summary.mission_name == mission_name

    def _delete_family(self, mission_id: str, before: datetime) -> int:
        """Delete a mission and all its children, unless one has not ended by then; return how many."""
        family = [self._missions[mission_id]]
        for member in family:
            family += self._index.page(("parent", member.summary.mission_id), len(self._missions), None)
        if not all(member.ended_before(before) for member in family):
            return 0
        for member in family:
            self._delete(member)
        return len(family)

    def _delete(self, stored: Stored) -> None:
        summary = stored.summary
        self.post.changes += 1
        self._change_waits(stored, tuple(stored.waits.values()), ())
        self._index.remove(stored)
        self._definitions.release(stored.named)
        self._purged.add(summary.mission_id, stored.number, summary.updated_at, datetime.now(UTC))

    async def backup(self, path: str, /) -> None:
        """Raise `PersistenceError`: there is no file."""
        raise PersistenceError(
            f"{path}: these missions are in memory alone, and there is no file to copy: use"
            " mission_control.adapter_sqlite.create_sqlite_persistence_adapter(), or export missions one by one"
        )

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form stored under `fingerprint`, or None."""
        self._check_open()
        known = self._definitions.kept.get(fingerprint)
        return None if known is None else json.loads(known.text)

    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        """Return all definitions that there are, or those of a name, in the order in which they were stored."""
        self._check_open()
        return [one.fresh() for one in self._definitions.kept.values() if mission_name in (None, one.name)]

    async def change_token(self) -> str:
        """Return how often anything was committed."""
        self._check_open()
        return str(self.post.changes)

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
        self._owner = self.post.held = None

    def _page(self, facet: Facet, limit: int, after: str | None) -> list[MissionSummary]:
        self._check_open()
        return [stored.summary for stored in self._created(facet, limit, after)]

    def _created(self, facet: Facet, limit: int, after: str | None) -> list[Stored]:
        """Return a page of the missions that have a facet, in order of creation."""
        number = self._number(after)
        return [] if number is None and after is not None else self._index.page(facet, limit, number)

    def _number(self, mission_id: str | None) -> int | None:
        """Return where a mission stands in the order of creation, or stood."""
        if mission_id is None:
            return None
        stored = self._missions.get(mission_id)
        return self._purged.number(mission_id) if stored is None else stored.number

    def _check_open(self) -> None:
        if self._owner is None:
            raise PersistenceError("this in-memory storage is not open: await bootstrap() first")


def _stale(member: MissionCommit, version: int) -> StaleMissionError:
    return StaleMissionError(
        f"mission {member.mission_id!r}: expected version {member.expected_version}, found {version}: another"
        " writer has changed it, and nothing was written; let one commander alone run missions on a storage",
        mission_id=member.mission_id,
    )
