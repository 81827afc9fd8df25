"""The tables, and how a file comes to have them. `PRAGMA user_version` is the version of the schema.

A mission is one row of `missions`, and in `history` one row for each commit with the records that it added, keyed by
the mission's number (the order of creation, and far shorter than an id) and the version that it had then.
`definitions` has every definition that ever ran. Views are for people, and show records one by one.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mission_control.core.errors import PersistenceError

if TYPE_CHECKING:
    from sqlite_utils import Database

SCHEMA_VERSION = 3
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


def _printable(text: str, path: str) -> str:
    """Return the SQL of a text in JSON as UTF-8, whatever it was: half of a surrogate pair is shown as its escape."""
    escaped = text
    for old, new in ((r"'\\'", "char(1)"), (r"'\ud'", r"'\\ud'"), ("char(1)", r"'\\'")):
        escaped = f"replace({escaped}, {old}, {new})"
    found = f"json_extract({text}, '{path}')"
    return f"iif(hex({found}) GLOB '*ED[AB]*', json_extract({escaped}, '{path}'), {found})"


def _error(details: str, path: str) -> str:
    """Return the SQL of an error's class and message."""
    kind, message = (_printable(details, f"{path}.{name}") for name in ("type", "message"))
    return f"ifnull({kind} || ': ', '') || {message}"


_FAILURE = "iif(json_valid(error), error, NULL)"
_VIEWS = {
    "mission_history": """
        SELECT m.mission_id, m.mission_name, h.version - json_array_length(h.records) + r.key + 1 AS seq,
               ifnull(json_extract(r.value, '$[4]'), h.at) AS at, json_extract(r.value, '$[0]') AS type,
               json_extract(r.value, '$[1]') AS event_name, json_extract(r.value, '$[2]') AS attempt_number,
               nullif(json_extract(r.value, '$[3]'), '{}') AS details
        FROM missions AS m JOIN history AS h ON h.mission = m.number,
             json_each(CASE WHEN json_valid(h.records) THEN h.records ELSE '[]' END) AS r
    """,
    "all_missions": f"""
        SELECT mission_id, mission_name, status, cursor AS step_name, wait_kind, wait_name AS waits_for, due_at,
               {_error(_FAILURE, "$")} AS error, created_at, updated_at
        FROM missions
    """,
    "failed_missions": f"""
        SELECT mission_id, mission_name, json_extract({_FAILURE}, '$.code') AS code,
               {_printable(_FAILURE, "$.type")} AS class, {_printable(_FAILURE, "$.message")} AS message,
               json_extract({_FAILURE}, '$.at') AS failed_at
        FROM missions WHERE status = 'failed'
    """,
    "waiting_missions": """
        SELECT mission_id, mission_name, wait_kind, wait_name AS waits_for, due_at, attempt_number,
               (
                   SELECT ifnull(json_extract(r.value, '$[4]'), h.at)
                   FROM history AS h,
                        json_each(CASE WHEN json_valid(h.records) THEN h.records ELSE '[]' END) AS r
                   WHERE h.mission = m.number AND json_extract(r.value, '$[0]')
                         IN ('waiting-for-signal', 'timer-scheduled', 'step-retry-scheduled')
                   ORDER BY h.version DESC, r.key DESC LIMIT 1
               ) AS since
        FROM missions AS m WHERE status = 'waiting'
    """,
    "step_attempts": f"""
        SELECT mission_id, mission_name, event_name AS step_name, attempt_number,
               CASE end_type WHEN 'step-succeeded' THEN 'succeeded' WHEN 'step-failed' THEN 'failed'
                             WHEN 'step-interrupted' THEN 'interrupted' ELSE 'running' END AS status,
               at AS started_at, end_at AS finished_at, {_error("end_details", "$.error")} AS error
        FROM (
            SELECT *, lead(type) OVER story AS end_type, lead(at) OVER story AS end_at,
                   lead(details) OVER story AS end_details
            FROM mission_history
            WHERE type IN ('step-started', 'step-succeeded', 'step-failed', 'step-interrupted')
            WINDOW story AS (PARTITION BY mission_id ORDER BY seq)
        )
        WHERE type = 'step-started'
    """,
    "timers": """
        SELECT mission_id, mission_name, event_name,
               CASE WHEN event_name = 'start_at' THEN 'start_at' WHEN type = 'timer-scheduled' THEN 'sleep'
                    ELSE 'retry' END AS kind,
               CASE end_type WHEN 'timer-fired' THEN 'completed' WHEN 'mission-cancelled' THEN 'cancelled'
                             ELSE 'scheduled' END AS status,
               at AS scheduled_at, json_extract(details, '$.due_at') AS due_at,
               CASE end_type WHEN 'timer-fired' THEN end_at END AS resumed_at
        FROM (
            SELECT *, lead(type) OVER story AS end_type, lead(at) OVER story AS end_at
            FROM mission_history
            WHERE type IN ('timer-scheduled', 'step-retry-scheduled', 'timer-fired', 'mission-cancelled')
            WINDOW story AS (PARTITION BY mission_id ORDER BY seq)
        )
        WHERE type IN ('timer-scheduled', 'step-retry-scheduled')
    """,
}
"""Views keep no data: every upgrade makes them anew."""


def state(connection: sqlite3.Connection, path: Path) -> Literal["current", "older", "empty"]:
    """Return whether the file has today's schema, that of an older release, or none yet.

    Raises `PersistenceError` where it is not ours, or of a newer release.
    """
    ((version,), (owner,)) = (connection.execute(f"PRAGMA {name}").fetchone() for name in _MARKS)
    if owner != APPLICATION_ID:
        _check_empty(connection, path)
        return "empty"
    if version > SCHEMA_VERSION:
        raise PersistenceError(
            f"{path}: its schema is version {version}, and this release of mission-control-adapter-sqlite knows"
            f" versions up to {SCHEMA_VERSION}: upgrade mission-control, or restore a backup from before its upgrade"
        )
    return "current" if version == SCHEMA_VERSION else "older"


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
    migrations(name="a_row_for_each_commit")(_a_row_for_each_commit)
    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    connection.execute("BEGIN IMMEDIATE")
    with database.atomic():
        for name in _VIEWS:
            connection.execute(f"DROP VIEW IF EXISTS {name}")
        migrations.apply(database)
        for name, rows in _VIEWS.items():
            connection.execute(f"CREATE VIEW {name} AS {rows}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def create_empty(connection: sqlite3.Connection) -> None:
    """Make the tables of a database without missions, in memory."""
    connection.executescript(_FIRST_SCHEMA + _A_ROW_FOR_EACH_COMMIT)


def _first_schema(database: Database) -> None:
    database.executescript(_FIRST_SCHEMA)


def _a_row_for_each_commit(database: Database) -> None:
    database.executescript(_A_ROW_FOR_EACH_COMMIT)
