"""A read-only view of a database, for any process, also while another one runs the missions in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, TypeAlias, cast, get_args

from mission_control.core.commander import MissionReads, ReadPort, WaitPlace
from mission_control.core.errors import CorruptMissionError
from mission_control.core.history import MissionInspection, MissionStatus, MissionSummary, OpenWait
from mission_control.core.machine import inspect_history
from mission_control.core.payloads import found
from mission_control.core.schedules import StoredSchedule

from . import queries, schedules, waits
from .failures import NotPreparedError
from .location import DatabasePath, check_place, locate
from .view import View
from .worker import Worker, end

_POLL_SECONDS = 0.1

WhenMissing: TypeAlias = Literal["raise", "empty", "wait"]
"""What a reader does before the owner's first run: there is no file then, or nothing in it yet."""


class MissionReader(MissionReads):
    """What a database says now. Each call sees everything that was committed before it, and waits for no one."""

    def __init__(self, worker: Worker[View]) -> None:
        self._reads = ViewPort(worker)

    async def _port(self) -> ReadPort:
        return self._reads


class ViewPort:
    """Answers from the database, on its thread."""

    def __init__(self, worker: Worker[View]) -> None:
        self._worker = worker

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see, or None where there is no such mission."""
        (history,) = await self._worker.do(View.read, queries.load, [mission_id])
        if isinstance(history, CorruptMissionError):
            raise history
        return None if history is None else inspect_history(mission_id, history)

    async def list_missions(
        self,
        *,
        status: MissionStatus | None,
        mission_name: str | None,
        parent_id: str | None,
        limit: int,
        after: str | None,
    ) -> list[MissionSummary]:
        """Return a page, in order of creation."""
        return await self._worker.do(
            View.read,
            queries.list_missions,
            status=status,
            mission_name=mission_name,
            parent_id=parent_id,
            limit=limit,
            after=after,
        )

    async def list_scheduled(self, *, limit: int, after: str | None) -> list[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        return await self._worker.do(View.read, queries.list_scheduled, limit=limit, after=after)

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
        return await self._worker.do(View.read, queries.load_definition, fingerprint)


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
        yield MissionReader(worker)
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
