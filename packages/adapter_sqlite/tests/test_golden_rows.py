"""Missions of one line are stored as they were before there were paths, and what was stored then goes on.

The texts in `golden` are what the release before paths wrote, living through the same: the whole file in the middle,
and the rows at the end.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import OpenWait

from .golden.orders import first_half, second_half

GOLDEN = Path(__file__).with_name("golden")
WIDTHS = {"missions": 14, "history": 4, "definitions": 4}
"""How many columns each had then."""
NUMBERS = ("created_under", "ran_under", "failure", "ended_at", "number")
"""What came later and is not empty: the numbers of definitions, what tells failures apart, and the time of an end."""


def write(path: Path, name: str) -> None:
    """Make a database of a golden text."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / name).read_text("utf-8"))


def rows(path: Path) -> list[str]:
    """Return all rows as they lie there, one text each, without what came later.

    That are the error of what backs off, and columns.
    """
    found: list[str] = []
    with closing(sqlite3.connect(path)) as connection:
        for table, width in WIDTHS.items():
            connection.execute("UPDATE missions SET error = NULL WHERE wait_kind = 'retry'")
            read = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
            later = [place for place, (name, *_) in enumerate(read.description) if name not in NUMBERS][width:]
            for row in read:
                assert {row[place] for place in later} <= {None}
                found.append(f"{table}: {row[:width]!r}")
    return found


def golden(path: Path, name: str) -> list[str]:
    """Return the rows of a golden text."""
    file = path.with_name(name)
    write(file, name)
    return rows(file)


async def test_missions_of_one_line_are_stored_as_before_there_were_paths(path: Path) -> None:
    """Every kind of node, waits, retries, interruptions, failures and cancellations: the same bytes."""
    await first_half(path)
    assert rows(path) == golden(path, "half.sql")
    await second_half(path)
    assert rows(path) == golden(path, "ended.sql")


async def test_a_file_from_before_there_were_paths_is_completed(path: Path) -> None:
    """Its missions wait, sleep, back off and were interrupted; they go on to where they would have come then."""
    write(path, "half.sql")
    await second_half(path)
    assert rows(path) == golden(path, "ended.sql")


async def open_waits(path: Path) -> list[OpenWait]:
    """Return what a commander that opens the file would list."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    waits = list(await adapter.list_waits(limit=100))
    await adapter.close()
    return waits


async def test_the_open_waits_of_a_file_from_before_there_were_paths(path: Path) -> None:
    """They are those that today's release would have listed then, and none is left in the end."""
    before = path.with_name("before.db")
    write(before, "half.sql")
    await first_half(path)
    waits = await open_waits(path)
    assert waits
    assert await open_waits(before) == waits
    await second_half(before)
    await second_half(path)
    assert await open_waits(before) == await open_waits(path)
