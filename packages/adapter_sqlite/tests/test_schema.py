"""The schema: its version, whose file it is, and the views for people."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader
from mission_control.adapter_sqlite.schema import SCHEMA_VERSION
from mission_control.core import (
    CorruptMissionError,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
)
from mission_control.core.history.records import Wait, iso
from mission_control.testing.conformance.missions import (
    START,
    adds,
    after,
    commit,
    ended,
    record,
    retry,
    signal,
    sleep,
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
    assert found == [("mission_control", "first_schema"), ("mission_control", "a_row_for_each_commit")]


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


async def test_a_file_of_the_second_schema_gets_the_views_of_today(path: Path) -> None:
    """Its tables are today's, and its missions are seen in views that it did not have."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await commit(adapter, adds("m-1", waiting=signal()))
    await adapter.close()
    views = [name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'view'")]
    change(path, ";".join(f"DROP VIEW {name}" for name in views))
    change(path, "CREATE VIEW waiting_missions AS SELECT mission_id, updated_at FROM missions; PRAGMA user_version = 2")
    await adapter.bootstrap()
    await adapter.close()
    assert [name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'view'")] == views
    assert query(path, "SELECT waits_for FROM waiting_missions") == [("approval",)]
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


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


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    """A file of no bytes, as a temporary file is, is taken as new."""
    change(path, "")
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    await adapter.close()
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


async def test_waiting_missions_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see which missions wait, for what and until when."""
    await commit(adapter, adds("m-1", waiting=signal()), adds("m-2", waiting=sleep(after(9))), adds("m-3"))
    await commit(adapter, adds("m-4", waiting=retry(after(7))))
    found = query(path, "SELECT mission_id, wait_kind, waits_for, due_at, attempt_number FROM waiting_missions")
    assert found == [
        ("m-1", "signal", "approval", None, None),
        ("m-2", "sleep", "cooldown", iso(after(9)), None),
        ("m-4", "retry", "pack", iso(after(7)), 2),
    ]


WAITS = [
    (HistoryType.WAITING_FOR_SIGNAL, signal()),
    (HistoryType.TIMER_SCHEDULED, sleep(after(90))),
    (HistoryType.STEP_RETRY_SCHEDULED, retry(after(90))),
]


@pytest.mark.parametrize(("kind", "waiting"), WAITS)
async def test_a_mission_waits_since_its_wait_began(
    adapter: PersistenceAdapter, path: Path, kind: HistoryType, waiting: Wait
) -> None:
    """What happens during a wait, such as an update, does not move its beginning; earlier waits are not it."""
    before = record(1, {}, type=HistoryType.WAITING_FOR_SIGNAL, event_name="approval")
    received = record(2, {}, type=HistoryType.SIGNAL_RECEIVED, event_name="approval")
    begins = record(3, {}, type=kind, event_name=waiting.event_name)
    update = record(4, {}, type=HistoryType.MISSION_UPDATE, event_name="note", at=after(50))
    await commit(adapter, adds("m-1", records=[before]))
    await commit(adapter, adds("m-1", version=1, records=[received, begins], waiting=waiting))
    await commit(adapter, adds("m-1", version=3, records=[update], waiting=waiting, updated_at=after(50)))
    assert query(path, "SELECT since FROM waiting_missions") == [(iso(after(3)),)]


async def test_all_missions_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see every mission, where it stands, and what it failed of."""
    await commit(adapter, adds("m-1"), adds("m-2", waiting=signal()), adds("m-3", **ended(MissionStatus.FAILED)))
    assert query(path, "SELECT * FROM all_missions") == [
        ("m-1", "order", "running", "pack", None, None, None, None, iso(START), iso(after(1))),
        ("m-2", "order", "waiting", "approval", "signal", "approval", None, None, iso(START), iso(after(1))),
        ("m-3", "order", "failed", "pack", None, None, None, "ValueError: gone wrong", iso(START), iso(after(1))),
    ]


async def test_failed_missions_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see the failed missions with code, class and message, also where no step failed."""
    timed_out = MissionFailure(message="no approval came", at=after(5), code="SIGNAL_TIMEOUT")
    await commit(
        adapter,
        adds("m-1", **ended(MissionStatus.FAILED)),
        adds("m-2", status=MissionStatus.FAILED, error=timed_out),
        adds("m-3", **ended(MissionStatus.CANCELLED)),
        adds("m-4"),
    )
    assert query(path, "SELECT * FROM failed_missions") == [
        ("m-1", "order", "STEP_FAILED", "ValueError", "gone wrong", iso(after(2))),
        ("m-2", "order", "SIGNAL_TIMEOUT", None, "no approval came", iso(after(5))),
    ]


async def test_a_damaged_row_does_not_keep_a_view_from_being_read(adapter: PersistenceAdapter, path: Path) -> None:
    """The other missions are seen, and of the damaged one what is left."""
    await commit(adapter, adds("m-1", **ended(MissionStatus.FAILED)), adds("m-2", **ended(MissionStatus.FAILED)))
    change(path, "UPDATE missions SET error = '{' WHERE mission_id = 'm-1'")
    assert query(path, "SELECT mission_id, class FROM failed_missions") == [("m-1", None), ("m-2", "ValueError")]
    assert query(path, "SELECT mission_id, error FROM all_missions")[0] == ("m-1", None)


MESSAGES = [
    (os.fsdecode(b"caf\xe9.txt"), "caf\\udce9.txt"),
    ("\ud83d alone, and \U0001f680", "\\ud83d alone, and \\ud83d\\ude80"),
    ("\\ud800 as text, and \ud800", "\\ud800 as text, and \\ud800"),
    ("\\", "\\"),
    ("\U0001f680 and ü", "\U0001f680 and ü"),
]


@pytest.mark.parametrize(("message", "shown"), MESSAGES)
async def test_an_error_that_is_no_text_for_sqlite(
    adapter: PersistenceAdapter, path: Path, message: str, shown: str
) -> None:
    """Half of a surrogate pair, as in a file name that is not UTF-8, is shown as its escape in every view."""
    failure = MissionFailure(message=message, at=after(2), code="STEP_FAILED", type="KeyError")
    details = {"error": failure.to_dict(exact=True)}
    failed = record(2, details, type=HistoryType.STEP_FAILED, event_name="pack", attempt_number=1)
    started = record(1, {}, type=HistoryType.STEP_STARTED, event_name="pack", attempt_number=1)
    await commit(adapter, adds("m-1", records=[started, failed], status=MissionStatus.FAILED, error=failure))
    for view in ("step_attempts", "all_missions"):
        assert query(path, f"SELECT error FROM {view}") == [(f"KeyError: {shown}",)]
    assert query(path, "SELECT class, message FROM failed_missions") == [("KeyError", shown)]
    ((stored,),) = query(path, "SELECT details FROM mission_history WHERE seq = 2")
    assert json.loads(stored) == details


async def test_step_attempts_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see each attempt of a step, how it ended and why."""
    kinds: tuple[tuple[HistoryType, int, dict[str, Any]], ...] = (
        (HistoryType.STEP_STARTED, 1, {}),
        (HistoryType.STEP_FAILED, 1, {"error": {"message": "no paper", "code": "STEP_FAILED", "type": "a.Jam"}}),
        (HistoryType.STEP_STARTED, 2, {}),
        (HistoryType.STEP_INTERRUPTED, 2, {"reason": "closed"}),
        (HistoryType.STEP_STARTED, 3, {}),
        (HistoryType.STEP_SUCCEEDED, 3, {"output": 1}),
    )
    records = [
        record(seq, details, type=kind, event_name="pack", attempt_number=attempt)
        for seq, (kind, attempt, details) in enumerate(kinds, 1)
    ]
    running = record(7, type=HistoryType.STEP_STARTED, event_name="ship", attempt_number=1)
    await commit(adapter, adds("m-1", records=[*records, running]))
    found = query(path, "SELECT step_name, attempt_number, status, started_at, finished_at, error FROM step_attempts")
    assert found == [
        ("pack", 1, "failed", iso(after(1)), iso(after(2)), "a.Jam: no paper"),
        ("pack", 2, "interrupted", iso(after(3)), iso(after(4)), None),
        ("pack", 3, "succeeded", iso(after(5)), iso(after(6)), None),
        ("ship", 1, "running", iso(after(7)), None, None),
    ]


async def test_timers_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see each timer, when it was due and what became of it."""
    kinds = (
        (HistoryType.TIMER_SCHEDULED, "start_at"),
        (HistoryType.TIMER_FIRED, "start_at"),
        (HistoryType.STEP_RETRY_SCHEDULED, "pack"),
        (HistoryType.TIMER_FIRED, "pack"),
        (HistoryType.TIMER_SCHEDULED, "cooldown"),
        (HistoryType.MISSION_CANCELLED, "cooldown"),
    )
    records = [
        record(seq, {"due_at": iso(after(60))}, type=kind, event_name=name) for seq, (kind, name) in enumerate(kinds, 1)
    ]
    waiting = record(1, {"due_at": iso(after(60))}, type=HistoryType.TIMER_SCHEDULED, event_name="cooldown")
    await commit(adapter, adds("m-1", records=records), adds("m-2", records=[waiting]))
    found = query(path, "SELECT mission_id, event_name, kind, status, scheduled_at, due_at, resumed_at FROM timers")
    assert found == [
        ("m-1", "start_at", "start_at", "completed", iso(after(1)), iso(after(60)), iso(after(2))),
        ("m-1", "pack", "retry", "completed", iso(after(3)), iso(after(60)), iso(after(4))),
        ("m-1", "cooldown", "sleep", "cancelled", iso(after(5)), iso(after(60)), None),
        ("m-2", "cooldown", "sleep", "scheduled", iso(after(1)), iso(after(60)), None),
    ]


async def test_mission_history_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see the records under the mission's id, and empty details as nothing."""
    await commit(adapter, adds("m-1", records=[record(1, {}), record(2, {"output": "ä"})]))
    found = query(path, "SELECT mission_id, mission_name, seq, details FROM mission_history")
    assert found == [("m-1", "order", 1, None), ("m-1", "order", 2, '{"output":"\\u00e4"}')]


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
