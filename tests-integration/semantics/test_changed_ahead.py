"""What of a changed definition holds for a mission with paths: names that ran, limits, policies, `until` (rule 42)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from flows import Stage, T, begin, ended, flow, free_slots, names_of, path, places, recovered, turns
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionFailedError,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
    RetryPolicy,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

Definition = MissionDefinition[int]

go = path().need_to("go", int)


def office(ctx: MissionContext[Any]) -> str:
    return "office"


def five(ctx: MissionContext[Any]) -> list[int]:
    return [0, 1, 2, 3, 4]


def never(ctx: MissionContext[Any]) -> bool:
    return False


def always(ctx: MissionContext[Any]) -> bool:
    return True


async def again(open_commander: OpenCommander, definition: Definition) -> MissionHandle[int]:
    """Return the mission in the next process, which has another definition."""
    await open_commander.crash()
    commander = await open_commander([definition])
    await commander.settled()
    return await recovered(commander)


ran = flow().step("one", begin)
RAN_AHEAD = {
    "behind the branch that it stands in": (
        ran.branch("kind", office, {"office": go}).end(),
        flow().branch("kind", office, {"office": go}).step("one", begin).end(),
        "one",
    ),
    "behind the repeat that it stands in": (
        ran.repeat("kind", go, until=always).end(),
        flow().repeat("kind", go, until=always).step("one", begin).end(),
        "one",
    ),
    "behind the deadline that has passed": (
        ran.need_to("kind", int, timeout=10, on_timeout=go).end(),
        flow().need_to("kind", int, timeout=10, on_timeout=go).step("one", begin).end(),
        "one",
    ),
    "behind the round that a path stands in": (
        flow().parallel("all", {"a": path().step("one", begin).repeat("kind", go, until=always)}).end(),
        flow().parallel("all", {"a": path().repeat("kind", go, until=always).step("one", begin)}).end(),
        "all/a/one",
    ),
    "a repeat": (
        flow().repeat("kind", path().step("one", begin), until=always).need_to("go", int).end(),
        flow().need_to("go", int).repeat("kind", path().step("one", begin), until=always).end(),
        "kind",
    ),
    "an each": (
        flow().each("kind", five, path().step("one", begin)).need_to("go", int).end(),
        flow().need_to("go", int).each("kind", five, path().step("one", begin)).end(),
        "kind",
    ),
    "a parallel": (
        flow().parallel("kind", {"a": path().step("one", begin)}).need_to("go", int).end(),
        flow().need_to("go", int).parallel("kind", {"a": path().step("one", begin)}).end(),
        "kind",
    ),
    "a branch": (
        flow().branch("kind", office, {"office": path().step("one", begin)}).need_to("go", int).end(),
        flow().need_to("go", int).branch("kind", office, {"office": path().step("one", begin)}).end(),
        "kind",
    ),
    "a wait whose deadline has passed": (
        flow().need_to("kind", int, timeout=10, on_timeout=path().step("one", begin)).need_to("go", int).end(),
        flow().need_to("go", int).need_to("kind", int, timeout=10, on_timeout=path().step("one", begin)).end(),
        "kind",
    ),
}


@pytest.mark.parametrize("case", RAN_AHEAD)
async def test_what_lies_ahead_bears_no_name_that_ran(
    open_commander: OpenCommander, fake_clock: FakeClock, case: str
) -> None:
    """Ahead of a line is what follows the places that it is inside of, too: nothing that has run would run again."""
    before, after, instance = RAN_AHEAD[case]
    commander = await open_commander([before])
    mission = await commander.start(before, 7, mission_id="x")
    await fake_clock.advance(10)
    assert (await mission.snapshot()).status == MissionStatus.WAITING
    history = await mission.history()
    mission = await again(open_commander, after)

    with pytest.raises(MissionDefinitionMismatchError, match=f"the node '{instance}' lies ahead"):
        await mission.signal("go", 1)
    assert await mission.history() == history


async def test_until_every_and_limit_of_rounds_are_the_new_definitions(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The sleep that began ends when it was to; the question after it, and the sleep after that, are today's."""
    ask = path().step("ask", begin)
    before = flow().repeat("survey", ask, until=never, every=60).end()
    after = flow().repeat("survey", ask, until=never, every=5, max_rounds=3, on_exhausted=go).end()
    commander = await open_commander([before])
    mission = await commander.start(before, 7, mission_id="x")
    mission = await again(open_commander, after)
    await fake_clock.advance(59)
    assert await names_of(mission, T.TIMER_FIRED) == []
    await fake_clock.advance(1)
    assert await names_of(mission, T.TIMER_FIRED) == ["survey[0]"]
    await fake_clock.advance(5)

    assert await names_of(mission, T.STEP_STARTED) == [
        "start", "survey[0]/ask", "survey[0]", "survey[1]/ask", "survey[1]", "survey[2]/ask", "survey[2]"
    ]  # fmt: skip
    assert await places(mission) == [(None, "survey/exhausted/go", "waiting")]


async def test_until_of_the_new_definition_decides(open_commander: OpenCommander) -> None:
    """A round that began under one definition is judged under the next."""
    commander = await open_commander([before := flow().repeat("r", go, until=never).end()])
    await commander.start(before, 7, mission_id="x")
    mission = await again(open_commander, flow().repeat("r", go, until=always).step("last", begin).end())
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"


async def test_policy_of_a_step_in_a_path_is_the_new_definitions(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The attempt that was promised is made at its time, and then the new policy allows no other."""

    def fails(ctx: MissionContext[Any]) -> None:
        raise ValueError(f"attempt {ctx.attempt}")

    def with_policy(**policy: Any) -> Definition:
        step = path().step("s", fails, retry=RetryPolicy(**policy))
        return flow().parallel("all", {"a": step, "b": go}).end()

    before = with_policy(max_attempts=9, initial_interval=60)
    commander = await open_commander([before])
    await commander.start(before, 7, mission_id="x")
    mission = await again(open_commander, with_policy(max_attempts=2, initial_interval=1))
    await fake_clock.advance(60)

    with pytest.raises(MissionFailedError, match="attempt 2"):
        await mission.output()
    assert (await mission.snapshot()).cursor == "all/a/s"


async def test_failures_that_an_each_may_have_are_the_new_definitions(open_commander: OpenCommander) -> None:
    """What failed before counts, against the limit of today."""

    def odd_fails(ctx: MissionContext[Any]) -> None:
        if ctx.received("go"):
            raise ValueError("odd")

    item = path().need_to("go", int).step("s", odd_fails)
    before = flow().each("e", five, item, max_failures=1).step("last", begin).end()
    commander = await open_commander([before])
    mission = await commander.start(before, 7, mission_id="x")
    await mission.signal("go", 1, at="e[0]")
    mission = await again(open_commander, flow().each("e", five, item, max_failures=2).step("last", begin).end())
    await mission.signal("go", 1, at="e[1]")
    for index in (2, 3, 4):
        await mission.signal("go", 0, at=f"e[{index}]")

    assert await ended(mission) == "completed"


async def open_items(commander: Commander, definition: Definition) -> MissionHandle[int]:
    return await commander.start(definition, 7, mission_id="x")


def limited(limit: int | None) -> Definition:
    return flow().each("e", five, go, max_concurrency=limit).end()


async def waiting_at(mission: MissionHandle[int]) -> list[str | None]:
    assert (await mission.snapshot()).status == MissionStatus.WAITING
    return [path for path, _, _ in await places(mission)]


async def test_smaller_limit_holds_for_items_that_wait(open_commander: OpenCommander) -> None:
    """Nothing begins until fewer live than today's limit, the mission waits meanwhile, and no slot is kept."""
    commander = await open_commander([before := limited(3)])
    await open_items(commander, before)
    mission = await again(open_commander, limited(1))
    await mission.signal("go", 1, at="e[0]")
    assert await waiting_at(mission) == ["e[1]", "e[2]"]
    with pytest.raises(MissionSignalError):
        await asyncio.wait_for(mission.signal("go", 1, at="e[3]"), 5)
    await mission.signal("go", 1, at="e[1]")
    assert await waiting_at(mission) == ["e[2]"]
    await mission.signal("go", 1, at="e[2]")
    assert await waiting_at(mission) == ["e[3]"]
    await mission.signal("go", 1, at="e[3]")
    await mission.signal("go", 1, at="e[4]")
    assert await ended(mission) == "completed"


async def test_smaller_limit_leaks_no_slot(open_commander: OpenCommander) -> None:
    """A construct without room takes no slots from others."""
    commander = await open_commander([before := limited(3)], max_concurrency=3)
    mission = await open_items(commander, before)
    await open_commander.crash()
    commander = await open_commander([limited(1)], max_concurrency=3)
    mission = await recovered(commander)
    await mission.signal("go", 1, at="e[0]")

    await free_slots(commander, 3)


@pytest.mark.parametrize(("limit", "live"), [(4, [1, 2, 3, 4]), (None, [1, 2, 3, 4]), (2, [1, 2])])
async def test_larger_limit_holds_from_the_next_end_of_an_item_on(
    open_commander: OpenCommander, limit: int | None, live: list[int]
) -> None:
    """The items for which there is room then begin, also where there is no limit any more."""
    commander = await open_commander([before := limited(1)])
    await open_items(commander, before)
    mission = await again(open_commander, limited(limit))
    assert await waiting_at(mission) == ["e[0]"]
    await mission.signal("go", 1)

    assert await waiting_at(mission) == [f"e[{index}]" for index in live]


async def test_larger_limit_is_kept_where_there_is_no_slot_at_once(open_commander: OpenCommander) -> None:
    """The room that an item's end makes is used when there are slots, and is there after another crash too."""

    def each(limit: int, stage: Stage) -> Definition:
        return flow().each("e", five, path().step("s", stage), max_concurrency=limit).end()

    commander = await open_commander([before := each(1, Stage())], max_concurrency=1)
    await commander.start(before, 7, mission_id="x", wait=False)
    await open_commander.crash()
    stage = Stage()
    commander = await open_commander([each(3, stage)], max_concurrency=1)
    stage.let_go("e[0]/s")
    await stage.entered("e[1]/s")
    await open_commander.crash()
    stage = Stage()
    commander = await open_commander([each(3, stage)], max_concurrency=9)
    mission = await recovered(commander)
    await stage.entered("e[1]/s", "e[2]/s", "e[3]/s")
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert stage.most == 3


async def test_smaller_limit_after_a_process_that_had_too_few_slots(open_commander: OpenCommander) -> None:
    """Items that had room under the old limit, and no slot, begin as the new one allows."""

    def each(limit: int | None, stage: Stage) -> Definition:
        return flow().each("e", five, path().step("s", stage), max_concurrency=limit).end()

    first = Stage()
    commander = await open_commander([before := each(None, first)], max_concurrency=2)
    await commander.start(before, 7, mission_id="x", wait=False)
    await first.entered("e[0]/s", "e[1]/s")
    await open_commander.crash()
    stage = Stage()
    commander = await open_commander([each(2, stage)], max_concurrency=9)
    mission = await recovered(commander)
    await stage.entered("e[0]/s", "e[1]/s")
    await turns()
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert stage.most == 2


class Stuck:
    """Code that computes a time, and does not come to an end in the process that it is first run in."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self, ctx: MissionContext[Any]) -> timedelta:
        self.begun.set()
        await asyncio.Event().wait()
        return timedelta()


def timed(kind: str, time: Any, *, is_in_a_path: bool) -> Definition:
    """Return a mission with a wait that ends at a time, on its main line or in a path."""
    line: Any = path() if is_in_a_path else flow()
    line = line.sleep("w", time) if kind == "sleep" else line.need_to("w", int, timeout=time, on_timeout=path())
    line = line.step("behind", begin)
    definition: Definition = flow().parallel("all", {"a": line}).end() if is_in_a_path else line.end()
    return definition


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("is_in_a_path", [True, False])
@pytest.mark.parametrize("kind", ["sleep", "deadline"])
async def test_time_that_was_being_computed_may_be_a_plain_one_now(
    open_commander: OpenCommander, fake_clock: FakeClock, kind: str, is_in_a_path: bool, is_closed: bool
) -> None:
    """The node is there by name and kind: the wait begins as it says today, and nothing is computed."""
    stuck = Stuck()
    before, after = (timed(kind, time, is_in_a_path=is_in_a_path) for time in (stuck, 10))
    commander = await open_commander([before])
    await commander.start(before, 7, mission_id="x", wait=False)
    await stuck.begun.wait()
    if is_closed:
        await open_commander.close()
    mission = await again(open_commander, after)
    assert (await mission.snapshot()).status == MissionStatus.WAITING
    await fake_clock.advance(10)

    assert await ended(mission) == "completed"


def long(ctx: MissionContext[Any]) -> int:
    return 1_000


@pytest.mark.parametrize("kind", ["sleep", "deadline"])
async def test_plain_time_that_has_begun_is_not_computed(
    open_commander: OpenCommander, fake_clock: FakeClock, kind: str
) -> None:
    """What was fixed when the wait began stays, though today's definition would compute it."""
    before, after = (timed(kind, time, is_in_a_path=True) for time in (10, long))
    commander = await open_commander([before])
    await commander.start(before, 7, mission_id="x")
    mission = await again(open_commander, after)
    await fake_clock.advance(10)

    assert await ended(mission) == "completed"
