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


def primary_code(error: BaseException) -> int | None:
    """Return SQLite's result code without its extension, or None where the error is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def storage_error(path: Path, error: Exception) -> PersistenceError:
    """Return the error that names the database, what is wrong with it, and the remedy."""
    remedy = _REMEDIES.get(primary_code(error) or 0)
    return PersistenceError(f"{path}: {remedy} ({error})" if remedy else f"{path}: {error}")
