"""The first that completes wins, and the others are stopped (rules 35 and 36)."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from flows import (
    Stage,
    T,
    Watched,
    begin,
    ended,
    flow,
    free_slots,
    history_of,
    path,
    places,
    recovered,
    turns,
)
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    MissionSignalError,
    RetryPolicy,
    m,
)
from mission_control.core.engine import attempt as attempts
from mission_control.testing import FakeClock
from storages import Gated, Kept, OpenCommander, ThreadGate, Undriven


def race(stage: Any, *names: str, behind: Any = begin) -> MissionDefinition[int]:
    """Return a mission of a race of paths of one step, and of a step behind it."""
    return flow().race("r", {name: path().step("s", stage) for name in names}).step("behind", behind).end()


async def started(commander: Commander, definition: MissionDefinition[int]) -> MissionHandle[Any]:
    return await commander.start(definition, 1, wait=False, mission_id="x")


# 35. Who wins


async def test_winner_stops_join_and_what_follows_are_one_commit(open_commander: OpenCommander) -> None:
    """The end of the winner, the stopping of the others, the join and the next step are durable together."""
    stage, behind, watched = Stage(), Stage(), Kept(Watched)
    definition = race(stage, *"abc", behind=behind)
    commander = await open_commander([definition], wrap=watched)
    mission = await started(commander, definition)
    await stage.entered("r/a/s", "r/b/s", "r/c/s")
    stage.let_go("r/b/s")
    await behind.entered("behind")

    assert watched.adapter.commits[-1] == [
        ("step-succeeded", "r/b/s"),
        ("path-completed", "r/b"),
        ("step-interrupted", "r/c/s"),
        ("path-stopped", "r/c"),
        ("step-interrupted", "r/a/s"),
        ("path-stopped", "r/a"),
        ("paths-joined", "r"),
        ("step-started", "behind"),
    ]
    behind.let_all_go()
    assert await ended(mission) == "completed"


async def test_output_of_a_race_is_the_name_of_the_winner(open_commander: OpenCommander) -> None:
    """`ctx.output` of the race gives the winner's path name, the record of the join names it, and so does the event."""
    seen: list[Any] = []

    def behind(ctx: MissionContext[int]) -> None:
        seen.append(ctx.output("r"))

    paths = {"nap": path().sleep("nap", 60), "go": path().need_to("go", int)}
    definition = flow().race("r", paths).step("behind", behind).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("go", 1)

    assert seen == ["go"]
    joined = next(record for record in await mission.history() if record.type == T.PATHS_JOINED)
    assert joined.details == {"winner": "go"}
    assert (await mission.snapshot()).events["r"].output == "go"


async def test_of_two_that_complete_in_one_commit_the_earlier_wins(open_commander: OpenCommander) -> None:
    """Two steps that ended during one commit are decided in the order in which they ended."""
    stage, slow = Stage(), Kept(Gated)
    racing = path().race("r", {"a": path().step("s", stage), "b": path().step("s", stage)})
    definition = flow().parallel("p", {"one": path().step("s", stage).step("t", stage), "two": racing}).end()
    commander = await open_commander([definition], wrap=slow)
    mission = await started(commander, definition)
    await stage.entered("p/one/s", "p/two/r/a/s", "p/two/r/b/s")
    slow.adapter.gate.clear()
    stage.let_go("p/one/s")
    await turns()
    stage.let_go("p/two/r/b/s")
    await turns()
    stage.let_go("p/two/r/a/s")
    await turns()
    slow.adapter.gate.set()
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert (await mission.snapshot()).events["p/two/r"].output == "b"
    assert ("step-succeeded", "p/two/r/a/s") not in await history_of(mission)


async def test_earlier_of_two_timers_wins_a_race(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Where both timers of a race came due while the process was down, the one that was due first wins."""
    definition = flow().race("r", {"late": path().sleep("nap", 20), "soon": path().sleep("nap", 10)}).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await open_commander.close()
    await fake_clock.advance(60)
    commander = await open_commander([definition])
    await commander.settled()
    mission = await recovered(commander)

    assert (await mission.snapshot()).events["r"].output == "soon"


async def test_those_behind_one_that_takes_no_time_do_not_begin(open_commander: OpenCommander) -> None:
    """Where a path completes at once, the steps before it do not run, and those behind it do not begin."""
    stage = Stage()
    paths = {"a": path().step("s", stage), "b": path().sleep("nap", 0), "c": path().step("s", stage)}
    definition = flow().race("r", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert (await history_of(mission))[4:] == [
        ("paths-opened", "r"),
        ("step-started", "r/a/s"),
        ("timer-scheduled", "r/b/nap"),
        ("timer-fired", "r/b/nap"),
        ("path-completed", "r/b"),
        ("step-interrupted", "r/a/s"),
        ("path-stopped", "r/a"),
        ("paths-joined", "r"),
        ("mission-completed", None),
    ]
    await commander.settled()
    assert stage.begun == []


async def test_path_behind_the_winner_that_waits_for_a_slot_never_begins(open_commander: OpenCommander) -> None:
    """With one slot, only the first path of a race begins, and when it wins the others have no records."""
    stage = Stage(holds=False)
    definition = race(stage, *"abc")
    commander = await open_commander([definition], max_concurrency=1)
    mission = await started(commander, definition)

    assert await ended(mission) == "completed"
    assert stage.begun == ["r/a/s"]
    assert not await history_of(mission, T.PATH_STOPPED)
    await free_slots(commander, 1)


async def test_race_within_an_item_is_the_items_own(open_commander: OpenCommander) -> None:
    """Each item's race has its own winner."""
    racing = path().race("r", {"go": path().need_to("go", int), "no": path().need_to("no", int)})
    definition = flow().each("e", lambda ctx: [1, 2], racing).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("no", 1, at="e[1]/r/no")
    await mission.signal("e[0]/r/go/go", 1)

    events = (await mission.snapshot()).events
    assert [events[f"e[{index}]/r"].output for index in (0, 1)] == ["go", "no"]


# 36. Stopping


async def test_stopped_attempt_is_recorded_with_its_reason(open_commander: OpenCommander) -> None:
    """A stopped async attempt is `step-interrupted` with the reason "stopped", its path `path-stopped` with "lost"."""
    stage = Stage()
    definition = race(stage, "a", "b")
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("r/a/s", "r/b/s")
    stage.let_go("r/a/s")
    assert await ended(mission) == "completed"

    records = {(it.type, it.event_name): it for it in await mission.history()}
    assert records[T.STEP_INTERRUPTED, "r/b/s"].details == {"reason": "stopped"}
    assert records[T.PATH_STOPPED, "r/b"].details == {"reason": "lost"}
    await commander.settled()
    assert stage.unwound == ["r/b/s"]


async def test_flow_does_not_wait_for_what_was_stopped_and_settled_does(open_commander: OpenCommander) -> None:
    """The mission completes while the code of a loser still cleans up; `settled()` returns when that has ended."""
    may_end, is_cleaning = asyncio.Event(), asyncio.Event()

    async def slow_to_end(ctx: MissionContext[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_cleaning.set()
            await may_end.wait()

    stage = Stage()
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", slow_to_end)}).end()
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("r/a/s")
    stage.let_go("r/a/s")

    assert await ended(mission) == "completed"
    await is_cleaning.wait()
    settling = asyncio.create_task(commander.settled())
    await turns()
    assert not settling.done()
    may_end.set()
    await settling


async def test_close_waits_for_what_was_stopped(open_commander: OpenCommander) -> None:
    """`close()` returns when the `finally` of a stopped attempt has run."""
    cleaned: list[str] = []
    is_cleaning = asyncio.Event()

    async def slow_to_end(ctx: MissionContext[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_cleaning.set()
            await asyncio.sleep(0.05)
            cleaned.append(ctx.step_name)

    stage = Stage()
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", slow_to_end)}).end()
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("r/a/s")
    stage.let_go("r/a/s")
    assert await ended(mission) == "completed"
    await is_cleaning.wait()
    await commander.close()

    assert cleaned == ["r/b/s"]


async def test_stopped_async_code_keeps_its_slot_until_it_has_ended(open_commander: OpenCommander) -> None:
    """The slot of a stopped attempt is free when its code has ended, and not before."""
    may_end, is_cleaning = asyncio.Event(), asyncio.Event()

    async def slow_to_end(ctx: MissionContext[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_cleaning.set()
            await may_end.wait()

    stage, other = Stage(), Stage()
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", slow_to_end)}).end()
    plain = m.define("plain").start(input=int, run=other).end()
    commander = await open_commander([definition, plain], max_concurrency=2)
    mission = await started(commander, definition)
    await stage.entered("r/a/s")
    stage.let_go("r/a/s")
    assert await ended(mission) == "completed"
    await is_cleaning.wait()
    others = [await commander.start(plain, 1, wait=False) for _ in range(2)]
    await turns()
    assert other.running == 1

    may_end.set()
    other.let_all_go()
    assert [await ended(it) for it in others] == ["completed"] * 2
    await free_slots(commander, 2)


async def test_step_that_begins_as_others_are_stopped_takes_another_slot(open_commander: OpenCommander) -> None:
    """What a signal stops has its slot until its code has ended; what begins behind the race does not run on that."""
    may_end, is_cleaning = asyncio.Event(), asyncio.Event()

    async def slow_to_end(ctx: MissionContext[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_cleaning.set()
            await may_end.wait()

    behind, other = Stage(), Stage()
    paths = {"signal": path().need_to("go", int), "step": path().step("s", slow_to_end)}
    definition = flow().race("r", paths).step("behind", behind).end()
    plain = m.define("plain").start(input=int, run=other).end()
    commander = await open_commander([definition, plain], max_concurrency=2)
    mission = await started(commander, definition)
    await turns()
    await mission.signal("go", 1, wait=False)
    await behind.entered("behind")
    await is_cleaning.wait()
    waiting = await commander.start(plain, 1, wait=False)
    await turns()
    assert other.running == 0

    may_end.set()
    behind.let_all_go()
    other.let_all_go()
    assert [await ended(mission), await ended(waiting)] == ["completed"] * 2
    await free_slots(commander, 2)


async def test_stopped_code_that_does_not_end_is_abandoned(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is told to stop and goes on is given up on after the grace, with a warning, and its slot is free."""
    monkeypatch.setattr(attempts, "GRACE", 0.05)
    may_end = asyncio.Event()

    async def stubborn(ctx: MissionContext[int]) -> str:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    stage = Stage()
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", stubborn)}).end()
    commander = await open_commander([definition], max_concurrency=2)
    mission = await started(commander, definition)
    await stage.entered("r/a/s")
    stage.let_go("r/a/s")
    assert await ended(mission) == "completed"
    with caplog.at_level(logging.WARNING):
        await commander.settled()

    assert "'r/b/s'" in caplog.text
    assert "abandoned" in caplog.text
    await free_slots(commander, 2)
    may_end.set()
    await turns()
    assert "r/b/s" not in (await mission.snapshot()).events


async def test_sync_attempt_is_abandoned_and_what_it_returns_is_discarded(open_commander: OpenCommander) -> None:
    """A thread cannot be stopped: the flow goes on, the slot is free at once, and its result is never recorded."""
    gate, stage = ThreadGate(), Stage()
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", gate)}).end()
    commander = await open_commander([definition], max_concurrency=2)
    mission = await started(commander, definition)
    await gate.begun.wait()
    stage.let_go("r/a/s")

    assert await ended(mission) == "completed"
    await free_slots(commander, 2)
    await commander.settled()
    history = await history_of(mission)
    gate.opened.set()
    await gate.ended.wait()
    await commander.settled()
    assert await history_of(mission) == history
    assert ("step-interrupted", "r/b/s") in history


async def test_result_that_comes_with_the_stop_is_discarded(open_commander: OpenCommander) -> None:
    """A loser that returns a value although it was told to stop has no output."""

    async def shrugs(ctx: MissionContext[int]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "anyway"
        raise AssertionError

    stage = Stage()
    paths = {"a": path().step("s", stage), "b": path().step("s", shrugs).step("t", stage)}
    definition = flow().race("r", paths).need_to("go", int).end()
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("r/a/s")
    stage.let_go("r/a/s")
    await commander.settled()

    assert "r/b/s" not in (await mission.snapshot()).events
    assert stage.begun == ["r/a/s"]


async def test_stopped_waits_timers_and_backoffs_are_over(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Waits, sleeps and backoffs of losers end with the race, have no position, and never happen."""

    def fails(ctx: MissionContext[int]) -> None:
        raise ValueError("no")

    retry = RetryPolicy(max_attempts=5, initial_interval=10)
    paths = {
        "go": path().need_to("go", int),
        "other": path().need_to("other", int, timeout=20),
        "nap": path().sleep("nap", 30),
        "retry": path().step("s", fails, retry=retry),
    }
    definition = flow().race("r", paths).need_to("last", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("go", 1)
    history = await history_of(mission)

    assert await places(mission) == [(None, "last", "waiting")]
    assert (await mission.snapshot()).next_due is None
    await fake_clock.advance(timedelta(days=1))
    with pytest.raises(MissionSignalError, match="'last'"):
        await mission.signal("other", 1)
    assert await history_of(mission) == history
    assert [it for it in history if it[0] == "path-stopped"] == [
        ("path-stopped", "r/retry"),
        ("path-stopped", "r/nap"),
        ("path-stopped", "r/other"),
    ]


@pytest.mark.parametrize("ending", ["close", "crash"])
async def test_nothing_of_a_stopped_path_runs_again_in_the_next_process(
    open_commander: OpenCommander, fake_clock: FakeClock, ending: str
) -> None:
    """After a crash or a close, losers are not taken up: neither their steps nor their timers."""
    stage = Stage()
    paths = {
        "a": path().step("s", stage),
        "b": path().step("s", stage).step("t", stage),
        "c": path().sleep("nap", 10).step("s", stage),
    }
    definition = flow().race("r", paths).need_to("go", int).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await started(commander, definition)
    await stage.entered("r/a/s", "r/b/s")
    stage.let_go("r/a/s")
    await commander.settled()
    await (open_commander.close() if ending == "close" else open_commander.crash())
    stage.let_all_go()
    commander = await open_commander([definition])
    mission = await recovered(commander)
    await fake_clock.advance(60)

    assert stage.begun == ["r/a/s", "r/b/s"]
    assert await places(mission) == [(None, "go", "waiting")]
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"


async def test_stopping_goes_from_the_innermost_and_latest(open_commander: OpenCommander) -> None:
    """A loser with paths of its own is stopped with them, the innermost and latest first."""
    waits = {"x": path().need_to("x", int), "y": path().need_to("y", int)}
    inner = path().parallel("q", waits)
    definition = flow().race("r", {"a": inner, "b": inner, "go": path().need_to("go", int)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("go", 1)

    stopped = [name or "" for _, name in await history_of(mission, T.PATH_STOPPED)]
    assert sorted(stopped[:2] + stopped[3:5]) == ["r/a/q/x", "r/a/q/y", "r/b/q/x", "r/b/q/y"]
    assert stopped.index("r/a/q/y") < stopped.index("r/a/q/x") < stopped.index("r/a")
    assert stopped.index("r/b/q/y") < stopped.index("r/b/q/x") < stopped.index("r/b") < stopped.index("r/a")


async def test_step_that_stops_its_own_race_by_a_signal_is_stopped(open_commander: OpenCommander) -> None:
    """A task that a losing step left behind may signal the winner; the step itself may not."""
    problems: list[str] = []

    async def signals(ctx: MissionContext[int]) -> None:
        mission = await commander.get_mission(ctx.mission_id)
        assert mission is not None
        try:
            await mission.signal("go", 1)
        except MissionSignalError as error:
            problems.append(str(error))

    definition = flow().race("r", {"a": path().need_to("go", int), "b": path().step("s", signals)}).end()
    commander = await open_commander([definition])
    mission = await started(commander, definition)

    assert await ended(mission) == "completed"
    assert (await mission.snapshot()).events["r"].output == "b"
    assert "itself" in problems[0]


async def test_outcome_in_hand_of_a_stopped_attempt_is_discarded(open_commander: OpenCommander) -> None:
    """A step that ended while the commit that stops it was under way has no outcome on record."""
    stage, slow = Stage(), Kept(Gated)
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", stage)}).end()
    commander = await open_commander([definition], wrap=slow)
    mission = await started(commander, definition)
    await stage.entered("r/a/s", "r/b/s")
    slow.adapter.gate.clear()
    stage.let_go("r/a/s")
    await turns()
    stage.let_go("r/b/s")
    await turns()
    slow.adapter.gate.set()

    assert await ended(mission) == "completed"
    assert ("step-interrupted", "r/b/s") in await history_of(mission)
    assert ("step-succeeded", "r/b/s") not in await history_of(mission)
    await free_slots(commander, 256)


async def test_warnings_of_failures_are_not_those_of_stops(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """A stopped attempt is no failure: nothing warns of it."""
    stage = Stage()
    definition = race(stage, "a", "b")
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("r/a/s", "r/b/s")
    stage.let_go("r/a/s")
    with caplog.at_level(logging.INFO):
        assert await ended(mission) == "completed"
        await commander.settled()

    assert "r/b/s" not in caplog.text
