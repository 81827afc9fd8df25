"""Adapters that list the wrong open waits, in the wrong order, or too many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from mission_control.core.history import OpenWait
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit

from .memory import Memory

Place: TypeAlias = tuple[datetime, str, str]


class Inbox(Memory):
    """Lists with its own order, filters and pages."""

    def place(self, wait: OpenWait) -> tuple[Any, ...]:
        return wait.since, wait.mission_id, wait.event_name

    def is_behind(self, wait: OpenWait, after: Place) -> bool:
        return (wait.since, wait.mission_id, wait.event_name) > after

    def fits(self, wait: OpenWait, signal: str | None, mission_name: str | None) -> bool:
        return signal in (None, wait.signal) and mission_name in (None, wait.mission_name)

    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: Place | None = None,
    ) -> Sequence[OpenWait]:
        waits = sorted(await super().list_waits(limit=10_000), key=self.place)
        behind = (wait for wait in waits if after is None or self.is_behind(wait, after))
        return [wait for wait in behind if self.fits(wait, signal, mission_name)][:limit]


class WaitsByMission(Inbox):
    def place(self, wait: OpenWait) -> tuple[Any, ...]:
        return wait.mission_id, wait.event_name


class WaitsOfOneTimeInAnyOrder(Inbox):
    def place(self, wait: OpenWait) -> tuple[Any, ...]:
        return wait.since, wait.event_name, wait.mission_id


class WaitsWithTheLastOneAgain(Inbox):
    def is_behind(self, wait: OpenWait, after: Place) -> bool:
        return (wait.since, wait.mission_id, wait.event_name) >= after


class WaitsSinceLater(Inbox):
    def is_behind(self, wait: OpenWait, after: Place) -> bool:
        return wait.since > after[0]


class FindsSignalsByTheWholeName(Inbox):
    def fits(self, wait: OpenWait, signal: str | None, mission_name: str | None) -> bool:
        return signal in (None, wait.event_name) and mission_name in (None, wait.mission_name)


class FindsSignalsByTheirEnd(Inbox):
    def fits(self, wait: OpenWait, signal: str | None, mission_name: str | None) -> bool:
        return wait.event_name.endswith(signal or "") and mission_name in (None, wait.mission_name)


class IgnoresTheNameOfTheMission(Inbox):
    def fits(self, wait: OpenWait, signal: str | None, mission_name: str | None) -> bool:
        return signal in (None, wait.signal)


class WaitsWithoutLimit(Inbox):
    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: Place | None = None,
    ) -> Sequence[OpenWait]:
        return await super().list_waits(signal=signal, mission_name=mission_name, limit=10_000, after=after)


class ForgetsDeadlines(Inbox):
    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: Place | None = None,
    ) -> Sequence[OpenWait]:
        page = await super().list_waits(signal=signal, mission_name=mission_name, limit=limit, after=after)
        return [attrs.evolve(wait, timeout_at=None) for wait in page]


class Changing(Memory):
    """Is handed what every commit opens and closes otherwise."""

    def changed(self, member: MissionCommit) -> MissionCommit:
        return member

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await super().commit([self.changed(member) for member in batch])


class ClosesNothing(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, closed=())


class OpensOneOnly(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, opened=member.opened[:1])


class ForgetsTheWaitsOfChildren(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, children=tuple(attrs.evolve(one, opened=()) for one in member.children))


class OpensWhatItsRowWaitsFor(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        row = member.summary
        if row.next_wait is None or row.next_wait.kind != "signal" or row.updated_at is None:
            return member
        wait = OpenWait(
            mission_id=member.mission_id,
            mission_name=row.mission_name,
            event_name=row.next_wait.event_name,
            path=None,
            since=row.updated_at,
        )
        return attrs.evolve(member, opened=(wait,))


class OpensWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for member, outcome in zip(batch, outcomes, strict=True):
            if outcome is not None and member.opened:
                records = (attrs.evolve(member.records[0], seq=2),)
                await self.write(attrs.evolve(member, expected_version=1, records=records, closed=(), children=()))
        return outcomes
