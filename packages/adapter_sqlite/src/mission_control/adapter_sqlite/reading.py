"""Reads on one connection, of files that are known."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from .files import Files

T = TypeVar("T")
P = ParamSpec("P")


class Reader:
    """Reads `files` on a connection that no one else uses."""

    def __init__(self, connection: sqlite3.Connection, files: Files) -> None:
        self._connection = connection
        self._id = secrets.token_hex(8)
        self.files = files

    def read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, Files]:
        """Return what the query finds; it is true if the files that come with it are in their places afterwards."""
        return query(self._connection, *args, **kwargs), self.files

    def change_token(self) -> tuple[str, Files]:
        """Return a text that is another one after any other connection has committed anything; likewise.

        SQLite counts for each connection what it sees of the others' commits, so that the text says whose count it is.
        """
        (count,) = self._connection.execute("PRAGMA data_version").fetchone()
        return f"{self._id}-{count}", self.files

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
