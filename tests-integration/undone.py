"""Missions that are undone: their steps, what undoes them and keeps in which order, and what was put on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from mission_control.core import (
    HistoryRecord,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    RetryPolicy,
    Signal,
    StepAttempt,
    m,
)
from storages import OpenCommander

GO = Signal("go", str)
EAGER = RetryPolicy(max_attempts=3, initial_interval=60, jitter=0)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def make(ctx: MissionContext[int]) -> str:
    return f"made {ctx.step_name}"


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


async def items(ctx: MissionContext[int]) -> list[str]:
    return ["a", "b", "c"]


async def twice(ctx: MissionContext[int]) -> bool:
    return ctx.index == 1


class Undos:
    """Undoes steps, and keeps in which order."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def __call__(self, ctx: MissionContext[int]) -> None:
        self.steps.append(ctx.step_name)


class Lingering:
    """An async step that goes on in its `finally` for as long as it is held, and keeps in `order` that it has left."""

    def __init__(self, order: list[str]) -> None:
        self.begun = asyncio.Event()
        self.stopped = asyncio.Event()
        self.leave = asyncio.Event()
        self._order = order

    async def __call__(self, ctx: MissionContext[int]) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()
            await self.leave.wait()
            self._order.append(f"left {ctx.step_name}")


def records_of(history: tuple[HistoryRecord, ...], kind: str) -> list[HistoryRecord]:
    return [record for record in history if record.type.value == kind]


def types_of(history: Iterable[HistoryRecord]) -> list[str]:
    return [f"{record.type.value} {record.event_name or ''}".rstrip() for record in history]


async def undoing_of(mission: MissionHandle[Any]) -> HistoryRecord:
    (record,) = records_of(await mission.history(), "mission-undoing")
    return record


async def attempts_of(mission: MissionHandle[Any], step: str) -> list[StepAttempt]:
    return [attempt for attempt in (await mission.inspect()).step_attempts if attempt.step_name == step]


def waiting(undo: Callable[..., object], **options: Any) -> MissionDefinition[int]:
    """Return a mission that has made something, and waits for a signal."""
    return (
        m.define("waiting")
        .start(input=int, run=begin)
        .step("make", make, undo=undo, **options)
        .need_to(GO)
        .step("last", fail)
        .end()
    )


async def undoing(
    open_commander: OpenCommander, undo: Callable[..., object], **options: Any
) -> tuple[MissionHandle[Any], asyncio.Task[Any]]:
    """Return a mission that is being undone, and the task of who cancelled it."""
    commander = await open_commander([waiting(undo, **options)])
    mission = await commander.start("waiting", 1, mission_id="x")
    cancelling = asyncio.create_task(mission.cancel("enough"))
    return mission, cancelling
