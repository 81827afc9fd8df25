"""A commander in memory, on a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from mission_control.console.drawing import Mark, places
from mission_control.core import Commander, MissionDefinition, MissionHandle
from mission_control.in_memory_commander import InMemoryCommander
from mission_control.testing import FakeClock

Begin = Callable[..., Awaitable["Flight"]]


class Flight:
    """A mission, and where it stands in the drawing of its definition."""

    def __init__(
        self, commander: Commander, definition: MissionDefinition[Any], mission: MissionHandle[Any], clock: FakeClock
    ) -> None:
        self.commander, self.definition, self.mission, self._clock = commander, definition, mission, clock

    async def passes(self, time: timedelta | float = 0) -> None:
        await self._clock.advance(time)

    async def marks(self) -> dict[str, Mark]:
        await self._clock.advance(0)
        return places(self.definition.to_static(), await self.mission.inspect())

    async def states(self, *names: str) -> dict[str, str]:
        """How the nodes of these templates stand, all of them without any."""
        marks = await self.marks()
        return {name: str(mark.state) for name, mark in marks.items() if name in names or not names}


@pytest.fixture
async def begin() -> AsyncIterator[Begin]:
    clock = FakeClock()
    async with InMemoryCommander(clock=clock) as commander:

        async def begin(definition: MissionDefinition[Any], given: Any = (), **options: Any) -> Flight:
            mission = await commander.start(definition, list(given), wait=False, **options)
            flight = Flight(commander, definition, mission, clock)
            await flight.passes()
            return flight

        yield begin
