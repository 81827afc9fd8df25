"""A scenario is crashed at every commit, and ends as it does undisturbed, or is found out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    MissionContext,
    MissionFailedError,
    NonRetryableError,
    PersistenceAdapter,
    RetryPolicy,
    Signal,
    m,
)
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.testing import CrashPoint, FakeClock, Life, RepeatedStep, crash_everywhere

paid = Signal("paid", int)


async def reserve(ctx: MissionContext[str]) -> str:
    return f"{ctx.input} reserved"


def pack(ctx: MissionContext[str]) -> str:
    if ctx.attempt == 1:
        raise ConnectionError("no answer")
    return f"{ctx.output(reserve)}, {ctx.received(paid)} paid"


order = (
    m.define("order")
    .start(input=str, run=reserve)
    .need_to(paid, timeout=timedelta(days=5))
    .step("pack", pack, retry=RetryPolicy(max_attempts=3, initial_interval=60))
    .sleep("return-period", timedelta(days=14))
    .end()
)


async def order_is_paid(life: Life) -> None:
    mission = await life.commander.start(order, "kettle", mission_id="o-1", if_exists="return")
    await life.advance(timedelta(days=3))
    await life.signal(mission, paid, 39)
    await life.advance(timedelta(days=15))
    assert await mission.output() == "kettle reserved, 39 paid"


@pytest.fixture(params=["memory", "sqlite"])
def new_storage(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    numbers = count()
    if request.param == "memory":
        return InMemoryAdapter
    return lambda: create_sqlite_persistence_adapter(tmp_path / f"{next(numbers)}.db")


COMMITS = [
    ("mission-created, mission-started, step-started start",),
    ("step-succeeded start, waiting-for-signal paid",),
    ("signal-received paid, step-started pack",),
    ("step-failed pack, step-retry-scheduled pack",),
    ("timer-fired pack, step-started pack",),
    ("step-succeeded pack, timer-scheduled return-period",),
    ("timer-fired return-period, mission-completed",),
]
POINTS = [
    CrashPoint(commit=number, when=when, records=(f"o-1: {told}",))
    for number, (told,) in enumerate(COMMITS, 1)
    for when in ("before", "after")
]


async def test_every_commit_is_crashed_before_and_after(new_storage: type[PersistenceAdapter]) -> None:
    """The report has a crash for each, says what was in the commit, and which steps ran again for which."""
    report = await crash_everywhere(order_is_paid, definitions=[order], new_storage=new_storage)

    assert list(report.crashes) == POINTS
    assert report.repeated == (
        RepeatedStep(mission_id="o-1", step_name="start", crash=POINTS[2]),
        RepeatedStep(mission_id="o-1", step_name="pack", crash=POINTS[6]),
        RepeatedStep(mission_id="o-1", step_name="pack", crash=POINTS[10]),
    )
    assert report.repeated_steps == {"start", "pack"}
    assert str(report) == (
        "14 crashes, each with the same end; steps that ran again:\n"
        "  start of o-1: crash before commit 2 (o-1: step-succeeded start, waiting-for-signal paid)\n"
        "  pack of o-1: crash before commit 4 (o-1: step-failed pack, step-retry-scheduled pack)\n"
        "  pack of o-1: crash before commit 6 (o-1: step-succeeded pack, timer-scheduled return-period)"
    )


async def test_step_that_counts_on_running_once_is_found_out() -> None:
    """A step that adds to something outside ends otherwise where it ran twice; the error says where and in what."""
    stock: list[str] = []

    async def take(ctx: MissionContext[str]) -> int:
        stock.append(ctx.input)
        return len(stock)

    taking = m.define("taking").start(input=str, run=take).end()

    async def scenario(life: Life) -> None:
        if life.number == 1:
            stock.clear()
        await life.commander.start(taking, "kettle", mission_id="t-1", if_exists="return")

    with pytest.raises(AssertionError) as raised:
        await crash_everywhere(scenario)

    where = "crash before commit 2 (t-1: step-succeeded start, mission-completed)"
    assert str(raised.value).splitlines() == [
        f"{where}: output of mission 't-1': expected 1 as without the crash, found 2",
        f"{where}: event 'start' of mission 't-1': expected ('kettle', 1) as without the crash, found ('kettle', 2)",
    ]


async def test_mission_that_is_started_twice_is_found_out() -> None:
    """A scenario that gives no id, and so does not repeat its start but starts another mission, is told so."""
    numbers = count(1)

    async def scenario(life: Life) -> None:
        await life.commander.start(order, "kettle", mission_id=f"o-{next(numbers)}")

    with pytest.raises(AssertionError, match=r"existence of mission 'o-1': expected True .*, found False"):
        await crash_everywhere(scenario)


async def test_failure_and_cancellation_are_ends_too() -> None:
    """A mission that fails, and one that is cancelled, do so with the same error after every crash."""

    async def refuse(ctx: MissionContext[str]) -> None:
        raise NonRetryableError("out of stock")

    refused = m.define("refused").start(input=str, run=reserve).step("refuse", refuse).end()

    async def scenario(life: Life) -> None:
        failing = await life.commander.start(refused, "a", mission_id="f-1", if_exists="return", wait=False)
        with pytest.raises(MissionFailedError, match="out of stock"):
            await failing.output()
        cancelled = await life.commander.start(order, "b", mission_id="c-1", if_exists="return")
        await cancelled.cancel("changed my mind")

    report = await crash_everywhere(scenario, definitions=[refused, order])

    assert report.repeated_steps == {"start", "refuse"}


async def test_mission_that_still_waits_has_to_wait_at_the_same_place() -> None:
    """A scenario need not bring its missions to their end; updates are events too, and no steps."""
    draft = m.define("noted").update("note", str, lambda ctx, text: text)
    noted = draft.start(input=str, run=reserve).need_to(paid).end()

    async def scenario(life: Life) -> None:
        mission = await life.commander.start(noted, "kettle", mission_id="n-1", if_exists="return")
        await mission.update("note", "fragile")

    report = await crash_everywhere(scenario, definitions=[noted])

    assert len(report.crashes) == 6
    assert report.repeated_steps == {"start"}


async def test_what_the_scenario_raises_says_where() -> None:
    """An assertion of the scenario comes out as it is, with the crash that it failed after."""

    async def scenario(life: Life) -> None:
        await life.commander.start(order, "kettle", mission_id="o-1", if_exists="return")
        assert life.number == 1, "this life is the second"

    with pytest.raises(AssertionError, match="this life is the second") as raised:
        await crash_everywhere(scenario)
    assert raised.value.__notes__ == ["in the run that is crashed before commit 1"]

    async def broken(life: Life) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no") as undisturbed:
        await crash_everywhere(broken)
    assert undisturbed.value.__notes__ == ["in the undisturbed run"]


async def test_scenario_without_missions_has_nothing_to_crash() -> None:
    """Nothing is committed, so nothing is crashed."""

    async def scenario(life: Life) -> None:
        await life.advance(1)

    report = await crash_everywhere(scenario)

    assert (report.crashes, report.repeated) == ((), ())
    assert str(report) == "0 crashes, each with the same end; steps that ran again:\n  none"


async def test_time_of_the_scenario_does_not_run_twice() -> None:
    """The second life stands where the first has come to, so a deadline is not passed because of a crash."""
    seen: list[tuple[int, float]] = []

    async def scenario(life: Life) -> None:
        await life.commander.start(order, "kettle", mission_id="o-1", if_exists="return")
        for _ in range(4):
            await life.advance(timedelta(days=1))
        mission = await life.commander.get_mission("o-1")
        assert mission is not None
        await life.signal(mission, "paid", 39)
        await life.advance(timedelta(days=15).total_seconds())
        seen.append((life.number, life.clock.now().timestamp()))

    await crash_everywhere(scenario, definitions=[order], new_clock=lambda: FakeClock(patience=5))

    assert {at for _, at in seen} == {timedelta(days=19).total_seconds()}
    assert {number for number, _ in seen} == {1, 2}


async def test_code_that_a_crash_left_running_ends_with_its_run() -> None:
    """A step that hangs when another mission's commit is crashed is ended before the next run begins."""
    running: set[int] = set()
    most: list[int] = []

    async def hang(ctx: MissionContext[str]) -> str:
        task = id(asyncio.current_task())
        running.add(task)
        most.append(len(running))
        try:
            await asyncio.sleep(0.005)
        finally:
            running.discard(task)
        return ctx.input

    slow = m.define("slow").start(input=str, run=hang).end()

    async def scenario(life: Life) -> None:
        one = await life.commander.start(slow, "a", mission_id="s-1", if_exists="return", wait=False)
        await life.commander.start(order, "kettle", mission_id="o-1", if_exists="return")
        await one.result()

    await crash_everywhere(scenario, definitions=[slow, order])

    assert (running, max(most)) == (set(), 2)
