"""What indexes have of a row beside its columns, as SQL: a query finds it by the same text."""

from __future__ import annotations

IS_STRAY = "is_awaited = (status < 'idle')"
"""Of a child: awaited, and ended; or let go (0), and not ended. One that was never awaited (NULL) is none.

The names of what has ended sort before all others, and a list of them would be made anew for each row that is written.
"""

CODE = "json_extract(iif(json_valid(error), error, NULL), '$.code')"
"""The code of the error that the row of a mission bears."""


def failure_of(row: str = "") -> str:
    """Return the SQL of what tells failed missions apart, and NULL of others: code and class, and where they stood.

    What is taken out of JSON together stays JSON: a class whose name SQLite cannot say is there as it was escaped.
    """
    error = f"iif(json_valid({row}error), {row}error, NULL)"
    told = f"json_array(json_extract({error}, '$.code', '$.type'), nullif({row}cursor, ''))"
    return f"iif({row}status = 'failed', {told}, NULL)"


def end_of(row: str = "") -> str:
    """Return the SQL of when a mission ended, and NULL of others: the names of ends sort before all others."""
    return f"iif({row}status < 'idle', {row}updated_at, NULL)"


def hour_of(time: str) -> str:
    """Return the SQL of the number of an hour, a few bytes; no statement changes that of a mission's creation.

    It goes by the text of the time, since SQLite's own times are rounded, and some would be in the next hour.
    """
    return f"CAST(strftime('%s', substr({time}, 1, 13) || ':00') AS INTEGER) / 3600"


SCHEDULE = "x''"
"""What the schedule that started a mission has for a name among its labels, whose names are texts."""


def labels_of_rows(condition: str) -> str:
    """Return the SQL of what `labels` has of rows of missions."""
    return f"""
        SELECT key, value, number FROM missions CROSS JOIN json_each(iif(json_valid(labels), labels, '{{}}'))
        WHERE labels IS NOT NULL AND {condition}
        UNION ALL SELECT {SCHEDULE}, schedule, number FROM missions WHERE schedule IS NOT NULL AND {condition}
    """


HOUR = hour_of("created_at")
