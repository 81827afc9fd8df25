"""What a purge leaves in the file: nothing of a mission, and where it stood for a day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, purging
from mission_control.core import MissionContext, MissionStatus, PersistenceAdapter, create_commander, m
from mission_control.testing.conformance.missions import (
    adds,
    after,
    child,
    commit,
    definition,
    ended,
    history,
    ids,
    signal,
    wait,
)

from .test_schema import SEVENTH_SCHEMA, change, query

ENDS = (MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED)
DONE: dict[str, Any] = {**ended(), "updated_at": after(1)}


async def purge(adapter: PersistenceAdapter) -> int:
    """Delete all that has ended."""
    return await adapter.purge(after(100), statuses=ENDS, limit=10_000)


async def reopened(adapter: PersistenceAdapter, path: Path, sql: str) -> PersistenceAdapter:
    """Return the adapter, opened anew after the file was changed."""
    await adapter.close()
    change(path, sql)
    await adapter.bootstrap()
    return adapter


async def test_no_table_has_anything_of_a_purged_mission(adapter: PersistenceAdapter, path: Path) -> None:
    """But where it stood."""
    await commit(adapter, adds("stays", definition=definition("f-0"), labels={"a": "b"}, opened=[wait("stays")]))
    await commit(
        adapter,
        adds("gone", definition=definition("f-1"), labels={"a": "b", "c": "d"}, opened=[wait("gone", "x/reply")]),
    )
    await commit(adapter, adds("gone", version=1, definition=definition("f-2"), children=[child("gone", "x", **DONE)]))
    await commit(adapter, adds("gone", version=2, closed=[wait("gone", "x/reply")], **DONE))
    tables = [name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    before = {table: len(query(path, f"SELECT * FROM {table}")) for table in tables}
    assert await purge(adapter) == 2
    counts = {table: len(query(path, f"SELECT * FROM {table}")) for table in tables}
    assert {table: count for table, count in counts.items() if count != before[table]} == {
        "missions": 1,
        "history": 1,
        "labels": 1,
        "definitions": 1,
        "further_definitions": 0,
        "purged": 2,
    }
    assert query(path, "SELECT mission_id, is_left FROM purged ORDER BY number") == [("gone", 0), ("gone/x", 0)]


async def test_waits_that_an_ended_mission_should_not_have_go_with_it(adapter: PersistenceAdapter, path: Path) -> None:
    """A file that was edited by hand may have some."""
    await commit(adapter, adds("gone", opened=[wait("gone")]), adds("stays", opened=[wait("stays")]))
    await commit(adapter, adds("gone", version=1, **DONE))
    assert await purge(adapter) == 1
    assert query(path, "SELECT mission_id FROM waits") == [("stays",)]


async def test_what_a_killed_purge_has_left_goes_with_the_next_one(adapter: PersistenceAdapter, path: Path) -> None:
    """Its history is nobody's, also where the id is used again meanwhile."""
    await commit(adapter, adds("gone", count=3, **DONE), adds("stays", count=2))
    killed = "INSERT INTO purged SELECT number, mission_id, updated_at, '2024', 1 FROM missions WHERE number = 1"
    adapter = await reopened(adapter, path, f"{killed}; DELETE FROM missions WHERE number = 1;")
    assert await history(adapter, "gone") is None
    await commit(adapter, adds("gone", waiting=signal(), opened=[wait("gone")]), adds("too", **DONE))
    assert len(query(path, "SELECT DISTINCT mission FROM history")) == 4
    assert await purge(adapter) == 1
    assert await history(adapter, "gone") == [1]
    assert await history(adapter, "stays") == [1, 2]
    assert query(path, "SELECT DISTINCT mission FROM history ORDER BY 1") == [(2,), (3,)]
    assert query(path, "SELECT mission_id FROM waits") == [("gone",)]


async def test_a_place_is_known_for_a_day(adapter: PersistenceAdapter, path: Path) -> None:
    """Then a listing ends behind it; the last one stays, so that its number is given to no other."""
    await commit(adapter, *(adds(name, **DONE) for name in "abc"))
    assert await purge(adapter) == 3
    adapter = await reopened(adapter, path, "UPDATE purged SET at = '2024-01-01T00:00:00+00:00' WHERE number <> 2")
    await commit(adapter, adds("d"))
    assert ids(await adapter.list_interrupted(limit=9, after="a")) == ["d"]
    assert await purge(adapter) == 0
    assert query(path, "SELECT mission_id FROM purged ORDER BY number") == [("b",), ("c",)]
    assert ids(await adapter.list_interrupted(limit=9, after="a")) == []
    assert ids(await adapter.list_interrupted(limit=9, after="b")) == ["d"]
    assert query(path, "SELECT number FROM missions") == [(4,)]


async def test_a_long_history_is_deleted_in_portions(
    adapter: PersistenceAdapter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction deletes no more than so many of its rows, and the mission is gone with the first one."""
    await commit(adapter, adds("long", **DONE))
    adapter = await reopened(
        adapter,
        path,
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 2301)"
        " INSERT INTO history SELECT mission, i, at, records FROM n CROSS JOIN history",
    )
    seen: list[tuple[int, bool]] = []
    delete = purging.delete

    def watched(*arguments: Any) -> tuple[int, bool]:
        seen.append(delete(*arguments))
        return seen[-1]

    monkeypatch.setattr("mission_control.adapter_sqlite.writer.delete", watched)
    assert await purge(adapter) == 1
    assert seen == [(1, True), (0, False), (0, False)]
    assert query(path, "SELECT count(*) FROM history") == [(0,)]


async def test_a_purge_goes_past_what_has_to_stay(adapter: PersistenceAdapter, path: Path) -> None:
    """Thousands that ended before the others and are of another name do not keep these, in one call or in many."""
    kept = [adds(f"kept-{number}", mission_name="kept", **ended(), updated_at=after(1)) for number in range(4_500)]
    await commit(adapter, *kept)
    await commit(adapter, *(adds(f"gone-{number}", **ended(), updated_at=after(2)) for number in range(200)))
    counts = [
        await adapter.purge(after(100), statuses=ENDS, mission_name="order", limit=limit) for limit in (70, 70, 70, 70)
    ]
    assert counts == [70, 70, 60, 0]
    await commit(adapter, adds("kept-0", version=1, **ended(), updated_at=after(3)))
    assert await adapter.purge(after(100), statuses=ENDS, mission_name="kept", limit=10_000) == 4_500


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


FIRST = m.define("one").start(input=int, run=begin).need_to("go", str).step("last", begin).end()
SECOND = m.define("one").start(input=int, run=begin).need_to("go", str).step("last", begin).step("more", begin).end()
OTHER = m.define("other").start(input=int, run=begin).need_to("go", str).end()


NAMED = (
    "SELECT fingerprint FROM definitions AS d JOIN missions ON created_under = d.number ORDER BY 1",
    "SELECT fingerprint FROM definitions AS d JOIN further_definitions ON definition = d.number ORDER BY 1",
)


async def test_an_upgraded_file_knows_which_missions_name_a_definition(path: Path) -> None:
    """Those that they were created under, and those that they ran under later, from their histories."""
    adapter = create_sqlite_persistence_adapter(path)
    async with create_commander(definitions=[FIRST, OTHER], persistence=adapter) as commander:
        await commander.start(FIRST, 1, mission_id="a")
        await commander.start(OTHER, 1, mission_id="b")
    async with create_commander(definitions=[SECOND], persistence=adapter) as commander:
        mission = await commander.get_mission("a")
        assert mission is not None
        await mission.signal("go", "on")
    shown = [query(path, sql) for sql in NAMED]
    assert shown == [sorted([(FIRST.fingerprint,), (OTHER.fingerprint,)]), [(SECOND.fingerprint,)]]
    change(path, SEVENTH_SCHEMA)
    async with create_commander(persistence=adapter) as commander:
        await commander.wait_until_ready()
        assert [query(path, sql) for sql in NAMED] == shown
        assert await commander.operations.purge_missions(ended_before=datetime.now(UTC)) == 1
        assert await commander.load_definition(FIRST.fingerprint) is None
        assert await commander.load_definition(SECOND.fingerprint) is None
        assert await commander.load_definition(OTHER.fingerprint) == OTHER.to_static()
