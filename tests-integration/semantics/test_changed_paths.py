"""Definitions that change while paths of their missions are live (rule 42)."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from flows import T, begin, ended, flow, names_of, path, recovered
from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionHandle,
    MissionStatus,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

Definition = MissionDefinition[int]

go = path().need_to("go", int)
wait_and_ship = path().need_to("go", int).step("ship", begin)


def office(ctx: MissionContext[Any]) -> str:
    return "office"


def three(ctx: MissionContext[Any]) -> list[int]:
    return [10, 20, 30]


def five(ctx: MissionContext[Any]) -> list[int]:
    return [0, 1, 2, 3, 4]


def never(ctx: MissionContext[Any]) -> bool:
    return False


def always(ctx: MissionContext[Any]) -> bool:
    return True


async def changed(open_commander: OpenCommander, before: Definition, after: Definition) -> MissionHandle[int]:
    """Start a mission under one definition, and return its handle under another, in the next process."""
    commander = await open_commander([before])
    mission = await commander.start(before, 7, mission_id="x")
    await started_waiting(mission)
    await open_commander.crash()
    return await again(open_commander, after)


async def started_waiting(mission: MissionHandle[int]) -> None:
    assert (await mission.snapshot()).status == MissionStatus.WAITING


async def again(open_commander: OpenCommander, definition: Definition) -> MissionHandle[int]:
    commander = await open_commander([definition])
    await commander.settled()
    return await recovered(commander)


def both(**paths: Any) -> Definition:
    return flow().parallel("all", {name: it for name, it in paths.items() if it is not None}).step("last", begin).end()


BEFORE = both(a=path().step("one", begin).need_to("go", int), b=go)


@pytest.mark.parametrize(
    ("after", "steps"),
    [
        pytest.param(
            both(a=path().step("one", begin).need_to("go", int).step("new", begin), b=go),
            ["all/a/new", "last"],
            id="a step ahead in a path",
        ),
        pytest.param(both(a=go, b=go), ["last"], id="a step behind in a path is gone"),
        pytest.param(both(a=go, b=go, c=path().step("new", begin)), ["last"], id="a path that was not opened"),
        pytest.param(
            flow().step("new", begin).parallel("all", {"b": go, "a": go}).step("other", begin).end(),
            ["other"],
            id="around the construct, and the order of its paths",
        ),
        pytest.param(
            both(a=path().need_to("go", int).parallel("one", {"x": path().step("s", begin)}), b=go),
            None,
            id="a construct ahead under the name of a step that ran",
        ),
        pytest.param(
            both(a=go, b=path().need_to("go", int).step("one", begin)),
            ["all/b/one", "last"],
            id="a name that ran in another path",
        ),
        pytest.param(
            flow().parallel("all", {"a": go, "b": go}).step("one", begin).end(),
            ["one"],
            id="a name that ran in a path, on the main line",
        ),
        pytest.param(
            flow().parallel("all", {"a": go, "b": go}).step("start_again", begin).step("all2", begin).end(),
            ["start_again", "all2"],
            id="other names",
        ),
    ],
)
async def test_live_paths_go_on_where_they_stand(
    open_commander: OpenCommander, after: Definition, steps: list[str] | None
) -> None:
    """What lies ahead is the new definition's; a name that ran is one only as the same instance."""
    mission = await changed(open_commander, BEFORE, after)
    if steps is None:
        with pytest.raises(MissionDefinitionMismatchError, match="'all/a/one' lies ahead"):
            await mission.signal("all/a/go", 1)
        return
    await mission.signal("all/a/go", 1)
    await mission.signal("all/b/go", 1)

    assert await ended(mission) == "completed"
    assert (await names_of(mission, T.STEP_STARTED))[2:] == steps


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (both(a=go, b=None), "stands on the need_to 'all/b/go', and the definition has no node of that name"),
        (both(a=go, c=go), "stands on the need_to 'all/b/go', and the definition has no node of that name"),
        (both(a=go, b=path().sleep("go", 1)), "has a sleep of that name"),
        (flow().race("all", {"a": go, "b": go}).end(), "stands on the parallel 'all', and the definition has a race"),
        (flow().branch("all", office, {"a": go, "b": go, "office": go}).end(), "and the definition has a branch"),
        (flow().parallel("others", {"a": go, "b": go}).end(), "'all', and the definition has no node of that name"),
    ],
)
async def test_mission_whose_live_path_has_no_place_is_not_touched(
    open_commander: OpenCommander, after: Definition, problem: str
) -> None:
    """The error says which line has lost its place; nothing is written, and a matching definition goes on."""
    mission = await changed(open_commander, BEFORE, after)
    before = await mission.history()
    with pytest.raises(MissionDefinitionMismatchError, match=problem):
        await mission.signal("all/a/go", 1)
    assert await mission.history() == before

    mission = await again(open_commander, BEFORE)
    await mission.signal("go", 1, at="all/a")
    await mission.signal("go", 1, at="all/b")
    assert await ended(mission) == "completed"


# Places that are no lines of their own


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            flow().branch("kind", office, {"office": go}).end(),
            flow().branch("kind", office, {"desk": go}).end(),
            id="the key is gone",
        ),
        pytest.param(
            flow().repeat("kind", go, until=never).end(),
            flow().each("kind", three, go).end(),
            id="a round is no item",
        ),
        pytest.param(
            flow().branch("kind", office, {"office": go}).end(),
            flow().parallel("kind", {"office": go}).end(),
            id="a branch is no parallel",
        ),
    ],
)
async def test_place_of_a_decision_has_to_be_there(
    open_commander: OpenCommander, before: Definition, after: Definition
) -> None:
    """The construct that the main line stands in is there by name and kind, and so is the key."""
    mission = await changed(open_commander, before, after)
    with pytest.raises(MissionDefinitionMismatchError, match="'kind"):
        await mission.signal("go", 1)


def choose_timeout(ctx: MissionContext[Any]) -> Literal["timeout", "exhausted"]:
    return "timeout"


def choose_exhausted(ctx: MissionContext[Any]) -> Literal["timeout", "exhausted"]:
    return "exhausted"


BRANCHES: Any = {"timeout": go, "exhausted": go}
AT_A_CONSTRUCT_OF_ANOTHER_KIND = {
    "a deadline is no branch": (
        flow().need_to("kind", int, timeout=10, on_timeout=go).end(),
        flow().branch("kind", choose_timeout, BRANCHES).end(),
        "was a need_to",
    ),
    "a branch is no deadline": (
        flow().branch("kind", choose_timeout, BRANCHES).end(),
        flow().need_to("kind", int, timeout=10, on_timeout=go).end(),
        "was a branch",
    ),
    "a repeat is no branch": (
        flow().repeat("kind", path(), until=never, max_rounds=1, on_exhausted=go).end(),
        flow().branch("kind", choose_exhausted, BRANCHES).end(),
        "was a repeat",
    ),
    "a branch is no repeat": (
        flow().branch("kind", choose_exhausted, BRANCHES).end(),
        flow().repeat("kind", path(), until=never, max_rounds=1, on_exhausted=go).end(),
        "was a branch",
    ),
}


@pytest.mark.parametrize("case", AT_A_CONSTRUCT_OF_ANOTHER_KIND)
async def test_place_whose_text_is_that_of_another_kind(
    open_commander: OpenCommander, fake_clock: FakeClock, case: str
) -> None:
    """`kind/timeout` may be what follows a deadline, or the key of a branch: these are two places."""
    before, after, problem = AT_A_CONSTRUCT_OF_ANOTHER_KIND[case]
    commander = await open_commander([before])
    mission = await commander.start(before, 7, mission_id="x")
    await fake_clock.advance(10)
    await started_waiting(mission)
    await open_commander.crash()
    mission = await again(open_commander, after)

    with pytest.raises(MissionDefinitionMismatchError, match=problem):
        await mission.signal("go", 1)
