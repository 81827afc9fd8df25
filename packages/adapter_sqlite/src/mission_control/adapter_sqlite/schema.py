"""The tables, and how a file comes to have them. `PRAGMA user_version` is the version of the schema.

A mission is one row of `missions` and its records in `history`, keyed by the mission's number: the order of
creation, and far shorter than an id. `definitions` has every definition that ever ran. Views are for people.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from mission_control.core.errors import PersistenceError

if TYPE_CHECKING:
    from sqlite_utils import Database

SCHEMA_VERSION = 1
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

CREATE VIEW mission_history AS
SELECT m.mission_id, m.mission_name, h.seq, h.at, h.type, h.event_name, h.attempt_number, h.details
FROM missions AS m JOIN history AS h ON h.mission = m.number;

CREATE VIEW waiting_missions AS
SELECT mission_id, mission_name, wait_kind, wait_name AS waits_for, due_at, attempt_number, updated_at
FROM missions WHERE status = 'waiting';

CREATE VIEW step_attempts AS
SELECT m.mission_id, m.mission_name, s.event_name AS step_name, s.attempt_number,
       CASE e.type WHEN 'step-succeeded' THEN 'succeeded' WHEN 'step-failed' THEN 'failed'
                   WHEN 'step-interrupted' THEN 'interrupted' ELSE 'running' END AS status,
       s.at AS started_at, e.at AS finished_at, json_extract(e.details, '$.error.message') AS error
FROM history AS s JOIN missions AS m ON m.number = s.mission
LEFT JOIN history AS e ON e.mission = s.mission AND e.seq = (
    SELECT min(n.seq) FROM history AS n WHERE n.mission = s.mission AND n.seq > s.seq
    AND n.type IN ('step-succeeded', 'step-failed', 'step-interrupted'))
WHERE s.type = 'step-started';

CREATE VIEW timers AS
SELECT m.mission_id, m.mission_name, s.event_name,
       CASE WHEN s.event_name = 'start_at' THEN 'start_at' WHEN s.type = 'timer-scheduled' THEN 'sleep'
            ELSE 'retry' END AS kind,
       CASE e.type WHEN 'timer-fired' THEN 'completed' WHEN 'mission-cancelled' THEN 'cancelled'
                   ELSE 'scheduled' END AS status,
       s.at AS scheduled_at, json_extract(s.details, '$.due_at') AS due_at,
       CASE e.type WHEN 'timer-fired' THEN e.at END AS resumed_at
FROM history AS s JOIN missions AS m ON m.number = s.mission
LEFT JOIN history AS e ON e.mission = s.mission AND e.seq = (
    SELECT min(n.seq) FROM history AS n WHERE n.mission = s.mission AND n.seq > s.seq
    AND n.type IN ('timer-fired', 'mission-cancelled'))
WHERE s.type IN ('timer-scheduled', 'step-retry-scheduled');
"""


def is_current(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether the file has today's schema; False where it is new, or of an older release.

    Raises `PersistenceError` where it is not ours, or of a newer release.
    """
    ((version,), (owner,)) = (connection.execute(f"PRAGMA {name}").fetchone() for name in _MARKS)
    if owner != APPLICATION_ID:
        _check_empty(connection, path)
        return False
    if version > SCHEMA_VERSION:
        raise PersistenceError(
            f"{path}: its schema is version {version}, and this release of mission-control-adapter-sqlite knows"
            f" versions up to {SCHEMA_VERSION}: upgrade mission-control, or restore a backup from before its upgrade"
        )
    return bool(version == SCHEMA_VERSION)


_MARKS = ("user_version", "application_id")


def _check_empty(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone()
    if found is not None:
        raise PersistenceError(
            f"{path}: this SQLite database belongs to another program (it has {found[0]!r}, and not Mission Control's"
            " mark): give a path of its own"
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to today's schema, all of it or nothing."""
    from sqlite_utils import Database, Migrations

    migrations = Migrations("mission_control")
    migrations(name="first_schema")(_first_schema)
    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    connection.execute("BEGIN IMMEDIATE")
    with database.atomic():
        migrations.apply(database)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _first_schema(database: Database) -> None:
    database.executescript(_FIRST_SCHEMA)
