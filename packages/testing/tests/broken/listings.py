"""Adapters that list the wrong missions, in the wrong order, or too many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

from mission_control.core.history.records import MissionStatus, MissionSummary
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit

from .memory import Memory

Filters: TypeAlias = tuple[MissionStatus | None, str | None, str | None]
"""The status, the name and the parent that are asked for."""


class Listing(Memory):
    """Lists with its own order, filters and pages."""

    async def order(self) -> list[MissionSummary]:
        return await self.rows()

    def position(self, rows: list[MissionSummary], after: str | None) -> int:
        """Return the place of the first row to list."""
        ids = [row.mission_id for row in rows]
        return 0 if after is None else ids.index(after) + 1 if after in ids else len(rows)

    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        status, mission_name, parent_id = wanted
        named = mission_name in (None, row.mission_name) and parent_id in (None, row.parent_id)
        return named and status in (None, row.status)

    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        parent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Sequence[MissionSummary]:
        rows = await self.order()
        return [one for one in rows[self.position(rows, after) :] if self.fits(one, (status, mission_name, parent_id))][
            :limit
        ]


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
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        parent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Sequence[MissionSummary]:
        return await super().list_missions(
            status=status, mission_name=mission_name, parent_id=parent_id, limit=10_000, after=after
        )


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
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        parent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Sequence[MissionSummary]:
        page = await super().list_missions(limit=limit, after=after)
        return [one for one in page if self.fits(one, (status, mission_name, parent_id))]


class PagesWithinTheFilter(Listing):
    async def list_missions(
        self,
        *,
        status: MissionStatus | None = None,
        mission_name: str | None = None,
        parent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Sequence[MissionSummary]:
        rows = [one for one in await self.order() if self.fits(one, (status, mission_name, parent_id))]
        return rows[self.position(rows, after) :][:limit]


class IgnoresTheStatus(Listing):
    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        return super().fits(row, (None, *wanted[1:]))


class IgnoresTheName(Listing):
    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        return super().fits(row, (wanted[0], None, wanted[2]))


class IgnoresTheParent(Listing):
    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        return super().fits(row, (*wanted[:2], None))


class TakesGrandchildrenForChildren(Listing):
    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        parent_id = wanted[2]
        return super().fits(row, (*wanted[:2], None)) and (row.parent_id or "").startswith(parent_id or "")


class MatchesNamesLoosely(Listing):
    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        status, mission_name, parent_id = wanted
        alike = row.mission_name.lower().startswith((mission_name or "").lower())
        return super().fits(row, (status, None, parent_id)) and alike


class TakesOneFilterOnly(Listing):
    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        status, mission_name, parent_id = wanted
        return super().fits(row, (status, mission_name if status is None else None, parent_id))


class RemembersTheFirstStatus(Listing):
    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, MissionStatus] = {}

    def fits(self, row: MissionSummary, wanted: Filters) -> bool:
        return super().fits(row, (None, *wanted[1:])) and wanted[0] in (None, self.first[row.mission_id])

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
