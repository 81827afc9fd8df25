"""What SQLite's errors mean to the person who gets them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mission_control.core.errors import PersistenceError

_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "the disk failed: check its space, quota and health",
    sqlite3.SQLITE_READONLY: "it cannot be written: check the permissions of the file and of its directory",
    sqlite3.SQLITE_PERM: "access was denied: check the permissions of the file and of its directory",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its directory exists, and the permissions of both",
    sqlite3.SQLITE_NOTADB: "this is not a SQLite database: give another path, or restore it from a backup",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore it from a backup, or try sqlite3's .recover",
    sqlite3.SQLITE_BUSY: "another program holds a lock on it: end its transaction (a database browser, a shell)",
    sqlite3.SQLITE_LOCKED: "another connection holds a lock on it: end its transaction",
}


class NotPreparedError(PersistenceError):
    """There is no file, or nothing in it yet: its owner has not run."""


class ReplacedError(OSError):
    """A file that is held is not the one at its path any more."""


_REPLACED = (
    "this file, or the log beside it (-wal), was deleted, moved or replaced while it was open: move it back, or restart"
    " on what is there now; what was answered until now is in the former file"
)


def result_code(error: BaseException) -> int:
    """Return SQLite's primary result code, 0 where the error is not SQLite's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def storage_error(path: Path, error: Exception) -> PersistenceError:
    """Return the error that names the database, what is wrong with it, and the remedy."""
    if isinstance(error, ReplacedError):
        return PersistenceError(f"{path}: {_REPLACED}")
    code = sqlite3.SQLITE_PERM if isinstance(error, PermissionError) else result_code(error)
    remedy = _REMEDIES.get(code)
    return PersistenceError(f"{path}: {remedy} ({error})" if remedy else f"{path}: {error}")
