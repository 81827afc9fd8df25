"""A read-only view of a database, for any process, also while another one runs the missions in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, TypeAlias, cast, get_args

from mission_control.core.commander import checked_limit, checked_status
from mission_control.core.definition import sought
from mission_control.core.errors import CorruptMissionError
from mission_control.core.history import MissionInspection, MissionStatus, MissionSummary
from mission_control.core.machine import inspect_history
from mission_control.core.payloads import found

from . import queries
from .failures import NotPreparedError
from .location import DatabasePath, check_place, locate
from .view import View
from .worker import Worker, end

_PAGE = 100
_POLL_SECONDS = 0.1

WhenMissing: TypeAlias = Literal["raise", "empty", "wait"]
"""What a reader does before the owner's first run: there is no file then, or nothing in it yet."""


class MissionReader:
    """What a database says now. Each call sees everything that was committed before it, and waits for no one."""

    def __init__(self, worker: Worker[View]) -> None:
        self._worker = worker

    async def inspect_mission(self, mission_id: str) -> MissionInspection | None:
        """Return all that is known of a mission, or None. Raises `CorruptMissionError` where it cannot be read."""
        (history,) = await self._worker.do(View.read, queries.load, [sought(mission_id, subject="a mission id")])
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
            View.read,
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
        return await self._worker.do(View.read, queries.list_scheduled, limit=checked_limit(limit), after=last_seen)

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
        return await self._worker.do(View.read, queries.load_definition, wanted)


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
