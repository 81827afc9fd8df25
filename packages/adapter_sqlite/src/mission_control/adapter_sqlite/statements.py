"""The statements that write commits: an INSERT into a view for up to 256 missions, and the triggers that answer it.

A mission that was running and still is changes no column that is indexed, so that it costs no index anything: that is
the first of the two updates, which leaves nothing for the second one to find.

There are three such views. Most missions have no parent, schedule, labels or reminder, and stand under the definition
that they began with; most commits open or close no wait for a signal. What is bound is copied several times until it is
in its row, so that a value for each is not free: a commit that needs none goes into a view that has no such columns. In
the other one a row has a wait that is closed and one that is opened; where a commit has more, a row for each follows.
The third one has answers to requests of other processes, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from .expressions import SCHEDULE, end_of, failure_of
from .rows import ABSENT, ANSWERS, BOUND_COLUMNS, HISTORY_COLUMNS, RARE_COLUMNS, WAIT_CHANGES, Row

MOST_ROWS = 256
_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, MOST_ROWS)
"""Rows to a statement: few enough sizes to keep all statements prepared."""

_LASTING = (
    "mission_id",
    "mission_name",
    "created_at",
    "parent",
    "is_awaited",
    "schedule",
    "slot",
    "labels",
)
_MOVING = ("cursor", "updated_at", "ran_under")

CREATED = -10
"""What a row that creates a mission has instead of the version that it had, less the number of the definition that the
mission is created under: were that bound by itself, each row of all commits would have it.
"""
_CREATED_UNDER = f"nullif({CREATED} - NEW.expected_version, 0)"

MORE_WAITS = -2
"""What a row has that is for waits alone, instead of the version that a mission had."""

_CHANGE_WAITS = """
INSERT OR IGNORE INTO wait_kinds (mission_name, signal) VALUES (NEW.mission_name, nullif(NEW.opened_signal, ''));
DELETE FROM waits
    WHERE kind = (SELECT kind FROM wait_kinds WHERE mission_name = NEW.mission_name AND signal = NEW.closed_signal)
    AND since = NEW.closed_since AND mission_id = NEW.mission_id AND event_name = NEW.closed;
INSERT OR REPLACE INTO waits (kind, since, mission_id, event_name, timeout_at)
    SELECT kind, NEW.opened_since, NEW.mission_id, NEW.opened, nullif(NEW.opened_until, '')
    FROM wait_kinds WHERE mission_name = NEW.mission_name AND signal = NEW.opened_signal;
"""
"""What is absent has no kind, of which nothing is found. (The kinds come first: SQLite copies what it adds to a table
that it has read before.)"""


_NEXT_NUMBER = """
1 + max(ifnull((SELECT max(number) FROM missions), 0), ifnull((SELECT max(number) FROM purged), 0))
"""
"""SQLite would give the number of the last mission again where that was deleted."""

_ADD_ANSWERS = """
INSERT OR REPLACE INTO answers (request_id, at, state, answer)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
           json_extract(value, '$[3]') FROM json_each(NEW.answers);
"""

_ENDED_AT, _FAILURE = end_of("NEW."), failure_of("NEW.")
_ADD_LABELS = f"""
INSERT INTO labels (name, value, mission)
    SELECT key, value, last_insert_rowid() FROM json_each(nullif(NEW.labels, ''))
    UNION ALL SELECT {SCHEDULE}, NEW.schedule, last_insert_rowid() WHERE NEW.schedule <> '';
"""


_END_HERE = "SELECT RAISE(IGNORE) WHERE changes() = 1;"
"""Leaves what follows for that row: opening the indexes that the second update may change costs as much as the first.

Where something beside is to be done for the row, that would be left, too.
"""


class Inlet:
    """A view that commits are inserted into; view and triggers are those of one connection, and not the file's.

    `row` are the columns of `missions` that it has, and `columns` all of its own, in the order in which they are bound.
    `beside` are those that are not for the mission's row: waits that it closes and opens, and answers.
    """

    def __init__(self, name: str, row: tuple[str, ...], beside: tuple[str, ...] = ()) -> None:
        self.name = name
        self.row = row
        self.beside = beside
        self.columns: str = ", ".join(("expected_version", HISTORY_COLUMNS, *row, *beside))
        self.width: int = self.columns.count(",") + 1

    @property
    def setup(self) -> tuple[str, ...]:
        """The statements that make the view and its triggers."""
        return (
            f"CREATE TEMP VIEW {self.name} AS SELECT {', '.join(f'NULL AS {one}' for one in self.columns.split(', '))}",
            f"""
            CREATE TEMP TRIGGER create_by_{self.name} INSTEAD OF INSERT ON {self.name}
            WHEN NEW.expected_version <= {CREATED} BEGIN
                INSERT INTO missions (number, version, failure, ended_at, {", ".join(self._created)})
                    VALUES ({_NEXT_NUMBER}, NEW.version, {_FAILURE}, {_ENDED_AT}, {", ".join(self._created.values())});
                INSERT INTO history VALUES (last_insert_rowid(), NEW.version, NEW.at, NEW.records);
                {_ADD_LABELS if "labels" in self.row else ""}
            END
            """,
            f"""
            CREATE TEMP TRIGGER move_by_{self.name} INSTEAD OF INSERT ON {self.name}
            WHEN NEW.expected_version > 0 BEGIN
                INSERT INTO history SELECT number, NEW.version, NEW.at, NEW.records
                    FROM missions WHERE mission_id = NEW.mission_id AND version = NEW.expected_version;
                SELECT RAISE(ABORT, 'stale') WHERE changes() = 0;
                UPDATE missions SET {self._changes(_MOVING)}
                    WHERE mission_id = NEW.mission_id
                    AND NEW.status = 'running' AND NEW.wait_kind = '' AND NEW.error = ''
                    AND {self._new("remind_at")} IS NULL
                    AND status = 'running' AND wait_kind IS NULL AND error IS NULL AND remind_at IS NULL;
                {"" if self.beside else _END_HERE}
                UPDATE missions SET failure = {_FAILURE}, ended_at = {_ENDED_AT},
                    {self._changes(one for one in _ROW if one not in _LASTING)}
                    WHERE mission_id = NEW.mission_id AND version = NEW.expected_version;
            END
            """,
            *((self._wait_trigger,) if self.beside else ()),
            *((self._answer_trigger,) if ANSWERS in self.beside else ()),
        )

    @property
    def _wait_trigger(self) -> str:
        return f"""
            CREATE TEMP TRIGGER change_waits_by_{self.name} INSTEAD OF INSERT ON {self.name}
            WHEN NEW.closed <> '' OR NEW.opened <> '' BEGIN {_CHANGE_WAITS} END
            """

    @property
    def _answer_trigger(self) -> str:
        return f"""
            CREATE TEMP TRIGGER add_answers_by_{self.name} INSTEAD OF INSERT ON {self.name}
            WHEN NEW.answers <> '' BEGIN {_ADD_ANSWERS} END
            """

    @property
    def _created(self) -> dict[str, str]:
        own = {column: self._new(column) for column in self.row}
        return {"created_under": _CREATED_UNDER, "ran_under": _CREATED_UNDER} | own

    def _new(self, column: str) -> str:
        if column not in self.row:
            return _UNCHANGED.get(column, "NULL")
        return f"nullif(NEW.{column}, {ABSENT[column]!r})" if column in ABSENT else f"NEW.{column}"

    def _changes(self, columns: Iterable[str]) -> str:
        return ", ".join(("version = NEW.version", *(f"{one} = {self._new(one)}" for one in columns)))


_UNCHANGED = {"ran_under": "ifnull(ran_under, created_under)"}
"""What is not bound for a mission that tells where it stands: it stands under the definition that it began with."""
_BOUND = tuple(BOUND_COLUMNS.split(", "))
_ROW = (*_BOUND, *RARE_COLUMNS, "ran_under")

PLAIN = Inlet("commits", _BOUND)
"""For commits in which all missions lack what is rare."""
WHOLE = Inlet("whole_commits", _ROW, WAIT_CHANGES)
ANSWERING = Inlet("answering_commits", _ROW, (*WAIT_CHANGES, ANSWERS))


@cache
def inserting(inlet: Inlet, rows: int) -> tuple[str, Row]:
    """Return a statement for as many rows or some more, and what to bind for those, which no trigger answers."""
    size = next(size for size in _SIZES if size >= rows)
    row = "(" + ", ".join("?" * inlet.width) + ")"
    sql = f"INSERT INTO {inlet.name} ({inlet.columns}) VALUES {', '.join([row] * size)}"
    return sql, (-1, *[""] * (inlet.width - 1)) * (size - rows)


RECORD_ANSWERS = """
INSERT OR REPLACE INTO answers (request_id, at, state, answer, request)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(?)
"""
FORGET_ANSWERS = """
DELETE FROM answers WHERE state = 'answered' AND request_id IN (SELECT value FROM json_each(?))
"""
FORGET_OLD_ANSWERS = "DELETE FROM answers INDEXED BY answers_by_age WHERE state <> 'applied' AND at < ?"

RECORD_SCHEDULES = """
INSERT OR REPLACE INTO schedules (name, schedule) SELECT json_extract(value, '$.name'), value FROM json_each(?)
"""

VERSION = "SELECT version FROM missions WHERE mission_id = ?"
DEFINITION = "INSERT INTO definitions (number, fingerprint, name, static, stored_at) VALUES (?, ?, ?, ?, ?)"
NUMBERS = "SELECT json_group_object(fingerprint, number) FROM definitions"
FURTHER_DEFINITIONS = """
INSERT OR IGNORE INTO further_definitions (mission, definition)
SELECT number, json_extract(value, '$[1]') FROM json_each(?) CROSS JOIN missions
ON mission_id = json_extract(value, '$[0]')
"""
AWAIT = """
UPDATE missions SET is_awaited = 1 WHERE is_awaited IS NOT 1 AND mission_id IN (SELECT value FROM json_each(?))
"""
LET_GO = """
UPDATE missions SET is_awaited = 0 WHERE is_awaited = 1 AND mission_id IN (SELECT value FROM json_each(?))
"""
