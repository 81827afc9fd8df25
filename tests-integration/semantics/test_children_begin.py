"""A child comes into being with the record of it, under an id that says whose it is (rule 47)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from children import GO, Watched, begun, child_of, given, nth, parent_of, patient, quick, three, types_of
from mission_control.core import MissionContext, MissionDefinition, MissionStatus, RetryPolicy, m
from mission_control.testing import FakeClock, FaultInjectingAdapter
from one_step import attempts_of, failure_of, found
from storages import Kept, OpenCommander


async def four(ctx: MissionContext[int]) -> Any:
    return "four"


async def test_child_is_a_mission_of_its_own(open_commander: OpenCommander) -> None:
    """Its id says whose it is and where; it runs with the input that was computed, and its output is the node's."""
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .mission("child", quick, lambda ctx: ctx.input + 1)
        .step("last", lambda ctx: (ctx.output("child"), ctx.output("start")))
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert await mission.output() == [10, 4]
    child = await child_of(commander)
    snapshot = await child.snapshot()
    assert (snapshot.mission_name, snapshot.parent_id) == ("quick", "p")
    assert (snapshot.status, snapshot.output) == ("completed", 10)
    assert snapshot.events["start"].input == 5
    assert (await mission.snapshot()).parent_id is None


async def test_output_of_the_child_is_that_of_its_parent_where_nothing_follows(open_commander: OpenCommander) -> None:
    """As a last step's would be."""
    commander = await open_commander()
    mission = await commander.start(parent_of(quick), 4, mission_id="p", wait=False)

    assert await mission.output() == 8


async def test_children_are_listed_by_their_parent(open_commander: OpenCommander) -> None:
    """And nobody else's children are; also together with the other filters."""
    path = m.path().mission("child", patient, nth)
    definition = m.define("parent").start(input=int, run=given).each("all", three, path).end()
    commander = await open_commander()
    for mission_id in ("p", "q"):
        await commander.start(definition, 1, mission_id=mission_id)
    listed = await commander.list_missions(parent_id="p")

    assert [one.mission_id for one in listed] == [f"p/all[{index}]/child" for index in range(3)]
    assert {one.parent_id for one in listed} == {"p"}
    assert await commander.list_missions(parent_id="p", status=MissionStatus.COMPLETED) == []
    assert await commander.list_missions(parent_id="p/all[0]/child") == []


async def test_inspections_link_both_ways(open_commander: OpenCommander) -> None:
    """The parent's names its children and how they ended; the child's names its parent."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    (record,) = (await mission.inspect()).children
    assert (record.event_name, record.mission_id, record.is_awaited) == ("child", "p/child", True)
    assert (record.status, record.ended_at) == ("running", None)
    assert "p/child" in str(await mission.inspect()).partition("\n")[0]
    child = await child_of(commander)
    assert (await child.inspect()).snapshot.parent_id == "p"
    assert "child of p" in str(await child.inspect()).partition("\n")[0]
    await child.signal(GO, "on")
    await mission.result()

    (record,) = (await mission.inspect()).children
    assert (record.status, record.ended_at is None) == ("completed", False)


async def test_child_comes_into_being_with_the_record_of_it(open_commander: OpenCommander) -> None:
    """One member of one batch carries both, so that no crash leaves one without the other."""
    kept = Kept(Watched)
    commander = await open_commander(wrap=kept)
    mission = await begun(commander, parent_of(patient))
    (starting,) = [one for one in kept.adapter.commits if one.children]

    assert starting.mission_id == "p"
    assert types_of(starting.records) == ["step-succeeded child", "child-started child"]
    (child,) = starting.children
    assert (child.mission_id, child.expected_version, child.is_awaited) == ("p/child", 0, True)
    assert types_of(child.records) == ["mission-created", "mission-started"]
    assert child.records[0].details["parent"] == "p"
    assert child.summary.parent_id == "p"
    (started,) = [record for record in await mission.history() if record.type == "child-started"]
    assert started.details["id"] == "p/child"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_commit_that_fails_writes_neither_or_both(open_commander: OpenCommander, when: Any) -> None:
    """Where storage fails as the child is started, it is started once, whether the commit took effect or not."""
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits={3}, when=when))
    runs: list[int] = []

    async def run(ctx: MissionContext[int]) -> int:
        runs.append(ctx.input)
        return ctx.input

    definition = parent_of(m.define("once").start(input=int, run=run).end())
    commander = await open_commander([definition], wrap=kept)
    await commander.settled()  # no look at what was interrupted is still to come
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert await asyncio.wait_for(mission.output(), 30) == 4
    assert runs == [4]
    assert types_of(await mission.history()).count("child-started child") == 1


async def test_commit_that_fails_before_it_takes_effect_leaves_no_child(open_commander: OpenCommander) -> None:
    """A process that dies there leaves a parent whose child is neither recorded nor there."""
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda number: number >= 3))
    commander = await open_commander(wrap=kept)
    mission = await commander.start(parent_of(patient), 4, mission_id="p", wait=False)
    while kept.adapter.commits < 3:
        await asyncio.sleep(0)
    assert "step-started child" in types_of(await mission.history())
    assert await commander.inspect_mission("p/child") is None
    assert "child-started child" not in types_of(await mission.history())
    await open_commander.crash()
    commander = await open_commander([parent_of(patient)])
    await commander.settled()

    assert await commander.inspect_mission("p/child") is not None


async def test_id_that_is_taken_fails_the_node(open_commander: OpenCommander, caplog: pytest.LogCaptureFixture) -> None:
    """By whatever mission, at once and not retried; that mission is left alone, and no fault of storage is logged."""
    commander = await open_commander()
    other = await commander.start(patient, 1, mission_id="p/child")
    policy = RetryPolicy(max_attempts=5, initial_interval=0)
    mission = await commander.start(parent_of(quick, retry=policy), 4, mission_id="p", wait=False)
    await commander.settled()
    assert await mission.status() == "failed"
    assert [line for line in caplog.messages if "another writer" in line or "trying again" in line] == []
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert "'p/child'" in failure.message
    assert "taken" in failure.message
    assert (await mission.snapshot()).cursor == "child"
    assert len([one for one in (await mission.inspect()).step_attempts if one.step_name == "child"]) == 1
    assert (await other.status()) == "waiting"
    assert await commander.list_missions(parent_id="p") == []


async def test_id_that_is_taken_fails_its_item_alone(open_commander: OpenCommander) -> None:
    """Children of the others come into being as if nothing had happened."""
    path = m.path().mission("child", quick, nth)
    definition = m.define("parent").start(input=int, run=given).each("all", three, path, max_failures=1).end()
    commander = await open_commander()
    await commander.start(patient, 1, mission_id="p/all[1]/child")
    mission = await commander.start(definition, 1, mission_id="p", wait=False)

    assert (await mission.result()).status == "completed"
    children = await commander.list_missions(parent_id="p")
    assert [one.mission_id for one in children] == ["p/all[0]/child", "p/all[2]/child"]


async def test_ids_of_children_may_be_of_any_length(open_commander: OpenCommander) -> None:
    """Deep nesting makes them longer than any id that a caller may choose, and they work as all do."""
    definition: MissionDefinition[int] = patient
    for level in range(4):
        definition = m.define(f"level-{level}").start(input=int, run=given).mission("n" * 250, definition, given).end()
    commander = await open_commander([definition])
    mission = await begun(commander, definition)
    child_id = "p" + ("/" + "n" * 250) * 4
    child = await found(commander, child_id)
    assert (await child.snapshot()).parent_id == child_id.rpartition("/")[0]
    commander = await open_commander([definition])
    await (await found(commander, child_id)).signal(GO, "on")
    mission = await found(commander, "p")

    assert (await mission.output()) == "made"
    listed = await commander.list_missions(parent_id=child_id.rpartition("/")[0])
    assert [one.mission_id for one in listed] == [child_id]


async def test_registering_a_mission_registers_its_children(open_commander: OpenCommander) -> None:
    """Also those of its children; a child is started by a commander that was given the parent only."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", quick, given).end()
    commander = await open_commander([parent_of(middle)])

    assert await (await commander.start("parent", 4, wait=False)).output() == 8
    assert await (await commander.start("quick", 4, wait=False)).output() == 8


async def test_input_that_does_not_validate_fails_the_node(open_commander: OpenCommander) -> None:
    """It is not retried, code MISSION_PAYLOAD_ERROR, and there is no child."""
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .mission("child", quick, four, retry=RetryPolicy(max_attempts=3, initial_interval=0))
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 4, mission_id="p", wait=False)
    failure = await failure_of(mission)

    assert failure.code == "MISSION_PAYLOAD_ERROR"
    assert "child" in failure.message
    assert len([one for one in (await mission.inspect()).step_attempts if one.step_name == "child"]) == 1
    assert await commander.list_missions(parent_id="p") == []


async def test_input_has_the_retry_and_timeout_of_the_node(open_commander: OpenCommander) -> None:
    """They are for the code that computes it: the child is started once."""

    async def once_more(ctx: MissionContext[int]) -> int:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")
        return ctx.attempt

    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .mission("child", quick, once_more, retry=RetryPolicy(max_attempts=2, initial_interval=0))
        .end()
    )
    commander = await open_commander()

    assert await (await commander.start(definition, 4, wait=False)).output() == 4


async def test_input_has_the_timeout_of_the_node(open_commander: OpenCommander) -> None:
    """It holds for the code that computes the input, not for the child."""

    async def never(ctx: MissionContext[int]) -> int:
        await asyncio.Event().wait()
        return 1

    clock = FakeClock(hang_patience=0.02)
    policy = RetryPolicy(max_attempts=2, initial_interval=0)
    definition = (
        m.define("slow").start(input=int, run=given).mission("child", quick, never, timeout=30, retry=policy).end()
    )
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 4, mission_id="s", wait=False)
    await clock.advance(100)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"
    assert [one.status for one in await attempts_of(mission, "child")] == ["failed", "failed"]
    assert await commander.inspect_mission("s/child") is None
