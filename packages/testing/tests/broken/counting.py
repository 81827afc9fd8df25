"""Adapters that count wrong, or tell wrongly where missions stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import attrs

from mission_control.core.history import (
    FailureCount,
    HourCount,
    MissionCount,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    due_at,
    hour_of,
    last_hours,
)
from mission_control.core.storage import CommitOutcome, MissionCommit, Standing

from .memory import Memory

T = TypeVar("T", MissionCount, FailureCount, Standing)


class Counting(Memory):
    """Changes what was counted."""

    async def statistics(self, now: datetime, /) -> MissionStatistics:
        return self.changed(await super().statistics(now), await self.rows())

    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        return found


class TellsNoTime(Counting):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        return attrs.evolve(found, at=found.at + timedelta(seconds=1))


class CountsMissionsByFrequency(Counting):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        return attrs.evolve(found, missions=tuple(sorted(found.missions, key=lambda one: -one.count)))


class CountsMissionsWithoutChildren(Counting):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        counts = Counter((row.mission_name, row.status) for row in rows if row.parent_id is None)
        missions = (
            MissionCount(mission_name=name, status=status, count=count)
            for (name, status), count in sorted(counts.items())
        )
        return attrs.evolve(found, missions=tuple(missions))


class CountsMissionsAsTheyBegan(Counting):
    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, MissionSummary] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for one in (one for member in batch for one in member.family()):
            self.first.setdefault(one.mission_id, one.summary)
        return await super().commit(batch)

    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        counts = Counter((self.first[row.mission_id].mission_name, self.first[row.mission_id].status) for row in rows)
        missions = (
            MissionCount(mission_name=name, status=status, count=count)
            for (name, status), count in sorted(counts.items())
        )
        return attrs.evolve(found, missions=tuple(missions))


class CountsNamesWithoutCase(Counting):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        lowered = {one.mission_name.lower(): one for one in found.missions}
        return attrs.evolve(found, missions=tuple(one for one in found.missions if one in lowered.values()))


class CountsWaitsByTheirAge(Counting):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        return attrs.evolve(found, waits=tuple(sorted(found.waits, key=lambda one: one.oldest)))


class CountsEachMissionsWaitsOnce(Counting):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        stored = [self._missions[row.mission_id].waits.values() for row in rows]
        counts = Counter(signal for waits in stored for signal in {wait.signal for wait in waits})
        return attrs.evolve(found, waits=tuple(attrs.evolve(one, count=counts[one.signal]) for one in found.waits))


class TellsTheNewestWait(Counting):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        newest = {signal: places[-1][0] for (signal, name), places in self._index.waits.items() if name is None}
        return attrs.evolve(found, waits=tuple(attrs.evolve(one, oldest=newest[one.signal]) for one in found.waits))


class Failures(Counting):
    """Counts failures row by row."""

    def is_failure(self, row: MissionSummary) -> bool:
        return row.status is MissionStatus.FAILED

    def failure(self, row: MissionSummary) -> FailureCount | None:
        if row.error is None:
            return None
        node = "".join("" if one.isdigit() else one for one in row.cursor or "")
        return FailureCount(code=row.error.code, type=row.error.type, node=node, count=0)

    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        kinds = Counter(filter(None, (self.failure(row) for row in rows if self.is_failure(row))))
        return attrs.evolve(
            found, failures=tuple(attrs.evolve(kind, count=count) for kind, count in kinds.most_common())
        )


class CountsFailuresOfEachItem(Failures):
    def failure(self, row: MissionSummary) -> FailureCount | None:
        return (found := super().failure(row)) and attrs.evolve(found, node=row.cursor)


class CountsFailuresOfTheNameAlone(Failures):
    def failure(self, row: MissionSummary) -> FailureCount | None:
        return (found := super().failure(row)) and attrs.evolve(found, node=(found.node or "").rpartition("/")[2])


class CountsFailuresByCode(Failures):
    def failure(self, row: MissionSummary) -> FailureCount | None:
        return (found := super().failure(row)) and attrs.evolve(found, type=None)


class CountsFailuresByClass(Failures):
    def failure(self, row: MissionSummary) -> FailureCount | None:
        return (found := super().failure(row)) and attrs.evolve(found, code="STEP_FAILED")


class CountsRetriesAsFailures(Failures):
    def is_failure(self, row: MissionSummary) -> bool:
        return row.status is not MissionStatus.CANCELLED


class CountsCancelledOnesAsFailures(Failures):
    def is_failure(self, row: MissionSummary) -> bool:
        return row.status.is_terminal


class CountsRareFailuresFirst(Failures):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        counted = super().changed(found, rows)
        return attrs.evolve(counted, failures=counted.failures[::-1])


class CountsAllFailuresAsRecent(Failures):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        return attrs.evolve(found, recent_failures=found.failures)


class CountsRareRecentFailuresFirst(Failures):
    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        return attrs.evolve(found, recent_failures=found.recent_failures[::-1])


class Recent(Failures):
    """Counts the failures of the last day row by row."""

    def is_recent(self, row: MissionSummary, day_before: datetime) -> bool:
        return self.is_failure(row) and row.updated_at is not None and row.updated_at >= day_before

    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        day_before = found.at - timedelta(days=1)
        failed = filter(None, (self.failure(row) for row in rows if self.is_recent(row, day_before)))
        kinds = [attrs.evolve(kind, count=count) for kind, count in Counter(failed).most_common()]
        return attrs.evolve(found, recent_failures=tuple(kinds))


class CountsFailuresOfWhatBeganRecently(Recent):
    def is_recent(self, row: MissionSummary, day_before: datetime) -> bool:
        return self.is_failure(row) and row.created_at is not None and row.created_at >= day_before


class CountsFailuresOfLessThanADay(Recent):
    def is_recent(self, row: MissionSummary, day_before: datetime) -> bool:
        return super().is_recent(row, day_before) and row.updated_at != day_before


class CountsCancelledOnesAsRecentFailures(Recent):
    def is_failure(self, row: MissionSummary) -> bool:
        return row.status.is_terminal


class CountsRecentFailuresOfEachItem(Recent):
    def failure(self, row: MissionSummary) -> FailureCount | None:
        return (found := super().failure(row)) and attrs.evolve(found, node=row.cursor)


class Hours(Counting):
    """Counts starts and ends row by row."""

    def started_at(self, row: MissionSummary) -> datetime | None:
        return row.created_at

    def ended_at(self, row: MissionSummary) -> datetime | None:
        return row.updated_at if row.status.is_terminal else None

    def end(self, row: MissionSummary) -> MissionStatus:
        return row.status

    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        starts = Counter(hour_of(at) for row in rows if (at := self.started_at(row)) is not None)
        ends = Counter((hour_of(at), self.end(row)) for row in rows if (at := self.ended_at(row)) is not None)
        hours = (
            HourCount(
                hour=hour,
                started=starts[hour],
                completed=ends[hour, MissionStatus.COMPLETED],
                failed=ends[hour, MissionStatus.FAILED],
                cancelled=ends[hour, MissionStatus.CANCELLED],
            )
            for hour in self.hours(found.at)
        )
        return attrs.evolve(found, hours=tuple(hours))

    def hours(self, now: datetime) -> Iterable[datetime]:
        return last_hours(now)


class CountsTheNewestHourFirst(Hours):
    def hours(self, now: datetime) -> Iterable[datetime]:
        return reversed(last_hours(now))


class CountsHoursThatAreOver(Hours):
    def hours(self, now: datetime) -> Iterable[datetime]:
        return last_hours(now - timedelta(hours=1))


class CountsHoursFromNow(Hours):
    def hours(self, now: datetime) -> Iterable[datetime]:
        return (now - timedelta(hours=ago) for ago in range(23, -1, -1))


class RoundsStarts(Hours):
    def started_at(self, row: MissionSummary) -> datetime | None:
        return row.created_at and row.created_at + timedelta(microseconds=500)


class RoundsEnds(Hours):
    def ended_at(self, row: MissionSummary) -> datetime | None:
        return (at := super().ended_at(row)) and at + timedelta(microseconds=500)


class CountsEndsByTheirStart(Hours):
    def ended_at(self, row: MissionSummary) -> datetime | None:
        return super().ended_at(row) and row.created_at


class CountsStartsByTheirEnd(Hours):
    def started_at(self, row: MissionSummary) -> datetime | None:
        return row.updated_at


class CountsStartsOfWhatLives(Hours):
    def started_at(self, row: MissionSummary) -> datetime | None:
        return None if row.status.is_terminal else row.created_at


class CountsWhatGoesOnAsCompleted(Hours):
    def ended_at(self, row: MissionSummary) -> datetime | None:
        return row.updated_at

    def end(self, row: MissionSummary) -> MissionStatus:
        return row.status if row.status.is_terminal else MissionStatus.COMPLETED


class CountsCancelledAsFailed(Hours):
    def end(self, row: MissionSummary) -> MissionStatus:
        return MissionStatus.FAILED if row.status is MissionStatus.CANCELLED else row.status


class Times(Counting):
    """Counts what is due row by row."""

    def instant(self, row: MissionSummary) -> datetime | None:
        return row.next_due

    def is_overdue(self, instant: datetime, now: datetime) -> bool:
        return instant < now

    def is_soon(self, instant: datetime, now: datetime) -> bool:
        return now <= instant < now + timedelta(hours=1)

    def changed(self, found: MissionStatistics, rows: list[MissionSummary]) -> MissionStatistics:
        instants = [instant for row in rows if (instant := self.instant(row)) is not None]
        return attrs.evolve(
            found,
            overdue=sum(self.is_overdue(instant, found.at) for instant in instants),
            due_within_hour=sum(self.is_soon(instant, found.at) for instant in instants),
        )


class CountsWhatIsDueAsOverdue(Times):
    def is_overdue(self, instant: datetime, now: datetime) -> bool:
        return instant <= now


class CountsWhatIsOverdueAsSoon(Times):
    def is_soon(self, instant: datetime, now: datetime) -> bool:
        return instant < now + timedelta(hours=1)


class CountsADayAsSoon(Times):
    def is_soon(self, instant: datetime, now: datetime) -> bool:
        return now <= instant < now + timedelta(days=1)


class CountsWhatIsPausedAsDue(Times):
    def instant(self, row: MissionSummary) -> datetime | None:
        return due_at(row.next_wait) if row.paused else row.next_due


class CountsNoReminders(Times):
    def instant(self, row: MissionSummary) -> datetime | None:
        return due_at(row.next_wait) if row.next_due else None


class CountsWhatWaitsAsDue(Times):
    def instant(self, row: MissionSummary) -> datetime | None:
        return None if row.waiting is None else row.next_due


class Places(Memory):
    """Changes where missions stand."""

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        return list(self.changed(await super().list_standing(mission_name=mission_name, limit=limit)))

    def changed(self, found: Sequence[Standing]) -> Iterable[Standing]:
        return found


class StandsByFrequency(Places):
    def changed(self, found: Sequence[Standing]) -> Iterable[Standing]:
        return sorted(found, key=lambda one: one.count)


class StandsAlone(Places):
    def changed(self, found: Sequence[Standing]) -> Iterable[Standing]:
        return (attrs.evolve(one, count=len(one.examples)) for one in found)


class StandsWithoutExamples(Places):
    def changed(self, found: Sequence[Standing]) -> Iterable[Standing]:
        return (attrs.evolve(one, examples=one.examples[:4]) for one in found)


class StandsWithTheSameExample(Places):
    def changed(self, found: Sequence[Standing]) -> Iterable[Standing]:
        return (attrs.evolve(one, examples=one.examples[:1] * len(one.examples)) for one in found)


class StandsWithAllExamples(Memory):
    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        def there(group: Standing) -> tuple[str, ...]:
            return tuple(row.mission_id for row in rows if row.cursor == group.cursor)

        rows = await self.rows()
        groups = await super().list_standing(mission_name=mission_name, limit=limit)
        return [attrs.evolve(one, examples=there(one)) for one in groups]


class AllNamesStand(Memory):
    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        return await super().list_standing(limit=limit)


class SuchNamesStand(Memory):
    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        found = await super().list_standing(mission_name=None if limit is None else mission_name, limit=limit)
        return [one for one in found if mission_name is None or one.mission_name.lower() == mission_name.lower()]


class StandsWithoutLimit(Memory):
    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        return await super().list_standing(mission_name=mission_name)


class LooksAtMissionsOfAllNames(Memory):
    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        found = await super().list_standing(limit=limit)
        return [one for one in found if mission_name in (None, one.mission_name)]


class StandingOfTheNewest(Memory):
    """Looks at the newest missions row by row."""

    def is_looked_at(self, row: MissionSummary) -> bool:
        return not row.status.is_terminal

    async def looked_at(self, mission_name: str | None) -> list[MissionSummary]:
        rows = (row for row in await self.rows() if mission_name in (None, row.mission_name))
        return [row for row in reversed(list(rows)) if self.is_looked_at(row)]

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        groups: dict[tuple[str, str, str], list[str]] = {}
        for row in (await self.looked_at(mission_name))[:limit]:
            ran_under = self._missions[row.mission_id].ran_under
            if ran_under is not None and not row.status.is_terminal:
                groups.setdefault((row.mission_name, ran_under, row.cursor or ""), []).append(row.mission_id)
        return [
            Standing(mission_name=name, fingerprint=fingerprint, cursor=cursor, count=len(ids), examples=tuple(ids[:5]))
            for (name, fingerprint, cursor), ids in sorted(groups.items())
        ]


class LooksAtTheOldest(StandingOfTheNewest):
    async def looked_at(self, mission_name: str | None) -> list[MissionSummary]:
        return (await super().looked_at(mission_name))[::-1]


class LooksAtThoseThatTell(StandingOfTheNewest):
    def is_looked_at(self, row: MissionSummary) -> bool:
        return super().is_looked_at(row) and self._missions[row.mission_id].ran_under is not None


class LooksAtEndedMissions(StandingOfTheNewest):
    def is_looked_at(self, row: MissionSummary) -> bool:
        return True


class LooksAtWhatRunsAndThenAtWhatWaits(StandingOfTheNewest):
    async def looked_at(self, mission_name: str | None) -> list[MissionSummary]:
        return sorted(await super().looked_at(mission_name), key=lambda row: row.status)


class StandsWhereItBegan(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await super().commit([self._began(member) for member in batch])

    def _began(self, member: MissionCommit) -> MissionCommit:
        stored = self._missions.get(member.mission_id)
        return member if stored is None else attrs.evolve(member, ran_under=stored.ran_under)


class StandsUnderTheLastOneThatWasTold(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await super().commit([self._told(member) for member in batch])

    def _told(self, member: MissionCommit) -> MissionCommit:
        stored = self._missions.get(member.mission_id)
        return member if stored is None or member.ran_under else attrs.evolve(member, ran_under=stored.ran_under)


class ForgetsWhatItRanUnder(Memory):
    async def close(self) -> None:
        for stored in self._missions.values():
            stored.ran_under = None
        await super().close()


class EndedMissionsStand(Places):
    def changed(self, found: Sequence[Standing]) -> Iterable[Standing]:
        ended = [one for one in self._missions.values() if one.summary.status.is_terminal and one.ran_under is not None]
        return (
            attrs.evolve(one, count=one.count + sum(other.summary.cursor == one.cursor for other in ended))
            for one in found
        )


class PausedMissionsStandNowhere(Places):
    def changed(self, found: Sequence[Standing]) -> Iterable[Standing]:
        return (one for one in found if not self._missions[one.examples[0]].summary.paused)


class Others(Memory):
    """Lists the missions that stand nowhere row by row."""

    def is_other(self, row: MissionSummary) -> bool:
        return not row.status.is_terminal and self._missions[row.mission_id].ran_under is None

    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return [row for row in await self.list_missions(limit=10_000, after=after) if self.is_other(row)][:limit]


class EndedMissionsAreOthers(Others):
    def is_other(self, row: MissionSummary) -> bool:
        return self._missions[row.mission_id].ran_under is None


class PlacedMissionsAreOthers(Others):
    def is_other(self, row: MissionSummary) -> bool:
        return not row.status.is_terminal


class PausedMissionsAreNoOthers(Others):
    def is_other(self, row: MissionSummary) -> bool:
        return super().is_other(row) and not row.paused


class OthersWithoutLimit(Others):
    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return await super().list_unplaced(limit=10_000, after=after)


class OthersFromTheStart(Others):
    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        rows = [row.mission_id for row in await self.rows() if self.is_other(row)]
        return await super().list_unplaced(limit=limit, after=after if after in rows else None)
