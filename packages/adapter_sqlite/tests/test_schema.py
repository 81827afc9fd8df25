"""The schema: its version, whose file it is, and the views for people."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader
from mission_control.adapter_sqlite.schema import SCHEMA_VERSION, migrate, state
from mission_control.core import (
    CorruptMissionError,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
)
from mission_control.core.history import labels_of
from mission_control.core.history.records import iso
from mission_control.core.storage import MissionQuery, MissionRows
from mission_control.testing.conformance.missions import (
    START,
    adds,
    after,
    child,
    child_end,
    commit,
    definition,
    ended,
    history,
    ids,
    record,
    schedule,
    signal,
    sleep,
    summary,
    wait,
)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)


async def test_user_version_is_the_schema_version(adapter: PersistenceAdapter, path: Path) -> None:
    """A new file says which schema it has."""
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


async def test_the_migrations_that_were_applied_are_on_record(adapter: PersistenceAdapter, path: Path) -> None:
    """sqlite-utils' table tells which migrations made the file what it is."""
    found = query(path, "SELECT migration_set, name FROM _sqlite_migrations ORDER BY applied_at")
    names = ("first_schema", "a_row_for_each_commit", "children_and_reminders", "open_waits", "answers", "schedules")
    assert found == [("mission_control", name) for name in (*names, "operations", "by_hour")]


FIRST_SCHEMA = """
CREATE TABLE missions (
    number INTEGER PRIMARY KEY, mission_id TEXT NOT NULL UNIQUE, mission_name TEXT NOT NULL, status TEXT NOT NULL,
    cursor TEXT, wait_kind TEXT, wait_name TEXT, wait_node_index INTEGER, due_at TEXT, attempt_number INTEGER,
    error TEXT, created_at TEXT, updated_at TEXT, version INTEGER NOT NULL
);
CREATE INDEX missions_by_status ON missions (status, number);
CREATE INDEX missions_by_name ON missions (mission_name, number);
CREATE INDEX missions_by_name_and_status ON missions (mission_name, status, number);
CREATE INDEX missions_by_due ON missions (wait_kind, due_at, mission_id) WHERE due_at IS NOT NULL;
CREATE TABLE history (
    mission INTEGER NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, at TEXT NOT NULL, event_name TEXT,
    attempt_number INTEGER, details TEXT, PRIMARY KEY (mission, seq)
) WITHOUT ROWID;
CREATE TABLE definitions (
    fingerprint TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, static TEXT NOT NULL, stored_at TEXT
) WITHOUT ROWID;
CREATE VIEW mission_history AS
SELECT m.mission_id, m.mission_name, h.seq, h.at, h.type, h.event_name, h.attempt_number, h.details
FROM missions AS m JOIN history AS h ON h.mission = m.number;
CREATE TABLE _sqlite_migrations (migration_set TEXT, name TEXT, applied_at TEXT, PRIMARY KEY (migration_set, name));
INSERT INTO _sqlite_migrations VALUES ('mission_control', 'first_schema', '2026-11-22 00:00:00');
PRAGMA application_id = 1296258130;
PRAGMA user_version = 1;

INSERT INTO missions VALUES
    (1, 'whole', 'order', 'running', 'pack', NULL, NULL, NULL, NULL, NULL, NULL, '{at}', '{at}', 3),
    (2, 'damaged', 'order', 'running', 'pack', NULL, NULL, NULL, NULL, NULL, NULL, '{at}', '{at}', 1);
INSERT INTO history VALUES
    (1, 1, 'mission-created', '{at}', NULL, NULL, '{{"input":"\\u00e4\\" 1.0"}}'),
    (1, 2, 'mission-started', '{at}', NULL, NULL, NULL),
    (1, 3, 'step-started', '{later}', 'pack "it"', 1, NULL),
    (2, 1, 'mission-created', '{at}', NULL, NULL, '{{"input":');
""".format(at=iso(after(1)), later=iso(after(2)))
"""What the first release made, with a mission, and one that was damaged."""


async def test_a_file_of_the_first_release_is_brought_up_to_date(path: Path) -> None:
    """Its missions are there, and go on; what was damaged still concerns its mission alone."""
    change(path, FIRST_SCHEMA)
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("whole", version=3))
    history, damaged = await adapter.load(["whole", "damaged"])
    await adapter.close()
    assert history == (
        HistoryRecord(seq=1, type=HistoryType.MISSION_CREATED, at=after(1), details={"input": 'ä" 1.0'}),
        HistoryRecord(seq=2, type=HistoryType.MISSION_STARTED, at=after(1)),
        record(3, {}, at=after(2), event_name='pack "it"', attempt_number=1),
        record(4),
    )
    assert isinstance(damaged, CorruptMissionError)
    seen = query(path, "SELECT seq, at, type, event_name, attempt_number FROM mission_history")
    assert len(seen) == 4
    assert seen[2] == (3, iso(after(2)), "step-started", 'pack "it"', 1)
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


SECOND_SCHEMA = """
CREATE TABLE missions (
    number INTEGER PRIMARY KEY, mission_id TEXT NOT NULL UNIQUE, mission_name TEXT NOT NULL, status TEXT NOT NULL
    CHECK (status IN ('idle', 'running', 'waiting', 'completed', 'failed', 'cancelled')), cursor TEXT,
    wait_kind TEXT CHECK (wait_kind IN ('signal', 'sleep', 'retry', 'start_at')), wait_name TEXT,
    wait_node_index INTEGER, due_at TEXT, attempt_number INTEGER, error TEXT, created_at TEXT, updated_at TEXT,
    version INTEGER NOT NULL, CHECK (wait_kind IS NOT NULL OR due_at IS NULL)
);
CREATE INDEX missions_by_status ON missions (status, number);
CREATE INDEX missions_by_name ON missions (mission_name, number);
CREATE INDEX missions_by_name_and_status ON missions (mission_name, status, number);
CREATE INDEX missions_by_due ON missions (wait_kind, due_at, mission_id) WHERE due_at IS NOT NULL;
CREATE TABLE history (
    mission INTEGER NOT NULL, version INTEGER NOT NULL, at TEXT NOT NULL, records TEXT NOT NULL,
    PRIMARY KEY (mission, version)
) WITHOUT ROWID;
CREATE TABLE definitions (
    fingerprint TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, static TEXT NOT NULL, stored_at TEXT
) WITHOUT ROWID;
CREATE VIEW waiting_missions AS SELECT mission_id, wait_name, updated_at FROM missions WHERE status = 'waiting';
CREATE TABLE _sqlite_migrations (migration_set TEXT, name TEXT, applied_at TEXT, PRIMARY KEY (migration_set, name));
INSERT INTO _sqlite_migrations VALUES
    ('mission_control', 'first_schema', '2026-11-22 00:00:00'),
    ('mission_control', 'a_row_for_each_commit', '2026-11-24 00:00:00');
PRAGMA application_id = 1296258130;

INSERT INTO missions VALUES
    (1, 'parked', 'order', 'waiting', 'approval', 'signal', 'approval', 2, NULL, NULL, NULL, '{at}', '{at}', 1),
    (2, 'bounded', 'order', 'waiting', 'approval', 'signal', 'approval', 2, '{due}', NULL, NULL, '{at}', '{at}', 1),
    (3, 'asleep', 'order', 'waiting', 'cooldown', 'sleep', 'cooldown', 3, '{due}', NULL, NULL, '{at}', '{at}', 1),
    (5, 'failed', 'order', 'failed', 'pack', NULL, NULL, NULL, NULL, NULL,
     '{{"message":"no","at":"{at}","code":"STEP_FAILED","type":null,"traceback":null}}', '{at}', '{at}', 1);
INSERT INTO history SELECT number, 1, '{at}', '[["step-started","pack",1,{{}}]]' FROM missions;
INSERT INTO definitions VALUES ('f-1', 'order', '{{"name":"order"}}', '{at}');
""".format(at=iso(after(1)), due=iso(after(9)))
"""What the second schema made, and the third, which had other views only; with missions."""


@pytest.mark.parametrize("version", [2, 3])
async def test_a_file_of_an_earlier_schema_is_brought_up_to_date(path: Path, version: int) -> None:
    """Its missions are as they were, listed where they were, and go on; the views are today's."""
    change(path, SECOND_SCHEMA + f"PRAGMA user_version = {version}")
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    failure = MissionFailure(message="no", at=after(1), code="STEP_FAILED")
    times = {"created_at": after(1), "updated_at": after(1)}
    assert list(await adapter.list_missions(limit=9)) == [
        summary("parked", waiting=signal(), **times),
        summary("bounded", waiting=signal(after(9)), **times),
        summary("asleep", waiting=sleep(after(9)), **times),
        summary("failed", status=MissionStatus.FAILED, error=failure, **times),
    ]
    assert ids(await adapter.due(after(9), limit=9)) == ["asleep", "bounded"]
    assert ids(await adapter.list_scheduled(limit=9)) == ["asleep"]
    assert await adapter.load_definition("f-1") == {"name": "order"}
    waits = [wait("bounded", timeout_at=after(9)), wait("parked")]
    assert list(await adapter.list_waits(signal="approval", mission_name="order", limit=9)) == waits
    next_one = adds("parked", version=1, waiting=child_end("parked"), children=[child("parked", "billing")])
    await commit(adapter, attrs.evolve(next_one, closed=(waits[1],)))
    assert list(await adapter.list_waits(limit=9)) == waits[:1]
    assert await history(adapter, "parked") == [1, 2]
    assert ids(await adapter.list_missions(limit=9, after="failed")) == ["parked/billing"]
    await adapter.close()
    assert query(path, "SELECT wait_kind, waits_for FROM waiting_missions")[0] == ("child", "billing")
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


EIGHTH_SCHEMA = """
DROP INDEX missions_ended;
DROP INDEX missions_by_failure;
DROP INDEX missions_by_hour;
ALTER TABLE missions DROP COLUMN ended_at;
CREATE INDEX missions_ended ON missions (updated_at) WHERE status < 'idle';
CREATE INDEX missions_by_failure ON missions (failure) WHERE failure IS NOT NULL;
CREATE INDEX missions_by_hour ON missions (CAST((julianday(created_at) - 2440000) * 24 AS INTEGER));
DELETE FROM _sqlite_migrations WHERE name = 'by_hour';
PRAGMA user_version = 8;
"""
"""What makes a file one of schema 8, which has no time of an end but that of the last change."""

SEVENTH_SCHEMA = (
    EIGHTH_SCHEMA
    + """
DROP VIEW all_missions;
CREATE TABLE before (
    fingerprint TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, static TEXT NOT NULL, stored_at TEXT
) WITHOUT ROWID;
INSERT INTO before SELECT fingerprint, name, static, stored_at FROM definitions;
DROP TABLE definitions;
ALTER TABLE before RENAME TO definitions;
DROP TABLE further_definitions;
DROP TABLE purged;
DROP TABLE labels;
DROP INDEX waits_by_mission;
DROP INDEX missions_by_definition;
DROP INDEX missions_ended;
DROP INDEX missions_by_hour;
DROP INDEX missions_by_code;
DROP INDEX missions_by_failure;
DROP INDEX missions_by_status;
DROP INDEX missions_by_name_and_status;
CREATE INDEX missions_by_status ON missions (status, number);
CREATE INDEX missions_by_name ON missions (mission_name, number);
CREATE INDEX missions_by_name_and_status ON missions (mission_name, status, number);
ALTER TABLE missions DROP COLUMN created_under;
ALTER TABLE missions DROP COLUMN ran_under;
ALTER TABLE missions DROP COLUMN failure;
DELETE FROM _sqlite_migrations WHERE name = 'operations';
PRAGMA user_version = 7;
"""
)
"""What makes a file one of schema 7, of which nothing is purged, and missions are found by name and status alone."""

SIXTH_SCHEMA = (
    SEVENTH_SCHEMA
    + """
DROP VIEW all_schedules;
DROP TABLE schedules;
ALTER TABLE missions DROP COLUMN schedule;
ALTER TABLE missions DROP COLUMN slot;
ALTER TABLE missions DROP COLUMN labels;
DELETE FROM _sqlite_migrations WHERE name = 'schedules';
PRAGMA user_version = 6;
"""
)
"""What makes a file one of schema 6, which had no schedules and no labels."""


async def test_a_file_from_before_there_were_schedules_is_brought_up_to_date(path: Path) -> None:
    """Its missions, children and waits are as they were; no schedule started one of them, and none has labels."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1", opened=[wait("m-1")], children=[child("m-1", "billing")]), adds("m-2"))
    before = list(await adapter.list_missions(limit=9)), list(await adapter.list_waits(limit=9))
    await adapter.close()
    change(path, SIXTH_SCHEMA)
    await adapter.bootstrap()
    assert (list(await adapter.list_missions(limit=9)), list(await adapter.list_waits(limit=9))) == before
    assert list(await adapter.list_schedules()) == []
    started = adds("m-3", schedule="nightly", slot=after(5), labels={"employee": "e-17"})
    await commit(adapter, adds("m-2", version=1), attrs.evolve(started, schedule=schedule("nightly")))
    assert list(await adapter.list_missions(limit=9)) == [*before[0], started.summary]
    assert list(await adapter.list_schedules()) == [(schedule("nightly"), None)]
    await adapter.close()
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


async def test_a_file_of_the_seventh_schema_is_brought_up_to_date(path: Path) -> None:
    """Missions are found by what they had, also before; each tells its one definition, where it stands on one line."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    born = record(1, {"definition": "f-1"}, type=HistoryType.MISSION_CREATED)
    moved = record(2, {"definition": "f-2"})
    forked = record(2, {}, type=HistoryType.PATHS_OPENED, event_name="checks")
    told = [definition("f-1"), definition("f-2")]
    on_path = attrs.evolve(signal(), event_name="checks/legal/approval")
    rows: tuple[tuple[str, list[HistoryRecord], dict[str, Any]], ...] = (
        ("parked", [born], {"waiting": signal(), "labels": {"employee": "e-17"}, "schedule": "nightly"}),
        ("moved", [born, moved], {"waiting": signal()}),
        ("on a path", [born, forked], {"waiting": on_path, "cursor": "checks"}),
        ("behind paths", [born, forked], {"waiting": signal()}),
        ("failed", [born, forked], ended(MissionStatus.FAILED)),
    )
    members = (adds(name, records=records, **fields) for name, records, fields in rows)
    await commit(adapter, *(attrs.evolve(one, definition=told[0], definitions=(told[1],)) for one in members))
    before = await adapter.list_missions(limit=9)
    await adapter.close()
    change(path, SEVENTH_SCHEMA)
    await adapter.bootstrap()
    assert list(await adapter.list_missions(limit=9)) == list(before)
    found = await adapter.audit(limit=9)
    assert {one.mission_id: one.rows.ran_under for one in found if isinstance(one.rows, MissionRows)} == {
        "parked": "f-1",
        "moved": None,
        "on a path": None,
        "behind paths": "f-1",
        "failed": "f-1",
    }
    for query in (MissionQuery(labels=labels_of({"employee": "e-17"})), MissionQuery(schedule="nightly")):
        assert ids(await adapter.list_missions(query, limit=9)) == ["parked"]
    assert ids(await adapter.list_missions(MissionQuery(error="STEP_FAILED", since=START), limit=9)) == ["failed"]
    assert [one.count for one in (await adapter.statistics(START)).failures] == [1]
    await adapter.close()


async def test_a_file_of_the_eighth_schema_is_brought_up_to_date(path: Path) -> None:
    """What has ended is counted by hour, and purged, as in a file that was always of this schema."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    ends = {name: ended(name) for name in (MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED)}
    await commit(adapter, adds("lives", waiting=signal()), adds("runs"))
    await commit(adapter, *(adds(name, **life, updated_at=after(n)) for n, (name, life) in enumerate(ends.items())))
    before = await adapter.list_missions(limit=9), await adapter.statistics(after(9))
    await adapter.close()
    change(path, EIGHTH_SCHEMA)
    await adapter.bootstrap()
    assert (await adapter.list_missions(limit=9), await adapter.statistics(after(9))) == before
    assert [one.started for one in before[1].hours][-2:] == [5, 0]
    assert await adapter.purge(after(2), statuses=list(ends), limit=9) == 2
    assert ids(await adapter.list_missions(limit=9)) == ["lives", "runs", "cancelled"]
    await adapter.close()


async def test_an_upgraded_file_is_like_a_new_one(path: Path) -> None:
    """Tables, indexes and views are the same, down to their texts."""
    change(path, SECOND_SCHEMA + "PRAGMA user_version = 3")
    for file in (path, path.with_name("new.db")):
        adapter = create_sqlite_persistence_adapter(file)
        await adapter.bootstrap()
        await adapter.close()
    made = "SELECT type, name, sql FROM sqlite_master WHERE tbl_name NOT IN ('history', 'definitions') ORDER BY name"
    ours = [row for row in query(path, made) if not row[1].startswith("_sqlite")]
    assert ours == [row for row in query(path.with_name("new.db"), made) if not row[1].startswith("_sqlite")]


async def test_a_reader_of_a_file_of_the_first_release_says_what_to_do(path: Path) -> None:
    """Who only reads upgrades nothing."""
    change(path, FIRST_SCHEMA)
    with pytest.raises(PersistenceError, match="an earlier release wrote this file: a commander that opens it"):
        await open_mission_reader(path).__aenter__()
    assert query(path, "PRAGMA user_version") == [(1,)]


async def test_an_upgrade_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """All of it or nothing: the release that wrote the file can still open it."""
    change(path, FIRST_SCHEMA + "CREATE TABLE records (mine TEXT);")
    before = query(path, "SELECT * FROM history")
    with pytest.raises(PersistenceError, match="records"):
        await create_sqlite_persistence_adapter(path).bootstrap()
    assert query(path, "SELECT * FROM history") == before
    assert query(path, "PRAGMA user_version") == [(1,)]
    assert len(query(path, "SELECT * FROM mission_history WHERE mission_id = 'whole'")) == 3


async def test_a_newer_schema_is_refused(path: Path) -> None:
    """A file of a later release names both versions and the remedy, and is left as it is."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await adapter.close()
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 8}")
    with pytest.raises(PersistenceError, match=rf"version {SCHEMA_VERSION + 8}.*up to {SCHEMA_VERSION}: upgrade"):
        await adapter.bootstrap()
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION}")
    await adapter.bootstrap()
    await adapter.close()


async def test_another_programs_database_is_refused(path: Path) -> None:
    """A SQLite file with other tables is not ours to write to, and nothing is added to it."""
    change(path, "CREATE TABLE invoices (id INTEGER PRIMARY KEY)")
    with pytest.raises(PersistenceError, match="belongs to another program"):
        await create_sqlite_persistence_adapter(path).bootstrap()
    assert query(path, "SELECT name FROM sqlite_master") == [("invoices",)]
    assert query(path, "PRAGMA journal_mode") == [("delete",)]


class Late(sqlite3.Connection):
    """A connection beside which the first owner prepares the file, behind the first thing that is read."""

    reads = 0
    path: Path

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql.startswith(("PRAGMA", "SELECT")):
            self.reads += 1
            if self.reads == 2:
                with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                    migrate(connection)
        return super().execute(sql, parameters)


async def test_a_file_that_is_being_prepared_is_empty_or_current(path: Path) -> None:
    """Its marks are read as they were at one moment: never is it taken for an older one, or another program's."""
    change(path, "PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(path, isolation_level=None, factory=Late)) as connection:
        connection.path = path
        assert state(connection, path) == "empty"
        assert state(connection, path) == "current"


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    """A file of no bytes, as a temporary file is, is taken as new."""
    change(path, "")
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await adapter.close()
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


async def test_a_failure_without_failed_undos_is_stored_as_before(adapter: PersistenceAdapter, path: Path) -> None:
    """The text of an error has the steps whose undo was given up where there are some, and nothing otherwise."""
    failure = MissionFailure(message="no", at=after(1), code="STEP_FAILED")
    undone = attrs.evolve(failure, undo_failed=("pack",))
    await commit(adapter, *(adds(f"m-{n}", **ended(), error=one) for n, one in enumerate((failure, undone))))
    before, with_undo = (json.loads(text) for (text,) in query(path, "SELECT error FROM missions"))
    assert list(before) == ["message", "at", "code", "type", "traceback"]
    assert with_undo == {**before, "undo_failed": ["pack"]}


async def test_tiny_transitions_stay_small(adapter: PersistenceAdapter, path: Path) -> None:
    """A mission's transitions cost at most 300 bytes each on disk, its row and all indexes included."""
    sizes: list[int] = []
    for start in (0, 500):
        names = [f"3f2504e0-4f89-41d3-9a0c-{number:012}" for number in range(start, start + 500)]
        for version in (0, 2, 4, 6, 8):
            await commit(adapter, *(adds(name, version=version, records=step(version)) for name in names))
        sizes.append(query(path, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[0][0])
    assert (sizes[1] - sizes[0]) / 2_500 <= 300


def step(version: int) -> list[Any]:
    succeeded = {"type": HistoryType.STEP_SUCCEEDED, "event_name": "send-email", "attempt_number": 1}
    started = {"type": HistoryType.STEP_STARTED, "event_name": "send-email", "attempt_number": 1}
    return [record(version + 1, {"output": {"id": 1}}, **succeeded), record(version + 2, {}, **started)]


def test_sqlite_utils_is_not_imported_for_a_current_file(path: Path) -> None:
    """Opening a file that is up to date costs no import of the migration library."""
    program = (
        "import asyncio, sys\n"
        "from mission_control.adapter_sqlite import create_sqlite_persistence_adapter\n"
        "async def main():\n"
        "    adapter = create_sqlite_persistence_adapter(sys.argv[1])\n"
        "    await adapter.bootstrap()\n"
        "    await adapter.close()\n"
        "asyncio.run(main())\n"
        "sys.stdout.write(str('sqlite_utils' in sys.modules))\n"
    )
    runs = [subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=True) for _ in range(2)]
    assert [run.stdout for run in runs] == [b"True", b"False"]
