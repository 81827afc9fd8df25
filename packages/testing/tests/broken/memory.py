"""Storage in memory that keeps every promise, to be broken in one."""

from __future__ import annotations

from collections.abc import Sequence

from mission_control.core.history.records import HistoryRecord, MissionSummary
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from mission_control.testing.conformance.storage import AdapterFactory


class Memory(InMemoryAdapter):
    """Storage in memory, with a hook for the members of a batch, and one for what is listed."""

    @classmethod
    def factory(cls) -> AdapterFactory:
        adapter = cls()
        return lambda: adapter

    async def write(self, *batch: MissionCommit) -> Sequence[CommitOutcome]:
        return await InMemoryAdapter.commit(self, batch)

    async def stored(self, mission_id: str) -> tuple[HistoryRecord, ...] | None:
        (loaded,) = await InMemoryAdapter.load(self, [mission_id])
        assert not isinstance(loaded, Exception)
        return loaded

    async def rows(self) -> list[MissionSummary]:
        return list(await InMemoryAdapter.list_missions(self, limit=10_000))
