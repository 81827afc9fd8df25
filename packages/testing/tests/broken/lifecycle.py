"""Adapters that break when calls overlap or are cancelled, or when they are opened and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import attrs

from mission_control.core.errors import DatabaseInUseError
from mission_control.core.storage import CommitOutcome, DueKind, LoadOutcome, MissionCommit
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.testing.conformance import AdapterFactory

from .memory import Memory


class CommitsInTurns(Memory):
    """Others run between the members of a batch, so a cancelled batch is written in part."""

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes: list[CommitOutcome] = []
        for member in batch:
            outcomes += await self.write(member)
            await asyncio.sleep(0)
        return outcomes


class ShowsTornHistories(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await self.write(*(attrs.evolve(one, records=one.records[:1]) for one in batch))
        await asyncio.sleep(0)
        rest = [one for one, outcome in zip(batch, outcomes, strict=True) if outcome is None and one.records[1:]]
        await self.write(
            *(attrs.evolve(one, expected_version=one.expected_version + 1, records=one.records[1:]) for one in rest)
        )
        return outcomes


class AnswersEveryoneTheSame(Memory):
    reading: asyncio.Future[Sequence[LoadOutcome]] | None = None

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        if self.reading is not None and not self.reading.done():
            return await asyncio.shield(self.reading)
        self.reading = asyncio.ensure_future(super().load(mission_ids))
        return await asyncio.shield(self.reading)


class LocksUpWhenCancelled(Memory):
    """A cancelled commit leaves its lock behind."""

    locked = False

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if self.locked:
            raise OSError("database is locked")
        self.locked = True
        await asyncio.sleep(0)
        outcomes = await super().commit(batch)
        self.locked = False
        return outcomes

    async def close(self) -> None:
        self.locked = False
        await super().close()


class LocksUpWhenAReadIsCancelled(Memory):
    reading = 0

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        self.reading += 1
        await asyncio.sleep(0)
        self.reading -= 1
        return await super().load(mission_ids)

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for _ in range(100):
            if not self.reading:
                return await super().commit(batch)
            await asyncio.sleep(0)
        raise OSError("database is locked")


class IsDueFromTheStart(Memory):
    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        return await super().next_due(after, kind) if await self.rows() or kind else datetime(1970, 1, 1, tzinfo=UTC)


class ForgetsWhenReopened(Memory):
    async def bootstrap(self) -> None:
        await super().bootstrap()
        owner = self._owner
        InMemoryAdapter.__init__(self)
        self._owner = owner


class OpensOnlyOnce(Memory):
    bootstrapped = False

    async def bootstrap(self) -> None:
        if self.bootstrapped and self._owner is None:
            raise RuntimeError("an adapter is used once")
        await super().bootstrap()
        self.bootstrapped = True


class BelongsToItsFirstLoop(Memory):
    loop: asyncio.AbstractEventLoop | None = None

    async def bootstrap(self) -> None:
        running = asyncio.get_running_loop()
        if self.loop not in (None, running):
            raise RuntimeError("attached to a different loop")
        self.loop = running
        await super().bootstrap()


class ClosesOnlyOnce(Memory):
    async def close(self) -> None:
        if self._owner is None:
            raise RuntimeError("already closed")
        await super().close()


class AllowsASecondOwner(Memory):
    async def bootstrap(self) -> None:
        self._owner = None
        await super().bootstrap()


class ReportsAnotherErrorThanInUse(Memory):
    async def bootstrap(self) -> None:
        try:
            await super().bootstrap()
        except DatabaseInUseError:
            raise OSError("locked") from None


class NeverGivesUp(Memory):
    async def close(self) -> None:
        """Do nothing."""


class AbandonsTheCommitUnderWay(Memory):
    closed = 0

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        closed = self.closed
        await asyncio.sleep(0)
        if closed != self.closed:
            raise OSError("closed")
        return await super().commit(batch)

    async def close(self) -> None:
        self.closed += 1
        await super().close()


class ClosingFreesTheOwner(Memory):
    """Each owner has an object of its own, and closing any of them gives up the storage of all."""

    @classmethod
    def factory(cls) -> AdapterFactory:
        first = cls()

        def create() -> Memory:
            another = cls.__new__(cls)
            another.__dict__ = first.__dict__
            return another

        return create
