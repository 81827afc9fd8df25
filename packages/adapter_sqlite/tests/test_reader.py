"""The read-only view, beside an owner or alone."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader
from mission_control.adapter_sqlite.failures import ReplacedError
from mission_control.adapter_sqlite.view import View
from mission_control.core import (
    CorruptMissionError,
    HistoryRecord,
    HistoryType,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
)
from mission_control.testing.conformance.missions import (
    adds,
    after,
    child,
    commit,
    definition,
    ended,
    ids,
    record,
    signal,
    sleep,
    wait,
)


def beginning() -> list[HistoryRecord]:
    """Return the first records of a mission."""
    created = {"mission_name": "order", "input": {"id": 1}, "definition": "f-1"}
    started: dict[str, Any] = {"type": HistoryType.STEP_STARTED, "event_name": "start", "attempt_number": 1}
    return [
        record(1, created, type=HistoryType.MISSION_CREATED),
        record(2, {}, type=HistoryType.MISSION_STARTED),
        record(3, {}, **started),
    ]


async def test_missions_are_listed_beside_their_owner(adapter: PersistenceAdapter, path: Path) -> None:
    """While an owner has the file open, a reader sees each commit as soon as it is made."""
    async with open_mission_reader(path) as reader:
        assert await reader.list_missions() == []
        await commit(adapter, adds("m-1"), adds("m-2", waiting=signal()), adds("m-3", waiting=sleep(after(9))))
        assert ids(await reader.list_missions()) == ["m-1", "m-2", "m-3"]
        assert ids(await reader.list_missions(status=MissionStatus.RUNNING)) == ["m-1"]
        assert ids(await reader.list_missions(mission_name="other")) == []
        assert ids(await reader.list_missions(limit=1, after="m-1")) == ["m-2"]
        assert ids(await reader.list_missions(parent_id="m-1")) == []
        await commit(adapter, adds("m-1", version=1, children=[child("m-1", "billing")]))
        assert ids(await reader.list_missions(parent_id="m-1")) == ["m-1/billing"]
        assert ids(await reader.list_waiting()) == ["m-2", "m-3"]
        assert ids(await reader.list_scheduled()) == ["m-3"]


def inbox() -> list[HistoryRecord]:
    """Return the first records of a mission, and one that names a definition in a payload only."""
    succeeded: dict[str, Any] = {"type": HistoryType.STEP_SUCCEEDED, "event_name": "start", "attempt_number": 1}
    return [*beginning(), record(4, {"output": {"definition": "f-2"}}, **succeeded)]


def signals(fingerprint: str, kind: str) -> Any:
    """Return a definition that waits for a signal of that type."""
    node = {"kind": "need_to", "name": "approval", "json_schema": {"type": kind}}
    return definition(fingerprint, nodes=[{"kind": "start", "name": "start"}, node])


async def test_open_waits_are_listed_beside_their_owner(adapter: PersistenceAdapter, path: Path) -> None:
    """Each with the schema of the definition that its mission last ran under, as its records tell."""
    async with open_mission_reader(path) as reader:
        assert await reader.list_waits() == []
        one = adds("m-1", records=inbox(), opened=[wait("m-1")], definition=signals("f-1", "integer"))
        await commit(adapter, one, adds("m-2", opened=[wait("m-2")], definition=signals("f-2", "string")))
        first, second = await reader.list_waits(signal="approval", mission_name="order")
        assert (first.schema, second.schema) == ({"type": "integer"}, None)
        again = record(5, {"definition": "f-2"}, type=HistoryType.STEP_STARTED, event_name="pack", attempt_number=1)
        await commit(adapter, adds("m-1", version=4, records=[again]))
        assert [found.schema async for found in reader.iter_waits()] == [{"type": "string"}, None]
        assert await reader.list_waits(after=second) == []


DAMAGED = {
    "a history": "UPDATE history SET records = '[[\"definition\":'",
    "a history that is no text": "UPDATE history SET records = CAST(x'ff22646566696e6974696f6e223aff' AS TEXT)",
    "a definition": "UPDATE definitions SET static = '{'",
    "a definition of another shape": "UPDATE definitions SET static = '{}'",
    "no definition": "DELETE FROM definitions",
}


@pytest.mark.parametrize("sql", DAMAGED.values(), ids=DAMAGED.keys())
async def test_a_wait_whose_schema_is_damaged_is_listed(adapter: PersistenceAdapter, path: Path, sql: str) -> None:
    """It says nothing of what it takes."""
    one = adds("m-1", records=beginning(), opened=[wait("m-1")], definition=signals("f-1", "integer"))
    await commit(adapter, one)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)
    async with open_mission_reader(path) as reader:
        assert await reader.list_waits() == [wait("m-1")]


async def test_before_the_owners_first_run_no_wait_is_open(path: Path) -> None:
    """As no mission is there."""
    async with open_mission_reader(path, missing="empty") as reader:
        assert await reader.list_waits() == []
        assert [found async for found in reader.iter_waits(signal="approval")] == []


async def test_a_mission_is_inspected(adapter: PersistenceAdapter, path: Path) -> None:
    """A reader tells all of one mission, and None of one that is not there."""
    await commit(adapter, adds("m-1", records=beginning()))
    async with open_mission_reader(path) as reader:
        inspection = await reader.inspect_mission("m-1")
        assert inspection is not None
        assert inspection.snapshot.events["start"].input == {"id": 1}
        assert [attempt.status for attempt in inspection.step_attempts] == ["running"]
        assert await reader.inspect_mission("m-2") is None


async def test_a_damaged_mission_is_an_error(adapter: PersistenceAdapter, path: Path) -> None:
    """What cannot be read of one mission is said of that mission."""
    await commit(adapter, adds("m-1", records=beginning()))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE history SET records = '{'")
    async with open_mission_reader(path) as reader:
        with pytest.raises(CorruptMissionError, match="'m-1'"):
            await reader.inspect_mission("m-1")


async def test_every_mission_is_iterated(adapter: PersistenceAdapter, path: Path) -> None:
    """Iterating goes on over the end of a page."""
    await commit(adapter, *(adds(f"m-{number}", **ended()) for number in range(250)), adds("running"))
    async with open_mission_reader(path) as reader:
        found = [summary.mission_id async for summary in reader.iter_missions(status=MissionStatus.COMPLETED)]
    assert found == [f"m-{number}" for number in range(250)]


async def test_a_definition_is_read(adapter: PersistenceAdapter, path: Path) -> None:
    """The static form of a definition that ran is there without its code."""
    await commit(adapter, adds("m-1", definition=definition(nodes=[])))
    async with open_mission_reader(path) as reader:
        assert await reader.load_definition("f-1") == {"name": "order", "nodes": []}
        assert await reader.load_definition("f-2") is None


async def test_reading_when_nobody_owns_the_file(path: Path) -> None:
    """A file that was closed is read as well, and is free for an owner meanwhile."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    await adapter.close()
    async with open_mission_reader(path) as reader:
        assert ids(await reader.list_missions()) == ["m-1"]
        await adapter.bootstrap()
        await commit(adapter, adds("m-2"))
        assert ids(await reader.list_missions()) == ["m-1", "m-2"]
    await adapter.close()


CRASHES = """
import asyncio, os, sys
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.testing.conformance.missions import adds, commit

async def main():
    adapter = create_sqlite_persistence_adapter(sys.argv[1])
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    os._exit(0)

asyncio.run(main())
"""

OPENS = CRASHES.replace('    await commit(adapter, adds("m-1"))\n    os._exit(0)', "    await adapter.close()")

READS = """
import asyncio, os, sys, urllib.parse  # all that is needed is imported before others' files cannot be read any more
from mission_control.adapter_sqlite import open_mission_reader
from mission_control.core import PersistenceError

async def main():
    if os.geteuid() == 0:
        os.setuid(65534)  # permissions mean nothing to root
    try:
        async with open_mission_reader(sys.argv[1]) as reader:
            sys.stdout.write(str(len(await reader.list_missions())))
    except PersistenceError as error:
        sys.stdout.write(str(error))

asyncio.run(main())
"""


def run(program: str, path: Path) -> str:
    return subprocess.run([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True, check=True).stdout


async def test_reading_after_a_crash(path: Path) -> None:
    """What a process committed before it was killed is read out of the log that it left."""
    run(CRASHES, path)
    async with open_mission_reader(path) as reader:
        assert ids(await reader.list_missions()) == ["m-1"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
async def test_reading_without_permission_to_write(shared_path: Path) -> None:
    """Who may only read can do so while an owner has the file open, and when nobody has."""
    adapter = create_sqlite_persistence_adapter(shared_path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    shared_path.parent.chmod(0o555)
    assert run(READS, shared_path) == "1"
    shared_path.parent.chmod(0o755)
    await adapter.close()
    shared_path.parent.chmod(0o555)
    assert run(READS, shared_path) == "1"
    shared_path.parent.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
async def test_reading_after_a_crash_without_permission_to_write(shared_path: Path) -> None:
    """What a killed process left in the log is read by who may not write any of it."""
    run(CRASHES, shared_path)
    shared_path.parent.chmod(0o555)
    assert run(READS, shared_path) == "1"
    shared_path.parent.chmod(0o755)


async def test_a_reader_does_not_hold_the_writer_up(adapter: PersistenceAdapter, path: Path) -> None:
    """Commits go on while pages are read, and a page is of one moment."""
    await commit(adapter, *(adds(f"m-{number}") for number in range(200)))
    async with open_mission_reader(path) as reader:
        reading = [asyncio.ensure_future(reader.list_missions(limit=1_000)) for _ in range(10)]
        for number in range(20):
            await commit(adapter, adds(f"left-{number}"), adds(f"right-{number}"))
        for page in await asyncio.gather(*reading):
            assert len(page) % 2 == 0


async def test_a_reader_leaves_no_thread(adapter: PersistenceAdapter, path: Path) -> None:
    """Leaving the context ends the reader's thread."""
    before = threading.active_count()
    async with open_mission_reader(path):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


async def fails_to_read(path: Path) -> str:
    with pytest.raises(PersistenceError) as caught:
        async with open_mission_reader(path):
            pass
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


async def test_a_missing_file(path: Path) -> None:
    """A reader never makes a file."""
    assert "there is no such file" in await fails_to_read(path)
    assert list(path.parent.iterdir()) == []


def empty(path: Path) -> None:
    path.touch()


def another_kind(path: Path) -> None:
    path.write_bytes(b"name,price\n" * 500)


def another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER PRIMARY KEY)")


REFUSALS = [
    (empty, "there are no missions in this file"),
    (another_kind, "not a SQLite database"),
    (another_program, "belongs to another program"),
]


@pytest.mark.parametrize(("make", "problem"), REFUSALS)
async def test_files_that_are_not_ours(path: Path, make: Callable[[Path], None], problem: str) -> None:
    """A file without missions, of another kind, or of another program, is refused by name."""
    make(path)
    assert problem in await fails_to_read(path)


async def test_a_reader_that_was_left(adapter: PersistenceAdapter, path: Path) -> None:
    """Outside its context a reader says that it is closed, and keeps no one waiting."""
    async with open_mission_reader(path) as reader:
        pass
    with pytest.raises(PersistenceError, match="closed"):
        await reader.list_missions()


async def test_no_file_at_all() -> None:
    """What is no path of a file is refused as the adapter refuses it."""
    with pytest.raises(PersistenceError, match="in memory"):
        async with open_mission_reader(":memory:"):
            pass


async def test_reading_leaves_no_file(path: Path) -> None:
    """Who reads where no commander has the file open makes none beside it, not for a moment."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    await adapter.close()
    before = files_beside(path)
    async with open_mission_reader(path) as reader:
        assert ids(await reader.list_missions()) == ["m-1"]
        assert files_beside(path) == before


def files_beside(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


class Elsewhere:
    """A query during which something else happens to the file."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self._events = list(events)

    def __call__(self, connection: sqlite3.Connection) -> int:
        number: int
        ((number,),) = connection.execute("SELECT count(*) FROM missions")
        if self._events:
            self._events.pop(0)()
        return number


def test_a_file_that_changes_while_it_is_read(path: Path) -> None:
    """An answer of a file that another process wrote to meanwhile is not believed, and the file read again."""
    run(OPENS, path)
    view = View(path, is_empty_when_missing=False)
    assert view.read(Elsewhere()) == 0
    assert view.read(Elsewhere(lambda: run(CRASHES, path))) == 1
    view.close()


def test_a_failure_of_a_file_that_changes_while_it_is_read(path: Path) -> None:
    """Nor is a failure, which a file that is half written may well cause; any other is told."""
    run(OPENS, path)

    def fails() -> None:
        raise sqlite3.DatabaseError("torn")

    def fails_as_it_changes() -> None:
        run(CRASHES, path)
        fails()

    view = View(path, is_empty_when_missing=False)
    with pytest.raises(sqlite3.DatabaseError, match="torn"):
        view.read(Elsewhere(fails))
    assert view.read(Elsewhere(fails_as_it_changes)) == 1
    view.close()


def test_a_log_that_goes_while_it_is_read(path: Path) -> None:
    """What is read of files that were replaced meanwhile, or cannot be, is read again of those that are there."""
    run(CRASHES, path)

    def replace_by_an_empty_one() -> None:
        for file in path.parent.glob("missions.db*"):
            file.unlink()
        run(OPENS, path)

    def replace_and_fail() -> None:
        replace_by_an_empty_one()
        raise sqlite3.DatabaseError("torn")

    def fail() -> None:
        raise sqlite3.DatabaseError("damaged")

    view = View(path, is_empty_when_missing=False)
    assert view.read(Elsewhere(replace_by_an_empty_one)) == 0
    run(CRASHES, path)
    assert view.read(Elsewhere(replace_and_fail)) == 0
    run(CRASHES, path)
    with pytest.raises(sqlite3.DatabaseError, match="damaged"):
        view.read(Elsewhere(fail))
    view.close()


def test_a_file_that_never_rests(path: Path) -> None:
    """A file that is replaced at every reading is an error in the end."""
    run(OPENS, path)

    def replace() -> None:
        copy = path.with_name("copy.db")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        copy.replace(path)

    view = View(path, is_empty_when_missing=False)
    with pytest.raises(ReplacedError):
        view.read(Elsewhere(*[replace] * 9))
    view.close()


async def test_before_the_owners_first_run_it_is_empty(path: Path) -> None:
    """As asked, a reader answers that there are no missions, until there are."""
    async with open_mission_reader(path, missing="empty") as reader:
        assert await reader.list_missions() == []
        assert await reader.list_scheduled() == []
        assert await reader.inspect_mission("m-1") is None
        assert await reader.load_definition("f-1") is None
        assert [mission async for mission in reader.iter_missions()] == []
        assert files_beside(path) == set()
        empty(path)
        assert await reader.list_missions() == []
        adapter = create_sqlite_persistence_adapter(path)
        await adapter.bootstrap()
        await commit(adapter, adds("m-1"))
        assert ids(await reader.list_missions()) == ["m-1"]
        await adapter.close()


async def test_waiting_for_the_owners_first_run(path: Path) -> None:
    """As asked, a reader waits for the file, and for its owner to have prepared it."""

    async def look() -> list[str]:
        async with open_mission_reader(path, missing="wait") as reader:
            return ids(await reader.list_missions())

    looking = asyncio.ensure_future(look())
    await asyncio.sleep(0.05)
    empty(path)
    await asyncio.sleep(0.15)
    assert not looking.done()
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    assert await looking == []
    await adapter.close()


async def test_who_waits_can_stop(path: Path) -> None:
    """A wait for the owner that is cancelled leaves no thread."""
    before = threading.active_count()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), open_mission_reader(path, missing="wait"):
            raise AssertionError
    assert threading.active_count() == before


@pytest.mark.parametrize("missing", ["empty", "wait"])
async def test_what_is_not_missing_but_wrong(path: Path, missing: Literal["empty", "wait"]) -> None:
    """Nobody waits for a file that will never be one of missions, or for a directory that nobody will make."""
    another_kind(path)
    with pytest.raises(PersistenceError, match="not a SQLite database"):
        async with open_mission_reader(path, missing=missing):
            raise AssertionError
    with pytest.raises(PersistenceError, match="does not exist: create it first"):
        async with open_mission_reader(path.parent / "nowhere" / "missions.db", missing=missing):
            raise AssertionError


async def test_another_way_of_missing(path: Path) -> None:
    """What to do before the first run is one of three words."""
    wrong: Any = "never"
    with pytest.raises(ValueError, match="missing: expected 'raise', 'empty' or 'wait', found"):
        async with open_mission_reader(path, missing=wrong):
            raise AssertionError
