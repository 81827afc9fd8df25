"""What is read, as functions of a connection. Every listing walks one index and stops when its page is full.

The indexes are named in the SQL: a plan must not change with the statistics of a file. A row that cannot be decoded
makes no page short: then the rows are fetched one by one, until enough of them could be.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar, get_args

from mission_control.core.errors import CorruptMissionError
from mission_control.core.history import HistoryRecord, MissionSummary, parse_iso
from mission_control.core.log import ContainedLogger
from mission_control.core.storage import DueKind, LoadOutcome

from .expressions import IS_STRAY
from .failures import result_code
from .fetching import fetch, fetch_page, step
from .rows import (
    HISTORY_COLUMNS,
    MISSION_HISTORY_COLUMNS,
    NEVER,
    SUMMARY_COLUMNS,
    UNDECODABLE,
    Row,
    decoded,
    encode,
    read_history,
    read_summary,
    stored_time,
)

T = TypeVar("T")

History: TypeAlias = tuple[HistoryRecord, ...] | CorruptMissionError
"""All records of a mission, or what is wrong with them."""

_log: ContainedLogger = ContainedLogger("mission_control.adapter_sqlite")

_PACKED_HISTORY = MISSION_HISTORY_COLUMNS.replace("records", "json(records)")
"""The records are packed as what they are, so that one look at the text decodes them all."""
_HISTORIES = f"""
SELECT wanted.key AS wanted, m.version AS latest, {", ".join(f"h.{column}" for column in HISTORY_COLUMNS.split(", "))}
FROM json_each(?) AS wanted CROSS JOIN missions AS m ON m.mission_id = wanted.value
LEFT JOIN history AS h ON h.mission = m.number
"""
_SUMMARY = f"SELECT {SUMMARY_COLUMNS} FROM missions WHERE mission_id = ?"
_NUMBER = """
SELECT coalesce(
    (SELECT number FROM missions WHERE mission_id = ?1), (SELECT max(number) FROM purged WHERE mission_id = ?1)
)
"""
_NEXT_DUE = """
SELECT due_at, mission_id FROM missions INDEXED BY missions_by_due
WHERE wait_kind = ? AND due_at IS NOT NULL AND remind_at IS NULL AND due_at > ? ORDER BY due_at
"""
_NEXT_REMINDER = f"""
SELECT remind_at, mission_id FROM missions INDEXED BY missions_by_reminder
WHERE remind_at IS NOT NULL AND remind_at > ? AND remind_at < '{NEVER}' ORDER BY remind_at
"""
_PLACE = """
SELECT coalesce(iif(status = 'waiting' AND wait_kind <> 'signal', due_at, NULL), updated_at, ''), mission_id
FROM missions WHERE mission_id = ?1
UNION ALL SELECT * FROM (
    SELECT ended_at, mission_id FROM purged WHERE mission_id = ?1 ORDER BY number DESC LIMIT 1
) LIMIT 1
"""

_KINDS: tuple[DueKind, ...] = get_args(DueKind)
_WAITS: tuple[DueKind, ...] = ("signal", "sleep", "retry", "start_at")
_SCHEDULED: tuple[DueKind, ...] = ("sleep", "retry", "start_at")
_ALL = -1
"""A limit that is none."""


_Read: TypeAlias = Callable[[str, list[Row]], LoadOutcome]


def load(connection: sqlite3.Connection, mission_ids: Sequence[str]) -> list[LoadOutcome]:
    """Return each mission's history; one that cannot be read does not keep the others from being read."""
    return _load(connection, mission_ids, _read_latest)


def load_as_stored(connection: sqlite3.Connection, mission_ids: Sequence[str]) -> list[History]:
    """Return the same of missions that are there, also where a history is not of the version that its row has."""
    found = zip(mission_ids, _load(connection, mission_ids, _read), strict=True)
    return [_corrupt(one, "there is none") if history is None else history for one, history in found]


def _load(connection: sqlite3.Connection, mission_ids: Sequence[str], read: _Read) -> list[LoadOutcome]:
    rows = fetch(connection, _PACKED_HISTORY, _HISTORIES, (encode(list(mission_ids)),))
    if rows is None:
        return [_load_alone(connection, mission_id, read) for mission_id in mission_ids]
    histories: list[list[Row]] = [[] for _ in mission_ids]
    while rows:
        row = rows.pop()
        wanted: int = row[0]
        histories[wanted].append(row)
    histories.reverse()
    # Rows make room for records, mission by mission: the collector of cycles has the less to look through.
    return [read(mission_id, histories.pop()) for mission_id in mission_ids]


def _load_alone(connection: sqlite3.Connection, mission_id: str, read: _Read) -> LoadOutcome:
    try:
        return read(mission_id, [decoded(row) for row in step(connection, _HISTORIES, (encode([mission_id]),))])
    except sqlite3.DatabaseError as error:
        if result_code(error) != sqlite3.SQLITE_CORRUPT:
            raise
        return _corrupt(mission_id, error)
    except UNDECODABLE as error:
        return _corrupt(mission_id, error)


def _read_latest(mission_id: str, rows: list[Row]) -> LoadOutcome:
    records = _read(mission_id, rows)
    if isinstance(records, tuple):
        _, latest, version, *_ = rows[-1]
        if version != latest:
            return _corrupt(mission_id, f"its last record is {version}, and its version {latest!r}")
    return records


def _read(mission_id: str, rows: list[Row]) -> LoadOutcome:
    if not rows:
        return None
    try:
        rows.sort(key=_version)
        return tuple(chain.from_iterable(map(read_history, rows)))
    except UNDECODABLE as error:
        return _corrupt(mission_id, error)


_version = itemgetter(2)


def _corrupt(mission_id: str, problem: object) -> CorruptMissionError:
    what = f"{type(problem).__name__}: {problem}" if isinstance(problem, Exception) else problem
    return CorruptMissionError(
        f"mission {mission_id!r}: its stored history cannot be read: {what}. Its rows are left as they are (look at"
        " them in the table history); restore them from a backup"
    )


def load_summary(connection: sqlite3.Connection, mission_id: str) -> MissionSummary | None:
    """Return the mission's row, or None. Raises `CorruptMissionError` where it cannot be decoded."""
    row = connection.execute(_SUMMARY, (mission_id,)).fetchone()
    try:
        return None if row is None else read_summary(row)
    except UNDECODABLE as error:
        raise _corrupt(mission_id, error) from error


def list_strays(connection: sqlite3.Connection, *, limit: int, after: str | None = None) -> list[MissionSummary]:
    """Return a page of the children that are awaited and have ended, or were let go and have not."""
    return _created_page(connection, STRAYS, limit, after)


def _created_page(connection: sqlite3.Connection, sql: str, limit: int, after: str | None) -> list[MissionSummary]:
    number = 0 if after is None else number_of(connection, after)
    if number is None:
        return []
    return page(connection, SUMMARY_COLUMNS, read_summary, sql, (number,), limit)


def number_of(connection: sqlite3.Connection, mission_id: str) -> int | None:
    """Return where a mission stands in the order of creation, or stood; None for one that is not known, or no more."""
    number: int | None = connection.execute(_NUMBER, (mission_id,)).fetchone()[0]
    return number


def list_scheduled(connection: sqlite3.Connection, *, limit: int, after: str | None = None) -> list[MissionSummary]:
    """Return a page of the missions that wait for a timer or a retry, earliest due first."""
    place: Row | None = ("", "") if after is None else connection.execute(_PLACE, (after,)).fetchone()
    return [] if place is None else _due_page(connection, SCHEDULE, (NEVER, *place), limit)


def due(
    connection: sqlite3.Connection, before: datetime, *, limit: int, after: tuple[datetime, str] | None = None
) -> list[MissionSummary]:
    """Return a page of the missions that are due at `before`, earliest first."""
    place = ("", "") if after is None else (stored_time(after[0]), after[1])
    return _due_page(connection, DUE, (stored_time(before), *place), limit)


def _due_page(connection: sqlite3.Connection, sql: str, bounds: Row, limit: int) -> list[MissionSummary]:
    """Return a page of a listing by due time: `bounds` are the latest one, and the one and the id to start behind."""
    values = bounds * ((sql.count("?") - 1) // len(bounds))
    return page(connection, SUMMARY_COLUMNS, read_summary, sql, values, limit)


def _entries(index: str, column: str, condition: str) -> str:
    return (
        f"SELECT number, {column} AS at, mission_id FROM missions INDEXED BY {index}"
        f" WHERE {condition} AND {column} IS NOT NULL AND {column} <= ? AND ({column}, mission_id) > (?, ?)"
    )


def _merged(entries: Iterable[str]) -> str:
    """Return the SQL of a listing by due time.

    What is merged are the entries of indexes, which are narrow; a row is looked up when its turn has come.
    """
    columns = ", ".join(f"missions.{column}" for column in SUMMARY_COLUMNS.split(", "))
    return (
        f"SELECT {columns} FROM ({' UNION ALL '.join(entries)} ORDER BY at, mission_id LIMIT ?)"
        " CROSS JOIN missions USING (number)"
    )


DUE = _merged(
    (
        *(_entries("missions_by_due", "due_at", f"wait_kind = '{kind}' AND remind_at IS NULL") for kind in _WAITS),
        _entries("missions_by_reminder", "remind_at", "TRUE"),
    )
)
SCHEDULE = _merged(
    _entries(index, "due_at", f"wait_kind = '{kind}' AND remind_at IS {found} AND status = 'waiting'")
    for index, found in (("missions_by_due", "NULL"), ("missions_with_reminder_by_due", "NOT NULL"))
    for kind in _SCHEDULED
)
STRAYS = (
    f"SELECT {SUMMARY_COLUMNS} FROM missions INDEXED BY missions_astray WHERE {IS_STRAY} AND number > ?"
    " ORDER BY number LIMIT ?"
)


def next_due(connection: sqlite3.Connection, after: datetime | None, kind: DueKind | None = None) -> datetime | None:
    """Return the earliest due time later than `after`."""
    floor = stored_time(after) or ""
    found = (_first_due(connection, each, floor) for each in (_KINDS if kind is None else (kind,)))
    return min((instant for instant in found if instant is not None), default=None)


def _first_due(connection: sqlite3.Connection, kind: DueKind, floor: str) -> datetime | None:
    sql, values = (_NEXT_REMINDER, (floor,)) if kind == "reminder" else (_NEXT_DUE, (kind, floor))
    with closing(step(connection, sql, values)) as rows:
        for due_at, mission_id in rows:
            try:
                return parse_iso(due_at)
            except UNDECODABLE as error:
                _leave_out(mission_id, error)
    return None


def page(
    connection: sqlite3.Connection,
    columns: str,
    read: Callable[[Row], T],
    sql: str,
    values: Sequence[Any],
    limit: int,
) -> list[T]:
    """Return up to `limit` of what is read from the rows of a query that has these columns; that is its last parameter.

    What cannot be decoded is left out, and makes no page short.
    """
    rows = fetch_page(connection, columns, sql, values, limit)
    if rows is not None:
        with suppress(*UNDECODABLE):
            return [read(row) for row in rows]
    with closing(step(connection, sql, (*values, _ALL))) as each:
        return list(islice(_decodable(each, read), limit))


def _decodable(rows: Iterable[Row], read: Callable[[Row], T]) -> Iterator[T]:
    for row in rows:
        try:
            yield read(row)
        except UNDECODABLE as error:
            _leave_out(row[0], error)


def _leave_out(mission_id: object, error: Exception) -> None:
    _log.warning("mission %r is left out of a listing: its row cannot be decoded: %r", mission_id, error)
