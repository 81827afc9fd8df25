"""Databases with any number of parked missions, made by copying a sample that ours has written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from mission_control.core import MissionDefinition

from .missions import PAYLOAD, Payload, open_commander

_NUMBERS = "WITH RECURSIVE copies (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM copies WHERE n < ?)"
_PREFIX = "01a205d1-b707-7df8-a92d-"
_OWN = {"number": "n", "mission_id": f"printf('{_PREFIX}%012x', n)", "mission": "n"}
"""What differs between a copy and its sample."""


def copied_id(number: int) -> str:
    """Return the id of the copy `number`, counted from 1 over all samples."""
    return f"{_PREFIX}{number:012x}"


async def park(database: Path, samples: Mapping[MissionDefinition[Payload], int]) -> None:
    """Make a file with so many parked missions of each definition, in that order."""
    async with open_commander(database, *samples) as commander:
        ids = [(await commander.start(definition, PAYLOAD)).mission_id for definition in samples]
    copy_missions(database, dict(zip(ids, samples.values(), strict=True)))


def copy_missions(database: Path, counts: Mapping[str, int]) -> None:
    """Replace the missions of a file, which nobody has open, by so many copies of each of these, in that order."""
    _copy(database, counts)
    with database.open("rb") as file:
        os.fsync(file.fileno())


def _copy(database: Path, counts: Mapping[str, int]) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -262144")
        connection.execute("BEGIN")
        # The samples step aside: the copies are numbered from 1.
        connection.execute("UPDATE missions SET number = -number")
        connection.execute("UPDATE history SET mission = -mission")
        copied = 0
        for sample, count in counts.items():
            query = "SELECT number FROM missions WHERE mission_id = ?"
            (number,) = connection.execute(query, (sample,)).fetchone()
            for table, key, of in (
                ("missions", "number", number),
                ("history", "mission", number),
                ("waits", "mission_id", sample),
            ):
                _copy_rows(connection, table, key, of, copied + 1, copied + count)
            copied += count
        samples = ", ".join("?" * len(counts))
        connection.execute(f"DELETE FROM waits WHERE mission_id IN ({samples})", tuple(counts))
        connection.execute("DELETE FROM history WHERE mission < 0")
        connection.execute("DELETE FROM missions WHERE number < 0")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns."""
    return [str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def _copy_rows(connection: sqlite3.Connection, table: str, key: str, of: int | str, first: int, last: int) -> None:
    columns = columns_of(connection, table)
    values = ", ".join(_OWN.get(column, column) for column in columns)
    connection.execute(
        f"{_NUMBERS} INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT {values} FROM copies CROSS JOIN {table} WHERE {key} = ? ORDER BY n",
        (first, last, of),
    )
