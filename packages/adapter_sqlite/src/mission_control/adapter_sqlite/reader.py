"""A read-only view of a database, for any process, also while another one runs the missions in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from mission_control.core.commander import MissionReads, ReadPort, WaitPlace
from mission_control.core.definition import StoredDefinition
from mission_control.core.errors import CorruptMissionError
from mission_control.core.history import MissionInspection, MissionStatistics, MissionStatus, MissionSummary, OpenWait
from mission_control.core.machine import inspect_history
from mission_control.core.payloads import found
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import LoadOutcome, MissionQuery, Standing, StoredMission

from . import auditing, counting, definitions, listing, queries, schedules, waits
from .backups import Backup
from .failures import NotPreparedError
from .location import DatabasePath, check_place, locate
from .view import View
from .worker import Worker, end

_POLL_SECONDS = 0.1

WhenMissing: TypeAlias = Literal["raise", "empty", "wait"]
"""What a reader does before the owner's first run: there is no file then, or nothing in it yet."""


class MissionReader(MissionReads):
    """What a database says now. Each call sees everything that was committed before it, and waits for no one."""

    def __init__(self, worker: Worker[View], path: Path) -> None:
        self._reads = ViewPort(worker, path)

    async def _port(self) -> ReadPort:
        return self._reads


class ViewPort:
    """Answers from the database, on its thread."""

    def __init__(self, worker: Worker[View], path: Path) -> None:
        self._worker = worker
        self._path = path

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see, or None where there is no such mission."""
        (history,) = await self._worker.do(View.read, queries.load, [mission_id])
        if isinstance(history, CorruptMissionError):
            raise history
        return None if history is None else inspect_history(mission_id, history)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's row, or None."""
        return await self._worker.do(View.read, queries.load_summary, mission_id)

    async def list_missions(self, query: MissionQuery, /, *, limit: int, after: str | None) -> list[MissionSummary]:
        """Return a page of the missions that are looked for."""
        return await self._worker.do(View.read, listing.list_missions, query, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int, after: str | None) -> list[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        return await self._worker.do(View.read, queries.list_scheduled, limit=limit, after=after)

    async def due(self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None) -> list[MissionSummary]:
        """Return a page of what is due, the earliest first."""
        return await self._worker.do(View.read, queries.due, before, limit=limit, after=after)

    async def list_waits(
        self, *, signal: str | None, mission_name: str | None, limit: int, after: WaitPlace | None
    ) -> list[OpenWait]:
        """Return a page of the open waits for signals, with their schemas, the longest open first."""
        query = waits.list_waits_with_schemas
        return await self._worker.do(
            View.read, query, signal=signal, mission_name=mission_name, limit=limit, after=after
        )

    async def list_schedules(self) -> list[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules by name, each with the status of the mission that it started last."""
        return await self._worker.do(View.read, schedules.list_schedules)

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        return await self._worker.do(View.read, definitions.load_definition, fingerprint)

    async def list_definitions(self, *, mission_name: str | None) -> list[StoredDefinition]:
        """Return all definitions that there are, or those of a name, in the order in which they were stored."""
        return await self._worker.do(View.read, definitions.list_definitions, mission_name=mission_name)

    async def change_token(self) -> str:
        """Return a text that is another one after anything was committed."""
        return await self._worker.do(View.change_token)

    async def load(self, mission_ids: Sequence[str]) -> list[LoadOutcome]:
        """Return, for each id in order, the mission's whole history, or None where there is none."""
        return await self._worker.do(View.read, queries.load, mission_ids)

    async def statistics(self, now: datetime) -> MissionStatistics:
        """Return what there is, counted."""
        return await self._worker.do(View.read, counting.statistics, now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> list[Standing]:
        """Return where missions stand that have not ended, as far as their rows tell."""
        return await self._worker.do(View.read, counting.list_standing, mission_name=mission_name, limit=limit)

    async def list_unplaced(self, *, limit: int, after: str | None) -> list[MissionSummary]:
        """Return a page of the others that have not ended, in order of creation."""
        return await self._worker.do(View.read, listing.list_unplaced, limit=limit, after=after)

    async def audit(self, *, limit: int, after: str | None) -> list[StoredMission]:
        """Return a page of everything that is stored of missions, in order of creation."""
        return await self._worker.do(View.read, auditing.audit, limit=limit, after=after)

    async def backup(self, path: str) -> None:
        """Write a copy as of one instant to `path`, where nothing may be."""
        backup = Backup(self._path, path, partial(View, self._path, is_empty_when_missing=False))
        await backup.run(lambda worker, write: worker.do(View.read, write))


@asynccontextmanager
async def open_mission_reader(
    database_path: DatabasePath, *, missing: WhenMissing = "raise"
) -> AsyncGenerator[MissionReader]:
    """Open the database at `database_path` for reading, without its lock, and leaving no file beside it.

    Args:
        database_path: As for `create_sqlite_persistence_adapter`.
        missing: What to do where no commander has made the file, or finished making it. `raise`: `PersistenceError`.
            `empty`: answer that there are no missions, until there are. `wait`: wait here, as long as it takes.

    Raises `PersistenceError` where it is not a database of missions of this release, or its directory does not exist.
    """
    if missing not in get_args(WhenMissing):
        raise ValueError(f"missing: expected 'raise', 'empty' or 'wait', found {found(cast('object', missing))}")
    path = locate(database_path)
    check_place(path)
    worker = Worker("view of", path, partial(View, path, is_empty_when_missing=missing == "empty"), _nothing)
    try:
        await _until_it_can_be_read(worker, is_patient=missing == "wait")
        yield MissionReader(worker, path)
    finally:
        await end(worker.stop, worker)


async def _until_it_can_be_read(worker: Worker[View], *, is_patient: bool) -> None:
    while True:
        try:
            return await worker.do(View.read, _nothing)
        except NotPreparedError:
            if not is_patient:
                raise
        await asyncio.sleep(_POLL_SECONDS)


def _nothing(_: object = None) -> None:
    pass
