"""What `change_token` promises: it tells that anything was written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs

from mission_control.core.history import MissionStatus
from mission_control.core.storage import MissionRows, PersistenceAdapter

from .missions import START, adds, after, child, commit, definition, ended, schedule, signal, sleep, wait
from .storage import Storage, contract


async def rewritten(adapter: PersistenceAdapter, mission_id: str, **fields: Any) -> bool:
    """Return whether what is stored beside a mission's history was replaced, with these fields of its row."""
    (stored,) = await adapter.audit(limit=1, mission_id=mission_id)
    assert isinstance(stored.rows, MissionRows)
    summary = attrs.evolve(stored.rows.summary, cursor="post")
    return await adapter.rewrite(attrs.evolve(stored.rows, summary=summary, **fields))


class ChangesContract:
    """Telling that something has changed."""

    @contract
    async def test_reading_changes_nothing(self, storage: Storage) -> None:
        """The token stays what it is, however often anything is read."""
        adapter = await storage.open()
        await commit(adapter, adds("a", waiting=sleep(after(5)), definition=definition()), adds("b"))
        token = await adapter.change_token()
        for _ in range(2):
            await adapter.load(["a", "b", "c"])
            await adapter.list_missions(limit=9)
            await adapter.list_waits(limit=9)
            await adapter.list_definitions()
            await adapter.due(after(9), limit=9)
            await adapter.statistics(START)
            await adapter.audit(limit=9)
            assert await adapter.change_token() == token

    @contract
    async def test_what_was_not_written_changes_nothing(self, storage: Storage) -> None:
        """A stale member, an empty batch, and rows of another version are nothing that is there."""
        adapter = await storage.open()
        await commit(adapter, adds("a"))
        token = await adapter.change_token()
        assert list(await adapter.commit([])) == []
        assert None not in await adapter.commit([adds("a"), adds("b", children=[adds("a")])])
        assert not await rewritten(adapter, "a", version=7)
        assert await adapter.change_token() == token

    @contract
    async def test_each_commit_changes_the_token(self, storage: Storage) -> None:
        """Whatever it writes, and whether or not another member is stale; no token comes again."""
        adapter = await storage.open()
        tokens = [await adapter.change_token()]
        for batch in (
            [adds("a", definition=definition())],
            [adds("a", version=1)],
            [adds("a", version=1), adds("b", waiting=signal(), opened=[wait("b")])],
            [adds("b", version=1, waiting=signal(), children=[child("b", "x")])],
            [adds("b", version=2, **ended())],
        ):
            await adapter.commit(batch)
            tokens.append(await adapter.change_token())
        assert len(set(tokens)) == len(tokens)

    @contract
    async def test_rows_of_schedules_change_the_token(self, storage: Storage) -> None:
        """A new one does, and one that is written again."""
        adapter = await storage.open()
        tokens = [await adapter.change_token()]
        for next_slot in (after(60), after(120)):
            await adapter.record_schedules([schedule("nightly", next_slot=next_slot)])
            tokens.append(await adapter.change_token())
        assert len(set(tokens)) == len(tokens)

    @contract
    async def test_rows_that_are_put_right_change_the_token(self, storage: Storage) -> None:
        """What is stored beside a history is shown, too."""
        adapter = await storage.open()
        await commit(adapter, adds("a", cursor="pack"))
        token = await adapter.change_token()
        assert await rewritten(adapter, "a")
        assert await adapter.change_token() != token

    @contract
    async def test_a_purge_changes_the_token(self, storage: Storage) -> None:
        """What is deleted is shown no more."""
        adapter = await storage.open()
        await commit(adapter, adds("a", **ended()), adds("b"))
        token = await adapter.change_token()
        before, statuses = START + timedelta(days=1), [MissionStatus.COMPLETED]
        assert await adapter.purge(before, statuses=statuses, limit=9) == 1
        assert await adapter.change_token() != token

    @contract
    async def test_no_token_comes_again_in_reopened_storage(self, storage: Storage) -> None:
        """Whoever looked before the storage was closed sees that something was written since."""
        adapter = await storage.open()
        tokens: list[str] = []
        for version in range(4):
            await commit(adapter, adds("a", version=version))
            tokens.append(await adapter.change_token())
            adapter = await storage.reopen(adapter)
        assert len(set(tokens)) == len(tokens)
