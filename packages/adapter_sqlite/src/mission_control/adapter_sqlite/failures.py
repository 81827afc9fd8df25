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


_NO_FILES_BESIDE = (
    "it can be read while a commander has it open; otherwise SQLite must create files beside it, and may not: allow"
    " writing in its directory, or read a copy"
)
_CLOSER_REMEDIES = {
    sqlite3.SQLITE_READONLY_DIRECTORY: _NO_FILES_BESIDE,
    sqlite3.SQLITE_READONLY_CANTINIT: _NO_FILES_BESIDE,
    sqlite3.SQLITE_READONLY_RECOVERY: _NO_FILES_BESIDE,
}


def result_code(error: BaseException) -> int:
    """Return SQLite's primary result code, 0 where the error is not SQLite's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def storage_error(path: Path, error: Exception) -> PersistenceError:
    """Return the error that names the database, what is wrong with it, and the remedy."""
    closer = _CLOSER_REMEDIES.get(getattr(error, "sqlite_errorcode", 0))
    remedy = closer or _REMEDIES.get(result_code(error))
    return PersistenceError(f"{path}: {remedy} ({error})" if remedy else f"{path}: {error}")
