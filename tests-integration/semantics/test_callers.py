"""Rule 3: when a start returns, and what becomes of a mission whose callers go away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mission_control.core import (
    CommanderClosedError,
    MissionAlreadyStartedError,
    MissionContext,
    MissionFailedError,
    MissionStatus,
    PersistenceAdapter,
    RetryPolicy,
    create_commander,
    m,
)
from mission_control.testing import Deferred, FakeClock, create_deferred
from orders import APPROVAL, FAILING, ORDER, Order, begun, blocked_on, fail, nothing, status_of
from storages import Gated, Kept, OpenCommander


async def test_start_returns_when_the_mission_waits(open_commander: OpenCommander) -> None:
    """Waiting for a signal, a sleep or a retry ends the call."""
    policy = RetryPolicy(max_attempts=2, initial_interval=60)
    sleeping = m.define("sleeping").start(input=Order, run=nothing).sleep("nap", 60).end()
    retrying = m.define("retrying").start(input=Order, run=nothing).step("try", fail, retry=policy).end()
    commander = await open_commander()

    missions = [await commander.start(it, Order(item="pen")) for it in (APPROVAL, sleeping, retrying)]

    waits = [(await mission.snapshot()).waiting for mission in missions]
    assert [wait and wait.kind for wait in waits] == ["signal", "timer", "retry"]


async def test_start_does_not_return_at_waits_of_no_delay(open_commander: OpenCommander) -> None:
    """A sleep of zero, and a retry without delay, are gone through within the call."""
    attempts: list[int] = []

    async def second_time(ctx: MissionContext[Order]) -> None:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            raise ValueError("not yet")

    definition = (
        m.define("quick")
        .start(input=Order, run=nothing)
        .sleep("no-nap", 0)
        .step("again", second_time, retry=RetryPolicy(max_attempts=2))
        .sleep("no-nap-either", timedelta(0))
        .end()
    )
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"))

    assert await mission.status() == MissionStatus.COMPLETED
    assert attempts == [1, 2]


async def test_start_raises_where_the_mission_fails_within_the_call(open_commander: OpenCommander) -> None:
    """The error bears the snapshot, the failure, and the step's own exception as its cause."""
    commander = await open_commander([FAILING])

    with pytest.raises(MissionFailedError, match="out of stock") as raised:
        await commander.start(FAILING, Order(item="pen"), mission_id="x")

    assert raised.value.snapshot.status == MissionStatus.FAILED
    assert raised.value.snapshot.mission_id == "x"
    assert raised.value.failure.code == "STEP_FAILED"
    assert isinstance(raised.value.__cause__, ValueError)
    assert await status_of(commander, "x") == MissionStatus.FAILED


async def test_handle_of_a_mission_that_failed_within_its_start_is_started(open_commander: OpenCommander) -> None:
    """A start that raised because the mission failed was accepted: the handle cannot start another."""
    commander = await open_commander([FAILING])
    mission = commander.create_mission(FAILING)
    with pytest.raises(MissionFailedError):
        await mission.start(Order(item="pen"))

    with pytest.raises(MissionAlreadyStartedError):
        await mission.start(Order(item="pen"))


async def test_failure_after_a_wait_is_not_the_starts(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission that waits before it fails has been started without an error."""
    definition = m.define("later").start(input=Order, run=nothing).sleep("nap", 60).step("fail", fail).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"))
    await fake_clock.advance(60)

    assert await mission.status() == MissionStatus.FAILED


async def test_start_returns_where_the_mission_is_cancelled_within_the_call(open_commander: OpenCommander) -> None:
    """A mission that somebody cancels meanwhile has ended, and its start returns the handle."""
    runs: list[str] = []
    definition = blocked_on(asyncio.Event(), runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    await begun(runs)

    await commander.cancel_mission("x")

    assert await (await start).status() == MissionStatus.CANCELLED


async def test_start_without_waiting_returns_on_acceptance(open_commander: OpenCommander) -> None:
    """The mission goes on by itself, behind a step that has not ended when the call returns."""
    gate = asyncio.Event()
    definition = blocked_on(gate)
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"), wait=False)
    assert await mission.status() == MissionStatus.RUNNING
    gate.set()

    assert await mission.output() == "pen"


async def test_start_without_waiting_does_not_raise_for_a_failure(open_commander: OpenCommander) -> None:
    """A mission that fails after its acceptance is found failed, and nothing is raised or left unhandled."""
    commander = await open_commander([FAILING])

    mission = await commander.start(FAILING, Order(item="pen"), wait=False)

    assert (await mission.result()).status == MissionStatus.FAILED


async def test_cancelling_the_await_of_start_leaves_the_mission_running(open_commander: OpenCommander) -> None:
    """A client that disconnects while a step runs changes nothing for the mission."""
    gate, runs = asyncio.Event(), list[str]()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    await begun(runs)

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    gate.set()

    mission = await commander.get_mission("x")
    assert mission is not None
    assert await mission.output() == "pen"
    assert runs == ["x"]


async def test_handle_whose_start_was_cancelled_while_it_ran_knows_its_mission(open_commander: OpenCommander) -> None:
    """Where the cancelled start had been accepted, the handle answers for the mission."""
    gate, runs = asyncio.Event(), list[str]()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    mission = commander.create_mission(definition, mission_id="x")
    start = asyncio.create_task(mission.start(Order(item="pen")))
    await begun(runs)
    start.cancel()
    await asyncio.wait([start])
    gate.set()

    assert (await mission.result()).output == "pen"


@pytest.mark.parametrize("turns", range(12))
async def test_start_that_was_cancelled_early_is_settled_by_if_exists(
    open_commander: OpenCommander, turns: int
) -> None:
    """Wherever on the way to its acceptance a start is cancelled, the same start again makes one whole mission."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    for _ in range(turns):
        await asyncio.sleep(0)
    start.cancel()
    await asyncio.wait([start])

    mission = await commander.start(definition, Order(item="pen"), mission_id="x", if_exists="return")

    assert await mission.output() == "pen"
    assert runs == ["x"]


async def test_cancelling_a_start_during_its_commit_does_not_take_it_back(open_commander: OpenCommander) -> None:
    """A start that is cancelled while its records are on their way goes on where they arrive."""
    gated = Kept(Gated)
    commander = await open_commander([ORDER], wrap=gated)
    gated.adapter.gate.clear()
    start = asyncio.create_task(commander.start(ORDER, Order(item="pen"), mission_id="x"))
    await gated.adapter.arrived.wait()
    start.cancel()
    await asyncio.wait([start])
    gated.adapter.gate.set()

    await commander.settled()

    assert await status_of(commander, "x") == MissionStatus.COMPLETED


async def test_start_that_goes_away_while_its_id_is_claimed_disturbs_nobody(open_commander: OpenCommander) -> None:
    """Of two that wait to know whether an id is taken, one may leave, and the other is told."""
    gated = Kept(Gated)

    async def start() -> str:
        handle = await commander.start(APPROVAL, Order(item="pen"), mission_id="mine", if_exists="return")
        return handle.mission_id

    commander = await open_commander([APPROVAL], wrap=gated)
    gated.adapter.gate.clear()
    first, leaving, last = [asyncio.create_task(start()) for _ in range(3)]
    await gated.adapter.arrived.wait()
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gated.adapter.gate.set()

    async with asyncio.timeout(30):
        assert [await first, await last] == ["mine", "mine"]


async def test_cancelling_the_first_operation_leaves_the_commander_usable(
    adapter_factory: Callable[[], PersistenceAdapter],
) -> None:
    """A start that is cancelled while it makes the commander ready does not spoil that for others."""
    async with create_commander(persistence=adapter_factory()) as commander:
        pass
    commander = create_commander(persistence=adapter_factory())
    try:
        start = asyncio.create_task(commander.start(ORDER, Order(item="pen"), mission_id="x"))
        await asyncio.sleep(0)
        start.cancel()
        await asyncio.wait([start])

        mission = await commander.start(ORDER, Order(item="pen"), mission_id="x", if_exists="return")

        assert await mission.status() == MissionStatus.COMPLETED
    finally:
        await commander.close()


@pytest.mark.parametrize("wait_for", ["result", "output", "wait_for_completion"])
async def test_cancelling_the_await_of_an_end_leaves_the_mission_running(
    open_commander: OpenCommander, wait_for: str
) -> None:
    """A time-out around `result` and its like ends that wait only; others who wait get their answer."""
    gate = asyncio.Event()
    definition = blocked_on(gate)
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"), wait=False)
    other = asyncio.create_task(mission.result())

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await getattr(mission, wait_for)()
    gate.set()

    assert (await other).status == MissionStatus.COMPLETED
    assert (await mission.result()).output == "pen"


async def test_cancelling_the_await_of_a_signal_leaves_the_mission_running(open_commander: OpenCommander) -> None:
    """The signal was applied; that its sender went away while the next step ran changes nothing."""
    gate, entered = asyncio.Event(), asyncio.Event()

    async def block(ctx: MissionContext[Order]) -> str:
        entered.set()
        await gate.wait()
        return "done"

    definition = m.define("it").start(input=Order, run=nothing).need_to("go", int).step("block", block).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"))
    signal = asyncio.create_task(mission.signal("go", 1))
    await entered.wait()

    signal.cancel()
    await asyncio.wait([signal])
    gate.set()

    assert await mission.output() == "done"


async def test_cancelling_the_await_of_an_update_leaves_the_mission_running(open_commander: OpenCommander) -> None:
    """An update whose caller went away while its code ran is recorded, and the mission goes on."""
    release: Deferred[None] = create_deferred()
    entered = asyncio.Event()

    async def change(ctx: MissionContext[Any], input: int) -> int:
        entered.set()
        await release.future
        return input + 1

    definition = m.define("it").update("change", int, change).start(input=Order, run=nothing).need_to("go", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"))
    update = asyncio.create_task(mission.update("change", 1))
    await entered.wait()

    update.cancel()
    await asyncio.wait([update])
    release.resolve(None)
    await commander.settled()

    assert (await mission.snapshot()).events["change"].output == 2
    await mission.signal("go", 1)
    assert await mission.status() == MissionStatus.COMPLETED


async def test_read_goes_on_for_others_when_its_caller_goes_away(open_commander: OpenCommander) -> None:
    """Two look at one mission and one of them is cancelled while it is read: the other gets its answer."""
    commander = await open_commander([APPROVAL])
    await commander.start(APPROVAL, Order(item="pen"), mission_id="x")
    gated = Kept(Gated)
    commander = await open_commander([APPROVAL], wrap=gated)
    mission = await commander.get_mission("x")
    assert mission is not None
    gated.adapter.read_gate.clear()
    impatient, patient = (asyncio.create_task(mission.snapshot()) for _ in range(2))
    await gated.adapter.arrived.wait()
    impatient.cancel()
    await asyncio.wait([impatient])
    gated.adapter.read_gate.set()

    assert impatient.cancelled()
    async with asyncio.timeout(30):
        assert (await patient).status == MissionStatus.WAITING


async def test_user_code_does_not_run_in_its_callers_task(open_commander: OpenCommander) -> None:
    """The step's task is the engine's, so no time-out of a caller can reach it."""
    tasks: list[asyncio.Task[Any] | None] = []

    async def note(ctx: MissionContext[Order]) -> None:
        tasks.append(asyncio.current_task())

    definition = m.define("it").start(input=Order, run=note).end()
    commander = await open_commander([definition])

    await commander.start(definition, Order(item="pen"))

    assert asyncio.current_task() not in tasks


async def test_callers_pending_at_close_are_told(open_commander: OpenCommander) -> None:
    """Whoever waits in start, result or a held signal when the commander closes gets `CommanderClosedError`."""
    runs: list[str] = []
    definition = blocked_on(asyncio.Event(), runs)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, Order(item="pen"), mission_id="x"))
    await begun(runs)
    mission = await commander.get_mission("x")
    assert mission is not None
    others = [
        asyncio.create_task(mission.result()),
        asyncio.create_task(mission.output()),
        asyncio.create_task(mission.signal("go", 1)),
    ]
    await asyncio.sleep(0.01)

    await open_commander.close()

    for pending in (start, *others):
        with pytest.raises(CommanderClosedError):
            await pending


async def test_start_on_a_closed_commander_is_refused(open_commander: OpenCommander) -> None:
    """After close a start raises, through the commander and through a handle made before."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER)
    await open_commander.close()

    with pytest.raises(CommanderClosedError):
        await commander.start(ORDER, Order(item="pen"))
    with pytest.raises(CommanderClosedError):
        await mission.start(Order(item="pen"))
