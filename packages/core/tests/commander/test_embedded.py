"""The commander in this process: what it is given, and its lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mission_control.core import MissionContext, MissionDefinitionError, Schedule, create_commander, m
from mission_control.core.commander import EmbeddedCommander, reads


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


@pytest.mark.parametrize("definitions", [5, None, m.define("d").start(input=int, run=begin).end()])
def test_definitions_that_are_no_list_are_refused(definitions: Any) -> None:
    """One definition alone is told from a list of them."""
    with pytest.raises(TypeError, match="definitions: expected a list of MissionDefinition"):
        create_commander(definitions=definitions)


it = m.define("it").start(input=int, run=begin).end()
hourly = Schedule("hourly", it, input=1, every=3600)


@pytest.mark.parametrize("schedules", [5, None, hourly])
def test_schedules_that_are_no_list_are_refused(schedules: Any) -> None:
    """One schedule alone is told from a list of them."""
    with pytest.raises(TypeError, match="schedules: expected a list of Schedule, found"):
        create_commander(schedules=schedules)


@pytest.mark.parametrize("schedule", [Schedule, it, None, "hourly"])
def test_what_is_no_schedule_is_refused(schedule: Any) -> None:
    """The class, or what it would start, is not one."""
    with pytest.raises(TypeError, match="schedules: expected a Schedule, found"):
        create_commander(schedules=[hourly, schedule])


def test_schedules_of_one_name_are_refused() -> None:
    """They would be one schedule for storage, also where one of them is given twice."""
    other = Schedule("hourly", it, input=2, every=3600)
    for schedules in ([hourly, other], [hourly, hourly]):
        with pytest.raises(MissionDefinitionError, match="schedules: 'hourly' is there twice"):
            create_commander(schedules=schedules)


async def test_definition_of_a_schedule_is_registered_with_it() -> None:
    """Missions of it start by its name, and another definition of that name is refused."""
    async with create_commander(definitions=[it], schedules=iter([hourly])) as commander:
        await commander.start("it", 1)
    async with create_commander(schedules=[hourly]) as commander:
        await commander.start("it", 1)
    with pytest.raises(MissionDefinitionError, match="another definition of the name 'it'"):
        create_commander(definitions=[m.define("it").start(input=int, run=begin).end()], schedules=[hourly])


async def test_iteration_goes_on_from_page_to_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mission comes once, in order of creation, however many there are."""
    monkeypatch.setattr(reads, "_PAGE", 2)
    definition = m.define("d").start(input=int, run=begin).end()
    async with create_commander() as commander:
        created = [(await commander.start(definition, number)).mission_id for number in range(5)]

        assert [summary.mission_id async for summary in commander.iter_missions()] == created


class Raising:
    """A tracer that cannot draw the first mission."""

    def __init__(self) -> None:
        self.calls = 0

    def mission_started(self, *_: object) -> str | None:
        self.calls += 1
        if self.calls == 1:
            raise ZeroDivisionError("no span")
        return None

    def __getattr__(self, name: str) -> Callable[..., None]:
        return self.draw

    def draw(self, *_: object) -> None: ...


async def test_a_tracer_that_fails() -> None:
    """Whoever starts the mission hears of it, nothing is left under way, and the next start is not concerned."""
    tracer: Any = Raising()
    async with EmbeddedCommander(definitions=[it], tracer=tracer) as commander:
        with pytest.raises(ZeroDivisionError, match="no span"):
            await asyncio.wait_for(commander.start(it, 1, mission_id="m"), 20)
        await asyncio.wait_for(commander.settled(), 20)
        assert await (await commander.start(it, 2, mission_id="m")).output() == 2
