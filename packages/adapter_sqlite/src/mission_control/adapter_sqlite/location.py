"""Which file a database path means, and whether missions can live there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from mission_control.core.errors import PersistenceError
from mission_control.core.payloads import found

DatabasePath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""A path of the file system, in any form that `open` takes."""


def locate(database_path: DatabasePath) -> Path:
    """Return the real path, links resolved, so that one file has one name.

    Raises `PersistenceError` for what is no path of a file: an empty one, `:memory:`, a `file:` URI.
    """
    try:
        text = str.__str__(os.fsdecode(database_path))
    except TypeError:
        raise TypeError(f"database_path: expected a str or another path, found {found(database_path)}") from None
    if not text.strip() or text == ":memory:" or text.lower().startswith("file:"):
        raise PersistenceError(
            f"{text!r} is no path of a database file: give the path of a file, such as 'missions.db'; for missions"
            " in memory use mission_control.in_memory_commander.create_in_memory_persistence_adapter()"
        )
    try:
        return Path(text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise PersistenceError(f"{text!r} is no path of a database file: {error}") from error


def check_place(path: Path) -> None:
    """Raise `PersistenceError` where no database can be at `path`."""
    try:
        if not path.parent.is_dir():
            raise PersistenceError(f"{path}: the directory {path.parent} does not exist: create it first")
        if path.is_dir():
            raise PersistenceError(f"{path}: this is a directory: give the path of a file in it")
        if path.exists() and path.stat().st_nlink > 1:
            raise PersistenceError(
                f"{path}: the file has another hard link, and SQLite would keep a second log under that name, which"
                " corrupts it: remove the other link, or copy the file"
            )
    except OSError as error:
        raise PersistenceError(f"{path}: cannot be looked at: {error.strerror}: check the permissions") from error
