"""Commits, written: one statement each, for up to 256 missions.

Python gives its lock up for every step of a statement, and a busy event loop may keep it for milliseconds each
time. So the members of a commit are the rows of one INSERT into a view, and triggers do with each row what it asks for:
they add a mission or move one on, and append to its history. SQLite makes that statement a transaction of its own,
and needs Python for none of it. View and triggers are temporary: they are this connection's, and not the file's.

A mission that was running and still is changes no column that is indexed, so that it costs no index anything: that is
the first of the two updates, which leaves nothing for the second one to find.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

import attrs

from mission_control.core.definition import StoredDefinition
from mission_control.core.errors import PersistenceError, StaleMissionError
from mission_control.core.storage import CommitOutcome, MissionCommit

from .files import Files
from .rows import ABSENT, HISTORY_COLUMNS, SUMMARY_COLUMNS, Row, encode, history_text, stored_time, summary_row

_COLUMNS = f"expected_version, {HISTORY_COLUMNS}, {SUMMARY_COLUMNS}"
_WIDTH = _COLUMNS.count(",") + 1
_NOTHING: Row = (-1, *[""] * (_WIDTH - 1))
"""A row that no trigger answers, to fill a statement up with."""

_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Rows to a statement: few enough sizes to keep all statements prepared."""
_MOST = _SIZES[-1]

_LASTING = ("mission_id", "mission_name", "created_at")
_MOVING = ("cursor", "updated_at")


def _new(column: str) -> str:
    return f"nullif(NEW.{column}, {ABSENT[column]!r})" if column in ABSENT else f"NEW.{column}"


def _changes(columns: Iterable[str]) -> str:
    return ", ".join(f"{name} = {_new(name)}" for name in ("version", *columns))


_SUMMARY = SUMMARY_COLUMNS.split(", ")
_SETUP = (
    f"CREATE TEMP VIEW commits AS SELECT {', '.join(f'NULL AS {name}' for name in _COLUMNS.split(', '))}",
    f"""
    CREATE TEMP TRIGGER create_mission INSTEAD OF INSERT ON commits WHEN NEW.expected_version = 0 BEGIN
        INSERT INTO missions (version, {SUMMARY_COLUMNS}) VALUES (NEW.version, {", ".join(map(_new, _SUMMARY))});
        INSERT INTO history VALUES (last_insert_rowid(), NEW.version, NEW.at, NEW.records);
    END
    """,
    f"""
    CREATE TEMP TRIGGER move_mission INSTEAD OF INSERT ON commits WHEN NEW.expected_version > 0 BEGIN
        INSERT INTO history SELECT number, NEW.version, NEW.at, NEW.records
            FROM missions WHERE mission_id = NEW.mission_id AND version = NEW.expected_version;
        SELECT RAISE(ABORT, 'stale') WHERE changes() = 0;
        UPDATE missions SET {_changes(_MOVING)}
            WHERE mission_id = NEW.mission_id
            AND NEW.status = 'running' AND NEW.wait_kind = '' AND NEW.error = ''
            AND status = 'running' AND wait_kind IS NULL AND error IS NULL;
        UPDATE missions SET {_changes(name for name in _SUMMARY if name not in _LASTING)}
            WHERE mission_id = NEW.mission_id AND version = NEW.expected_version;
    END
    """,
)
_VERSION = "SELECT version FROM missions WHERE mission_id = ?"
_DEFINITION = (
    "INSERT INTO definitions (fingerprint, name, static, stored_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


@cache
def _commit(rows: int) -> str:
    row = "(" + ", ".join("?" * _WIDTH) + ")"
    return f"INSERT INTO commits ({_COLUMNS}) VALUES {', '.join([row] * rows)}"


def _nothing() -> None:
    pass


class Writer:
    """Writes on a connection that no one else uses, to `files`; `let_go` closes it."""

    def __init__(
        self, connection: sqlite3.Connection, files: Files, let_go: Callable[[sqlite3.Connection], None]
    ) -> None:
        self._connection = connection
        self._files = files
        self._let_go = let_go
        self._cursor = connection.cursor()
        connection.execute("PRAGMA temp_store = MEMORY")  # a full or missing folder for temporary files is no concern
        for statement in _SETUP:
            connection.execute(statement)

    def close(self) -> None:
        """Close the connection, and first what would keep it open: a statement that failed, until its error is gone."""
        self._cursor.close()
        self._let_go(self._connection)

    def write_checked(self, batch: Sequence[MissionCommit]) -> list[CommitOutcome]:
        """Write, and return only what is true. Raises `ReplacedError` where the files were not in their places."""
        outcomes, files = self.write(batch)
        files.check()
        return outcomes

    def check(self) -> None:
        """Raise `ReplacedError` where the files are not in their places any more."""
        self._files.check()

    def write(
        self, batch: Sequence[MissionCommit], begun: Callable[[], None] = _nothing
    ) -> tuple[list[CommitOutcome], Files]:
        """Write the members that fit what storage has, in one transaction; return an outcome for each.

        They are true if the files that come with them are in their places afterwards.
        `begun` is called when all that is left to do is SQLite's.
        """
        prepared = _prepare(batch)
        begun()
        is_one = len(batch) <= _MOST and not prepared.definitions
        try:
            with nullcontext() if is_one else self._transaction():
                self._execute(prepared)
        except sqlite3.IntegrityError:
            return self._write_what_fits(batch), self._files
        return [None] * len(batch), self._files

    def _execute(self, prepared: _Prepared) -> None:
        for definition in prepared.definitions.values():
            self._cursor.execute(_DEFINITION, definition)
        values = prepared.values
        for start in range(0, len(values), _MOST * _WIDTH):
            rows = values[start : start + _MOST * _WIDTH]
            count = len(rows) // _WIDTH
            size = next(size for size in _SIZES if size >= count)
            self._cursor.execute(_commit(size), rows + list(_NOTHING * (size - count)))

    def _write_what_fits(self, batch: Sequence[MissionCommit]) -> list[CommitOutcome]:
        """Write without the members that do not fit: some there are, or the file is not as it should be."""
        with self._transaction():
            versions = {member.mission_id: self._version(member.mission_id) for member in batch}
            outcomes: list[CommitOutcome] = []
            fitting: list[MissionCommit] = []
            for member in batch:
                version = versions[member.mission_id]
                if version != member.expected_version:
                    outcomes.append(_stale(member, version))
                    continue
                versions[member.mission_id] = member.records[-1].seq
                outcomes.append(None)
                fitting.append(member)
            self._execute(_prepare(fitting))
        return outcomes

    def _version(self, mission_id: str) -> int:
        row = self._cursor.execute(_VERSION, (mission_id,)).fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._cursor.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._cursor.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise


@attrs.frozen
class _Prepared:
    """What is bound for a batch: rows, one behind the other, and the definitions that come with them."""

    values: list[Any]
    definitions: dict[str, Row]


def _prepare(batch: Iterable[MissionCommit]) -> _Prepared:
    values: list[Any] = []
    definitions: dict[str, Row] = {}
    for member in batch:
        try:
            values += _row(member)
            definition = member.definition
            if definition is not None and definition.fingerprint not in definitions:
                definitions[definition.fingerprint] = _definition_row(definition, member)
        except (TypeError, ValueError, RecursionError) as error:
            raise PersistenceError(f"mission {member.mission_id!r}: its records cannot be stored: {error}") from error
    return _Prepared(values, definitions)


def _row(member: MissionCommit) -> Row:
    """Return the values of `_COLUMNS`. Its times are mostly one instant, whose text is made once."""
    expected, summary, last = member.expected_version, member.summary, member.records[-1]
    updated_at = created_at = at = stored_time(summary.updated_at)
    if last.at is not summary.updated_at:
        at = stored_time(last.at)
    if expected > 0:
        created_at = ""  # no other commit than the first changes it
    elif summary.created_at is not summary.updated_at:
        created_at = stored_time(summary.created_at)
    records = history_text(member.records, last.at)
    return (expected, last.seq, at, records, *summary_row(summary, created_at, updated_at))


def _definition_row(definition: StoredDefinition, member: MissionCommit) -> Row:
    first_used = stored_time(member.records[0].at)
    return (definition.fingerprint, definition.name, encode(definition.static), first_used)


def _stale(member: MissionCommit, version: int) -> StaleMissionError:
    return StaleMissionError(
        f"mission {member.mission_id!r}: expected version {member.expected_version}, found {version}: another writer"
        " has changed it, and nothing was written; let one commander alone run missions on a database"
    )
