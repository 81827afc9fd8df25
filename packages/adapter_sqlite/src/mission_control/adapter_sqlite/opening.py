"""How a file is opened: for running missions, which may create or upgrade it, and for reading."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import attrs

from mission_control.core.errors import PersistenceError

from .connection import Synchronous, connect, connect_for_writing
from .schema import is_current, migrate
from .writer import Writer

_OLDEST_SQLITE = (3, 32)  # more than 999 parameters to a statement


@attrs.define
class WriterOpener:
    """Opens the file for writing: the first time it may be new, or of an older release; after a fault it may not."""

    path: Path
    synchronous: Synchronous
    is_prepared: bool = False

    def __call__(self) -> Writer:
        """Return a writer on a connection of its own."""
        if not self.is_prepared:
            self._prepare()
            self.is_prepared = True
        connection = connect_for_writing(self.path, self.synchronous)
        return Writer(_checked(connection, self.path))

    def _prepare(self) -> None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise PersistenceError(
                f"{self.path}: Python's SQLite is {sqlite3.sqlite_version}, and missions need 3.32 or later: use a"
                " Python that was built with a newer one"
            )
        connection = connect(self.path, "rwc")
        try:
            if is_current(connection, self.path):
                return
        finally:
            connection.close()
        connection = connect_for_writing(self.path, self.synchronous)
        try:
            migrate(connection)
        finally:
            connection.close()


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write."""
    return _checked(connect(path, "ro"), path)


def _checked(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        if not is_current(connection, path):
            raise PersistenceError(
                f"{path}: there are no missions in this file, or an earlier release wrote it: a commander that opens it"
                " prepares it"
            )
    except BaseException:
        connection.close()
        raise
    return connection
