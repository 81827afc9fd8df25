"""Adapters that lose schedules, or what is known of them, or write them without their missions."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mission_control.core.history import MissionStatus, MissionSummary
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit

from .memory import Memory
from .values import Rewriting
from .waits import Changing

Listed = tuple[StoredSchedule, MissionStatus | None]


class ListsSchedulesAsTheyCame(Memory):
    async def list_schedules(self) -> Sequence[Listed]:
        return sorted(await super().list_schedules(), key=lambda one: list(self._schedules).index(one[0].name))


class ListsSchedulesByTheirUtf16(Memory):
    async def list_schedules(self) -> Sequence[Listed]:
        return sorted(await super().list_schedules(), key=lambda one: one[0].name.encode("utf-16-be"))


class LowersTheNamesOfSchedules(Memory):
    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        await super().record_schedules([attrs.evolve(row, name=row.name.lower()) for row in rows])


class RewritingSchedules(Memory):
    """Changes every row of a schedule on its way out."""

    def schedule(self, row: StoredSchedule) -> StoredSchedule:
        return row

    def status(self, row: StoredSchedule, status: MissionStatus | None) -> MissionStatus | None:
        return status

    async def list_schedules(self) -> Sequence[Listed]:
        return [(self.schedule(row), self.status(row, status)) for row, status in await super().list_schedules()]


class KeepsFewPassedOver(RewritingSchedules):
    def schedule(self, row: StoredSchedule) -> StoredSchedule:
        return attrs.evolve(row, passed_over=row.passed_over[-99:])


class KeepsSecondsOfSchedules(RewritingSchedules):
    def schedule(self, row: StoredSchedule) -> StoredSchedule:
        return attrs.evolve(row, decided=row.decided.replace(microsecond=0))


class ForgetsWhatIsQueued(RewritingSchedules):
    def schedule(self, row: StoredSchedule) -> StoredSchedule:
        return attrs.evolve(row, queued=None)


class ShowsNoStatus(RewritingSchedules):
    def status(self, row: StoredSchedule, status: MissionStatus | None) -> MissionStatus | None:
        return None


class ShowsAStatusOfWhatIsGone(RewritingSchedules):
    def status(self, row: StoredSchedule, status: MissionStatus | None) -> MissionStatus | None:
        return MissionStatus.COMPLETED if status is None and row.last_mission_id is not None else status


class ShowsTheStatusAtTheStart(RewritingSchedules):
    def status(self, row: StoredSchedule, status: MissionStatus | None) -> MissionStatus | None:
        return status and MissionStatus.RUNNING


class HidesSchedulesOfWhatIsGone(Memory):
    async def list_schedules(self) -> Sequence[Listed]:
        return [one for one in await super().list_schedules() if one[0].last_mission_id is None or one[1] is not None]


class KeepsTheFirstSchedule(Memory):
    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        await super().record_schedules([row for row in rows if row.name not in self._schedules])


class KeepsOnlyTheLastRecorded(Memory):
    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        self._schedules.clear()
        await super().record_schedules(rows)


class RecordsFewSchedules(Memory):
    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        if len(rows) > 9_999:
            raise OSError("too many SQL variables")
        await super().record_schedules(rows)


class ForgetsSchedules(Memory):
    async def close(self) -> None:
        await super().close()
        self._schedules.clear()


class CommitsNoSchedule(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, schedule=None)


class CommitsSchedulesOfNewMissionsOnly(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, schedule=None) if member.expected_version else member


class KeepsTheFirstScheduleOfABatch(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        first = {one.schedule.name: one for one in reversed(batch) if one.schedule is not None}
        return await self.write(*(one if one in first.values() else attrs.evolve(one, schedule=None) for one in batch))


class SchedulesWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        await self.record_schedules([one.schedule for one in batch if one.schedule is not None])
        return outcomes


class ForgetsTheSlot(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return attrs.evolve(row, slot=row.slot and row.slot.replace(microsecond=0))


class ForgetsTheScheduleOfWhatWasTriggered(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return row if row.slot else attrs.evolve(row, schedule=None)


class ForgetsLaterWhatStartedAMission(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        if not member.expected_version:
            return member
        return attrs.evolve(member, summary=attrs.evolve(member.summary, schedule=None, slot=None))


class ShowsNoSlotsOfWhatSleeps(Memory):
    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        page = await super().list_scheduled(limit=limit, after=after)
        return [attrs.evolve(row, slot=None) for row in page]
