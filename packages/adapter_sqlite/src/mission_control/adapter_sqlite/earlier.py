"""The open waits of missions in a file of an earlier release, found once, when it is upgraded.

A mission of one line says in its row what it waits for, and stands on it; since when is in its history. One that stands
on something else than it waits for has live paths: its history is folded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice

from mission_control.core.errors import CorruptMissionError
from mission_control.core.history import OpenWait
from mission_control.core.machine import load, open_waits

from .queries import load as load_histories
from .rows import stored_time
from .views import SINCE

_BATCH = 500

_OF_ONE_LINE = "wait_kind = 'signal' AND wait_name = cursor"
_SIGNAL = "substr(wait_name, length(rtrim(wait_name, replace(wait_name, '/', ''))) + 1)"
"""What is behind the last slash: `rtrim` takes away everything but slashes there."""

_KINDS_OF_ONE_LINE = f"""
INSERT INTO wait_kinds (mission_name, signal) SELECT DISTINCT mission_name, {_SIGNAL} FROM missions WHERE {_OF_ONE_LINE}
"""
_WAITS_OF_ONE_LINE = f"""
INSERT OR IGNORE INTO waits (mission_id, event_name, kind, since, timeout_at)
SELECT mission_id, wait_name, kind, coalesce({SINCE}, updated_at), due_at
FROM missions AS m CROSS JOIN wait_kinds AS k ON k.mission_name = m.mission_name AND k.signal = {_SIGNAL}
WHERE {_OF_ONE_LINE}
"""
_WITH_PATHS = "SELECT mission_id FROM missions WHERE wait_kind <> 'start_at' AND wait_name <> cursor"
_ADD_KIND = "INSERT OR IGNORE INTO wait_kinds (mission_name, signal) VALUES (?, ?)"
_ADD = """
INSERT INTO waits (mission_id, event_name, kind, since, timeout_at)
SELECT ?, ?, kind, ?, ? FROM wait_kinds WHERE mission_name = ? AND signal = ?
"""


def list_earlier_waits(connection: sqlite3.Connection) -> None:
    """Write a row for each open wait of the missions that are there."""
    connection.execute(_KINDS_OF_ONE_LINE)
    connection.execute(_WAITS_OF_ONE_LINE)
    for wait in _waits_on_paths(connection):
        connection.execute(_ADD_KIND, (wait.mission_name, wait.signal))
        place = (wait.mission_id, wait.event_name, stored_time(wait.since), stored_time(wait.timeout_at))
        connection.execute(_ADD, (*place, wait.mission_name, wait.signal))


def _waits_on_paths(connection: sqlite3.Connection) -> Iterator[OpenWait]:
    with closing(connection.execute(_WITH_PATHS)) as rows:
        while mission_ids := [mission_id for (mission_id,) in islice(rows, _BATCH)]:
            for mission_id, history in zip(mission_ids, load_histories(connection, mission_ids), strict=True):
                if isinstance(history, tuple):  # one that cannot be read takes no signal either
                    with suppress(CorruptMissionError):
                        yield from open_waits(load(mission_id, history))
