"""Commits, written: look up what storage has, decide which members fit, write them in bulk, commit.

Python gives its lock up for every step of a statement, and a busy event loop may keep it for milliseconds each
time. So a commit takes few statements, whatever it carries: rows go down many at a time. A mission that was running
and still is changes no column that is indexed, so that it costs no index anything.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias

import attrs

from mission_control.core.errors import PersistenceError, StaleMissionError
from mission_control.core.persistence import CommitOutcome, MissionCommit
from mission_control.core.records import MissionStatus

from .rows import ABSENT, HISTORY_COLUMNS, SUMMARY_COLUMNS, encode, history_row, stored_time, summary_row

_LAST_NUMBER = "SELECT ifnull(max(number), 0) FROM missions"
_IS_RUNNING = "status = 'running' AND wait_kind IS NULL AND error IS NULL"
_KNOWN = f"SELECT number, version, {_IS_RUNNING} FROM missions WHERE mission_id = ?"
_ALL_KNOWN = f"""
SELECT json_group_array(json_array(mission_id, number, version, {_IS_RUNNING}))
FROM json_each(?) AS wanted CROSS JOIN missions ON mission_id = wanted.value
"""
_DEFINITION = (
    "INSERT INTO definitions (fingerprint, name, static, stored_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)

_MISSION_COLUMNS = f"number, version, {SUMMARY_COLUMNS}"
_SETTLED_COLUMNS = "number, version, status, cursor, updated_at"
_MOVED_COLUMNS = "number, version, cursor, updated_at"
_UNSETTLED = ("wait_kind", "wait_name", "wait_node_index", "due_at", "attempt_number", "error")
"""What a mission has only while it waits, or since it failed."""

_CHUNKS = (64, 32, 16, 8, 4, 3, 2, 1)
"""Rows to a statement: few enough sizes to keep all statements prepared, and under 1,000 parameters each."""

_Statement = Callable[[int], str]


def _marks(columns: str, rows: int) -> str:
    row = "(" + ", ".join(map(_mark, columns.split(", "))) + ")"
    return ", ".join([row] * rows)


def _mark(column: str) -> str:
    return f"nullif(?, {ABSENT[column]!r})" if column in ABSENT else "?"


@cache
def _insert_missions(rows: int) -> str:
    return f"INSERT INTO missions ({_MISSION_COLUMNS}) VALUES {_marks(_MISSION_COLUMNS, rows)}"


@cache
def _change_missions(rows: int) -> str:
    return _update(_MISSION_COLUMNS, rows)


@cache
def _settle_missions(rows: int) -> str:
    return _update(_SETTLED_COLUMNS, rows, cleared=_UNSETTLED)


@cache
def _move_missions(rows: int) -> str:
    return _update(_MOVED_COLUMNS, rows)


def _update(columns: str, rows: int, cleared: Sequence[str] = ()) -> str:
    nothing = [f"{name} = NULL" for name in cleared]
    if rows == 1:  # a join with a single row would take three times as long
        changes = ", ".join([*(f"{name} = {_mark(name)}" for name in _changing(columns)), *nothing])
        return f"UPDATE missions SET {changes} WHERE number = ?"
    changes = ", ".join([*(f"{name} = new.{name}" for name in _changing(columns)), *nothing])
    return (
        f"WITH new ({columns}) AS (VALUES {_marks(columns, rows)})"
        f" UPDATE missions SET {changes} FROM new WHERE missions.number = new.number"
    )


_LASTING = ("number", "mission_id", "mission_name", "created_at")


def _changing(columns: str) -> list[str]:
    return [name for name in columns.split(", ") if name not in _LASTING]


def _alone(columns: str) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Return what puts the values of a single row in the order of an update of one row."""
    names = columns.split(", ")
    return itemgetter(*(names.index(name) for name in (*_changing(columns), "number")))


@cache
def _insert_history(rows: int) -> str:
    columns = f"mission, {HISTORY_COLUMNS}"
    return f"INSERT INTO history ({columns}) VALUES {_marks(columns, rows)}"


_ALONE: dict[_Statement, Callable[[list[Any]], tuple[Any, ...]]] = {
    _change_missions: _alone(_MISSION_COLUMNS),
    _settle_missions: _alone(_SETTLED_COLUMNS),
    _move_missions: _alone(_MOVED_COLUMNS),
}


_Known: TypeAlias = tuple[int, int, int]
"""What storage has of a mission: its number, its version, and 1 where it is running, without a wait or an error."""


@attrs.define
class _Rows:
    """The values of one commit, statement by statement, row behind row."""

    created: list[Any] = attrs.field(factory=list[Any])
    changed: list[Any] = attrs.field(factory=list[Any])
    settled: list[Any] = attrs.field(factory=list[Any])
    moved: list[Any] = attrs.field(factory=list[Any])
    history: list[Any] = attrs.field(factory=list[Any])

    def add(self, member: MissionCommit, number: int, known: _Known | None) -> None:
        """Add what the member writes."""
        summary, version = member.summary, member.records[-1].seq
        updated_at = stored_time(summary.updated_at)  # which most of what is written here shares, and is slow to make
        if known is None:
            self.created += (number, version, *summary_row(summary, updated_at))
        elif summary.waiting is not None or summary.error is not None:
            self.changed += (number, version, *summary_row(summary, updated_at))
        elif known[2] and summary.status is MissionStatus.RUNNING:
            self.moved += (number, version, summary.cursor or "", updated_at)
        else:
            self.settled += (number, version, summary.status._value_, summary.cursor or "", updated_at)
        for record in member.records:
            at = updated_at if record.at is summary.updated_at else stored_time(record.at)
            self.history += (number, *history_row(record, at))

    def statements(self) -> tuple[tuple[_Statement, list[Any], str], ...]:
        """Return each statement with its values and its columns."""
        return (
            (_insert_missions, self.created, _MISSION_COLUMNS),
            (_change_missions, self.changed, _MISSION_COLUMNS),
            (_settle_missions, self.settled, _SETTLED_COLUMNS),
            (_move_missions, self.moved, _MOVED_COLUMNS),
            (_insert_history, self.history, f"mission, {HISTORY_COLUMNS}"),
        )


class Writer:
    """Writes on a connection that no one else uses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._definitions: set[str] = set()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def write(self, batch: Sequence[MissionCommit]) -> list[CommitOutcome]:
        """Write the members that fit what storage has, in one transaction; return an outcome for each."""
        self._cursor.execute("BEGIN IMMEDIATE")
        try:
            outcomes = self._write(batch)
            self._cursor.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise
        for member, outcome in zip(batch, outcomes, strict=True):
            if outcome is None and member.definition is not None:
                self._definitions.add(member.definition.fingerprint)
        return outcomes

    def _write(self, batch: Sequence[MissionCommit]) -> list[CommitOutcome]:
        known = self._look_up(batch)
        last = self._last_number() if len(known) < len(batch) else 0
        rows = _Rows()
        outcomes: list[CommitOutcome] = []
        for member in batch:
            found = known.get(member.mission_id)
            version = 0 if found is None else found[1]
            if version != member.expected_version:
                outcomes.append(_stale(member, version))
                continue
            if found is None:
                last += 1
            self._add(rows, member, last if found is None else found[0], found)
            outcomes.append(None)
        for statement, values, columns in rows.statements():
            self._execute(statement, values, columns.count(",") + 1)
        return outcomes

    def _look_up(self, batch: Sequence[MissionCommit]) -> dict[str, _Known]:
        """Return what storage has of the batch's missions; one alone costs far less than a list."""
        ids = [member.mission_id for member in batch]
        if len(ids) == 1:
            row = self._cursor.execute(_KNOWN, ids).fetchone()
            return {} if row is None else {ids[0]: row}
        (found,) = self._cursor.execute(_ALL_KNOWN, (encode(ids),)).fetchone()
        return {mission_id: (number, version, running) for mission_id, number, version, running in json.loads(found)}

    def _last_number(self) -> int:
        (last,) = self._cursor.execute(_LAST_NUMBER).fetchone()
        return int(last)

    def _add(self, rows: _Rows, member: MissionCommit, number: int, known: _Known | None) -> None:
        try:
            rows.add(member, number, known)
            self._store_definition(member)
        except (TypeError, ValueError, RecursionError) as error:
            raise PersistenceError(f"mission {member.mission_id!r}: its records cannot be stored: {error}") from error

    def _store_definition(self, member: MissionCommit) -> None:
        definition = member.definition
        if definition is not None and definition.fingerprint not in self._definitions:
            first_used = stored_time(member.records[0].at)
            row = (definition.fingerprint, definition.name, encode(definition.static), first_used)
            self._cursor.execute(_DEFINITION, row)

    def _execute(self, statement: _Statement, values: list[Any], width: int) -> None:
        start, rows = 0, len(values) // width
        while rows:
            count = next(size for size in _CHUNKS if size <= rows)
            end = start + count * width
            row_values = values[start:end]
            arrange = _ALONE.get(statement) if count == 1 else None
            self._cursor.execute(statement(count), row_values if arrange is None else arrange(row_values))
            start, rows = end, rows - count


def _stale(member: MissionCommit, version: int) -> StaleMissionError:
    return StaleMissionError(
        f"mission {member.mission_id!r}: expected version {member.expected_version}, found {version}: another writer"
        " has changed it, and nothing was written; let one commander alone run missions on a database"
    )
