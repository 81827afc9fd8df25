"""The files of a log that someone else left, and that the owner cannot use.

Whoever opens a database without its owner, with a shell or a browser, makes the files of its log; they may belong to
another user then, and nothing is in them.
"""

from __future__ import annotations

import os
from pathlib import Path

from mission_control.core.errors import PersistenceError

from .files import index_of, log_of
from .guard import alone

_HOW = {"effective_ids": True} if os.access in os.supports_effective_ids else {}


def clear_leftovers(path: Path) -> None:
    """Delete such files, while nobody has the database open. Raises `PersistenceError` where they have to stay."""
    log, index = log_of(path), index_of(path)
    unusable = [file for file in (log, index) if file.exists() and not _is_writable(file)]
    if not unusable or not _is_writable(path):
        return
    found = f"{path}: {unusable[0]} belongs to {_owner(unusable[0])} and cannot be written"
    if log in unusable and log.stat().st_size > 0:
        raise PersistenceError(f"{found}, and has commits in it: allow writing it")
    with alone(path) as is_alone:
        if not is_alone:
            raise PersistenceError(f"{found}: end what has the database open, or delete that file when nothing has")
        for file in {*unusable, index}:
            _delete(file, found)


def _delete(file: Path, found: str) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise PersistenceError(f"{found}, nor deleted: it has nothing in it: delete it, or allow writing it") from error


def _is_writable(file: Path) -> bool:
    return os.access(file, os.W_OK, **_HOW)


def _owner(file: Path) -> str:
    try:
        return f"user {file.owner()}"
    except (KeyError, NotImplementedError):
        return f"user {file.stat().st_uid}"
