"""The bare floor: a plain sqlite3 loop that writes the rows that our adapter writes, one commit a transition.

Nothing of ours runs here. Only the tables come from our adapter, copied from a file that it has prepared; the values
are those that it would write, as constants where they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_CREATE = (
    "INSERT INTO missions (number, version, mission_id, mission_name, status, cursor, wait_kind, wait_name,"
    " wait_node_index, due_at, attempt_number, error, created_at, updated_at)"
    " VALUES (?, ?, ?, 'floor', 'running', 'start', NULL, NULL, NULL, NULL, NULL, NULL, ?, ?)"
)
_MOVE = "UPDATE missions SET version = ?, cursor = ?, updated_at = ? WHERE number = ?"
_CHANGE = (
    "UPDATE missions SET version = ?, cursor = ?, updated_at = ?, status = ?, wait_kind = ?, wait_name = ?,"
    " wait_node_index = ? WHERE number = ?"
)
_RECORD = "INSERT INTO history (mission, version, at, records) VALUES (?, ?, ?, ?)"

_CREATED = (
    '[["mission-created",null,null,'
    '{"mission_name":"floor","input":{"n":1},"definition":"0123456789abcdef0123456789abcdef"}],'
    '["mission-started",null,null,{}],["step-started","start",1,{}]]'
)
_CREATED_RECORDS, _RECORDS = 3, 2
"""How many records the first transition adds, and each other."""


def _succeeded(step: str, following: str) -> str:
    return f'[["step-succeeded","{step}",1,{{"output":{{"n":1}}}}],{following}]'


def _started(step: str) -> str:
    return f'["step-started","{step}",1,{{}}]'


@dataclass
class FloorMission:
    """Where one mission of the floor stands."""

    number: int
    version: int
    cursor: str = "start"


class Floor:
    """A connection to a file with our tables, and the transitions of a mission on it."""

    def __init__(self, database: Path, prepared: Path) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._copy_tables(prepared)
        self._cursor = self._connection.cursor()
        self._last = 0

    def _copy_tables(self, prepared: Path) -> None:
        self._connection.execute("ATTACH ? AS prepared", (str(prepared),))
        tables = "SELECT sql FROM prepared.sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ('missions', 'history')"
        for (statement,) in self._connection.execute(tables).fetchall():
            self._connection.execute(statement)
        self._connection.execute("DETACH prepared")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def run(self, steps: Sequence[str]) -> FloorMission:
        """Run a mission of a start and `steps` from its creation to its end: a commit for each of them, and one."""
        mission = self.create()
        for name in steps:
            self.step(mission, name)
        self.complete(mission)
        return mission

    def create(self) -> FloorMission:
        """Create a mission whose start runs."""
        self._last += 1
        mission = FloorMission(self._last, 0)
        now = datetime.now(UTC).isoformat()
        mission_id = f"01a205d1-b707-7df8-a92d-{mission.number:012x}"
        self._cursor.execute("BEGIN IMMEDIATE")
        self._cursor.execute(_CREATE, (mission.number, _CREATED_RECORDS, mission_id, now, now))
        self._append(mission, now, _CREATED, _CREATED_RECORDS)
        self._cursor.execute("COMMIT")
        return mission

    def step(self, mission: FloorMission, name: str) -> None:
        """Record that what ran has succeeded, and that the step `name` has started."""
        now = datetime.now(UTC).isoformat()
        self._move(mission, now, name, _succeeded(mission.cursor, _started(name)), _RECORDS)

    def open(self, mission: FloorMission, opened: str, begun: Sequence[str]) -> None:
        """Record that what ran has succeeded, that a construct has opened its paths, and that their steps started."""
        now = datetime.now(UTC).isoformat()
        first = _succeeded(mission.cursor, f'["paths-opened",{opened}]')
        records = f"{first[:-1]},{','.join(map(_started, begun))}]"
        self._move(mission, now, "paths", records, _RECORDS + len(begun))

    def end_path(self, mission: FloorMission, path: str, following: str | None) -> None:
        """Record that the one step of a path has succeeded, the path is completed, and another step has started."""
        now = datetime.now(UTC).isoformat()
        records = _succeeded(f"{path}/work", f'["path-completed","{path}",null,{{}}]')
        if following is None:
            self._move(mission, now, "paths", records, _RECORDS)
        else:
            self._move(mission, now, "paths", f"{records[:-1]},{_started(following)}]", _RECORDS + 1)

    def _move(self, mission: FloorMission, now: str, cursor: str, records: str, count: int) -> None:
        self._cursor.execute("BEGIN IMMEDIATE")
        self._cursor.execute(_MOVE, (mission.version + count, cursor, now, mission.number))
        self._append(mission, now, records, count)
        self._cursor.execute("COMMIT")
        mission.cursor = cursor

    def complete(self, mission: FloorMission) -> None:
        """Record that the last step has succeeded, and the mission is completed."""
        records = _succeeded(mission.cursor, '["mission-completed",null,null,{}]')
        self._change(mission, None, ("completed", None, None, None), records)

    def wait(self, mission: FloorMission) -> None:
        """Record that the mission waits for a signal."""
        waits = '["waiting-for-signal","go",null,{"node_index":1,"timeout_at":null}]'
        records = _succeeded(mission.cursor, waits)
        self._change(mission, "go", ("waiting", "signal", "go", 1), records)

    def receive(self, mission: FloorMission) -> None:
        """Record that the signal was received, and the step after it has started."""
        records = f'[["signal-received","go",null,{{"payload":{{"n":1}}}}],{_started("step-1")}]'
        self._change(mission, "step-1", ("running", None, None, None), records)

    def _change(
        self,
        mission: FloorMission,
        cursor: str | None,
        status: tuple[str, str | None, str | None, int | None],
        records: str,
    ) -> None:
        now = datetime.now(UTC).isoformat()
        self._cursor.execute("BEGIN IMMEDIATE")
        self._cursor.execute(_CHANGE, (mission.version + _RECORDS, cursor, now, *status, mission.number))
        self._append(mission, now, records)
        self._cursor.execute("COMMIT")
        mission.cursor = cursor or ""

    def _append(self, mission: FloorMission, now: str, records: str, count: int = _RECORDS) -> None:
        mission.version += count
        self._cursor.execute(_RECORD, (mission.number, mission.version, now, records))
