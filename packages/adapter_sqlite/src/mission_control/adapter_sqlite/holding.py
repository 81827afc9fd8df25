"""What the writer of an open adapter holds, and how it lets go: nothing is written that is not at its path."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mission_control.core.errors import PersistenceError

from .failures import ReplacedError
from .files import Files, database_at
from .guard import Guard


def _nothing() -> None:
    pass


class Holding:
    """The files of the writer's connection, from `take` to `let_go`; `files` is None in between.

    `discard_reader` closes the connection that reads beside the writer: both must be of the same files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.discard_reader: Callable[[], None] = _nothing
        self.files: Files | None = None
        self._guard = Guard()

    def take(self, connect: Callable[[], sqlite3.Connection]) -> tuple[sqlite3.Connection, Files]:
        """Return a connection for writing, and its files, which are guarded from then on."""
        self.discard_reader()
        before = database_at(self.path)
        connection = connect()
        try:
            self._guard.take(self.path)
            files = Files(self.path)
            if files.database != before:
                raise ReplacedError
            self._check_index(connection)
        except BaseException:
            connection.close()
            self._guard.close()
            raise
        self.files = files
        return connection, files

    def _check_index(self, connection: sqlite3.Connection) -> None:
        """All connections of a process share one index: that of the first, wherever its file is by now."""
        connection.execute("BEGIN IMMEDIATE")
        is_here = self._guard.sees_writing()
        connection.execute("ROLLBACK")
        if not is_here:
            raise PersistenceError(
                f"{self.path}: this process has it open from when other files were beside it (-wal, -shm), which were"
                " deleted or replaced since: close those connections first"
            )

    def let_go(self, connection: sqlite3.Connection) -> None:
        """Close the connection. As the last one it clears the log, but touches nothing that is not its own.

        What is not at its path any more gets all that was committed into the database file, wherever that is by now:
        the log that is left behind must be nothing to the file that comes next.
        """
        self.discard_reader()
        if self.files is not None and self.files.are_in_place():
            self._guard.unlock()
        else:
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try:
            connection.close()
        finally:
            self.files = None
            self._guard.close()
