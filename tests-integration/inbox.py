"""The open waits that histories tell of, to compare what is listed with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from mission_control.core import (
    CommitOutcome,
    HistoryRecord,
    HistoryType,
    MissionCommit,
    OpenWait,
    PersistenceAdapter,
    SignalWait,
)
from mission_control.core.machine import load
from storages import Forwarding

Told: TypeAlias = "tuple[datetime, str, str, str, str | None, datetime | None]"
"""A wait: since when, whose, its instance name; the name of the mission, its path, its deadline."""


def told(wait: OpenWait) -> Told:
    """Return what is told of a wait, its place in the order of all first."""
    return wait.since, wait.mission_id, wait.event_name, wait.mission_name, wait.path, wait.timeout_at


def waits_of(mission_id: str, history: Sequence[HistoryRecord]) -> list[Told]:
    """Return the waits of the state that a history folds to."""
    state = load(mission_id, history)
    since = {record.event_name: record.at for record in history if record.type is HistoryType.WAITING_FOR_SIGNAL}
    waits = [line.waiting for line in state.every_line() if isinstance(line.waiting, SignalWait)]
    return [
        (
            since[wait.event_name],
            mission_id,
            wait.event_name,
            state.mission_name,
            wait.event_name.rpartition("/")[0] or None,
            wait.timeout_at,
        )
        for wait in waits
    ]


async def audit(adapter: PersistenceAdapter) -> None:
    """Check that storage lists the waits of the folded states of all that it has, with filters and without."""
    ids = [row.mission_id for row in await adapter.list_missions(limit=10_000)]
    expected: list[Told] = []
    for mission_id, history in zip(ids, await adapter.load(ids), strict=True):
        assert isinstance(history, tuple)
        expected += waits_of(mission_id, history)
    expected.sort()
    assert [told(wait) for wait in await adapter.list_waits(limit=10_000)] == expected
    for signal in {wait[2].rpartition("/")[2] for wait in expected}:
        listed = await adapter.list_waits(signal=signal, limit=10_000)
        assert [told(wait) for wait in listed] == [wait for wait in expected if f"/{wait[2]}".endswith(f"/{signal}")]
    for name in {wait[3] for wait in expected}:
        listed = await adapter.list_waits(mission_name=name, limit=10_000)
        assert [told(wait) for wait in listed] == [wait for wait in expected if wait[3] == name]


class Audited(Forwarding):
    """Storage that is audited when it was opened, and after each commit, or each from one on."""

    def __init__(self, inner: PersistenceAdapter, since: int = 1) -> None:
        super().__init__(inner)
        self._unaudited = since - 1
        self.most: int = 0
        """The most waits that were open at a time."""

    async def bootstrap(self) -> None:
        await super().bootstrap()
        await audit(self.inner)

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        if self._unaudited:
            self._unaudited -= 1
            return outcomes
        await audit(self.inner)
        self.most = max(self.most, len(await self.inner.list_waits(limit=10_000)))
        return outcomes
