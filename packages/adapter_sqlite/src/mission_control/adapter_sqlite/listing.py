"""Which missions a query looks for, and the one index by which they are found.

Of what a query names one is looked up: the first that it has of the parent, the schedule, a label, the code of the
error, the beginning of the id, the statuses with the name or alone, the name, and the time of creation. What is found
comes in the order of creation, merged from several parts of the index where that is so; the rest of the query is
checked in the rows. A number mostly rises with the time of creation, but need not: an index has the hours, and tells
between which numbers they are, so that nothing before and behind those is looked at, whatever else it is found by.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from mission_control.core.history import MissionStatus, MissionSummary
from mission_control.core.storage import EVERYTHING, MissionQuery

from .expressions import CODE, HOUR, SCHEDULE, hour_of
from .queries import number_of, page
from .rows import SUMMARY_COLUMNS, Row, encode, read_summary, stored_time

_NO_ONE = 9_223_372_036_854_775_807
"""A number behind those of all missions."""

_NAME, _PARENT, _SCHEDULE, _CODE, _PREFIX, _SINCE, _UNTIL, _LABELS, _PLACE, _MOST = (f"?{n}" for n in range(1, 11))


def list_missions(
    connection: sqlite3.Connection, query: MissionQuery = EVERYTHING, *, limit: int, after: str | None = None
) -> list[MissionSummary]:
    """Return a page of the missions that are looked for, in order of creation or against it."""
    beginning = _NO_ONE if query.newest_first else 0
    place = beginning if after is None else number_of(connection, after)
    if place is None:
        return []
    return page(connection, SUMMARY_COLUMNS, read_summary, listing(query), _values(query, place), limit)


def list_unplaced(connection: sqlite3.Connection, *, limit: int, after: str | None = None) -> list[MissionSummary]:
    """Return a page of the missions that have not ended, and do not tell in their rows where they stand."""
    place = 0 if after is None else number_of(connection, after)
    if place is None:
        return []
    return page(connection, SUMMARY_COLUMNS, read_summary, UNPLACED, _values(_LIVE, place), limit)


def _values(query: MissionQuery, place: int) -> Row:
    """Return what is bound, but for the most rows, which come last."""
    labels = encode(list(query.labels.items()))
    times = stored_time(query.since), stored_time(query.until)
    return query.mission_name, query.parent_id, query.schedule, query.error, query.id_prefix, *times, labels, place


def listing(query: MissionQuery) -> str:
    """Return the SQL of a listing, whose last parameter are the most rows."""
    return _looked_up(query, _filters(query))


def _looked_up(query: MissionQuery, filters: Iterable[str]) -> str:
    columns = ", ".join(f"missions.{column}" for column in SUMMARY_COLUMNS.split(", "))
    return f"""
        {_hours(query)}
        SELECT {columns} FROM ({_found(query)}) AS found CROSS JOIN missions ON missions.number = found.number
        WHERE {" AND ".join(("TRUE", *filters))} LIMIT {_MOST}
    """


def _filters(query: MissionQuery) -> Iterator[str]:
    """Yield what a row has to be."""
    if query.statuses:
        yield f"status IN ({', '.join(map(_quoted, query.statuses))})"
    if query.mission_name is not None:
        yield f"mission_name = {_NAME}"
    if query.parent_id is not None:
        yield f"parent = {_PARENT}"
    if query.schedule is not None:
        yield f"schedule = {_SCHEDULE}"
    if query.error is not None:
        yield f"{CODE} = {_CODE}"
    if query.id_prefix is not None:
        yield f"mission_id >= {_PREFIX} AND {_IS_BEFORE_END}"
    if query.since is not None:
        yield f"created_at >= {_SINCE}"
    if query.until is not None:
        yield f"created_at < {_UNTIL}"
    if query.labels:
        yield f"NOT EXISTS ({_MISSING_LABEL})"


_IS_BEFORE_END = f"mission_id < {_PREFIX} || CAST(x'ff' AS TEXT)"
"""No text has that byte, which is above all others."""

_WANTED_NAME, _WANTED_VALUE = ("json_extract(wanted.value, '$[0]')", "json_extract(wanted.value, '$[1]')")
_MISSING_LABEL = f"""
    SELECT 1 FROM json_each({_LABELS}) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM labels AS l
        WHERE l.name = {_WANTED_NAME} AND l.value = {_WANTED_VALUE} AND l.mission = missions.number
    )
"""
_FIRST_LABEL = " AND ".join(
    f"{column} = json_extract({_LABELS}, '$[0][{place}]')" for place, column in enumerate(("name", "value"))
)


def _found(query: MissionQuery) -> str:
    """Return the SQL of the numbers among which all are that are looked for, in the order of the listing."""
    if query.parent_id is not None:
        parts = [_part(query, "missions INDEXED BY missions_by_parent", f"parent = {_PARENT}")]
    elif query.schedule is not None:
        parts = [_part(query, "labels", f"name = {SCHEDULE} AND value = {_SCHEDULE}", number="mission")]
    elif query.labels:
        parts = [_part(query, "labels", _FIRST_LABEL, number="mission")]
    elif query.error is not None:
        parts = [_part(query, "missions INDEXED BY missions_by_code", f"error IS NOT NULL AND {CODE} = {_CODE}")]
    elif query.id_prefix is not None:
        ids = f"mission_id >= {_PREFIX} AND {_IS_BEFORE_END}"
        parts = [_part(query, "missions INDEXED BY sqlite_autoindex_missions_1", ids)]
    elif query.mission_name is not None:
        table, name = "missions INDEXED BY missions_by_name_and_status", f"mission_name = {_NAME} AND "
        parts = [_part(query, table, f"{name}status = '{status}'") for status in set(query.statuses or MissionStatus)]
    elif query.statuses:
        table = "missions INDEXED BY missions_by_status"
        parts = [_part(query, table, f"status = '{status}'") for status in set(query.statuses)]
    elif query.since is not None or query.until is not None:
        return _in_hours(query)
    else:
        parts = [_part(query, "missions NOT INDEXED", "TRUE")]
    return f"{' UNION ALL '.join(parts)} ORDER BY number{_direction(query)} LIMIT -1"


def _part(query: MissionQuery, table: str, condition: str, *, number: str = "number") -> str:
    """Return the SQL of the numbers in one part of an index, behind the place, and between those of the hours."""
    bounds = ""
    if query.since is not None or query.until is not None:
        bounds = f" AND {number} BETWEEN (SELECT least FROM bounds) AND (SELECT greatest FROM bounds)"
    return f"SELECT {number} AS number FROM {table} WHERE {condition} AND {number} {_behind(query)} {_PLACE}{bounds}"


def _behind(query: MissionQuery) -> str:
    return "<" if query.newest_first else ">"


def _direction(query: MissionQuery) -> str:
    return " DESC" if query.newest_first else ""


_BY_HOUR = "missions INDEXED BY missions_by_hour"


def _in_hour(order: str) -> str:
    return f"(SELECT number FROM {_BY_HOUR} WHERE {HOUR} = hours.hour ORDER BY number{order} LIMIT 1)"


def _hours(query: MissionQuery) -> str:
    """Return the SQL of the hours in which missions were created at that time, and of the numbers that are theirs.

    Each hour is looked up behind the last one: it costs nothing how many missions it has.
    """
    if query.since is None and query.until is None:
        return ""
    first = f"{HOUR} NOTNULL" if query.since is None else f"{HOUR} >= {hour_of(_SINCE)}"
    last = "TRUE" if query.until is None else f"{HOUR} <= {hour_of(_UNTIL)}"
    return f"""
        WITH RECURSIVE hours (hour) AS (
            SELECT * FROM (SELECT {HOUR} FROM {_BY_HOUR} WHERE {first} AND {last} ORDER BY {HOUR} LIMIT 1)
            UNION ALL
            SELECT (SELECT {HOUR} FROM {_BY_HOUR} WHERE {HOUR} > hours.hour AND {last} ORDER BY {HOUR} LIMIT 1)
            FROM hours WHERE hour NOTNULL
        ), bounds (least, greatest) AS (SELECT min({_in_hour("")}), max({_in_hour(" DESC")}) FROM hours)
    """


def _in_hours(query: MissionQuery) -> str:
    """Return the SQL of the numbers of all hours, merged: the next of each hour waits in a queue for its turn."""
    following = f"""(
        SELECT number FROM {_BY_HOUR} WHERE {HOUR} = {{hour}} AND number {_behind(query)} {{number}}
        ORDER BY number{_direction(query)} LIMIT 1
    )"""
    return f"""
        WITH RECURSIVE queue (hour, number) AS (
            SELECT hour, {following.format(hour="hours.hour", number=_PLACE)} AS number FROM hours
            UNION ALL
            SELECT hour, {following.format(hour="queue.hour", number="queue.number")} FROM queue WHERE number NOTNULL
            ORDER BY 2{_direction(query)} LIMIT -1
        )
        SELECT number FROM queue WHERE number NOTNULL
    """


def _quoted(status: MissionStatus) -> str:
    return f"'{status}'"


_LIVE = MissionQuery(statuses=tuple(status for status in MissionStatus if not status.is_terminal))
UNPLACED = _looked_up(_LIVE, ("ran_under IS NULL",))
"""Those that have not ended are all looked at, once for all pages."""
