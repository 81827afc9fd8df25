"""A read-only view of a database, for any process, also while another one runs the missions in it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from mission_control.core.embedded import checked_limit, checked_status
from mission_control.core.errors import CorruptMissionError
from mission_control.core.inspection import inspect_history
from mission_control.core.names import sought
from mission_control.core.records import MissionInspection, MissionStatus, MissionSummary

from . import queries
from .location import DatabasePath, check_exists, locate
from .opening import open_for_reading
from .worker import Worker, end

_PAGE = 100


class MissionReader:
    """What a database says now. Each call sees everything that was committed before it, and waits for no one."""

    def __init__(self, worker: Worker[sqlite3.Connection]) -> None:
        self._worker = worker

    async def inspect_mission(self, mission_id: str) -> MissionInspection | None:
        """Return all that is known of a mission, or None. Raises `CorruptMissionError` where it cannot be read."""
        (history,) = await self._worker.do(queries.load, [sought(mission_id, subject="a mission id")])
        if isinstance(history, CorruptMissionError):
            raise history
        return None if history is None else inspect_history(mission_id, history)

    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        limit: int = _PAGE,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, those behind the mission `after`."""
        return await self._worker.do(
            queries.list_missions,
            status=checked_status(status),
            mission_name=None if mission_name is None else sought(mission_name, subject="mission_name"),
            limit=checked_limit(limit),
            after=None if after is None else sought(after, subject="after"),
        )

    async def list_waiting(self, *, limit: int = _PAGE, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` waiting missions in order of creation, those behind the mission `after`."""
        return await self.list_missions(status=MissionStatus.WAITING, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int = _PAGE, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, earliest due first."""
        last_seen = None if after is None else sought(after, subject="after")
        return await self._worker.do(queries.list_scheduled, limit=checked_limit(limit), after=last_seen)

    async def iter_missions(
        self, *, status: MissionStatus | None = None, mission_name: str | None = None
    ) -> AsyncIterator[MissionSummary]:
        """Yield every mission in order of creation, read page by page."""
        after: str | None = None
        while page := await self.list_missions(status=status, mission_name=mission_name, after=after):
            for summary in page:
                yield summary
            after = page[-1].mission_id

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that ran, by its fingerprint, or None."""
        wanted = sought(fingerprint, subject="a definition's fingerprint")
        return await self._worker.do(queries.load_definition, wanted)


@asynccontextmanager
async def open_mission_reader(database_path: DatabasePath) -> AsyncGenerator[MissionReader]:
    """Open the database at `database_path` for reading, without its lock.

    Raises `PersistenceError` where there is no such file, or it is not a database of missions of this release.
    """
    path = locate(database_path)
    check_exists(path)
    worker = Worker("view of", path, partial(open_for_reading, path), _nothing)
    try:
        await worker.do(_nothing)
        yield MissionReader(worker)
    finally:
        await end(worker.stop, worker)


def _nothing(_: object = None) -> None:
    pass
