"""The in-memory commander."""

from __future__ import annotations

import pytest

from mission_control.core import DatabaseInUseError, MissionContext, MissionStatus, create_commander, m
from mission_control.in_memory_commander import InMemoryCommander, create_in_memory_persistence_adapter


def greet(ctx: MissionContext[str]) -> str:
    return f"hello {ctx.input}"


greeting = m.define("greeting").start(input=str, run=greet).end()
patient = m.define("patient").start(input=str, run=greet).need_to("go", str).end()


async def test_ids_are_counted() -> None:
    """Missions are numbered in the order in which they are started, by each commander anew."""
    for _ in range(2):
        async with InMemoryCommander(definitions=[greeting]) as commander:
            handles = [await commander.start(greeting, name) for name in ("ann", "bob")]
            assert [handle.mission_id for handle in handles] == ["mission-1", "mission-2"]
            assert await handles[1].output() == "hello bob"


async def test_ids_can_be_chosen() -> None:
    """A function of one's own makes the ids."""
    async with InMemoryCommander(definitions=[greeting], create_mission_id=lambda: "mine") as commander:
        assert (await commander.start(greeting, "ann")).mission_id == "mine"


async def test_missions_end_with_the_commander() -> None:
    """Each commander has storage of its own."""
    async with InMemoryCommander(definitions=[patient]) as first:
        await first.start(patient, "ann")
    async with InMemoryCommander(definitions=[patient]) as second:
        assert await second.list_missions() == []


async def test_a_restart_is_rehearsed() -> None:
    """An adapter that is handed from a closed commander to a new one carries its missions over."""
    storage = create_in_memory_persistence_adapter()
    async with create_commander(definitions=[patient], persistence=storage) as first:
        await first.start(patient, "ann", mission_id="m-1")
    async with create_commander(definitions=[patient], persistence=storage) as second:
        mission = await second.get_mission("m-1")
        assert mission is not None
        await mission.signal("go", "now")
        assert await mission.status() is MissionStatus.COMPLETED


async def test_a_second_open_commander_is_refused() -> None:
    """Storage has one owner: a commander that comes second does not disturb the first."""
    storage = create_in_memory_persistence_adapter()
    async with create_commander(definitions=[greeting], persistence=storage) as first:
        second = create_commander(persistence=storage)
        with pytest.raises(DatabaseInUseError):
            await second.wait_until_ready()
        await second.close()
        await first.start(greeting, "ann")
