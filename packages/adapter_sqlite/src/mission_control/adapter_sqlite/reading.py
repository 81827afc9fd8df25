"""Reads on one connection, of files that are known."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import attrs

from .files import Files

T = TypeVar("T")
P = ParamSpec("P")


@attrs.frozen
class Reader:
    """Reads `files` on a connection that no one else uses."""

    _connection: sqlite3.Connection
    files: Files

    def read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, Files]:
        """Return what the query finds; it is true if the files that come with it are in their places afterwards."""
        return query(self._connection, *args, **kwargs), self.files

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
