"""Children are cancelled with what waits for them, and only they (rule 49)."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from children import GO, Undos, begun, child_of, fail, given, make, parent_of, patient
from mission_control.core import MissionStatus, m
from mission_control.testing import FaultInjectingAdapter
from one_step import failure_of, found
from storages import Gate, Gated, Kept, OpenCommander


async def test_cancelling_the_parent_cancels_the_child(open_commander: OpenCommander) -> None:
    """And the child's children; all of that is durable."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    commander = await open_commander()
    mission = await begun(commander, parent_of(middle))
    assert (await mission.cancel("enough")).status == "cancelled"
    await commander.settled()

    for mission_id in ("p/child", "p/child/leaf"):
        snapshot = await (await found(commander, mission_id)).snapshot()
        assert snapshot.status == "cancelled"
    child = (await (await found(commander, "p/child")).snapshot()).error
    assert child is not None
    assert "'p'" in child.message
    assert await commander.list_missions(status=MissionStatus.WAITING) == []


async def test_cancelling_the_parent_takes_no_definitions(open_commander: OpenCommander) -> None:
    """Where nothing has to be undone, neither its own nor its children's."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    commander = await open_commander()
    await begun(commander, parent_of(middle))
    commander = await open_commander()
    assert (await commander.cancel_mission("p")).status == "cancelled"
    await commander.settled()

    assert {one.status async for one in commander.iter_missions()} == {MissionStatus.CANCELLED}
    assert len(await commander.list_missions(status=MissionStatus.CANCELLED)) == 3


async def test_failing_parent_cancels_its_children(open_commander: OpenCommander) -> None:
    """Of whatever path."""
    paths = {"child": m.path().mission("child", patient, given), "fails": m.path().need_to(GO).step("fail", fail)}
    definition = m.define("parent").start(input=int, run=given).parallel("both", paths).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    await mission.signal(GO, "on", wait=False)
    assert (await failure_of(mission)).message == "no"
    await commander.settled()

    assert await (await child_of(commander, "p/both/child/child")).status() == "cancelled"


async def test_stopping_a_path_cancels_its_child_and_does_not_wait_for_it(open_commander: OpenCommander) -> None:
    """The race is over when it is won; the child undoes what it did beside what follows."""
    gate = Gate()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=gate).need_to(GO).end()
    paths = {"child": m.path().mission("child", child, given), "wins": m.path().need_to("win", str)}
    definition = m.define("parent").start(input=int, run=given).race("first", paths).step("last", make).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    await mission.signal("win", "on")
    assert (await mission.result()).status == "completed"
    await gate.begun.wait()
    loser = await child_of(commander, "p/first/child/child")
    assert await loser.status() == "running"
    gate.opened.set()
    await loser.result()

    assert await loser.status() == "cancelled"
    assert not [record for record in await mission.history() if record.type == "child-ended"]


async def test_child_that_ended_as_its_path_was_stopped_is_no_problem(open_commander: OpenCommander) -> None:
    """Both at once: the race is won by one, and the other's end is nobody's business any more."""
    paths = {"a": m.path().mission("child", patient, given), "b": m.path().mission("child", patient, given)}
    definition = m.define("parent").start(input=int, run=given).race("first", paths).need_to("rest", str).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    children = [await child_of(commander, f"p/first/{name}/child") for name in "ab"]
    await asyncio.gather(*(child.signal(GO, "on") for child in children), return_exceptions=True)
    await commander.settled()

    assert (await mission.snapshot()).events["first"].output in ("a", "b")
    assert all([(await child.status()).is_terminal for child in children])
    await mission.signal("rest", "on")
    assert await mission.status() == "completed"


@pytest.mark.parametrize("how", ["cancelled", "failed", "stopped"])
async def test_children_that_nobody_waits_for_are_left_alone(open_commander: OpenCommander, how: str) -> None:
    """With `wait=False` the flow goes on at once, `ctx.output` is the id, and the child lives on by itself."""
    path = m.path().mission("free", patient, given, wait=False).step("know", lambda ctx: ctx.output("free"))
    paths = {"starts": path.need_to("never", str), "ends": m.path().need_to("end", str)}
    draft = m.define("parent").start(input=int, run=given).race("first", paths)
    definition = (draft.step("fail", fail) if how == "failed" else draft.need_to("rest", str)).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    assert (await mission.snapshot()).events["first/starts/know"].output == "p/first/starts/free"
    if how == "cancelled":
        await mission.cancel()
    else:
        await mission.signal("end", "on", wait=False)
    await commander.settled()
    assert await mission.status() == {"stopped": "waiting"}.get(how, how)
    child = await child_of(commander, "p/first/starts/free")
    assert await child.status() == "waiting"
    assert (await child.snapshot()).parent_id == "p"
    (record,) = (await mission.inspect()).children
    assert (record.is_awaited, record.status) == (False, "running")
    commander = await open_commander([definition])
    await commander.settled()
    child = await child_of(commander, "p/first/starts/free")
    await child.signal(GO, "on")

    assert await child.status() == "completed"


async def test_child_that_was_let_go_is_cancelled_after_a_crash(open_commander: OpenCommander) -> None:
    """The parent's end is durable, and its process dies before the child was told."""
    definition = parent_of(patient)
    kept = Kept(Gated)
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    cancelling = asyncio.create_task(mission.cancel())
    while await mission.status() != "cancelled":
        kept.adapter.gate.set()
        await asyncio.sleep(0)
        kept.adapter.gate.clear()
    await open_commander.crash()
    kept.adapter.gate.set()
    with contextlib.suppress(Exception):
        await cancelling
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await child_of(commander)).status() == "cancelled"


@pytest.mark.parametrize("has_undo", [False, True], ids=["without an undo", "with one"])
async def test_child_is_cancelled_once_storage_works_again(open_commander: OpenCommander, has_undo: bool) -> None:
    """A commit that fails as it is told to end leaves neither it running nor its parent waiting."""
    fails: list[int] = []

    def failing_once(number: int) -> bool:
        return number in fails

    undo = Undos()
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=failing_once))
    draft = m.define("parent").start(input=int, run=given, undo=undo if has_undo else None)
    commander = await open_commander(wrap=kept)
    mission = await begun(commander, draft.mission("child", patient, given).end())
    fails.append(kept.adapter.commits + 2)  # the parent's, and then the child's
    assert (await asyncio.wait_for(mission.cancel(), 30)).status == "cancelled"
    child = await child_of(commander)

    assert (await asyncio.wait_for(child.result(), 30)).status == "cancelled"
    assert undo.steps == (["p undo:start"] if has_undo else [])


async def test_child_that_was_let_go_and_cannot_be_cancelled_yet(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """Its parent has ended; a warning says that it stays, and it is cancelled when its definition is registered."""
    undo = Undos()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=undo).need_to(GO).end()
    commander = await open_commander()
    await begun(commander, parent_of(child))
    commander = await open_commander()
    with caplog.at_level(logging.WARNING):
        assert (await commander.cancel_mission("p")).status == "cancelled"
        await commander.settled()
    assert any("p/child, a child of p, was to be cancelled and cannot be yet" in line for line in caplog.messages)
    commander.register(child)
    await commander.settled()

    assert await (await child_of(commander)).status() == "cancelled"
    assert undo.steps == ["p/child undo:make"]


async def test_closing_while_a_child_cannot_be_cancelled_leaves_it_to_the_next_process(
    open_commander: OpenCommander,
) -> None:
    """It is a stray, and nothing tries again after the end."""
    fails: list[int] = []
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda n: bool(fails) and n >= fails[0]))
    definition = parent_of(patient)
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    fails.append(kept.adapter.commits + 2)
    await mission.cancel()
    while kept.adapter.commits < fails[0]:
        await asyncio.sleep(0)
    await commander.settled()
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await child_of(commander)).status() == "cancelled"
