"""Which files are at a database's path, and whether those that are held still are.

A file that is open can be deleted, moved or replaced all the same; what is written to it then is for nobody.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TypeAlias

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


def flush_folder(folder: Path) -> None:
    """Make durable which names are in a directory."""
    if os.name == "nt":  # pragma: no cover - it cannot be asked for there
        return
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_SECOND_NS = 1_000_000_000
_TICK_NS = 20_000_000
_LONG_TICK_NS = 2 * _SECOND_NS
"""On a file system that keeps whole seconds, or every other one: FAT, ext3, ext4 with small inodes."""


def tick_ns(changed_ns: int) -> int:
    """Return more than the file system's clock took from the time of a change to its next one.

    Two changes in between leave the same time.
    """
    return _TICK_NS if changed_ns % _SECOND_NS else _LONG_TICK_NS


def may_change_unseen(changed_ns: int) -> bool:
    """Return whether another change, from now on, could have the same time as the one of `changed_ns`."""
    return 0 <= time.time_ns() - changed_ns < tick_ns(changed_ns)


class Files:
    """A database and its write-ahead log, as they are found at their paths.

    Raises `ReplacedError` where one of the two is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = str(path.parent)
        self._unchanged: tuple[int, ...] | None = None
        try:
            self.database: Identity = identity(path.stat())
            self.log: Identity = identity(log_of(path).stat())
        except FileNotFoundError as error:
            raise ReplacedError from error

    def are_those_of(self, other: Files) -> bool:
        """Return whether both found the same files."""
        return (self.database, self.log) == (other.database, other.log)

    def are_in_place(self) -> bool:
        """Return whether they still are. What cannot be looked at is not where it was.

        Nothing leaves a folder, or comes into it, without changing its time. That is one look instead of two; and after
        a look at the log the file system would write a new time of it down with the next commit.
        """
        try:
            folder = os.stat(self._folder)  # noqa: PTH116  # half the time, for every commit
            found = folder.st_ctime_ns, folder.st_ino, folder.st_dev
            return found == self._unchanged or self._are_in(found)
        except OSError:
            return False

    def _are_in(self, folder: tuple[int, ...]) -> bool:
        files = identity(self._path.stat()), identity(log_of(self._path).stat())
        are_in_place = files == (self.database, self.log)
        self._unchanged = folder if are_in_place and not may_change_unseen(folder[0]) else None
        return are_in_place

    def check(self) -> None:
        """Raise `ReplacedError` where they are not."""
        if not self.are_in_place():
            raise ReplacedError
