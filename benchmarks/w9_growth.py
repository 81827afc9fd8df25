"""W9: how a database grows, and what a transition writes, early and late in a mission's life."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from mission_control.core import MissionContext

from .figures import FLOOR, OURS, Line
from .missions import PAYLOAD, Payload, linear, open_commander, prepare
from .parking import columns_of
from .plan import Plan, alternate
from .w1_throughput import STEPS, TRANSITIONS, burst

_EARLY, _SPAN = 50, 200
"""Where in a mission's life its first steps are looked at, and how many of them."""


async def measure(plan: Plan) -> list[Line]:
    """Measure many short missions and a long one; sizes hardly differ from round to round."""
    missions, steps = plan.size(2000, 500), plan.size(5000, 1000)

    async def ours() -> Mapping[str, float]:
        with plan.folder() as folder:
            short = await _short(Path(folder) / "short.db", missions)
            long = await _long(Path(folder) / "long.db", steps)
        return {**short, **long}

    rounds = (await alternate(1, {OURS: ours}, warm_up=False))[OURS]
    return _lines(rounds, steps)


def _lines(rounds: Sequence[Mapping[str, float]], steps: int) -> list[Line]:
    short = f"a start and {STEPS} steps: growth of the file"
    long = f"{steps:,} steps: the last {_SPAN} against {_SPAN} from the {_EARLY}th on:"
    return [
        _line(rounds, "file", "rows", short, "<= 300 bytes"),
        _line(rounds, "rows", "", f"a start and {STEPS} steps: the rows' values themselves", "", FLOOR),
        _line(rounds, "late_file", "early_file", f"{long} growth of the file", "<= 300 bytes, flat"),
        _line(rounds, "late_log", "early_log", f"{long} bytes written to the log", "flat"),
    ]


def _line(
    rounds: Sequence[Mapping[str, float]], key: str, base: str, what: str, target: str, subject: str = OURS
) -> Line:
    return Line(
        workload="W9",
        what=what,
        subject=subject,
        unit="bytes/transition",
        values=[outcome[key] for outcome in rounds],
        ratios=[outcome[key] / outcome[base] for outcome in rounds] if base else (),
        target=target,
    )


async def _short(database: Path, missions: int) -> Mapping[str, float]:
    definition = linear(STEPS)
    await prepare(database)
    empty = _size(database)
    async with open_commander(database, definition) as commander:
        await burst(commander, definition, missions)
    with closing(sqlite3.connect(database)) as connection:
        rows = _row_bytes(connection, "missions") + _row_bytes(connection, "history")
    transitions = missions * TRANSITIONS
    return {"file": (_size(database) - empty) / transitions, "rows": rows / transitions}


def _size(file: Path) -> int:
    return file.stat().st_size


def _row_bytes(connection: sqlite3.Connection, table: str) -> int:
    widths = " + ".join(f"ifnull(length(CAST({column} AS BLOB)), 0)" for column in columns_of(connection, table))
    (size,) = connection.execute(f"SELECT sum({widths}) FROM {table}").fetchone()
    return int(size)


async def _long(database: Path, steps: int) -> Mapping[str, float]:
    """Watch the file and its write-ahead log from inside of the steps.

    A reader that stays keeps the log from being started over, so that its growth is what was written.
    """
    pages: list[int] = []
    logged: list[int] = []
    await prepare(database)
    log = database.with_name(f"{database.name}-wal")
    with closing(sqlite3.connect(database)) as counter, closing(sqlite3.connect(database)) as holder:

        async def look(ctx: MissionContext[Payload]) -> Payload:
            pages.append(counter.execute("PRAGMA page_count").fetchone()[0])
            logged.append(_size(log))
            return PAYLOAD

        definition = linear(steps, run=look)
        async with open_commander(database, definition) as commander:
            holder.execute("BEGIN")
            holder.execute("SELECT count(*) FROM history").fetchone()
            await commander.start(definition, PAYLOAD)
        (page_size,) = counter.execute("PRAGMA page_size").fetchone()
    return {
        "early_file": _per_step(pages, _EARLY) * page_size,
        "late_file": _per_step(pages, steps - _SPAN - 1) * page_size,
        "early_log": _per_step(logged, _EARLY),
        "late_log": _per_step(logged, steps - _SPAN - 1),
    }


def _per_step(sizes: Sequence[int], first: int) -> float:
    return (sizes[first + _SPAN] - sizes[first]) / _SPAN
