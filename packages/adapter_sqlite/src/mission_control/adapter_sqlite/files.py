"""Which files are at a database's path, and whether those that are held still are.

A file that is open can be deleted, moved or replaced all the same; what is written to it then is for nobody.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import attrs

from .failures import ReplacedError

Identity: TypeAlias = tuple[int, int]


def identity(status: os.stat_result) -> Identity:
    """Return which file it is, whatever its name: by device and inode."""
    return status.st_dev, status.st_ino


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def index_of(path: Path) -> Path:
    """Return where SQLite keeps the index of that log, which processes share as memory."""
    return path.with_name(f"{path.name}-shm")


def database_at(path: Path) -> Identity:
    """Return which database is there. Raises `ReplacedError` where none is."""
    try:
        return identity(path.stat())
    except FileNotFoundError as error:
        raise ReplacedError from error


@attrs.frozen
class Files:
    """A database and its write-ahead log, as they were found at their paths."""

    path: str
    log_path: str
    database: Identity
    log: Identity

    @classmethod
    def at(cls, path: Path) -> Files:
        """Return what is there now. Raises `ReplacedError` where one of the two is not."""
        log = log_of(path)
        try:
            return cls(str(path), str(log), identity(path.stat()), identity(log.stat()))
        except FileNotFoundError as error:
            raise ReplacedError from error

    def are_in_place(self) -> bool:
        """Return whether they still are. What cannot be looked at is not where it was."""
        try:
            database, log = os.stat(self.path), os.stat(self.log_path)  # noqa: PTH116  # half the time, for every commit
        except OSError:
            return False
        return (
            database.st_ino == self.database[1]
            and log.st_ino == self.log[1]
            and database.st_dev == self.database[0]
            and log.st_dev == self.log[0]
        )

    def check(self) -> None:
        """Raise `ReplacedError` where they are not."""
        if not self.are_in_place():
            raise ReplacedError
