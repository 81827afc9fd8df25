"""What storage promises to those who compare histories with what is stored beside them, and put that right."""

from __future__ import annotations

import attrs

from mission_control.core.history import MissionStatus, labels_of
from mission_control.core.storage import MissionQuery, MissionRows, PersistenceAdapter, StoredMission

from .missions import adds, after, child, commit, definition, ended, ids, record, signal, sleep, summary, wait
from .storage import Storage, contract


async def audited(adapter: PersistenceAdapter, after: str | None = None, limit: int = 99) -> dict[str, StoredMission]:
    """Return a page of what is stored, by id."""
    return {one.mission_id: one for one in await adapter.audit(limit=limit, after=after)}


def rows_of(stored: StoredMission) -> MissionRows:
    """Return what is stored beside a history, which is not damaged."""
    assert isinstance(stored.rows, MissionRows)
    return stored.rows


class AuditContract:
    """Reading all that is stored of missions, and writing anew what is stored beside their histories."""

    @contract
    async def test_an_audit_shows_all_that_is_stored(self, storage: Storage) -> None:
        """Histories, rows and open waits of every mission, in order of creation."""
        adapter = await storage.open()
        opened = [wait("waits"), wait("waits", "a/reply", timeout_at=after(9))]
        labelled = adds("waits", count=2, waiting=signal(), labels={"a": "b"}, opened=opened)
        parent = adds("parent", children=[child("parent", "x", **ended())])
        await commit(adapter, labelled, parent, adds("failed", **ended(MissionStatus.FAILED)))
        stored = await audited(adapter)
        assert list(stored) == ["waits", "parent", "parent/x", "failed"]
        assert [one.history for one in stored.values()] == list(await adapter.load(list(stored)))
        assert [rows_of(one).summary for one in stored.values()] == [
            await adapter.load_summary(name) for name in stored
        ]
        assert [rows_of(one).version for one in stored.values()] == [2, 1, 1, 1]
        waits = rows_of(stored["waits"]).waits
        assert sorted(waits, key=lambda one: one.event_name) == sorted(opened, key=lambda one: one.event_name)
        assert rows_of(stored["failed"]).waits == ()

    @contract
    async def test_an_audit_tells_the_only_definition(self, storage: Storage) -> None:
        """The one that a mission ran under, where its commit says so, as it was last; it is rewritten likewise."""
        adapter = await storage.open()
        first, second = definition("f-1"), definition("f-2")
        alone = attrs.evolve(adds("alone", definition=first), ran_under="f-1")
        moved = attrs.evolve(adds("moved", definition=first), ran_under="f-1")
        await commit(adapter, alone, moved)
        await commit(adapter, adds("moved", version=1, definition=second))
        found = await audited(adapter)
        assert {name: rows_of(one).ran_under for name, one in found.items()} == {"alone": "f-1", "moved": None}
        for ran_under in ("f-2", None):
            assert await adapter.rewrite(attrs.evolve(rows_of(found["alone"]), ran_under=ran_under)) is True
            assert rows_of((await audited(adapter))["alone"]).ran_under == ran_under

    @contract
    async def test_an_audit_is_read_page_by_page(self, storage: Storage) -> None:
        """A page goes on behind any mission, and behind none that is not there; one alone is found by its id."""
        adapter = await storage.open()
        await commit(adapter, *(adds(name) for name in "cab"))
        assert list(await audited(adapter, limit=2)) == ["c", "a"]
        assert list(await audited(adapter, "a", limit=2)) == ["b"]
        assert list(await audited(adapter, "never")) == []
        assert [one.mission_id for one in await adapter.audit(limit=1, mission_id="b")] == ["b"]
        assert list(await adapter.audit(limit=1, mission_id="never")) == []

    @contract
    async def test_rows_are_rewritten(self, storage: Storage) -> None:
        """All of them: what is shown, what is found by it, what becomes due, and which waits are open."""
        adapter = await storage.open()
        opened = [wait("a", timeout_at=after(50))]
        await commit(adapter, adds("a", waiting=signal(after(50)), labels={"old": "y"}, opened=opened))
        right = summary("a", mission_name="other", waiting=sleep(after(5)), labels={"x": "y"}, schedule="nightly")
        rows = MissionRows(summary=right, version=1, ran_under=None, waits=(wait("a", "late", mission_name="other"),))
        assert await adapter.rewrite(rows) is True
        for _ in range(2):
            assert await adapter.load_summary("a") == right
            assert ids(await adapter.due(after(5), limit=9)) == ["a"]
            assert ids(await adapter.list_missions(MissionQuery(labels=labels_of({"x": "y"})), limit=9)) == ["a"]
            assert ids(await adapter.list_missions(MissionQuery(labels=labels_of({"old": "y"})), limit=9)) == []
            assert list(await adapter.list_waits(limit=9)) == list(rows.waits)
            assert rows_of((await audited(adapter))["a"]) == rows
            adapter = await storage.reopen(adapter)

    @contract
    async def test_rewritten_rows_leave_the_history_as_it_is(self, storage: Storage) -> None:
        """It goes on from the same version."""
        adapter = await storage.open()
        await commit(adapter, adds("a", count=2))
        rows = rows_of((await audited(adapter))["a"])
        assert await adapter.rewrite(attrs.evolve(rows, summary=summary("a", **ended()))) is True
        assert ids(await adapter.list_interrupted(limit=9)) == []
        assert list(await adapter.load(["a"])) == [(record(1), record(2))]
        await commit(adapter, adds("a", version=2))
        assert ids(await adapter.list_interrupted(limit=9)) == ["a"]

    @contract
    async def test_rows_of_another_version_are_not_rewritten(self, storage: Storage) -> None:
        """The mission has gone on meanwhile, or is not there; then nothing is written."""
        adapter = await storage.open()
        await commit(adapter, adds("a", count=2), adds("b", count=2))
        rows = rows_of((await audited(adapter))["a"])
        await commit(adapter, adds("a", version=2, cursor="post"))
        wrong = attrs.evolve(rows, summary=summary("a", cursor="wrong"), waits=(wait("a"),))
        for version in (1, 2, 4):
            assert await adapter.rewrite(attrs.evolve(wrong, version=version)) is False
        assert await adapter.rewrite(attrs.evolve(rows, summary=summary("never"))) is False
        assert await adapter.load_summary("a") == summary("a", cursor="post")
        assert list(await adapter.list_waits(limit=9)) == []
        assert list(await audited(adapter)) == ["a", "b"]
