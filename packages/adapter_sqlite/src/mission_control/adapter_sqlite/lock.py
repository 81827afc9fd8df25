"""One owner for a database: a lock on a file beside it, which dies with the process that took it.

It belongs to the descriptor that it was taken on, so that the process may open and close the lock file as it likes. A
process looks into its own registry, by device and inode, to tell its own commanders from others.

Where a lock can be looked at, one byte is locked after the rest, when the owner has written who it is: who finds that
byte locked can believe what is written.

The lock file stays for good: deleting it would let two processes lock two files of one name.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from mission_control.core.errors import DatabaseInUseError, PersistenceError
from mission_control.core.history import Owner

from .files import Identity, identity
from .record_locks import ARE_OFFERED, holder, set_lock

_LOCKED_BYTE = 2**30
"""Far behind the pid, which others could not read on Windows if it were locked."""
_UNTOLD = (0, _LOCKED_BYTE)
_TOLD = (_LOCKED_BYTE, 1)

_registry_guard = threading.Lock()
_held: dict[Identity, DatabaseLock] = {}


class DatabaseLock:
    """The ownership of one database, from `acquire` to `release`."""

    def __init__(self, path: Path, identity: Identity, descriptor: int) -> None:
        self._path = path
        self._identity = identity
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, database: Path) -> DatabaseLock:
        """Own the database at once, or raise `DatabaseInUseError` naming the process that does."""
        path = _lock_file(database)
        with _registry_guard:
            try:
                return cls._acquire(database, path)
            except OSError as error:
                raise _failure(database, "locked", error) from error

    @classmethod
    def _acquire(cls, database: Path, path: Path) -> DatabaseLock:
        if path.exists() and identity(path.stat()) in _held:
            raise _in_use(database, f"an open commander of this process (pid {os.getpid()})")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if not _try_to_lock(descriptor):
                raise _in_use(database, f"another process (pid {_read_pid(descriptor)})")
            _write_pid(descriptor)
            _tell(descriptor)
            lock = cls(path, identity(os.fstat(descriptor)), descriptor)
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
                _unlock(self._descriptor)
                os.close(self._descriptor)

    def forget(self) -> None:
        """Close what a forked child has of it, and unlock nothing: the lock is its parent's as well."""
        os.close(self._descriptor)


def owner_of(database: Path, *, is_listening: bool) -> Owner | None:
    """Return who owns the database now, or None, from a look at its lock, which is not taken for that.

    Where a lock cannot be looked at, nobody is known but an owner that listens. Raises `PersistenceError`.
    """
    try:
        return _owner_by(_lock_file(database), is_listening=is_listening)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failure(database, "read", error) from error


def _owner_by(path: Path, *, is_listening: bool) -> Owner | None:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        if not (holder(descriptor, *_TOLD) if ARE_OFFERED else is_listening):
            return None
        since = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
        pid = _read_pid(descriptor)
        return Owner(pid=int(pid) if pid.isdecimal() else 0, since=since, is_listening=is_listening)
    finally:
        os.close(descriptor)


def _lock_file(database: Path) -> Path:
    return database.with_name(f"{database.name}.lock")


def _failure(database: Path, what: str, error: OSError) -> PersistenceError:
    return PersistenceError(
        f"{database}: its lock file {_lock_file(database)} cannot be {what}: {error.strerror or error}: check the"
        " permissions of its directory, and that the file system has locks"
    )


def _in_use(database: Path, holder: str) -> DatabaseInUseError:
    return DatabaseInUseError(
        f"{database}: in use by {holder}. One process runs the missions of a file; any other, such as a second worker"
        " of a web server or the process of its reloader, asks that one through its mailbox:"
        " create_commander_client(mailbox=sqlite_mailbox(path)). To look beside it use open_mission_reader; to wait for"
        " one that is about to close, set lock_timeout"
    )


def _read_pid(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 20).decode("ascii", "replace").partition("\n")[0].strip() or "unknown"


def _write_pid(descriptor: int) -> None:
    """Write who owns the database; at no moment the file says nothing, or something else than its first line did."""
    written = f"{os.getpid()}\n".encode("ascii")
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, written)
    os.ftruncate(descriptor, len(written))


def _tell(descriptor: int) -> None:
    if ARE_OFFERED:
        set_lock(descriptor, "exclusive", *_TOLD)


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_to_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_to_lock(descriptor: int) -> bool:
        if ARE_OFFERED:
            return set_lock(descriptor, "exclusive", *_UNTOLD)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        """Closing would not do where a program that was forked behind Python's back has the descriptor too."""
        if ARE_OFFERED:
            set_lock(descriptor, "none")
        else:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _forget_in_child() -> None:
        global _registry_guard  # noqa: PLW0603  # the parent's may be held by a thread that the child does not have
        _registry_guard = threading.Lock()
        while _held:
            _held.popitem()[1].forget()

    os.register_at_fork(after_in_child=_forget_in_child)
