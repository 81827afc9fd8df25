"""What is counted of all missions at once: what there is, where it stands, and whose rows do not tell that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import attrs

from mission_control.core.history import (
    FailureCount,
    MissionCount,
    MissionFailure,
    MissionStatistics,
    MissionStatus,
    WaitCount,
)
from mission_control.core.storage import MissionCommit, PersistenceAdapter, Standing

from .listings import pages
from .missions import NAMES, START, adds, after, child, commit, definition, ended, ids, retry, signal, sleep, wait
from .storage import Storage, contract

RUNNING, WAITING, COMPLETED = MissionStatus.RUNNING, MissionStatus.WAITING, MissionStatus.COMPLETED
FAILED, CANCELLED = MissionStatus.FAILED, MissionStatus.CANCELLED

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def failed(cursor: str | None = "pack", code: str = "STEP_FAILED", of: str | None = "ValueError") -> dict[str, Any]:
    """Return the fields of a row of a mission that failed at that node, and why."""
    return {**ended(FAILED), "cursor": cursor, "error": MissionFailure(message="no", at=after(2), code=code, type=of)}


def counted(counts: Iterable[MissionCount]) -> list[tuple[str, MissionStatus, int]]:
    """Return counts of missions as tuples."""
    return [(one.mission_name, one.status, one.count) for one in counts]


def placed(groups: Iterable[Standing]) -> list[tuple[str, str, str, int]]:
    """Return where how many missions stand as tuples."""
    return [(one.mission_name, one.fingerprint, one.cursor, one.count) for one in groups]


def stands(mission_id: str, fingerprint: str = "f-1", **fields: Any) -> MissionCommit:
    """Return what a mission adds that has run under one definition, which comes with it."""
    return adds(mission_id, definition=definition(fingerprint), ran_under=fingerprint, **fields)


async def due(adapter: PersistenceAdapter, seconds: float = 0) -> tuple[int, int]:
    """Return how many missions are overdue, and how many become due within the hour, at that second."""
    found = await adapter.statistics(after(seconds))
    return found.overdue, found.due_within_hour


class StatisticsContract:
    """Counting what there is."""

    @contract
    async def test_there_is_nothing_in_new_storage(self, storage: Storage) -> None:
        """It has nothing to count, and nobody stands anywhere."""
        adapter = await storage.open()
        found = await adapter.statistics(after(7))
        nothing = MissionStatistics(at=after(7), missions=(), waits=(), failures=(), due_within_hour=0, overdue=0)
        assert found == nothing
        assert list(await adapter.list_standing()) == list(await adapter.list_unplaced(limit=9)) == []

    @contract
    async def test_missions_are_counted_by_name_and_status(self, storage: Storage) -> None:
        """Children too, by name and then by status, as they are since the last commit."""
        adapter = await storage.open()
        await commit(adapter, *(adds(f"r-{place}", mission_name="refund") for place in range(3)))
        await commit(adapter, adds("o-1", waiting=signal()), adds("o-2", **ended()), adds("o-3", **ended()))
        await commit(adapter, adds("o-4", **ended(CANCELLED), children=[child("o-4", "x")]), adds("o-5", **failed()))
        expected = [("order", status, 1) for status in (CANCELLED, COMPLETED, FAILED, RUNNING, WAITING)]
        expected[1] = ("order", COMPLETED, 2)
        assert counted((await adapter.statistics(START)).missions) == [*expected, ("refund", RUNNING, 3)]
        await commit(adapter, adds("r-0", version=1, mission_name="refund", **ended()), adds("o-1", version=1))
        expected[3:] = [("order", RUNNING, 2), ("refund", COMPLETED, 1), ("refund", RUNNING, 2)]
        assert counted((await adapter.statistics(START)).missions) == expected
        adapter = await storage.reopen(adapter)
        assert counted((await adapter.statistics(START)).missions) == expected

    @contract
    async def test_names_are_counted_apart(self, storage: Storage) -> None:
        """Names and signals are compared exactly, and sorted as code points."""
        adapter = await storage.open()
        for name in NAMES:
            opened = [wait(name, name, mission_name=name)]
            await commit(adapter, adds(name, mission_name=name, waiting=signal(), opened=opened))
        found = await adapter.statistics(START)
        assert counted(found.missions) == [(name, WAITING, 1) for name in sorted(NAMES)]
        assert [(one.signal, one.count) for one in found.waits] == [
            (name, sum(name == other.rpartition("/")[2] for other in NAMES))
            for name in sorted({name.rpartition("/")[2] for name in NAMES})
        ]

    @contract
    async def test_open_waits_are_counted_by_signal(self, storage: Storage) -> None:
        """By the signal's own name, of any mission and on any path, with the time since which the oldest is open."""
        adapter = await storage.open()
        first = [wait("a", "reply", 5), wait("a", "items[1]/reply", 3), wait("a", "go", 9)]
        await commit(adapter, adds("a", waiting=signal(), opened=first))
        second = [wait("b", "reply", 4, mission_name="refund")]
        await commit(adapter, adds("b", mission_name="refund", waiting=signal(), opened=second))
        found = (await adapter.statistics(START)).waits
        go, reply = (
            WaitCount(signal="go", count=1, oldest=after(9)),
            WaitCount(signal="reply", count=3, oldest=after(3)),
        )
        assert found == (go, reply)
        await commit(adapter, adds("a", version=1, waiting=signal(), closed=[first[1], first[2]]))
        assert (await adapter.statistics(START)).waits == (attrs.evolve(reply, count=2, oldest=after(4)),)

    @contract
    async def test_failures_are_counted_by_what_went_wrong_and_where(self, storage: Storage) -> None:
        """By code, class and node, that of all items and rounds together; the most frequent first."""
        adapter = await storage.open()
        once = [failed("pay", of="KeyError"), failed("pay", "STEP_TIMEOUT", None), failed("post")]
        more = [*(failed(f"all[{place}]/x[{place}]/pay") for place in (0, 7, 10)), failed("pay"), failed("pay")]
        await commit(adapter, *(adds(f"m-{place}", **fields) for place, fields in enumerate([*once, *more])))
        found = (await adapter.statistics(START)).failures
        assert found[:2] == (
            FailureCount(code="STEP_FAILED", type="ValueError", node="all[]/x[]/pay", count=3),
            FailureCount(code="STEP_FAILED", type="ValueError", node="pay", count=2),
        )
        assert {(one.code, one.type, one.node, one.count) for one in found[2:]} == {
            ("STEP_FAILED", "KeyError", "pay", 1),
            ("STEP_TIMEOUT", None, "pay", 1),
            ("STEP_FAILED", "ValueError", "post", 1),
        }
        assert len(found) == 5

    @contract
    async def test_only_what_has_failed_is_a_failure(self, storage: Storage) -> None:
        """Neither what was cancelled nor what tries again; and what is reopened is none any more."""
        adapter = await storage.open()
        error = failed()["error"]
        await commit(adapter, adds("a", waiting=retry(after(9)), error=error), adds("b", **ended(CANCELLED)))
        assert (await adapter.statistics(START)).failures == ()
        await commit(adapter, adds("a", version=1, **failed()))
        assert [one.count for one in (await adapter.statistics(START)).failures] == [1]
        await commit(adapter, adds("a", version=2))
        assert (await adapter.statistics(START)).failures == ()

    @contract
    async def test_what_is_due_is_counted(self, storage: Storage) -> None:
        """What was due before the instant is overdue, the rest before an hour later yet to come, reminders too."""
        adapter = await storage.open()
        times = {"a": START - MOMENT, "b": START, "c": START + HOUR - MOMENT, "d": START + HOUR + MOMENT}
        await commit(adapter, *(adds(name, waiting=sleep(at)) for name, at in times.items()))
        await commit(adapter, adds("e", waiting=signal(after(9_999)), next_due=after(60)), adds("f", waiting=signal()))
        await commit(adapter, adds("g", next_wait=signal(after(-60))), adds("h", **ended()))
        assert await due(adapter) == (2, 3)
        assert await due(adapter, 0.000001) == (3, 2)
        await commit(adapter, adds("a", version=1), adds("b", version=1, waiting=signal()))
        assert await due(adapter) == (1, 2)

    @contract
    async def test_what_is_paused_is_not_counted_as_due(self, storage: Storage) -> None:
        """Neither as overdue nor as due within the hour, until it is resumed; it has its status, and its place."""
        adapter = await storage.open()
        await commit(adapter, *(adds(name, waiting=sleep(after(-5)), paused=name == "a") for name in "ab"))
        await commit(adapter, stands("c", waiting=sleep(after(5)), paused=True))
        assert await due(adapter) == (1, 0)
        assert counted((await adapter.statistics(START)).missions) == [("order", WAITING, 3)]
        assert placed(await adapter.list_standing()) == [("order", "f-1", "cooldown", 1)]
        await commit(adapter, *(adds(name, version=1, waiting=sleep(after(5))) for name in "ac"))
        assert await due(adapter) == (1, 2)


class StandingContract:
    """Telling where missions stand."""

    @contract
    async def test_missions_stand_together(self, storage: Storage) -> None:
        """Those that have not ended, by name, by the definition that they ran under, and by cursor, as code points."""
        adapter = await storage.open()
        places = [
            ("order", "f-2", "pack"),
            ("order", "f-1", "post"),
            ("order", "f-1", "pack"),
            ("Order", "f-1", "pack"),
        ]
        for number, (name, fingerprint, cursor) in enumerate([*places, *places[2:], places[0]]):
            await commit(adapter, stands(f"m-{number}", fingerprint, mission_name=name, cursor=cursor))
        await commit(adapter, stands("waits", waiting=signal(), cursor="pack"))
        await commit(adapter, *(stands(one, **ended(one)) for one in (COMPLETED, FAILED, CANCELLED)))
        await commit(adapter, adds("elsewhere", cursor="pack"))
        assert placed(await adapter.list_standing()) == [
            ("Order", "f-1", "pack", 2),
            ("order", "f-1", "pack", 3),
            ("order", "f-1", "post", 1),
            ("order", "f-2", "pack", 2),
        ]

    @contract
    async def test_standing_has_examples(self, storage: Storage) -> None:
        """Of each place the ids of up to five missions that are there, and of no fewer than there are up to that."""
        adapter = await storage.open()
        there = {"pack": [f"a-{place}" for place in range(9)], "post": ["b-1", "b-2"], "pay": list("vwxyz")}
        for cursor, names in there.items():
            await commit(adapter, *(stands(name, cursor=cursor) for name in names))
        groups = await adapter.list_standing()
        assert {one.cursor: one.count for one in groups} == {cursor: len(names) for cursor, names in there.items()}
        found = {one.cursor: one.examples for one in groups}
        assert {cursor: len(set(examples)) for cursor, examples in found.items()} == {"pack": 5, "pay": 5, "post": 2}
        assert all(len(examples) <= 5 and set(examples) <= set(there[cursor]) for cursor, examples in found.items())

    @contract
    async def test_standing_follows_the_last_commit(self, storage: Storage) -> None:
        """A mission is where its last commit puts it, under the definition that this one names, also when reopened."""
        adapter = await storage.open()
        await commit(adapter, stands("a"), stands("b"), stands("c"))
        await commit(adapter, adds("a", version=1, ran_under="f-1", cursor="post"), adds("b", version=1))
        await commit(adapter, adds("c", version=1, ran_under="f-1", **ended()))
        for _ in range(2):
            assert placed(await adapter.list_standing()) == [("order", "f-1", "post", 1)]
            assert ids(await adapter.list_unplaced(limit=9)) == ["b"]
            adapter = await storage.reopen(adapter)
        await commit(adapter, stands("b", "f-2", version=2), adds("c", version=2, ran_under="f-1"))
        assert placed(await adapter.list_standing()) == [
            ("order", "f-1", "pack", 1),
            ("order", "f-1", "post", 1),
            ("order", "f-2", "pack", 1),
        ]
        assert ids(await adapter.list_unplaced(limit=9)) == []

    @contract
    async def test_the_others_are_listed(self, storage: Storage) -> None:
        """Those that have not ended and whose rows do not tell where they stand, in order of creation, page by page."""
        adapter = await storage.open()
        await commit(adapter, adds("z"), adds("ended", **ended()), adds("a", waiting=signal(), paused=True))
        await commit(adapter, stands("placed"), adds("m", children=[child("m", "x")]))
        assert ids(await adapter.list_unplaced(limit=9)) == ["z", "a", "m", "m/x"]
        assert await pages(adapter.list_unplaced, limit=3) == [["z", "a", "m"], ["m/x"]]
        assert ids(await adapter.list_unplaced(limit=9, after="placed")) == ["m", "m/x"]
        assert ids(await adapter.list_unplaced(limit=9, after="nobody")) == []
        await commit(adapter, adds("z", version=1, **ended()), adds("placed", version=1))
        assert ids(await adapter.list_unplaced(limit=9)) == ["a", "placed", "m", "m/x"]
