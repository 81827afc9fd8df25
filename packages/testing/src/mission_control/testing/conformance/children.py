"""What `commit` promises of missions that a mission creates, and `list_strays` of those it awaits or let go."""

from __future__ import annotations

from mission_control.core.errors import StaleMissionError
from mission_control.core.history import MissionStatus
from mission_control.core.storage import MissionCommit, PersistenceAdapter

from .listings import pages
from .missions import adds, after, child, child_end, commit, definition, ended, history, ids, signal, sleep, summary
from .storage import Storage, contract

CANCELLED = MissionStatus.CANCELLED

MANY = 1_000
"""Missions that one commit creates."""


async def stale(adapter: PersistenceAdapter, *batch: MissionCommit) -> list[str | None]:
    """Commit, and return for each member None, or the id of the mission that was changed."""
    outcomes = await adapter.commit(batch)
    return [None if outcome is None else outcome.mission_id for outcome in outcomes]


class ChildContract:
    """Missions that come with the commit of another one: both are written, or neither."""

    @contract
    async def test_children_are_created_with_their_parent(self, storage: Storage) -> None:
        """A commit that creates children writes their records, rows and definitions beside the parent's own."""
        adapter = await storage.open()
        await commit(adapter, adds("p", count=2))
        children = [child("p", "billing", count=3, definition=definition()), child("p", "mail", is_awaited=False)]
        await commit(adapter, adds("p", version=2, waiting=child_end("p"), children=children))
        assert [await history(adapter, name) for name in ("p", "p/billing", "p/mail")] == [[1, 2, 3], [1, 2, 3], [1]]
        assert await adapter.load_summary("p") == summary("p", waiting=child_end("p"))
        assert await adapter.load_summary("p/billing") == summary("p/billing", parent_id="p")
        assert await adapter.load_summary("p/mail") == summary("p/mail", parent_id="p")
        assert await adapter.load_definition("f-1") == {"name": "order"}

    @contract
    async def test_children_are_listed_behind_their_parent(self, storage: Storage) -> None:
        """In the order of creation they come where the member that creates them stands, in their own order."""
        adapter = await storage.open()
        await commit(adapter, adds("old"))
        family = adds("p", children=[child("p", "z"), child("p", "a")])
        await commit(adapter, adds("first"), family, adds("old", version=1, children=[child("old", "c")]), adds("last"))
        assert ids(await adapter.list_missions(limit=9)) == ["old", "first", "p", "p/z", "p/a", "old/c", "last"]

    @contract
    async def test_a_child_goes_on_like_any_mission(self, storage: Storage) -> None:
        """A child has a version of its own, and keeps its parent whatever it does."""
        adapter = await storage.open()
        await commit(adapter, adds("p", children=[child("p", "billing", count=2)]))
        await commit(adapter, adds("p/billing", version=2, parent_id="p"))
        await commit(adapter, adds("p/billing", version=3, parent_id="p", waiting=sleep(after(9))))
        assert await history(adapter, "p/billing") == [1, 2, 3, 4]
        assert await adapter.load_summary("p/billing") == summary("p/billing", parent_id="p", waiting=sleep(after(9)))

    @contract
    async def test_many_children_are_created_at_once(self, storage: Storage) -> None:
        """A member may create a thousand missions, in one commit with other members."""
        adapter = await storage.open()
        names = [f"item-{number}" for number in range(MANY)]
        await commit(adapter, adds("p", children=[child("p", name) for name in names]), adds("other"))
        found = ids(await adapter.list_missions(limit=2 * MANY))
        assert found == ["p", *(f"p/{name}" for name in names), "other"]

    @contract
    async def test_a_childs_id_that_is_taken_makes_its_parent_stale(self, storage: Storage) -> None:
        """The outcome names the child, whoever has its id and at whatever version."""
        adapter = await storage.open()
        await commit(adapter, adds("p"), adds("p/billing", count=3))
        (outcome,) = await adapter.commit([adds("p", version=1, children=[child("p", "a"), child("p", "billing")])])
        assert isinstance(outcome, StaleMissionError)
        assert outcome.mission_id == "p/billing"
        assert "p/billing" in str(outcome)

    @contract
    async def test_a_parent_is_not_written_without_its_children(self, storage: Storage) -> None:
        """Where one child's id is taken, nothing of the parent, its other children or their definitions is written."""
        adapter = await storage.open()
        await commit(adapter, adds("p"), adds("p/b"))
        children = [child("p", "a", definition=definition()), child("p", "b"), child("p", "c")]
        family = adds("p", version=1, waiting=signal(), definition=definition("f-2"), children=children)
        assert await stale(adapter, adds("x"), family, adds("y")) == [None, "p/b", None]
        assert ids(await adapter.list_missions(limit=9)) == ["p", "p/b", "x", "y"]
        assert await history(adapter, "p") == [1]
        assert await adapter.load_summary("p") == summary("p")
        assert await adapter.load_summary("p/b") == summary("p/b")
        assert await adapter.load_definition("f-1") is await adapter.load_definition("f-2") is None

    @contract
    async def test_children_are_not_written_without_their_parent(self, storage: Storage) -> None:
        """Where the parent itself is stale, it is named, and none of its children is created."""
        adapter = await storage.open()
        await commit(adapter, adds("p", count=2))
        family = adds("p", version=1, children=[child("p", "a", definition=definition())])
        assert await stale(adapter, family, adds("x")) == ["p", None]
        assert ids(await adapter.list_missions(limit=9)) == ["p", "x"]
        assert await adapter.load_definition("f-1") is None

    @contract
    async def test_an_id_that_is_taken_earlier_in_the_batch(self, storage: Storage) -> None:
        """Of two parts of a batch that create a mission, the first one does, be it a child or a member."""
        adapter = await storage.open()
        first, second = adds("p/a", count=2), adds("p", children=[child("p", "a")])
        assert await stale(adapter, first, second) == [None, "p/a"]
        assert await history(adapter, "p/a") == [1, 2]
        first, second = adds("q", children=[child("q", "a")]), adds("q/a", count=2)
        third = adds("r", children=[child("r", "a"), child("r", "b"), child("r", "a")])
        assert await stale(adapter, first, second, third) == [None, "q/a", "r/a"]
        assert await history(adapter, "q/a") == [1]
        assert ids(await adapter.list_missions(limit=9)) == ["p/a", "q", "q/a"]

    @contract
    async def test_what_a_stale_family_would_have_taken_is_free(self, storage: Storage) -> None:
        """The ids of children that were not created may be those of later members of the batch."""
        adapter = await storage.open()
        await commit(adapter, adds("p/b"))
        family = adds("p", children=[child("p", "a"), child("p", "b")])
        assert await stale(adapter, family, adds("p/a"), adds("p")) == ["p/b", None, None]
        assert ids(await adapter.list_missions(limit=9)) == ["p/b", "p/a", "p"]


async def create(adapter: PersistenceAdapter) -> None:
    """Create a parent with children that it awaits, and one that it does not."""
    awaited = [child("p", name) for name in ("z", "a", "m")]
    await commit(adapter, adds("p", children=[*awaited, child("p", "free", is_awaited=False)]))


def ends(mission_id: str, version: int = 1, status: MissionStatus = MissionStatus.COMPLETED) -> MissionCommit:
    """Return the end of a child."""
    return adds(mission_id, version=version, parent_id="p", **ended(status))


class StrayContract:
    """Children that something has to be done about: their parents have to be told, or they have to be cancelled."""

    @contract
    async def test_an_awaited_child_that_has_ended_is_a_stray(self, storage: Storage) -> None:
        """However it ended, it is listed, as a whole row, until it is let go; while it lives it is not."""
        adapter = await storage.open()
        await create(adapter)
        assert ids(await adapter.list_strays(limit=9)) == []
        await commit(adapter, ends("p/m"), ends("p/z", status=CANCELLED), ends("p/a", status=MissionStatus.FAILED))
        strays = list(await adapter.list_strays(limit=9))
        assert ids(strays) == ["p/z", "p/a", "p/m"]
        assert strays[2] == await adapter.load_summary("p/m")
        await commit(adapter, adds("p", version=1, let_go=["p/z", "p/m"]))
        assert ids(await adapter.list_strays(limit=9)) == ["p/a"]

    @contract
    async def test_a_child_that_was_let_go_is_a_stray_until_it_ends(self, storage: Storage) -> None:
        """Nobody wants it any more, whether it runs or waits; when it has ended, nothing is left to do."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("p", version=1, let_go=["p/z", "p/a"], **ended()))
        await commit(adapter, adds("p/z", version=1, parent_id="p", waiting=signal()))
        assert ids(await adapter.list_strays(limit=9)) == ["p/z", "p/a"]
        await commit(adapter, ends("p/z", 2, CANCELLED))
        assert ids(await adapter.list_strays(limit=9)) == ["p/a"]
        await commit(adapter, ends("p/a"))
        assert ids(await adapter.list_strays(limit=9)) == []

    @contract
    async def test_a_child_that_was_never_awaited_is_no_stray(self, storage: Storage) -> None:
        """Neither while it lives nor when it has ended, also where it is let go, as is what does not exist."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("p", version=1, let_go=["p/free", "p/nothing", "p"]))
        assert ids(await adapter.list_strays(limit=9)) == []
        await commit(adapter, ends("p/free"), adds("p", version=2, **ended()))
        assert ids(await adapter.list_strays(limit=9)) == []

    @contract
    async def test_a_child_is_awaited_again(self, storage: Storage) -> None:
        """One that was let go, or never awaited, is listed when it has ended, and not while it lives."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("p", version=1, let_go=["p/z", "p/a", "p/m"]))
        await commit(adapter, adds("p", version=2, awaited=["p/z", "p/a", "p/free"]))
        assert ids(await adapter.list_strays(limit=9)) == ["p/m"]
        await commit(adapter, ends("p/z"), ends("p/m"), ends("p/free"))
        assert ids(await adapter.list_strays(limit=9)) == ["p/z", "p/free"]
        await commit(adapter, adds("p", version=3, let_go=["p/z", "p/a"]))
        assert ids(await adapter.list_strays(limit=9)) == ["p/a", "p/free"]

    @contract
    async def test_an_ended_child_that_is_awaited_again_is_a_stray(self, storage: Storage) -> None:
        """Its parent is told of its end at once, also of one that was told and reopened since, and has ended anew."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, ends("p/z", status=CANCELLED), ends("p/a"))
        await commit(adapter, adds("p", version=1, let_go=["p/z", "p/a"], **ended(MissionStatus.FAILED)))
        await commit(adapter, adds("p/z", version=2, parent_id="p"), adds("p", version=2, awaited=["p/a", "p/z"]))
        adapter = await storage.reopen(adapter)
        assert ids(await adapter.list_strays(limit=9)) == ["p/a"]
        await commit(adapter, ends("p/z", 3))
        assert ids(await adapter.list_strays(limit=9)) == ["p/z", "p/a"]

    @contract
    async def test_a_stale_member_awaits_nothing(self, storage: Storage) -> None:
        """Who was to be awaited by a member that was not written is let go as before."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("p", version=1, let_go=["p/z"]))
        assert await stale(adapter, adds("p", version=7, awaited=["p/z"])) == ["p"]
        assert ids(await adapter.list_strays(limit=9)) == ["p/z"]

    @contract
    async def test_a_stale_member_lets_nothing_go(self, storage: Storage) -> None:
        """Who was let go by a member that was not written is awaited as before; what others let go is gone."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, adds("q", children=[child("q", "a")]))
        goes = adds("q", version=1, let_go=["q/a"])
        assert await stale(adapter, adds("p", version=7, let_go=["p/z"]), goes) == ["p", None]
        taken = adds("p", version=1, children=[child("p", "a")], let_go=["p/m"])
        assert await stale(adapter, taken) == ["p/a"]
        assert ids(await adapter.list_strays(limit=9)) == ["q/a"]

    @contract
    async def test_strays_come_in_pages(self, storage: Storage) -> None:
        """Pages in order of creation hold `limit` strays, and go on after any mission, also one that is none now."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, *(ends(name) for name in ("p/m", "p/a", "p/z")))
        assert await pages(adapter.list_strays, limit=2) == [["p/z", "p/a"], ["p/m"]]
        await commit(adapter, adds("p", version=1, let_go=["p/a"]))
        assert ids(await adapter.list_strays(limit=9, after="p/a")) == ["p/m"]
        assert ids(await adapter.list_strays(limit=9, after="p")) == ["p/z", "p/m"]
        assert ids(await adapter.list_strays(limit=9, after="nobody")) == []

    @contract
    async def test_reopened_storage_has_every_stray(self, storage: Storage) -> None:
        """Who is awaited and who was let go is known again when another adapter opens the storage."""
        adapter = await storage.open()
        await create(adapter)
        await commit(adapter, ends("p/z"), adds("p", version=1, let_go=["p/a"]))
        adapter = await storage.reopen(adapter)
        assert ids(await adapter.list_strays(limit=9)) == ["p/z", "p/a"]
        await commit(adapter, ends("p/m"))
        assert ids(await adapter.list_strays(limit=9)) == ["p/z", "p/a", "p/m"]
