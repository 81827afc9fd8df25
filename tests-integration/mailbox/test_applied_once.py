"""Rule 53, and that a request is applied exactly once, whatever fails or dies between its coming and its answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Literal

import pytest

from faulty_mailbox import Failing, Faulty
from mission_control.client.patience import is_heard
from mission_control.core import (
    HistoryType,
    MissionContext,
    MissionStatus,
    PersistenceAdapter,
    m,
)
from mission_control.testing import FaultInjectingAdapter
from sending import Sender, cancel, code, end, signal, start, update
from storages import Gate, OpenCommander


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


def add(ctx: MissionContext[int], input: int) -> int:
    return ctx.input + input


order = (
    m.define("order")
    .update("add", int, add)
    .start(input=int, run=begin)
    .need_to("approve", int)
    .step("pack", begin)
    .need_to("ship", int)
    .end()
)


def silent(inner: PersistenceAdapter) -> Faulty:
    """Storage whose owner does not come to answering."""
    return Faulty(inner, record=Failing(1_000_000), end=Failing(1_000_000))


@pytest.mark.parametrize("wait", [True, False])
async def test_the_owner_dies_between_applying_and_answering(
    open_commander: OpenCommander, sender: Sender, wait: bool
) -> None:
    """The next owner finds that each was applied, answers, and applies nothing again."""
    commander = await open_commander([order], wrap=silent)
    posted = [
        await sender.post(one, wait=wait)
        for one in (start("o-1", "order"), signal("o-1", "approve"), signal("o-1", "ship"))
    ]
    await commander.settled()
    before = await sender.types("o-1")
    assert before[-1] is HistoryType.MISSION_COMPLETED
    await open_commander.crash()
    await open_commander([order])
    assert [code(await sender.answer(one)) for one in posted if wait] == [None, None, None][: 3 * wait]
    await sender.ask(end("o-1"))
    assert await sender.types("o-1") == before
    assert await sender.refusals() == []


async def test_an_update_is_answered_by_the_next_owner(open_commander: OpenCommander, sender: Sender) -> None:
    """What its code returned is in the commit that recorded it."""
    commander = await open_commander([order], wrap=silent)
    await commander.start(order, 1, mission_id="o-1")
    posted = await sender.post(update("o-1", "add", 2))
    await commander.settled()
    await open_commander.crash()
    await open_commander([order])
    assert (await sender.answer(posted)).value == 3
    assert (await sender.types("o-1")).count(HistoryType.MISSION_UPDATE) == 1


async def test_a_cancellation_is_answered_by_the_next_owner(open_commander: OpenCommander, sender: Sender) -> None:
    """When the mission has ended."""
    commander = await open_commander([order], wrap=silent)
    await commander.start(order, 1, mission_id="o-1")
    posted = await sender.post(cancel("o-1", reason="enough"))
    await commander.settled()
    await open_commander.crash()
    await open_commander([order])
    assert code(await sender.answer(posted)) is None
    assert (await sender.types("o-1")).count(HistoryType.MISSION_CANCELLED) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 7))
async def test_a_commit_fails(
    open_commander: OpenCommander, sender: Sender, number: int, when: Literal["before", "after"]
) -> None:
    """Before it takes effect or after: the owner goes on by itself, in the order in which requests came."""
    asked = (
        start("o-1", "order"),
        update("o-1", "add", 2),
        signal("o-1", "approve"),
        signal("o-1", "ship"),
        end("o-1"),
    )
    posted = [await sender.post(one) for one in asked]
    await open_commander([order], wrap=partial(FaultInjectingAdapter, fail_commits={number}, when=when))
    assert [code(await sender.answer(one)) for one in posted] == [None] * len(posted)
    types = await sender.types("o-1")
    counted = {kind: types.count(kind) for kind in (HistoryType.SIGNAL_RECEIVED, HistoryType.MISSION_UPDATE)}
    assert counted == {HistoryType.SIGNAL_RECEIVED: 2, HistoryType.MISSION_UPDATE: 1}
    assert types.count(HistoryType.MISSION_CREATED) == types.count(HistoryType.MISSION_COMPLETED) == 1
    assert await sender.refusals() == []


@pytest.mark.parametrize("what", ["take", "record", "end"])
async def test_the_mailbox_fails(
    open_commander: OpenCommander, sender: Sender, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again until it works, and nothing is applied twice."""
    monkeypatch.setattr("mission_control.core.commander.postman._LONGEST_BACKOFF", 0.2)
    fault = Failing(2)
    await open_commander([order], wrap=lambda inner: Faulty(inner, **{what: fault}))
    for asked in (start("o-1", "order"), signal("o-1", "approve"), signal("o-1", "never"), signal("o-1", "ship")):
        await sender.ask(asked)
    assert fault.left == 0
    assert (await sender.types("o-1")).count(HistoryType.SIGNAL_RECEIVED) == 2
    assert await sender.refusals() == [("signal", "MISSION_SIGNAL_ERROR")]


async def test_what_is_held_stays_in_the_mailbox(open_commander: OpenCommander, sender: Sender) -> None:
    """Signals that beat their wait are not lost where the owner is closed, or dies: the next one has them."""
    gate = Gate()
    gated = m.define("gated").start(input=int, run=begin).step("gate", gate).need_to("a", int).need_to("b", int).end()
    await open_commander([gated])
    await sender.post(start("g-1", "gated"), wait=False)
    await asyncio.wait_for(gate.begun.wait(), 5)
    first, second = await sender.post(signal("g-1", "a")), await sender.post(signal("g-1", "b"))
    await open_commander.close()
    assert not await is_heard(sender.outbox)
    gate.begun.clear()
    await open_commander([gated])
    await asyncio.wait_for(gate.begun.wait(), 5)
    await open_commander.crash()
    assert await sender.outbox.answers([first, second]) == {}
    gate.opened.set()
    await open_commander([gated])
    assert (code(await sender.answer(first)), code(await sender.answer(second))) == (None, None)
    assert (await sender.types("g-1"))[-1] is HistoryType.MISSION_COMPLETED


async def test_what_is_held_holds_up_no_cancellation(open_commander: OpenCommander, sender: Sender) -> None:
    """A cancellation behind it is done at once, and then what was held is refused."""
    gate = Gate()
    gated = m.define("gated").start(input=int, run=begin).step("gate", gate).need_to("a", int).end()
    commander = await open_commander([gated])
    await sender.post(start("g-1", "gated"), wait=False)
    await asyncio.wait_for(gate.begun.wait(), 5)
    held = await sender.post(signal("g-1", "a"))
    assert code(await sender.ask(cancel("g-1"))) is None
    assert code(await sender.answer(held)) == "MISSION_SIGNAL_ERROR"
    mission = await commander.get_mission("g-1")
    assert mission is not None
    assert await mission.status() is MissionStatus.CANCELLED


async def test_what_is_applied_and_goes_on(open_commander: OpenCommander, sender: Sender) -> None:
    """Who asks meanwhile hears that it was applied; the final answer comes when the mission rests."""
    gate = Gate()
    gated = m.define("gated").start(input=int, run=begin).need_to("a", int).step("gate", gate).end()
    await open_commander([gated])
    await sender.ask(start("g-1", "gated"))
    posted = await sender.post(signal("g-1", "a"))
    await asyncio.wait_for(gate.begun.wait(), 5)
    answer = (await sender.outbox.answers([posted]))[posted]
    assert not answer.is_final
    gate.opened.set()
    assert (await sender.answer(posted)).is_final


async def many(sender: Sender, mission_id: str) -> None:
    for number in range(20):
        await sender.post(signal(mission_id, f"s-{number}", number), wait=False)


async def test_order_within_a_mission(open_commander: OpenCommander, sender: Sender) -> None:
    """Each is for a wait that begins when the one before it has been taken: out of order, it would be refused."""
    definition: Any = m.define("chain").start(input=int, run=begin)
    for number in range(20):
        definition = definition.need_to(f"s-{number}", int)
    chain = definition.end()
    for mission_id in ("c-1", "c-2"):
        await sender.post(start(mission_id, "chain"), wait=False)
    await asyncio.gather(*(many(sender, mission_id) for mission_id in ("c-1", "c-2")))
    await open_commander([chain])
    for mission_id in ("c-1", "c-2"):
        await sender.ask(end(mission_id))
    assert await sender.refusals() == []
