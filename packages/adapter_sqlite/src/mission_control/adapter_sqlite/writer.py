"""Commits, written: one statement each, for up to 256 missions.

Python gives its lock up for every step of a statement, and a busy event loop may keep it for milliseconds each
time. So the members of a commit are the rows of one INSERT into a view, and triggers do with each row what it asks for:
they add a mission or move one on, and append to its history. SQLite makes that statement a transaction of its own,
and needs Python for none of it. View and triggers are temporary: they are this connection's, and not the file's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from itertools import chain, compress, zip_longest
from operator import not_
from typing import Any

import attrs

from mission_control.core.definition import StoredDefinition
from mission_control.core.errors import PersistenceError, StaleMissionError
from mission_control.core.history import due_at
from mission_control.core.schedules import StoredSchedule, schedule_form
from mission_control.core.storage import CommitOutcome, MissionCommit

from .files import Files
from .rows import Row, answers_text, encode, history_text, rare_row, stored_time, summary_row, wait_changes
from .statements import (
    ANSWERING,
    DEFINITION,
    FORGET_ANSWERS,
    FORGET_OLD_ANSWERS,
    LET_GO,
    MORE_WAITS,
    MOST_ROWS,
    PLAIN,
    RECORD_ANSWERS,
    RECORD_SCHEDULES,
    VERSION,
    WHOLE,
    Inlet,
    inserting,
)


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
        for statement in (*PLAIN.setup, *WHOLE.setup, *ANSWERING.setup):
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

    def record_answers(self, rows: Sequence[Row]) -> tuple[None, Files]:
        """Write rows of `answers`, in place of those of the same requests."""
        self._cursor.execute(RECORD_ANSWERS, (encode(rows),))
        return None, self._files

    def forget_answers(self, request_ids: Sequence[str], before: str) -> tuple[None, Files]:
        """Delete what was answered to these requests, and to all others before that time."""
        self._cursor.execute(FORGET_ANSWERS, (encode(request_ids),))
        self._cursor.execute(FORGET_OLD_ANSWERS, (before,))
        return None, self._files

    def record_schedules(self, rows: Iterable[StoredSchedule]) -> tuple[None, Files]:
        """Write rows of schedules, in place of those of the same names."""
        self._cursor.execute(RECORD_SCHEDULES, (encode([schedule_form(row) for row in rows]),))
        return None, self._files

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
        try:
            with nullcontext() if prepared.is_one_statement else self._transaction():
                self._execute(prepared)
        except sqlite3.IntegrityError:
            return self._write_what_fits(batch), self._files
        return [None] * len(batch), self._files

    def _execute(self, prepared: _Prepared) -> None:
        for definition in prepared.definitions.values():
            self._cursor.execute(DEFINITION, definition)
        for inlet, values in prepared.rows:
            for start in range(0, len(values), MOST_ROWS * inlet.width):
                rows = values[start : start + MOST_ROWS * inlet.width]
                sql, filling = inserting(inlet, len(rows) // inlet.width)
                self._cursor.execute(sql, rows + list(filling))
        if prepared.let_go:
            self._cursor.execute(LET_GO, (encode(prepared.let_go),))
        if prepared.schedules:
            self.record_schedules(prepared.schedules.values())

    def _write_what_fits(self, batch: Sequence[MissionCommit]) -> list[CommitOutcome]:
        """Write without the members that do not fit: some there are, or the file is not as it should be."""
        with self._transaction():
            versions = {one.mission_id: self._version(one.mission_id) for one in _with_children(batch)}
            outcomes = [_moved(member, versions) for member in batch]
            fitting = [member for member, outcome in zip(batch, outcomes, strict=True) if outcome is None]
            self._execute(_prepare(fitting))
        return outcomes

    def _version(self, mission_id: str) -> int:
        row = self._cursor.execute(VERSION, (mission_id,)).fetchone()
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


@attrs.frozen(eq=False, repr=False)
class _Prepared:
    """What a batch writes: rows, one behind the other, the definitions and schedules with them, and who is let go."""

    rows: list[tuple[Inlet, list[Any]]]
    definitions: dict[str, Row]
    let_go: list[str]
    schedules: dict[str, StoredSchedule]

    @property
    def is_one_statement(self) -> bool:
        """True where SQLite makes a transaction of it by itself."""
        is_short = all(len(values) <= MOST_ROWS * inlet.width for inlet, values in self.rows)
        return is_short and len(self.rows) < 2 and not (self.definitions or self.let_go or self.schedules)


def _prepare(batch: Sequence[MissionCommit]) -> _Prepared:
    rows: list[Row] = []
    definitions: dict[str, Row] = {}
    let_go: list[str] = []
    schedules: dict[str, StoredSchedule] = {}
    members = _with_children(batch)
    for member in members:
        try:
            rows.append(_row(member))
            if member.let_go:
                let_go += member.let_go
            if member.schedule is not None:
                schedules[member.schedule.name] = member.schedule
            definition = member.definition
            if definition is not None and definition.fingerprint not in definitions:
                definitions[definition.fingerprint] = _definition_row(definition, member)
        except (TypeError, ValueError, RecursionError) as error:
            raise PersistenceError(f"mission {member.mission_id!r}: its records cannot be stored: {error}") from error
    return _Prepared(_grouped(rows, members), definitions, let_go, schedules)


def _grouped(rows: list[Row], members: Sequence[MissionCommit]) -> list[tuple[Inlet, list[Any]]]:
    """Return what is bound: what is rare has rows of its own, so that a signal makes them no longer for many steps.

    But what is created has its number in the order of the batch.
    """
    are_rare = list(map(_is_rare, members))
    if True not in are_rare:
        return [(PLAIN, list(chain.from_iterable(rows)))]
    groups: list[tuple[Inlet, list[Any]]] = []
    if False in are_rare and all(member.expected_version for member in compress(members, are_rare)):
        groups.append((PLAIN, list(chain.from_iterable(compress(rows, map(not_, are_rare))))))
        rows, members = list(compress(rows, are_rare)), list(compress(members, are_rare))
    inlet, widen = (ANSWERING, _answering_rows) if any(member.answers for member in members) else (WHOLE, _whole_rows)
    groups.append((inlet, list(chain.from_iterable(chain.from_iterable(map(widen, rows, members))))))
    return groups


def _answering_rows(own: Row, member: MissionCommit) -> Iterator[Row]:
    """Yield the same with the answers that the member has, which come with its own row."""
    answers = answers_text(member.answers)
    for row in _whole_rows(own, member):
        yield *row, answers
        answers = ""


def _whole_rows(own: Row, member: MissionCommit) -> Iterator[Row]:
    """Yield the member's own row, and where more waits are closed and opened than that holds, a row for each."""
    rare, changes = rare_row(member), zip_longest(member.closed, member.opened)
    yield *own, *rare, *wait_changes(*next(changes, (None, None)))
    for closed, opened in changes:
        yield MORE_WAITS, *own[1:], *rare, *wait_changes(closed, opened)


def _with_children(batch: Sequence[MissionCommit]) -> Sequence[MissionCommit]:
    """Return the members, each with the missions that it creates behind it: mostly the batch itself."""
    for member in batch:
        if member.children:
            return [one for member in batch for one in member.family()]
    return batch


def _moved(member: MissionCommit, versions: dict[str, int]) -> CommitOutcome:
    """Move the versions that the member and its children have on, or return what keeps them from being written."""
    moved: dict[str, int] = {}
    for one in member.family():
        version = moved.get(one.mission_id, versions[one.mission_id])
        if version != one.expected_version:
            return _stale(one, version)
        moved[one.mission_id] = one.records[-1].seq
    versions.update(moved)
    return None


def _is_rare(member: MissionCommit) -> bool:
    """True where the member needs one of the columns that few commits fill."""
    if member.opened or member.closed or member.answers:
        return True
    summary = member.summary
    if member.expected_version == 0 and (summary.parent_id or summary.schedule or summary.labels):
        return True
    return summary.next_due is not None and summary.next_due != due_at(summary.next_wait)


def _row(member: MissionCommit) -> Row:
    """Return the values of the columns of `PLAIN`. Its times are mostly one instant, whose text is made once."""
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
        " has changed it, and nothing was written; let one commander alone run missions on a database",
        mission_id=member.mission_id,
    )
