"""Adapters that do not tell, or tell too often, that something has changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from mission_control.core.history import MissionStatus, MissionSummary
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import EVERYTHING, CommitOutcome, MissionCommit, MissionQuery, MissionRows

from .memory import Memory


class NeverTellsAChange(Memory):
    async def change_token(self) -> str:
        return "the same"


class TellsAChangeAtEachLook(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.looks = count()

    async def change_token(self) -> str:
        return str(next(self.looks))


class TellsAChangeWhenListing(Memory):
    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        self.post.changes += 1
        return await super().list_missions(query, limit=limit, after=after)


class TellsAChangeOfWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.post.changes += len(batch)
        return await super().commit(batch)


class TellsAChangeOfNothing(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.post.changes += not batch
        return await super().commit(batch)


class TellsAChangeOfRowsThatWereNotWritten(Memory):
    async def rewrite(self, rows: MissionRows, /) -> bool:
        self.post.changes += 1
        return await super().rewrite(rows)


class TellsNewMissionsAlone(Memory):
    async def change_token(self) -> str:
        return str(len(self._missions))


class TellsNoSchedules(Memory):
    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        await super().record_schedules(rows)
        self.post.changes -= 1


class TellsNewSchedulesAlone(Memory):
    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        is_known = any(row.name in self._schedules for row in rows)
        await super().record_schedules(rows)
        self.post.changes -= is_known


class TellsNothingThatIsPutRight(Memory):
    async def rewrite(self, rows: MissionRows, /) -> bool:
        is_written = await super().rewrite(rows)
        self.post.changes -= is_written
        return is_written


class TellsNoPurge(Memory):
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
        changes = self.post.changes
        try:
            return await super().purge(
                before, statuses=statuses, mission_name=mission_name, limit=limit, request_id=request_id
            )
        finally:
            self.post.changes = changes


class CountsChangesAnew(Memory):
    async def bootstrap(self) -> None:
        await super().bootstrap()
        self.post.changes = 0
