"""What storage promises of deleting missions: whole families of what has ended, and nothing that somebody needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from mission_control.core.history import MissionStatus
from mission_control.core.storage import Answer, PersistenceAdapter

from .missions import adds, after, child, commit, definition, ended, history, ids, schedule, sleep
from .storage import Storage, contract

COMPLETED, FAILED, CANCELLED = ENDS = (MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED)


def done(seconds: float = 1, status: MissionStatus = COMPLETED) -> dict[str, Any]:
    """Return the fields of a row of a mission that ended so many seconds after the start of the test's time."""
    return {**ended(status), "updated_at": after(seconds)}


async def purge(
    adapter: PersistenceAdapter,
    seconds: float = 100,
    *,
    statuses: Sequence[MissionStatus] = ENDS,
    mission_name: str | None = None,
    limit: int = 100,
    request_id: str | None = None,
) -> int:
    """Delete what ended before so many seconds after the start of the test's time."""
    return await adapter.purge(
        after(seconds), statuses=statuses, mission_name=mission_name, limit=limit, request_id=request_id
    )


async def left(adapter: PersistenceAdapter) -> list[str]:
    """Return the ids of all missions, in order of creation."""
    return [one.mission_id for one in await adapter.audit(limit=1_000)]


class PurgeContract:
    """Deleting missions that have ended."""

    @contract
    async def test_a_purge_deletes_what_ended_before(self, storage: Storage) -> None:
        """Not what ended at that instant or later, and nothing that has not ended, however old it is."""
        adapter = await storage.open()
        rows = [adds(f"ends-{seconds}", **done(seconds)) for seconds in (9, 10, 11)]
        await commit(adapter, adds("runs"), *rows, adds("sleeps", waiting=sleep(after(99))))
        assert await purge(adapter, 10) == 1
        assert await left(adapter) == ["runs", "ends-10", "ends-11", "sleeps"]
        assert await purge(adapter, 10) == 0

    @contract
    async def test_a_purge_deletes_what_is_asked_for(self, storage: Storage) -> None:
        """Only missions of these statuses, and of that very name."""
        adapter = await storage.open()
        await commit(
            adapter,
            *(adds(f"{name}-{one}", mission_name=name, **done(1, one)) for name in ("order", "Order") for one in ENDS),
        )
        assert await purge(adapter, statuses=[FAILED], mission_name="order") == 1
        assert await purge(adapter, mission_name="Order", statuses=[COMPLETED, CANCELLED]) == 2
        assert await left(adapter) == ["order-completed", "order-cancelled", "Order-failed"]

    @contract
    async def test_a_purge_begins_with_what_ended_first(self, storage: Storage) -> None:
        """Whatever was created first; so many at a time, and fewer only where there are no more."""
        adapter = await storage.open()
        ends = {"a": 5, "b": 3, "c": 4, "d": 1, "e": 2}
        await commit(adapter, *(adds(name, **done(seconds)) for name, seconds in ends.items()))
        assert await purge(adapter, limit=2) == 2
        assert await left(adapter) == ["a", "b", "c"]
        assert await purge(adapter, limit=2) == 2
        assert await left(adapter) == ["a"]
        assert await purge(adapter, limit=2) == 1

    @contract
    async def test_a_purge_goes_on_where_it_was_left(self, storage: Storage) -> None:
        """What was deleted for a request of the mailbox counts when it is asked for again, also after a restart."""
        adapter = await storage.open()
        await commit(adapter, *(adds(f"m-{number}", **done(number)) for number in range(9)))
        if adapter.mailbox() is None:
            return
        assert [await purge(adapter, limit=limit, request_id="r-1") for limit in (2, 2, 3)] == [2, 2, 3]
        assert [await purge(adapter, limit=2, request_id="r-2"), await purge(adapter, limit=1)] == [2, 1]
        await adapter.close()
        again = await storage.open()
        assert await left(again) == ["m-6", "m-7", "m-8"]
        assert [await purge(again, limit=4, request_id=one) for one in ("r-1", "r-2")] == [4, 4]
        mailbox = again.mailbox()
        assert mailbox is not None
        expected = {one: Answer(request_id=one, value=4, is_final=False) for one in ("r-1", "r-2")}
        assert await mailbox.known(["r-1", "r-2"]) == expected

    @contract
    async def test_a_deleted_mission_is_gone(self, storage: Storage) -> None:
        """It is no mission that storage knows, nor are its records; the others are as they were."""
        adapter = await storage.open()
        await commit(adapter, adds("gone", count=3), adds("stays", count=2))
        await commit(adapter, adds("gone", version=3, count=40, **done()))
        assert await purge(adapter) == 1
        assert await adapter.load_summary("gone") is None
        assert await history(adapter, "gone") is None
        assert await history(adapter, "stays") == [1, 2]
        reopened = await storage.reopen(adapter)
        assert await left(reopened) == ["stays"]
        assert await history(reopened, "gone") is None

    @contract
    async def test_the_id_of_a_deleted_mission_may_be_used_again(self, storage: Storage) -> None:
        """By a mission that has nothing of the former one, and is later in the order of creation than all others."""
        adapter = await storage.open()
        await commit(adapter, adds("first"), adds("again", count=5, **done()))
        assert await purge(adapter) == 1
        await commit(adapter, adds("second"))
        await commit(adapter, adds("again", count=2))
        assert await history(adapter, "again") == [1, 2]
        assert await left(adapter) == ["first", "second", "again"]

    @contract
    async def test_the_order_of_creation_outlives_a_purge(self, storage: Storage) -> None:
        """What is created after the newest missions were deleted comes behind all that was there, also opened anew."""
        adapter = await storage.open()
        await commit(adapter, adds("a"), adds("b"), adds("c", **done()), adds("d", **done()))
        assert await purge(adapter) == 2
        await commit(adapter, adds("e"))
        assert ids(await adapter.list_interrupted(limit=9, after="d")) == ["e"]
        await commit(adapter, adds("e", version=1, **done()))
        assert await purge(adapter) == 1
        reopened = await storage.reopen(adapter)
        await commit(reopened, adds("f"))
        assert ids(await reopened.list_interrupted(limit=9, after="e")) == ["f"]
        assert await left(reopened) == ["a", "b", "f"]

    @contract
    async def test_a_listing_goes_on_behind_a_deleted_mission(self, storage: Storage) -> None:
        """It stands where it stood; one that never was gives an empty page."""
        adapter = await storage.open()
        await commit(adapter, *(adds(name) for name in "abcde"))
        await commit(adapter, adds("b", version=1, **done(3)), adds("c", version=1, **done(2)))
        await commit(adapter, *(adds(name, waiting=sleep(after(at))) for name, at in (("s", 2), ("t", 9))))
        assert await purge(adapter) == 2
        for _ in range(2):
            assert ids(await adapter.list_interrupted(limit=9, after="b")) == ["d", "e"]
            assert [one.mission_id for one in await adapter.audit(limit=3, after="c")] == ["d", "e", "s"]
            assert ids(await adapter.list_scheduled(limit=9, after="b")) == ["t"]
            assert ids(await adapter.list_interrupted(limit=9, after="never")) == []
            adapter = await storage.reopen(adapter)

    @contract
    async def test_a_family_is_deleted_as_a_whole(self, storage: Storage) -> None:
        """Children and theirs go with a mission that is wanted, whatever they are called, and however they ended."""
        adapter = await storage.open()
        grandchild = child("p/a", "x", mission_name="deep", **done(3, CANCELLED))
        children = [
            child("p", "a", mission_name="child", children=[grandchild], **done(2, FAILED)),
            child("p", "b", is_awaited=False, mission_name="child", **done(2)),
        ]
        await commit(adapter, adds("p", children=children, **done(1)), adds("other", **done(5)))
        assert await purge(adapter, statuses=[COMPLETED], mission_name="order", limit=1) == 4
        assert await left(adapter) == ["other"]
        assert await adapter.list_strays(limit=9) == []

    @contract
    async def test_a_child_is_not_deleted_before_its_parent(self, storage: Storage) -> None:
        """A parent that has not ended, or not by then, keeps all that it began."""
        adapter = await storage.open()
        await commit(
            adapter,
            adds("runs", children=[child("runs", "a", **done(1))]),
            adds("late", children=[child("late", "a", **done(1))], **done(50)),
        )
        assert await purge(adapter, 50) == 0
        assert await left(adapter) == ["runs", "runs/a", "late", "late/a"]

    @contract
    async def test_a_child_that_has_not_ended_keeps_its_family(self, storage: Storage) -> None:
        """However far down it is; so does one that ended later than was asked for."""
        adapter = await storage.open()
        deep = child("deep", "a", children=[child("deep/a", "x", is_awaited=False)], **done(1))
        late = child("late", "a", is_awaited=False, **done(50))
        await commit(adapter, adds("deep", children=[deep], **done(1)), adds("late", children=[late], **done(1)))
        assert await purge(adapter, 50) == 0
        await commit(adapter, adds("deep/a/x", version=1, parent_id="deep/a", **done(2)))
        assert await purge(adapter, 50) == 3
        assert await left(adapter) == ["late", "late/a"]

    @contract
    async def test_a_child_whose_parent_is_not_there_is_deleted_by_itself(self, storage: Storage) -> None:
        """It was taken in alone, and is asked for by its own status and name."""
        adapter = await storage.open()
        await commit(adapter, adds("p/a", parent_id="p", **done()), adds("q/a", parent_id="q", **done(1, FAILED)))
        assert await purge(adapter, statuses=[COMPLETED]) == 1
        assert await left(adapter) == ["q/a"]

    @contract
    async def test_a_definition_goes_with_the_last_mission_that_names_it(self, storage: Storage) -> None:
        """Whether it was created under it or ran under it later, or was taken in with it."""
        adapter = await storage.open()
        stays, first, second, third = (definition(f"f-{number}", x=number) for number in range(4))
        await commit(adapter, adds("stays", definition=stays))
        taken_in = attrs.evolve(adds("taken-in", definition=first, **done(3)), definitions=(first, third))
        await commit(adapter, adds("moved", definition=first), adds("older", definition=first, **done(1)), taken_in)
        await commit(adapter, adds("moved", version=1, definition=second, **done(2)))
        shown: list[list[bool]] = []
        for seconds in (2, 3, 4):
            assert await purge(adapter, seconds) == 1
            stored = [await adapter.load_definition(one.fingerprint) for one in (first, second, third)]
            shown.append([one is not None for one in stored])
        assert shown == [[True, True, True], [True, False, True], [False, False, False]]
        assert await adapter.load_definition("f-0") == {"name": "order", "x": 0}

    @contract
    async def test_a_definition_that_went_may_come_again(self, storage: Storage) -> None:
        """A mission that is created under it brings it along, as it is then."""
        adapter = await storage.open()
        await commit(adapter, adds("a", definition=definition("f-1", x=1), **done()))
        assert await purge(adapter) == 1
        assert await adapter.load_definition("f-1") is None
        await commit(adapter, adds("b", definition=definition("f-1", x=2)))
        assert await adapter.load_definition("f-1") == {"name": "order", "x": 2}
        assert await (await storage.reopen(adapter)).load_definition("f-1") == {"name": "order", "x": 2}

    @contract
    async def test_a_definition_that_went_is_listed_no_more(self, storage: Storage) -> None:
        """When it comes again it is the newest one."""
        adapter = await storage.open()
        first, second = definition("f-1"), definition("f-2")
        await commit(adapter, adds("a", definition=first, **done()), adds("b", definition=second))
        assert await purge(adapter) == 1
        assert list(await adapter.list_definitions()) == [second]
        await commit(adapter, adds("c", definition=first))
        for _ in range(2):
            assert list(await adapter.list_definitions()) == [second, first]
            adapter = await storage.reopen(adapter)

    @contract
    async def test_a_schedule_says_nothing_of_a_deleted_mission(self, storage: Storage) -> None:
        """Its row stays, and the status of its last mission is None."""
        adapter = await storage.open()
        row = schedule("nightly", last_mission_id="m-1")
        await commit(adapter, adds("m-1", **done()))
        await adapter.record_schedules([row])
        assert list(await adapter.list_schedules()) == [(row, COMPLETED)]
        assert await purge(adapter) == 1
        assert list(await adapter.list_schedules()) == [(row, None)]

    @contract
    async def test_many_missions_are_deleted(self, storage: Storage) -> None:
        """Hundreds, beside as many that stay, in calls for some of them."""
        adapter = await storage.open()
        await commit(
            adapter,
            *(adds(f"m-{number}", **done(number, FAILED if number % 2 else COMPLETED)) for number in range(400)),
        )
        counts = [await purge(adapter, 300, statuses=[FAILED], limit=60) for _ in range(4)]
        assert counts == [60, 60, 30, 0]
        expected = [f"m-{number}" for number in range(400) if number % 2 == 0 or number >= 300]
        assert await left(adapter) == expected
