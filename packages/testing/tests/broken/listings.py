"""Adapters that list the wrong missions, in the wrong order, or too many."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mission_control.core.history.records import MissionStatus, MissionSummary
from mission_control.core.storage import EVERYTHING, MissionQuery
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit

from ..jsonl_adapter import fits
from .memory import Memory


class Listing(Memory):
    """Lists with its own order, filters and pages."""

    async def order(self) -> list[MissionSummary]:
        return await self.rows()

    async def ordered(self, query: MissionQuery) -> list[MissionSummary]:
        """Return all rows, in the order that is asked for."""
        rows = await self.order()
        return rows[::-1] if query.newest_first else rows

    def position(self, rows: list[MissionSummary], after: str | None) -> int:
        """Return the place of the first row to list."""
        ids = [row.mission_id for row in rows]
        if after is None or after in ids:
            return 0 if after is None else ids.index(after) + 1
        number = self._purged.number(after)
        return len(rows) if number is None else sum(self._missions[one].number < number for one in ids)

    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return fits(row, query)

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        rows = await self.ordered(query)
        return [one for one in rows[self.position(rows, after) :] if self.fits(one, query)][:limit]


class Asking(Listing):
    """Looks for something else than it was asked for."""

    def asked(self, query: MissionQuery) -> MissionQuery:
        return query

    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, self.asked(query))


class ListsById(Listing):
    async def order(self) -> list[MissionSummary]:
        return sorted(await self.rows(), key=lambda row: row.mission_id)


class ListsByTheLastChange(Listing):
    async def order(self) -> list[MissionSummary]:
        return sorted(await self.rows(), key=lambda row: str(row.updated_at))


class ListsBatchesById(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        names = sorted(member.mission_id for member in batch)
        if len(set(names)) < 10:
            return await super().commit(batch)
        return await super().commit(sorted(batch, key=lambda member: member.mission_id))


class ListsWithoutLimit(Listing):
    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        return await super().list_missions(query, limit=10_000, after=after)


class ListsFromTheStart(Listing):
    def position(self, rows: list[MissionSummary], after: str | None) -> int:
        return 0 if after in [row.mission_id for row in rows] else super().position(rows, after)


class ListsAfterTheUnknown(Listing):
    def position(self, rows: list[MissionSummary], after: str | None) -> int:
        return super().position(rows, after) if after in [row.mission_id for row in rows] else 0


class ListsTheLastOneAgain(Listing):
    def position(self, rows: list[MissionSummary], after: str | None) -> int:
        return super().position(rows, after) - (
            0 if after is None or after not in [row.mission_id for row in rows] else 1
        )


class FiltersAfterPaging(Listing):
    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        page = await super().list_missions(MissionQuery(newest_first=query.newest_first), limit=limit, after=after)
        return [one for one in page if self.fits(one, query)]


class PagesWithinTheFilter(Listing):
    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        rows = [one for one in await self.ordered(query) if self.fits(one, query)]
        return rows[self.position(rows, after) :][:limit]


class IgnoresTheStatus(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, statuses=())


class IgnoresTheName(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, mission_name=None)


class IgnoresTheParent(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, parent_id=None)


class TakesGrandchildrenForChildren(IgnoresTheParent):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and (row.parent_id or "").startswith(query.parent_id or "")


class MatchesNamesLoosely(IgnoresTheName):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        name = (query.mission_name or "").lower()
        return super().fits(row, query) and row.mission_name.lower().startswith(name)


class TakesOneFilterOnly(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, mission_name=None) if query.statuses else query


class RemembersTheFirstStatus(Listing):
    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, MissionStatus] = {}

    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        first = self.first[row.mission_id]
        return super().fits(row, attrs.evolve(query, statuses=())) and (not query.statuses or first in query.statuses)

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for one in (one for member in batch for one in member.family()):
            self.first.setdefault(one.mission_id, one.summary.status)
        return await super().commit(batch)


class ListsPartialSummaries(Listing):
    async def order(self) -> list[MissionSummary]:
        return [attrs.evolve(row, waiting=None) for row in await self.rows()]


class TakesWaitingForInterrupted(Memory):
    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        live = (MissionStatus.RUNNING, MissionStatus.WAITING)
        page = await self.list_missions(limit=10_000, after=after)
        return [one for one in page if one.status in live][:limit]


class StraysWithoutLimit(Memory):
    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await super().list_strays(limit=10_000, after=after)


class StraysFromTheStart(Memory):
    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        found = [one.mission_id for one in await super().list_strays(limit=10_000)]
        return await super().list_strays(limit=limit, after=after if after in found else None)


class TakesAllChildrenForStrays(Memory):
    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        page = await self.list_missions(limit=10_000, after=after)
        return [one for one in page if one.parent_id is not None][:limit]


class ListsAllInterruptedAtOnce(Memory):
    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await super().list_interrupted(limit=10_000)
