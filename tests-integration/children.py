"""Missions that start others: small children, the parents that wait for them, and what was put on record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mission_control.core import (
    Commander,
    HistoryRecord,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    PersistenceAdapter,
    Signal,
    m,
)
from mission_control.core.storage import CommitOutcome, LoadOutcome, MissionCommit
from one_step import found
from storages import Forwarding

GO = Signal("go", str)


async def given(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


async def make(ctx: MissionContext[int]) -> str:
    return "made"


async def three(ctx: MissionContext[int]) -> list[int]:
    return [10, 20, 30]


async def nth(ctx: MissionContext[int]) -> int:
    return ctx.item(three)


class Undos:
    """Undoes steps, and keeps in which order, over all missions."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def __call__(self, ctx: MissionContext[int]) -> None:
        self.steps.append(f"{ctx.mission_id} {ctx.step_name}")


quick = m.define("quick").start(input=int, run=given).step("double", lambda ctx: ctx.input * 2).end()
patient = m.define("patient").start(input=int, run=given).need_to(GO).step("made", make).end()
failing = m.define("failing").start(input=int, run=given).need_to(GO).step("fail", fail).end()


def parent_of(child: MissionDefinition[int], **options: Any) -> MissionDefinition[int]:
    """Return a mission that starts `child` behind a step."""
    return m.define("parent").start(input=int, run=given).mission("child", child, given, **options).end()


async def child_of(commander: Commander, child_id: str = "p/child") -> MissionHandle[Any]:
    return await found(commander, child_id)


async def begun(commander: Commander, definition: MissionDefinition[Any]) -> MissionHandle[Any]:
    """Start a mission as `p`, and let it and its children come to where they wait."""
    mission = await commander.start(definition, 4, mission_id="p")
    await commander.settled()
    return mission


def types_of(history: Iterable[HistoryRecord]) -> list[str]:
    return [f"{record.type.value} {record.event_name or ''}".rstrip() for record in history]


class Watched(Forwarding):
    """Storage that keeps what was committed, and how often something was read."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.commits: list[MissionCommit] = []
        self.reads = 0

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.commits += batch
        return await super().commit(batch)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        self.reads += 1
        return await super().load(mission_ids)
