"""Runtimes on one storage and one clock, one after another, and what they reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from mission_control.core import (
    Clock,
    MissionContext,
    MissionDefinition,
    MissionSummary,
    PersistenceAdapter,
    PersistenceError,
    Schedule,
    m,
)
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.runtime import CommanderRuntime, RuntimeEvent, RuntimeMetric, create_commander_runtime
from mission_control.testing import FakeClock


class Runtimes:
    """Opens runtimes on one storage. A call stops the runtime before it, which is how missions become interrupted."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.storage: PersistenceAdapter = InMemoryAdapter()
        self.events: list[RuntimeEvent] = []
        self.metrics: list[RuntimeMetric] = []
        self._last: CommanderRuntime | None = None

    async def __call__(
        self,
        definitions: Iterable[MissionDefinition[Any]] = (),
        *,
        schedules: Iterable[Schedule[Any]] = (),
        clock: Clock | None = None,
        start: bool = True,
        max_concurrency: int = 256,
    ) -> CommanderRuntime:
        await self.stop()
        self.clear()
        self._last = create_commander_runtime(
            definitions=definitions,
            persistence=self.storage,
            identity="test",
            on_event=self.events.append,
            on_metric=self.metrics.append,
            schedules=schedules,
            clock=self.clock if clock is None else clock,
            max_concurrency=max_concurrency,
        )
        if start:
            await self._last.start()
        return self._last

    async def stop(self) -> None:
        if self._last is not None:
            await self._last.stop()

    def clear(self) -> None:
        """Forget what was reported."""
        self.events.clear()
        self.metrics.clear()

    @property
    def names(self) -> list[str]:
        """The names of the events, in order."""
        return [event.event for event in self.events]

    def ids(self, name: str) -> list[str | None]:
        """The missions that events of the name are about, sorted."""
        return sorted((event.mission_id for event in self.events if event.event == name), key=str)

    def measured(self, name: str) -> list[float]:
        """The values of a metric, in order."""
        return [metric.value for metric in self.metrics if metric.name == name]


class Gate:
    """A step that says when it runs, and returns when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, ctx: MissionContext[Any]) -> str:
        self.runs += 1
        self.begun.set()
        await self.opened.wait()
        return "passed"


class Reads(InMemoryAdapter):
    """Storage whose reads a test looks at, makes wait, or makes fail."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: list[int] = []
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: PersistenceError | None = None

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        self.limits.append(limit)
        self.asked.set()
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return await super().due(before, limit=limit, after=after)


def sleeping(name: str = "sleeping", seconds: float = 60) -> MissionDefinition[str]:
    """Return a mission that sleeps and ends."""
    return m.define(name).start(input=str, run=lambda ctx: ctx.input).sleep("nap", seconds).end()


def gated(gate: Callable[[MissionContext[Any]], object], name: str = "gated") -> MissionDefinition[str]:
    """Return a mission of one step that runs `gate`."""
    return m.define(name).start(input=str, run=lambda ctx: ctx.input).step("pass", gate).end()


def waiting(name: str = "waiting") -> MissionDefinition[str]:
    """Return a mission that waits for a signal without a deadline."""
    return m.define(name).start(input=str, run=lambda ctx: ctx.input).need_to("go", str).end()
