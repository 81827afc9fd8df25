"""What is damaged in a file concerns the mission that it belongs to, and no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import CorruptMissionError, PersistenceAdapter, PersistenceError
from mission_control.core.history import iso
from mission_control.core.storage import LoadOutcome
from mission_control.testing.conformance.missions import (
    adds,
    after,
    commit,
    definition,
    ids,
    record,
    signal,
    sleep,
    wait,
)


def damage(path: Path, sql: str) -> None:
    """Change rows behind the adapter's back, checks or no checks."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(sql).rowcount >= 1


def shown(outcomes: Sequence[LoadOutcome]) -> list[object]:
    """Return the length of each history, or the error in its place."""
    return [len(outcome) if isinstance(outcome, tuple) else outcome for outcome in outcomes]


def last_commit(change: str) -> str:
    return f"UPDATE history SET {change} WHERE mission = 2 AND version = 3"


DAMAGES = {
    "broken JSON": last_commit("records = '[[\"step-started\", '"),
    "JSON of another kind": last_commit("records = '{}'"),
    "a record of another kind": last_commit("records = '[1]'"),
    "a text for a record": last_commit("records = '[\"abcde\"]'"),
    "a record without all": last_commit("records = '[[\"step-started\"]]'"),
    "details of another kind": last_commit('records = \'[["step-started","pack",1,[1]]]\''),
    "deeply nested JSON": last_commit(f"records = '{'[' * 90_000}'"),
    "an unknown type": last_commit('records = \'[["step-danced","pack",1,{}]]\''),
    "an unreadable time": last_commit("at = 'yesterday'"),
    "a time without an offset": last_commit("at = '2024-01-01T00:00:00.000000'"),
    "a record's unreadable time": last_commit('records = \'[["step-started","pack",1,{},"yesterday"]]\''),
    "bytes for text": last_commit("records = x'ff00'"),
    "text that is not UTF-8": last_commit("records = CAST(x'5bff' AS TEXT)"),
    "a commit without records": last_commit("records = '[]'"),
    "a missing last commit": "DELETE FROM history WHERE mission = 2 AND version = 3",
    "a commit too many": "INSERT INTO history SELECT 2, 4, at, records FROM history WHERE mission = 1 AND version = 3",
    "no records at all": "DELETE FROM history WHERE mission = 2",
    "another version": "UPDATE missions SET version = 7 WHERE number = 2",
}


@pytest.mark.parametrize("sql", DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_damaged_history(adapter: PersistenceAdapter, path: Path, sql: str) -> None:
    """What cannot be decoded is returned as an error that names the mission, and the others are loaded."""
    names = ["m-1", "m-2", "m-3"]
    await commit(adapter, *(adds(name, count=2) for name in names))
    await commit(adapter, *(adds(name, version=2) for name in names))
    damage(path, sql)
    first, damaged, third = shown(await adapter.load(names))
    assert (first, third) == (3, 3)
    assert isinstance(damaged, CorruptMissionError)
    assert "mission 'm-2': its stored history cannot be read" in str(damaged)


def damage_page_with(path: Path, content: bytes) -> None:
    pages = path.read_bytes()
    start = pages.rindex(content) // 4096 * 4096
    path.write_bytes(pages[:start] + b"\xff" * 4096 + pages[start + 4096 :])


async def test_a_damaged_page(path: Path) -> None:
    """A page that SQLite cannot read takes the missions on it with it, and no others."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    big = [record(1, {"input": "x" * 900})]
    await commit(adapter, *(adds(f"m-{number}", records=big) for number in range(20)))
    await adapter.close()
    damage_page_with(path, b"x" * 900)
    await adapter.bootstrap()
    outcomes = shown(await adapter.load([f"m-{number}" for number in range(20)]))
    await adapter.close()
    assert {type(outcome) for outcome in outcomes} == {int, CorruptMissionError}
    assert outcomes.count(1) >= 15


@pytest.mark.parametrize(
    "change",
    [
        "status = 'dancing'",
        "updated_at = 'yesterday'",
        "error = '{'",
        "error = '{}'",
        "labels = '{'",
        "labels = '5'",
        "wait_kind = 'hope'",
        "due_at = NULL",
    ],
)
async def test_a_damaged_row(
    adapter: PersistenceAdapter, path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A row that cannot be decoded is left out of listings, and logged; the page is filled from behind it."""
    await commit(adapter, *(adds(f"m-{number}", waiting=sleep(after(number))) for number in (1, 2, 3, 4)))
    damage(path, f"UPDATE missions SET {change} WHERE number = 2")
    assert ids(await adapter.list_missions(limit=3)) == ["m-1", "m-3", "m-4"]
    assert ids(await adapter.list_scheduled(limit=3)) == ["m-1", "m-3", "m-4"]
    assert ids(await adapter.due(after(9), limit=3)) == ["m-1", "m-3", "m-4"]
    assert "mission 'm-2' is left out of a listing" in caplog.text


@pytest.mark.parametrize("change", ["since = '1999'", "timeout_at = '1999'", "event_name = x'ff'"])
async def test_a_damaged_wait(
    adapter: PersistenceAdapter, path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A wait that cannot be decoded is left out of listings, and logged; the page is filled from behind it."""
    names = ("m-1", "m-2", "m-3", "m-4")
    await commit(adapter, *(adds(name, opened=[wait(name)]) for name in names))
    damage(path, f"UPDATE waits SET {change} WHERE mission_id = 'm-2'")
    for signal_name in (None, "approval"):
        page = await adapter.list_waits(signal=signal_name, limit=3)
        assert [one.mission_id for one in page] == ["m-1", "m-3", "m-4"]
    assert "mission 'm-2' is left out of a listing" in caplog.text


async def test_waits_that_were_changed_by_hand(adapter: PersistenceAdapter, path: Path) -> None:
    """Where one is missing, or another is there already, the mission's next commits are taken all the same."""
    first, second = wait("m-1"), wait("m-1", "approval", 2)
    await commit(adapter, adds("m-1", opened=[first]))
    damage(path, f"UPDATE waits SET since = '{iso(second.since)}'")
    await commit(adapter, adds("m-1", version=1, closed=[first], opened=[second]))
    assert list(await adapter.list_waits(limit=9)) == [second]


async def test_a_damaged_row_by_its_id(adapter: PersistenceAdapter, path: Path) -> None:
    """Asked for by its id, a mission whose row cannot be decoded is an error that names it."""
    await commit(adapter, adds("m-1"))
    damage(path, "UPDATE missions SET status = 'dancing'")
    with pytest.raises(CorruptMissionError, match="mission 'm-1'"):
        await adapter.load_summary("m-1")


async def test_a_damaged_due_time(adapter: PersistenceAdapter, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A due time that cannot be read does not hide the next one."""
    await commit(adapter, adds("m-1", waiting=signal(after(1))), adds("m-2", waiting=signal(after(2))))
    damage(path, "UPDATE missions SET due_at = '1999' WHERE number = 1")
    assert await adapter.next_due(None) == after(2)
    assert "'m-1'" in caplog.text


async def test_a_damaged_definition(adapter: PersistenceAdapter, path: Path) -> None:
    """A definition that cannot be read is an error that names it."""
    await commit(adapter, adds("m-1", definition=definition()))
    damage(path, "UPDATE definitions SET static = '{'")
    with pytest.raises(PersistenceError, match="definition 'f-1'"):
        await adapter.load_definition("f-1")


async def test_a_damaged_mission_can_be_written_over(adapter: PersistenceAdapter, path: Path) -> None:
    """Loading leaves damaged rows as they are, so that what was repaired by hand is read again."""
    await commit(adapter, adds("m-1", records=[record(1, {"output": 1})]))
    damage(path, "UPDATE history SET records = '{'")
    assert isinstance((await adapter.load(["m-1"]))[0], CorruptMissionError)
    damage(path, 'UPDATE history SET records = \'[["step-started","pack",1,{}]]\'')
    assert shown(await adapter.load(["m-1"])) == [1]
