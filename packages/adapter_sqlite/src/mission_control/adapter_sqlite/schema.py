"""The tables, and how a file comes to have them. `PRAGMA user_version` is the version of the schema.

A mission is one row of `missions`, and in `history` one row for each commit with the records that it added, keyed by
the mission's number (the order of creation, and far shorter than an id) and the version that it had then.
`definitions` has every definition that one of the missions ran under: the first of them is in its row, those that came
later are in `further_definitions`. `purged` says for a while where missions stood that were deleted. `waits` has a row
for each open wait for a signal. `answers` has what was answered to other processes, and `identity` what tells this
database from any other one at its path. `schedules` has what is decided of the slots of each schedule, and `labels`
which missions have a label, or a schedule that started them.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mission_control.core.errors import PersistenceError

from .expressions import CODE, HOUR, IS_STRAY, end_of, failure_of, labels_of_rows
from .views import VIEWS

if TYPE_CHECKING:
    from sqlite_utils import Database

SCHEMA_VERSION = 9
"""The version that this release reads and writes."""

APPLICATION_ID = 0x4D435452
"""SQLite's mark of whose file it is (`PRAGMA application_id`): "MCTR"."""

_FIRST_SCHEMA = """
CREATE TABLE missions (
    number           INTEGER PRIMARY KEY,
    mission_id       TEXT NOT NULL UNIQUE,
    mission_name     TEXT NOT NULL,
    status           TEXT NOT NULL
                     CHECK (status IN ('idle', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
    cursor           TEXT,
    wait_kind        TEXT CHECK (wait_kind IN ('signal', 'sleep', 'retry', 'start_at')),
    wait_name        TEXT,
    wait_node_index  INTEGER,
    due_at           TEXT,
    attempt_number   INTEGER,
    error            TEXT,
    created_at       TEXT,
    updated_at       TEXT,
    version          INTEGER NOT NULL,
    CHECK (wait_kind IS NOT NULL OR due_at IS NULL)
);
CREATE INDEX missions_by_status ON missions (status, number);
CREATE INDEX missions_by_name ON missions (mission_name, number);
CREATE INDEX missions_by_name_and_status ON missions (mission_name, status, number);
CREATE INDEX missions_by_due ON missions (wait_kind, due_at, mission_id) WHERE due_at IS NOT NULL;

CREATE TABLE history (
    mission         INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    type            TEXT NOT NULL,
    at              TEXT NOT NULL,
    event_name      TEXT,
    attempt_number  INTEGER,
    details         TEXT,
    PRIMARY KEY (mission, seq)
) WITHOUT ROWID;

CREATE TABLE definitions (
    fingerprint  TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    static       TEXT NOT NULL,
    stored_at    TEXT
) WITHOUT ROWID;
"""

_A_ROW_FOR_EACH_COMMIT = """
ALTER TABLE history RENAME TO records;
CREATE TABLE history (
    mission  INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    at       TEXT NOT NULL,
    records  TEXT NOT NULL,
    PRIMARY KEY (mission, version)
) WITHOUT ROWID;
INSERT INTO history
SELECT mission, seq, CAST(at AS TEXT),
       '[[' || json_quote(CAST(type AS TEXT)) || ',' || json_quote(CAST(event_name AS TEXT))
       || ',' || json_quote(CAST(attempt_number AS INTEGER)) || ',' || ifnull(details, '{}') || ']]'
FROM records ORDER BY mission, seq;
DROP TABLE records;
"""
"""Which of the records that are there came with one commit is not known any more: each is one of its own."""

_CHILDREN_AND_REMINDERS = f"""
CREATE TABLE todays (
    number           INTEGER PRIMARY KEY,
    mission_id       TEXT NOT NULL UNIQUE,
    mission_name     TEXT NOT NULL,
    status           TEXT NOT NULL
                     CHECK (status IN ('idle', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
    cursor           TEXT,
    wait_kind        TEXT CHECK (wait_kind IN ('signal', 'sleep', 'retry', 'start_at', 'child')),
    wait_name        TEXT,
    wait_node_index  INTEGER,
    due_at           TEXT,
    attempt_number   INTEGER,
    error            TEXT,
    created_at       TEXT,
    updated_at       TEXT,
    version          INTEGER NOT NULL,
    remind_at        TEXT,
    parent           TEXT,
    is_awaited       INTEGER CHECK (is_awaited IN (0, 1)),
    CHECK (wait_kind IS NOT NULL OR due_at IS NULL)
);
INSERT INTO todays
SELECT number, mission_id, mission_name, status, cursor, wait_kind, wait_name, wait_node_index, due_at, attempt_number,
       error, created_at, updated_at, version, NULL, NULL, NULL
FROM missions ORDER BY number;
DROP TABLE missions;
ALTER TABLE todays RENAME TO missions;
CREATE INDEX missions_by_status ON missions (status, number);
CREATE INDEX missions_by_name ON missions (mission_name, number);
CREATE INDEX missions_by_name_and_status ON missions (mission_name, status, number);
CREATE INDEX missions_by_due ON missions (wait_kind, due_at, mission_id)
    WHERE due_at IS NOT NULL AND remind_at IS NULL;
CREATE INDEX missions_with_reminder_by_due ON missions (wait_kind, due_at, mission_id)
    WHERE due_at IS NOT NULL AND remind_at IS NOT NULL;
CREATE INDEX missions_by_reminder ON missions (remind_at, mission_id) WHERE remind_at IS NOT NULL;
CREATE INDEX missions_by_parent ON missions (parent, number) WHERE parent IS NOT NULL;
CREATE INDEX missions_astray ON missions (number) WHERE {IS_STRAY};
"""
"""A wait, also of a mission that runs, may be for a child, and have something due before its own time."""

_OPEN_WAITS = """
CREATE TABLE wait_kinds (
    kind          INTEGER PRIMARY KEY,
    mission_name  TEXT NOT NULL,
    signal        TEXT NOT NULL,
    UNIQUE (mission_name, signal)
);
CREATE TABLE waits (
    kind        INTEGER NOT NULL,
    since       TEXT NOT NULL,
    mission_id  TEXT NOT NULL,
    event_name  TEXT NOT NULL,
    timeout_at  TEXT,
    PRIMARY KEY (kind, since, mission_id, event_name)
) WITHOUT ROWID;
"""
"""A kind is a signal of missions of one name: there are few, and the number of one is far shorter than both."""

_ANSWERS = """
CREATE TABLE answers (
    request_id  TEXT NOT NULL PRIMARY KEY,
    at          TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('applied', 'answered', 'refused')),
    answer      TEXT NOT NULL,
    request     TEXT
) WITHOUT ROWID;
CREATE INDEX answers_by_age ON answers (at) WHERE state <> 'applied';
CREATE INDEX answers_refused ON answers (at, request_id) WHERE state = 'refused';
CREATE TABLE identity (database_id TEXT NOT NULL);
"""
"""A request that is applied goes on until it is answered; what was refused says what was asked."""

_SCHEDULES = """
CREATE TABLE schedules (
    name      TEXT NOT NULL PRIMARY KEY,
    schedule  TEXT NOT NULL
) WITHOUT ROWID;
ALTER TABLE missions ADD COLUMN schedule TEXT;
ALTER TABLE missions ADD COLUMN slot TEXT;
ALTER TABLE missions ADD COLUMN labels TEXT;
"""
"""A schedule is one JSON text, which is written anew with each mission that it starts. Labels are one, too."""

_PURGING = """
CREATE TABLE numbered (
    fingerprint  TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    static       TEXT NOT NULL,
    stored_at    TEXT,
    number       INTEGER PRIMARY KEY
);
INSERT INTO numbered (fingerprint, name, static, stored_at)
SELECT fingerprint, name, static, stored_at FROM definitions ORDER BY stored_at, fingerprint;
DROP TABLE definitions;
ALTER TABLE numbered RENAME TO definitions;
CREATE TABLE further_definitions (
    mission     INTEGER NOT NULL,
    definition  INTEGER NOT NULL,
    PRIMARY KEY (mission, definition)
) WITHOUT ROWID;
CREATE INDEX further_by_definition ON further_definitions (definition);
ALTER TABLE missions ADD COLUMN created_under INTEGER;
ALTER TABLE missions ADD COLUMN ran_under INTEGER;
CREATE TABLE purged (
    number      INTEGER PRIMARY KEY,
    mission_id  TEXT NOT NULL,
    ended_at    TEXT,
    at          TEXT NOT NULL,
    is_left     INTEGER NOT NULL CHECK (is_left IN (0, 1))
);
CREATE INDEX purged_by_id ON purged (mission_id, number);
CREATE INDEX purged_by_age ON purged (at);
CREATE INDEX purged_left ON purged (number) WHERE is_left;
CREATE INDEX waits_by_mission ON waits (mission_id);
"""
"""What names a definition is counted by no one, but found by an index: it goes with the last mission that does.

The row of a mission that was deleted says where it stood, and `is_left` while some of its history is there still. The
one of the highest number stays: numbers are given in the order of creation, and none of them twice.
"""

_FINDING = f"""
CREATE TABLE labels (
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    mission  INTEGER NOT NULL,
    PRIMARY KEY (name, value, mission)
) WITHOUT ROWID;
DROP INDEX missions_by_name;
DROP INDEX missions_by_status;
DROP INDEX missions_by_name_and_status;
CREATE INDEX missions_by_status ON missions (status);
CREATE INDEX missions_by_name_and_status ON missions (mission_name, status);
CREATE INDEX missions_by_hour ON missions ({HOUR});
INSERT INTO labels (name, value, mission) {labels_of_rows("TRUE")};
CREATE INDEX missions_by_code ON missions ({CODE}) WHERE error IS NOT NULL;
ALTER TABLE missions ADD COLUMN failure TEXT;
UPDATE missions SET failure = {failure_of()} WHERE status = 'failed';
CREATE INDEX missions_by_failure ON missions (failure) WHERE failure IS NOT NULL;
"""
"""What few missions have, labels and schedules, costs the others nothing.

Missions of one name are those of its statuses, merged. An entry of an index ends with the number of its row.
What would be an index of the cursor is one of a column of its own: a step that follows another changes no index.
"""

_NAMED_IN_HISTORY = """
INSERT OR IGNORE INTO further_definitions (mission, definition)
SELECT h.mission, d.number
FROM history AS h CROSS JOIN json_each(iif(json_valid(h.records), h.records, '[]')) AS r
CROSS JOIN definitions AS d ON d.fingerprint = json_extract(r.value, '$[3].definition')
WHERE instr(h.records, '"definition":') AND json_extract(r.value, '$[0]') = 'step-started';
UPDATE missions SET (created_under, ran_under) = (
    SELECT first, iif(
        NOT EXISTS (SELECT 1 FROM further_definitions WHERE mission = missions.number)
        AND (status < 'idle' OR wait_name = cursor OR wait_kind = 'start_at' OR NOT EXISTS (
            SELECT 1 FROM history WHERE mission = missions.number AND instr(records, '"paths-opened"')
        )),
        first, NULL
    ) FROM (
        SELECT (
            SELECT number FROM definitions WHERE fingerprint = (
                SELECT iif(json_valid(records), json_extract(records, '$[0][3].definition'), NULL)
                FROM history WHERE mission = missions.number ORDER BY version LIMIT 1
            )
        ) AS first LIMIT 1
    )
);
CREATE INDEX missions_by_definition ON missions (created_under);
CREATE INDEX missions_ended ON missions (updated_at) WHERE status < 'idle';
"""
"""The statuses that are ends come before "idle", all others after.

A mission that does not stand on what it waits for has live paths, or runs: one that has opened any does not tell.
"""

_BY_HOUR = f"""
DROP INDEX missions_ended;
DROP INDEX missions_by_failure;
DROP INDEX missions_by_hour;
ALTER TABLE missions ADD COLUMN ended_at TEXT;
UPDATE missions SET ended_at = {end_of()} WHERE status < 'idle';
CREATE INDEX missions_ended ON missions (status, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX missions_by_failure ON missions (failure, ended_at) WHERE failure IS NOT NULL;
CREATE INDEX missions_by_hour ON missions ({HOUR});
"""
"""When a mission ended is a column of its own: an index of its last change would concern each step of it.

The hours of schema 8 were rounded.
"""

_DRAW_ID = "INSERT INTO identity (database_id) VALUES (lower(hex(randomblob(16))))"


def state(connection: sqlite3.Connection, path: Path) -> Literal["current", "older", "empty"]:
    """Return whether the file has today's schema, that of an older release, or none yet.

    Raises `PersistenceError` where it is not ours, or of a newer release.
    """
    version, owner, table = _marks(connection)
    if owner != APPLICATION_ID:
        if table is not None:
            raise PersistenceError(
                f"{path}: this SQLite database belongs to another program (it has {table!r}, and not Mission Control's"
                " mark): give a path of its own"
            )
        return "empty"
    if version > SCHEMA_VERSION:
        raise PersistenceError(
            f"{path}: its schema is version {version}, and this release of mission-control-adapter-sqlite knows"
            f" versions up to {SCHEMA_VERSION}: upgrade mission-control, or restore a backup from before its upgrade"
        )
    return "current" if version == SCHEMA_VERSION else "older"


def _marks(connection: sqlite3.Connection) -> tuple[int, int, str | None]:
    """Return the version, whose file it is, and the name of something in it, as they were at one moment.

    An owner may be preparing the file meanwhile, and what was read in turn would then be no file's.
    """
    connection.execute("BEGIN")
    try:
        ((version,), (owner,)) = (connection.execute(f"PRAGMA {name}").fetchone() for name in _MARKS)
        table = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone()
    finally:
        connection.execute("ROLLBACK")
    return version, owner, None if table is None else table[0]


_MARKS = ("user_version", "application_id")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to today's schema, all of it or nothing."""
    from sqlite_utils import Database, Migrations

    migrations = Migrations("mission_control")
    migrations(name="first_schema")(_first_schema)
    migrations(name="a_row_for_each_commit")(_a_row_for_each_commit)
    migrations(name="children_and_reminders")(_children_and_reminders)
    migrations(name="open_waits")(_open_waits)
    migrations(name="answers")(_answers)
    migrations(name="schedules")(_schedules)
    migrations(name="operations")(_operations)
    migrations(name="by_hour")(_by_hour)
    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    connection.execute("BEGIN IMMEDIATE")
    with database.atomic():
        for name in VIEWS:
            connection.execute(f"DROP VIEW IF EXISTS {name}")
        migrations.apply(database)
        for name, rows in VIEWS.items():
            connection.execute(f"CREATE VIEW {name} AS {rows}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def create_empty(connection: sqlite3.Connection) -> None:
    """Make the tables of a database without missions, in memory."""
    connection.executescript(
        _FIRST_SCHEMA
        + _A_ROW_FOR_EACH_COMMIT
        + _CHILDREN_AND_REMINDERS
        + _OPEN_WAITS
        + _ANSWERS
        + _SCHEDULES
        + _PURGING
        + _NAMED_IN_HISTORY
        + _FINDING
        + _BY_HOUR
    )


def _execute(database: Database, script: str) -> None:
    # Within a transaction sqlite-utils looks for the end of a statement at each character, from the first one on.
    for statement in script.split(";"):
        database.conn.execute(statement)


def _first_schema(database: Database) -> None:
    _execute(database, _FIRST_SCHEMA)


def _a_row_for_each_commit(database: Database) -> None:
    _execute(database, _A_ROW_FOR_EACH_COMMIT)


def _children_and_reminders(database: Database) -> None:
    _execute(database, _CHILDREN_AND_REMINDERS)


def _open_waits(database: Database) -> None:
    from .earlier import list_earlier_waits  # it reads histories, which a current file is not asked for

    _execute(database, _OPEN_WAITS)
    list_earlier_waits(database.conn)


def _answers(database: Database) -> None:
    database.executescript(_ANSWERS + _DRAW_ID)


def _schedules(database: Database) -> None:
    _execute(database, _SCHEDULES)


def _operations(database: Database) -> None:
    _execute(database, _PURGING + _NAMED_IN_HISTORY + _FINDING)


def _by_hour(database: Database) -> None:
    _execute(database, _BY_HOUR)
