"""Storage that fails, or is held up, where a test says so: at its commits and reads, and at its mailbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from mission_control.core import MissionSummary, OwnedMailbox, PersistenceAdapter, PersistenceError
from mission_control.core.storage import Answer, CommitOutcome, MissionCommit, PostedRequest
from storages import Forwarding

Fault = Callable[[], Awaitable[None]]


class Failing:
    """Fails as often as it has left."""

    def __init__(self, left: int) -> None:
        self.left = left

    async def __call__(self) -> None:
        if self.left:
            self.left -= 1
            raise PersistenceError("made to fail")


class Holding:
    """Holds up what comes while it is closed, and then lets it pass, or fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.is_open = True
        self.entered = asyncio.Event()
        self._fails = fails
        self._opened = asyncio.Event()

    def close(self) -> None:
        """Hold up what comes from now on."""
        self.is_open = False

    def open(self) -> None:
        """Let go what is held up, and pass what comes."""
        self.is_open = True
        self._opened.set()

    async def __call__(self) -> None:
        if not self.is_open:
            self.entered.set()
            await self._opened.wait()
            if self._fails:
                raise PersistenceError("made to fail")


class Faulty(Forwarding):
    """Storage with a fault before what is named so, or, for `committed`, behind a commit that took effect."""

    def __init__(self, inner: PersistenceAdapter, **faults: Fault) -> None:
        super().__init__(inner)
        self._faults = faults
        self.taken: list[str] = []
        """The requests that its owner has taken."""

    async def fault(self, name: str) -> None:
        """Have the fault of that name, if there is one."""
        if name in self._faults:
            await self._faults[name]()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        await self.fault("commit")
        outcomes = await super().commit(batch)
        await self.fault("committed")
        return outcomes

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        await self.fault("load_summary")
        return await super().load_summary(mission_id)

    def mailbox(self) -> OwnedMailbox | None:
        inner = super().mailbox()
        assert inner is not None
        return _FaultyMailbox(inner, self)


class _FaultyMailbox:
    def __init__(self, inner: OwnedMailbox, storage: Faulty) -> None:
        self._inner = inner
        self._storage = storage

    async def open(self, rung: Callable[[], None], /) -> None:
        await self._inner.open(rung)

    async def take(self) -> AsyncIterator[Sequence[tuple[PostedRequest, Answer | None]]]:
        await self._storage.fault("take")
        async for taken in self._inner.take():
            self._storage.taken += (posted.request_id for posted, _ in taken)
            yield taken

    async def known(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        await self._storage.fault("known")
        return await self._inner.known(request_ids)

    async def record(self, answers: Sequence[tuple[PostedRequest, Answer]], /) -> None:
        await self._storage.fault("record")
        await self._inner.record(answers)

    async def end(self, answered: Sequence[PostedRequest], /) -> None:
        await self._storage.fault("end")
        await self._inner.end(answered)

    async def close(self) -> None:
        await self._inner.close()
