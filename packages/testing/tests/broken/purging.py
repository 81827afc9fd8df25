"""Adapters that purge too much, too little, or not all of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from mission_control.core import LoadOutcome, MissionStatus, StaleMissionError
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import Answer, CommitOutcome, MissionCommit
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.core.storage.memory_index import Index
from mission_control.core.storage.memory_purging import Purged
from mission_control.core.storage.memory_stored import Stored

from .memory import Memory

ENDS = (MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED)


class PurgesAtTheInstant(Memory):
    async def purge(self, before: datetime, /, **wanted: Any) -> int:
        return await super().purge(before + timedelta.resolution, **wanted)


class PurgesAnyStatus(Memory):
    async def purge(self, before: datetime, /, *, statuses: Sequence[MissionStatus], **wanted: Any) -> int:
        return await super().purge(before, statuses=ENDS, **wanted)


class PurgesAnyName(Memory):
    async def purge(self, before: datetime, /, *, mission_name: str | None = None, **wanted: Any) -> int:
        return await super().purge(before, **wanted)


class PurgesWithoutLimit(Memory):
    async def purge(self, before: datetime, /, *, limit: int, **wanted: Any) -> int:
        return await super().purge(before, limit=10_000, **wanted)


class PurgesTheFirstCreated(Memory):
    """Deletes in the order of creation."""

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
        count = 0
        for row in await self.rows():
            if count < limit and row.status.is_terminal and self._may_go(row.mission_id, statuses, mission_name):
                count += self._delete_family(row.mission_id, before)
        return count


class ForgetsHowFarItIs(Memory):
    """Purges for a request as for nobody."""

    async def purge(self, before: datetime, /, *, request_id: str | None = None, **wanted: Any) -> int:
        return await super().purge(before, **wanted)


class SaysThatAPurgeIsOver(Memory):
    """Answers a request where nobody has said that nothing else comes of it."""

    async def purge(self, before: datetime, /, *, request_id: str | None = None, **wanted: Any) -> int:
        count = await super().purge(before, request_id=request_id, **wanted)
        if request_id is not None:
            self.post.answers[request_id] = Answer(request_id=request_id, value=count)
        return count


class KeepsHistories(Memory):
    """Knows what it had of a mission that is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, LoadOutcome] = {}

    async def purge(self, before: datetime, /, **wanted: Any) -> int:
        for row in await self.rows():
            self.kept[row.mission_id] = await self.stored(row.mission_id)
        return await super().purge(before, **wanted)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        found = zip(mission_ids, await super().load(mission_ids), strict=True)
        return [self.kept.get(one) if history is None else history for one, history in found]


class RefusesUsedIds(KeepsHistories):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        stored = [await self.stored(member.mission_id) for member in batch]
        if any(one.mission_id in self.kept and it is None for one, it in zip(batch, stored, strict=True)):
            return [StaleMissionError("it was there", mission_id=member.mission_id) for member in batch]
        return await super().commit(batch)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        return await InMemoryAdapter.load(self, mission_ids)


class _ReusedNumbers(Index):
    def remove(self, stored: Stored) -> None:
        super().remove(stored)
        self._next = max((one.number for one in self.missions.values()), default=-1) + 1


class NumbersAgain(Memory):
    """Gives a new mission the place of the last one that is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._index = _ReusedNumbers()
        self._missions = self._index.missions


class ForgetsPlaces(Memory):
    async def purge(self, before: datetime, /, **wanted: Any) -> int:
        count = await super().purge(before, **wanted)
        self._purged = Purged()
        return count


class PurgesChildrenAlone(Memory):
    def _may_go(self, mission_id: str, statuses: Sequence[MissionStatus], mission_name: str | None) -> bool:
        row = self._missions[mission_id].summary if mission_id in self._missions else None
        return row is not None and row.status in statuses and mission_name in (None, row.mission_name)


class LeavesChildren(Memory):
    def _delete_family(self, mission_id: str, before: datetime) -> int:
        self._delete(self._missions[mission_id])
        return 1


class PurgesFamiliesThatLive(Memory):
    def _delete_family(self, mission_id: str, before: datetime) -> int:
        family = [mission_id]
        for member in family:
            family += self._children(member)
        for member in family:
            self._delete(self._missions[member])
        return len(family)

    def _children(self, mission_id: str) -> list[str]:
        rows = (stored.summary for stored in self._missions.values())
        return [row.mission_id for row in rows if row.parent_id == mission_id]


class KeepsOrphans(Memory):
    def _may_go(self, mission_id: str, statuses: Sequence[MissionStatus], mission_name: str | None) -> bool:
        may_go = super()._may_go(mission_id, statuses, mission_name)
        return may_go and self._missions[mission_id].summary.parent_id is None


class KeepsDefinitions(Memory):
    """Knows for good what it has once given out."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Any] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for one in batch:
            for definition in filter(None, (one.definition, *one.definitions)):
                form = await super().load_definition(definition.fingerprint)
                self.known.setdefault(definition.fingerprint, form)
        return outcomes

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        return await super().load_definition(fingerprint) or self.known.get(fingerprint)


class ForgetsLaterDefinitions(Memory):
    """Goes by the definition that a mission was created under."""

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for one in batch:
            stored = self._missions.get(one.mission_id)
            if stored is not None and one.expected_version and one.definition is not None:
                self._definitions.release(stored.named & {one.definition.fingerprint})
                stored.named.discard(one.definition.fingerprint)
        return outcomes


class TellsOfTheDeleted(Memory):
    """Knows how the last mission of a schedule has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str | None, MissionStatus | None] = {}

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        listed = await super().list_schedules()
        self.ends.update((row.last_mission_id, status) for row, status in listed if status is not None)
        return [(row, self.ends.get(row.last_mission_id)) for row, _ in listed]
