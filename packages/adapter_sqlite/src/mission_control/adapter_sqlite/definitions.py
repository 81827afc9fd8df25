"""The static forms of definitions that missions ran under: there are few of them, and all are read at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

from mission_control.core.definition import StoredDefinition
from mission_control.core.errors import PersistenceError
from mission_control.core.history import parse_iso
from mission_control.core.log import ContainedLogger

from .fetching import fetch, step
from .rows import UNDECODABLE, Row

_log: ContainedLogger = ContainedLogger("mission_control.adapter_sqlite")

_FORM = "SELECT static FROM definitions WHERE fingerprint = ?"
_PACKED = "fingerprint, name, json(static), stored_at"
"""The forms are packed as what they are, so that one look at the text decodes them all."""
_DEFINITIONS = """
SELECT fingerprint, name, static, stored_at FROM definitions WHERE ?1 IS NULL OR name = ?1 ORDER BY number
"""


def load_definition(connection: sqlite3.Connection, fingerprint: str) -> dict[str, Any] | None:
    """Return the static form of a definition, or None."""
    row = connection.execute(_FORM, (fingerprint,)).fetchone()
    try:
        return None if row is None else json.loads(row[0])
    except UNDECODABLE as error:
        raise PersistenceError(
            f"definition {fingerprint!r}: its stored form cannot be read: {error}: restore it from a backup"
        ) from error


def list_definitions(connection: sqlite3.Connection, *, mission_name: str | None = None) -> list[StoredDefinition]:
    """Return all definitions that there are, or those of a name, in the order in which they were stored."""
    rows = fetch(connection, _PACKED, _DEFINITIONS, (mission_name,))
    if rows is not None:
        return list(_decodable(rows, _as_it_is))
    with closing(step(connection, _DEFINITIONS, (mission_name,))) as each:
        return list(_decodable(each, json.loads))


def _decodable(rows: Iterable[Row], decode: Callable[[Any], Any]) -> Iterator[StoredDefinition]:
    for fingerprint, name, static, stored_at in rows:
        try:
            at = None if stored_at is None else parse_iso(stored_at)
            yield StoredDefinition(fingerprint=fingerprint, name=name, static=decode(static), stored_at=at)
        except UNDECODABLE as error:
            _log.error("definition %r is left out: its row cannot be decoded: %r", fingerprint, error)


def _as_it_is(form: Any) -> Any:
    return form
