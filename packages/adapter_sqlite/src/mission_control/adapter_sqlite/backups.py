"""Copies of a database, made while missions go on, by a thread and on a connection of their own.

SQLite writes all there is at one instant into a new file (`VACUUM INTO`): the copying that goes step by step begins
anew with each commit, and never ends beside a writer. What is written has another name until it is whole, durable and
checked, so that what is killed leaves nothing at the path itself.

A copy is the same database at an earlier time, with the same identity: put in its place, it takes the requests that
wait in the mailbox, and those that the former file had applied since and that are there still.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from mission_control.core.errors import PersistenceError

from .connection import connect
from .failures import result_code, storage_error
from .files import flush_folder
from .schema import state
from .worker import Closeable, Worker, end

R = TypeVar("R", bound=Closeable)
_Copying: TypeAlias = Callable[[sqlite3.Connection], None]

_OF_THE_SOURCE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Copy:
    """A copy of the database at `source`: written first, then published at its path or discarded."""

    def __init__(self, source: Path, path: str) -> None:
        self._source = source
        self._target = Path(os.path.abspath(path))  # noqa: PTH100 - a link at the path is something there, too
        self._unfinished = self._target.with_name(f"{self._target.name}-unfinished-{secrets.token_hex(8)}")
        self._connection: sqlite3.Connection | None = None
        self._is_stopped = False

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything that the connection reads, and check it; what was written before is written anew."""
        self.discard()
        self._check_place()
        try:
            self._create()
            self._connection = connection
            if not self._is_stopped:
                connection.execute("VACUUM INTO ?", (str(self._unfinished),))
            self._check()
            _flush(self._unfinished)
        except (sqlite3.Error, OSError) as error:
            self.discard()
            raise self._failure(error) from error
        except BaseException:
            self.discard()
            raise
        finally:
            self._connection = None

    def publish(self) -> None:
        """Give the copy its name, which nothing has."""
        try:
            _rename(self._unfinished, self._target)
            flush_folder(self._target.parent)
        except FileExistsError:
            raise self._taken() from None
        except OSError as error:
            raise storage_error(self._target, error) from error

    def discard(self) -> None:
        """Delete what has been written and not been published."""
        with suppress(OSError, ValueError):
            self._unfinished.unlink(missing_ok=True)

    def stop(self) -> None:
        """Have the writing end, from any thread."""
        self._is_stopped = True
        if (connection := self._connection) is not None:
            with suppress(sqlite3.Error):
                connection.interrupt()

    def _check_place(self) -> None:
        try:
            with suppress(FileNotFoundError):
                self._target.lstat()
                raise self._taken()
            if not self._target.parent.is_dir():
                raise PersistenceError(f"{self._target}: there is no directory {self._target.parent}: create it first")
        except (OSError, ValueError) as error:
            raise PersistenceError(f"{self._target}: nothing can be written there: {error}") from error

    def _taken(self) -> PersistenceError:
        return PersistenceError(f"{self._target}: there is something at this path already: give the copy another one")

    def _stopped(self) -> PersistenceError:
        return PersistenceError(f"{self._target}: what was to be copied was closed meanwhile: there is no copy")

    def _create(self) -> None:
        """Make the file with the permissions of the database's, and never with more."""
        wanted = self._source.stat()
        mode = stat.S_IMODE(wanted.st_mode) & 0o666
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(self._unfinished, flags, mode & 0o600)
        try:
            if hasattr(os, "fchown"):  # pragma: no branch
                with suppress(PermissionError):
                    os.fchown(descriptor, -1, wanted.st_gid)
                if os.fstat(descriptor).st_gid != wanted.st_gid:
                    mode &= 0o606  # the group would be another one
                os.fchmod(descriptor, mode | 0o600)
        finally:
            os.close(descriptor)

    def _check(self) -> None:
        if self._is_stopped:
            raise self._stopped()
        with closing(connect(self._unfinished, "ro")) as connection:
            self._connection = connection
            found = [problem for (problem,) in connection.execute("PRAGMA quick_check")]
            if found != ["ok"] or state(connection, self._target) != "current":
                raise PersistenceError(
                    f"{self._target}: the copy is damaged ({'; '.join(found)}), and was deleted: check the disk, and"
                    f" {self._source}"
                )

    def _failure(self, error: Exception) -> PersistenceError:
        if result_code(error) == sqlite3.SQLITE_INTERRUPT:
            return self._stopped()
        return storage_error(self._source if result_code(error) in _OF_THE_SOURCE else self._target, error)


def _rename(file: Path, target: Path) -> None:
    """Rename without replacing. Raises `FileExistsError`."""
    try:
        os.link(file, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise FileExistsError from None
        file.rename(target)
    else:
        file.unlink()


def _flush(file: Path) -> None:
    """Have the file reach the disk: SQLite does not wait for that."""
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _nothing() -> None:
    pass


class Backup(Generic[R]):
    """One copy under way, on a thread of its own that reads from what `acquire` opens."""

    def __init__(self, source: Path, path: str, acquire: Callable[[], R]) -> None:
        self._copy = Copy(source, path)
        self._worker: Worker[R] = Worker("backup of", source, acquire, _nothing)

    async def run(self, written: Callable[[Worker[R], _Copying], Awaitable[None]]) -> None:
        """Make the copy; `written` has the worker write it, and returns when what it read was true."""
        try:
            await written(self._worker, self._copy.write)
            await self._worker.do(lambda _: self._copy.publish())
        finally:
            self.stop()

    def stop(self, notify: Callable[[], None] = _nothing) -> None:
        """End the thread, and first what it does; it deletes what is not whole, and calls `notify`."""
        self._copy.stop()

        def clear() -> None:
            self._copy.discard()
            notify()

        self._worker.stop(clear)

    async def close(self) -> None:
        """The same, and return when the thread has ended."""
        await end(self.stop, self._worker)
