"""Rows out of SQLite, in one step where that is possible.

Python gives its lock up for every row that SQLite steps to, and a busy event loop may keep it for milliseconds each
time. So SQLite packs a result into one JSON text, without Python's lock, and hands that over. What cannot be packed
so (bytes, which only damage puts there; a result beyond a gigabyte; a page that cannot be read) is fetched row by row.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from .failures import result_code
from .rows import Row

_MOST_ROWS = 1_000
"""More than that are fetched one by one, so that a listing without end takes no memory without end."""

_NOT_PACKABLE = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CORRUPT)


def pack(columns: str, rows: str) -> str:
    """Return the SQL that packs the rows of another query."""
    return f"SELECT json_group_array(json_array({columns})) FROM ({rows})"


def fetch(connection: sqlite3.Connection, columns: str, sql: str, values: Sequence[Any]) -> list[Row] | None:
    """Return all rows of a query in one step, or None where they have to be fetched one by one."""
    try:
        (packed,) = connection.execute(pack(columns, sql), values).fetchone()
    except sqlite3.DatabaseError as error:
        if result_code(error) in _NOT_PACKABLE:
            return None
        raise
    rows: list[Row] = json.loads(packed)
    return rows


def fetch_page(
    connection: sqlite3.Connection, columns: str, sql: str, values: Sequence[Any], limit: int
) -> list[Row] | None:
    """Return up to `limit` rows likewise, of a query whose last parameter that is."""
    if limit > _MOST_ROWS:
        return None
    return fetch(connection, columns, sql, (*values, limit))


def step(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Generator[Row]:
    """Yield the rows of a query one by one; close the iterator to end the query early."""
    with closing(connection.execute(sql, values)) as rows:
        yield from rows


def fetch_all(connection: sqlite3.Connection, columns: str, sql: str, values: Sequence[Any]) -> list[Row]:
    """Return all rows of a query, in one step where that is possible."""
    rows = fetch(connection, columns, sql, values)
    return list(step(connection, sql, values)) if rows is None else rows


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Generator[None]:
    """Have all that is read be as it was when the first of it was."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
