"""How listings are read: along one index, without sorting, and without a look at missions that are parked."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy
from typing import Any

import attrs
import pytest

from mission_control.adapter_sqlite import counting, create_sqlite_persistence_adapter, listing, purging, queries, waits
from mission_control.core import MissionStatus, MissionSummary, PersistenceAdapter
from mission_control.core.history import labels_of
from mission_control.core.storage import MissionQuery
from mission_control.testing.conformance.missions import adds, after, child, commit, ended, retry, signal, sleep, wait

ENOUGH_STEPS_FOR_A_PAGE = 3_000
"""Virtual machine steps of SQLite; reading all 5,000 parked missions takes ten times as many."""


@pytest.fixture(scope="module")
def parked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with 5,000 missions that wait, a third of them with a deadline, and a few others, and children."""
    return made(tmp_path_factory.mktemp("parked") / "missions.db", park)


@pytest.fixture(scope="module")
def related(parked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with 5,000 children that are awaited and live, or were and have ended, and a reminder to each ten."""
    path = tmp_path_factory.mktemp("related") / "missions.db"
    copy(parked, path)
    return made(path, relate)


def made(path: Path, fill: Callable[[PersistenceAdapter], Awaitable[None]]) -> Path:
    """Return the path of a database that is filled once, for tests that leave it as it is."""

    async def make() -> None:
        adapter = create_sqlite_persistence_adapter(path, synchronous="normal")
        await adapter.bootstrap()
        await fill(adapter)
        await adapter.close()

    asyncio.run(make())
    return path


async def park(adapter: PersistenceAdapter) -> None:
    waits = (signal(), signal(after(10_000)), signal())
    await commit(adapter, *(adds(f"parked-{number}", waiting=waits[number % 3]) for number in range(5_000)))
    await commit(adapter, adds("running"), adds("sleeps", waiting=sleep(after(20_000))))
    await commit(adapter, adds("retries", waiting=retry(after(5))), adds("other", mission_name="rare"))
    await commit(adapter, adds("rare-waits", mission_name="rare", waiting=signal(after(6))))


async def relate(adapter: PersistenceAdapter) -> None:
    lives: tuple[dict[str, Any], ...] = ({"waiting": signal(after(10_000))}, ended())
    names = [f"item-{number}" for number in range(5_000)]
    children = [child("parent", name, **lives[number % 2]) for number, name in enumerate(names)]
    ended_ones = [f"parent/{name}" for name in names[1::2]]
    await commit(adapter, adds("parent", children=children))
    reminded = [child("parent", f"told-{number}", waiting=signal(after(9)), next_due=after(7)) for number in range(500)]
    reminded += [child("parent", name, **ended()) for name in ("stray", "left")]
    await commit(adapter, adds("parent", version=1, let_go=ended_ones, children=reminded))
    await commit(adapter, adds("parent", version=2, let_go=[f"parent/item-{number}" for number in (10, 20)]))


OF_RELATED: dict[str, tuple[Callable[..., list[MissionSummary]], dict[str, Any], int]] = {
    "due": (queries.due, {"before": after(6)}, 2),
    "due, with reminders": (queries.due, {"before": after(10_000)}, 5),
    "due behind reminders": (queries.due, {"before": after(9), "after": (after(7), "z")}, 0),
    "scheduled": (queries.list_scheduled, {}, 2),
    "strays": (queries.list_strays, {}, 4),
    "strays after": (queries.list_strays, {"after": "parent/item-10"}, 3),
    "of a parent": (listing.list_missions, {"query": MissionQuery(parent_id="parent"), "after": "parent/stray"}, 1),
    "of a parent, named": (listing.list_missions, {"query": MissionQuery(parent_id="parent", mission_name="order")}, 5),
    "of no parent": (listing.list_missions, {"query": MissionQuery(parent_id="nobody")}, 0),
}


@pytest.mark.parametrize("name", OF_RELATED)
def test_a_page_of_relatives_costs_what_is_on_it(related: Path, name: str) -> None:
    """Children that nothing has to be done about, and reminders before a due time, are not looked at."""
    listing, arguments, found = OF_RELATED[name]
    with closing(sqlite3.connect(related, isolation_level=None)) as connection:
        steps: list[None] = []
        connection.set_progress_handler(lambda: steps.append(None), 1)
        assert len(listing(connection, limit=5, **arguments)) == found
        assert len(steps) < ENOUGH_STEPS_FOR_A_PAGE


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with 5,000 open waits for each of two signals, most of them since the same time, and a few others."""
    return made(tmp_path_factory.mktemp("inbox") / "missions.db", open_waits)


async def open_waits(adapter: PersistenceAdapter) -> None:
    for start in range(0, 5_000, 500):
        names = [f"m-{number:04}" for number in range(start, start + 500)]
        opened = {name: [wait(name), wait(name, "checks/legal/paid", 2)] for name in names}
        await commit(adapter, *(adds(name, opened=waits) for name, waits in opened.items()))
    rare = [wait("z", "approval", 9, mission_name="rare"), wait("z", "rare", 9, mission_name="rare")]
    await commit(adapter, adds("z", mission_name="rare", opened=rare))


OF_INBOX: dict[str, tuple[dict[str, Any], int]] = {
    "all": ({}, 5),
    "all after": ({"after": (after(2), "m-4998", "z")}, 3),
    "by signal": ({"signal": "paid"}, 5),
    "by signal after": ({"signal": "paid", "after": (after(1), "m-4000", "")}, 5),
    "by a rare signal": ({"signal": "rare"}, 1),
    "by name": ({"mission_name": "order", "after": (after(1), "m-4999", "")}, 5),
    "by a rare name": ({"mission_name": "rare"}, 2),
    "by both": ({"mission_name": "rare", "signal": "approval"}, 1),
    "by none that is there": ({"mission_name": "rare", "signal": "paid"}, 0),
}


@pytest.mark.parametrize("name", OF_INBOX)
@pytest.mark.parametrize("has_statistics", [False, True])
def test_a_page_of_waits_costs_what_is_on_it(inbox: Path, name: str, has_statistics: bool) -> None:
    """However many are open, with filters too, and whether or not somebody has run ANALYZE."""
    arguments, found = OF_INBOX[name]
    with closing(sqlite3.connect(inbox, isolation_level=None)) as connection:
        if has_statistics:
            analyze(connection)
        steps: list[None] = []
        connection.set_progress_handler(lambda: steps.append(None), 1)
        assert len(waits.list_waits(connection, limit=5, **arguments)) == found
        assert len(steps) < ENOUGH_STEPS_FOR_A_PAGE


def analyze(connection: sqlite3.Connection) -> None:
    """Collect statistics, which are there until the connection is closed."""
    connection.execute("BEGIN")
    connection.execute("ANALYZE")


@pytest.fixture
def connection(parked: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(parked, isolation_level=None)) as connection:
        yield connection


LISTINGS: dict[str, tuple[Callable[..., list[MissionSummary]], dict[str, Any], int]] = {
    "all": (listing.list_missions, {}, 5),
    "all after": (listing.list_missions, {"after": "parked-4990"}, 5),
    "running": (listing.list_missions, {"query": MissionQuery(statuses=(MissionStatus.RUNNING,))}, 2),
    "waiting after": (
        listing.list_missions,
        {"query": MissionQuery(statuses=(MissionStatus.WAITING,)), "after": "parked-4999"},
        3,
    ),
    "named": (listing.list_missions, {"query": MissionQuery(mission_name="rare")}, 2),
    "waiting and named": (
        listing.list_missions,
        {"query": MissionQuery(statuses=(MissionStatus.WAITING,), mission_name="rare")},
        1,
    ),
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


@pytest.mark.parametrize("kind", [None, "signal", "sleep", "retry", "start_at", "reminder"])
def test_the_next_due_time_is_looked_up(connection: sqlite3.Connection, kind: Any) -> None:
    """The alarm's question costs a few steps too."""
    steps: list[None] = []
    connection.set_progress_handler(lambda: steps.append(None), 1)
    queries.next_due(connection, after(0), kind)
    assert len(steps) < ENOUGH_STEPS_FOR_A_PAGE


def plan(connection: sqlite3.Connection, sql: str) -> str:
    numbers = re.findall(r"\?(\d+)", sql)
    count = max(map(int, numbers)) if numbers else sql.count("?")
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", ("",) * count).fetchall()
    return "\n".join(row[3] for row in rows)


FAILED, WAITING = (MissionStatus.FAILED,), (MissionStatus.WAITING,)
BY_INDEX: dict[str, tuple[MissionQuery, str]] = {
    "all": (MissionQuery(), "INTEGER PRIMARY KEY (rowid>?)"),
    "statuses": (MissionQuery(statuses=(*FAILED, *WAITING)), "missions_by_status (status=? AND rowid>?)"),
    "name": (
        MissionQuery(mission_name="rare"),
        "missions_by_name_and_status (mission_name=? AND status=? AND rowid>?)",
    ),
    "name and status": (
        MissionQuery(mission_name="rare", statuses=FAILED),
        "missions_by_name_and_status (mission_name=? AND status=? AND rowid>?)",
    ),
    "parent": (MissionQuery(parent_id="p", mission_name="rare"), "missions_by_parent (parent=? AND number>?)"),
    "schedule": (MissionQuery(schedule="nightly", statuses=FAILED), "PRIMARY KEY (name=? AND value=? AND mission>?)"),
    "labels": (
        MissionQuery(labels=labels_of({"employee": "e-17", "team": "a"}), statuses=FAILED),
        "PRIMARY KEY (name=? AND value=? AND mission>?)",
    ),
    "error": (MissionQuery(error="STEP_FAILED", statuses=FAILED), "missions_by_code (<expr>=? AND rowid>?)"),
    "since": (MissionQuery(since=after(0)), "missions_by_hour (<expr>=? AND rowid>?)"),
    "since and until": (MissionQuery(since=after(0), until=after(1)), "missions_by_hour (<expr>=? AND rowid>?)"),
    "status and until": (MissionQuery(until=after(9), statuses=FAILED), "missions_by_status (status=? AND rowid"),
}


@pytest.mark.parametrize("name", BY_INDEX)
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("has_statistics", [False, True])
def test_a_listing_walks_one_index(
    connection: sqlite3.Connection, name: str, newest_first: bool, has_statistics: bool
) -> None:
    """Each filter has an index that bears the order of creation, either way, whoever has run ANALYZE."""
    query, walked = BY_INDEX[name]
    if has_statistics:
        analyze(connection)
    steps = plan(connection, listing.listing(attrs.evolve(query, newest_first=newest_first)))
    assert (re.sub("(rowid|number|mission)>", r"\1<", walked) if newest_first else walked) in steps
    assert "TEMP B-TREE" not in steps
    assert "SCAN missions" not in steps


@pytest.mark.parametrize("newest_first", [False, True])
def test_ids_that_begin_alike_are_found_by_their_index(connection: sqlite3.Connection, newest_first: bool) -> None:
    """It has no order of creation: those are sorted, and others are not looked at."""
    query = MissionQuery(id_prefix="parked-1", statuses=FAILED, newest_first=newest_first)
    steps = plan(connection, listing.listing(query))
    assert "COVERING INDEX sqlite_autoindex_missions_1 (mission_id>? AND mission_id<?)" in steps
    assert "SCAN missions" not in steps


@pytest.mark.parametrize("has_statistics", [False, True])
def test_what_is_counted_is_in_an_index(connection: sqlite3.Connection, has_statistics: bool) -> None:
    """Rows are not read; what is sorted are the few kinds of waits, and hours."""
    if has_statistics:
        analyze(connection)
    steps = plan(connection, counting.STATISTICS)
    assert steps.count("USING COVERING INDEX missions_by_name_and_status (mission_name=? AND status=?)") == 1
    assert steps.count("USING COVERING INDEX missions_by_name_and_status (mission_name=? AND status>?)") == 1
    assert steps.count("SEARCH waits USING PRIMARY KEY (kind=?)") == 3
    assert steps.count("USING COVERING INDEX missions_by_failure (failure=? AND ended_at<?)") == 1
    assert steps.count("USING COVERING INDEX missions_by_failure (failure=? AND ended_at>?)") == 1
    assert steps.count("USING COVERING INDEX missions_ended (status=? AND ended_at>? AND ended_at<?)") == 3
    assert steps.count("SEARCH missions USING INDEX missions_by_hour (<expr>=?)") == 1
    assert steps.count("USING INDEX missions_by_due (wait_kind=? AND due_at>? AND due_at<?)") == 8
    assert steps.count("USING COVERING INDEX missions_by_reminder (remind_at>? AND remind_at<?)") == 2
    assert steps.count("TEMP B-TREE") == 2


def test_what_may_be_purged_is_found_by_when_it_ended(connection: sqlite3.Connection) -> None:
    """The three ways to end are merged in order of time, without sorting, and nothing that lives is looked at."""
    steps = plan(connection, re.sub(r":\w+", "?", purging.CHUNK))
    assert steps.count("SEARCH missions USING INDEX missions_ended (status=? AND ended_at>? AND ended_at<?)") == 3
    assert "MERGE (UNION ALL)" in steps
    assert "TEMP B-TREE" not in steps
    assert "SCAN missions" not in steps


def test_where_missions_stand_is_read_from_those_that_have_not_ended(connection: sqlite3.Connection) -> None:
    """What has ended is not looked at."""
    for sql in (counting.standing(by_name=False, is_limited=False), listing.UNPLACED):
        steps = plan(connection, sql)
        assert "missions_by_status (status=?" in steps
        assert "SCAN missions" not in steps


@pytest.mark.parametrize("by_name", [True, False])
def test_where_the_newest_stand_is_read_from_as_many_rows(connection: sqlite3.Connection, by_name: bool) -> None:
    """They are found by an index, merged in the order of creation without sorting; no row is read in vain."""
    steps = plan(connection, counting.standing(by_name=by_name, is_limited=True))
    index = "missions_by_name_and_status (mission_name=? AND status=?)" if by_name else "missions_by_status (status=?)"
    assert steps.count(f"SEARCH missions USING COVERING INDEX {index}") == 3
    assert steps.count("SEARCH missions USING INTEGER PRIMARY KEY (rowid=?)") == 1
    assert "MERGE (UNION ALL)" in steps
    assert "SCAN missions" not in steps


def test_due_times_are_merged(connection: sqlite3.Connection) -> None:
    """The kinds of waits are merged in order, each from its part of an index, without sorting."""
    steps = plan(connection, queries.DUE)
    each = "SEARCH missions USING INDEX missions_by_due (wait_kind=? AND (due_at,mission_id)>(?,?)"
    assert steps.count(each) == 4
    assert steps.count("SEARCH missions USING COVERING INDEX missions_by_reminder ((remind_at,mission_id)>(?,?)") == 1
    for each in (steps, plan(connection, queries.SCHEDULE)):
        assert "MERGE (UNION ALL)" in each
        assert "TEMP B-TREE" not in each
        assert "SCAN missions" not in each


def test_a_file_with_statistics_is_read_the_same_way(connection: sqlite3.Connection) -> None:
    """ANALYZE, run by whoever looks after the file, does not change a plan."""
    listings = (queries.STRAYS, listing.UNPLACED, queries.DUE)
    before = [plan(connection, listing) for listing in listings]
    analyze(connection)
    assert [plan(connection, listing) for listing in listings] == before
