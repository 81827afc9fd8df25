"""The mailbox of storage in memory, and storage that has none."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest

from mission_control.core import (
    MissionContext,
    MissionValidationError,
    OwnedMailbox,
    PersistenceError,
    create_commander,
    m,
)
from mission_control.in_memory_commander import (
    create_in_memory_persistence_adapter,
    in_memory_mailbox,
)
from sending import Sender, code, start
from storages import Forwarding, OpenCommander


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


order = m.define("order").start(input=int, run=begin).end()


class WithoutMailbox(Forwarding):
    """Storage that no other process can reach."""

    def mailbox(self) -> OwnedMailbox | None:
        return None


async def test_storage_may_have_no_mailbox(open_commander: OpenCommander) -> None:
    """Missions run, and a commander ends, dead or closed, as with one."""
    for number in range(2):
        commander = await open_commander([order], wrap=WithoutMailbox)
        mission = await commander.start(order, number)
        assert await mission.output() == number
        await open_commander.crash()
    await open_commander([order], wrap=WithoutMailbox)


def test_only_storage_in_memory_has_one_in_memory() -> None:
    """The error says what was expected."""
    with pytest.raises(TypeError, match="expected storage in memory"):
        in_memory_mailbox(cast("Any", 5))


async def test_sides_may_be_on_two_threads() -> None:
    """Each rings the other one's loop; one that has ended is rung no more."""
    adapter = create_in_memory_persistence_adapter()
    codes: list[str | None] = []

    async def send() -> None:
        sender = await Sender.of(in_memory_mailbox(adapter))
        codes.append(code(await sender.ask(start("x", "order"))))  # and is never closed

    async with create_commander(definitions=[order], persistence=adapter) as commander:
        thread = threading.Thread(target=asyncio.run, args=[send()])
        thread.start()
        await asyncio.to_thread(thread.join)
        assert codes == [None]
        await commander.settled()
    async with create_commander(definitions=[order], persistence=adapter):
        pass


async def test_what_has_no_json_form_is_not_sent() -> None:
    """It is refused before anything is kept."""
    sender = await Sender.of(in_memory_mailbox(create_in_memory_persistence_adapter()))
    with pytest.raises(MissionValidationError, match="cannot be sent"):
        await sender.post(start("x", "order", object()))
    await sender.outbox.close()
    with pytest.raises(PersistenceError, match="closed"):
        await sender.post(start("x", "order"))
