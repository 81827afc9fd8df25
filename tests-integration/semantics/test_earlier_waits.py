"""A file of the release before open waits were listed: an upgrade finds them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows import begin, flow, path
from inbox import told
from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionDefinition, MissionStatus, Reminder, m

EARLIER = """
DROP VIEW open_waits;
DROP TABLE waits;
DROP TABLE wait_kinds;
DELETE FROM _sqlite_migrations WHERE name = 'open_waits';
PRAGMA user_version = 4;
"""
"""What makes a file one of the schema before."""


def two(ctx: Any) -> list[int]:
    return [1, 2]


def definitions() -> Sequence[MissionDefinition[int]]:
    wait = path().sleep("nap", 0.001).need_to("go", int, timeout=900, reminder=Reminder(begin, every=800))
    way = path().branch("way", lambda ctx: "it", {"it": wait})
    paths = {"a": path().each("all", two, way), "b": path().sleep("long", 90), "c": path().need_to("come", int)}
    child = m.define("child").start(input=int, run=begin).need_to("go", int).end()
    return (
        flow("line").need_to("go", int).need_to("come", int, timeout=900).end(),
        flow("reminded").need_to("come", int, reminder=Reminder(begin, every=800)).end(),
        flow("branch").branch("way", lambda ctx: "it", {"it": path().need_to("go", int)}).end(),
        flow("round").repeat("again", path().need_to("come", int), until=begin).end(),
        flow("paths").parallel("all", paths).end(),
        flow("items").each("all", two, path().need_to("come", int)).end(),
        flow("parent").parallel("both", {"a": path().mission("child", child, begin), "b": path().sleep("z", 9)}).end(),
        flow("asleep").sleep("nap", 900).end(),
        flow("ended").end(),
    )


def make_earlier(database: Path, sql: str = "") -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(sql + EARLIER)


async def test_an_upgrade_finds_the_waits_of_every_mission(tmp_path: Path) -> None:
    """Those of one line and of live paths, each with its time, deadline and path; they are closed as any others."""
    database = tmp_path / "missions.db"
    async with SQLiteCommander(database_path=database, definitions=definitions()) as commander:
        for definition in definitions():
            await commander.start(definition.name, 1, mission_id=definition.name)
        while len(waits := await commander.list_waits()) < 10:
            await asyncio.sleep(0.01)
        mission = await commander.get_mission("line")
        assert mission is not None
        await mission.signal("go", 1)
        waits = await commander.list_waits()
    make_earlier(database)

    async with SQLiteCommander(database_path=database, definitions=definitions()) as commander:
        assert [told(wait) for wait in await commander.list_waits()] == [told(wait) for wait in waits]
        for wait in waits:
            mission = await commander.get_mission(wait.mission_id)
            assert mission is not None
            await mission.signal(wait.event_name, 1)
        assert await commander.list_waits() == []
        assert (await mission.status()) in (MissionStatus.COMPLETED, MissionStatus.WAITING)


@pytest.mark.parametrize("mission_id", ["line", "items"])
async def test_a_damaged_mission_does_not_keep_a_file_from_being_upgraded(tmp_path: Path, mission_id: str) -> None:
    """What cannot be read of it is not listed, or as far as it can be; the waits of others are."""
    database = tmp_path / "missions.db"
    async with SQLiteCommander(database_path=database, definitions=definitions()) as commander:
        for name in ("line", "items", "branch"):
            await commander.start(name, 1, mission_id=name)
    number = f"(SELECT number FROM missions WHERE mission_id = '{mission_id}')"
    make_earlier(database, f"UPDATE history SET records = '[[' WHERE mission = {number};")

    async with SQLiteCommander(database_path=database, definitions=definitions()) as commander:
        listed = {wait.mission_id for wait in await commander.list_waits()}
        assert listed >= {"line", "items", "branch"} - {mission_id}
