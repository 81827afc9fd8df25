"""What missions are found by: times of creation out of order, labels and schedules, and what becomes of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import attrs
import pytest

from mission_control.adapter_sqlite import listing
from mission_control.adapter_sqlite.reader import ViewPort
from mission_control.adapter_sqlite.view import View
from mission_control.adapter_sqlite.worker import Worker, end
from mission_control.core import MissionFailure, MissionStatus, PersistenceAdapter
from mission_control.core.history import FailureCount, labels_of
from mission_control.core.storage import MissionQuery
from mission_control.testing.conformance.missions import START, adds, after, commit, definition, ended, ids, signal

HOUR = 3600.0
AT = ((5, 0), (5, 9), (0, 3), (9, 1), (5, 7), (1, 2), (9, 0), (0, 3), (5, 9), (2, 1))
CREATED = [hour * HOUR + second for hour, second in AT]
"""When missions were created, in seconds from the start, in the order of their numbers: a clock went to and fro."""
BOUNDS = (None, 0.0, 3.0, 3.000001, HOUR + 3, 5 * HOUR, 5 * HOUR + 9, 9 * HOUR + 1, 20 * HOUR)


@pytest.fixture
async def scattered(adapter: PersistenceAdapter) -> PersistenceAdapter:
    """Storage with missions whose numbers do not rise with the times of their creation."""
    status: tuple[dict[str, Any], ...] = ({}, ended())
    rows = [adds(f"m-{number}", created_at=after(at), **status[number % 2]) for number, at in enumerate(CREATED)]
    await commit(adapter, *rows)
    return adapter


@pytest.mark.parametrize("statuses", [(), (MissionStatus.COMPLETED,)])
@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_time_of_creation_is_found_whatever_the_order(
    scattered: PersistenceAdapter, statuses: tuple[MissionStatus, ...], newest_first: bool
) -> None:
    """A clock that was set back, and missions that were imported, are where they were created, page by page."""
    for since, until in product(BOUNDS, BOUNDS):
        expected = [
            f"m-{number}"
            for number, at in enumerate(CREATED)
            if (since is None or at >= since) and (until is None or at < until) and (not statuses or number % 2)
        ]
        query = MissionQuery(since=instant(since), until=instant(until), statuses=statuses, newest_first=newest_first)
        found: list[str] = []
        while page := ids(await scattered.list_missions(query, limit=3, after=found[-1] if found else None)):
            found += page
        assert found == (expected[::-1] if newest_first else expected)


def instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else after(seconds)


async def test_a_time_in_which_nothing_was_created_costs_nothing(scattered: PersistenceAdapter, path: Path) -> None:
    """Hours without missions are not looked up, however many there are."""
    query = MissionQuery(since=datetime.fromisoformat("1970-01-01T00:00:00+00:00"), until=after(0))
    assert list(await scattered.list_missions(query, limit=9)) == []
    with closing(sqlite3.connect(path)) as connection:
        steps: list[None] = []
        connection.set_progress_handler(lambda: steps.append(None), 1)
        listing.list_missions(connection, attrs.evolve(query, until=None), limit=1)
    assert len(steps) < 1_000


async def test_labels_and_schedules_go_with_a_mission(adapter: PersistenceAdapter, path: Path) -> None:
    """They are found by an index of their own, in which nothing is left behind."""
    await commit(
        adapter,
        adds("m-1", labels={"team": "a", "employee": "e-17"}, schedule="nightly", **ended()),
        adds("m-2", labels={"team": "a"}),
        adds("m-3", schedule="team"),
    )
    team = MissionQuery(labels=labels_of({"team": "a"}))
    assert ids(await adapter.list_missions(team, limit=9)) == ["m-1", "m-2"]
    both = MissionQuery(labels=labels_of({"team": "a", "employee": "e-17"}))
    assert ids(await adapter.list_missions(both, limit=9)) == ["m-1"]
    assert ids(await adapter.list_missions(MissionQuery(schedule="nightly"), limit=9)) == ["m-1"]
    assert await adapter.purge(after(9), statuses=[MissionStatus.COMPLETED], limit=9) == 1
    for query, found in ((team, ["m-2"]), (both, []), (MissionQuery(schedule="nightly"), [])):
        assert ids(await adapter.list_missions(query, limit=9)) == found
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM labels").fetchone() == (2,)


async def test_a_definition_that_storage_does_not_have_is_no_place(adapter: PersistenceAdapter) -> None:
    """Such a mission is among those that do not tell where they stand."""
    await commit(adapter, attrs.evolve(adds("m-1"), ran_under="nobody's"), adds("m-2", ran_under="f-1"))
    assert [one.examples for one in await adapter.list_standing()] == [("m-2",)]
    assert ids(await adapter.list_unplaced(limit=9)) == ["m-1"]


async def test_readers_count_as_the_owner_does(adapter: PersistenceAdapter, path: Path) -> None:
    """Statistics, and where missions stand, are the same from another process."""
    first = adds("m-1", definition=definition("f-1"), ran_under="f-1", waiting=signal())
    await commit(adapter, first, adds("m-2"), adds("m-3", **ended(MissionStatus.FAILED)))
    worker = Worker("view of", path, partial(View, path, is_empty_when_missing=False), lambda: None)
    port = ViewPort(worker, path)
    try:
        assert await port.statistics(START) == await adapter.statistics(START)
        assert list(await port.list_standing()) == list(await adapter.list_standing())
        assert ids(await port.list_unplaced(limit=9, after=None)) == ["m-2"]
    finally:
        await end(worker.stop, worker)


async def test_failures_are_counted_whatever_their_errors_are(adapter: PersistenceAdapter) -> None:
    """The same node fails in many items; half of a character is a part of a name; one that goes on has not failed."""
    odd = MissionFailure(message="\ud800", at=START, code="STEP_FAILED", type="\ud800Error")
    failed: dict[str, Any] = {"status": MissionStatus.FAILED, "error": odd}
    await commit(adapter, *(adds(f"m-{n}", cursor=f"devices[{n}]/wipe", **failed) for n in range(12)))
    await commit(adapter, adds("m-0", version=1), adds("starts", **failed), adds("again"))
    await commit(adapter, adds("again", version=1, **failed))
    assert (await adapter.statistics(START)).failures == (
        FailureCount(code="STEP_FAILED", type="\ud800Error", node="devices[]/wipe", count=11),
        FailureCount(code="STEP_FAILED", type="\ud800Error", node="pack", count=2),
    )
    assert len(await adapter.list_missions(MissionQuery(error="STEP_FAILED"), limit=20)) == 13
