"""The mailbox of storage in memory: who is rung."""

from __future__ import annotations

from mission_control.core.storage import CancelRequest, OwnedMailbox
from mission_control.core.storage.memory import InMemoryAdapter


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
