"""What was answered, read from the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from mission_control.core.errors import PersistenceError
from mission_control.core.history import parse_iso
from mission_control.core.log import ContainedLogger
from mission_control.core.storage import Answer, RefusedRequest

from ..fetching import step
from ..rows import UNDECODABLE, Row, encode, read_answer

_log: ContainedLogger = ContainedLogger("mission_control.adapter_sqlite")

_ANSWERS = """
SELECT request_id, state, answer FROM json_each(?) AS wanted CROSS JOIN answers ON request_id = wanted.value
"""
_REFUSED = """
SELECT request_id, at, answer, request FROM answers INDEXED BY answers_refused
WHERE state = 'refused' AND (at, request_id) < (?, ?) ORDER BY at DESC, request_id DESC LIMIT ?
"""
_PLACE = "SELECT at FROM answers WHERE request_id = ?"
_BEFORE_ALL = ("~", "~")
"""Sorts behind every time, and every id."""


def load_answers(connection: sqlite3.Connection, request_ids: Sequence[str]) -> dict[str, Answer]:
    """Return what was answered to these requests, or that they were applied."""
    answers: dict[str, Answer] = {}
    for row in step(connection, _ANSWERS, (encode(list(request_ids)),)):
        try:
            answers[row[0]] = read_answer(row)
        except UNDECODABLE as error:
            raise PersistenceError(f"the answer to request {row[0]} cannot be read: {error}") from error
    return answers


def list_refused(connection: sqlite3.Connection, *, limit: int, after: str | None) -> list[RefusedRequest]:
    """Return a page of what was refused, the newest first."""
    place: Row = _BEFORE_ALL
    if after is not None:
        found = connection.execute(_PLACE, (after,)).fetchone()
        if found is None:
            return []
        place = (found[0], after)
    refused: list[RefusedRequest] = []
    for row in step(connection, _REFUSED, (*place, limit)):
        try:
            refused.append(_read_refused(row))
        except UNDECODABLE as error:
            _log.warning("the refused request %s cannot be read, and is left out: %s", row[0], error)
    return refused


def _read_refused(row: Row) -> RefusedRequest:
    request_id, at, answer, request = row
    kind, mission_id, name, requested_at = json.loads(request)
    code, message, *_ = json.loads(answer)["error"]
    return RefusedRequest(
        request_id=request_id,
        kind=kind,
        mission_id=mission_id,
        name=name,
        code=code,
        message=message,
        requested_at=parse_iso(requested_at),
        refused_at=parse_iso(at),
    )


def database_id(connection: sqlite3.Connection) -> str | None:
    """Return the id of the database; None where there is none yet."""
    with suppress(TypeError):  # no row: it is the empty one that stands for none
        return str(connection.execute("SELECT database_id FROM identity").fetchone()[0])
    return None
