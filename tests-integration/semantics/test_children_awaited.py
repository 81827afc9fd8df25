"""A mission waits for its child at no cost, and goes on with its end, well or badly (rules 47 to 49)."""

from __future__ import annotations

import asyncio

import pytest

from children import (
    GO,
    Undos,
    Watched,
    begun,
    child_of,
    fail,
    failing,
    given,
    make,
    nth,
    parent_of,
    patient,
    quick,
    three,
    types_of,
)
from mission_control.core import (
    ChildWait,
    MissionContext,
    MissionDefinition,
    MissionSignalError,
    MissionStatus,
    RetryPolicy,
    m,
)
from mission_control.testing import FakeClock
from one_step import failure_of, found
from storages import Kept, OpenCommander

# At no cost


async def test_parent_waits_for_its_child(open_commander: OpenCommander) -> None:
    """The wait names it, is listed, and is no timer."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    snapshot = await mission.snapshot()

    wait = ChildWait(event_name="child", node_index=1, mission_id="p/child")
    assert (snapshot.status, snapshot.cursor, snapshot.waiting, snapshot.next_due) == ("waiting", "child", wait, None)
    assert [one.mission_id for one in await commander.list_missions(status=MissionStatus.WAITING)] == ["p", "p/child"]
    assert await commander.list_scheduled() == []
    with pytest.raises(MissionSignalError, match="waits for the child mission 'p/child'"):
        await mission.signal(GO, "on")


async def test_waiting_parent_is_listed_as_waiting_and_not_as_scheduled(open_commander: OpenCommander) -> None:
    """Its wait is for its child, on the main line and in a path, also in the next process."""
    path = m.path().mission("child", patient, given)
    definition = m.define("paths").start(input=int, run=given).parallel("all", {"one": path}).end()
    commander = await open_commander()
    await begun(commander, parent_of(patient))
    await commander.start(definition, 4, mission_id="q")
    for is_restarted in (False, True):
        if is_restarted:
            commander = await open_commander([definition, parent_of(patient)])
        await commander.settled()
        listed = {one.mission_id: one for one in await commander.list_waiting()}

        assert set(listed) == {"p", "p/child", "q", "q/all/one/child"}
        assert listed["p"].waiting == ChildWait(event_name="child", node_index=1, mission_id="p/child")
        wait = ChildWait(event_name="all/one/child", node_index=0, mission_id="q/all/one/child")
        assert listed["q"].waiting == listed["q"].next_wait == wait
        assert (listed["q"].cursor, listed["q"].next_due) == ("all", None)
        assert await commander.list_scheduled() == []
    (position,) = (await (await found(commander, "q")).snapshot()).positions
    assert (position.path, position.cursor, position.status) == ("all/one", "all/one/child", "waiting")


@pytest.mark.parametrize("nesting", ["one level", "three levels"])
async def test_parent_waits_without_a_slot(open_commander: OpenCommander, nesting: str) -> None:
    """With a bound of one the child runs all the same, and its children too: nothing waits for itself."""
    definition: MissionDefinition[int] = quick
    if nesting == "three levels":
        for level in range(2):
            path = m.path().mission("child", definition, nth)
            definition = m.define(f"level-{level}").start(input=int, run=given).each("all", three, path).end()
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(parent_of(definition), 4, mission_id="p", wait=False)

    assert (await mission.result()).status == "completed"
    others = [one async for one in commander.iter_missions()]
    assert {one.status for one in others} == {MissionStatus.COMPLETED}
    assert len(others) == (2 if nesting == "one level" else 1 + 1 + 3 + 9)


async def test_parent_waits_without_a_task(open_commander: OpenCommander) -> None:
    """However many there are: nothing runs for them, and nothing polls."""
    commander = await open_commander([parent_of(patient)])
    await commander.settled()
    before = len(asyncio.all_tasks())
    for number in range(50):
        await commander.start("parent", 1, mission_id=f"p-{number}")
    await commander.settled()

    assert len(asyncio.all_tasks()) == before


async def test_nothing_polls(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """While a parent waits, storage is neither read nor written, whatever time passes."""
    kept = Kept(Watched)
    commander = await open_commander(wrap=kept)
    mission = await commander.start(parent_of(patient), 1, mission_id="p")
    await commander.settled()
    before = (kept.adapter.reads, len(kept.adapter.commits))
    await fake_clock.advance(86_400 * 365)

    assert (kept.adapter.reads, len(kept.adapter.commits)) == before
    assert await mission.status() == "waiting"


async def now(ctx: MissionContext[int]) -> float:
    return ctx.now().timestamp()


async def test_clock_that_is_driven_treats_a_waiting_parent_as_at_rest(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Time moves on while a child sleeps, and its end wakes the parent at that instant."""
    sleeper = m.define("sleeper").start(input=int, run=given).sleep("nap", 3600).end()
    definition = m.define("parent").start(input=int, run=given).mission("child", sleeper, given).step("last", now).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await fake_clock.advance(7200)

    assert await mission.status() == "completed"
    assert await mission.output() == 3600


async def test_child_may_take_longer_than_the_timeout_of_the_node(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The parent waits for as long as it takes."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient, timeout=30))
    await fake_clock.advance(3600)
    assert await mission.status() == "waiting"
    await (await child_of(commander)).signal(GO, "on")

    assert await mission.output() == "made"


# How children end, and what that is to their parents


async def test_ends_of_children_are_on_record_with_what_came_out(open_commander: OpenCommander) -> None:
    """`child-started` has the id, and `child-ended` the status and the output beside it."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    await (await child_of(commander)).signal(GO, "on")
    await mission.result()

    records = {record.type.value: record for record in await mission.history() if "child" in record.type.value}
    assert records["child-started"].details["id"] == "p/child"
    assert "wait" not in records["child-started"].details
    assert records["child-ended"].details == {"id": "p/child", "status": "completed", "output": "made"}


async def test_child_that_failed_fails_its_node(open_commander: OpenCommander) -> None:
    """Code CHILD_FAILED, with the child's id and message; it is not started again."""
    policy = RetryPolicy(max_attempts=3, initial_interval=0)
    commander = await open_commander()
    mission = await begun(commander, parent_of(failing, retry=policy))
    await (await child_of(commander)).signal(GO, "on")
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert failure.message == "child mission 'p/child': no"
    assert (await mission.snapshot()).cursor == "child"
    (ended,) = [record for record in await mission.history() if record.type == "child-ended"]
    assert (ended.details["id"], ended.details["status"]) == ("p/child", "failed")
    assert ended.details["error"]["message"] == "no"


async def test_child_that_somebody_cancelled_fails_its_node(open_commander: OpenCommander) -> None:
    """A person may cancel it as any mission."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    await (await child_of(commander)).cancel("wrong address")
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert "the mission was cancelled: wrong address" in failure.message


async def test_parent_of_a_failed_child_undoes_what_it_did(open_commander: OpenCommander) -> None:
    """The end of the child is on record once, and nothing waits for it again."""
    undo = Undos()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=undo).need_to(GO).step("f", fail).end()
    definition = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    await (await child_of(commander)).signal(GO, "on")
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert undo.steps == ["p/child undo:make", "p undo:start"]
    types = types_of(await mission.history())
    assert types.count("child-ended child") == 1
    (record,) = [record for record in await mission.history() if record.type == "mission-undoing"]
    assert "children" not in record.details


async def test_grandchildren_fail_their_grandparents(open_commander: OpenCommander) -> None:
    """One after another, each with the message of the one below."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", failing, given).end()
    commander = await open_commander()
    mission = await begun(commander, parent_of(middle))
    await (await child_of(commander, "p/child/leaf")).signal(GO, "on")
    failure = await failure_of(mission)

    assert failure.message == "child mission 'p/child': child mission 'p/child/leaf': no"
