"""Rounds: until when, how often, with which sleep between them, and what follows when they are used up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows import Stage, T, Watched, begin, ended, flow, history_of, names_of, path, places, recovered
from mission_control.core import (
    MissionContext,
    MissionFailedError,
    NonRetryableError,
    RetryPolicy,
)
from mission_control.testing import FakeClock
from storages import Kept, OpenCommander

one = path().step("s", begin)


def after(rounds: int) -> Any:
    def until(ctx: MissionContext[int]) -> bool:
        assert ctx.index is not None
        return ctx.index + 1 >= rounds

    return until


async def test_path_runs_until_it_is_over(open_commander: OpenCommander) -> None:
    """Each round has its names, the decision that of the round, and a True goes on behind the repeat."""
    definition = flow().repeat("r", one, until=after(3)).step("behind", begin).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.STEP_STARTED) == [
        *("start", "r[0]/s", "r[0]", "r[1]/s", "r[1]", "r[2]/s", "r[2]", "behind")
    ]
    events = (await mission.snapshot()).events
    assert [events[f"r[{index}]"].output for index in range(3)] == [False, False, True]
    asked = next(it for it in await mission.history() if (it.type, it.event_name) == (T.STEP_STARTED, "r[1]"))
    assert asked.details == {"kind": "repeat"}


async def test_until_stands_in_the_round_that_it_ends(open_commander: OpenCommander) -> None:
    """`until` sees the output and the index of its own round, and all outputs within that."""
    seen: list[Any] = []

    def count(ctx: MissionContext[int]) -> int:
        assert ctx.index is not None
        return ctx.index * 10

    def until(ctx: MissionContext[int]) -> bool:
        seen.append((ctx.index, ctx.output(count), ctx.outputs(count), ctx.step_name))
        return ctx.output(count) == 20

    definition = flow().repeat("r", path().step("s", count), until=until).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1)

    assert seen == [(0, 0, [0], "r[0]"), (1, 10, [10], "r[1]"), (2, 20, [20], "r[2]")]


async def test_round_reads_the_one_before_it_by_its_instance(open_commander: OpenCommander) -> None:
    """A whole instance name is that very node, from anywhere."""
    seen: list[Any] = []

    def add(ctx: MissionContext[int]) -> int:
        before = ctx.output(f"r[{(ctx.index or 0) - 1}]/s") if ctx.index else 0
        seen.append(before)
        return int(before) + 1

    definition = flow().repeat("r", path().step("s", add), until=after(4)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert seen == [0, 1, 2, 3]
    assert await mission.output() == 4


async def test_durable_sleep_between_rounds(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """With `every` a False sleeps until the next round; the timer bears the round's name, and survives a crash."""
    definition = flow().repeat("r", one, until=after(3), every=timedelta(hours=1)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")
    snapshot = await mission.snapshot()
    assert (snapshot.cursor, snapshot.status) == ("r[0]", "waiting")
    assert snapshot.waiting is not None
    assert (snapshot.waiting.kind, snapshot.waiting.event_name) == ("timer", "r[0]")
    await open_commander.crash()
    await fake_clock.advance(timedelta(minutes=59))
    commander = await open_commander([definition])
    mission = await recovered(commander)
    assert await names_of(mission, T.TIMER_FIRED) == []
    await fake_clock.advance(timedelta(minutes=1))
    assert (await mission.snapshot()).cursor == "r[1]"
    await fake_clock.advance(timedelta(hours=1))

    assert await ended(mission) == "completed"
    assert await names_of(mission, T.TIMER_FIRED) == ["r[0]", "r[1]"]


async def test_rounds_that_are_used_up_fail_the_mission(open_commander: OpenCommander) -> None:
    """Without a True in `max_rounds` rounds the mission fails at the repeat, code ROUNDS_EXHAUSTED."""
    definition = flow().repeat("r", one, until=after(9), max_rounds=2).end()
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError, match="2 rounds") as caught:
        await commander.start(definition, 1)

    snapshot = caught.value.snapshot
    assert snapshot is not None
    assert snapshot.error is not None
    assert (snapshot.cursor, snapshot.error.code) == ("r", "ROUNDS_EXHAUSTED")


async def test_on_exhausted_runs_and_the_flow_goes_on(open_commander: OpenCommander) -> None:
    """The path for that runs once, and the flow goes on behind the repeat; no sleep comes before it."""
    definition = (
        flow().repeat("r", one, until=after(9), every=5, max_rounds=1, on_exhausted=one).step("behind", begin).end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.STEP_STARTED) == ["start", "r[0]/s", "r[0]", "r/exhausted/s", "behind"]


async def test_last_round_that_is_over_is_not_exhausted(open_commander: OpenCommander) -> None:
    """A True in the last of `max_rounds` rounds is in time."""
    definition = flow().repeat("r", one, until=after(2), max_rounds=2, on_exhausted=one).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert "r/exhausted/s" not in await names_of(mission, T.STEP_STARTED)


async def test_rounds_of_an_item_are_its_own(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Items go round each by itself; `ctx.index` is the innermost, and behind it `outputs` are those of this item."""
    seen: dict[str, Any] = {}

    def count(ctx: MissionContext[int]) -> str:
        return ctx.step_name

    def behind(ctx: MissionContext[int]) -> None:
        seen[ctx.step_name] = ctx.outputs(count)

    item = path().repeat("r", path().step("s", count), until=after(2), every=60).step("behind", behind)
    definition = flow().each("e", lambda ctx: [1, 2], item).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    assert await places(mission) == [("e[0]", "e[0]/r[0]", "waiting"), ("e[1]", "e[1]/r[0]", "waiting")]
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    assert seen["e[1]/behind"] == ["e[1]/r[0]/s", "e[1]/r[1]/s"]


async def test_retries_within_rounds_begin_anew(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Attempts are numbered and counted for each round's step by itself."""

    def flaky(ctx: MissionContext[int]) -> int:
        if ctx.attempt == 1:
            raise ValueError("again")
        return ctx.attempt

    retry = RetryPolicy(max_attempts=2, initial_interval=1)
    definition = flow().repeat("r", path().step("s", flaky, retry=retry), until=after(3)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"


async def test_repeat_of_nothing_asks_until(open_commander: OpenCommander) -> None:
    """An empty path leaves just the question, which polls."""
    definition = flow().repeat("r", path(), until=after(3)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.STEP_STARTED) == ["start", "r[0]", "r[1]", "r[2]"]


async def test_parallel_within_rounds(open_commander: OpenCommander) -> None:
    """Constructs of a round are its own: each round opens and joins them."""
    inner = path().parallel("p", {"a": one, "b": one})
    definition = flow().repeat("r", inner, until=after(2)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.PATHS_JOINED) == ["r[0]/p", "r[1]/p"]
    assert (await mission.snapshot()).status == "completed"


async def test_end_of_a_round_the_decision_and_the_next_step_are_few_commits(open_commander: OpenCommander) -> None:
    """A round of one step is two commits: the step's end with the question, its answer with the next step."""
    watched = Kept(Watched)
    definition = flow().repeat("r", one, until=after(2)).end()
    commander = await open_commander([definition], wrap=watched)
    await commander.start(definition, 1)

    assert watched.adapter.commits[1:4] == [
        [("step-succeeded", "start"), ("step-started", "r[0]/s")],
        [("step-succeeded", "r[0]/s"), ("step-started", "r[0]")],
        [("step-succeeded", "r[0]"), ("step-started", "r[1]/s")],
    ]


async def test_failure_in_a_round_fails_at_its_instance(open_commander: OpenCommander) -> None:
    """The cursor of the failed mission is the step in its round."""
    stage = Stage(holds=False)
    stage.fail("r[1]/s", error=NonRetryableError("no"))
    definition = flow().repeat("r", path().step("s", stage), until=after(3)).end()
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError, match=r"'r\[1\]/s'"):
        await commander.start(definition, 1)


async def test_thousand_rounds(open_commander: OpenCommander) -> None:
    """A thousand rounds are no deeper than one, and read back whole."""
    definition = flow().repeat("r", one, until=after(1_000)).need_to("go", int).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await open_commander.crash()
    commander = await open_commander([definition])
    mission = await recovered(commander)
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"
    assert len(await history_of(mission, T.STEP_STARTED)) == 2_001


async def test_round_that_a_crash_interrupts_is_counted_for_itself(open_commander: OpenCommander) -> None:
    """A crash in round one runs its step again in that round, and no completed round runs again."""
    stage = Stage()
    stage.let_go("r[0]/s")
    definition = flow().repeat("r", path().step("s", stage), until=after(2)).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x", wait=False)
    await stage.entered("r[1]/s")
    await open_commander.crash()
    stage.let_all_go()
    commander = await open_commander([definition])
    mission = await recovered(commander)

    assert await ended(mission) == "completed"
    assert stage.begun == ["r[0]/s", "r[1]/s", "r[1]/s"]
