"""Families after crashes and failing storage: every end is told, once, and no child is lost (rules 47 to 49)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest

from children import GO, begun, child_of, fail, given, make, parent_of, patient, quick, types_of
from mission_control.core import (
    Commander,
    MissionContext,
    MissionFailedError,
    MissionNotFoundError,
    MissionSignalError,
    PersistenceAdapter,
    PersistenceError,
    m,
)
from mission_control.core.storage import LoadOutcome
from mission_control.testing import FaultInjectingAdapter, Life, crash_everywhere
from one_step import attempts_of, found
from storages import Forwarding, Gate, Gated, Kept, NewStorage, OpenCommander, commits_pass


async def test_childs_end_wakes_a_parent_that_was_read_from_storage(open_commander: OpenCommander) -> None:
    """Neither is in memory in the new process; the signal brings the child there, and its end the parent."""
    definition = parent_of(patient)
    commander = await open_commander([definition])
    await begun(commander, definition)
    await open_commander.crash()
    commander = await open_commander([definition])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()

    assert await (await found(commander, "p")).status() == "completed"


@pytest.mark.parametrize(("when", "expected"), [("before", "waiting"), ("after", "cancelled")])
async def test_child_is_cancelled_where_the_commit_that_let_it_go_took_effect(
    open_commander: OpenCommander, when: Any, expected: str
) -> None:
    """Its answer was lost: what the commit did is found when the parent is read again, without a restart."""
    fails: list[int] = []
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda n: n in fails, when=when))
    paths = {"child": m.path().mission("child", patient, given), "other": m.path().need_to("other", int)}
    definition = m.define("parent").start(input=int, run=given).race("r", paths).need_to("end", int).end()
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    child = await child_of(commander, "p/r/child/child")
    fails.append(kept.adapter.commits + 1)
    with pytest.raises(PersistenceError):
        await mission.signal("other", 1)
    with contextlib.suppress(MissionSignalError):
        await mission.signal("end", 1)  # which has the parent read again
    await commander.settled()

    assert await child.status() == expected


async def test_end_of_a_child_that_its_parent_was_not_told_of(open_commander: OpenCommander) -> None:
    """The process dies with the end durable and the parent asleep: the next one tells it."""
    definition = parent_of(patient)
    kept = Kept(Gated)
    commander = await open_commander([definition], wrap=kept)
    await begun(commander, definition)
    child = await child_of(commander)
    signalling = asyncio.create_task(child.signal(GO, "on"))
    while await child.status() != "completed":
        kept.adapter.gate.set()
        await asyncio.sleep(0)
        kept.adapter.gate.clear()
    kept.adapter.gate.clear()
    await open_commander.crash()
    kept.adapter.gate.set()
    with contextlib.suppress(Exception):
        await signalling
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await found(commander, "p")).output() == "made"


async def family_lives(life: Life) -> None:
    """Two children beside one another, one of which has a child, and one of which nobody waits for."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    paths = {"deep": m.path().mission("child", middle, given), "flat": m.path().mission("child", quick, given)}
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .parallel("both", paths)
        .mission("free", quick, given, wait=False)
        .step("last", lambda ctx: [ctx.output("both/deep/child"), ctx.output("both/flat/child"), ctx.output("free")])
        .end()
    )
    mission = await life.commander.start(definition, 4, mission_id="p", if_exists="return")
    await life.commander.settled()
    leaf = await life.commander.get_mission("p/both/deep/child/leaf")
    assert leaf is not None
    await life.signal(leaf, GO, "on")
    await life.commander.settled()
    assert await mission.output() == ["made", 8, "p/free"]


async def test_family_survives_a_crash_at_every_commit(new_storage: NewStorage) -> None:
    """Whenever the process dies, each child is there once, and its parent is told of its end once."""
    report = await crash_everywhere(family_lives, new_storage=new_storage)

    assert len(report.crashes) >= 20


async def family_is_undone(life: Life) -> None:
    """A parent and its child have something to undo, and the parent fails beside it."""

    async def unmake(ctx: MissionContext[int]) -> str:
        return ctx.step_name

    child = m.define("child").start(input=int, run=given).step("make", make, undo=unmake).need_to("never", str).end()
    paths = {
        "child": m.path().step("make", make, undo=unmake).mission("child", child, given),
        "fails": m.path().need_to(GO).step("fail", fail),
    }
    definition = m.define("parent").start(input=int, run=given).parallel("both", paths).end()
    mission = await life.commander.start(definition, 4, mission_id="p", if_exists="return")
    await life.commander.settled()
    with contextlib.suppress(MissionSignalError):
        await mission.signal(GO, "on")
    with contextlib.suppress(MissionFailedError):
        await mission.output()
    await life.commander.settled()
    history = await mission.history()
    types = types_of(history)
    assert types[-1] == "mission-failed both/fails/fail"
    assert types.count("child-ended both/child/child") == 1
    child_history = await (await child_of(life.commander, "p/both/child/child")).history()
    assert types_of(child_history)[-1].startswith("mission-cancelled")
    assert child_history[-1].at <= history[-1].at


async def test_undoing_of_a_family_survives_a_crash_at_every_commit(
    new_storage: NewStorage,
) -> None:
    """The child is cancelled and undone before its parent is, whenever the process dies."""
    report = await crash_everywhere(family_is_undone, new_storage=new_storage)

    assert len(report.crashes) >= 20


async def family_is_cancelled(life: Life) -> None:
    """A parent without anything to undo is cancelled: what it waits for is cancelled behind it."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    mission = await life.commander.start(parent_of(middle), 4, mission_id="p", if_exists="return")
    await life.commander.settled()
    await mission.cancel("enough")
    await life.commander.settled()
    for mission_id in ("p", "p/child", "p/child/leaf"):
        assert await (await found(life.commander, mission_id)).status() == "cancelled"


async def test_cancelling_of_a_family_survives_a_crash_at_every_commit(
    new_storage: NewStorage,
) -> None:
    """No child is left behind that its parent waited for, whenever the process dies."""
    report = await crash_everywhere(family_is_cancelled, new_storage=new_storage)

    assert len(report.crashes) >= 12


async def test_childs_end_is_told_once_storage_works_again(open_commander: OpenCommander) -> None:
    """The commit of what the end leads to fails: the parent is told all the same, without a restart."""
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=failing_once))
    fails: list[int] = []

    def failing_once(number: int) -> bool:
        return bool(fails) and number == fails[0]

    commander = await open_commander(wrap=kept)
    mission = await begun(commander, parent_of(patient))
    fails.append(kept.adapter.commits + 3)  # signal-received, step-succeeded, and then the parent's
    await (await child_of(commander)).signal(GO, "on")

    assert (await mission.result()).status == "completed"
    assert types_of(await mission.history()).count("child-ended child") == 1


async def test_child_that_somebody_asked_for_before_it_was_there(open_commander: OpenCommander) -> None:
    """A read of its id that is under way when it comes into being neither stops nor doubles it."""
    kept = Kept(Gated)
    gate = Gate()

    async def when_told(ctx: MissionContext[int]) -> int:
        await gate(ctx)
        return ctx.input

    definition = m.define("parent").start(input=int, run=given).mission("child", quick, when_told).end()
    commander = await open_commander(wrap=kept)
    mission = await commander.start(definition, 4, mission_id="p", wait=False)
    await gate.begun.wait()
    kept.adapter.read_gate.clear()
    asking = asyncio.create_task(commander.cancel_mission("p/child"))
    await kept.adapter.arrived.wait()
    gate.opened.set()
    while "child-started child" not in types_of(await mission_history(commander, kept.adapter, "p")):
        await asyncio.sleep(0)
    kept.adapter.read_gate.set()
    with contextlib.suppress(Exception):
        await asking

    assert (await asyncio.wait_for(mission.result(), 30)).status in ("completed", "failed")
    child = await child_of(commander)
    assert (await child.snapshot()).status.is_terminal


async def mission_history(commander: Commander, adapter: Forwarding, mission_id: str) -> Sequence[Any]:
    (outcome,) = await adapter.inner.load([mission_id])
    return outcome if isinstance(outcome, tuple) else ()


class LateAnswers(Forwarding):
    """Storage whose answers to reads come late, while the gate is closed: what they say was true before."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers = asyncio.Event()

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        read = await super().load(mission_ids)
        self.answers.set()
        await self.gate.wait()
        return read


async def test_child_whose_id_was_just_said_to_be_free(open_commander: OpenCommander) -> None:
    """Who asked for it before it was there is told so, behind its beginning; it goes on all the same."""
    kept = Kept(LateAnswers)
    told = asyncio.Event()

    async def when_told(ctx: MissionContext[int]) -> int:
        await told.wait()
        return ctx.input

    definition = m.define("parent").start(input=int, run=given).mission("child", quick, when_told).end()
    commander = await open_commander([definition], wrap=kept)
    await commander.settled()
    mission = await commander.start(definition, 4, mission_id="p", wait=False)
    kept.adapter.gate.clear()
    asking = asyncio.create_task(commander.cancel_mission("p/child"))
    await kept.adapter.answers.wait()
    told.set()
    while await kept.adapter.load_summary("p/child") is None:
        await asyncio.sleep(0)
    await commits_pass(commander)
    kept.adapter.gate.set()

    with pytest.raises(MissionNotFoundError):
        await asking
    assert await asyncio.wait_for(mission.output(), 30) == 8
    assert (await attempts_of(await child_of(commander), "double"))[0].status == "succeeded"


@pytest.mark.parametrize("wait", [True, False])
async def test_nothing_is_left_to_be_done_about_a_family_that_has_ended(
    open_commander: OpenCommander, wait: bool
) -> None:
    """No process reads it again: neither a child whose end is on record, nor one that nobody waits for."""
    kept = Kept(Forwarding)
    definition = parent_of(patient, wait=wait)
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    child = await child_of(commander)
    (created, *_) = await child.history()
    assert created.details.get("awaited") == (True if wait else None)
    await child.signal(GO, "on")
    await commander.settled()

    assert (await mission.status(), await child.status()) == ("completed", "completed")
    assert list(await kept.adapter.list_strays(limit=9)) == []
    assert list(await kept.adapter.list_interrupted(limit=9)) == []
