"""A third party's adapter, written from the protocol's docstrings: one line of JSON for each commit.

The file is read once, when it is opened; a line that a crash cut short was never a commit, and is cut off. Reads and
writes run on one thread, one after another.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
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
    is_scheduled,
)
from mission_control.core.history.records import due_at
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage.persistence import next_due_kind

T = TypeVar("T")
converter = make_converter()


@attrs.define
class Mission:
    """What the file says of one mission: the texts of its commits, its version, its row, its open waits, and more."""

    summary: MissionSummary
    version: int = 0
    is_awaited: bool | None = None
    commits: list[Any] = attrs.field(factory=list[Any])
    waits: dict[str, OpenWait] = attrs.field(factory=dict[str, OpenWait])


class JsonLinesAdapter:
    """A `PersistenceAdapter` over a file that only ever grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: IO[bytes] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._missions: dict[str, Mission] = {}
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
        self._missions, self._definitions, self._schedules = {}, {}, {}
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

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self._run(lambda: self._commit(batch))

    def _commit(self, batch: Sequence[MissionCommit]) -> Sequence[CommitOutcome]:
        created: set[str] = set()
        outcomes = [self._stale(member, created) for member in batch]
        written = [one for one, stale in zip(batch, outcomes, strict=True) if not stale]
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
            mission = self._missions.setdefault(
                form["mission_id"], Mission(summary, is_awaited=form["is_awaited"] or None)
            )
            mission.summary = summary
            mission.version += len(form["records"])
            mission.commits.append(form)
            if definition := form["definition"]:
                self._definitions.setdefault(definition["fingerprint"], json.dumps(definition["static"]))
            for closed in form["closed"]:
                mission.waits.pop(closed["event_name"], None)
            for wait in converter.structure(form["opened"], list[OpenWait]):
                mission.waits[wait.event_name] = wait
            for child_id in form["let_go"]:
                if (child := self._missions.get(child_id)) is not None and child.is_awaited:
                    child.is_awaited = False
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
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        parent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Sequence[MissionSummary]:
        def fits(row: MissionSummary) -> bool:
            named = mission_name in (None, row.mission_name) and parent_id in (None, row.parent_id)
            return named and status in (None, row.status)

        return await self._run(lambda: list(islice(filter(fits, self._following(after)), limit)))

    def _following(self, after: str | None) -> Iterator[MissionSummary]:
        rows = (mission.summary for mission in self._missions.values())
        return rows if after is None or any(row.mission_id == after for row in rows) else iter(())

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await self._run(lambda: self._scheduled(limit, after))

    def _scheduled(self, limit: int, after: str | None) -> Sequence[MissionSummary]:
        if after is not None and after not in self._missions:
            return []
        row = None if after is None else self._missions[after].summary
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
        return await self.list_missions(status=MissionStatus.RUNNING, limit=limit, after=after)

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

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        text = await self._run(lambda: self._definitions.get(fingerprint))
        return None if text is None else json.loads(text)

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
