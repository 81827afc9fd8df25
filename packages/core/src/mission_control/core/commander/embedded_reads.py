"""What can be read of missions, answered by storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from ..definition import StoredDefinition
from ..errors import CorruptMissionError
from ..history import MissionInspection, MissionStatistics, MissionStatus, MissionSummary, OpenWait
from ..machine import inspect_history
from ..schedules import StoredSchedule
from ..storage import LoadOutcome, MissionQuery, PersistenceAdapter, Standing, StoredMission, WaitPlace
from .registry import Registry


class EmbeddedReads:
    """A `ReadPort` of the storage of one commander that is open."""

    def __init__(self, adapter: PersistenceAdapter, registry: Registry) -> None:
        self._adapter = adapter
        self._registry = registry

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's row, or None."""
        return await self._adapter.load_summary(mission_id)

    async def list_missions(self, query: MissionQuery, /, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are looked for."""
        return await self._adapter.list_missions(query, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        return await self._adapter.list_scheduled(limit=limit, after=after)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None
    ) -> Sequence[MissionSummary]:
        """Return a page of what is due, the earliest first."""
        return await self._adapter.due(before, limit=limit, after=after)

    async def list_waits(
        self, *, signal: str | None, mission_name: str | None, limit: int, after: WaitPlace | None
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits, with the schemas of the definitions that are registered."""
        page = await self._adapter.list_waits(signal=signal, mission_name=mission_name, limit=limit, after=after)
        return [attrs.evolve(wait, schema=self._schema(wait)) for wait in page]

    def _schema(self, wait: OpenWait) -> dict[str, Any] | None:
        definition = self._registry.definitions.get(wait.mission_name)
        payload = None if definition is None else definition.input_type(wait.event_name)
        return None if payload is None else payload.json_schema

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return all schedules that storage knows, by name, each with the status of its last mission."""
        return await self._adapter.list_schedules()

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        return await self._adapter.load_definition(fingerprint)

    async def list_definitions(self, *, mission_name: str | None) -> Sequence[StoredDefinition]:
        """Return all definitions that there are, or those of a name, in the order in which they were stored."""
        return await self._adapter.list_definitions(mission_name=mission_name)

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see of a mission, or None where there is none."""
        (outcome,) = await self._adapter.load([mission_id])
        if isinstance(outcome, CorruptMissionError):
            raise outcome
        return None if outcome is None else inspect_history(mission_id, outcome)

    async def change_token(self) -> str:
        """Return a text that is another one after anything was committed."""
        return await self._adapter.change_token()

    # All missions at once

    async def load(self, mission_ids: Sequence[str]) -> Sequence[LoadOutcome]:
        """Return, for each id in order, the mission's whole history, or None where there is none."""
        return await self._adapter.load(mission_ids)

    async def statistics(self, now: datetime) -> MissionStatistics:
        """Return what there is, counted."""
        return await self._adapter.statistics(now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return where missions stand that have not ended, as far as their rows tell."""
        return await self._adapter.list_standing(mission_name=mission_name, limit=limit)

    async def list_unplaced(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the others that have not ended, in order of creation."""
        return await self._adapter.list_unplaced(limit=limit, after=after)

    async def audit(self, *, limit: int, after: str | None) -> Sequence[StoredMission]:
        """Return a page of everything that is stored of missions, in order of creation."""
        return await self._adapter.audit(limit=limit, after=after)

    async def backup(self, path: str) -> None:
        """Write a copy as of one instant to `path`, where nothing may be."""
        await self._adapter.backup(path)
