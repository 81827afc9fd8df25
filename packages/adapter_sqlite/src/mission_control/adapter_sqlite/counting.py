"""Missions, counted, and where those stand that have not ended.

What is counted is in the order of an index. Its kinds are looked up there one behind the other, and then it is counted
how many there are of each, which is far less work than to compare each one with the last.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

from mission_control.core.definition import template
from mission_control.core.history import (
    FailureCount,
    HourCount,
    MissionCount,
    MissionStatistics,
    MissionStatus,
    WaitCount,
    last_hours,
    parse_iso,
)
from mission_control.core.storage import Standing

from .expressions import HOUR, hour_of
from .fetching import fetch_all, one_moment, pack
from .rows import Row, encode, stored_time

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_EXAMPLES = 5
_ALL = -1
"""A limit that is none."""
_KINDS_THAT_ARE_DUE = ("signal", "sleep", "retry", "start_at")

_BY_NAME = "missions INDEXED BY missions_by_name_and_status"
_MISSIONS = f"""
WITH RECURSIVE firsts (number) AS (
    SELECT (SELECT number FROM {_BY_NAME} ORDER BY mission_name, status LIMIT 1)
    UNION ALL
    SELECT coalesce(
        (
            SELECT number FROM {_BY_NAME} WHERE mission_name = first.mission_name AND status > first.status
            ORDER BY status LIMIT 1
        ),
        (SELECT number FROM {_BY_NAME} WHERE mission_name > first.mission_name ORDER BY mission_name, status LIMIT 1)
    ) FROM firsts CROSS JOIN missions AS first USING (number)
)
SELECT first.mission_name, first.status, (
    SELECT count(*) FROM {_BY_NAME} WHERE mission_name = first.mission_name AND status = first.status
) AS count
FROM firsts CROSS JOIN missions AS first USING (number)
"""
_WAITS = """
SELECT signal, sum((SELECT count(*) FROM waits WHERE waits.kind = wait_kinds.kind)) AS count,
       min((SELECT since FROM waits WHERE waits.kind = wait_kinds.kind ORDER BY since LIMIT 1)) AS oldest
FROM wait_kinds GROUP BY signal HAVING oldest NOTNULL
"""
_BY_FAILURE = "missions INDEXED BY missions_by_failure WHERE failure"
_DAY_BEFORE = "?3"
_FAILURES = f"""
WITH RECURSIVE failures (kind) AS (
    SELECT (SELECT failure FROM {_BY_FAILURE} NOTNULL ORDER BY failure LIMIT 1)
    UNION ALL
    SELECT (SELECT failure FROM {_BY_FAILURE} > failures.kind ORDER BY failure LIMIT 1) FROM failures WHERE kind NOTNULL
)
SELECT kind, (SELECT count(*) FROM {_BY_FAILURE} = failures.kind AND ended_at < {_DAY_BEFORE}) AS earlier,
       (SELECT count(*) FROM {_BY_FAILURE} = failures.kind AND ended_at >= {_DAY_BEFORE}) AS recent
FROM failures WHERE kind NOTNULL
"""
"""Both together are all: none is counted twice."""


def _count_ended(status: str) -> str:
    return (
        f"(SELECT count(*) FROM missions INDEXED BY missions_ended WHERE status = '{status}'"
        " AND ended_at >= begins AND ended_at < ends)"
    )


_HOURS = f"""
SELECT (SELECT count(*) FROM missions INDEXED BY missions_by_hour WHERE {HOUR} = {hour_of("begins")}) AS started,
       {_count_ended("completed")} AS completed, {_count_ended("failed")} AS failed,
       {_count_ended("cancelled")} AS cancelled
FROM (SELECT json_extract(value, '$[0]') AS begins, json_extract(value, '$[1]') AS ends FROM json_each(?4) ORDER BY key)
"""


def _count_due(lower: str, upper: str) -> str:
    """Return the SQL of how many missions have something due from an instant on, and before another one."""
    own = "".join(
        f" + (SELECT count(*) FROM missions INDEXED BY missions_by_due WHERE wait_kind = '{kind}'"
        f" AND due_at NOTNULL AND remind_at IS NULL AND due_at >= {lower} AND due_at < {upper})"
        for kind in _KINDS_THAT_ARE_DUE
    )
    return (
        "(SELECT count(*) FROM missions INDEXED BY missions_by_reminder"
        f" WHERE remind_at NOTNULL AND remind_at >= {lower} AND remind_at < {upper}){own}"
    )


STATISTICS = f"""
SELECT ({pack("mission_name, status, count", _MISSIONS)}), ({pack("signal, count, oldest", _WAITS)}),
       ({pack("kind, earlier, recent", _FAILURES)}), ({pack("started, completed, failed, cancelled", _HOURS)}),
       {_count_due("?1", "?2")}, {_count_due("''", "?1")}
"""
"""All of it is read at one moment."""


def statistics(connection: sqlite3.Connection, now: datetime) -> MissionStatistics:
    """Return what there is at `now`."""
    hours = last_hours(now)
    bounds = encode([(stored_time(hour), stored_time(hour + _HOUR)) for hour in hours])
    values = stored_time(now), stored_time(now + _HOUR), stored_time(now - _DAY), bounds
    missions, waits, failed, counts, due_within_hour, overdue = connection.execute(STATISTICS, values).fetchone()
    failures: list[Row] = json.loads(failed)
    return MissionStatistics(
        at=now,
        missions=tuple(
            MissionCount(mission_name=name, status=MissionStatus(status), count=count)
            for name, status, count in json.loads(missions)
        ),
        waits=tuple(
            WaitCount(signal=signal, count=count, oldest=parse_iso(oldest))
            for signal, count, oldest in json.loads(waits)
        ),
        failures=_failures((kind, earlier + recent) for kind, earlier, recent in failures),
        recent_failures=_failures((kind, recent) for kind, _, recent in failures if recent),
        hours=tuple(
            HourCount(hour=hour, started=started, completed=completed, failed=failed, cancelled=cancelled)
            for hour, (started, completed, failed, cancelled) in zip(hours, json.loads(counts), strict=True)
        ),
        due_within_hour=due_within_hour,
        overdue=overdue,
    )


def _failures(rows: Iterable[Row]) -> tuple[FailureCount, ...]:
    """Return the most frequent first; the same node fails in many items and rounds."""
    counts: Counter[Row] = Counter()
    for failure, count in rows:
        told, cursor = json.loads(failure)
        code, kind = told or ("", None)
        counts[code or "", kind, None if cursor is None else template(cursor)] += count
    found = (FailureCount(code=code, type=kind, node=node, count=count) for (code, kind, node), count in counts.items())
    return tuple(sorted(found, key=lambda one: (-one.count, one.code, one.type or "", one.node or "")))


_EXAMPLE_WIDTH = 20
"""Of a number and a comma, at most."""
_LIVE = tuple(status for status in MissionStatus if not status.is_terminal)


def standing(*, by_name: bool, is_limited: bool) -> str:
    """Return the SQL of where missions stand, of a name (?1) or of any: of the newest, or all; ?2 is how many."""
    index, condition = (
        ("missions_by_name_and_status", "mission_name = ?1") if by_name else ("missions_by_status", "TRUE")
    )
    direction = " DESC" if is_limited else ""
    parts = (
        f"SELECT number FROM missions INDEXED BY {index} WHERE {condition} AND status = '{status}'" for status in _LIVE
    )
    return f"""
        SELECT mission_name, fingerprint, cursor, count, examples FROM (
            SELECT mission_name, ran_under, ifnull(cursor, '') AS cursor, count(*) AS count,
                   substr(group_concat(number), 1, {_EXAMPLES * _EXAMPLE_WIDTH}) AS examples
            FROM ({" UNION ALL ".join(parts)} ORDER BY number{direction} LIMIT ?2) CROSS JOIN missions USING (number)
            WHERE ran_under NOTNULL GROUP BY 1, 2, 3
        ) CROSS JOIN definitions ON definitions.number = ran_under ORDER BY mission_name, fingerprint, cursor
    """


_IDS = "SELECT number, mission_id FROM json_each(?) CROSS JOIN missions ON number = value"


def list_standing(
    connection: sqlite3.Connection, *, mission_name: str | None = None, limit: int | None = None
) -> list[Standing]:
    """Return where missions stand that have not ended, and tell it in their rows."""
    sql = standing(by_name=mission_name is not None, is_limited=limit is not None)
    values = (mission_name, _ALL if limit is None else limit)
    with one_moment(connection):
        rows = fetch_all(connection, "mission_name, fingerprint, cursor, count, examples", sql, values)
        numbers = [[int(number) for number in row[4].split(",")[:_EXAMPLES]] for row in rows]
        ids: dict[int, str] = dict(
            fetch_all(connection, "number, mission_id", _IDS, (encode(list(chain.from_iterable(numbers))),))
        )
    return [
        Standing(
            mission_name=name,
            fingerprint=fingerprint,
            cursor=cursor,
            count=count,
            examples=tuple(ids[number] for number in own),
        )
        for (name, fingerprint, cursor, count, _), own in zip(rows, numbers, strict=True)
    ]
