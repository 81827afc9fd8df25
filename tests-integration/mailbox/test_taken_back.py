"""A request of which nobody knows whether it was applied holds back what comes behind it, until storage can say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from approvals import turns
from faulty_mailbox import Failing, Faulty, Holding
from mission_control.core import HistoryType, MissionContext, m
from mission_control.testing import FakeClock
from sending import Sender, cancel, code, end, signal, start, update
from storages import Kept, OpenCommander


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


order = m.define("order").start(input=int, run=begin).need_to("approve", int).need_to("ship", int).end()


class Slow:
    """The code of an update that returns when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, ctx: MissionContext[Any], input: int) -> int:
        self.runs += 1
        self.begun.set()
        await self.may_end.wait()
        return input


def updated(slow: Slow) -> Any:
    return m.define("order").update("slow", int, slow).start(input=int, run=begin).need_to("approve", int).end()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the owner try again soon."""
    monkeypatch.setattr("mission_control.core.commander.postman._LONGEST_BACKOFF", 0.2)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def entered(holding: Holding) -> None:
    async with asyncio.timeout(20):
        await holding.entered.wait()


async def test_what_comes_behind_waits_and_keeps_its_order(open_commander: OpenCommander, sender: Sender) -> None:
    """Also what comes while storage cannot say, for a while, what it has."""
    known = Failing(3)
    posted = [await sender.post(one) for one in (start("o-1", "order"), signal("o-1", "approve"))]
    await open_commander([order], wrap=lambda inner: Faulty(inner, commit=Failing(3), known=known))
    await until(lambda: known.left < 3)
    posted.append(await sender.post(signal("o-1", "ship")))
    assert [code(await sender.answer(one)) for one in posted] == [None] * 3
    types = await sender.types("o-1")
    assert types.count(HistoryType.SIGNAL_RECEIVED) == 2
    assert types[-1] is HistoryType.MISSION_COMPLETED


async def test_what_fails_while_storage_is_asked_is_asked_for_too(
    open_commander: OpenCommander, sender: Sender
) -> None:
    """An update that took effect, unknown to its owner, is not run again for a cancellation behind it that failed."""
    slow, commit, committed, known = Slow(), Failing(0), Failing(0), Holding()
    commander = await open_commander(
        [updated(slow)], wrap=lambda inner: Faulty(inner, commit=commit, committed=committed, known=known)
    )
    await commander.start("order", 1, mission_id="o-1")
    first = await sender.post(update("o-1", "slow", 5))
    await asyncio.wait_for(slow.begun.wait(), 20)
    known.close()
    commit.left = 1
    second = await sender.post(cancel("o-1"))
    await entered(known)
    committed.left = 1
    slow.may_end.set()
    await until(lambda: committed.left == 0)
    await turns()
    known.open()
    assert (await sender.answer(first)).value == 5
    assert code(await sender.answer(second)) is None
    types = await sender.types("o-1")
    assert (slow.runs, types.count(HistoryType.MISSION_UPDATE)) == (1, 1)
    assert types[-1] is HistoryType.MISSION_CANCELLED
    await commander.settled()
    assert await sender.refusals() == []


async def test_a_cancellation_does_not_overtake_what_failed(open_commander: OpenCommander, sender: Sender) -> None:
    """It was not begun when the signal before it failed: it is taken back, and comes behind that again."""
    commit = Holding(fails=True)
    storage = Kept(lambda inner: Faulty(inner, commit=commit))
    commander = await open_commander([order], wrap=storage)
    await commander.start(order, 1, mission_id="o-1")
    commit.close()
    posted = [await sender.post(signal("o-1", "approve")), await sender.post(cancel("o-1"))]
    await entered(commit)
    await until(lambda: storage.adapter.taken == posted)
    await turns()
    commit.open()
    assert [code(await sender.answer(one)) for one in posted] == [None, None]
    types = await sender.types("o-1")
    assert types.index(HistoryType.SIGNAL_RECEIVED) < types.index(HistoryType.MISSION_CANCELLED)


async def test_an_update_that_was_taken_back_is_not_recorded(open_commander: OpenCommander, sender: Sender) -> None:
    """Its code had run when a request before it failed: it runs again in its turn, and that is recorded."""
    slow, load_summary = Slow(), Holding(fails=True)
    definition = updated(slow)
    await (await open_commander([definition])).start("order", 1, mission_id="o-1")
    commander = await open_commander([definition], wrap=lambda inner: Faulty(inner, load_summary=load_summary))
    load_summary.close()
    ended = await sender.post(end("o-1"))
    await entered(load_summary)
    posted = await sender.post(update("o-1", "slow", 5))
    await asyncio.wait_for(slow.begun.wait(), 20)
    load_summary.open()
    await turns()
    slow.may_end.set()
    assert (await sender.answer(posted)).value == 5
    assert (slow.runs, (await sender.types("o-1")).count(HistoryType.MISSION_UPDATE)) == (2, 1)
    mission = await commander.get_mission("o-1")
    assert mission is not None
    await mission.cancel()
    assert code(await sender.answer(ended)) is None


@pytest.mark.parametrize("held", ["take", "known", "commit"])
async def test_an_owner_may_be_closed_meanwhile(open_commander: OpenCommander, sender: Sender, held: str) -> None:
    """While it looks, while it asks, or before a commit fails: the next one does what was asked, once."""
    holding, committed = Holding(fails=True), Failing(0)
    commander = await open_commander([order], wrap=lambda inner: Faulty(inner, committed=committed, **{held: holding}))
    await commander.start(order, 1, mission_id="o-1")
    holding.close()
    committed.left = int(held == "known")
    posted = await sender.post(signal("o-1", "approve"))
    await entered(holding)
    closing = asyncio.create_task(open_commander.close())
    await turns()
    if held == "commit":
        holding.open()
    await asyncio.wait_for(closing, 20)
    await open_commander([order])
    assert code(await sender.answer(posted)) is None
    assert (await sender.types("o-1")).count(HistoryType.SIGNAL_RECEIVED) == 1


class Broken(FakeClock):
    """A clock that fails while it is told to."""

    is_broken = False

    def now(self) -> datetime:
        if self.is_broken:
            raise RuntimeError("no time")
        return super().now()


async def test_a_fault_of_something_else_is_answered(
    open_commander: OpenCommander, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is tried for ever: the sender gets an error, and the owner logs what it was."""
    clock = Broken()
    await open_commander([order], clock=clock)
    clock.is_broken = True
    posted = await sender.post(start("o-1", "order"))
    answer = await sender.answer(posted)
    clock.is_broken = False
    assert (code(answer), answer.is_refused) == ("MISSION_EXECUTION_ERROR", True)
    assert f"request {posted} could not be served" in caplog.text
