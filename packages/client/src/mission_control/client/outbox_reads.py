"""What a database says of its missions, to a process that only sends: read from the file, whoever owns it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mission_control.core import (
    MissionInspection,
    MissionQuery,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    OpenWait,
    Owner,
    RefusedRequest,
    Standing,
    StoredDefinition,
    StoredMission,
)
from mission_control.core.commander import WaitPlace
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import LoadOutcome, Outbox


class OutboxReads:
    """A `ReadPort` of what an outbox reads."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def list_refused(self, *, limit: int, after: str | None) -> Sequence[RefusedRequest]:
        """Return a page of what was refused, the newest first."""
        return await self._outbox.list_refused(limit=limit, after=after)

    async def owner(self) -> Owner | None:
        """Return who owns the storage now, or None."""
        return await self._outbox.owner()

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see, or None where there is no such mission."""
        return await self._outbox.inspect(mission_id)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's row, or None."""
        return await self._outbox.load_summary(mission_id)

    async def list_missions(self, query: MissionQuery, /, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are looked for."""
        return await self._outbox.list_missions(query, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        return await self._outbox.list_scheduled(limit=limit, after=after)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None
    ) -> Sequence[MissionSummary]:
        """Return a page of what is due, the earliest first."""
        return await self._outbox.due(before, limit=limit, after=after)

    async def list_waits(
        self, *, signal: str | None, mission_name: str | None, limit: int, after: WaitPlace | None
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits for signals, with their schemas, the longest open first."""
        return await self._outbox.list_waits(signal=signal, mission_name=mission_name, limit=limit, after=after)

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules by name, each with the status of the mission that it started last."""
        return await self._outbox.list_schedules()

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        return await self._outbox.load_definition(fingerprint)

    async def list_definitions(self, *, mission_name: str | None) -> Sequence[StoredDefinition]:
        """Return all definitions that there are, or those of a name, in the order in which they were stored."""
        return await self._outbox.list_definitions(mission_name=mission_name)

    async def change_token(self) -> str:
        """Return a text that is another one after anything was committed."""
        return await self._outbox.change_token()

    async def load(self, mission_ids: Sequence[str]) -> Sequence[LoadOutcome]:
        """Return, for each id in order, the mission's whole history, or None where there is none."""
        return await self._outbox.load(mission_ids)

    async def statistics(self, now: datetime) -> MissionStatistics:
        """Return what there is, counted."""
        return await self._outbox.statistics(now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return where missions stand that have not ended, as far as their rows tell."""
        return await self._outbox.list_standing(mission_name=mission_name, limit=limit)

    async def list_unplaced(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the others that have not ended, in order of creation."""
        return await self._outbox.list_unplaced(limit=limit, after=after)

    async def audit(self, *, limit: int, after: str | None) -> Sequence[StoredMission]:
        """Return a page of everything that is stored of missions, in order of creation."""
        return await self._outbox.audit(limit=limit, after=after)

    async def backup(self, path: str) -> None:
        """Write a copy as of one instant to `path`, where nothing may be."""
        await self._outbox.backup(path)
