"""Reads of a database whoever has it open, also nobody, that leave nothing behind.

Where its log is not there, or empty, all there is is in the database file, and stays so until the log has something:
then SQLite reads that file alone, without any lock, and the answer is believed if afterwards it is still the same one.
Otherwise the log has something, and the files for reading it are there mostly: an owner made them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from mission_control.core.errors import PersistenceError

from .failures import NotPreparedError, ReplacedError
from .files import Files, Identity, identity, log_of, may_change_unseen, tick_ns
from .opening import connect_for_reading, open_for_reading
from .reading import Reader
from .schema import create_empty

T = TypeVar("T")
P = ParamSpec("P")

_TRIES = 5
"""How often to read anew what was changed or replaced meanwhile."""


class _Still(NamedTuple):
    """A database of which everything is in its own file."""

    file: Identity
    size: int
    modified_ns: int


class View:
    """Reads what is at `path` at each time; before its owner's first run as of an empty file, or not."""

    def __init__(self, path: Path, *, is_empty_when_missing: bool) -> None:
        self._path = path
        self._is_empty_when_missing = is_empty_when_missing
        self._reader: Reader | None = None

    def read(self, query: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the query finds. Raises `NotPreparedError` before the owner's first run, unless that is empty."""
        try:
            return self._read(lambda connection: query(connection, *args, **kwargs))
        except NotPreparedError:
            if not self._is_empty_when_missing:
                raise
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            create_empty(connection)
            return query(connection, *args, **kwargs)

    def change_token(self) -> str:
        """Return a text that is another one after anything was committed, whoever has the database open.

        Without a log a commit gives the file another time; with one, SQLite counts the commits that it sees.
        """
        try:
            return self._change_token()
        except NotPreparedError:
            if not self._is_empty_when_missing:
                raise
        return "nothing"

    def _change_token(self) -> str:
        for _ in range(_TRIES):
            still = self._look()
            if still is not None:
                self.close()
                return f"{still.file[0]}-{still.file[1]}-{still.size}-{still.modified_ns}"
            answer = self._ask(Reader.change_token)
            if answer is not None:
                return answer[0]
        raise ReplacedError

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        for _ in range(_TRIES):
            still = self._look()
            answer = self._ask(lambda reader: reader.read(query)) if still is None else self._read_still(query, still)
            if answer is not None:
                return answer[0]
        raise ReplacedError

    def _look(self) -> _Still | None:
        """Return what there is, or None where there is more than the database file."""
        try:
            status = self._path.stat()
        except FileNotFoundError as error:
            raise NotPreparedError(
                f"{self._path}: there is no such file: a commander creates it when it becomes ready"
            ) from error
        if _has_something(log_of(self._path)) or _has_something(self._journal):
            return None
        if may_change_unseen(status.st_mtime_ns):
            time.sleep(tick_ns(status.st_mtime_ns) / 1e9)
        return _Still(identity(status), status.st_size, status.st_mtime_ns)

    def _read_still(self, query: Callable[[sqlite3.Connection], T], still: _Still) -> tuple[T] | None:
        self.close()
        try:
            with closing(connect_for_reading(self._path, "ro&immutable=1")) as connection:
                answer = query(connection)
        except (sqlite3.Error, PersistenceError):
            if self._look() == still:
                raise
            return None
        return (answer,) if self._look() == still else None

    def _ask(self, question: Callable[[Reader], tuple[T, Files]]) -> tuple[T] | None:
        """Return the answer of a reader of the file with its log, if it was of what is there still."""
        try:
            reader = self._reader = self._reader or open_for_reading(self._path)
        except ReplacedError:
            return None
        try:
            answer, files = question(reader)
        except (sqlite3.Error, PersistenceError):
            if reader.files.are_in_place():
                raise
        else:
            if files.are_in_place():
                return (answer,)
        self.close()
        return None

    @property
    def _journal(self) -> Path:
        """Where SQLite keeps what a change of the file would undo, while it has no log yet."""
        return self._path.with_name(f"{self._path.name}-journal")

    def close(self) -> None:
        """Close what is open; the next read opens it anew."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _has_something(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False
