"""Adapters that write too much, too little, or the wrong answer."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mission_control.core.errors import StaleMissionError
from mission_control.core.history.records import MissionSummary
from mission_control.core.storage import CommitOutcome, LoadOutcome, MissionCommit
from mission_control.core.storage.memory_index import places
from mission_control.core.storage.memory_stored import Named
from mission_control.testing.conformance.missions import START

from .memory import Memory


class LosesTheLastMission(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        kept = batch[:-1] if len(batch) > 3 else batch
        return [*await self.write(*kept), *[None] * (len(batch) - len(kept))]


class LosesTheLastRecord(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        several = len(batch) > 1
        return await self.write(*(attrs.evolve(one, records=one.records[:-several] or one.records) for one in batch))


class LoadsByTheTextOfSeq(Memory):
    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        loaded = await super().load(mission_ids)
        return [
            tuple(sorted(one, key=lambda record: str(record.seq))) if isinstance(one, tuple) else one for one in loaded
        ]


class CommitsHalf(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return [(await self.write(member))[0] for member in batch]


class BreaksForEverWhenItRaises(Memory):
    broken = False

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if self.broken:
            raise OSError("the last transaction is still open")
        self.broken = True
        outcomes = await super().commit(batch)
        self.broken = False
        return outcomes


class IgnoresTheExpectedVersion(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self.write(*[await self._at_its_version(member) for member in batch])

    async def _at_its_version(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, expected_version=len(await self.stored(member.mission_id) or ()))


class AcceptsLaterVersions(IgnoresTheExpectedVersion):
    async def _at_its_version(self, member: MissionCommit) -> MissionCommit:
        version = len(await self.stored(member.mission_id) or ())
        return attrs.evolve(member, expected_version=min(version, member.expected_version))


class CreatesOverWhatExists(IgnoresTheExpectedVersion):
    async def _at_its_version(self, member: MissionCommit) -> MissionCommit:
        return await super()._at_its_version(member) if member.expected_version == 0 else member


class RaisesWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return outcomes


class LetsOneStaleMemberStopTheBatch(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes: list[CommitOutcome] = []
        for place, member in enumerate(batch):
            outcomes += await self.write(member)
            if outcomes[-1] is not None:
                return [*outcomes, *[None] * (len(batch) - place - 1)]
        return outcomes


class ReturnsOnlyWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        return [one for one in outcomes if one is not None] or outcomes


class MixesUpOutcomes(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return sorted(await super().commit(batch), key=lambda outcome: outcome is None)


class ReturnsAnotherError(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        return [one and StaleMissionError("a row was changed", mission_id=one.mission_id) for one in outcomes]


class NamesNoStaleMission(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return [one and StaleMissionError(str(one)) for one in await super().commit(batch)]


class NamesTheParentOfAStaleChild(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = zip(batch, await super().commit(batch), strict=True)
        return [one and StaleMissionError(str(one), mission_id=member.mission_id) for member, one in outcomes]


class WritesChildrenByThemselves(Memory):
    """Parent and children are members of their own, each written where it fits."""

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        alone = [attrs.evolve(one, children=()) for member in batch for one in member.family()]
        outcomes = iter(await super().commit(alone))
        families = [[next(outcomes) for _ in member.family()] for member in batch]
        return [next(filter(None, family), None) for family in families]


class LosesChildren(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await super().commit([attrs.evolve(member, children=()) for member in batch])


class CreatesChildrenLast(Memory):
    """Children come behind all members in the order of creation, where nothing is stale."""

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        taken = [one for member in batch for one in member.children if await self.stored(one.mission_id)]
        several = len({one.mission_id for member in batch for one in member.family()})
        if taken or several < sum(1 for member in batch for _ in member.family()):
            return await super().commit(batch)
        outcomes = await super().commit([attrs.evolve(member, children=()) for member in batch])
        written = [member for member, outcome in zip(batch, outcomes, strict=True) if outcome is None]
        await super().commit([child for member in written for child in member.children])
        return outcomes


class RefusesManyChildren(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if any(len(member.children) > 250 for member in batch):
            raise OSError("too many SQL variables")
        return await super().commit(batch)


class ForgetsTheParent(Memory):
    """A child keeps its parent until its next commit."""

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await super().commit([self._orphaned(member) for member in batch])

    def _orphaned(self, member: MissionCommit) -> MissionCommit:
        if member.expected_version == 0:
            return member
        return attrs.evolve(member, summary=attrs.evolve(member.summary, parent_id=None))


class ReservesTheIdsOfStaleFamilies(Memory):
    """What a stale member would have created is taken for the rest of the batch."""

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes: list[CommitOutcome] = []
        reserved: set[str] = set()
        for member in batch:
            if taken := next((one.mission_id for one in member.family() if one.mission_id in reserved), None):
                outcomes.append(StaleMissionError(f"{taken} is taken", mission_id=taken))
                continue
            outcomes += await super().commit([member])
            if outcomes[-1] is not None and member.children:
                reserved |= {one.mission_id for one in member.family()}
        return outcomes


class LetsGoWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for child_id in (child_id for member in batch for child_id in member.let_go):
            self._let_go(child_id)
        return outcomes


class NeverLetsGo(Memory):
    def _let_go(self, child_id: str) -> None:
        pass


class LetsGoOfWhatItNeverAwaited(Memory):
    def _let_go(self, child_id: str) -> None:
        if (child := self._missions.get(child_id)) is not None:
            child.is_awaited = child.is_awaited or True
        super()._let_go(child_id)


class AwaitsEveryChild(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await super().commit([self._awaiting(member) for member in batch])

    def _awaiting(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, children=tuple(attrs.evolve(one, is_awaited=True) for one in member.children))


class WritesStaleSummaries(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for member, outcome in zip(batch, outcomes, strict=True):
            if outcome and (records := await self.stored(member.mission_id)):
                await self._replace(member.mission_id, member.summary, len(records))
        return outcomes

    async def _replace(self, mission_id: str, row: MissionSummary, version: int) -> None:
        stored = self._missions[mission_id]
        was, stored.summary = places(stored), row
        self._index.move(stored, was)


class WritesStaleDefinitions(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        definitions = [member.definition for member in batch if member.definition]
        outcomes = await super().commit(batch)
        for one in definitions if any(outcomes) else []:
            self._definitions.name(Named.of(one, START))
        return outcomes


class RefusesEmptyBatches(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if not batch:
            raise ValueError("nothing to commit")
        return await super().commit(batch)


class MergesSummaries(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self.write(*[await self._merged(member) for member in batch])

    async def _merged(self, member: MissionCommit) -> MissionCommit:
        before = await self.load_summary(member.mission_id)
        error = member.summary.error or (None if before is None else before.error)
        return attrs.evolve(member, summary=attrs.evolve(member.summary, error=error))


class ShowsNoNewSummaries(Memory):
    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        new = len(await self.rows()) == 1 and len(await self.stored(mission_id) or ()) == 1
        return None if new else await super().load_summary(mission_id)


class ShowsSummariesLate(Memory):
    """The reads see the row as it was before the last commit."""

    def __init__(self) -> None:
        super().__init__()
        self.late: dict[str, MissionSummary] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.late = {row.mission_id: row for row in await self.rows()}
        return await super().commit(batch)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        return self.late.get(mission_id) or await super().load_summary(mission_id)


class NeverAwaitsAgain(Memory):
    def _await(self, child_id: str) -> None:
        pass


class AwaitsOnlyWhatItLetGo(Memory):
    def _await(self, child_id: str) -> None:
        if self._missions[child_id].is_awaited is not None:
            super()._await(child_id)


class AwaitsWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for child_id in (child_id for member in batch for child_id in member.awaited):
            self._await(child_id)
        return outcomes


class AwaitsWhatLives(Memory):
    def _await(self, child_id: str) -> None:
        if not self._missions[child_id].summary.status.is_terminal:
            super()._await(child_id)
