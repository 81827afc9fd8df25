"""What is counted of all missions at once: what there is, where it stands, and whose rows do not tell that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import attrs

from mission_control.core.history import (
    FailureCount,
    HourCount,
    MissionCount,
    MissionFailure,
    MissionStatistics,
    MissionStatus,
    WaitCount,
)
from mission_control.core.storage import MissionCommit, MissionRows, PersistenceAdapter, Standing

from .listings import pages
from .missions import (
    NAMES,
    START,
    adds,
    after,
    child,
    commit,
    definition,
    ended,
    ids,
    retry,
    signal,
    sleep,
    summary,
    wait,
)
from .storage import Storage, contract

RUNNING, WAITING, COMPLETED = MissionStatus.RUNNING, MissionStatus.WAITING, MissionStatus.COMPLETED
FAILED, CANCELLED = MissionStatus.FAILED, MissionStatus.CANCELLED

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MIDNIGHT = after(2)
"""When an hour begins, and a day."""


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
        zero = HourCount(hour=MIDNIGHT, started=0, completed=0, failed=0, cancelled=0)
        assert found == MissionStatistics(
            at=after(7),
            missions=(),
            waits=(),
            failures=(),
            recent_failures=(),
            hours=tuple(attrs.evolve(zero, hour=MIDNIGHT - hours * HOUR) for hours in range(23, -1, -1)),
            due_within_hour=0,
            overdue=0,
        )
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
    async def test_failures_of_the_last_day_are_counted_by_themselves(self, storage: Storage) -> None:
        """What failed 24 hours before, or later, whenever it was started; the most frequent first."""
        adapter = await storage.open()
        day_ago, early = START - 24 * HOUR, START - 99 * HOUR
        kinds = {"rare": failed("pay"), "often": failed("all[1]/post", of="KeyError"), "old": failed("ship")}
        times = {"rare": [START, day_ago - MOMENT], "often": [day_ago, START - HOUR], "old": [day_ago - MOMENT] * 3}
        lives = [(kinds[kind], at) for kind, ends in times.items() for at in ends]
        members = (adds(f"m-{n}", created_at=early, updated_at=at, **life) for n, (life, at) in enumerate(lives))
        await commit(adapter, *members)
        cancelled: dict[str, Any] = {**failed(), "status": CANCELLED}
        await commit(adapter, adds("cancelled", updated_at=START, **cancelled))
        for _ in range(2):
            found = await adapter.statistics(START)
            assert found.recent_failures == (
                FailureCount(code="STEP_FAILED", type="KeyError", node="all[]/post", count=2),
                FailureCount(code="STEP_FAILED", type="ValueError", node="pay", count=1),
            )
            assert [one.count for one in found.failures] == [3, 2, 2]
            adapter = await storage.reopen(adapter)
        await commit(adapter, adds("m-0", version=1))
        assert [one.node for one in (await adapter.statistics(START)).recent_failures] == ["all[]/post"]

    @contract
    async def test_starts_are_counted_by_hour(self, storage: Storage) -> None:
        """To the microsecond, by when a mission was created, whatever became of it."""
        adapter = await storage.open()
        times = [MIDNIGHT + hours * HOUR + moment for hours in (0, 1, 2, 24, 25) for moment in (-MOMENT, MOMENT * 0)]
        lives: list[dict[str, Any]] = [{}, ended(), failed(), {"waiting": signal()}, ended(CANCELLED)]
        members = (adds(f"m-{n}", created_at=at, **lives[n % 5]) for n, at in enumerate(times))
        await commit(adapter, *members)
        now = MIDNIGHT + 24 * HOUR + timedelta(minutes=30)
        found = (await adapter.statistics(now)).hours
        assert [one.hour for one in found] == [MIDNIGHT + hours * HOUR for hours in range(1, 25)]
        assert [one.started for one in found] == [2, 1, *[0] * 20, 1, 2]
        assert [one.started for one in (await adapter.statistics(now - HOUR)).hours] == [2, 2, 1, *[0] * 20, 1]

    @contract
    async def test_ends_are_counted_by_hour(self, storage: Storage) -> None:
        """To the microsecond, by when a mission ended, and how; not one that goes on, or was reopened."""
        adapter = await storage.open()
        lives = {"completed": ended(), "failed": failed(), "cancelled": ended(CANCELLED)}
        hours = {"completed": [0, 5, 24], "failed": [1, 5, 25], "cancelled": [1, 24]}
        for how, life in lives.items():
            for hour in hours[how]:
                for moment in (-MOMENT, MOMENT * 0):
                    name, at = f"{how}-{hour}-{moment}", MIDNIGHT + hour * HOUR + moment
                    await commit(adapter, adds(name, created_at=START - 9 * HOUR, **life, updated_at=at))
        await commit(
            adapter, adds("a", updated_at=MIDNIGHT + 5 * HOUR), adds("b", waiting=signal(), updated_at=after(9))
        )
        adapter = await storage.reopen(adapter)
        now = MIDNIGHT + 24 * HOUR + timedelta(minutes=59)
        found = (await adapter.statistics(now)).hours
        assert [one.completed for one in found] == [0, 0, 0, 1, 1, *[0] * 17, 1, 1]
        assert [one.failed for one in found] == [1, 0, 0, 1, 1, *[0] * 18, 1]
        assert [one.cancelled for one in found] == [1, *[0] * 21, 1, 1]
        assert {one.started for one in found} == {0}
        await commit(adapter, adds(f"failed-1-{MOMENT * 0}", version=1, updated_at=now))
        assert [one.failed for one in (await adapter.statistics(now)).hours][:4] == [0, 0, 0, 1]

    @contract
    async def test_what_is_put_right_is_counted(self, storage: Storage) -> None:
        """Rows that were rewritten count as what they are now: an end in its hour, a failure by its kind."""
        adapter = await storage.open()
        await commit(adapter, adds("a"), adds("b", **ended(), updated_at=START))
        fields = {"a": {**failed(), "updated_at": START}, "b": {}}
        for mission_id, shown in fields.items():
            rows = MissionRows(summary=summary(mission_id, **shown), version=1, ran_under=None, waits=())
            assert await adapter.rewrite(rows)
        adapter = await storage.reopen(adapter)
        found = await adapter.statistics(START)
        assert (found.hours[-1].completed, found.hours[-1].failed) == (0, 1)
        assert [one.count for one in found.recent_failures] == [1]
        assert await adapter.purge(after(1), statuses=[COMPLETED, FAILED], limit=9) == 1
        assert ids(await adapter.list_missions(limit=9)) == ["b"]

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
    async def test_missions_of_one_name_stand_somewhere(self, storage: Storage) -> None:
        """They alone, as among all; names are compared exactly."""
        adapter = await storage.open()
        for place, name in enumerate(NAMES):
            await commit(adapter, *(stands(f"m-{place}-{n}", mission_name=name, cursor=f"s-{n}") for n in range(2)))
        await commit(adapter, stands("ended", mission_name="a", **ended()), adds("elsewhere", mission_name="a"))
        everywhere = await adapter.list_standing()
        for name in (*NAMES, "b"):
            expected = [one for one in everywhere if one.mission_name == name]
            assert placed(await adapter.list_standing(mission_name=name)) == placed(expected)

    @contract
    async def test_the_newest_missions_stand_somewhere(self, storage: Storage) -> None:
        """So many of those that have not ended are looked at, of a name or of all, those that do not tell included."""
        adapter = await storage.open()
        await commit(adapter, stands("a", cursor="old"), stands("b", cursor="pack"), stands("c", mission_name="refund"))
        await commit(adapter, adds("d"), stands("e", waiting=signal(), cursor="pack"), stands("f", **ended()))
        await commit(adapter, stands("g", cursor="post", waiting=signal()), stands("h", **ended()), adds("i"))
        await commit(adapter, adds("a", version=1, ran_under="f-1", cursor="old"))
        post, pack, old = (("order", "f-1", cursor, 1) for cursor in ("post", "pack", "old"))
        refund = ("refund", "f-1", "pack", 1)
        named: dict[int, list[object]] = {
            1: [],
            2: [post],
            3: [pack, post],
            4: [pack, post],
            6: [old, (*pack[:3], 2), post],
        }
        for limit, expected in named.items():
            assert placed(await adapter.list_standing(mission_name="order", limit=limit)) == expected
        assert placed(await adapter.list_standing(limit=5)) == [pack, post, refund]
        assert placed(await adapter.list_standing(limit=100)) == placed(await adapter.list_standing())
        (group,) = await adapter.list_standing(mission_name="order", limit=2)
        assert group.examples == ("g",)

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
