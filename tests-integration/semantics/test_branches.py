"""What chooses a path, and what it chose (rules 37, 42 and 43, and what code sees in a branch)."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest

from flows import Stage, T, begin, ended, flow, history_of, names_of, path, places, recovered
from mission_control.core import MissionContext, MissionDefinition, MissionFailedError, RetryPolicy
from mission_control.testing import FakeClock
from storages import OpenCommander


class Kind(Enum):
    OFFICE = "in-house"
    REMOTE = "far"


def by_text(ctx: MissionContext[int]) -> Literal["odd", "even"]:
    return "odd" if ctx.input % 2 else "even"


def by_bool(ctx: MissionContext[int]) -> bool:
    return ctx.input % 2 == 1


async def by_kind(ctx: MissionContext[int]) -> Kind:
    return Kind.OFFICE if ctx.input % 2 else Kind.REMOTE


one = path().step("s", begin)


@pytest.mark.parametrize(
    ("choose", "paths", "instance", "recorded", "seen"),
    [
        (by_text, {"odd": one, "even": path()}, "b/odd/s", "odd", "odd"),
        (by_bool, {True: one, False: path()}, "b/true/s", True, True),
        (by_kind, {Kind.OFFICE: one, Kind.REMOTE: path()}, "b/OFFICE/s", "in-house", Kind.OFFICE),
    ],
)
async def test_path_of_the_key_runs(
    open_commander: OpenCommander, choose: Any, paths: Any, instance: str, recorded: Any, seen: Any
) -> None:
    """The key is recorded in its JSON form, code sees it as it is declared, and the path's name is its text."""
    found: list[Any] = []

    def behind(ctx: MissionContext[int]) -> None:
        found.extend([ctx.output(choose), ctx.output("b")])

    definition = flow().branch("b", choose, paths).step("behind", behind).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.STEP_STARTED) == ["start", "b", instance, "behind"]
    assert (await mission.snapshot()).events["b"].output == recorded
    assert found == [seen, seen]


async def test_otherwise_is_for_what_has_no_path(open_commander: OpenCommander) -> None:
    """A key without a path leads to `otherwise`; what was returned is what is recorded."""

    def choose(ctx: MissionContext[int]) -> str:
        return "green"

    definition = flow().branch("b", choose, {"red": path()}, otherwise=one).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.STEP_STARTED) == ["start", "b", "b/otherwise/s"]
    assert (await mission.snapshot()).events["b"].output == "green"


async def test_branch_is_asked_once(open_commander: OpenCommander) -> None:
    """What was chosen is on record: after a crash the mission goes on in that path, and nobody is asked again."""
    asked: list[str] = []

    def choose(ctx: MissionContext[int]) -> str:
        asked.append(ctx.step_name)
        return "a" if len(asked) == 1 else "b"

    wait = path().need_to("go", int)
    definition = flow().branch("b", choose, {"a": wait, "b": wait}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")
    assert await places(mission) == [(None, "b/a/go", "waiting")]
    await open_commander.crash()
    commander = await open_commander([definition])
    mission = await recovered(commander)
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"
    assert asked == ["b"]


async def test_branch_that_chooses_is_tried_again(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """`retry` and `timeout` are those of the code that chooses: its attempts are on record as a step's are."""

    def choose(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 1:
            raise ValueError("not yet")
        return "a"

    retry = RetryPolicy(max_attempts=2, initial_interval=10)
    definition = flow().branch("b", choose, {"a": one}, retry=retry).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    assert (await mission.snapshot()).cursor == "b"
    await fake_clock.advance(10)

    assert await ended(mission) == "completed"
    started = [it for it in await mission.history() if (it.type, it.event_name) == (T.STEP_STARTED, "b")]
    assert [it.attempt_number for it in started] == [1, 2]
    assert started[0].details == {"kind": "branch"}


async def test_branch_stands_in_the_line_around(open_commander: OpenCommander) -> None:
    """A path of a branch is the main line's: its position has no path, and its output is the mission's."""

    def work(ctx: MissionContext[int]) -> str:
        return "worked"

    definition = flow().branch("b", by_text, {"odd": path().need_to("go", int).step("s", work), "even": one}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await places(mission) == [(None, "b/odd/go", "waiting")]
    await mission.signal("go", 1)
    assert await mission.output() == "worked"
    record = next(it for it in await mission.history() if it.event_name == "b/odd/s")
    assert record.path == "b/odd"


async def test_choice_is_not_the_missions_output(open_commander: OpenCommander) -> None:
    """Decisions do not count as the last step, nor do steps in live paths."""

    def first(ctx: MissionContext[int]) -> str:
        return "first"

    definition = (
        flow()
        .step("first", first)
        .branch("b", by_text, {"odd": path(), "even": path()})
        .parallel("p", {"a": one})
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await mission.output() == "first"


async def test_branches_of_branches(open_commander: OpenCommander) -> None:
    """Branches nest, and go on behind the outer one."""
    inner = path().branch("i", by_bool, {True: one, False: path()}).step("t", begin)
    definition = flow().branch("o", by_text, {"odd": inner, "even": path()}).step("behind", begin).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.STEP_STARTED) == ["start", "o", "o/odd/i", "o/odd/i/true/s", "o/odd/t", "behind"]


async def test_step_that_fails_in_a_branch_fails_the_mission_there(open_commander: OpenCommander) -> None:
    """The cursor of the failed mission is the instance in the branch."""
    stage = Stage(holds=False)
    stage.fail("b/odd/s")
    definition = flow().branch("b", by_text, {"odd": path().step("s", stage), "even": path()}).end()
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError, match="'b/odd/s'"):
        await commander.start(definition, 1, mission_id="x")

    snapshot = await (await recovered(commander)).snapshot()
    assert snapshot.cursor == "b/odd/s"
    assert not await history_of(await recovered(commander), T.PATH_FAILED)


# 43. Decisions that decide nothing


async def fails_with_payload_error(
    open_commander: OpenCommander, definition: MissionDefinition[int], cursor: str, *found: str
) -> None:
    """Check that the mission fails at once, and that the error names where, and what was returned."""
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError) as caught:
        await commander.start(definition, 1)
    snapshot = caught.value.snapshot
    assert snapshot is not None
    assert snapshot.error is not None
    assert (snapshot.cursor, snapshot.error.code) == (cursor, "MISSION_PAYLOAD_ERROR")
    for text in (repr(cursor), *found):
        assert text in snapshot.error.message
    mission = await recovered(commander, snapshot.mission_id)
    assert (await history_of(mission, T.STEP_FAILED)) == [("step-failed", cursor)]


RETRY = RetryPolicy(max_attempts=5)


@pytest.mark.parametrize(
    ("returned", "found"), [("purple", "'purple'"), (None, "None"), (1, "1"), (True, "True"), (["a"], "list of 1")]
)
async def test_choice_without_a_path_fails_the_mission(
    open_commander: OpenCommander, returned: Any, found: str
) -> None:
    """What is no key, where there is no `otherwise`, fails without another attempt, and names what was returned."""

    def choose(ctx: MissionContext[int]) -> Any:
        return returned

    definition = flow().branch("b", choose, {"a": path(), "c": path()}, retry=RETRY).end()
    await fails_with_payload_error(open_commander, definition, "b", found)


@pytest.mark.parametrize("returned", [1, None, {"a": 1}, "text"])
async def test_items_that_are_no_list_fail_the_mission(open_commander: OpenCommander, returned: Any) -> None:
    """What lists no items fails without another attempt, and names what was returned."""

    def items(ctx: MissionContext[int]) -> Any:
        return returned

    definition = flow().each("e", items, path(), retry=RETRY).end()
    await fails_with_payload_error(open_commander, definition, "e", type(returned).__name__.replace("NoneType", "None"))


async def test_more_than_100_000_items_fail_the_mission(open_commander: OpenCommander) -> None:
    """A longer list than an `each` may go over fails without another attempt."""

    def items(ctx: MissionContext[int]) -> list[int]:
        return [0] * 100_001

    definition = flow().each("e", items, path(), retry=RETRY).end()
    await fails_with_payload_error(open_commander, definition, "e", "100,000")


@pytest.mark.parametrize("returned", ["yes", None, 1, 0])
async def test_until_that_returns_no_bool_fails_the_mission(open_commander: OpenCommander, returned: Any) -> None:
    """What says neither True nor False fails without another attempt, and names what was returned."""

    def until(ctx: MissionContext[int]) -> Any:
        return returned

    definition = flow().repeat("r", path(), until=until, retry=RETRY, max_rounds=3).end()
    await fails_with_payload_error(open_commander, definition, "r[0]", repr(returned))


async def test_decision_in_an_item_fails_that_item(open_commander: OpenCommander) -> None:
    """A decision that decides nothing fails its line, as a step does, and an `each` may bear it."""

    def items(ctx: MissionContext[int]) -> list[str]:
        return ["a", "b"]

    def choose(ctx: MissionContext[int]) -> Any:
        return ctx.item(items)

    definition = flow().each("e", items, path().branch("b", choose, {"a": path()}), max_failures=1).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await ended(mission) == "completed"
    failure = next(it for it in await mission.history() if it.type == T.PATH_FAILED)
    assert (failure.event_name, failure.details["error"]["code"]) == ("e[1]", "MISSION_PAYLOAD_ERROR")
