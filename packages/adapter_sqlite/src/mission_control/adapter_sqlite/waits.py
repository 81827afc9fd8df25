"""The open waits for signals, read page by page.

Waits for one signal of missions of one name, which are of one kind, are one part of the table, in the order of the
listing. A page is the first ones of each part that is asked for, and of these the first.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

import attrs

from mission_control.core.definition import signal_json_schema
from mission_control.core.errors import PersistenceError
from mission_control.core.history import OpenWait
from mission_control.core.payloads import copy_json

from .definitions import load_definition
from .fetching import step
from .queries import page
from .rows import UNDECODABLE, WAIT_COLUMNS, last_run, read_wait, stored_time

_DEFINED = """
SELECT CAST(records AS BLOB) FROM history WHERE mission = (SELECT number FROM missions WHERE mission_id = ?)
AND instr(records, '"definition":') ORDER BY version DESC
"""


def listing(*, by_signal: bool, by_name: bool) -> str:
    """Return the SQL of a listing; its parameters are signal, name, since, mission and event before, most rows."""
    filters = (
        " AND kinds.signal = wanted.signal" * by_signal + " AND kinds.mission_name = wanted.mission_name" * by_name
    )
    return f"""
        WITH wanted (signal, mission_name, since, mission_id, event_name, most) AS (SELECT ?, ?, ?, ?, ?, ?)
        SELECT waits.mission_id, kinds.mission_name, waits.event_name, waits.since, waits.timeout_at
        FROM wanted CROSS JOIN wait_kinds AS kinds CROSS JOIN waits
        WHERE waits.kind = kinds.kind AND (waits.since, waits.mission_id, waits.event_name) IN (
            SELECT since, mission_id, event_name FROM waits
            WHERE kind = kinds.kind AND (since, mission_id, event_name) >
                (SELECT since, mission_id, event_name FROM wanted)
            ORDER BY since, mission_id, event_name LIMIT (SELECT most FROM wanted)
        ){filters}
        ORDER BY waits.since, waits.mission_id, waits.event_name LIMIT (SELECT most FROM wanted)
    """


def list_waits(
    connection: sqlite3.Connection,
    *,
    signal: str | None = None,
    mission_name: str | None = None,
    limit: int,
    after: tuple[datetime, str, str] | None = None,
) -> list[OpenWait]:
    """Return a page of the open waits, the longest open first."""
    place = ("", "", "") if after is None else (stored_time(after[0]), *after[1:])
    sql = listing(by_signal=signal is not None, by_name=mission_name is not None)
    return page(connection, WAIT_COLUMNS, read_wait, sql, (signal, mission_name, *place), limit)


def list_waits_with_schemas(
    connection: sqlite3.Connection,
    *,
    signal: str | None,
    mission_name: str | None,
    limit: int,
    after: tuple[datetime, str, str] | None,
) -> list[OpenWait]:
    """Return the same with the schemas of the definitions that the missions last ran under."""
    schemas = _Schemas(connection)
    waits = list_waits(connection, signal=signal, mission_name=mission_name, limit=limit, after=after)
    return [attrs.evolve(wait, schema=schemas.of(wait)) for wait in waits]


class _Schemas:
    """What the waits of one page take. What has been looked up for one is there for the next."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._fingerprints: dict[str, str] = {}
        self._statics: dict[str, dict[str, Any] | None] = {"": None}

    def of(self, wait: OpenWait) -> dict[str, Any] | None:
        if wait.mission_id not in self._fingerprints:
            self._fingerprints[wait.mission_id] = self._last_run(wait.mission_id)
        static = self._static(self._fingerprints[wait.mission_id])
        with suppress(*UNDECODABLE):
            return None if static is None else copy_json(signal_json_schema(static, wait.event_name))
        return None

    def _static(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the form of that definition; what is damaged keeps no wait from being listed."""
        if fingerprint not in self._statics:
            self._statics[fingerprint] = None
            with suppress(PersistenceError):
                self._statics[fingerprint] = load_definition(self._connection, fingerprint)
        return self._statics[fingerprint]

    def _last_run(self, mission_id: str) -> str:
        """Return the fingerprint of the definition that the mission last ran under; an empty text where unknown."""
        with closing(step(self._connection, _DEFINED, (mission_id,))) as commits:
            for (records,) in commits:
                with suppress(*UNDECODABLE):
                    if (fingerprint := last_run(records.decode())) is not None:
                        return fingerprint
        return ""
