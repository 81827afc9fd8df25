"""Deadlines of waits in paths, items, branches and rounds, and where what follows them runs (rules 37, 39 and 41)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flows import Stage, T, Watched, begin, ended, flow, history_of, names_of, path, places, recovered
from mission_control.core import (
    MissionBuilder,
    MissionContext,
    MissionFailedError,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
)
from mission_control.testing import FakeClock
from storages import Kept, OpenCommander, Undriven

late = path().step("escalate", begin)
signed = path().need_to("signed", int, timeout=60, on_timeout=late).step("behind", begin)


def three(ctx: MissionContext[Any]) -> list[int]:
    return [0, 10, 20]


def left(ctx: MissionContext[Any]) -> str:
    return "left"


def always(ctx: MissionContext[Any]) -> bool:
    return True


async def waits(mission: MissionHandle[int], instance: str) -> None:
    """Return when the mission waits at an instance."""
    async with asyncio.timeout(30):
        while (instance, "waiting") not in [place[1:] for place in await places(mission)]:
            await asyncio.sleep(0)


rounds = path().repeat("r", signed, until=always)
PLACES: dict[str, tuple[MissionBuilder[int], str, str | None]] = {
    "a path of a parallel": (flow().parallel("all", {"a": signed}), "all/a", "all/a"),
    "a path of a race": (flow().race("first", {"a": signed}), "first/a", "first/a"),
    "an item": (flow().each("e", three, signed, max_concurrency=1), "e[0]", "e[0]"),
    "a branch": (flow().branch("kind", left, {"left": signed}), "kind/left", None),
    "a round": (flow().repeat("r", signed, until=always), "r[0]", None),
    "a round in a path": (flow().parallel("all", {"a": rounds}), "all/a/r[0]", "all/a"),
    "what follows another deadline": (
        flow().need_to("first", int, timeout=0, on_timeout=signed),
        "first/timeout",
        None,
    ),
}


@pytest.mark.parametrize("where", PLACES)
async def test_path_of_a_deadline_runs_in_the_line_of_its_wait(
    open_commander: OpenCommander, fake_clock: FakeClock, where: str
) -> None:
    """Its names are the wait's and `timeout`, its line is that of the wait, which then goes on behind the wait."""
    beginning, place, line = PLACES[where]
    definition = beginning.end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await commander.settled()
    assert (await places(mission))[0] == (line, f"{place}/signed", "waiting")
    await fake_clock.advance(60)

    history = await mission.history()
    escalated = [it for it in history if it.event_name == f"{place}/signed/timeout/escalate"]
    assert [it.type for it in escalated] == [T.STEP_STARTED, T.STEP_SUCCEEDED]
    assert {it.path for it in escalated} == {f"{place}/signed/timeout"}
    following = [it.event_name for it in history if it.type is T.STEP_STARTED]
    assert following.index(f"{place}/behind") == following.index(f"{place}/signed/timeout/escalate") + 1


async def test_deadline_and_the_step_behind_it_are_one_commit(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """What follows a deadline in a path is durable with it, the end of the path and the join included."""
    empty = path().need_to("signed", int, timeout=60, on_timeout=path())
    definition = flow().parallel("all", {"a": empty}).step("last", begin).end()
    watched = Kept(Watched)
    commander = await open_commander([definition], wrap=watched)
    await commander.start(definition, 1)
    await fake_clock.advance(60)

    assert watched.adapter.with_(T.SIGNAL_TIMED_OUT) == [
        ("signal-timed-out", "all/a/signed"),
        ("path-completed", "all/a"),
        ("paths-joined", "all"),
        ("step-started", "last"),
    ]


async def test_path_of_a_deadline_may_win_a_race(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A wait that timed out goes on: its path completes like any other, and the others are stopped."""
    stage = Stage()
    paths = {"a": path().need_to("signed", int, timeout=60, on_timeout=late), "b": path().step("s", stage)}
    definition = flow().race("first", paths).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("first/b/s")
    await waits(mission, "first/a/signed")
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    joined = [it for it in await mission.history() if it.type is T.PATHS_JOINED]
    assert [dict(it.details) for it in joined] == [{"winner": "a"}]
    assert stage.unwound == ["first/b/s"]


async def test_race_that_another_path_wins_stops_what_follows_a_deadline(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """What runs after a deadline is part of its path, and ends with it."""
    stage = Stage()
    slow = path().need_to("signed", int, timeout=60, on_timeout=path().step("slow", stage))
    definition = flow().race("first", {"a": slow, "b": path().need_to("go", int)}).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)
    await stage.entered("first/a/signed/timeout/slow")
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"
    assert stage.unwound == ["first/a/signed/timeout/slow"]
    assert (await history_of(mission))[-5:] == [
        ("path-completed", "first/b"),
        ("step-interrupted", "first/a/signed/timeout/slow"),
        ("path-stopped", "first/a"),
        ("paths-joined", "first"),
        ("mission-completed", None),
    ]


@pytest.mark.parametrize("kind", ["parallel", "race"])
async def test_deadline_without_a_path_fails_the_line_around(
    open_commander: OpenCommander, fake_clock: FakeClock, kind: str
) -> None:
    """The others are stopped, and the mission fails at the wait, with its message, code SIGNAL_TIMEOUT."""
    stage = Stage()
    inner = path().need_to("signed", int, timeout=60, timeout_message="nobody signed")
    paths = {"a": path().branch("kind", left, {"left": inner}), "b": path().step("s", stage)}
    definition = (flow().parallel("all", paths) if kind == "parallel" else flow().race("all", paths)).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("all/b/s")
    await waits(mission, "all/a/kind/left/signed")
    await fake_clock.advance(60)

    snapshot = await mission.result()
    assert (snapshot.status, snapshot.cursor) == ("failed", "all/a/kind/left/signed")
    assert snapshot.error is not None
    assert (snapshot.error.code, snapshot.error.message) == ("SIGNAL_TIMEOUT", "nobody signed")
    assert (await history_of(mission))[-5:] == [
        ("signal-timed-out", "all/a/kind/left/signed"),
        ("path-failed", "all/a"),
        ("step-interrupted", "all/b/s"),
        ("path-stopped", "all/b"),
        ("mission-failed", "all/a/kind/left/signed"),
    ]


async def test_failure_behind_a_deadline_fails_at_its_instance(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A step of `on_timeout` that fails, fails the path of its wait, and an `each` may bear it."""

    def fails_once(ctx: MissionContext[Any]) -> None:
        if ctx.index == 1:
            raise ValueError("one")

    item = path().need_to("signed", int, timeout=60, on_timeout=path().step("escalate", fails_once))
    definition = flow().each("e", three, item, max_failures=1).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    assert await names_of(mission, T.PATH_FAILED) == ["e[1]"]
    assert set(await names_of(mission, T.PATH_COMPLETED)) == {"e[0]", "e[2]"}


async def test_message_of_a_deadline_in_a_path_names_the_instance(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Without a message of its own it says which wait it was, and until when."""
    definition = flow().each("e", three, path().need_to("signed", int, timeout=60)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)

    with pytest.raises(MissionFailedError, match=r"signal 'e\[0\]/signed' did not come in time"):
        await mission.output()


async def test_output_of_a_step_behind_a_deadline_is_the_missions(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Steps of `on_timeout` count on the main line, and not in a live path."""

    def say(ctx: MissionContext[Any]) -> str:
        return ctx.step_name

    wait = path().need_to("signed", int, timeout=60, on_timeout=path().step("say", say))
    linear = flow("linear").need_to("signed", int, timeout=60, on_timeout=path().step("say", say)).end()
    forked = flow("forked").parallel("all", {"a": wait}).end()
    commander = await open_commander([linear, forked])
    missions = [await commander.start(definition, 1) for definition in (linear, forked)]
    await fake_clock.advance(60)

    assert [await mission.output() for mission in missions] == ["signed/timeout/say", 1]


async def test_code_behind_a_deadline_stands_inside_of_its_wait(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """It sees the item and the outputs around it; what was not received has its default."""
    seen: list[Any] = []

    def look(ctx: MissionContext[Any]) -> None:
        seen.append((ctx.item(three), ctx.index, ctx.output("before"), ctx.received("signed", default="late")))

    def before(ctx: MissionContext[Any]) -> str:
        return f"before {ctx.index}"

    wait = path().need_to("signed", int, timeout=60, on_timeout=path().step("look", look))
    item = path().step("before", before).parallel("all", {"a": wait})
    definition = flow().each("e", three, item).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    assert sorted(seen) == [(0, 0, "before 0", "late"), (10, 1, "before 1", "late"), (20, 2, "before 2", "late")]


async def test_signals_find_the_wait_behind_a_deadline(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The first wait is over; the one behind it is found by its place, by its instance and by its bare name."""
    again = path().need_to("again", int)
    item = path().need_to("signed", int, timeout=60, on_timeout=again)
    definition = flow().each("e", three, item).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)
    with pytest.raises(MissionSignalError, match=r"e\[0\]/signed/timeout/again"):
        await mission.signal("signed", 1, at="e[0]")
    await mission.signal("again", 1, at="e[0]/signed/timeout")
    await mission.signal("e[2]/signed/timeout/again", 1)
    await mission.signal("again", 1)

    assert await ended(mission) == "completed"


async def test_process_may_end_while_what_follows_a_deadline_runs(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The step behind the deadline runs again; the wait is over, and its deadline does not pass twice."""
    stage = Stage()
    item = path().need_to("signed", int, timeout=60, on_timeout=path().step("slow", stage)).step("behind", begin)
    definition = flow().each("e", three, item).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, mission_id="x")
    await mission.signal("signed", 1, at="e[1]")
    await fake_clock.advance(60)
    await stage.entered("e[0]/signed/timeout/slow", "e[2]/signed/timeout/slow")
    await open_commander.crash()
    stage.let_all_go()
    mission = await recovered(await open_commander([definition]))

    assert await ended(mission) == "completed"
    assert await names_of(mission, T.SIGNAL_TIMED_OUT) == ["e[0]/signed", "e[2]/signed"]
    attempts = [it.event_name for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
    assert attempts == ["e[0]/signed/timeout/slow", "e[2]/signed/timeout/slow"]


async def test_deadlines_of_items_pass_each_at_its_time(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A deadline counts from the commit in which its wait begins; one that is over stops none of the others."""

    def by_item(ctx: MissionContext[Any]) -> int:
        return 10 + ctx.item(three)

    definition = flow().each("e", three, path().need_to("signed", int, timeout=by_item, on_timeout=late)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    began = fake_clock.now()
    passed: list[tuple[float, list[str | None]]] = []
    for _ in range(3):
        due = (await mission.snapshot()).next_due
        assert due is not None
        await fake_clock.advance(due - fake_clock.now())
        passed.append(((due - began).total_seconds(), await names_of(mission, T.SIGNAL_TIMED_OUT)))

    assert passed == [
        (10, ["e[0]/signed"]),
        (20, ["e[0]/signed", "e[1]/signed"]),
        (30, ["e[0]/signed", "e[1]/signed", "e[2]/signed"]),
    ]
    assert (await mission.snapshot()).status == MissionStatus.COMPLETED
