"""The rows of schedules, read all at once: they are few beside missions, and who fires them has to know all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeAlias

from mission_control.core.history import MissionStatus
from mission_control.core.log import ContainedLogger
from mission_control.core.schedules import StoredSchedule, read_schedule

from .fetching import fetch, step
from .rows import UNDECODABLE, Row, read_status

_Listed: TypeAlias = tuple[StoredSchedule, MissionStatus | None]

_log: ContainedLogger = ContainedLogger("mission_control.adapter_sqlite")

_PACKED = "name, json(schedule), status"
"""The schedules are packed as what they are, so that one look at the text decodes them all."""
_SCHEDULES = """
SELECT s.name, s.schedule, m.status FROM schedules AS s LEFT JOIN missions AS m
ON m.mission_id = iif(json_valid(s.schedule), json_extract(s.schedule, '$.last_mission_id'), NULL)
ORDER BY s.name
"""


def list_schedules(connection: sqlite3.Connection) -> list[_Listed]:
    """Return all schedules by name, each with the status of the mission that it started last, where that is there."""
    rows = fetch(connection, _PACKED, _SCHEDULES, ())
    if rows is not None:
        return list(_decodable(rows, _as_it_is))
    with closing(step(connection, _SCHEDULES, ())) as each:
        return list(_decodable(each, json.loads))


def _decodable(rows: Iterable[Row], decode: Callable[[Any], Any]) -> Iterator[_Listed]:
    for name, schedule, status in rows:
        try:
            yield read_schedule(decode(schedule)), read_status(status)
        except UNDECODABLE as error:
            _log.error("schedule %r is left out: its row cannot be decoded: %r", name, error)


def _as_it_is(form: Any) -> Any:
    return form
