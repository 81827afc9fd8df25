"""What `commit`, `load` and `load_summary` promise: whole batches, in order, at the version that was expected."""

from __future__ import annotations

from mission_control.core.errors import StaleMissionError
from mission_control.core.history import MissionStatus

from .missions import adds, after, commit, definition, ended, fitting, history, ids, record, signal, sleep, summary
from .storage import Storage, contract

MANY_IDS = 40_000
"""More ids than SQLite takes parameters."""


class CommitContract:
    """Appending histories, atomically and at the expected version."""

    @contract
    async def test_a_new_mission_is_stored(self, storage: Storage) -> None:
        """A mission that is new has, after its first commit, its record and its summary."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1"))
        assert await history(adapter, "m-1") == [1]
        assert await adapter.load_summary("m-1") == summary("m-1")

    @contract
    async def test_records_are_appended(self, storage: Storage) -> None:
        """Each commit adds its records to those before, and they are loaded by `seq`, past 9 and 99 too."""
        adapter = await storage.open()
        for version in range(0, 120, 8):
            await commit(adapter, adds("m-1", version=version, count=8))
        assert await history(adapter, "m-1") == list(range(1, 121))

    @contract
    async def test_every_member_of_a_batch_is_written(self, storage: Storage) -> None:
        """All missions of a batch are written, each with all of its records and its summary."""
        adapter = await storage.open()
        names = [f"m-{number}" for number in range(100)]
        await commit(adapter, *(adds(name, count=3, cursor=name) for name in names))
        assert [await history(adapter, name) for name in names] == [[1, 2, 3]] * 100
        assert [await adapter.load_summary(name) for name in names] == [summary(name, cursor=name) for name in names]

    @contract
    async def test_a_batch_may_create_and_continue_missions(self, storage: Storage) -> None:
        """New missions and known ones, at their different versions, go down together."""
        adapter = await storage.open()
        await commit(adapter, adds("old", count=2), adds("older", count=5))
        await commit(adapter, adds("older", version=5), adds("new"), adds("old", version=2, count=2))
        found = [await history(adapter, name) for name in ("old", "older", "new")]
        assert found == [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1]]

    @contract
    async def test_an_empty_batch_does_nothing(self, storage: Storage) -> None:
        """A commit of nothing has no outcomes and changes nothing."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1"))
        assert list(await adapter.commit([])) == []
        assert ids(await adapter.list_missions(limit=10)) == ["m-1"]

    @contract
    async def test_the_summary_is_replaced(self, storage: Storage) -> None:
        """After each commit the summary is the last one, and no field of an earlier one is left."""
        adapter = await storage.open()
        rows = [
            summary("m-1", waiting=signal(after(60))),
            summary("m-1", **ended(MissionStatus.FAILED), updated_at=after(5)),
            summary("m-1", cursor="elsewhere"),
            summary("m-1", waiting=sleep(after(9)), updated_at=after(9)),
            summary("m-1", **ended(), updated_at=after(10)),
        ]
        for version, row in enumerate(rows):
            fields = {name: getattr(row, name) for name in ("waiting", "status", "cursor", "error", "updated_at")}
            await commit(adapter, adds("m-1", version=version, **fields))
            assert await adapter.load_summary("m-1") == row

    @contract
    async def test_a_commit_that_returned_is_seen_by_the_next_read(self, storage: Storage) -> None:
        """Every kind of read that begins after a commit has returned sees what it wrote."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", definition=definition()))
        assert await history(adapter, "m-1") == [1]
        assert ids(await adapter.list_interrupted(limit=9)) == ["m-1"]
        assert await adapter.load_definition("f-1") == {"name": "order"}
        await commit(adapter, adds("m-1", version=1, waiting=sleep(after(9))))
        assert ids(await adapter.list_interrupted(limit=9)) == []
        assert await fitting(adapter, statuses=(MissionStatus.WAITING,), limit=9) == ["m-1"]
        assert ids(await adapter.list_scheduled(limit=9)) == ids(await adapter.due(after(10), limit=9)) == ["m-1"]
        assert await adapter.next_due(None) == after(9)
        await commit(adapter, adds("m-1", version=2, **ended()))
        assert await history(adapter, "m-1") == [1, 2, 3]
        assert await adapter.load_summary("m-1") == summary("m-1", **ended())
        assert ids(await adapter.list_scheduled(limit=9)) == ids(await adapter.due(after(10), limit=9)) == []
        assert await adapter.next_due(None) is None

    @contract
    async def test_a_version_that_differs_is_stale(self, storage: Storage) -> None:
        """An expected version below or above the stored one, or of an unknown mission, is a returned error."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=3))
        for member in (adds("m-1", version=2), adds("m-1", version=4), adds("nobody", version=1)):
            (outcome,) = await adapter.commit([member])
            assert isinstance(outcome, StaleMissionError)
            assert member.mission_id in str(outcome)
            assert outcome.mission_id == member.mission_id

    @contract
    async def test_a_new_mission_whose_id_exists_is_stale(self, storage: Storage) -> None:
        """An id that storage knows, where version 0 was expected, is an ordinary stale outcome."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=1))
        (outcome,) = await adapter.commit([adds("m-1", mission_name="another")])
        assert isinstance(outcome, StaleMissionError)
        assert await adapter.load_summary("m-1") == summary("m-1")

    @contract
    async def test_a_stale_member_writes_no_records(self, storage: Storage) -> None:
        """A stale member leaves the mission's history as it was, and creates no mission."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=2))
        for member in (adds("m-1"), adds("m-1", version=1), adds("m-1", version=7), adds("nobody", version=1)):
            assert len(await adapter.commit([member])) == 1
        assert await history(adapter, "m-1") == [1, 2]
        assert await history(adapter, "nobody") is None
        assert ids(await adapter.list_missions(limit=10)) == ["m-1"]

    @contract
    async def test_a_stale_member_writes_no_summary(self, storage: Storage) -> None:
        """A stale member leaves the mission's summary and its place in the listings as they were."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=2))
        for version in (0, 1, 7):
            assert len(await adapter.commit([adds("m-1", version=version, waiting=sleep(after(9)))])) == 1
        assert await adapter.load_summary("m-1") == summary("m-1")
        assert ids(await adapter.list_interrupted(limit=10)) == ["m-1"]
        assert await adapter.next_due(None) is None

    @contract
    async def test_a_stale_member_writes_no_definition(self, storage: Storage) -> None:
        """A definition that comes with a stale member is not stored."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=2))
        assert len(await adapter.commit([adds("m-1", definition=definition())])) == 1
        assert await adapter.load_definition("f-1") is None

    @contract
    async def test_a_mission_goes_on_after_a_stale_commit(self, storage: Storage) -> None:
        """A stale outcome is no state: a commit at the right version follows it."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", count=2))
        assert len(await adapter.commit([adds("m-1")])) == 1
        await commit(adapter, adds("m-1", version=2))
        assert await history(adapter, "m-1") == [1, 2, 3]

    @contract
    async def test_the_others_are_written_beside_a_stale_member(self, storage: Storage) -> None:
        """A stale member keeps no other member of its batch from being written, before it or after it."""
        adapter = await storage.open()
        await commit(adapter, adds("known", count=2), adds("stale", count=2))
        await adapter.commit([adds("known", version=2), adds("stale"), adds("new")])
        assert await history(adapter, "known") == [1, 2, 3]
        assert await history(adapter, "new") == [1]
        assert await adapter.load_summary("new") == summary("new")

    @contract
    async def test_outcomes_come_in_the_order_of_the_batch(self, storage: Storage) -> None:
        """There is one outcome for each member, in its place: None where it was written, the error where not."""
        adapter = await storage.open()
        await commit(adapter, adds("b", count=2), adds("d"))
        batch = [adds("a"), adds("b"), adds("c"), adds("d"), adds("e"), adds("f", version=3)]
        outcomes = await adapter.commit(batch)
        assert [outcome is None for outcome in outcomes] == [True, False, True, False, True, False]
        assert all(one.mission_id in str(error) for one, error in zip(batch, outcomes, strict=True) if error)

    @contract
    async def test_a_commit_that_raises_is_whole_or_nothing(self, storage: Storage) -> None:
        """Where a value that has no JSON form makes a commit raise, all of the batch took effect or none."""
        adapter = await storage.open()
        await commit(adapter, adds("known"))
        unfit = adds("unfit", records=[record(1), record(2, {"socket": object()})])
        batch = [adds("first"), adds("known", version=1), unfit, adds("last", definition=definition())]
        try:
            await adapter.commit(batch)
        except Exception:
            whole = [await history(adapter, "first"), await history(adapter, "last")]
            assert whole in ([None, None], [[1], [1]])
            took_effect = whole != [None, None]
            assert await history(adapter, "known") == ([1, 2] if took_effect else [1])
            assert (await adapter.load_definition("f-1") is not None) is took_effect

    @contract
    async def test_a_commit_follows_one_that_raised(self, storage: Storage) -> None:
        """After a commit that raised, storage takes the next one at the version that it has."""
        adapter = await storage.open()
        try:
            await adapter.commit([adds("m-1"), adds("unfit", records=[record(1, {"socket": object()})])])
        except Exception:
            version = len(await history(adapter, "m-1") or [])
            await commit(adapter, adds("m-1", version=version))
            assert await history(adapter, "m-1") == list(range(1, version + 2))


class LoadContract:
    """Reading histories and summaries back, each in its place."""

    @contract
    async def test_an_unknown_mission_is_none_in_its_place(self, storage: Storage) -> None:
        """`load` answers each id in order, None for one that storage does not know."""
        adapter = await storage.open()
        await commit(adapter, adds("a", count=1), adds("b", count=2), adds("c", count=3))
        loaded = await adapter.load(["x", "c", "y", "a", "b", "z"])
        assert [one and len(one) for one in loaded if not isinstance(one, Exception)] == [None, 3, None, 1, 2, None]

    @contract
    async def test_an_id_that_is_asked_for_twice_is_answered_twice(self, storage: Storage) -> None:
        """`load` has one answer for each id that it is given, repetitions included, and none for none."""
        adapter = await storage.open()
        await commit(adapter, adds("a", count=1), adds("b", count=2))
        loaded = await adapter.load(["b", "a", "b", "x", "x"])
        assert [one and len(one) for one in loaded if not isinstance(one, Exception)] == [2, 1, 2, None, None]
        assert list(await adapter.load([])) == []

    @contract
    async def test_many_missions_are_loaded_at_once(self, storage: Storage) -> None:
        """`load` takes more ids than some databases take parameters."""
        adapter = await storage.open()
        await commit(adapter, adds("m-7", count=2), adds(f"m-{MANY_IDS - 1}", count=3))
        loaded = await adapter.load([f"m-{number}" for number in range(MANY_IDS)])
        assert [place for place, one in enumerate(loaded) if one is not None] == [7, MANY_IDS - 1]

    @contract
    async def test_an_unknown_summary_is_none(self, storage: Storage) -> None:
        """`load_summary` of a mission that storage does not know is None."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1"))
        assert await adapter.load_summary("m-2") is None
        assert await adapter.load_summary("M-1") is None

    @contract
    async def test_what_is_loaded_belongs_to_the_caller(self, storage: Storage) -> None:
        """Changing a loaded record's details changes nothing in storage."""
        adapter = await storage.open()
        await commit(adapter, adds("m-1", records=[record(1, {"items": [{"a": 1}]})]))
        for _ in range(2):
            (loaded,) = await adapter.load(["m-1"])
            assert isinstance(loaded, tuple)
            details = loaded[0].details
            assert details == {"items": [{"a": 1}]}
            details["items"][0]["a"] = 2
            details["items"].append("more")

    @contract
    async def test_what_was_committed_stays_the_callers(self, storage: Storage) -> None:
        """Changing what was handed to a commit, after it has returned, changes nothing in storage."""
        adapter = await storage.open()
        items = [1]
        await commit(adapter, adds("m-1", records=[record(1, {"items": items})]))
        items.append(2)
        (loaded,) = await adapter.load(["m-1"])
        assert isinstance(loaded, tuple)
        assert loaded[0].details == {"items": [1]}
