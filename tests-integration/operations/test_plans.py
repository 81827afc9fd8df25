"""What a plan says of missions under way is what becomes of them when the definitions are registered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from flows import Stage, begin, flow, path
from mission_control.adapter_sqlite import SQLiteCommander, sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.core import (
    Commander,
    MissionDefinition,
    MissionDefinitionError,
    MissionDefinitionMismatchError,
    MissionStatus,
    create_commander,
)
from mission_control.core.storage import LoadOutcome
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing import FakeClock
from random_flows import World, missions
from storages import Forwarding, Kept, OpenCommander

BEFORE: MissionDefinition[int] = flow("order").step("pack", begin).need_to("paid", int).step("ship", begin).end()
CARRIED: MissionDefinition[int] = flow("order").step("pack", begin).need_to("paid", int).step("send", begin).end()
STRANDING: MissionDefinition[int] = flow("order").step("pack", begin).need_to("arrived", int).end()


async def becomes_of(commander: Commander, mission_id: str) -> str:
    """Return what a mission says that needs its definition: that it is stranded, or that it goes on."""
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    try:
        await mission.signal("paid", 1)
    except MissionDefinitionMismatchError:
        return "stranded"
    return "goes on"


@pytest.mark.parametrize(
    ("after", "effect", "becomes"),
    [(BEFORE, "unaffected", "goes on"), (CARRIED, "carried over", "goes on"), (STRANDING, "stranded", "stranded")],
)
async def test_what_is_planned_is_what_happens(
    open_commander: OpenCommander, after: MissionDefinition[int], effect: str, becomes: str
) -> None:
    """And planning alone does nothing: the missions go on as they would have."""
    commander = await open_commander([BEFORE])
    for number in range(3):
        await commander.start(BEFORE, 7, mission_id=f"x{number}")
    before = [await commander.inspect_mission(f"x{number}") for number in range(3)]

    (group,) = (await commander.operations.plan([after])).groups

    assert (group.mission_name, group.node, group.count) == ("order", "paid", 3)
    assert (group.effect, group.examples) == (effect, ("x0", "x1", "x2"))
    assert [await commander.inspect_mission(f"x{number}") for number in range(3)] == before
    assert await becomes_of(commander, "x0") == "goes on"

    commander = await open_commander([after])
    assert await becomes_of(commander, "x1") == becomes


async def test_missions_without_a_definition_among_those_given_are_stranded(open_commander: OpenCommander) -> None:
    """Whatever is registered now: a plan is of the program that is to come."""
    commander = await open_commander([BEFORE])
    await commander.start(BEFORE, 7)
    ended = await commander.start(BEFORE, 7)
    await ended.cancel()

    plan = await commander.operations.plan([])

    assert not plan.is_safe
    assert [(group.count, group.effect) for group in plan.groups] == [(1, "stranded")]
    assert json.loads(json.dumps(plan.to_dict())) == plan.to_dict()


async def test_missions_that_ran_under_several_definitions_are_judged_by_their_histories(
    open_commander: OpenCommander,
) -> None:
    """A name that one passed under the second of them lies behind it."""
    commander = await open_commander([BEFORE])
    await commander.start(BEFORE, 7, mission_id="x")
    middle = flow("order").need_to("paid", int).step("weigh", begin).need_to("go", int).end()
    commander = await open_commander([middle])
    mission = await commander.get_mission("x")
    assert mission is not None
    await mission.signal("paid", 1)

    again = flow("order").need_to("go", int).step("weigh", begin).end()
    (group,) = (await commander.operations.plan([again])).groups

    assert (group.fingerprint, group.node, group.effect) == (middle.fingerprint, "go", "stranded")
    assert group.problem == "the node 'weigh' lies ahead, and the mission has passed that name"


async def test_live_paths_are_judged_each_by_itself(open_commander: OpenCommander) -> None:
    """One that cannot go on strands its mission."""
    before = flow("order").parallel("all", {"a": path().need_to("one", int), "b": path().need_to("two", int)}).end()
    after = flow("order").parallel("all", {"a": path().need_to("one", int), "b": path().sleep("two", 5)}).end()
    commander = await open_commander([before])
    waits = await commander.start(before, 7, mission_id="x")
    halfway = await commander.start(before, 7, mission_id="y")
    await halfway.signal("two", 1)

    plan = await commander.operations.plan([after])

    assert [(group.node, group.effect, group.examples) for group in plan.groups] == [
        ("all", "stranded", ("x",)),
        ("all", "unaffected", ("y",)),
    ]
    assert await waits.status() is MissionStatus.WAITING


class Meanwhile(Forwarding):
    """Storage in which something happens, once, between what was listed and the reading of it."""

    happens: Callable[[], Awaitable[object]] | None = None

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return await super().load(mission_ids)


@pytest.mark.parametrize("is_purged", [False, True])
async def test_missions_that_end_while_it_is_made_are_none_that_are_under_way(
    open_commander: OpenCommander, fake_clock: FakeClock, is_purged: bool
) -> None:
    """Nor those that are gone altogether when their turn comes to be read."""
    forked = flow("order").parallel("all", {"a": path().need_to("one", int), "b": path().need_to("two", int)}).end()
    storage = Kept(Meanwhile)
    commander = await open_commander([forked], wrap=storage)
    for mission_id in ("x", "y"):
        await commander.start(forked, 7, mission_id=mission_id)

    async def end() -> None:
        await commander.cancel_mission("x")
        if is_purged:
            later = fake_clock.now() + timedelta(seconds=1)
            assert await commander.operations.purge_missions(ended_before=later) == 1

    storage.adapter.happens = end
    (group,) = (await commander.operations.plan([BEFORE])).groups

    assert (group.count, group.examples, group.effect) == (1, ("y",), "stranded")


async def test_running_missions_are_judged_where_they_run(open_commander: OpenCommander) -> None:
    """As they are recovered by the next program."""
    stage = Stage()
    before = flow("order").step("pack", stage).end()
    commander = await open_commander([before])
    await commander.start(before, 7, wait=False)
    await stage.entered("pack")

    (group,) = (await commander.operations.plan([flow("order").step("load", stage).end()])).groups

    assert (group.node, group.effect) == ("pack", "stranded")
    stage.let_all_go()


async def test_definitions_that_are_none_are_refused(open_commander: OpenCommander) -> None:
    """With the errors of registering them."""
    commander = await open_commander([BEFORE])
    for wrong in ([BEFORE, CARRIED], [flow()], "order"):
        with pytest.raises(MissionDefinitionError):
            await commander.operations.plan(wrong)  # type: ignore[arg-type] # that is what is tested
    assert (await commander.operations.plan(one for one in [CARRIED])).is_safe


async def test_another_process_plans_on_the_file(database_path: Path) -> None:
    """Beside the owner, and without one."""
    async with SQLiteCommander(database_path=database_path, definitions=[BEFORE]) as commander:
        await commander.start(BEFORE, 7, mission_id="x")
        assert not await is_safe(database_path)
    assert not await is_safe(database_path)


async def is_safe(database_path: Path) -> bool:
    async with create_commander_client(mailbox=sqlite_mailbox(database_path)) as client:
        plan = await client.operations.plan([STRANDING])
        assert [(group.node, group.count) for group in plan.groups] == [("paid", 1)]
        return plan.is_safe


# At random


@settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(missions(is_apart=False), missions(is_apart=False))
def test_plan_of_random_definitions_is_what_happens(
    first: tuple[World, MissionDefinition[Any]], second: tuple[World, MissionDefinition[Any]]
) -> None:
    """Missions of all constructs are found where they stand, and the next commander does with each what was planned."""
    asyncio.run(_plan_and_see(first[1], second[1]))


async def _plan_and_see(before: MissionDefinition[Any], after: MissionDefinition[Any]) -> None:
    storage, clock = create_in_memory_persistence_adapter(), FakeClock()
    async with create_commander(definitions=[before], persistence=storage, clock=clock) as commander:
        await commander.start(before, 1, mission_id="x", wait=False)
        await clock.advance(5_000)
        live = [one.mission_id async for one in commander.iter_missions() if not one.status.is_terminal]
        plan = await commander.operations.plan([after])
    planned = {mission_id: group.effect for group in plan.groups for mission_id in group.examples}
    assert sorted(planned) == sorted(live)
    async with create_commander(definitions=[after], persistence=storage, clock=clock) as commander:
        findings = await commander.operations.doctor()
    carried = {mission_id: effect != "stranded" for mission_id, effect in planned.items()}
    not_carried = {finding.mission_id for finding in findings}
    assert carried == {mission_id: mission_id not in not_carried for mission_id in live}
