"""Signals and updates of missions with many lines (rule 38)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from flows import Stage, T, begin, ended, flow, free_slots, history_of, names_of, path, recovered, turns
from mission_control.core import (
    MissionDefinition,
    MissionExecutionError,
    MissionSignalError,
    MissionTerminalError,
    MissionValidationError,
    Signal,
    m,
)
from mission_control.core.engine import holding
from mission_control.testing import FakeClock
from storages import Gate, OpenCommander, Undriven

GO = Signal("go", int)

wait = path().need_to(GO)


def items(count: int, one: Any = wait, **limits: Any) -> MissionDefinition[int]:
    """Return a mission that waits for `go` in each of so many items."""
    return flow().each("e", lambda ctx: list(range(count)), one, **limits).end()


async def is_pending(task: asyncio.Task[Any]) -> bool:
    """True where the call is still waiting when everything that can go on has done so."""
    await turns()
    return not task.done()


def soon(call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(call)


# Which line


async def test_signal_goes_to_its_line_at_once_while_others_run(open_commander: OpenCommander) -> None:
    """A wait takes its signal while a step of another path runs, and what follows it runs beside that."""
    stage = Stage()
    paths = {"step": path().step("s", stage), "wait": path().need_to(GO).step("t", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/step/s")
    await mission.signal(GO, 5, wait=False)
    await stage.entered("p/wait/t")

    assert stage.running == 2
    stage.let_all_go()
    assert await ended(mission) == "completed"
    assert (await mission.snapshot()).events["p/wait/go"].input == 5


async def test_place_says_which_of_several_waits_is_meant(open_commander: OpenCommander) -> None:
    """`at=` is the place of the wait, and the whole instance name as text says the same."""
    definition = items(3)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal(GO, 1, at="e[1]")
    await mission.signal("go", 2, at="e[0]")
    await mission.signal("e[2]/go", 3)

    assert await ended(mission) == "completed"
    assert {name: event.input for name, event in (await mission.snapshot()).events.items() if "/" in name} == {
        "e[1]/go": 1,
        "e[0]/go": 2,
        "e[2]/go": 3,
    }


def yes(ctx: Any) -> bool:
    return True


def no(ctx: Any) -> bool:
    return False


def other(ctx: Any) -> str:
    return "x"


def two(ctx: Any) -> list[int]:
    return [1, 2]


PLACES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda f: f.parallel("p", {"a": wait, "b": wait}), "p/a"),
    (lambda f: f.race("r", {"a": wait, "b": wait}), "r/a"),
    (lambda f: f.branch("b", yes, {True: wait, False: path()}), "b/true"),
    (lambda f: f.branch("b", other, {"y": path()}, otherwise=wait), "b/otherwise"),
    (lambda f: f.each("e", two, wait), "e[1]"),
    (lambda f: f.repeat("r", wait, until=yes), "r[0]"),
    (lambda f: f.need_to("late", int, timeout=0, on_timeout=wait), "late/timeout"),
    (
        lambda f: f.repeat("r", path(), until=no, max_rounds=1, on_exhausted=wait),
        "r/exhausted",
    ),
]


@pytest.mark.parametrize(
    ("build", "at"),
    PLACES,
    ids=["parallel", "race", "branch", "otherwise", "each", "repeat", "timeout", "exhausted"],
)
async def test_any_place_of_the_table(open_commander: OpenCommander, build: Any, at: str) -> None:
    """Every place that a node may be inside of can be said."""
    definition = build(flow()).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await commander.settled()
    await mission.signal(GO, 1, at=at)

    assert (await mission.snapshot()).events[f"{at}/go"].input == 1
    await mission.cancel()


async def test_bare_name_is_enough_for_one_open_wait(open_commander: OpenCommander) -> None:
    """However deep it is, and though others of that name have been or will be."""
    deep = path().parallel("p", {"a": wait})
    definition = items(2, deep, max_concurrency=1)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal(GO, 1)
    await mission.signal("go", 2)

    assert await ended(mission) == "completed"


async def test_bare_name_of_several_open_waits_is_refused_at_once(open_commander: OpenCommander) -> None:
    """The error lists up to ten and how many, and nothing is changed, also while other lines run."""
    stage = Stage()
    many = path().each("e", lambda ctx: list(range(25)), wait)
    definition = flow().parallel("p", {"many": many, "step": path().step("s", stage)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/step/s")
    async with asyncio.timeout(30):
        while len(await names_of(mission, T.WAITING_FOR_SIGNAL)) < 25:
            await asyncio.sleep(0.001)
    history = await history_of(mission)
    with pytest.raises(MissionSignalError) as caught:
        await mission.signal(GO, 1)

    text = str(caught.value)
    assert "25" in text
    assert [f"p/many/e[{index}]/go" in text for index in (0, 9, 10)] == [True, True, False]
    assert "at='p/many/e[0]'" in text
    assert await history_of(mission) == history
    stage.let_all_go()
    await mission.cancel()


async def test_held_bare_name_that_meets_several_is_refused(open_commander: OpenCommander) -> None:
    """A signal that was held while a step ran is refused when several waits of its name are open then."""
    gate = Gate()
    definition = flow().step("s", gate).parallel("p", {"a": wait, "b": wait}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    signal = soon(mission.signal(GO, 1))
    assert await is_pending(signal)
    gate.opened.set()
    with pytest.raises(MissionSignalError, match="2 open waits"):
        await signal
    await mission.cancel()


async def test_place_without_such_a_wait_is_refused(open_commander: OpenCommander) -> None:
    """A place where nothing waits for the name is no wait, also where others of that name are open."""
    definition = items(2)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    for at in ("e[7]", "e", "nowhere", ""):
        with pytest.raises(MissionSignalError, match="does not wait"):
            await mission.signal(GO, 1, at=at)
    assert await names_of(mission, T.SIGNAL_RECEIVED) == []
    await mission.cancel()


async def test_name_of_no_node_is_told_apart_from_the_wrong_time(open_commander: OpenCommander) -> None:
    """A misspelt name gets the names that there are; a name of a later wait does not."""
    definition = flow().parallel("p", {"a": path().need_to("first", int).need_to("second", int)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    with pytest.raises(MissionSignalError, match=r"no signal of this name.*'first', 'second'"):
        await mission.signal("frist", 1)
    with pytest.raises(MissionSignalError) as caught:
        await mission.signal("second", 1)

    assert "no signal of this name" not in str(caught.value)
    assert "'p/a/first'" in str(caught.value)
    await mission.cancel()


async def test_invalid_payload_leaves_the_line_waiting(open_commander: OpenCommander) -> None:
    """The error names the instance, and that wait stays open."""
    definition = items(2)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    with pytest.raises(MissionValidationError, match=r"e\[1\]/go"):
        await mission.signal("go", "text", at="e[1]")
    await mission.signal("go", 1, at="e[1]")
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"


async def test_of_concurrent_signals_for_one_wait_one_is_applied(open_commander: OpenCommander) -> None:
    """The others are refused; signals to other items at the same moment are all applied."""
    definition = items(10)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    signals = [
        mission.signal(GO, attempt, at=f"e[{index}]", wait=False) for index in range(10) for attempt in (1, 2, 3)
    ]
    outcomes = await asyncio.gather(*signals, return_exceptions=True)

    assert sum(outcome is None for outcome in outcomes) == 10
    assert all(outcome is None or isinstance(outcome, MissionSignalError) for outcome in outcomes)
    assert await ended(mission) == "completed"
    assert len(await names_of(mission, T.SIGNAL_RECEIVED)) == 10


# Holding


async def test_signal_that_beats_its_wait_is_held_while_some_line_runs(open_commander: OpenCommander) -> None:
    """A signal for a wait that comes later is applied as soon as it is open, though other lines still run."""
    stage = Stage()
    paths = {"a": path().step("s", stage).need_to(GO), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    signal = soon(mission.signal(GO, 1))
    assert await is_pending(signal)
    stage.let_go("p/a/s")
    async with asyncio.timeout(30):
        await signal

    assert stage.running == 1
    assert (await mission.snapshot()).events["p/a/go"].input == 1
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_held_signals_are_looked_at_in_order_of_arrival(open_commander: OpenCommander) -> None:
    """Of several that were held for one wait the first is applied, and the others go on being held."""
    stage = Stage()
    paths = {"a": path().step("s", stage).need_to(GO), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    signals: list[asyncio.Task[None]] = []
    for payload in (1, 2):
        signals.append(soon(mission.signal(GO, payload)))
        await turns(5)
    stage.let_go("p/a/s")
    await signals[0]
    assert await is_pending(signals[1])
    stage.let_all_go()
    with pytest.raises(MissionSignalError):
        await signals[1]

    assert (await mission.snapshot()).events["p/a/go"].input == 1


async def test_held_ones_are_refused_when_the_mission_as_a_whole_waits(open_commander: OpenCommander) -> None:
    """A signal that nobody waits for is refused when no line runs any more, and says what it waits for."""
    stage = Stage()
    paths = {"a": path().step("s", stage), "b": path().need_to("other", int)}
    definition = flow().parallel("p", paths).need_to(GO).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s")
    signal = soon(mission.signal(GO, 1))
    assert await is_pending(signal)
    stage.let_all_go()
    with pytest.raises(MissionSignalError, match="'p/b/other'"):
        await signal
    await mission.cancel()


async def test_held_ones_are_refused_when_the_mission_ends(open_commander: OpenCommander) -> None:
    """A mission that fails refuses what it held."""
    stage = Stage()
    paths = {"a": path().step("s", stage).need_to(GO), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    signal = soon(mission.signal(GO, 1))
    await turns()
    stage.fail("p/b/s")
    with pytest.raises(MissionSignalError, match="failed"):
        await signal


async def test_caller_that_is_cancelled_withdraws_its_signal(open_commander: OpenCommander) -> None:
    """A held signal whose caller has gone is not applied."""
    stage = Stage()
    paths = {"a": path().step("s", stage).need_to(GO), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    signal = soon(mission.signal(GO, 1))
    await turns()
    signal.cancel()
    stage.let_all_go()
    await commander.settled()

    assert await mission.status() == "waiting"
    await mission.signal(GO, 2)
    assert (await mission.snapshot()).events["p/a/go"].input == 2


# What a waiting caller waits for


async def test_caller_waits_for_the_line_that_took_its_signal(open_commander: OpenCommander) -> None:
    """It is answered when that line waits again, while another line goes on."""
    stage = Stage()
    paths = {"a": path().need_to(GO).step("s", stage).need_to("more", int), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/b/s")
    signal = soon(mission.signal(GO, 1))
    await stage.entered("p/a/s")
    assert await is_pending(signal)
    stage.let_go("p/a/s")
    async with asyncio.timeout(30):
        await signal

    assert stage.running == 1
    stage.let_all_go()
    await mission.signal("more", 1)
    assert await ended(mission) == "completed"


async def test_caller_is_answered_when_the_line_stands_on_paths_of_its_own(open_commander: OpenCommander) -> None:
    """A line that opens paths is enough, though they run."""
    stage = Stage()
    paths = {"a": path().need_to(GO).parallel("q", {"x": path().step("s", stage)}), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/b/s")
    async with asyncio.timeout(30):
        await mission.signal(GO, 1)

    await stage.entered("p/a/q/x/s")
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_caller_is_answered_when_the_line_ends_while_others_live(open_commander: OpenCommander) -> None:
    """The end of the line is enough where others of its construct live."""
    stage = Stage()
    definition = flow().parallel("p", {"a": wait, "b": path().step("s", stage)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/b/s")
    async with asyncio.timeout(30):
        await mission.signal(GO, 1)

    assert await names_of(mission, T.PATH_COMPLETED) == ["p/a"]
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_caller_follows_the_join_to_the_line_around(open_commander: OpenCommander) -> None:
    """Where the line's end completes its construct, the caller waits for the line around, up to the mission."""
    stage = Stage()
    inner = path().parallel("q", {"x": wait}).step("s", stage)
    definition = flow().parallel("p", {"a": inner}).step("behind", stage).need_to("last", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    signal = soon(mission.signal(GO, 1))
    await stage.entered("p/a/s")
    assert await is_pending(signal)
    stage.let_go("p/a/s")
    await stage.entered("behind")
    assert await is_pending(signal)
    stage.let_all_go()
    async with asyncio.timeout(30):
        await signal

    assert (await mission.snapshot()).cursor == "last"
    await mission.cancel()


async def test_caller_of_the_winner_follows_the_line_around(open_commander: OpenCommander) -> None:
    """A signal that wins a race is answered when the line behind it waits."""
    stage = Stage()
    definition = flow().race("r", {"a": wait, "b": path().sleep("nap", 60)}).step("s", stage).need_to("last", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    signal = soon(mission.signal(GO, 1))
    await stage.entered("s")
    assert await is_pending(signal)
    stage.let_all_go()
    await signal

    assert await mission.status() == "waiting"
    await mission.cancel()


async def test_caller_whose_line_fails_the_mission_is_answered(open_commander: OpenCommander) -> None:
    """The signal was applied: it returns though the mission then failed."""
    stage = Stage(holds=False)
    stage.fail("e[0]/s")
    definition = items(2, path().need_to(GO).step("s", stage))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    async with asyncio.timeout(30):
        await mission.signal(GO, 1, at="e[0]")

    assert await mission.status() == "failed"


async def test_caller_whose_item_fails_is_answered_when_the_each_bears_it(open_commander: OpenCommander) -> None:
    """An item that ends by failing while others live has ended."""
    stage = Stage(holds=False)
    stage.fail("e[0]/s")
    definition = items(2, path().need_to(GO).step("s", stage), max_failures=1)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    async with asyncio.timeout(30):
        await mission.signal(GO, 1, at="e[0]")

    assert await names_of(mission, T.PATH_FAILED) == ["e[0]"]
    await mission.cancel()


async def test_caller_whose_line_another_one_stops_is_answered(open_commander: OpenCommander) -> None:
    """A line that is stopped has ended, and what is around it goes on: the caller follows that."""
    stage = Stage()
    paths = {"a": path().need_to(GO).step("s", stage), "b": path().step("s", stage)}
    definition = flow().race("r", paths).need_to("last", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("r/b/s")
    signal = soon(mission.signal(GO, 1))
    await stage.entered("r/a/s")
    assert await is_pending(signal)
    stage.let_go("r/b/s")
    async with asyncio.timeout(30):
        await signal

    assert (await mission.snapshot()).cursor == "last"
    await mission.cancel()


async def test_caller_on_the_main_line_waits_for_it(open_commander: OpenCommander) -> None:
    """A signal to the main line is answered when that stands on paths, also while they run."""
    stage = Stage()
    definition = flow().need_to(GO).parallel("p", {"a": path().step("s", stage)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    async with asyncio.timeout(30):
        await mission.signal(GO, 1)

    await stage.entered("p/a/s")
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_caller_that_does_not_wait_is_answered_on_durability(open_commander: OpenCommander) -> None:
    """`wait=False` returns though the step behind the wait runs."""
    stage = Stage()
    definition = items(1, path().need_to(GO).step("s", stage))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    async with asyncio.timeout(30):
        await mission.signal(GO, 1, wait=False)

    await stage.entered("e[0]/s")
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_start_that_waits_returns_when_the_mission_as_a_whole_waits(open_commander: OpenCommander) -> None:
    """`start(wait=True)` returns when no line runs any more."""
    stage = Stage()
    definition = flow().parallel("p", {"a": wait, "b": path().step("s", stage)}).end()
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, 1, mission_id="x"))
    await stage.entered("p/b/s")
    assert await is_pending(start)
    stage.let_all_go()
    mission = await start

    assert await mission.status() == "waiting"
    await mission.cancel()


# Updates


def noting(definition_of: Callable[[Any], Any]) -> Any:
    """Return a mission with an update that tells which steps are on record as having ended."""
    draft = m.define("flow").update("note", str, lambda ctx, text: [text, *sorted(ctx.events)])
    return definition_of(draft.start(input=int, run=begin)).end()


async def test_update_is_held_until_no_line_runs_a_step(open_commander: OpenCommander) -> None:
    """An update waits for the steps of all lines, as long as that is less than a second."""
    stage = Stage()
    paths = {"a": path().step("s", stage), "b": path().step("s", stage), "c": wait}
    definition = noting(lambda it: it.parallel("p", paths))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    update = asyncio.create_task(mission.update("note", "x"))
    await turns()
    stage.let_go("p/a/s")
    await turns()
    assert not update.done()
    stage.let_go("p/b/s")

    assert await update == ["x", "p/a/s", "p/b/s", "start"]
    await mission.cancel()


async def test_update_runs_beside_the_steps_after_a_second(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When live paths do not come to rest in time, it runs on the last durable state, and is recorded."""
    assert holding.PATIENCE == 1.0
    monkeypatch.setattr(holding, "PATIENCE", 0.05)
    stage = Stage()
    paths = {"a": path().step("s", stage), "b": path().step("s", stage)}
    definition = noting(lambda it: it.parallel("p", paths))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    stage.let_go("p/a/s")
    async with asyncio.timeout(30):
        assert await mission.update("note", "x") == ["x", "p/a/s", "start"]

    assert stage.running == 1
    assert (await mission.snapshot()).events["note"].input == "x"
    stage.let_all_go()
    assert await ended(mission) == "completed"
    await free_slots(commander, 256)


async def test_update_of_a_mission_of_one_line_waits_as_long_as_it_takes(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without live paths a step is waited for, be it longer than a second."""
    monkeypatch.setattr(holding, "PATIENCE", 0.01)
    stage = Stage()
    definition = noting(lambda it: it.step("s", stage))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("s")
    update = asyncio.create_task(mission.update("note", "x"))
    await asyncio.sleep(0.05)
    assert not update.done()
    stage.let_all_go()
    with pytest.raises(MissionTerminalError):
        await update


async def test_update_beside_steps_takes_a_slot(open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all slots taken by the mission's own steps it runs when one of them has ended."""
    monkeypatch.setattr(holding, "PATIENCE", 0.01)
    stage = Stage()
    definition = noting(lambda it: it.parallel("p", {name: path().step("s", stage) for name in "ab"}))
    commander = await open_commander([definition], max_concurrency=2)
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    update = asyncio.create_task(mission.update("note", "x"))
    await asyncio.sleep(0.05)
    assert not update.done()
    stage.let_go("p/a/s")
    async with asyncio.timeout(30):
        assert (await update)[0] == "x"

    stage.let_all_go()
    assert await ended(mission) == "completed"
    await free_slots(commander, 2)


async def test_signals_go_on_while_an_update_is_held(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held update does not hold signals that come behind it, which a line waits for."""
    monkeypatch.setattr(holding, "PATIENCE", 3600.0)
    stage = Stage()
    paths = {"a": path().step("s", stage), "b": path().need_to(GO).need_to("more", int)}
    definition = noting(lambda it: it.parallel("p", paths))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s")
    update = asyncio.create_task(mission.update("note", "x"))
    await turns()
    async with asyncio.timeout(30):
        await mission.signal(GO, 1)
    assert not update.done()
    stage.let_all_go()
    await update

    assert "p/b/go" in (await mission.snapshot()).events
    await mission.cancel()


async def test_step_may_not_update_or_signal_its_own_mission_from_a_path(open_commander: OpenCommander) -> None:
    """A step of a path that addresses its own mission gets an error that says "itself"."""
    problems: list[str] = []

    async def addresses(ctx: Any) -> None:
        mission = await commander.get_mission(ctx.mission_id)
        assert mission is not None
        for call in (mission.update("note", "x"), mission.signal(GO, 1), mission.cancel(), mission.result()):
            try:
                await call
            except (MissionExecutionError, MissionSignalError) as error:
                problems.append(str(error))

    definition = noting(lambda it: it.parallel("p", {"a": path().step("s", addresses), "b": wait}))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert len(problems) == 4
    assert all("itself" in problem for problem in problems)
    await mission.cancel()


async def test_signal_after_a_restart_finds_its_line(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Waits of paths are found by bare name, place and instance when the mission was read from storage."""
    definition = items(3)
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await open_commander.crash()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await recovered(commander)
    with pytest.raises(MissionSignalError, match="3 open waits"):
        await mission.signal(GO, 1)
    await mission.signal(GO, 1, at="e[2]")
    await mission.signal("e[0]/go", 1)
    await mission.signal(GO, 1)

    assert await ended(mission) == "completed"
