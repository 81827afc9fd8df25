"""Connections to the database file, as the writer and the readers need them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal, TypeAlias

from mission_control.core.errors import PersistenceError

Synchronous: TypeAlias = Literal["full", "normal"]
"""`full`: a commit has reached the disk. `normal`: it survives the process, not a loss of power."""

_BUSY_SECONDS = 5.0
"""How long to wait for a lock that another program holds for a moment."""

_LARGEST_IDLE_LOG = 64 * 2**20
"""Bytes that the write-ahead log may keep on disk after a checkpoint."""


Mode: TypeAlias = Literal["rwc", "rw", "ro", "ro&immutable=1"]
"""With `immutable` nothing is locked, and nothing looked at but the database file alone."""


def connect(path: Path, mode: Mode) -> sqlite3.Connection:
    """Open the database at the absolute `path`; transactions are the caller's, and so is the thread."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = _text
    return connection


def connect_for_writing(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """Open the file with a write-ahead log, and make sure that it can be written.

    Raises `PersistenceError` where the file system has no such log.
    """
    connection = connect(path, "rw")
    try:
        (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal != "wal":
            raise PersistenceError(
                f"{path}: this file system has no write-ahead log (SQLite offers {journal!r}): use a local disk"
            )
        _check_writable(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG}")
        # The checks are for those who edit a file by hand: what is written here is an enumeration's, and a check of it
        # takes a quarter of the time of a row's update.
        connection.execute("PRAGMA ignore_check_constraints = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_writable(connection: sqlite3.Connection) -> None:
    """SQLite opens for reading what it may not write, and says so only when it has to: so have it write."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("ROLLBACK")


def _text(stored: bytes) -> str:
    """Decode without fail: damaged text is for the one row that has it, not for the whole result."""
    return stored.decode("utf-8", "surrogateescape")
