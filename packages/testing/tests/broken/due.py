"""Adapters that get schedules and due times wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from mission_control.core.history.records import MissionSummary, RetryWait, SignalWait, TimerWait, due_at, is_scheduled
from mission_control.core.storage.persistence import CommitOutcome, DueKind, MissionCommit, due_kind, next_due_kind

from .memory import Memory


class DueTimes(Memory):
    """Works out due times and schedules row by row."""

    def instant(self, row: MissionSummary) -> datetime | None:
        return row.next_due

    def own(self, row: MissionSummary) -> datetime | None:
        return due_at(row.waiting)

    def key(self, instant: datetime | None, row: MissionSummary) -> tuple[Any, ...]:
        return (str(instant), row.mission_id)

    def scheduled(self, row: MissionSummary) -> bool:
        return is_scheduled(row)

    def start(self, rows: list[MissionSummary], after: str) -> int:
        ids = [row.mission_id for row in rows]
        return ids.index(after) + 1 if after in ids else 0

    def reached(self, instant: datetime, before: datetime) -> bool:
        return instant <= before

    def seen(self, place: tuple[datetime, str], after: tuple[datetime, str]) -> bool:
        return place <= after

    def later(self, instant: datetime, after: datetime | None) -> bool:
        return after is None or instant > after

    def of_kind(self, row: MissionSummary, kind: DueKind | None) -> bool:
        return kind in (None, next_due_kind(row))

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        if after is not None and await self.stored(after) is None:
            return await super().list_scheduled(limit=limit, after=after)
        rows = sorted(
            (one for one in await self.rows() if self.scheduled(one)), key=lambda one: self.key(self.own(one), one)
        )
        return rows[0 if after is None else self.start(rows, after) :][:limit]

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        found = sorted(
            (one for one in await self.rows() if self._is_due(one, before)),
            key=lambda one: self.key(self.instant(one), one),
        )
        return [one for one in found if not self._was_seen(one, after)][:limit]

    def _is_due(self, row: MissionSummary, before: datetime) -> bool:
        return (instant := self.instant(row)) is not None and self.reached(instant, before)

    def _was_seen(self, row: MissionSummary, after: tuple[datetime, str] | None) -> bool:
        instant = self.instant(row)
        return after is not None and instant is not None and self.seen((instant, row.mission_id), after)

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        rows = [one for one in await self.rows() if self.of_kind(one, kind)]
        instants = [instant for one in rows if (instant := self.instant(one)) is not None]
        return min((one for one in instants if self.later(one, after)), default=None)


class SchedulesDeadlines(DueTimes):
    def scheduled(self, row: MissionSummary) -> bool:
        return due_at(row.waiting) is not None


class SchedulesNoRetries(DueTimes):
    def scheduled(self, row: MissionSummary) -> bool:
        return isinstance(row.waiting, TimerWait)


class OrdersByCreation(DueTimes):
    def key(self, instant: datetime | None, row: MissionSummary) -> tuple[Any, ...]:
        return ()


class BreaksTiesByCreation(DueTimes):
    def key(self, instant: datetime | None, row: MissionSummary) -> tuple[Any, ...]:
        return (str(instant),)


class BreaksTiesWithoutCase(DueTimes):
    def key(self, instant: datetime | None, row: MissionSummary) -> tuple[Any, ...]:
        return (str(instant), row.mission_id.lower())


class BreaksTiesInUtf16(DueTimes):
    def key(self, instant: datetime | None, row: MissionSummary) -> tuple[Any, ...]:
        return (str(instant), row.mission_id.encode("utf-16-be"))


class SchedulesFromTheStart(DueTimes):
    def start(self, rows: list[MissionSummary], after: str) -> int:
        return 0


class EndsAtWhatHasFired(DueTimes):
    def start(self, rows: list[MissionSummary], after: str) -> int:
        return super().start(rows, after) or len(rows)


class SchedulesAfterTheUnknown(DueTimes):
    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        known = after is None or await self.stored(after) is not None
        return await super().list_scheduled(limit=limit, after=after if known else None)


class SchedulesWithoutLimit(DueTimes):
    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await super().list_scheduled(limit=10_000, after=after)


class RemembersOldTimes(DueTimes):
    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, datetime] = {}

    def instant(self, row: MissionSummary) -> datetime | None:
        return row.next_due and self.first.setdefault(row.mission_id, row.next_due)

    def own(self, row: MissionSummary) -> datetime | None:
        return self.instant(row)

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for member in batch:
            self.instant(member.summary)
        return await super().commit(batch)


class ForgetsDeadlines(DueTimes):
    def instant(self, row: MissionSummary) -> datetime | None:
        return None if isinstance(row.next_wait, SignalWait) and row.next_due == due_at(row.next_wait) else row.next_due


class ForgetsRetries(DueTimes):
    def instant(self, row: MissionSummary) -> datetime | None:
        return None if isinstance(row.next_wait, RetryWait) and row.next_due == due_at(row.next_wait) else row.next_due


class ForgetsWhatRuns(DueTimes):
    def instant(self, row: MissionSummary) -> datetime | None:
        return None if row.waiting is None else row.next_due


class ForgetsReminders(DueTimes):
    def instant(self, row: MissionSummary) -> datetime | None:
        return due_at(row.next_wait)


class TakesRemindersForTheirWaits(DueTimes):
    def of_kind(self, row: MissionSummary, kind: DueKind | None) -> bool:
        return row.next_wait is not None and kind in (None, due_kind(row.next_wait))


class IsDueTwice(DueTimes):
    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        places = [
            (instant, row.mission_id, row)
            for row in await self.rows()
            for instant in {row.next_due, due_at(row.next_wait)}
            if instant is not None and instant <= before and (after is None or (instant, row.mission_id) > after)
        ]
        return [row for _, _, row in sorted(places, key=lambda place: place[:2])][:limit]


class SchedulesWhatRuns(DueTimes):
    def scheduled(self, row: MissionSummary) -> bool:
        return isinstance(row.next_wait, TimerWait | RetryWait)

    def own(self, row: MissionSummary) -> datetime | None:
        return due_at(row.next_wait)


class SchedulesByReminders(DueTimes):
    def own(self, row: MissionSummary) -> datetime | None:
        return row.next_due


class ExcludesTheBound(DueTimes):
    def reached(self, instant: datetime, before: datetime) -> bool:
        return instant < before


class FiresEarly(DueTimes):
    def reached(self, instant: datetime, before: datetime) -> bool:
        return instant <= before + timedelta(milliseconds=1)


class IsDueWithoutLimit(DueTimes):
    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        return await super().due(before, limit=10_000, after=after)


class IgnoresWhatWasSeen(DueTimes):
    def seen(self, place: tuple[datetime, str], after: tuple[datetime, str]) -> bool:
        return False


class ShowsTheLastOneAgain(DueTimes):
    def seen(self, place: tuple[datetime, str], after: tuple[datetime, str]) -> bool:
        return place < after


class ComparesOnlyTheTime(DueTimes):
    def seen(self, place: tuple[datetime, str], after: tuple[datetime, str]) -> bool:
        return place[0] <= after[0]


class ComparesTheIdAlone(DueTimes):
    def seen(self, place: tuple[datetime, str], after: tuple[datetime, str]) -> bool:
        return place[0] <= after[0] and place[1] <= after[1]


class NextIncludesNow(DueTimes):
    def later(self, instant: datetime, after: datetime | None) -> bool:
        return after is None or instant >= after


class NextIgnoresAfter(DueTimes):
    def later(self, instant: datetime, after: datetime | None) -> bool:
        return True


class NextIsTheLatest(DueTimes):
    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        rows = [one for one in await self.rows() if self.of_kind(one, kind)]
        instants = [instant for one in rows if (instant := self.instant(one)) is not None]
        return max((one for one in instants if self.later(one, after)), default=None)


class IgnoresTheKind(DueTimes):
    def of_kind(self, row: MissionSummary, kind: DueKind | None) -> bool:
        return super().of_kind(row, None)


class TakesDelayedStartsForSleeps(DueTimes):
    def of_kind(self, row: MissionSummary, kind: DueKind | None) -> bool:
        if next_due_kind(row) in ("sleep", "start_at"):
            return kind in (None, "sleep", "start_at")
        return super().of_kind(row, kind)


class FiresWhatIsPaused(DueTimes):
    def instant(self, row: MissionSummary) -> datetime | None:
        return due_at(row.next_wait) if row.paused else row.next_due


class SchedulesNothingThatIsPaused(DueTimes):
    def scheduled(self, row: MissionSummary) -> bool:
        return is_scheduled(row) and not row.paused


class NeverFiresWhatWasPaused(DueTimes):
    def __init__(self) -> None:
        super().__init__()
        self.paused: set[str] = set()

    def instant(self, row: MissionSummary) -> datetime | None:
        return None if row.mission_id in self.paused else row.next_due

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.paused |= {member.mission_id for member in batch if member.summary.paused}
        return await super().commit(batch)
