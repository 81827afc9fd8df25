"""Missions of many lines: steps that are held and let go by the place they run at, and what was put on record."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from mission_control.core import (
    Commander,
    HistoryType,
    MissionBuilder,
    MissionContext,
    MissionHandle,
    MissionPath,
    PersistenceAdapter,
    m,
)
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from storages import Forwarding

T = HistoryType

Brief: TypeAlias = "tuple[str, str | None]"
"""A record's type, without the words that say that it is one, and its name."""


def begin(ctx: MissionContext[Any]) -> Any:
    return ctx.input


def flow(name: str = "flow") -> MissionBuilder[int]:
    """Return a mission that has begun, for tests to go on with."""
    return m.define(name).start(input=int, run=begin)


def path() -> MissionPath[Any]:
    return m.path()


class Stage:
    """An async step for many places: each run says that it has begun, and goes on when its place is let go.

    A place is the instance name. `held` are those that wait for `let_go`; others go through at once.
    """

    def __init__(self, *, holds: bool = True) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.unwound: list[str] = []
        """Whose `finally` ran before they were let go."""
        self.running = self.most = 0
        self._holds = holds
        self._gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._entered: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._errors: dict[str, BaseException] = {}

    async def __call__(self, ctx: MissionContext[Any]) -> str:
        name = ctx.step_name
        self.begun.append(name)
        self._entered[name].set()
        self.running += 1
        self.most = max(self.most, self.running)
        is_through = False
        try:
            if self._holds:
                await self._gates[name].wait()
            is_through = True
        finally:
            self.running -= 1
            if not is_through:
                self.unwound.append(name)
        error = self._errors.pop(name, None)
        if error is not None:
            raise error
        self.ended.append(name)
        return name

    async def entered(self, *names: str) -> None:
        """Return when a step has begun at each of these places."""
        async with asyncio.timeout(30):
            for name in names:
                await self._entered[name].wait()

    def let_go(self, *names: str) -> None:
        """Let the steps at these places go on, in this order, now or when they begin."""
        for name in names:
            self._gates[name].set()

    def let_all_go(self) -> None:
        """Hold nothing any more."""
        self._holds = False
        self.let_go(*self._gates)

    def fail(self, *names: str, error: BaseException | None = None) -> None:
        """Let the steps at these places raise."""
        for name in names:
            self._errors[name] = error or ValueError(f"no {name}")
            self.let_go(name)


class Watched(Forwarding):
    """Storage that keeps what it was handed: each commit as the brief of its records."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.commits: list[list[Brief]] = []

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.commits += (briefs(commit.records) for commit in batch)
        return await super().commit(batch)

    def with_(self, kind: HistoryType, name: str | None = None) -> list[Brief]:
        """Return the one commit that has such a record."""
        found = [it for it in self.commits if any(record[0] == kind and name in (None, record[1]) for record in it)]
        assert len(found) == 1, found
        return found[0]


def briefs(records: Iterable[Any]) -> list[Brief]:
    return [(record.type.value, record.event_name) for record in records]


async def history_of(mission: MissionHandle[Any], *kinds: HistoryType) -> list[Brief]:
    """Return the briefs of the mission's records, or of those of some types."""
    return briefs(record for record in await mission.history() if not kinds or record.type in kinds)


async def names_of(mission: MissionHandle[Any], kind: HistoryType) -> list[str | None]:
    """Return the names in the mission's records of one type."""
    return [record.event_name for record in await mission.history() if record.type == kind]


async def places(mission: MissionHandle[Any]) -> list[tuple[str | None, str | None, str]]:
    """Return path, cursor and status of each line."""
    return [(it.path, it.cursor, it.status) for it in (await mission.snapshot()).positions]


async def turns(count: int = 50) -> None:
    """Let everything that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(check: Callable[[], Any]) -> None:
    """Return when `check()` is true."""
    async with asyncio.timeout(30):
        while not check():
            await asyncio.sleep(0.001)


async def recovered(commander: Commander, mission_id: str = "x") -> MissionHandle[Any]:
    """Return the handle of a mission that an earlier commander left."""
    found = await commander.get_mission(mission_id)
    assert found is not None
    return found


async def ended(mission: MissionHandle[Any]) -> str:
    """Return how the mission ended."""
    async with asyncio.timeout(30):
        return (await mission.result()).status.value


async def free_slots(commander: Commander, expected: int) -> None:
    """Check that so many steps can run at once, no more and no fewer."""
    stage = Stage()
    definition = m.define(f"probe-{id(stage)}").start(input=int, run=stage).end()
    handles = await asyncio.gather(*(commander.start(definition, 1, wait=False) for _ in range(expected + 3)))
    await until(lambda: stage.running >= expected)
    await turns()
    assert stage.running == expected
    stage.let_all_go()
    assert [await ended(handle) for handle in handles] == ["completed"] * len(handles)
    await commander.settled()
