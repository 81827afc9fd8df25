"""Storage that fails while many lines are in flight (rules 24 and 25)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from flows import Stage, T, begin, ended, flow, free_slots, history_of, names_of, path, places, recovered, turns
from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionHandle,
    MissionSignalError,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    m,
)
from mission_control.core.engine import recorder
from mission_control.core.storage import CommitOutcome, LoadOutcome, MissionCommit
from mission_control.testing import FakeClock
from storages import Forwarding, Kept, OpenCommander, ThreadGate

When = Literal["before", "after"]
TEN = tuple("abcdefghij")


@pytest.fixture(autouse=True)
def _short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(recorder, "_LONGEST_BACKOFF", 0.02)


class Failing(Forwarding):
    """Storage whose next commits, and next loads, fail, as many as the test says; each may take its time first."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.commits = self.loads = self.failed = 0
        self.when: When = "before"
        self.gate = asyncio.Event()
        self.gate.set()
        self.numbers: set[int] = set()
        self.number = 0

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.number += 1
        await self.gate.wait()
        if self.commits <= 0 and self.number not in self.numbers:
            return await super().commit(batch)
        self.commits -= self.commits > 0
        self.failed += 1
        if self.when == "after":
            await super().commit(batch)
        raise PersistenceError("this commit was made to fail")

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        if self.loads > 0:
            self.loads -= 1
            raise PersistenceError("this read was made to fail")
        return await super().load(mission_ids)


def ten(stage: Any, *, steps: int = 1) -> MissionDefinition[int]:
    one = path().step("s", stage)
    if steps == 2:
        one = one.step("t", stage)
    return flow().parallel("p", dict.fromkeys(TEN, one)).end()


async def opened(
    open_commander: OpenCommander, definition: MissionDefinition[int], **options: Any
) -> tuple[Any, Failing]:
    failing = Kept(Failing)
    commander = await open_commander([definition], wrap=failing, **options)
    return commander, failing.adapter


async def succeeded_once(mission: MissionHandle[Any]) -> None:
    """Check that no step has two outcomes, and no attempt two beginnings."""
    history = await mission.history()
    outcomes = Counter(it.event_name for it in history if it.type == T.STEP_SUCCEEDED)
    begun = Counter((it.event_name, it.attempt_number) for it in history if it.type == T.STEP_STARTED)
    assert set(outcomes.values()) == {1}
    assert set(begun.values()) == {1}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_outcomes_in_hand_are_offered_again_and_no_step_runs_again(
    open_commander: OpenCommander, when: When
) -> None:
    """Ten steps end into storage that fails: each ran once, and its outcome is on record once."""
    stage = Stage()
    definition = ten(stage)
    commander, failing = await opened(open_commander, definition)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    failing.when, failing.commits = when, 5
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert failing.failed >= 1
    failing.commits = 0
    assert len(stage.begun) == 10
    await succeeded_once(mission)
    await free_slots(commander, 256)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_attempts_that_a_failed_commit_began_are_launched_under_their_numbers(
    open_commander: OpenCommander, when: When
) -> None:
    """The commit that opens ten paths fails: ten first attempts run, each once."""
    stage = Stage(holds=False)
    definition = ten(stage, steps=2)
    commander, failing = await opened(open_commander, definition)
    failing.when, failing.numbers = when, {2, 4, 6}
    mission = await commander.start(definition, 1, wait=False, mission_id="x")

    assert await ended(mission) == "completed"
    assert sorted(stage.begun) == sorted(f"p/{name}/{step}" for name in TEN for step in "st")
    assert {it.attempt_number for it in await mission.history() if it.type == T.STEP_STARTED} == {1}
    await succeeded_once(mission)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_lines_that_run_are_left_alone_while_another_line_cannot_be_written(
    open_commander: OpenCommander, when: When
) -> None:
    """Steps that run when the mission is read again go on running, and are not taken for another process's."""
    stage = Stage()
    definition = ten(stage, steps=2)
    commander, failing = await opened(open_commander, definition)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    failing.when, failing.commits, failing.loads = when, 3, 2
    stage.let_go("p/c/s")
    await stage.entered("p/c/t")

    assert stage.unwound == []
    assert await names_of(mission, T.STEP_INTERRUPTED) == []
    stage.let_all_go()
    assert await ended(mission) == "completed"
    assert sorted(stage.begun) == sorted(f"p/{name}/{step}" for name in TEN for step in "st")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_steps_that_end_while_storage_fails_are_all_recorded(open_commander: OpenCommander, when: When) -> None:
    """Outcomes that come one after another while commits and reads fail are not lost."""
    stage = Stage()
    definition = ten(stage)
    commander, failing = await opened(open_commander, definition)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    failing.when, failing.commits, failing.loads = when, 1_000, 1_000
    for name in TEN[:5]:
        stage.let_go(f"p/{name}/s")
        await asyncio.sleep(0.005)
    failing.loads = 0
    for name in TEN[5:9]:
        stage.let_go(f"p/{name}/s")
        await asyncio.sleep(0.005)
    failing.commits = 0
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert len(stage.begun) == 10
    await succeeded_once(mission)
    await free_slots(commander, 256)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_stop_whose_commit_fails_stops_what_it_recorded(open_commander: OpenCommander, when: When) -> None:
    """The commit in which a race is won fails: the losers are stopped once it is durable, and no slot is lost."""
    stage = Stage()
    definition = flow().race("r", {name: path().step("s", stage) for name in TEN}).need_to("go", int).end()
    commander, failing = await opened(open_commander, definition, max_concurrency=10)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"r/{name}/s" for name in TEN))
    failing.when, failing.commits = when, 1
    stage.let_go("r/d/s")
    async with asyncio.timeout(30):
        while await mission.status() != "waiting":
            await asyncio.sleep(0.001)
    await commander.settled()

    assert sorted(stage.unwound) == [f"r/{name}/s" for name in TEN if name != "d"]
    assert (await mission.snapshot()).events["r"].output == "d"
    await free_slots(commander, 10)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_failing_line_whose_commit_fails(open_commander: OpenCommander, when: When) -> None:
    """A failure in one of ten paths ends the mission though its commit fails at first."""
    stage = Stage()
    definition = ten(stage)
    commander, failing = await opened(open_commander, definition, max_concurrency=10)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    failing.when, failing.commits = when, 1
    stage.fail("p/d/s")

    assert await ended(mission) == "failed"
    await commander.settled()
    assert len(stage.unwound) == 9
    await free_slots(commander, 10)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_signal_to_a_line_whose_commit_fails_is_unknown(open_commander: OpenCommander, when: When) -> None:
    """Its caller gets `PersistenceError` once; sending it again is safe; other lines go on."""
    stage = Stage()
    paths = {"a": path().need_to("go", int), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander, failing = await opened(open_commander, definition)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered("p/b/s")
    failing.when, failing.commits = when, 1
    with pytest.raises(PersistenceError):
        await mission.signal("go", 1, at="p/a")
    if when == "before":
        await mission.signal("go", 1, at="p/a")
    else:
        async with asyncio.timeout(30):
            while not await names_of(mission, T.SIGNAL_RECEIVED):
                await asyncio.sleep(0.001)
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert len(await names_of(mission, T.SIGNAL_RECEIVED)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_cancel_whose_commit_fails(open_commander: OpenCommander, when: When) -> None:
    """Repeating a cancel that is unknown is safe, and all lines are stopped once it is durable."""
    stage = Stage()
    definition = ten(stage)
    commander, failing = await opened(open_commander, definition, max_concurrency=10)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    failing.when, failing.commits = when, 1
    with pytest.raises(PersistenceError):
        await mission.cancel()
    snapshot = await mission.cancel()

    assert snapshot.status == "cancelled"
    assert len(stage.unwound) == 10
    await free_slots(commander, 10)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.usefixtures("endless_grace")
async def test_end_of_a_cancelled_mission_whose_commit_fails(open_commander: OpenCommander, when: When) -> None:
    """The request is durable, and the commit of the end fails: it comes to the same end."""
    stage = Stage()
    definition = ten(stage)
    commander, failing = await opened(open_commander, definition, max_concurrency=10)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    failing.when, failing.numbers = when, {failing.number + 2}
    async with asyncio.timeout(30):
        snapshot = await mission.cancel()

    assert snapshot.status == "cancelled"
    assert failing.failed == 1
    await free_slots(commander, 10)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_deadlines_and_timers_whose_commit_fails(
    open_commander: OpenCommander, fake_clock: FakeClock, when: When
) -> None:
    """Timers that fire together fire once, though their commit fails."""
    naps = {name: path().sleep("nap", 10).step("s", begin) for name in TEN}
    definition = flow().parallel("p", naps).end()
    commander, failing = await opened(open_commander, definition)
    mission = await commander.start(definition, 1, mission_id="x")
    failing.when, failing.commits = when, 1
    await fake_clock.advance(10)

    assert await ended(mission) == "completed"
    assert failing.failed == 1
    assert sorted(map(str, await names_of(mission, T.TIMER_FIRED))) == [f"p/{name}/nap" for name in TEN]
    await succeeded_once(mission)


async def test_abandoned_threads_while_storage_fails(open_commander: OpenCommander) -> None:
    """A thread of a loser that returns while the stop cannot be written is discarded, and no slot is lost."""
    gate, stage = ThreadGate(), Stage()
    definition = flow().race("r", {"a": path().step("s", stage), "b": path().step("s", gate)}).need_to("go", int).end()
    commander, failing = await opened(open_commander, definition, max_concurrency=2)
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await gate.begun.wait()
    await stage.entered("r/a/s")
    failing.commits = 3
    stage.let_go("r/a/s")
    await turns()
    gate.opened.set()
    await gate.ended.wait()
    async with asyncio.timeout(30):
        while await mission.status() != "waiting":
            await asyncio.sleep(0.001)
    await commander.settled()

    assert (await mission.snapshot()).events["r"].output == "a"
    assert "r/b/s" not in (await mission.snapshot()).events
    await free_slots(commander, 2)


@pytest.mark.usefixtures("endless_grace")
async def test_close_while_storage_fails_leaves_lines_to_the_next(open_commander: OpenCommander) -> None:
    """A commander that closes over failing storage gives up after one try; the next one finds the attempts."""
    stage = Stage()
    definition = ten(stage)
    commander, failing = await opened(open_commander, definition)
    await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    failing.commits = 1_000
    async with asyncio.timeout(30):
        await commander.close()
    failing.commits = 0
    stage.let_all_go()
    commander = await open_commander([definition])
    mission = await recovered(commander)

    assert await ended(mission) == "completed"
    await succeeded_once(mission)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 22))
async def test_every_commit_failed_in_turn(
    open_commander: OpenCommander, fake_clock: FakeClock, number: int, when: When
) -> None:
    """A mission of nested paths comes to the same end whichever of its commits fails, and each step runs once."""
    runs: Counter[str] = Counter()

    async def work(ctx: MissionContext[int]) -> str:
        runs[ctx.step_name] += 1
        await asyncio.sleep(0)
        return ctx.step_name

    def on_thread(ctx: MissionContext[int]) -> int:
        runs[f"{ctx.step_name}#{ctx.attempt}"] += 1
        if ctx.attempt == 1:
            raise ValueError("again")
        return 1

    retry = RetryPolicy(max_attempts=2, initial_interval=5, jitter=0)
    paths = {
        "items": path().each("e", lambda ctx: [1, 2, 3], path().step("s", work).step("t", work), max_concurrency=2),
        "thread": path().step("s", on_thread, retry=retry),
        "nap": path().sleep("nap", 10).step("s", work),
        "wait": path().need_to("go", int, timeout=3600).step("s", work),
        "race": path().race("r", {"fast": path().step("s", work), "slow": path().sleep("nap", 900)}),
    }
    definition = (
        m.define("flow")
        .start(input=int, run=begin)
        .parallel("p", paths)
        .repeat("l", path().step("s", work), until=lambda ctx: ctx.index == 1)
        .end()
    )
    commander, failing = await opened(open_commander, definition, max_concurrency=3)
    failing.numbers, failing.when = {number}, when
    async with asyncio.timeout(30):
        mission = await repeated(lambda: commander.start(definition, 1, mission_id="x", if_exists="return", wait=False))
        while not await sent(mission):
            await asyncio.sleep(0.001)
        while not (await mission.status()).is_terminal:
            await fake_clock.advance(5)

    assert await mission.status() == "completed"
    assert set(runs.values()) == {1}
    await succeeded_once(mission)
    failing.numbers = set()
    await free_slots(commander, 3)


async def repeated(call: Any) -> Any:
    while True:
        try:
            return await call()
        except PersistenceError:
            await asyncio.sleep(0.001)


async def sent(mission: MissionHandle[Any]) -> bool:
    try:
        await mission.signal("go", 1, wait=False)
    except (PersistenceError, MissionSignalError):
        return "p/wait/go" in (await mission.snapshot()).events
    return True


async def test_two_missions_of_many_lines_share_a_batch_that_fails(open_commander: OpenCommander) -> None:
    """A batch of several missions' commits fails as a whole: all of them come to their ends."""
    stage = Stage()
    definition = ten(stage, steps=2)
    commander, failing = await opened(open_commander, definition, max_concurrency=7)
    missions = [await commander.start(definition, 1, wait=False) for _ in range(5)]
    await turns()
    failing.when, failing.commits = "after", 2
    stage.let_all_go()
    await turns(200)
    failing.when, failing.commits = "before", 2

    assert [await ended(it) for it in missions] == ["completed"] * 5
    for mission in missions:
        await succeeded_once(mission)
        assert await places(mission) == []
        assert len(await history_of(mission, T.PATHS_JOINED)) == 1
    await free_slots(commander, 7)
