"""Clients of a commander that is neither a runtime's nor behind a mailbox."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import Commander, MissionContext, MissionStatus, create_commander, m


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


definition = m.define("it").start(input=int, run=begin).need_to("go", str).end()


async def test_a_commander_is_asked(in_memory_commander: Commander) -> None:
    """With the note of who asks."""
    client = create_commander_client(commander=in_memory_commander, by="an operator")
    handle = await client.start_mission(definition, 1)
    await handle.signal("go", "on")

    assert (await handle.result()).status is MissionStatus.COMPLETED
    assert [one.by for one in (await handle.inspect()).signals] == ["an operator"]


async def test_what_is_no_commander_is_refused(in_memory_commander: Commander) -> None:
    """As are definitions, which it has itself."""
    with pytest.raises(TypeError, match="expected a Commander, found int 5"):
        create_commander_client(commander=cast("Any", 5))
    with pytest.raises(TypeError, match="has its own"):
        create_commander_client(commander=in_memory_commander, definitions=[definition])


def test_callers_that_wait_have_a_commander_made_for_them() -> None:
    """On the client's own thread; closing the client closes it."""
    made: list[Commander] = []

    async def make() -> Commander:
        await asyncio.sleep(0)
        made.append(create_commander(definitions=[definition]))
        return made[0]

    with create_blocking_client(commander=make) as client:
        handle = client.start_mission(definition, 1)
        handle.signal("go", "on")
        assert handle.result().status is MissionStatus.COMPLETED

    assert made[0].closed


def test_a_commander_that_cannot_be_made_is_told() -> None:
    """And no thread is left behind."""

    async def make() -> Commander:
        raise ConnectionError("nobody there")

    with pytest.raises(ConnectionError, match="nobody there"):
        create_blocking_client(commander=make)
