"""Children in paths, items and rounds, under changed definitions, and the way of before (rules 47 and 50)."""

from __future__ import annotations

from typing import Any

import pytest

from children import GO, begun, child_of, failing, given, make, nth, parent_of, patient, quick, three, types_of
from mission_control.core import MissionContext, MissionDefinitionMismatchError, m
from one_step import failure_of, found
from storages import OpenCommander


async def round_of(ctx: MissionContext[int]) -> int:
    return ctx.index or 0


async def twice(ctx: MissionContext[int]) -> bool:
    return ctx.index == 1


async def outputs(ctx: MissionContext[int]) -> Any:
    return [
        [ctx.output(f"all[{index}]/child") for index in range(3)],
        ctx.output("both/a/child"),
        [ctx.output(f"rounds[{index}]/child") for index in range(2)],
        ctx.output("kind/x/child"),
        ctx.output("go/timeout/child"),
    ]


async def test_children_in_every_construct(open_commander: OpenCommander) -> None:
    """Items, rounds, branches, paths and time-outs have children of their own, each under its instance's id."""
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .each("all", three, m.path().mission("child", quick, nth), max_concurrency=2)
        .parallel("both", {"a": m.path().mission("child", quick, given), "b": m.path()})
        .repeat("rounds", m.path().mission("child", quick, round_of), until=twice)
        .branch("kind", lambda ctx: "x", {"x": m.path().mission("child", quick, given)})
        .need_to(GO, timeout=0, on_timeout=m.path().mission("child", quick, given))
        .step("last", outputs)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert await mission.output() == [[20, 40, 60], 8, [0, 2], 8, 8]
    children = [one.mission_id.removeprefix("p/") for one in await commander.list_missions(parent_id="p")]
    assert children == [
        *(f"all[{index}]/child" for index in range(3)),
        "both/a/child",
        *(f"rounds[{index}]/child" for index in range(2)),
        "kind/x/child",
        "go/timeout/child",
    ]


async def test_items_wait_for_their_children_as_for_anything(open_commander: OpenCommander) -> None:
    """With a bound of two, the third child is started when one has ended; its failure is that of its item."""
    path = m.path().mission("child", failing, nth)
    definition = (
        m.define("parent").start(input=int, run=given).each("all", three, path, max_concurrency=2, max_failures=1).end()
    )
    commander = await open_commander()
    mission = await begun(commander, definition)
    assert len(await commander.list_missions(parent_id="p")) == 2
    await (await child_of(commander, "p/all[0]/child")).signal(GO, "on")
    await commander.settled()
    assert len(await commander.list_missions(parent_id="p")) == 3
    await (await child_of(commander, "p/all[2]/child")).signal(GO, "on")
    failure = await failure_of(mission)
    await commander.settled()

    assert failure.code == "CHILD_FAILED"
    assert "p/all[2]/child" in failure.message
    assert await (await child_of(commander, "p/all[1]/child")).status() == "cancelled"


async def test_hundreds_of_children_at_once(open_commander: OpenCommander) -> None:
    """They come into being, run and end as fast as there are slots, and their parent goes on once."""

    async def many(ctx: MissionContext[int]) -> list[int]:
        return list(range(300))

    async def mine(ctx: MissionContext[int]) -> int:
        return ctx.item(many)

    path = m.path().mission("child", quick, mine)
    definition = m.define("parent").start(input=int, run=given).each("all", many, path).end()
    commander = await open_commander(max_concurrency=8)
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert (await mission.result()).status == "completed"
    types = types_of(await mission.history())
    assert sum(line.startswith("child-ended") for line in types) == 300


# Changed definitions, and the way of before


async def test_parent_goes_on_under_a_changed_definition(open_commander: OpenCommander) -> None:
    """What follows the child is taken from the new one; the child keeps its id and is not started again."""
    before = parent_of(patient)
    after = m.define("parent").start(input=int, run=given).mission("child", patient, given).step("more", make).end()
    commander = await open_commander([before])
    await begun(commander, before)
    commander = await open_commander([after])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()

    assert "more" in (await (await found(commander, "p")).snapshot()).events
    assert len(await commander.list_missions(parent_id="p")) == 1


async def test_parent_that_cannot_run_here_is_told_when_it_can(open_commander: OpenCommander) -> None:
    """A child ends while its parent's definition is not registered: registering it tells the parent."""
    definition = parent_of(patient)
    commander = await open_commander([definition])
    await begun(commander, definition)
    commander = await open_commander([patient])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()
    inspection = await commander.inspect_mission("p")
    assert inspection is not None
    assert inspection.snapshot.status == "waiting"
    commander.register(definition)
    await commander.settled()

    assert await (await found(commander, "p")).status() == "completed"


async def test_parent_that_does_not_fit_its_definition_is_told_when_it_does(open_commander: OpenCommander) -> None:
    """The child ends while the node that its parent stands on is gone: a later process with that node tells it."""
    definition = parent_of(patient)
    other = m.define("parent").start(input=int, run=given).mission("other", patient, given).end()
    commander = await open_commander([definition])
    await begun(commander, definition)
    commander = await open_commander([other])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()
    with pytest.raises(MissionDefinitionMismatchError, match="'child'"):
        await (await found(commander, "p")).signal(GO, "on")
    assert await commander.inspect_mission("p/other") is None
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await found(commander, "p")).output() == "made"


async def test_step_that_awaits_another_mission_stays_possible(open_commander: OpenCommander) -> None:
    """It starts a mission by hand, which is nobody's child."""

    async def by_hand(ctx: MissionContext[int]) -> Any:
        other = await commander.start(quick, ctx.input, mission_id="by-hand", if_exists="return", wait=False)
        return await other.output()

    definition = m.define("d").start(input=int, run=given).step("by-hand", by_hand).end()
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert await mission.output() == 8
    assert (await (await found(commander, "by-hand")).snapshot()).parent_id is None
