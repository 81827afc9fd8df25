"""Many lines that are cancelled, closed, or left by a process that died (rules 40 and 41)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

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
    names_of,
    path,
    places,
    recovered,
    turns,
)
from mission_control.core import (
    CommanderClosedError,
    MissionContext,
    MissionDefinition,
    MissionExecutionError,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.testing import FakeClock, crash_everywhere
from mission_control.testing.everywhere import Life
from storages import Gated, Kept, OpenCommander, ThreadGate, Undriven

TEN = tuple("abcdefghij")


def ten(stage: Any) -> MissionDefinition[int]:
    """Return a mission of ten paths of one step each."""
    return flow().parallel("p", {name: path().step("s", stage) for name in TEN}).end()


# 40. Cancelling


async def test_cancel_stops_all_lines_and_waits_for_their_async_code(open_commander: OpenCommander) -> None:
    """The request is durable first, all coroutines are cancelled, and the end says what became of each line."""
    stage, watched = Stage(), Kept(Watched)
    paths = {"a": path().step("s", stage), "b": path().step("s", stage), "w": path().need_to("go", int)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition], wrap=watched)
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    snapshot = await mission.cancel("enough")

    assert snapshot.status == "cancelled"
    assert sorted(stage.unwound) == ["p/a/s", "p/b/s"]
    assert watched.adapter.commits[-2:] == [
        [("mission-cancellation-requested", None)],
        [
            ("path-stopped", "p/w"),
            ("step-interrupted", "p/b/s"),
            ("path-stopped", "p/b"),
            ("step-interrupted", "p/a/s"),
            ("path-stopped", "p/a"),
            ("mission-cancelled", "p"),
        ],
    ]
    details = {(it.type, it.event_name): it.details for it in await mission.history()}
    assert details[T.PATH_STOPPED, "p/a"] == {"reason": "cancelled"}
    await free_slots(commander, 256)


async def test_cancel_while_all_lines_wait_ends_at_once(open_commander: OpenCommander) -> None:
    """Nothing runs: request and end are one commit."""
    watched = Kept(Watched)
    definition = flow().each("e", lambda ctx: [1, 2], path().need_to("go", int)).end()
    commander = await open_commander([definition], wrap=watched)
    mission = await commander.start(definition, 1)
    await mission.cancel()

    assert [it for it, _ in watched.adapter.commits[-1]] == [
        "mission-cancellation-requested",
        "path-stopped",
        "path-stopped",
        "mission-cancelled",
    ]


@pytest.mark.usefixtures("endless_grace")
async def test_cancel_does_not_wait_for_threads(open_commander: OpenCommander) -> None:
    """Synchronous steps of several paths are abandoned, and what they return is discarded."""
    gates = {name: ThreadGate() for name in "ab"}
    definition = flow().parallel("p", {name: path().step("s", gate) for name, gate in gates.items()}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    for gate in gates.values():
        await gate.begun.wait()
    async with asyncio.timeout(30):
        assert (await mission.cancel()).status == "cancelled"
    history = await history_of(mission)
    for gate in gates.values():
        gate.opened.set()
        await gate.ended.wait()
    await commander.settled()

    assert await history_of(mission) == history


@pytest.mark.usefixtures("endless_grace")
async def test_cancel_with_threads_and_async_code_waits_for_the_async_code(open_commander: OpenCommander) -> None:
    """With both running, the end comes when the async code has unwound; the thread is left alone."""
    gate, stage = ThreadGate(), Stage()
    definition = flow().parallel("p", {"a": path().step("s", gate), "b": path().step("s", stage)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    await stage.entered("p/b/s")
    async with asyncio.timeout(30):
        assert (await mission.cancel()).status == "cancelled"

    assert stage.unwound == ["p/b/s"]
    gate.opened.set()
    await gate.ended.wait()


async def test_result_that_a_line_returns_after_the_request_is_discarded(open_commander: OpenCommander) -> None:
    """A step that ends while the request is being written has no outcome on record."""
    stage, slow = Stage(), Kept(Gated)
    definition = flow().parallel("p", {"a": path().step("s", stage), "b": path().step("s", stage)}).end()
    commander = await open_commander([definition], wrap=slow)
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/a/s", "p/b/s")
    slow.adapter.gate.clear()
    cancel = asyncio.create_task(mission.cancel())
    await turns()
    stage.let_go("p/a/s")
    await turns()
    slow.adapter.gate.set()

    assert (await cancel).status == "cancelled"
    assert ("step-succeeded", "p/a/s") not in await history_of(mission)


async def test_crash_after_the_request_cancels_on_recovery(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A mission whose cancellation was durable ends so in the next process, and none of its steps runs again."""
    may_end = asyncio.Event()
    begun: list[str] = []

    async def slow_to_end(ctx: MissionContext[int]) -> None:
        begun.append(ctx.step_name)
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()

    definition = ten(slow_to_end)
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    async with asyncio.timeout(30):
        while len(begun) < 10:
            await asyncio.sleep(0.001)
    cancel = asyncio.create_task(mission.cancel("enough"))
    async with asyncio.timeout(30):
        while not await names_of(mission, T.CANCELLATION_REQUESTED):
            await asyncio.sleep(0.001)
    await open_commander.crash()
    may_end.set()
    with pytest.raises(CommanderClosedError):
        await cancel
    commander = await open_commander([definition])
    await commander.settled()
    mission = await recovered(commander)

    assert await mission.status() == "cancelled"
    assert len(begun) == 10


async def test_cancel_is_idempotent_and_stops_waits_of_callers(open_commander: OpenCommander) -> None:
    """A second cancel returns the same end; a signal that followed a line is answered."""
    stage = Stage()
    paths = {"a": path().need_to("go", int).step("s", stage), "b": path().step("s", stage)}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("p/b/s")
    signal = asyncio.create_task(mission.signal("go", 1))
    await stage.entered("p/a/s")
    first, second = await asyncio.gather(mission.cancel("one"), mission.cancel("two"))
    async with asyncio.timeout(30):
        await signal

    assert first.error == second.error
    assert first.error is not None
    assert "one" in first.error.message


# 26. Closing


async def test_close_records_each_attempt_as_interrupted_by_it(open_commander: OpenCommander) -> None:
    """Ten running paths are cancelled and recorded "closed", which never counts; the next commander runs them again."""
    stage = Stage()
    definition = ten(stage)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    for number in range(2, 13):
        commander = await open_commander([definition])
        mission = await recovered(commander)
        async with asyncio.timeout(30):
            while len(stage.begun) < 10 * number:
                await asyncio.sleep(0.001)
    interrupted = [it for it in await mission.history() if it.type == T.STEP_INTERRUPTED]
    assert len(interrupted) == 110
    assert {it.details["reason"] for it in interrupted} == {"closed"}
    assert {(it.attempt_number) for it in (await mission.snapshot()).positions} == {12}
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_close_between_decision_and_launch_leaves_nothing_unsaid(open_commander: OpenCommander) -> None:
    """Attempts that are on record when the commander is closed, and were never launched, are "closed" too."""
    stage, slow = Stage(), Kept(Gated)
    definition = ten(stage)
    commander = await open_commander([definition], wrap=slow)
    slow.adapter.gate.clear()
    start = asyncio.create_task(commander.start(definition, 1, wait=False, mission_id="x"))
    await turns()
    slow.adapter.gate.set()
    await start
    closing = asyncio.create_task(commander.close())
    await closing
    stage.let_all_go()
    commander = await open_commander([definition])
    mission = await recovered(commander)

    assert await ended(mission) == "completed"
    counted = Counter(stage.ended)
    assert set(counted.values()) <= {1}


async def test_outcomes_that_come_with_the_close_are_recorded(open_commander: OpenCommander) -> None:
    """A path's step that returns though it is told to stop has done its work: that is recorded, and not run again."""
    runs: list[str] = []
    entered = asyncio.Event()

    async def finishes(ctx: MissionContext[int]) -> str:
        runs.append(ctx.step_name)
        if len(runs) == 2:
            entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done"
        raise AssertionError

    definition = flow().parallel("p", {name: path().step("s", finishes) for name in "ab"}).need_to("go", int).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False, mission_id="x")
    await entered.wait()
    commander = await open_commander([definition])
    await commander.settled()
    mission = await recovered(commander)

    assert await places(mission) == [(None, "go", "waiting")]
    assert runs == ["p/a/s", "p/b/s"]


# 41. Recovery


async def test_every_line_goes_on_where_it_stood(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """After a crash, steps run again, and waits, sleeps and backoffs are as they were."""
    stage = Stage()

    def fails_once(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ValueError("again")

    retry = RetryPolicy(max_attempts=2, initial_interval=100, jitter=0)
    paths = {
        "step": path().step("done", begin).step("s", stage),
        "wait": path().need_to("go", int),
        "nap": path().sleep("nap", 50),
        "retry": path().step("s", fails_once, retry=retry),
        "items": path().each("e", lambda ctx: [1, 2, 3], path().need_to("it", int), max_concurrency=2),
        "round": path().repeat("r", path(), until=lambda ctx: ctx.index == 1, every=70),
        "branch": path().branch("b", lambda ctx: "x", {"x": path().need_to("b", int)}),
        "over": path().step("s", begin),
    }
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered("p/step/s")
    async with asyncio.timeout(30):
        while [it.status for it in (await mission.snapshot()).positions].count("running") > 1:
            await asyncio.sleep(0.001)
    before = await mission.snapshot()
    await open_commander.crash()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await recovered(commander)
    async with asyncio.timeout(30):
        while len(stage.begun) < 2:
            await asyncio.sleep(0.001)
    after = await mission.snapshot()

    assert [it for it in after.positions if it.status == "waiting"] == [
        it for it in before.positions if it.status == "waiting"
    ]
    (running,) = [it for it in after.positions if it.status == "running"]
    assert (running.cursor, running.attempt_number) == ("p/step/s", 2)
    stage.let_all_go()
    await fake_clock.advance(200)
    await commander.settled()
    for index in range(3):
        await mission.signal("it", 1, at=f"p/items/e[{index}]")
    await mission.signal("go", 1)
    await mission.signal("b", 1)
    assert await ended(mission) == "completed"


async def test_interruptions_are_counted_for_each_line(open_commander: OpenCommander) -> None:
    """After three deaths of the process the step that may die three times fails, and another line's goes on."""
    stage = Stage()
    paths = {
        "a": path().step("s", stage, retry=RetryPolicy(max_interruptions=3)),
        "b": path().step("s", stage, retry=RetryPolicy(max_interruptions=9)),
    }
    definition = flow().each("e", lambda ctx: [1], path().parallel("p", paths), max_failures=None).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False, mission_id="x")
    for number in range(1, 4):
        async with asyncio.timeout(30):
            while len(stage.begun) < 2 * number:
                await asyncio.sleep(0.001)
        await open_commander.crash()
        commander = await open_commander([definition])
    mission = await recovered(commander)

    assert await ended(mission) == "completed"
    failure = next(it for it in await mission.history() if it.type == T.PATH_FAILED)
    assert failure.details["error"]["code"] == "STEP_INTERRUPTED"
    interrupted = [it for it in await mission.history() if it.type == T.STEP_INTERRUPTED]
    assert Counter((it.event_name, it.details["reason"]) for it in interrupted) == {
        ("e[0]/p/a/s", "process ended"): 3,
        ("e[0]/p/b/s", "process ended"): 2,
        ("e[0]/p/b/s", "stopped"): 1,
    }


async def test_all_interrupted_attempts_are_one_commit(open_commander: OpenCommander) -> None:
    """Recovery of ten running paths records their interruptions and their next attempts together."""
    stage, watched = Stage(), Kept(Watched)
    definition = ten(stage)
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    await open_commander.crash()
    stage.let_all_go()
    commander = await open_commander([definition], wrap=watched)
    mission = await recovered(commander)
    assert await ended(mission) == "completed"

    assert sorted(watched.adapter.commits[0]) == sorted(
        (kind, f"p/{name}/s") for name in TEN for kind in ("step-interrupted", "step-started")
    )


async def test_recovery_with_fewer_slots_than_paths_ran(open_commander: OpenCommander) -> None:
    """Ten attempts of a process that died are gone on with two at a time."""
    stage = Stage()
    definition = ten(stage)
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False, mission_id="x")
    await stage.entered(*(f"p/{name}/s" for name in TEN))
    await open_commander.crash()
    stage.let_all_go()
    await turns()
    stage.most = stage.running = 0
    commander = await open_commander([definition], max_concurrency=2)
    mission = await recovered(commander)

    assert await ended(mission) == "completed"
    assert stage.most <= 2
    await free_slots(commander, 2)


class Everything:
    """A mission with every construct, which is undone where it is doomed, and what of its code ran to its end."""

    def __init__(self, *, is_doomed: bool = False) -> None:
        self.done: Counter[str] = Counter()
        done = self.done

        async def work(ctx: MissionContext[int]) -> str:
            await asyncio.sleep(0)
            done[ctx.step_name] += 1
            return ctx.step_name

        def flaky(ctx: MissionContext[int]) -> int:
            if ctx.attempt == 1:
                raise ValueError("again")
            done[ctx.step_name] += 1
            return 0

        def items(ctx: MissionContext[int]) -> list[int]:
            return [1, 2, 3]

        def fails_second(ctx: MissionContext[int]) -> int:
            if ctx.item(items) == 2:
                raise ValueError("no second")
            return ctx.item(items)

        async def end(ctx: MissionContext[int]) -> str:
            if is_doomed:
                raise ValueError("no end")
            return await work(ctx)

        retry = RetryPolicy(max_attempts=2, initial_interval=5, jitter=0)
        once = RetryPolicy(max_attempts=1)
        item = path().step("s", fails_second, retry=once, undo=work).step("t", work, undo=work)
        child = m.define("child").start(input=int, run=begin, undo=work).sleep("nap", 3).step("s", work).end()
        race = path().race("r", {"nap": path().sleep("nap", 20), "never": path().need_to("never", int)})
        paths = {
            "items": path().each("e", items, item, max_concurrency=2, max_failures=1),
            "race": race.step("s", work, undo=work),
            "flaky": path().step("s", flaky, retry=retry, undo=flaky),
            "wait": path().need_to("go", int, reminder=Reminder(work, every=7, at_most=2)).step("s", work),
            "late": path().need_to("nobody", int, timeout=30, on_timeout=path().step("s", work, undo=work)),
            "computed": path().need_to("nobody", int, timeout=lambda ctx: 9, on_timeout=path()),
        }
        self.definition = (
            m.define("everything")
            .start(input=int, run=begin)
            .parallel("p", paths)
            .branch("b", lambda ctx: "x", {"x": path().step("s", work, undo=work)})
            .branch("o", lambda ctx: "y", {"x": path()}, otherwise=path().step("s", work))
            .repeat("l", path().step("s", work, undo=work), until=lambda ctx: ctx.index == 2, every=10)
            .repeat("m", path(), until=lambda ctx: False, max_rounds=1, on_exhausted=path().step("s", work))
            .sleep("computed", lambda ctx: 5)
            .mission("child", child, begin)
            .mission("free", child, begin, wait=False)
            .step("end", end, undo=work)
            .end()
        )


@pytest.mark.parametrize(("is_doomed", "expected"), [(False, MissionStatus.COMPLETED), (True, MissionStatus.FAILED)])
async def test_mission_of_every_construct_may_crash_at_any_commit(is_doomed: bool, expected: MissionStatus) -> None:
    """Wherever the process ends, the next one brings the mission to the same end, and no completed step runs again."""
    everything = Everything(is_doomed=is_doomed)

    async def scenario(life: Life) -> None:
        mission = await life.commander.start(everything.definition, 1, mission_id="x", if_exists="return", wait=False)
        await life.advance(16)
        if "p/wait/go" not in (await mission.snapshot()).events:
            await mission.signal("p/wait/go", 1)
        await life.advance(timedelta(minutes=5))
        assert await mission.status() == expected

    report = await crash_everywhere(scenario, definitions=[everything.definition])
    assert len(report.crashes) > 80


@pytest.mark.parametrize("number", range(1, 40, 5))
@pytest.mark.parametrize("when", ["before", "after"])
async def test_everything_recovers_after_a_crash_at_a_commit(
    open_commander: OpenCommander, fake_clock: FakeClock, number: int, when: Literal["before", "after"]
) -> None:
    """The same on both adapters and with few slots, for every fifth commit."""
    everything = Everything()
    dying = Kept(lambda inner: DyingAt(inner, number, when))

    async def live(commander: Any) -> None:
        mission = await commander.start(everything.definition, 1, mission_id="x", if_exists="return", wait=False)
        await fake_clock.advance(16)
        if "p/wait/go" not in (await mission.snapshot()).events:
            await mission.signal("p/wait/go", 1)
        await fake_clock.advance(300)
        await mission.result()

    commander = await open_commander([everything.definition], wrap=dying, max_concurrency=3)
    living = asyncio.create_task(live(commander))
    death = asyncio.create_task(dying.adapter.dead.wait())
    async with asyncio.timeout(30):
        await asyncio.wait([living, death], return_when=asyncio.FIRST_COMPLETED)
    await open_commander.crash()
    living.cancel()
    death.cancel()
    await asyncio.gather(living, death, return_exceptions=True)
    commander = await open_commander([everything.definition], max_concurrency=3)
    async with asyncio.timeout(30):
        await live(commander)
    mission = await recovered(commander)

    assert await mission.status() == "completed"
    succeeded = Counter(await names_of(mission, T.STEP_SUCCEEDED))
    assert set(succeeded.values()) == {1}
    assert {"end", "b/x/s", "l[2]/s", "m/exhausted/s", "o/otherwise/s", "p/late/nobody/timeout/s", "p/race/s"} <= set(
        succeeded
    )
    await free_slots(commander, 3)


class DyingAt(Watched):
    """Dies at one commit: before it takes effect, or after."""

    def __init__(self, inner: PersistenceAdapter, number: int, when: Literal["before", "after"]) -> None:
        super().__init__(inner)
        self._number = number
        self._when = when
        self._count = 0
        self.dead = asyncio.Event()

    async def commit(self, batch: Sequence[Any], /) -> Sequence[Any]:
        self._count += 1
        if self._count >= self._number:
            if self._count == self._number and self._when == "after":
                await super().commit(batch)
            self.dead.set()
            raise PersistenceError("this process is dead")
        return await super().commit(batch)


async def test_step_that_waits_for_itself_from_a_path_is_refused(open_commander: OpenCommander) -> None:
    """A step of a path that awaits its own mission's result gets an error, not a deadlock."""
    problems: list[str] = []

    async def waits(ctx: MissionContext[int]) -> None:
        mission = await commander.get_mission(ctx.mission_id)
        assert mission is not None
        try:
            await mission.result()
        except MissionExecutionError as error:
            problems.append(str(error))

    definition = flow().parallel("p", {"a": path().step("s", waits), "b": path().step("s", waits)}).end()
    commander = await open_commander([definition])

    assert await ended(await commander.start(definition, 1, wait=False)) == "completed"
    assert len(problems) == 2
