"""The mailbox of storage in memory: who is rung, and what is read."""

from __future__ import annotations

import asyncio

from mission_control.core import MissionStatus
from mission_control.core.storage import CancelRequest, OwnedMailbox
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.testing.conformance.missions import adds, commit, schedule


def owned(adapter: InMemoryAdapter) -> OwnedMailbox:
    mailbox = adapter.mailbox()
    assert mailbox is not None
    return mailbox


async def test_owner_that_closes_late_does_not_silence_the_next_one() -> None:
    """One that was abandoned may close when another has opened already."""
    adapter = InMemoryAdapter()
    rings: list[str] = []
    first, second = owned(adapter), owned(adapter)
    await first.open(lambda: rings.append("first"))
    await second.open(lambda: rings.append("second"))
    await first.close()
    outbox = await adapter.entrance().open(lambda: None)
    await outbox.post(CancelRequest(mission_id="x"), is_awaited=False)
    assert rings == ["second"]
    await outbox.close()
    await second.close()


async def test_who_sends_to_the_owner_lists_its_schedules() -> None:
    """Each with the status of its last mission, whether anybody owns the storage or not."""
    adapter = InMemoryAdapter()
    outbox = await adapter.entrance().open(lambda: None)
    assert list(await outbox.list_schedules()) == []
    await adapter.bootstrap()
    await commit(adapter, adds("m-1"))
    fires, idle = schedule("fires", last_mission_id="m-1"), schedule("idle")
    await adapter.record_schedules([idle, fires])
    await adapter.close()
    assert list(await outbox.list_schedules()) == [(fires, MissionStatus.RUNNING), (idle, None)]
    await outbox.close()


def test_an_owner_whose_loop_has_ended_is_none() -> None:
    """It has not given the storage up, and owns it no longer."""
    adapter = InMemoryAdapter()

    async def look() -> bool:
        outbox = await adapter.entrance().open(lambda: None)
        try:
            return await outbox.owner() is not None
        finally:
            await outbox.close()

    async def own() -> bool:
        await adapter.bootstrap()
        return await look()

    assert asyncio.run(own())
    assert not asyncio.run(look())
