"""Missions that have ended, and go on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

import pytest

from mended import GO, Shop, begin, found, recorded
from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionExecutionError,
    MissionFailedError,
    MissionNotFoundError,
    MissionStatus,
    MissionTerminalError,
    PersistenceAdapter,
    PersistenceError,
    Reminder,
    m,
)
from mission_control.testing import FakeClock, FaultInjectingAdapter, Life, crash_everywhere
from storages import Gated, NewStorage, OpenCommander

START = m.define("it").start(input=int, run=begin)


async def test_failed_mission_goes_on_where_it_failed(open_commander: OpenCommander) -> None:
    """With the next attempt, under today's code; who waits for its end learns of the new one."""
    shop = Shop(broken={"b"})
    definition = START.step("a", shop.work).step("b", shop.work).end()
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError):
        await commander.start(definition, 5, mission_id="x")
    commander = await open_commander([definition])
    mission = await found(commander)
    shop.broken.clear()
    reopened = await commander.operations.reopen_mission("x", by="eve")

    assert (reopened.status, reopened.error, reopened.cursor) == (MissionStatus.RUNNING, None, "b")
    assert (await mission.result()).output == 5
    assert shop.ran == ["a", "b", "b"]
    assert (await recorded(mission))[-4:] == [
        "mission-reopened",
        "step-started b #2",
        "step-succeeded b #2",
        "mission-completed",
    ]
    (record,) = [record for record in await mission.history() if record.type == "mission-reopened"]
    assert record.details == {"from_seq": 9, "by": "eve"}


async def test_failure_of_a_reopened_mission_is_told_as_any(open_commander: OpenCommander) -> None:
    """It can be reopened again and again."""
    shop = Shop(broken={"a"})
    definition = START.step("a", shop.work).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x", wait=False)
    for number in range(2, 5):
        await commander.settled()
        await commander.operations.reopen_mission("x")
        with pytest.raises(MissionFailedError, match="a is broken"):
            await asyncio.wait_for(mission.wait_for_completion(), 10)
        assert f"step-failed a #{number}" in await recorded(mission)
    again = await found(await open_commander([definition]))
    assert (await again.snapshot()).error is not None


async def test_cancelled_mission_goes_on_where_it_waited(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A wait begins anew, with its deadline and its reminder; it is in the inbox again."""
    definition = START.need_to(GO, timeout=60, reminder=Reminder(begin, 20)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await fake_clock.advance(50)
    await mission.cancel("by mistake")
    assert await commander.list_waits() == []
    await fake_clock.advance(50)
    await commander.operations.reopen_mission("x")
    (wait,) = await commander.list_waits()
    assert wait.timeout_at is not None
    assert (wait.timeout_at - fake_clock.now()).total_seconds() == 60
    await fake_clock.advance(40)
    await mission.signal(GO, 1)
    assert await mission.status() is MissionStatus.COMPLETED
    assert [it.attempt_number for it in (await mission.inspect()).step_attempts if "reminder[0]" in it.step_name] == [
        1,
        2,
    ]


async def test_paths_that_failed_or_were_stopped_go_on(open_commander: OpenCommander) -> None:
    """What had completed stays so."""
    shop = Shop(broken={"b"})
    paths = {
        "a": m.path().step("a", shop.work),
        "b": m.path().need_to("first", int).step("b", shop.work),
        "c": m.path().need_to(GO),
        "d": m.path().sleep("z", 3600),
    }
    definition = START.parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await mission.signal("first", 1)
    assert await mission.status() is MissionStatus.FAILED
    shop.broken.clear()
    commander = await open_commander([definition])
    reopened = await commander.operations.reopen_mission("x")

    assert {(position.path, position.cursor) for position in reopened.positions} == {
        ("p/b", "p/b/b"),
        ("p/c", "p/c/go"),
        ("p/d", "p/d/z"),
    }
    mission = await found(commander)
    await mission.signal(GO, 1)
    await commander.operations.wake_mission("x")
    assert (await mission.result()).status is MissionStatus.COMPLETED
    assert shop.ran == ["p/a/a", "p/b/b", "p/b/b"]


async def test_mission_goes_on_from_a_node_of_its_main_line(open_commander: OpenCommander) -> None:
    """A completed one, too: all since then is forgotten, and in the history; keys can be used again."""
    shop = Shop()
    definition = START.step("a", shop.work).need_to(GO).step("b", shop.work).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await mission.signal(GO, 1, key="first")
    assert await mission.status() is MissionStatus.COMPLETED
    with pytest.raises(MissionTerminalError, match="say the step"):
        await commander.operations.reopen_mission("x")
    reopened = await commander.operations.reopen_mission("x", step="go")

    assert (reopened.status, list(reopened.events)) == (MissionStatus.WAITING, ["start", "a"])
    commander = await open_commander([definition])
    mission = await found(commander)
    await mission.signal(GO, 2, key="first")
    assert await mission.status() is MissionStatus.COMPLETED
    assert shop.ran == ["a", "b", "b"]
    assert [signal.payload for signal in (await mission.inspect()).signals] == [1, 2]


async def test_mission_that_was_undone_goes_on_at_the_earliest_of_it(open_commander: OpenCommander) -> None:
    """On the main line, the construct as a whole where it was in one."""
    shop = Shop(broken={"c"})
    path = m.path().step("b", shop.work, undo=shop.undo)
    definition = START.step("a", shop.work).parallel("p", {"one": path}).step("c", shop.work).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    assert shop.ran == ["a", "p/one/b", "c", "undo:p/one/b"]
    shop.broken.clear()
    await commander.operations.reopen_mission("x")

    assert (await (await found(commander)).result()).status is MissionStatus.COMPLETED
    assert shop.ran[4:] == ["p/one/b", "c"]


async def test_what_cannot_be_reopened_says_why(open_commander: OpenCommander) -> None:
    """And nothing has changed."""
    shop = Shop(broken={"b"})
    definition = START.step("a", shop.work).need_to(GO).step("b", shop.work).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    with pytest.raises(MissionExecutionError, match="has not ended, and cannot be reopened: it waits for signal 'go'"):
        await commander.operations.reopen_mission("x")
    await mission.signal(GO, 1)
    for step in ("c", "it", "p/b"):
        with pytest.raises(MissionExecutionError, match=f"'{step}', which has not begun, or is no node of its main li"):
            await commander.operations.reopen_mission("x", step=step)
    with pytest.raises(MissionNotFoundError):
        await commander.operations.reopen_mission("y")
    count = len(await mission.history())
    changed = START.step("a", shop.work).need_to(GO).step("other", shop.work).end()
    commander = await open_commander([changed])
    with pytest.raises(MissionDefinitionMismatchError, match="it stands on the step 'b', and the definition has no no"):
        await commander.operations.reopen_mission("x")
    assert len(await (await found(commander)).history()) == count
    await commander.operations.reopen_mission("x", step="go")


async def test_two_who_reopen_at_once(open_commander: OpenCommander) -> None:
    """One does, and the other is told that the mission has not ended."""
    shop = Shop(broken={"a"})
    definition = START.step("a", shop.work).need_to(GO).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    shop.broken.clear()
    asked = [commander.operations.reopen_mission("x") for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["MissionExecutionError"] * 2 + ["MissionSnapshot"]


# Children

CHILD = m.define("child").start(input=int, run=begin)


def family(shop: Shop) -> tuple[MissionDefinition[int], MissionDefinition[int]]:
    """Return a parent that waits for a child whose step may be broken, and the child."""
    child = CHILD.step("c", shop.work).need_to(GO).end()
    return START.step("a", shop.work).mission("kid", child, begin).step("b", shop.work).end(), child


async def test_failed_child_is_reopened_with_the_node_that_waits_for_it(open_commander: OpenCommander) -> None:
    """And its end is the parent's to know."""
    shop = Shop(broken={"c"})
    parent, _ = family(shop)
    commander = await open_commander([parent])
    mission = await commander.start(parent, 5, mission_id="x", wait=False)
    await commander.settled()
    assert (await mission.snapshot()).error is not None
    shop.broken.clear()
    await commander.operations.reopen_mission("x", by="eve")
    await commander.settled()

    child = await found(commander, "x/kid")
    assert (await child.status(), await mission.status()) == (MissionStatus.WAITING, MissionStatus.WAITING)
    assert (await recorded(child))[-4:-1] == ["mission-reopened", "step-started c #2", "step-succeeded c #2"]
    commander = await open_commander([parent])
    await (await found(commander, "x/kid")).signal(GO, 1)
    await commander.settled()
    assert await (await found(commander)).status() is MissionStatus.COMPLETED


async def test_child_that_was_cancelled_with_its_parent_goes_on_with_it(open_commander: OpenCommander) -> None:
    """What it did is not done again."""
    shop = Shop()
    parent, _ = family(shop)
    commander = await open_commander([parent])
    mission = await commander.start(parent, 5, mission_id="x")
    await commander.settled()
    await mission.cancel()
    await commander.settled()
    assert await (await found(commander, "x/kid")).status() is MissionStatus.CANCELLED
    await commander.operations.reopen_mission("x")
    await commander.settled()
    await (await found(commander, "x/kid")).signal(GO, 1)

    assert (await mission.result()).status is MissionStatus.COMPLETED
    assert shop.ran == ["a", "c", "b"]


async def test_child_that_completed_gives_its_output(open_commander: OpenCommander) -> None:
    """Where the flow comes to it again it is not started a second time."""
    shop = Shop()
    parent, _ = family(shop)
    commander = await open_commander([parent])
    mission = await commander.start(parent, 5, mission_id="x")
    await (await found(commander, "x/kid")).signal(GO, 1)
    assert (await mission.result()).status is MissionStatus.COMPLETED
    await commander.operations.reopen_mission("x", step="a")

    assert (await mission.result()).status is MissionStatus.COMPLETED
    assert shop.ran == ["a", "c", "b", "a", "b"]
    assert len(await commander.list_missions()) == 2


async def test_child_that_cannot_go_on_is_said_and_waited_for(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on when its definition can carry it on, and somebody looks at its parent again."""
    shop = Shop(broken={"c"})
    parent, _child = family(shop)
    commander = await open_commander([parent])
    await commander.start(parent, 5, mission_id="x", wait=False)
    await commander.settled()
    other = CHILD.step("d", shop.work).end()
    commander = await open_commander(
        [START.step("a", shop.work).mission("kid", other, begin).step("b", shop.work).end()]
    )
    await commander.operations.reopen_mission("x")
    await commander.settled()

    assert "mission x/kid, a child of x, was to be reopened and cannot be yet" in caplog.text
    assert await (await found(commander)).status() is MissionStatus.WAITING
    shop.broken.clear()
    commander = await open_commander([parent])
    await commander.settled()
    assert await (await found(commander, "x/kid")).status() is MissionStatus.WAITING


async def test_parent_that_was_reopened_waits_for_a_new_child_as_for_any(open_commander: OpenCommander) -> None:
    """Also where it is read anew meanwhile."""
    shop = Shop(broken={"a"})
    parent, _ = family(shop)
    commander = await open_commander([parent])
    await commander.start(parent, 5, mission_id="x", wait=False)
    await commander.settled()
    shop.broken.clear()
    await commander.operations.reopen_mission("x")
    await commander.settled()
    commander = await open_commander([parent])
    await commander.operations.pause_mission("x")
    await commander.operations.resume_mission("x")
    await (await found(commander, "x/kid")).signal(GO, 1)

    assert (await (await found(commander)).result()).status is MissionStatus.COMPLETED


@pytest.mark.parametrize("scale", ["family", "line", "paths", "undone"])
async def test_crash_at_any_commit_changes_nothing(new_storage: NewStorage, scale: str) -> None:
    """Of a mission that fails, is mended and reopened, with its children, paths, and what is undone."""
    shop = Shop()
    path = m.path().step("c", shop.work)
    definition, _ = {
        "family": family(shop),
        "line": (START.step("a", shop.work).step("c", shop.work).need_to(GO).end(), None),
        "paths": (START.parallel("p", {"a": path, "b": m.path().need_to(GO), "c": path}).end(), None),
        "undone": (START.step("a", shop.work, undo=shop.undo).step("c", shop.work).need_to(GO).end(), None),
    }[scale]

    async def scenario(life: Life) -> None:
        if life.number == 1:
            shop.broken = {"c"}
        commander = life.commander
        await commander.start(definition, 5, mission_id="x", if_exists="return", wait=False)
        await commander.settled()
        mission = await found(commander)
        if not any(record.type == "mission-reopened" for record in await mission.history()):
            shop.broken.clear()
            await commander.operations.reopen_mission("x")
        await commander.settled()
        for wait in await commander.list_waits():
            await (await found(commander, wait.mission_id)).signal(wait.event_name, 1)
        assert (await mission.result()).status is MissionStatus.COMPLETED

    await crash_everywhere(scenario, definitions=[definition], new_storage=new_storage)


# Storage that fails


@pytest.mark.parametrize("when", ["before", "after"])
async def test_reopening_a_child_on_failing_storage_is_tried_again(
    open_commander: OpenCommander, when: Literal["before", "after"]
) -> None:
    """Nobody has to ask for it once more."""
    shop = Shop(broken={"c"})
    parent, _ = family(shop)
    commander = await open_commander([parent])
    await commander.start(parent, 5, mission_id="x", wait=False)
    await commander.settled()
    shop.broken.clear()
    commander = await open_commander(
        [parent], wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits={2}, when=when)
    )
    await commander.operations.reopen_mission("x")
    child = await found(commander, "x/kid")
    while await child.status() is not MissionStatus.WAITING:
        await asyncio.sleep(0.01)

    assert shop.ran == ["a", "c", "c"]


async def test_reopening_on_failing_storage_is_tried_again(open_commander: OpenCommander) -> None:
    """Whoever asked is told once that it is not known; what took effect stands."""
    shop = Shop(broken={"a"})
    definition = START.step("a", shop.work).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    shop.broken.clear()
    commander = await open_commander(
        [definition], wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits={1}, when="after")
    )
    with pytest.raises(PersistenceError):
        await commander.operations.reopen_mission("x")
    with pytest.raises((MissionExecutionError, MissionTerminalError)):  # it took effect, and perhaps more
        await commander.operations.reopen_mission("x")
    assert (await (await found(commander)).result()).status is MissionStatus.COMPLETED


async def test_mission_that_is_purged_meanwhile_is_not_there(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Whoever would have it go on hears that."""
    shop = Shop(broken={"a"})
    definition = START.step("a", shop.work).end()
    storages: list[Gated] = []

    def gated(inner: PersistenceAdapter) -> PersistenceAdapter:
        storages.append(Gated(inner))
        return storages[-1]

    commander = await open_commander([definition], wrap=gated)
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    storages[0].gate.clear()
    storages[0].arrived.clear()
    asked = asyncio.ensure_future(commander.operations.reopen_mission("x"))
    await storages[0].arrived.wait()
    await commander.operations.purge_missions(ended_before=fake_clock.now() + timedelta(seconds=1))
    storages[0].gate.set()

    with pytest.raises(MissionNotFoundError, match="'x'"):
        await asked
    assert await commander.get_mission("x") is None


async def test_step_does_not_reopen_its_own_mission(open_commander: OpenCommander) -> None:
    """It has not ended."""
    refused: list[BaseException] = []

    async def reopen(ctx: MissionContext[int]) -> None:
        try:
            await commander.operations.reopen_mission(ctx.mission_id)
        except MissionExecutionError as error:
            refused.append(error)

    definition = START.step("a", reopen).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")

    assert len(refused) == 1
