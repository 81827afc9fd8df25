"""Commits as this adapter makes them, beyond what every adapter promises."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from mission_control.adapter_sqlite import adapter as adapters
from mission_control.adapter_sqlite.connection import Synchronous, connect_for_writing
from mission_control.adapter_sqlite.files import Files
from mission_control.adapter_sqlite.schema import migrate
from mission_control.adapter_sqlite.writer import Writer
from mission_control.core import MissionStatus, PersistenceAdapter, PersistenceError, StaleMissionError, Wait
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from mission_control.testing.conformance.missions import (
    adds,
    after,
    child,
    commit,
    definition,
    ended,
    history,
    ids,
    record,
    signal,
    sleep,
    summary,
    wait,
)


@pytest.mark.parametrize("count", [1, 3, 5, 63, 64, 65, 131, 256, 257, 700])
async def test_batches_of_any_size(adapter: PersistenceAdapter, count: int) -> None:
    """However many missions and records a commit has, each row is written once, in its place."""
    names = [f"m-{number}" for number in range(count)]
    await commit(adapter, *(adds(name, count=number % 4 + 1, ran_under="f-1") for number, name in enumerate(names)))
    await commit(adapter, *(adds(name, version=number % 4 + 1, count=2) for number, name in enumerate(names)))
    assert ids(await adapter.list_missions(limit=1_000)) == names
    for number, name in enumerate(names):
        assert await history(adapter, name) == list(range(1, number % 4 + 4))


def children(parent_id: str) -> list[MissionCommit]:
    """Return a child for every other mission."""
    return [child(parent_id, "billing")] if int(parent_id[2:]) % 2 else []


def test_a_commit_is_one_statement(path: Path) -> None:
    """Whatever a commit creates and moves on, Python asks SQLite once, and it is durable then."""
    path.touch()
    connection = connect_for_writing(path, "full")
    migrate(connection)
    writer = Writer(connection, Files(path), sqlite3.Connection.close)
    names = [f"m-{number}" for number in range(200)]
    statements: list[str] = []
    with closing(writer), closing(sqlite3.connect(path)) as other:
        writer.write([adds(name) for name in names[:100]])
        connection.set_trace_callback(statements.append)
        moved = [adds(name, version=1, waiting=signal(), opened=[wait(name)]) for name in names[:100]]
        writer.write([*moved, *(adds(name, children=children(name)) for name in names[100:])])
        assert other.execute("SELECT status, count(*) FROM missions GROUP BY status").fetchall() == [
            ("running", 100 + 50),
            ("waiting", 100),
        ]
        assert other.execute("SELECT count(*) FROM open_waits").fetchall() == [(100,)]
    assert len(set(statements)) == 1  # it is traced once more for all that its triggers do


def test_a_signal_makes_the_steps_beside_it_no_wider(path: Path) -> None:
    """In one commit, what is rare has a statement of its own, and both take effect, or neither does."""
    path.touch()
    connection = connect_for_writing(path, "full")
    migrate(connection)
    names = [f"m-{number}" for number in range(20)]
    statements: list[str] = []
    with closing(Writer(connection, Files(path), sqlite3.Connection.close)) as writer:
        writer.write([adds(name, ran_under="f-1") for name in names])
        connection.set_trace_callback(statements.append)
        moved = [adds(name, version=1, ran_under="f-1") for name in names]
        waits = adds("m-7", version=1, waiting=signal(), opened=[wait("m-7")])
        writer.write([*moved[:7], waits, *moved[8:]])
        connection.set_trace_callback(None)
        assert connection.execute("SELECT DISTINCT version FROM missions").fetchall() == [(2,)]
        assert connection.execute("SELECT mission_id FROM open_waits").fetchall() == [("m-7",)]
        stale = adds("m-7", version=1, waiting=signal(), opened=[wait("m-7", seconds=3)])
        outcomes, _ = writer.write([*(adds(name, version=2, ran_under="f-1") for name in names[:7]), stale])
        assert [outcome is None for outcome in outcomes] == [True] * 7 + [False]
        assert connection.execute("SELECT version, count(*) FROM missions GROUP BY 1").fetchall() == [(2, 13), (3, 7)]
        assert connection.execute("SELECT count(*) FROM open_waits").fetchall() == [(1,)]
    assert {sql.split()[2] for sql in statements if sql.startswith("INSERT")} == {"whole_commits", "commits"}


def test_a_commit_that_changes_no_wait_is_asked_nothing_of_waits(path: Path) -> None:
    """Missions that never wait for a signal are written by a statement that has nothing to say of waits."""
    path.touch()
    connection = connect_for_writing(path, "full")
    migrate(connection)
    statements: list[str] = []
    with closing(Writer(connection, Files(path), sqlite3.Connection.close)) as writer:
        connection.set_trace_callback(statements.append)
        writer.write([adds("m-1", ran_under="f-1"), adds("m-2", ran_under="f-1")])
        sleeps = adds("m-1", version=1, waiting=sleep(after(9)), ran_under="f-1")
        writer.write([sleeps, adds("m-2", version=1, ran_under="f-1")])
        assert not [sql for sql in statements if "opened" in sql]
        writer.write([adds("m-1", version=2, opened=[wait("m-1")])])
        assert [sql for sql in statements if "opened" in sql]


@pytest.mark.parametrize("waiting", [None, sleep(after(9))])
async def test_a_mission_tells_again_where_it_stands(adapter: PersistenceAdapter, waiting: Wait | None) -> None:
    """Behind its paths it stands under the definition that it began with, whether it runs on there or waits."""
    await commit(adapter, adds("m-1", ran_under="f-1"), adds("m-1", version=1))
    assert ids(await adapter.list_unplaced(limit=9)) == ["m-1"]
    await commit(adapter, adds("m-1", version=2, ran_under="f-1", waiting=waiting))
    assert [(one.fingerprint, one.examples) for one in await adapter.list_standing()] == [("f-1", ("m-1",))]
    assert ids(await adapter.list_unplaced(limit=9)) == []


async def test_a_let_go_that_fails_takes_the_commit_with_it(adapter: PersistenceAdapter, path: Path) -> None:
    """Who is let go is part of the transaction, to the last statement of it."""
    await commit(adapter, adds("p", children=[child("p", "a")]))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TRIGGER no BEFORE UPDATE OF is_awaited ON missions BEGIN SELECT RAISE(FAIL, 'no'); END")
    with pytest.raises(PersistenceError, match="no"):
        await adapter.commit([adds("p", version=1, let_go=["p/a"]), adds("q")])
    assert await history(adapter, "p") == [1]
    assert ids(await adapter.list_missions(limit=9)) == ["p", "p/a"]


def test_a_writer_says_when_the_rest_is_sqlites(path: Path) -> None:
    """Then all rows are made, and none is written."""
    path.touch()
    connection = connect_for_writing(path, "full")
    migrate(connection)
    found: list[int] = []
    with closing(Writer(connection, Files(path), sqlite3.Connection.close)) as writer:
        writer.write([adds("m-1")], lambda: found.append(connection.total_changes))
        before = connection.total_changes
        writer.write([adds("m-2")], lambda: found.append(connection.total_changes))
    assert found[1] == before


@pytest.mark.parametrize(("count", "begins_at_once"), [(1, False), (100, True)])
async def test_a_crowd_waits_until_its_writer_has_begun(
    adapter: PersistenceAdapter, monkeypatch: pytest.MonkeyPatch, count: int, begins_at_once: bool
) -> None:
    """The loop does not go on before SQLite is at work on a large commit, and stays free for a small one."""
    may_begin, has_begun = threading.Event(), threading.Event()
    if begins_at_once:
        may_begin.set()
    write = Writer.write

    def slow_write(
        writer: Writer, batch: Sequence[MissionCommit], *begun: Callable[[], None]
    ) -> tuple[list[CommitOutcome], Files]:
        def begin() -> None:
            may_begin.wait(10)
            time.sleep(0.05)
            has_begun.set()
            for tell in begun:
                tell()

        return write(writer, batch, begin)

    monkeypatch.setattr(Writer, "write", slow_write)
    monkeypatch.setattr(adapters, "_HEAD_START_SECONDS", 5.0)
    writing = asyncio.ensure_future(adapter.commit([adds(f"m-{number}") for number in range(count)]))
    await asyncio.sleep(0)
    assert has_begun.is_set() == begins_at_once
    may_begin.set()
    assert list(await writing) == [None] * count


async def test_a_crowd_that_cannot_be_written_is_not_waited_for(adapter: PersistenceAdapter) -> None:
    """A commit that fails before SQLite is asked keeps the loop for a moment, and no longer."""
    bad = [adds(f"m-{number}", records=[record(1, {"output": object()})]) for number in range(100)]
    with pytest.raises(PersistenceError, match="mission 'm-0': its records cannot be stored"):
        await adapter.commit(bad)


async def test_a_mission_may_be_twice_in_a_commit(adapter: PersistenceAdapter) -> None:
    """Its members follow one another as they would in two commits, a stale one beside them or not."""
    first, second, stale = adds("m-1", count=2), adds("m-1", version=2), adds("m-1", version=2)
    outcomes = await adapter.commit([first, second, stale])
    assert [type(outcome) for outcome in outcomes] == [NoneType, NoneType, StaleMissionError]
    assert await history(adapter, "m-1") == [1, 2, 3]


async def test_every_way_from_row_to_row(adapter: PersistenceAdapter) -> None:
    """Whatever a mission was and becomes, its row and the listings say what was committed last."""
    rows: dict[str, dict[str, Any]] = {
        "running": {},
        "running elsewhere": {"cursor": "ship", "updated_at": after(9)},
        "running with an error": {"error": ended(MissionStatus.FAILED)["error"]},
        "waiting": {"waiting": signal()},
        "sleeping": {"waiting": sleep(after(5))},
        "reminded": {"waiting": signal(), "next_due": after(5)},
        "running beside a timer": {"next_wait": sleep(after(5)), "next_due": after(3)},
        "failed": ended(MissionStatus.FAILED),
    }
    ways = {f"{old} to {new}": (rows[old], rows[new]) for old in rows for new in rows}
    await commit(adapter, *(adds(name, **old) for name, (old, _) in ways.items()))
    await commit(adapter, *(adds(name, version=1, **new) for name, (_, new) in ways.items()))
    for name, (_, new) in ways.items():
        assert await adapter.load_summary(name) == summary(name, **new)
    assert ids(await adapter.list_scheduled(limit=99)) == sorted(name for name in ways if name.endswith("to sleeping"))


async def test_what_is_rare_beside_what_is_not(adapter: PersistenceAdapter, path: Path) -> None:
    """In one commit with children and reminders, missions that have neither have nothing in those columns."""
    await commit(adapter, adds("p", children=[child("p", "a"), child("p", "b", is_awaited=False)]), adds("q"))
    await commit(adapter, adds("p", version=1, waiting=signal(), next_due=after(5)), adds("q", version=1))
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT mission_id, remind_at IS NULL, parent, is_awaited FROM missions").fetchall()
    assert found == [("p", 0, None, None), ("p/a", 1, "p", 1), ("p/b", 1, "p", None), ("q", 1, None, None)]


@pytest.mark.parametrize("count", [1, 3])
async def test_what_is_absent_is_null(adapter: PersistenceAdapter, path: Path, count: int) -> None:
    """In the file there is no empty text and no impossible number for what a row does not have."""
    names = [f"m-{number}" for number in range(count)]
    await commit(adapter, *(adds(name, waiting=sleep(after(5))) for name in names))
    await commit(adapter, *(adds(name, version=1) for name in names))
    await commit(adapter, *(adds(name, version=2, records=[record(3, {})], **ended()) for name in names))
    with closing(sqlite3.connect(path)) as connection:
        missions = "cursor, wait_kind, wait_name, wait_node_index, due_at, attempt_number, error"
        rare = "remind_at, parent, is_awaited, schedule, slot, labels"
        assert connection.execute(f"SELECT DISTINCT {missions}, {rare} FROM missions").fetchall() == [(None,) * 13]
        found = connection.execute("SELECT event_name, attempt_number, details FROM mission_history WHERE seq = 3")
        assert found.fetchall() == [(None, None, None)] * count


async def test_rows_that_are_edited_by_hand_are_checked(adapter: PersistenceAdapter, path: Path) -> None:
    """A person's connection refuses a status that there is not, a due time without a wait, and half a truth."""
    await commit(adapter, adds("m-1"))
    with closing(sqlite3.connect(path)) as person:
        for change in ("status = 'dancing'", "wait_kind = 'hope'", "due_at = '2030-01-01'", "is_awaited = 2"):
            with pytest.raises(sqlite3.IntegrityError):
                person.execute(f"UPDATE missions SET {change}")


async def test_a_second_writer_is_noticed(adapter: PersistenceAdapter, path: Path) -> None:
    """A mission that something else wrote to, lock or no lock, is stale for the owner."""
    await commit(adapter, adds("m-1"), adds("m-2"))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE missions SET version = 2 WHERE mission_id = 'm-1'")
    stale, written = await adapter.commit([adds("m-1", version=1), adds("m-2", version=1)])
    assert isinstance(stale, StaleMissionError)
    assert "mission 'm-1': expected version 1, found 2" in str(stale)
    assert written is None


async def test_numbers_that_another_writer_gave_away(adapter: PersistenceAdapter, path: Path) -> None:
    """The order of creation is looked up in the file for each commit, not remembered."""
    await commit(adapter, adds("m-1"))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(
            "INSERT INTO missions (mission_id, mission_name, status, version) VALUES ('theirs', 'order', 'running', 0)"
        )
    await commit(adapter, adds("m-2"))
    assert ids(await adapter.list_missions(limit=9)) == ["m-1", "theirs", "m-2"]


async def test_a_definition_says_since_when(adapter: PersistenceAdapter, path: Path) -> None:
    """A definition is stored once, with the time of the first record that it came with."""
    await commit(adapter, adds("m-1", definition=definition()))
    await commit(adapter, adds("m-1", version=1, definition=definition()))
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT fingerprint, name, stored_at FROM definitions").fetchall()
    assert found == [("f-1", "order", after(1).isoformat(timespec="microseconds"))]


@pytest.mark.parametrize(("synchronous", "level"), [("full", 2), ("normal", 1)])
def test_durability_is_as_asked(path: Path, synchronous: Synchronous, level: int) -> None:
    """The writing connection has a write-ahead log and the asked-for `synchronous`."""
    sqlite3.connect(path).close()
    path.touch()
    with closing(connect_for_writing(path, synchronous)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_listing_goes_on_behind_a_mission_that_has_fired(adapter: PersistenceAdapter) -> None:
    """A mission that was the last on a page, and waits no more, marks the time at which it changed."""
    await commit(adapter, *(adds(f"m-{second}", waiting=sleep(after(second))) for second in (1, 3, 5)))
    for waiting in (None, signal(), signal(after(99))):
        (found,) = await adapter.load(["m-1"])
        assert isinstance(found, tuple)
        await commit(adapter, adds("m-1", version=len(found), waiting=waiting, updated_at=after(2)))
        assert ids(await adapter.list_scheduled(limit=9, after="m-1")) == ["m-3", "m-5"]
