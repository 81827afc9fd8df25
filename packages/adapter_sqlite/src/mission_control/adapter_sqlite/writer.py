"""Commits, written: one statement each, for up to 256 missions.

Python gives its lock up for every step of a statement, and a busy event loop may keep it for milliseconds each
time. So the members of a commit are the rows of one INSERT into a view, and triggers do with each row what it asks for:
they add a mission or move one on, and append to its history. SQLite makes that statement a transaction of its own,
and needs Python for none of it. View and triggers are temporary: they are this connection's, and not the file's.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from itertools import chain, compress, zip_longest
from operator import not_
from typing import Any

import attrs

from mission_control.core.definition import StoredDefinition
from mission_control.core.errors import PersistenceError, StaleMissionError
from mission_control.core.history import due_at
from mission_control.core.making import maker
from mission_control.core.schedules import StoredSchedule, schedule_form
from mission_control.core.storage import CommitOutcome, MissionCommit, MissionRows

from .auditing import rewrite
from .files import Files
from .purging import Portion, Tally, Wanted, delete, delete_definitions
from .rows import Row, answers_text, encode, history_text, rare_row, stored_time, summary_row, wait_changes
from .statements import (
    ANSWERING,
    AWAIT,
    CREATED,
    DEFINITION,
    FORGET_ANSWERS,
    FORGET_OLD_ANSWERS,
    FURTHER_DEFINITIONS,
    LET_GO,
    MORE_WAITS,
    MOST_ROWS,
    NUMBERS,
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
        self._numbers: dict[str, int] = json.loads(connection.execute(NUMBERS).fetchone()[0])
        """Of the definitions that are stored, by fingerprint."""

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

    def purge(self, wanted: Wanted, numbers: Sequence[int], tally: Tally) -> tuple[Portion, Files]:
        """Delete missions of these numbers that are wanted; without any, what nobody names any more."""
        begun, unnamed = time.perf_counter(), list[str]()
        with self._transaction():
            count, is_left = delete(self._cursor, wanted, numbers)
            if count and (rows := tally.rows(count)):
                self.record_answers(rows)
            if not numbers and not is_left:
                unnamed = delete_definitions(self._cursor)
        for fingerprint in unnamed:
            self._numbers.pop(fingerprint, None)
        return Portion(count, is_left, time.perf_counter() - begun), self._files

    def rewrite(self, rows: MissionRows) -> tuple[bool, Files]:
        """Replace what is stored beside a mission's history, where that is of this version still."""
        with self._transaction():
            is_written = rewrite(self._cursor, rows)
        return is_written, self._files

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
        prepared = _prepare(batch, self._numbers)
        begun()
        try:
            with nullcontext() if prepared.is_one_statement else self._transaction():
                self._execute(prepared)
        except sqlite3.IntegrityError:
            return self._write_what_fits(batch), self._files
        self._numbers.update(prepared.named.new)
        return [None] * len(batch), self._files

    def _execute(self, prepared: _Prepared) -> None:
        for definition in prepared.named.rows:
            self._cursor.execute(DEFINITION, definition)
        for inlet, values in prepared.rows:
            for start in range(0, len(values), MOST_ROWS * inlet.width):
                rows = values[start : start + MOST_ROWS * inlet.width]
                sql, filling = inserting(inlet, len(rows) // inlet.width)
                self._cursor.execute(sql, rows + list(filling))
        if prepared.named.further:
            self._cursor.execute(FURTHER_DEFINITIONS, (encode(prepared.named.further),))
        if prepared.let_go:
            self._cursor.execute(LET_GO, (encode(prepared.let_go),))
        if prepared.awaited:
            self._cursor.execute(AWAIT, (encode(prepared.awaited),))
        if prepared.schedules:
            self.record_schedules(prepared.schedules.values())

    def _write_what_fits(self, batch: Sequence[MissionCommit]) -> list[CommitOutcome]:
        """Write without the members that do not fit: some there are, or the file is not as it should be."""
        with self._transaction():
            versions = {one.mission_id: self._version(one.mission_id) for one in _with_children(batch)}
            outcomes = [_moved(member, versions) for member in batch]
            fitting = [member for member, outcome in zip(batch, outcomes, strict=True) if outcome is None]
            prepared = _prepare(fitting, self._numbers)
            self._execute(prepared)
        self._numbers.update(prepared.named.new)
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
    """What a batch writes: rows, one behind the other, definitions, schedules, and who is let go or awaited again."""

    rows: list[tuple[Inlet, list[Any]]]
    named: _Named
    let_go: list[str]
    awaited: list[str]
    schedules: dict[str, StoredSchedule]

    @property
    def is_one_statement(self) -> bool:
        """True where SQLite makes a transaction of it by itself."""
        (inlet, values), *more = self.rows
        is_short = not more and len(values) <= MOST_ROWS * inlet.width
        return is_short and not (self.named.rows or self.named.further or self.let_go or self.awaited or self.schedules)


_prepared = maker(_Prepared)


def _prepare(batch: Sequence[MissionCommit], numbers: Mapping[str, int]) -> _Prepared:
    rows: list[Row] = []
    named = _Named(numbers)
    let_go: list[str] = []
    awaited: list[str] = []
    schedules: dict[str, StoredSchedule] = {}
    members = _with_children(batch)
    for member in members:
        try:
            expected = member.expected_version
            if expected == 0 or member.definition is not None or member.definitions:
                expected = named.by(member)
            rows.append(_row(member, expected))
            if member.let_go:
                let_go += member.let_go
            if member.awaited:
                awaited += member.awaited
            if member.schedule is not None:
                schedules[member.schedule.name] = member.schedule
        except (TypeError, ValueError, RecursionError) as error:
            raise PersistenceError(f"mission {member.mission_id!r}: its records cannot be stored: {error}") from error
    return _prepared(_grouped(rows, members, named), named, let_go, awaited, schedules)


class _Named:
    """The definitions that commits name: those that are new get the next numbers."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._known = numbers
        self.new: dict[str, int] = {}
        self.rows: list[Row] = []
        self.further: list[tuple[str, int]] = []

    def by(self, member: MissionCommit) -> int:
        """Return what is bound for the version that the mission had: it says what one is created under."""
        expected, definition = member.expected_version, member.definition
        if expected == 0:
            expected = CREATED if definition is None else CREATED - self._add(definition, member)
        elif definition is not None:
            self.further.append((member.mission_id, self._add(definition, member)))
        for further in member.definitions:
            self.further.append((member.mission_id, self._add(further, member)))
        return expected

    def number(self, fingerprint: str | None) -> int:
        """Return the number of a definition, 0 for none, and for one that is not known."""
        return 0 if fingerprint is None else self._known.get(fingerprint) or self.new.get(fingerprint, 0)

    def _add(self, definition: StoredDefinition, member: MissionCommit) -> int:
        fingerprint = definition.fingerprint
        number = self._known.get(fingerprint) or self.new.get(fingerprint)
        if number is None:
            self.new[fingerprint] = number = max(self._known.values(), default=0) + len(self.new) + 1
            first_used = stored_time(member.records[0].at)
            self.rows.append((number, fingerprint, definition.name, encode(definition.static), first_used))
        return number


def _grouped(rows: list[Row], members: Sequence[MissionCommit], named: _Named) -> list[tuple[Inlet, list[Any]]]:
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
    alone = [named.number(member.ran_under) for member in members]
    groups.append((inlet, list(chain.from_iterable(chain.from_iterable(map(widen, rows, members, alone))))))
    return groups


def _answering_rows(own: Row, member: MissionCommit, alone: int) -> Iterator[Row]:
    """Yield the same with the answers that the member has, which come with its own row."""
    answers = answers_text(member.answers)
    for row in _whole_rows(own, member, alone):
        yield *row, answers
        answers = ""


def _whole_rows(own: Row, member: MissionCommit, alone: int) -> Iterator[Row]:
    """Yield the member's own row, and where more waits are closed and opened than that holds, a row for each."""
    rare, changes = (*rare_row(member), alone), zip_longest(member.closed, member.opened)
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
    if member.opened or member.closed or member.answers or member.ran_under is None:
        return True
    summary, definition = member.summary, member.definition
    if member.expected_version == 0:
        is_its_own = definition is not None and definition.fingerprint == member.ran_under
        if not is_its_own or summary.parent_id or summary.schedule or summary.labels:
            return True
    elif definition is not None:
        return True
    return summary.paused if summary.next_due is None else summary.next_due != due_at(summary.next_wait)


def _row(member: MissionCommit, expected: int) -> Row:
    """Return the values of the columns of `PLAIN`, the first of which is given.

    Its times are mostly one instant, whose text is made once.
    """
    summary, last = member.summary, member.records[-1]
    updated_at = created_at = at = stored_time(summary.updated_at)
    if last.at is not summary.updated_at:
        at = stored_time(last.at)
    if expected > 0:
        created_at = ""  # no other commit than the first changes it
    elif summary.created_at is not summary.updated_at:
        created_at = stored_time(summary.created_at)
    records = history_text(member.records, last.at)
    return (expected, last.seq, at, records, *summary_row(summary, created_at, updated_at))


def _stale(member: MissionCommit, version: int) -> StaleMissionError:
    return StaleMissionError(
        f"mission {member.mission_id!r}: expected version {member.expected_version}, found {version}: another writer"
        " has changed it, and nothing was written; let one commander alone run missions on a database",
        mission_id=member.mission_id,
    )
