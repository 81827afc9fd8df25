"""Missions that have ended are deleted, with all that is theirs, while others go on."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    MissionContext,
    MissionNotFoundError,
    MissionStatus,
    create_commander,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander


def give(ctx: MissionContext[int]) -> int:
    return ctx.input


def fail(ctx: MissionContext[int]) -> None:
    if ctx.input < 0:
        raise ValueError("less than nothing")


ONE = m.define("one").start(input=int, run=give).step("work", fail).end()
PARKED = m.define("parked").start(input=int, run=give).need_to("go", str).end()
CHILD = m.define("child").start(input=int, run=give).need_to("go", str).end()
FAMILY = m.define("family").start(input=int, run=give).mission("child", CHILD, input=give).end()


async def test_a_purged_mission_is_gone_and_its_id_is_free(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Nobody finds it any more, also after a restart, and another one may be started under its id."""
    commander = await open_commander([ONE, PARKED])
    await commander.start(ONE, 1, mission_id="a")
    await commander.start(PARKED, 1, mission_id="b")
    await fake_clock.advance(1)
    assert await commander.operations.purge_missions(ended_before=fake_clock.now()) == 1
    for _ in range(2):
        assert [one.mission_id for one in await commander.list_missions()] == ["b"]
        assert await commander.inspect_mission("a") is None
        with pytest.raises(MissionNotFoundError):
            await commander.operations.reopen_mission("a", step="work")
        commander = await open_commander([ONE, PARKED])
    again = await commander.start(ONE, 2, mission_id="a")
    assert await again.output() is None
    assert [one.mission_id for one in await commander.list_missions()] == ["b", "a"]
    assert [(record.seq, record.details["input"]) for record in (await again.history())[:1]] == [(1, 2)]


async def test_a_purge_deletes_what_is_asked_for(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Of these statuses and of that name, the first to have ended first, and no more than so many."""
    commander = await open_commander([ONE, PARKED])
    for number in range(4):
        await commander.start(ONE, number, mission_id=f"one-{number}")
        await commander.start(ONE, -1, mission_id=f"failed-{number}", wait=False)
        await commander.settled()
        await fake_clock.advance(1)
    await (await commander.start(PARKED, 1, mission_id="parked")).cancel()
    await fake_clock.advance(1)
    purge, now = commander.operations.purge_missions, fake_clock.now()
    assert await purge(ended_before=now, status=MissionStatus.COMPLETED, limit=2) == 2
    assert await purge(ended_before=now, status=["failed", "completed"], mission_name="parked") == 0  # type: ignore[list-item] # pyright: ignore[reportArgumentType] # as people write them
    assert await purge(ended_before=now - timedelta(seconds=2), status=MissionStatus.FAILED) == 3
    left = [one.mission_id for one in await commander.list_missions()]
    assert left == ["one-2", "one-3", "failed-3", "parked"]
    assert await purge(ended_before=now) == 4


async def test_what_may_not_be_purged_is_refused(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """An instant without a time zone, a status that is not an end, a limit that is none."""
    purge = (await open_commander([ONE])).operations.purge_missions
    with pytest.raises(ValueError, match="ended_before: expected an aware datetime"):
        await purge(ended_before=datetime(2024, 1, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="expected completed, failed or cancelled, found waiting"):
        await purge(ended_before=fake_clock.now(), status=MissionStatus.WAITING)
    with pytest.raises(ValueError, match="limit"):
        await purge(ended_before=fake_clock.now(), limit=0)


async def test_a_family_goes_together(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A child never goes before its parent, and goes with it then, whatever is asked for."""
    commander = await open_commander([FAMILY, CHILD])
    family = await commander.start(FAMILY, 1, mission_id="f")
    await commander.settled()
    assert await commander.operations.purge_missions(ended_before=fake_clock.now() + timedelta(1)) == 0
    await (await commander.get_mission("f/child")).signal("go", "on")  # type: ignore[union-attr]
    await family.result()
    await fake_clock.advance(1)
    purge, now = commander.operations.purge_missions, fake_clock.now()
    assert await purge(ended_before=now, mission_name="child") == 0
    assert await purge(ended_before=now, mission_name="family", limit=1) == 2
    assert await commander.list_missions() == []
    await commander.start(FAMILY, 1, mission_id="f")
    await commander.settled()
    assert [one.mission_id for one in await commander.list_missions(parent_id="f")] == ["f/child"]


async def test_a_definition_goes_with_its_last_mission_and_comes_again(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Also in a commander that has stored it before, and of a mission that ran under two of them."""
    later = m.define("parked").start(input=int, run=give).need_to("go", str).step("more", fail).end()
    commander = await open_commander([PARKED])
    await commander.start(PARKED, 1, mission_id="a")
    commander = await open_commander([later])
    await (await commander.get_mission("a")).signal("go", "on")  # type: ignore[union-attr]
    await fake_clock.advance(1)
    fingerprints = PARKED.fingerprint, later.fingerprint
    assert all([await commander.load_definition(one) for one in fingerprints])
    assert await commander.operations.purge_missions(ended_before=fake_clock.now()) == 1
    assert not any([await commander.load_definition(one) for one in fingerprints])
    await commander.start(later, 1, mission_id="b")
    assert await commander.load_definition(later.fingerprint) == later.to_static()
    assert await commander.load_definition(PARKED.fingerprint) is None


async def test_iterating_goes_on_while_missions_are_purged(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Each page is behind the last mission of the one before, although that was deleted meanwhile."""
    commander = await open_commander([ONE, PARKED])
    for number in range(9):
        await commander.start(ONE if number % 3 else PARKED, 1, mission_id=f"m-{number}")
    await fake_clock.advance(1)
    seen: list[str] = []
    page = await commander.list_missions(limit=2)
    while page:
        seen += (one.mission_id for one in page)
        await commander.operations.purge_missions(ended_before=fake_clock.now(), limit=2)
        page = await commander.list_missions(limit=2, after=seen[-1])
    assert len(seen) == len(set(seen))
    assert [one for one in seen if int(one[2:]) % 3 == 0] == ["m-0", "m-3", "m-6"]


async def test_missions_run_while_others_are_purged(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """None that is started meanwhile is touched, and all of the old ones go."""
    commander = await open_commander([ONE])
    await asyncio.gather(*(commander.start(ONE, 1, mission_id=f"old-{number}") for number in range(300)))
    await fake_clock.advance(1)
    purging = asyncio.create_task(commander.operations.purge_missions(ended_before=fake_clock.now()))
    await fake_clock.advance(1)
    new = await asyncio.gather(*(commander.start(ONE, 1, mission_id=f"new-{number}") for number in range(200)))
    assert await purging == 300
    assert [one.mission_id for one in await commander.list_missions(limit=999)] == [
        one.mission_id for one in sorted(new, key=lambda it: int(it.mission_id[4:]))
    ]


async def test_a_mission_is_purged_or_reopened_and_never_both(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Who comes second finds what the first has done: no mission, or one that has not ended."""
    commander = await open_commander([ONE])
    for number in range(20):
        await commander.start(ONE, 1, mission_id=f"m-{number}")
    await fake_clock.advance(1)
    purging = asyncio.create_task(commander.operations.purge_missions(ended_before=fake_clock.now()))
    reopened = await asyncio.gather(
        *(commander.operations.reopen_mission(f"m-{number}", step="work") for number in range(20)),
        return_exceptions=True,
    )
    purged = await purging
    await commander.settled()
    gone = [one for one in reopened if isinstance(one, MissionNotFoundError)]
    left = await commander.list_missions()
    assert purged == len(gone)
    assert len(left) == 20 - purged
    assert all(one.status is MissionStatus.COMPLETED for one in left)


async def test_a_long_history_goes_in_portions(database_path: Path) -> None:
    """The mission is gone at once, and no row of its history is left in the end."""
    adapter = create_sqlite_persistence_adapter(database_path)
    async with create_commander(definitions=[ONE], persistence=adapter) as commander:
        await commander.start(ONE, 1, mission_id="long")
    lengthen(database_path, 7_000)
    async with create_commander(definitions=[ONE], persistence=adapter) as commander:
        await commander.start(ONE, 1, mission_id="short")
        assert await commander.operations.purge_missions(ended_before=datetime.max.replace(tzinfo=UTC)) == 2
    assert rows(database_path) == {"missions": 0, "history": 0, "definitions": 0}


def lengthen(database_path: Path, count: int) -> None:
    """Have the history of the first mission be as long as that of one that lived through so many commits."""
    with closing(sqlite3.connect(database_path)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO history SELECT mission, version + i, at, records FROM n CROSS JOIN history"
            " WHERE (mission, version) = (SELECT mission, max(version) FROM history WHERE mission = 1)",
            (count,),
        )


def rows(database_path: Path) -> dict[str, int]:
    """Return how many rows there are."""
    with closing(sqlite3.connect(database_path)) as connection:
        names = ("missions", "history", "definitions")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
