"""All that is stored of missions, read as it is, and what is stored beside a history, written anew.

What is damaged is told in its place: who reads here looks for it.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from mission_control.core.errors import CorruptMissionError
from mission_control.core.history import OpenWait
from mission_control.core.storage import MissionCommit, MissionRows, StoredMission

from .expressions import end_of, failure_of, labels_of_rows
from .fetching import fetch_all, one_moment
from .queries import load_as_stored, number_of
from .rows import (
    ABSENT,
    BOUND_COLUMNS,
    RARE_COLUMNS,
    SUMMARY_COLUMNS,
    UNDECODABLE,
    WAIT_COLUMNS,
    Row,
    encode,
    rare_row,
    read_summary,
    read_wait,
    stored_time,
    summary_row,
)

_ROW_COLUMNS = f"{SUMMARY_COLUMNS}, version, alone"
_EACH_ROW = f"""
SELECT {SUMMARY_COLUMNS}, version, (SELECT fingerprint FROM definitions WHERE number = missions.ran_under) AS alone
FROM missions
"""
_ROWS = f"{_EACH_ROW} WHERE number > ? ORDER BY number LIMIT ?"
_ROW = f"{_EACH_ROW} WHERE mission_id = ?"
_WAITS = """
SELECT w.mission_id, k.mission_name, w.event_name, w.since, w.timeout_at
FROM json_each(?) CROSS JOIN waits AS w INDEXED BY waits_by_mission ON w.mission_id = value
CROSS JOIN wait_kinds AS k USING (kind)
"""
_REWRITTEN = tuple(
    column for column in (*BOUND_COLUMNS.split(", "), *RARE_COLUMNS) if column not in ("mission_id", "is_awaited")
)
"""All but who it is, and what its parent says of it."""
_REWRITE = f"""
UPDATE missions SET version = :version, {", ".join(f"{one} = :{one}" for one in _REWRITTEN)},
    ran_under = (SELECT number FROM definitions WHERE fingerprint = :alone), failure = {failure_of(":")},
    ended_at = {end_of(":")}
WHERE mission_id = :mission_id AND (SELECT max(version) FROM history WHERE mission = number) = :version
"""
_REMOVE_LABELS = f"""
DELETE FROM labels WHERE (name, value, mission) IN ({labels_of_rows("mission_id = ?1")})
"""
_ADD_LABELS = f"INSERT OR IGNORE INTO labels (name, value, mission) {labels_of_rows('mission_id = ?1')}"
_CLOSE_WAITS = "DELETE FROM waits WHERE mission_id = ?"
_ADD_KIND = "INSERT OR IGNORE INTO wait_kinds (mission_name, signal) VALUES (?, ?)"
_ADD_WAIT = """
INSERT INTO waits (kind, since, mission_id, event_name, timeout_at)
SELECT kind, ?, ?, ?, ? FROM wait_kinds WHERE mission_name = ? AND signal = ?
"""


def audit(
    connection: sqlite3.Connection, *, limit: int, after: str | None = None, mission_id: str | None = None
) -> list[StoredMission]:
    """Return a page of missions, or one, with all that is stored of them, in order of creation, all at one moment."""
    with one_moment(connection):
        if mission_id is not None:
            return _stored(connection, _ROW, (mission_id,))
        number = 0 if after is None else number_of(connection, after)
        return [] if number is None else _stored(connection, _ROWS, (number, limit))


def _stored(connection: sqlite3.Connection, sql: str, values: Row) -> list[StoredMission]:
    rows = fetch_all(connection, _ROW_COLUMNS, sql, values)
    mission_ids = [str(row[0]) for row in rows]
    waits: defaultdict[str, list[Row]] = defaultdict(list[Row])
    for wait in fetch_all(connection, WAIT_COLUMNS, _WAITS, (encode(mission_ids),)):
        waits[wait[0]].append(wait)
    return [
        StoredMission(mission_id=mission_id, history=history, rows=_read(row, waits[mission_id]))
        for mission_id, row, history in zip(mission_ids, rows, load_as_stored(connection, mission_ids), strict=True)
    ]


def _read(row: Row, waits: Iterable[Row]) -> MissionRows | CorruptMissionError:
    *summary, version, alone = row
    try:
        return MissionRows(
            summary=read_summary(tuple(summary)),
            version=int(version),
            ran_under=alone,
            waits=tuple(read_wait(wait) for wait in waits),
        )
    except UNDECODABLE as error:
        return CorruptMissionError(
            f"mission {row[0]!r}: what is stored beside its history cannot be read: {type(error).__name__}: {error}"
        )


def rewrite(cursor: sqlite3.Cursor, rows: MissionRows) -> bool:
    """Replace what is stored beside a mission's history; False where that is not of this version."""
    mission_id = rows.summary.mission_id
    cursor.execute(_REMOVE_LABELS, (mission_id,))
    is_written = cursor.execute(_REWRITE, _values(rows)).rowcount > 0
    cursor.execute(_ADD_LABELS, (mission_id,))
    if not is_written:
        return False
    cursor.execute(_CLOSE_WAITS, (mission_id,))
    for wait in rows.waits:
        _add(cursor, wait)
    return True


def _values(rows: MissionRows) -> dict[str, Any]:
    """Return what is written, by column."""
    summary = rows.summary
    as_created = MissionCommit(mission_id=summary.mission_id, expected_version=0, records=(), summary=summary)
    plain = summary_row(summary, stored_time(summary.created_at), stored_time(summary.updated_at))
    columns = (*BOUND_COLUMNS.split(", "), *RARE_COLUMNS)
    values = zip(columns, (*plain, *rare_row(as_created)), strict=True)
    told = {"version": rows.version, "alone": rows.ran_under}
    return {**told, **{name: None if ABSENT.get(name) == value else value for name, value in values}}


def _add(cursor: sqlite3.Cursor, wait: OpenWait) -> None:
    cursor.execute(_ADD_KIND, (wait.mission_name, wait.signal))
    place = (stored_time(wait.since), wait.mission_id, wait.event_name, stored_time(wait.timeout_at))
    cursor.execute(_ADD_WAIT, (*place, wait.mission_name, wait.signal))
