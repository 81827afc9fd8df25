"""How a file is opened: for running missions, which may create or upgrade it, and for reading."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import attrs

from mission_control.core.errors import PersistenceError

from .connection import Mode, Synchronous, connect, connect_for_writing
from .failures import NotPreparedError, ReplacedError
from .files import Files, database_at
from .holding import Holding
from .leftovers import clear_leftovers
from .reading import Reader
from .schema import migrate, state
from .writer import Writer

_OLDEST_SQLITE = (3, 32)  # more than 999 parameters to a statement


@attrs.define(eq=False, repr=False)
class WriterOpener:
    """Opens the file for writing: the first time it may be new, or of an older release; later it may not.

    An empty database in the place of one that has vanished would hide the loss.
    """

    holding: Holding
    synchronous: Synchronous
    is_prepared: bool = False

    def __call__(self) -> Writer:
        """Return a writer on a connection of its own."""
        path = self.holding.path
        clear_leftovers(path)
        if not self.is_prepared:
            self._prepare(path)
            self.is_prepared = True
        else:
            database_at(path)
        return Writer(*self.holding.take(self._connect), self.holding.let_go)

    def _connect(self) -> sqlite3.Connection:
        return _checked(connect_for_writing(self.holding.path, self.synchronous), self.holding.path)

    def _prepare(self, path: Path) -> None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise PersistenceError(
                f"{path}: Python's SQLite is {sqlite3.sqlite_version}, and missions need 3.32 or later: use a"
                " Python that was built with a newer one"
            )
        connection = connect(path, "rwc")
        try:
            if state(connection, path) == "current":
                return
        finally:
            connection.close()
        connection = connect_for_writing(path, self.synchronous)
        try:
            migrate(connection)
        finally:
            connection.close()


@attrs.frozen(eq=False, repr=False)
class ReaderOpener:
    """Opens the file for reading beside the writer: of the files that this one holds, where it holds any."""

    holding: Holding

    def __call__(self) -> Reader:
        """Return a reader on a connection of its own."""
        held = self.holding.files
        if held is not None:
            held.check()
        reader = open_for_reading(self.holding.path)
        if held is not None and not reader.files.are_those_of(held):
            reader.close()
            raise ReplacedError
        return reader


def open_for_reading(path: Path) -> Reader:
    """Return a reader of what is at `path` now."""
    before = database_at(path)
    connection = connect_for_reading(path)
    try:
        files = Files(path)
        if files.database != before:
            raise ReplacedError
    except BaseException:
        connection.close()
        raise
    return Reader(connection, files)


def connect_for_reading(path: Path, mode: Mode = "ro") -> sqlite3.Connection:
    """Return a connection that cannot write. Raises `NotPreparedError` where there is nothing in the file yet."""
    return _checked(connect(path, mode), path)


def _checked(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        found = state(connection, path)
        if found == "empty":
            raise NotPreparedError(f"{path}: there are no missions in this file: a commander that opens it prepares it")
        if found == "older":
            raise PersistenceError(
                f"{path}: an earlier release wrote this file: a commander that opens it brings it up to date"
            )
    except BaseException:
        connection.close()
        raise
    return connection
