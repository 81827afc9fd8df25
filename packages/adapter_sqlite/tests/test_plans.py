"""How listings are read: along one index, without sorting, and without a look at missions that are parked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, queries
from mission_control.core import MissionStatus, MissionSummary
from mission_control.testing.conformance.missions import adds, after, commit, retry, signal, sleep

ENOUGH_STEPS_FOR_A_PAGE = 3_000
"""Virtual machine steps of SQLite; reading all 5,000 parked missions takes ten times as many."""


@pytest.fixture
async def parked(path: Path) -> Path:
    """A database with 5,000 missions that wait, a third of them with a deadline, and five others."""
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    waits = (signal(), signal(after(10_000)), signal())
    await commit(adapter, *(adds(f"parked-{number}", waiting=waits[number % 3]) for number in range(5_000)))
    await commit(adapter, adds("running"), adds("sleeps", waiting=sleep(after(20_000))))
    await commit(adapter, adds("retries", waiting=retry(after(5))), adds("other", mission_name="rare"))
    await commit(adapter, adds("rare-waits", mission_name="rare", waiting=signal(after(6))))
    await adapter.close()
    return path


@pytest.fixture
def connection(parked: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(parked, isolation_level=None)) as connection:
        yield connection


LISTINGS: dict[str, tuple[Callable[..., list[MissionSummary]], dict[str, Any], int]] = {
    "all": (queries.list_missions, {}, 5),
    "all after": (queries.list_missions, {"after": "parked-4990"}, 5),
    "running": (queries.list_missions, {"status": MissionStatus.RUNNING}, 2),
    "waiting after": (queries.list_missions, {"status": MissionStatus.WAITING, "after": "parked-4999"}, 3),
    "named": (queries.list_missions, {"mission_name": "rare"}, 2),
    "waiting and named": (queries.list_missions, {"status": MissionStatus.WAITING, "mission_name": "rare"}, 1),
    "scheduled": (queries.list_scheduled, {}, 2),
    "scheduled after": (queries.list_scheduled, {"after": "retries"}, 1),
    "due": (queries.due, {"before": after(10)}, 2),
    "due after": (queries.due, {"before": after(10), "after": (after(5), "retries")}, 1),
    "due, all of them": (queries.due, {"before": after(10_000)}, 5),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_a_page_costs_what_is_on_it(connection: sqlite3.Connection, name: str) -> None:
    """SQLite takes few steps for a page, whatever is parked."""
    listing, arguments, found = LISTINGS[name]
    steps: list[None] = []
    connection.set_progress_handler(lambda: steps.append(None), 1)
    assert len(listing(connection, limit=5, **arguments)) == found
    assert len(steps) < ENOUGH_STEPS_FOR_A_PAGE


@pytest.mark.parametrize("kind", [None, "signal", "sleep", "retry", "start_at"])
def test_the_next_due_time_is_looked_up(connection: sqlite3.Connection, kind: Any) -> None:
    """The alarm's question costs a few steps too."""
    steps: list[None] = []
    connection.set_progress_handler(lambda: steps.append(None), 1)
    queries.next_due(connection, after(0), kind)
    assert len(steps) < ENOUGH_STEPS_FOR_A_PAGE


def plan(connection: sqlite3.Connection, sql: str) -> str:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?")).fetchall()
    return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("by_status", [False, True])
def test_a_listing_walks_one_index(connection: sqlite3.Connection, by_name: bool, by_status: bool) -> None:
    """Each filter has an index that bears the order of creation."""
    steps = plan(connection, queries.listing(by_name=by_name, by_status=by_status))
    assert steps.startswith("SEARCH missions USING")
    assert "TEMP B-TREE" not in steps


def test_due_times_are_merged(connection: sqlite3.Connection) -> None:
    """The kinds of waits are merged in order, each from its part of the index, without sorting."""
    steps = plan(connection, queries.due_listing(("signal", "sleep", "retry", "start_at")))
    each = "SEARCH missions USING COVERING INDEX missions_by_due (wait_kind=? AND (due_at,mission_id)>(?,?)"
    assert steps.count(each) == 4
    assert "MERGE (UNION ALL)" in steps
    assert "TEMP B-TREE" not in steps
    assert "SCAN missions" not in steps


def test_a_file_with_statistics_is_read_the_same_way(connection: sqlite3.Connection) -> None:
    """ANALYZE, run by whoever looks after the file, does not change a plan."""
    before = plan(connection, queries.listing(by_name=True, by_status=False))
    connection.execute("ANALYZE")
    assert plan(connection, queries.listing(by_name=True, by_status=False)) == before
