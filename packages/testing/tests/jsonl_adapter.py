"""A third party's adapter, written from the protocol's docstrings: one line of JSON for each commit.

The file is read once, when it is opened; a line that a crash cut short was never a commit, and is cut off. Reads and
writes run on one thread, one after another.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain, islice
from os import fsync
from pathlib import Path
from typing import IO, Any, TypeVar

import attrs
from cattrs.preconf.json import make_converter

from mission_control.core import (
    CommitOutcome,
    DatabaseInUseError,
    DueKind,
    LoadOutcome,
    MissionCommit,
    MissionStatus,
    MissionSummary,
    OpenWait,
    PersistenceError,
    StaleMissionError,
    StoredDefinition,
    is_scheduled,
)
from mission_control.core.history import (
    FailureCount,
    HourCount,
    MissionCount,
    MissionStatistics,
    WaitCount,
    due_at,
    hour_of,
    last_hours,
)
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import EVERYTHING, MissionQuery, MissionRows, Standing, StoredMission, next_due_kind

T = TypeVar("T")
converter = make_converter()


def _definition(text: str) -> StoredDefinition:
    return converter.structure(json.loads(text), StoredDefinition)


@attrs.define
class Mission:
    """What the file says of one mission: the texts of its commits, its version, its row, its open waits, and more."""

    number: int
    summary: MissionSummary
    version: int = 0
    is_awaited: bool | None = None
    commits: list[Any] = attrs.field(factory=list[Any])
    waits: dict[str, OpenWait] = attrs.field(factory=dict[str, OpenWait])
    definitions: set[str] = attrs.field(factory=set[str])
    ran_under: str | None = None


def fits(row: MissionSummary, query: MissionQuery) -> bool:
    """Return whether a query looks for the mission."""
    asked: dict[str, str | None] = {
        "mission_name": row.mission_name,
        "parent_id": row.parent_id,
        "schedule": row.schedule,
        "error": None if row.error is None else row.error.code,
    }
    return (
        all(getattr(query, name) in (None, own) for name, own in asked.items())
        and (not query.statuses or row.status in query.statuses)
        and query.labels.items() <= row.labels.items()
        and row.mission_id.startswith(query.id_prefix or "")
        and (query.since is None or (row.created_at is not None and row.created_at >= query.since))
        and (query.until is None or (row.created_at is not None and row.created_at < query.until))
    )


def _failures(rows: Iterable[MissionSummary]) -> tuple[FailureCount, ...]:
    kinds = Counter(
        (row.error.code, row.error.type, None if row.cursor is None else re.sub(r"\[\d+\]", "[]", row.cursor))
        for row in rows
        if row.error is not None
    )
    return tuple(
        FailureCount(code=code, type=type_name, node=node, count=count)
        for (code, type_name, node), count in kinds.most_common()
    )


class JsonLinesAdapter:
    """A `PersistenceAdapter` over a file that only ever grows: what is purged from it is only forgotten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: IO[bytes] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._missions: dict[str, Mission] = {}
        self._gone: dict[str, Mission] = {}
        self._created = 0
        self._definitions: dict[str, str] = {}
        self._schedules: dict[str, StoredSchedule] = {}

    async def bootstrap(self) -> None:
        lock = self._path.with_suffix(".lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DatabaseInUseError(f"{self._path} is open for another commander: close that one first") from None
        self._lock, self._thread = lock, ThreadPoolExecutor(1)
        self._missions, self._gone, self._created = {}, {}, 0
        self._definitions, self._schedules = {}, {}
        await self._run(self._read)

    def _read(self) -> None:
        self._path.touch()
        with self._path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(file.tell() - len(line))
                    break
                self._read_line(json.loads(line))

    def _read_line(self, form: dict[str, list[Any]]) -> None:
        self._apply(form.get("commits", []))
        self._keep(form.get("schedules", []))
        self._put(form.get("rewritten", []))
        self._drop(form.get("purged", []))

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self._run(lambda: self._commit(batch))

    def _commit(self, batch: Sequence[MissionCommit]) -> Sequence[CommitOutcome]:
        created: set[str] = set()
        outcomes = [self._stale(member, created) for member in batch]
        written = [one for one, stale in zip(batch, outcomes, strict=True) if not stale]
        if written:
            self._append({"commits": converter.unstructure(written)})
        return outcomes

    def _append(self, form: dict[str, list[Any]]) -> None:
        line = json.dumps(form)
        with self._path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            fsync(file.fileno())
        self._read_line(json.loads(line))

    def _stale(self, member: MissionCommit, created: set[str]) -> CommitOutcome:
        """Return why the member cannot be written, or note the missions that it creates."""
        new: set[str] = set()
        for one in member.family():
            known = self._missions.get(one.mission_id)
            version = known.version if known else 0
            if version != one.expected_version or one.mission_id in created | new:
                text = f"{one.mission_id!r} is at {version}, not at {one.expected_version}"
                return StaleMissionError(text, mission_id=one.mission_id)
            new.add(one.mission_id)
        created |= new
        return None

    def _apply(self, batch: list[Any]) -> None:
        for form in batch:
            summary = converter.structure(form["summary"], MissionSummary)
            mission = self._missions.get(form["mission_id"])
            if mission is None:
                self._created += 1
                mission = Mission(self._created, summary, is_awaited=form["is_awaited"] or None)
                self._missions[form["mission_id"]] = mission
            mission.summary, mission.ran_under = summary, form["ran_under"]
            mission.version += len(form["records"])
            mission.commits.append(form)
            for definition in filter(None, (form["definition"], *form["definitions"])):
                stored = {**definition, "stored_at": form["records"][0]["at"]}
                self._definitions.setdefault(definition["fingerprint"], json.dumps(stored))
                mission.definitions.add(definition["fingerprint"])
            for closed in form["closed"]:
                mission.waits.pop(closed["event_name"], None)
            for wait in converter.structure(form["opened"], list[OpenWait]):
                mission.waits[wait.event_name] = wait
            for child_id in form["let_go"]:
                if (child := self._missions.get(child_id)) is not None and child.is_awaited:
                    child.is_awaited = False
            for child_id in form["awaited"]:
                self._missions[child_id].is_awaited = True
            if form["schedule"] is not None:
                self._keep([form["schedule"]])
            self._apply(form["children"])

    def _keep(self, forms: list[Any]) -> None:
        for schedule in converter.structure(forms, list[StoredSchedule]):
            self._schedules[schedule.name] = schedule

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        return await self._run(lambda: [self._history(mission_id) for mission_id in mission_ids])

    def _history(self, mission_id: str) -> LoadOutcome:
        if (mission := self._missions.get(mission_id)) is None:
            return None
        commits = converter.structure(json.loads(json.dumps(mission.commits)), list[MissionCommit])
        return tuple(record for commit in commits for record in commit.records)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        return await self._run(lambda: mission.summary if (mission := self._missions.get(mission_id)) else None)

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        return await self._run(lambda: list(islice((row for row in self._found(query, after)), limit)))

    def _found(self, query: MissionQuery, after: str | None) -> Iterator[MissionSummary]:
        rows = self._preceding(after) if query.newest_first else self._following(after)
        return (row for row in rows if fits(row, query))

    def _preceding(self, before: str | None) -> Iterator[MissionSummary]:
        number = self._created + 1 if before is None else self._number(before)
        newest = reversed(self._missions.values())
        return (mission.summary for mission in newest if number is not None and mission.number < number)

    def _following(self, after: str | None) -> Iterator[MissionSummary]:
        number = 0 if after is None else self._number(after)
        return (
            mission.summary for mission in self._missions.values() if number is not None and mission.number > number
        )

    def _number(self, mission_id: str) -> int | None:
        mission = self._missions.get(mission_id) or self._gone.get(mission_id)
        return None if mission is None else mission.number

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await self._run(lambda: self._scheduled(limit, after))

    def _scheduled(self, limit: int, after: str | None) -> Sequence[MissionSummary]:
        seen = None if after is None else self._missions.get(after) or self._gone.get(after)
        if after is not None and seen is None:
            return []
        row = None if seen is None else seen.summary
        instant = None if row is None else due_at(row.waiting) if is_scheduled(row) else row.updated_at
        place = None if row is None or instant is None else (instant, row.mission_id)
        rows = self._by_time(lambda one: due_at(one.waiting) if is_scheduled(one) else None)
        return [one for key, one in rows if place is None or key > place][:limit]

    def _due(self) -> list[tuple[tuple[datetime, str], MissionSummary]]:
        return self._by_time(lambda row: row.next_due)

    def _by_time(
        self, time: Callable[[MissionSummary], datetime | None]
    ) -> list[tuple[tuple[datetime, str], MissionSummary]]:
        rows = [mission.summary for mission in self._missions.values()]
        return sorted(((at, row.mission_id), row) for row in rows if (at := time(row)) is not None)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        def is_due(place: tuple[datetime, str]) -> bool:
            return place[0] <= before and (after is None or place > after)

        return await self._run(lambda: [row for place, row in self._due() if is_due(place)][:limit])

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        def counts(at: datetime, row: MissionSummary) -> bool:
            return (after is None or at > after) and kind in (None, next_due_kind(row))

        return await self._run(lambda: next((at for (at, _), row in self._due() if counts(at, row)), None))

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await self.list_missions(MissionQuery(statuses=(MissionStatus.RUNNING,)), limit=limit, after=after)

    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        def is_stray(row: MissionSummary) -> bool:
            return self._missions[row.mission_id].is_awaited is row.status.is_terminal

        return await self._run(lambda: list(islice(filter(is_stray, self._following(after)), limit)))

    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: tuple[datetime, str, str] | None = None,
    ) -> Sequence[OpenWait]:
        def fits(wait: OpenWait) -> bool:
            return signal in (None, wait.signal) and mission_name in (None, wait.mission_name)

        def listed() -> Sequence[OpenWait]:
            waits = filter(fits, chain.from_iterable(mission.waits.values() for mission in self._missions.values()))
            places = sorted(((wait.since, wait.mission_id, wait.event_name), wait) for wait in waits)
            return [wait for place, wait in places if after is None or place > after][:limit]

        return await self._run(listed)

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        def status(mission_id: str | None) -> MissionStatus | None:
            mission = None if mission_id is None else self._missions.get(mission_id)
            return None if mission is None else mission.summary.status

        return await self._run(
            lambda: [(one, status(one.last_mission_id)) for _, one in sorted(self._schedules.items())]
        )

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        await self._run(lambda: self._append({"schedules": converter.unstructure(list(rows))}))

    async def statistics(self, now: datetime, /) -> MissionStatistics:
        return await self._run(lambda: self._statistics(now))

    def _statistics(self, now: datetime) -> MissionStatistics:
        rows = [mission.summary for mission in self._missions.values()]
        due = [row.next_due for row in rows if row.next_due is not None]
        missions = Counter((row.mission_name, row.status) for row in rows)
        ended = [(row.updated_at, row) for row in rows if row.status.is_terminal and row.updated_at is not None]
        failed = [(at, row) for at, row in ended if row.status is MissionStatus.FAILED]
        recent = [row for at, row in failed if at >= now - timedelta(days=1)]
        ends = Counter((hour_of(at), row.status) for at, row in ended)
        starts = Counter(hour_of(row.created_at) for row in rows if row.created_at is not None)
        waits: defaultdict[str, list[datetime]] = defaultdict(list)
        for wait in chain.from_iterable(mission.waits.values() for mission in self._missions.values()):
            waits[wait.signal].append(wait.since)
        return MissionStatistics(
            at=now,
            missions=tuple(
                MissionCount(mission_name=name, status=status, count=count)
                for (name, status), count in sorted(missions.items())
            ),
            waits=tuple(
                WaitCount(signal=name, count=len(since), oldest=min(since)) for name, since in sorted(waits.items())
            ),
            failures=_failures(row for _, row in failed),
            recent_failures=_failures(recent),
            hours=tuple(
                HourCount(
                    hour=hour,
                    started=starts[hour],
                    completed=ends[hour, MissionStatus.COMPLETED],
                    failed=ends[hour, MissionStatus.FAILED],
                    cancelled=ends[hour, MissionStatus.CANCELLED],
                )
                for hour in last_hours(now)
            ),
            due_within_hour=sum(now <= at < now + timedelta(hours=1) for at in due),
            overdue=sum(at < now for at in due),
        )

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        return await self._run(lambda: self._standing(mission_name, limit))

    def _standing(self, mission_name: str | None, limit: int | None) -> Sequence[Standing]:
        groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        newest = (mission.summary for mission in reversed(self._missions.values()))
        live = (row for row in newest if not row.status.is_terminal and mission_name in (None, row.mission_name))
        for row in islice(live, limit):
            ran_under = self._missions[row.mission_id].ran_under
            if ran_under is not None and row.cursor is not None:
                groups[row.mission_name, ran_under, row.cursor].append(row.mission_id)
        return [
            Standing(mission_name=name, fingerprint=fingerprint, cursor=cursor, count=len(ids), examples=tuple(ids[:5]))
            for (name, fingerprint, cursor), ids in sorted(groups.items())
        ]

    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        def is_unplaced(row: MissionSummary) -> bool:
            return self._missions[row.mission_id].ran_under is None and not row.status.is_terminal

        return await self._run(lambda: list(islice(filter(is_unplaced, self._following(after)), limit)))

    async def audit(
        self, *, limit: int, after: str | None = None, mission_id: str | None = None
    ) -> Sequence[StoredMission]:
        def stored(row: MissionSummary) -> StoredMission:
            mission, history = self._missions[row.mission_id], self._history(row.mission_id)
            assert isinstance(history, tuple)
            rows = MissionRows(
                summary=row, version=mission.version, ran_under=mission.ran_under, waits=tuple(mission.waits.values())
            )
            return StoredMission(mission_id=row.mission_id, history=history, rows=rows)

        def fits(row: MissionSummary) -> bool:
            return mission_id in (None, row.mission_id)

        return await self._run(lambda: list(map(stored, islice(filter(fits, self._following(after)), limit))))

    async def rewrite(self, rows: MissionRows, /) -> bool:
        return await self._run(lambda: self._rewrite(rows))

    def _rewrite(self, rows: MissionRows) -> bool:
        mission = self._missions.get(rows.summary.mission_id)
        is_latest = mission is not None and mission.version == rows.version
        if is_latest:
            self._append({"rewritten": converter.unstructure([rows])})
        return is_latest

    def _put(self, forms: list[Any]) -> None:
        for rows in converter.structure(forms, list[MissionRows]):
            mission = self._missions[rows.summary.mission_id]
            mission.summary, mission.ran_under = rows.summary, rows.ran_under
            mission.waits = {wait.event_name: wait for wait in rows.waits}

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
        def is_wanted(row: MissionSummary) -> bool:
            named = mission_name in (None, row.mission_name) and row.status in statuses
            return named and row.parent_id not in self._missions

        return await self._run(lambda: self._purge(before, is_wanted, limit))

    def _purge(self, before: datetime, is_wanted: Callable[[MissionSummary], bool], limit: int) -> int:
        gone: list[str] = []
        for _, root in self._by_time(lambda row: row.updated_at if row.status.is_terminal else None):
            family = [root]
            for member in family:
                rows = (mission.summary for mission in self._missions.values())
                family += [row for row in rows if row.parent_id == member.mission_id]
            ended = [row.updated_at for row in family if row.status.is_terminal]
            is_over = len(ended) == len(family) and all(at is not None and at < before for at in ended)
            if len(gone) < limit and is_wanted(root) and is_over:
                gone += [row.mission_id for row in family]
        self._append({"purged": list(gone)})
        return len(gone)

    def _drop(self, mission_ids: list[str]) -> None:
        self._gone.update((mission_id, self._missions.pop(mission_id)) for mission_id in mission_ids)
        named = set(chain.from_iterable(mission.definitions for mission in self._missions.values()))
        for fingerprint in self._definitions.keys() - named if mission_ids else ():
            del self._definitions[fingerprint]

    async def backup(self, path: str, /) -> None:
        raise PersistenceError(f"{path}: nothing is copied here: copy {self._path} yourself")

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        text = await self._run(lambda: self._definitions.get(fingerprint))
        return None if text is None else dict(_definition(text).static)

    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        forms = await self._run(lambda: list(self._definitions.values()))
        return [one for one in map(_definition, forms) if mission_name in (None, one.name)]

    async def change_token(self) -> str:
        return await self._run(lambda: str(self._path.stat().st_size))

    def mailbox(self) -> None:
        return None

    async def close(self) -> None:
        thread, lock, self._thread, self._lock = self._thread, self._lock, None, None
        if thread is not None and lock is not None:
            thread.shutdown()
            lock.close()

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise PersistenceError(f"{self._path} is not open: bootstrap the adapter first")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
