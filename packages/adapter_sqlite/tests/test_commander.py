"""The commander over a SQLite file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mission_control.adapter_sqlite import SQLiteCommander, open_mission_reader
from mission_control.core import CommanderClosedError, DatabaseInUseError, MissionContext, MissionStatus, m


def greet(ctx: MissionContext[str]) -> str:
    return f"hello {ctx.input}"


patient = m.define("patient").start(input=str, run=greet).need_to("go", str).end()


async def test_missions_outlive_their_commander(path: Path) -> None:
    """What one commander started, the next one over the same file goes on with."""
    async with SQLiteCommander(database_path=path, definitions=[patient]) as first:
        await first.start(patient, "ann", mission_id="m-1")
    async with SQLiteCommander(database_path=path, definitions=[patient]) as second:
        mission = await second.get_mission("m-1")
        assert mission is not None
        await mission.signal("go", "now")
        assert await mission.output() == "hello ann"


async def test_options_are_the_commanders(path: Path) -> None:
    """Options go to the commander."""
    async with SQLiteCommander(database_path=path, create_mission_id=lambda: "mine", max_concurrency=1) as commander:
        assert (await commander.start(patient, "ann")).mission_id == "mine"


async def test_a_second_commander_is_refused(path: Path) -> None:
    """A commander that comes second is refused, and neither it nor its end disturbs the first."""
    async with SQLiteCommander(database_path=path, definitions=[patient]) as first:
        second = SQLiteCommander(database_path=path, definitions=[patient])
        with pytest.raises(DatabaseInUseError):
            await second.start(patient, "bob")
        await second.close()
        await first.start(patient, "ann", mission_id="m-1")
    with pytest.raises(CommanderClosedError):
        await first.list_missions()


async def test_a_running_commanders_missions_are_inspected(path: Path) -> None:
    """A reader sees what a commander does, and reads the definition that it ran."""
    async with SQLiteCommander(database_path=path, definitions=[patient]) as commander:
        await commander.start(patient, "ann", mission_id="m-1")
        async with open_mission_reader(path) as reader:
            inspection = await reader.inspect_mission("m-1")
            assert inspection is not None
            assert inspection == await commander.inspect_mission("m-1")
            assert inspection.snapshot.status is MissionStatus.WAITING
            assert await reader.load_definition(patient.fingerprint) == patient.to_static()


@pytest.mark.parametrize("limit", [0, -1, True, 1.5])
async def test_a_readers_limits_are_checked(path: Path, limit: int) -> None:
    """A page without a size is an error, as it is for a commander."""
    async with SQLiteCommander(database_path=path), open_mission_reader(path) as reader:
        with pytest.raises(ValueError, match="limit"):
            await reader.list_missions(limit=limit)
        with pytest.raises(ValueError, match="limit"):
            await reader.list_scheduled(limit=limit)
