"""Adapters that find other missions than those that are looked for, or in another order."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import takewhile

import attrs

from mission_control.core.history import MissionStatus, MissionSummary
from mission_control.core.storage import EVERYTHING, CommitOutcome, MissionCommit, MissionQuery

from .listings import Asking, Listing


class IgnoresFurtherStatuses(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, statuses=query.statuses[:1])


class ListsStatusesOneByOne(Listing):
    async def ordered(self, query: MissionQuery) -> list[MissionSummary]:
        rows = await super().ordered(query)
        return sorted(rows, key=lambda row: row.status) if len(query.statuses) > 1 else rows


class ListsStatusesAsOftenAsAsked(Listing):
    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        page = await super().list_missions(query, limit=limit, after=after)
        return [row for row in page for _ in range(query.statuses.count(row.status) or 1)][:limit]


class ListsTheOldestFirst(Listing):
    async def ordered(self, query: MissionQuery) -> list[MissionSummary]:
        return await self.order()


class ListsTheNewestWithoutFiltersOnly(Listing):
    async def ordered(self, query: MissionQuery) -> list[MissionSummary]:
        rows = await self.order()
        return rows[::-1] if query == MissionQuery(newest_first=True) else rows


class TurnsPagesAround(Listing):
    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        page = await super().list_missions(attrs.evolve(query, newest_first=False), limit=limit, after=after)
        return page[::-1] if query.newest_first else page


class IgnoresLabels(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, labels=EVERYTHING.labels)


class FindsByAnyLabel(IgnoresLabels):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and (not query.labels or bool(query.labels.items() & row.labels.items()))


class FindsByTheTextsOfLabels(IgnoresLabels):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and set(query.labels.values()) <= set(row.labels.values())


class FindsByJoinedLabels(IgnoresLabels):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        wanted, own = ({"=".join(label) for label in one.labels.items()} for one in (query, row))
        return super().fits(row, query) and wanted <= own


class FindsLabelsWithoutCase(IgnoresLabels):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        wanted, own = ({(name.lower(), text.lower()) for name, text in one.labels.items()} for one in (query, row))
        return super().fits(row, query) and wanted <= own


class IgnoresThePrefix(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, id_prefix=None)


class TakesPrefixesForPatterns(IgnoresThePrefix):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and fnmatchcase(row.mission_id, f"{query.id_prefix or ''}*")


class FindsPrefixesWithoutCase(IgnoresThePrefix):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and row.mission_id.lower().startswith((query.id_prefix or "").lower())


class EndsPrefixesAtTheLastCodePoint(Listing):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and (not query.id_prefix or row.mission_id < f"{query.id_prefix}\U0010ffff")


class FindsNothingByTheEmptyPrefix(Listing):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and query.id_prefix != ""


class ListsPrefixesById(Listing):
    async def ordered(self, query: MissionQuery) -> list[MissionSummary]:
        rows = await super().ordered(query)
        return rows if query.id_prefix is None else sorted(rows, key=lambda row: row.mission_id)


class IgnoresTheSchedule(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, schedule=None)


class FindsSlotsAlone(Listing):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and (query.schedule is None or row.slot is not None)


class IgnoresTheCode(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, error=None)


class FindsErrorsOfFailedOnesAlone(Listing):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and (query.error is None or row.status is MissionStatus.FAILED)


class RemembersCodes(IgnoresTheCode):
    def __init__(self) -> None:
        super().__init__()
        self.codes: set[tuple[str, str]] = set()

    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and (query.error is None or (row.mission_id, query.error) in self.codes)

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        rows = [one.summary for member in batch for one in member.family()]
        self.codes |= {(row.mission_id, row.error.code) for row in rows if row.error is not None}
        return await super().commit(batch)


class IgnoresSince(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, since=None)


class IgnoresUntil(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        return attrs.evolve(query, until=None)


class ExcludesSince(Listing):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        return super().fits(row, query) and (query.since is None or row.created_at != query.since)


class IncludesUntil(IgnoresUntil):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        created_at = row.created_at
        is_early = query.until is None or (created_at is not None and created_at <= query.until)
        return super().fits(row, query) and is_early


class ComparesSecondsOfCreation(Listing):
    def fits(self, row: MissionSummary, query: MissionQuery) -> bool:
        created_at = row.created_at and row.created_at.replace(microsecond=0)
        return super().fits(attrs.evolve(row, created_at=created_at), query)


class ListsByTheTimeOfCreation(Listing):
    async def ordered(self, query: MissionQuery) -> list[MissionSummary]:
        rows = await super().ordered(query)
        if query.since is None and query.until is None:
            return rows
        return sorted(rows, key=lambda row: str(row.created_at), reverse=query.newest_first)


class EndsAtTheFirstBeyond(Listing):
    """Takes it that no mission is created before the last one."""

    async def ordered(self, query: MissionQuery) -> list[MissionSummary]:
        limits = MissionQuery(since=query.since) if query.newest_first else MissionQuery(until=query.until)
        return list(takewhile(lambda row: self.fits(row, limits), await super().ordered(query)))


class TakesTwoFiltersOnly(Asking):
    def asked(self, query: MissionQuery) -> MissionQuery:
        fields = [field.name for field in reversed(attrs.fields(MissionQuery)) if field.name != "newest_first"]
        given = [name for name in fields if getattr(query, name) != getattr(EVERYTHING, name)]
        return attrs.evolve(query, **{name: getattr(EVERYTHING, name) for name in given[2:]})


class EndsTextsAtNul(Asking):
    """Looks for the texts before a NUL."""

    def asked(self, query: MissionQuery) -> MissionQuery:
        texts = {name: getattr(query, name) for name in ("mission_name", "parent_id", "schedule", "error", "id_prefix")}
        return attrs.evolve(query, **{name: text and text.split("\x00")[0] for name, text in texts.items()})
