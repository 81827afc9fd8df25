"""One owner for a database: a record lock on a file beside it, which dies with the process that took it.

POSIX drops all of a process's locks on a file as soon as the process closes any descriptor of it. So a process
looks into its own registry, by device and inode, before it opens a lock file, and never opens one that it holds.
The lock file stays for good: deleting it would let two processes lock two files of one name.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TypeAlias

from mission_control.core.errors import DatabaseInUseError, PersistenceError

_Identity: TypeAlias = tuple[int, int]

_registry_guard = threading.Lock()
_held: dict[_Identity, DatabaseLock] = {}


class DatabaseLock:
    """The ownership of one database, from `acquire` to `release`."""

    def __init__(self, path: Path, identity: _Identity, descriptor: int) -> None:
        self._path = path
        self._identity = identity
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, database: Path) -> DatabaseLock:
        """Own the database at once, or raise `DatabaseInUseError` naming the process that does."""
        path = database.with_name(f"{database.name}.lock")
        with _registry_guard:
            try:
                return cls._acquire(database, path)
            except OSError as error:
                raise PersistenceError(
                    f"{database}: its lock file {path} cannot be locked: {error.strerror or error}: check the"
                    " permissions of its directory, and that the file system has locks"
                ) from error

    @classmethod
    def _acquire(cls, database: Path, path: Path) -> DatabaseLock:
        if path.exists() and _identity(path.stat()) in _held:
            raise _in_use(database, str(os.getpid()), "an open commander of this process")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if not _try_to_lock(descriptor):
                raise _in_use(database, _read_pid(descriptor), "another process")
            _write_pid(descriptor)
            lock = cls(path, _identity(os.fstat(descriptor)), descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        _held[lock._identity] = lock
        return lock

    def release(self) -> None:
        """Give the database up. A second call does nothing."""
        with _registry_guard:
            if _held.get(self._identity) is self:
                del _held[self._identity]
                os.close(self._descriptor)


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


def _in_use(database: Path, pid: str, holder: str) -> DatabaseInUseError:
    return DatabaseInUseError(
        f"{database}: in use by {holder} (pid {pid}): close it first, or raise lock_timeout to wait for it; to read"
        " beside it use open_mission_reader"
    )


def _read_pid(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"


def _write_pid(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    _LOCKED_BYTE = 2**30
    """Far behind the pid, which others could not read if it were locked."""

    def _try_to_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_to_lock(descriptor: int) -> bool:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _forget_in_child() -> None:
        """Close what a forked child inherited, while it holds no lock of its own that this could drop."""
        global _registry_guard  # noqa: PLW0603  # the parent's may be held by a thread that the child does not have
        _registry_guard = threading.Lock()
        for lock in list(_held.values()):
            lock.release()

    os.register_at_fork(after_in_child=_forget_in_child)
