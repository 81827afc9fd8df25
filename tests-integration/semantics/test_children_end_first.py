"""Children that a mission waits for have ended before it is undone, however they come to their ends (rule 49)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from approvals import turns
from children import GO, Undos, begun, child_of, fail, given, make, nth, patient, three, types_of
from mission_control.core import (
    CommanderClosedError,
    CorruptMissionError,
    MissionContext,
    MissionDefinition,
    RetryPolicy,
    m,
)
from mission_control.core.storage import LoadOutcome
from mission_control.testing import FakeClock
from one_step import failure_of, found
from storages import Forwarding, Gate, Gated, Kept, OpenCommander, commits_pass


def undone_with(undo: Any, child: MissionDefinition[int]) -> MissionDefinition[int]:
    """Return a mission that can be undone, and waits for `child`."""
    return m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()


async def test_children_have_ended_before_their_parent_is_undone(open_commander: OpenCommander) -> None:
    """Their own undo included; the parent's history names whom it waits for, and their ends."""
    undo, gate = Undos(), Gate()

    async def slowly(ctx: MissionContext[int]) -> None:
        await gate(ctx)
        await undo(ctx)

    child = m.define("sub").start(input=int, run=given).step("make", make, undo=slowly).need_to(GO).end()
    path = m.path().mission("child", child, nth)
    definition = m.define("parent").start(input=int, run=given, undo=undo).each("all", three, path).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    await commits_pass(commander)
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor) == ("running", "undo:start")
    assert undo.steps == []
    gate.opened.set()
    assert (await cancelling).status == "cancelled"

    assert undo.steps[-1] == "p undo:start"
    assert sorted(undo.steps[:-1]) == [f"p/all[{index}]/child undo:make" for index in range(3)]
    (record,) = [record for record in await mission.history() if record.type == "mission-undoing"]
    assert sorted(record.details["children"]) == [f"p/all[{index}]/child" for index in range(3)]
    types = types_of(await mission.history())
    ends = [types.index(f"child-ended all[{index}]/child") for index in range(3)]
    assert types.index("mission-undoing") < min(ends)
    assert max(ends) < types.index("step-started undo:start")


async def test_failing_mission_is_undone_when_its_children_have_ended(open_commander: OpenCommander) -> None:
    """As one that is cancelled: the child of another path undoes what it did first."""
    undo, gate = Undos(), Gate()

    async def slowly(ctx: MissionContext[int]) -> None:
        await gate(ctx)
        await undo(ctx)

    child = m.define("sub").start(input=int, run=given).step("make", make, undo=slowly).need_to(GO).end()
    paths = {
        "child": m.path().mission("child", child, given),
        "fails": m.path().need_to(GO).step("fail", fail),
    }
    definition = m.define("parent").start(input=int, run=given, undo=undo).parallel("both", paths).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    await mission.signal(GO, "on", wait=False)
    await gate.begun.wait()
    await commits_pass(commander)
    assert undo.steps == []
    assert await mission.status() == "running"
    gate.opened.set()

    assert (await failure_of(mission)).message == "no"
    assert undo.steps == ["p/both/child/child undo:make", "p undo:start"]


async def test_families_are_undone_from_the_leaves(open_commander: OpenCommander) -> None:
    """Each level when the one below it has ended, in every branch of the family."""
    undo = Undos()
    leaf = m.define("leaf").start(input=int, run=given, undo=undo).need_to(GO).end()
    path = m.path().mission("leaf", leaf, nth)
    middle = m.define("middle").start(input=int, run=given, undo=undo).each("all", three, path).end()
    commander = await open_commander()
    mission = await begun(commander, undone_with(undo, middle))
    await mission.cancel()

    leaves = sorted(f"p/child/all[{index}]/leaf undo:start" for index in range(3))
    assert (sorted(undo.steps[:3]), undo.steps[3:]) == (leaves, ["p/child undo:start", "p undo:start"])


async def test_child_that_is_undone_for_its_own_failure_is_waited_for(open_commander: OpenCommander) -> None:
    """Cancelling the parent meanwhile changes nothing of that: the child has failed, and the parent is told so."""
    undo, gate = Undos(), Gate()

    async def slowly(ctx: MissionContext[int]) -> None:
        await gate(ctx)
        await undo(ctx)

    child = m.define("sub").start(input=int, run=given, undo=slowly).need_to(GO).step("fail", fail).end()
    commander = await open_commander()
    mission = await begun(commander, undone_with(undo, child))
    await (await child_of(commander)).signal(GO, "on", wait=False)
    await gate.begun.wait()
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await commits_pass(commander)
    assert undo.steps == []
    gate.opened.set()

    assert (await cancelling).status == "cancelled"
    assert undo.steps == ["p/child undo:start", "p undo:start"]
    assert await (await child_of(commander)).status() == "failed"
    (ended,) = [record for record in await mission.history() if record.type == "child-ended"]
    assert (ended.details["status"], ended.details["error"]["message"]) == ("failed", "no")


async def test_child_that_comes_into_being_as_its_parent_is_cancelled(open_commander: OpenCommander) -> None:
    """The commit that starts it is under way: it is cancelled behind that, and ends before its parent is undone."""
    undo, gate = Undos(), Gate()

    async def when_told(ctx: MissionContext[int]) -> int:
        await gate(ctx)
        return ctx.input

    child = m.define("sub").start(input=int, run=given, undo=undo).need_to(GO).end()
    definition = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, when_told).end()
    kept = Kept(Gated)
    commander = await open_commander(wrap=kept)
    mission = await commander.start(definition, 4, mission_id="p", wait=False)
    await gate.begun.wait()
    kept.adapter.gate.clear()
    kept.adapter.arrived.clear()
    gate.opened.set()
    await kept.adapter.arrived.wait()
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await asyncio.sleep(0)
    kept.adapter.gate.set()

    assert (await cancelling).status == "cancelled"
    types = types_of(await mission.history())
    assert types.index("child-started child") < types.index("mission-undoing") < types.index("child-ended child")
    assert undo.steps[-1] == "p undo:start"
    assert await (await child_of(commander)).status() == "cancelled"


async def test_children_that_nobody_waits_for_hold_up_no_undoing(open_commander: OpenCommander) -> None:
    """They are left alone, and the parent is undone at once."""
    undo = Undos()
    definition = (
        m.define("parent")
        .start(input=int, run=given, undo=undo)
        .mission("free", patient, given, wait=False)
        .mission("child", patient, given)
        .end()
    )
    commander = await open_commander()
    mission = await begun(commander, definition)
    await mission.cancel()

    assert undo.steps == ["p undo:start"]
    (record,) = [record for record in await mission.history() if record.type == "mission-undoing"]
    assert record.details["children"] == ["p/child"]
    assert await (await child_of(commander, "p/free")).status() == "waiting"
    assert await (await child_of(commander)).status() == "cancelled"


async def test_both_ends_at_once_agree(open_commander: OpenCommander) -> None:
    """A child is let go on as its parent is cancelled: whoever is first, the end of the child is on record once."""
    undo = Undos()
    commander = await open_commander()
    for number, order in enumerate(("child first", "parent first")):
        definition = m.define(order).start(input=int, run=given, undo=undo).mission("child", patient, given).end()
        mission = await commander.start(definition, 4, mission_id=f"p-{number}")
        await commander.settled()
        child = await child_of(commander, f"p-{number}/child")
        asked = [child.signal(GO, "on", wait=False), mission.cancel()]
        await asyncio.gather(*(asked if order == "child first" else asked[::-1]), return_exceptions=True)
        await commander.settled()

        ended = [record for record in await mission.history() if record.type == "child-ended"]
        assert [record.details["status"] for record in ended] == [await child.status()]
        parent = await mission.status()
        assert (parent, undo.steps.count(f"p-{number} undo:start")) in (("completed", 0), ("cancelled", 1))


class Broken(Forwarding):
    """Storage in which the child's rows cannot be read, for as long as `is_broken`."""

    is_broken = False

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        broken = CorruptMissionError("mission 'p/child': broken")
        read = await super().load(mission_ids)
        return [
            broken if self.is_broken and one == "p/child" else it for one, it in zip(mission_ids, read, strict=True)
        ]


async def test_parent_waits_for_a_child_that_cannot_be_read_until_it_can(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows whether that has ended: it is said once, not tried in a loop, and goes on when it was repaired."""
    undo = Undos()
    definition = undone_with(undo, patient)
    commander = await open_commander([definition])
    await begun(commander, definition)
    kept = Kept(Broken)
    commander = await open_commander([definition], wrap=kept)
    await commander.settled()
    kept.adapter.is_broken = True
    with caplog.at_level(logging.WARNING):
        cancelling = asyncio.create_task(commander.cancel_mission("p"))
        await commits_pass(commander)
        await commander.settled()
    assert not cancelling.done()
    assert undo.steps == []
    assert sum("p/child, a child of p, was to be cancelled and cannot be yet" in line for line in caplog.messages) == 1
    commander = await open_commander([definition])
    await asyncio.gather(cancelling, return_exceptions=True)

    assert (await (await found(commander, "p")).result()).status == "cancelled"
    assert undo.steps == ["p undo:start"]


async def test_parent_waits_with_undoing_for_a_child_that_cannot_be_cancelled_yet(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """A child with something to undo, and without its definition: a warning says so, and registering it helps."""
    undo = Undos()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=undo).need_to(GO).end()
    commander = await open_commander()
    before = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()
    await begun(commander, before)
    other = m.define("other").start(input=int, run=given).end()
    after = m.define("parent").start(input=int, run=given, undo=undo).mission("child", other, given).end()
    with caplog.at_level(logging.WARNING):
        commander = await open_commander([after])
        cancelling = asyncio.create_task((await found(commander, "p")).cancel("enough"))
        await asyncio.sleep(0)
        await commander.settled()
    assert not cancelling.done()
    assert undo.steps == []
    assert any("'p/child'" in line or "p/child" in line for line in caplog.messages)
    commander.register(child)

    assert (await asyncio.wait_for(cancelling, 30)).status == "cancelled"
    assert undo.steps == ["p/child undo:make", "p undo:start"]


async def test_child_that_is_gone_counts_as_ended(open_commander: OpenCommander) -> None:
    """Somebody has deleted it from storage: its parent is undone all the same."""
    undo = Undos()

    class Without(Forwarding):
        is_gone = False

        async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
            found = await super().load(mission_ids)
            return [
                None if self.is_gone and one == "p/child" else it for one, it in zip(mission_ids, found, strict=True)
            ]

    definition = m.define("parent").start(input=int, run=given, undo=undo).mission("child", patient, given).end()
    commander = await open_commander([definition])
    await begun(commander, definition)
    kept = Kept(Without)
    commander = await open_commander([definition], wrap=kept)
    kept.adapter.is_gone = True

    assert (await asyncio.wait_for(commander.cancel_mission("p"), 30)).status == "cancelled"
    assert undo.steps == ["p undo:start"]


async def test_closing_while_children_are_cancelled_loses_nothing(open_commander: OpenCommander) -> None:
    """The next process goes on with the child's undo, and then with the parent's."""
    undo, gate = Undos(), Gate()

    async def slowly(ctx: MissionContext[int]) -> None:
        await gate(ctx)
        await undo(ctx)

    child = m.define("sub").start(input=int, run=given).step("make", make, undo=slowly).need_to(GO).end()
    definition = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()
    commander = await open_commander([definition])
    mission = await begun(commander, definition)
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    gate.begun.clear()
    commander = await open_commander([definition])
    with contextlib.suppress(Exception):
        await cancelling
    await gate.begun.wait()
    assert undo.steps == []
    gate.opened.set()
    await (await found(commander, "p")).result()

    assert undo.steps == ["p/child undo:make", "p undo:start"]


# Who waits for what a signal led to


def failing_beside(child: MissionDefinition[int]) -> MissionDefinition[int]:
    """Return a mission that fails when it is told to go, while it waits for `child`, and can be undone."""
    paths = {"fails": m.path().need_to(GO).step("fail", fail), "child": m.path().mission("child", child, given)}
    return m.define("parent").start(input=int, run=given, undo=Undos()).parallel("p", paths).end()


def undone_later() -> MissionDefinition[int]:
    """Return a mission whose undo fails once, and is tried again an hour later."""
    failures = iter([True])

    async def sometimes(ctx: MissionContext[int]) -> None:
        if next(failures, False):
            raise ValueError("not yet")

    again = RetryPolicy(max_attempts=2, initial_interval=3600)
    return m.define("sub").start(input=int, run=given, undo=sometimes, undo_retry=again).need_to(GO).end()


async def test_sender_is_told_when_the_children_have_ended(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The first one, and one that repeats: the mission runs until it is undone, and is not kept in memory for them."""
    definition = failing_beside(undone_later())
    commander = await open_commander()
    mission = await begun(commander, definition)
    senders = [asyncio.create_task(mission.signal(GO, "go", key="k")) for _ in range(2)]
    await turns()
    await commander.settled()
    assert (await mission.status(), [sender.done() for sender in senders]) == ("running", [False, False])
    await fake_clock.advance(3600)
    await asyncio.gather(*senders)

    assert await mission.status() == "failed"


async def test_sender_that_waits_for_children_is_told_of_the_close(open_commander: OpenCommander) -> None:
    """The first one, and one that repeats: nobody is left waiting for a mission that nobody runs any more."""
    definition = failing_beside(undone_later())
    commander = await open_commander()
    mission = await begun(commander, definition)
    senders = [asyncio.create_task(mission.signal(GO, "go", key="k")) for _ in range(2)]
    await turns()
    await commander.settled()
    await commander.close()

    for sender in senders:
        with pytest.raises(CommanderClosedError):
            await asyncio.wait_for(sender, 5)
