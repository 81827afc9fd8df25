"""Rule 16: what comes while a mission runs is held, and a step is not its own mission's caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals import APPROVE, Approval, Gate, begin, fail, open_slow, signals_of, turns
from mission_control.core import (
    HistoryType,
    MissionAlreadyExistsError,
    MissionContext,
    MissionDefinition,
    MissionExecutionError,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    MissionValidationError,
    RetryPolicy,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

T = HistoryType


def gated(gate: Gate, *, timeout: timedelta | float | None = None) -> MissionDefinition[int]:
    """Return a mission that runs `gate` before it waits for an approval."""
    return m.define("gated").start(input=int, run=gate).need_to(APPROVE, timeout=timeout).end()


# 16. Decisions one after another; what comes early is held


async def test_signal_that_beats_its_wait_is_held(open_commander: OpenCommander) -> None:
    """A signal that comes while a step runs is applied when the mission waits for it."""
    gate = Gate()
    definition = gated(gate)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    signal = asyncio.create_task(mission.signal(APPROVE, Approval(by="ann")))
    await turns()
    assert not signal.done()
    assert [record.type for record in await mission.history()][-1] == T.STEP_STARTED

    gate.may_end.set()
    await signal

    assert await mission.status() == MissionStatus.COMPLETED
    assert await signals_of(mission) == [("approve", {"by": "ann", "amount": 1})]


async def test_held_signal_beats_the_return_of_the_start(open_commander: OpenCommander) -> None:
    """A start that waits returns at the wait that the held signal then ends, and both callers are answered."""
    gate = Gate()
    definition = gated(gate)
    commander = await open_commander([definition])
    start = asyncio.create_task(commander.start(definition, 5, mission_id="x"))
    await gate.entered.wait()
    mission = await commander.get_mission("x")
    assert mission is not None
    signal = asyncio.create_task(mission.signal(APPROVE, Approval(by="ann")))
    await turns()
    gate.may_end.set()

    await signal
    started = await start

    assert await started.status() == MissionStatus.COMPLETED


async def test_held_signals_are_applied_or_refused_in_order_of_arrival(open_commander: OpenCommander) -> None:
    """Each of those that were held is taken when it is its turn, and applied or refused as things are then."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=gate).need_to("a", int).need_to("b", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    sent: list[tuple[str, Any]] = [("b", 0), ("a", "1"), ("a", 1), ("a", 2), ("b", 3)]
    signals: list[asyncio.Task[None]] = []
    for name, payload in sent:
        signals.append(asyncio.create_task(mission.signal(name, payload)))
        await turns(5)
    gate.may_end.set()

    outcomes = await asyncio.gather(*signals, return_exceptions=True)

    assert [type(it) for it in outcomes] == [
        MissionSignalError,
        MissionValidationError,
        type(None),
        MissionSignalError,
        type(None),
    ]
    assert await signals_of(mission) == [("a", 1), ("b", 3)]


async def test_held_updates_and_signals_keep_their_order(open_commander: OpenCommander) -> None:
    """An update between two signals runs between them."""
    gate = Gate()
    definition = (
        m.define("it")
        .update("note", int, lambda ctx, number: sorted(ctx.events))
        .start(input=int, run=gate)
        .need_to("a", int)
        .need_to("b", int)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    tasks: list[asyncio.Task[Any]] = []
    for call in (mission.signal("a", 1), mission.update("note", 2), mission.signal("b", 3)):
        tasks.append(asyncio.create_task(call))
        await turns(5)
    gate.may_end.set()

    _, note, _ = await asyncio.gather(*tasks)

    assert note == ["a", "start"]
    kept = (T.SIGNAL_RECEIVED, T.MISSION_UPDATE)
    assert [(it.type, it.event_name) for it in await mission.history() if it.type in kept] == [
        (T.SIGNAL_RECEIVED, "a"),
        (T.MISSION_UPDATE, "note"),
        (T.SIGNAL_RECEIVED, "b"),
    ]


@pytest.mark.parametrize("end", ["completes", "fails", "waits", "sleeps", "is cancelled"])
async def test_held_signal_that_finds_no_wait_is_refused(open_commander: OpenCommander, end: str) -> None:
    """Where the mission ends, or waits for something else, what was held is refused with where it stands."""
    gate = Gate()
    builder = m.define("it").start(input=int, run=gate)
    if end == "fails":
        builder = builder.step("fail", fail)
    elif end == "waits":
        builder = builder.need_to("other", int)
    elif end == "sleeps":
        builder = builder.sleep("nap", 60)
    definition = builder.end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    signal = asyncio.create_task(mission.signal("go", 1))
    await turns()

    if end == "is cancelled":
        await mission.cancel()
    gate.may_end.set()

    with pytest.raises(MissionSignalError, match=r"'go'"):
        await signal
    assert await signals_of(mission) == []


@pytest.mark.parametrize("kind", ["sleep", "retry", "start_at"])
async def test_signal_during_a_timer_is_refused_at_once(
    open_commander: OpenCommander, fake_clock: FakeClock, kind: str
) -> None:
    """While the mission waits for a time nothing is held: the sender is told what it waits for, and until when."""
    builder = m.define("it").start(input=int, run=begin)
    if kind == "sleep":
        builder = builder.sleep("nap", 60)
    if kind == "retry":
        builder = builder.step("fail", fail, retry=RetryPolicy(max_attempts=2, initial_interval=60))
    definition = builder.need_to("go", int).end()
    commander = await open_commander([definition])
    due = fake_clock.now() + timedelta(seconds=60)
    mission = await commander.start(definition, 5, start_at=due if kind == "start_at" else None)

    async with asyncio.timeout(30):
        with pytest.raises(MissionSignalError, match="1970-01-01T00:01:00"):
            await mission.signal("go", 1)


async def test_cancelling_the_sender_withdraws_a_held_signal(open_commander: OpenCommander) -> None:
    """A held signal whose sender went away is never applied; the next one is."""
    gate = Gate()
    definition = gated(gate)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    withdrawn = asyncio.create_task(mission.signal(APPROVE, Approval(by="ann")))
    await turns()
    kept = asyncio.create_task(mission.signal(APPROVE, Approval(by="bob")))
    await turns()

    withdrawn.cancel()
    await asyncio.wait([withdrawn])
    gate.may_end.set()
    await kept

    assert await signals_of(mission) == [("approve", {"by": "bob", "amount": 1})]


async def test_nothing_that_is_held_is_durable(open_commander: OpenCommander) -> None:
    """A held signal is gone with its process: the next one waits."""
    gate = Gate()
    definition = gated(gate)
    mission = await (await open_commander([definition])).start(definition, 5, mission_id="x", wait=False)
    await gate.entered.wait()
    signal = asyncio.create_task(mission.signal(APPROVE, Approval(by="ann")))
    await turns()
    await open_commander.crash()
    gate.may_end.set()

    commander = await open_commander([definition])
    await commander.settled()

    again = await commander.get_mission("x")
    assert again is not None
    assert await again.status() == MissionStatus.WAITING
    assert await signals_of(again) == []
    signal.cancel()
    await asyncio.wait([signal])


async def test_start_with_an_id_in_use_is_not_held(open_commander: OpenCommander) -> None:
    """While a mission runs, a start with its id is answered without waiting for it to rest."""
    gate = Gate()
    definition = gated(gate)
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await gate.entered.wait()

    async with asyncio.timeout(30):
        with pytest.raises(MissionAlreadyExistsError, match="running"):
            await commander.start(definition, 5, mission_id="x")
        await commander.start(definition, 5, mission_id="x", if_exists="return")

    assert not gate.may_end.is_set()


async def test_start_with_an_id_that_is_being_claimed_awaits_that_commit(open_commander: OpenCommander) -> None:
    """While the first start's commit is on its way, a second one waits for it, and for nothing else."""
    gate = Gate()
    definition = gated(gate)
    commander, storage = await open_slow(open_commander, definition)
    storage.gate.clear()
    first = asyncio.create_task(commander.start(definition, 5, mission_id="x", wait=False))
    await turns()
    second = asyncio.create_task(commander.start(definition, 5, mission_id="x"))
    await turns()
    assert not second.done()

    storage.gate.set()
    await first

    async with asyncio.timeout(30):
        with pytest.raises(MissionAlreadyExistsError):
            await second


async def test_cancel_queries_and_reads_are_not_held(open_commander: OpenCommander) -> None:
    """While a step runs the mission can be looked at, queried and cancelled."""
    gate = Gate()
    definition = (
        m.define("it").query("where", lambda ctx: ctx.step_name).start(input=int, run=gate).need_to("go", int).end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()

    async with asyncio.timeout(30):
        assert await mission.query("where") == "where"
        assert await mission.status() == MissionStatus.RUNNING
        assert (await mission.snapshot()).cursor == "start"
        assert len(await mission.history()) == 3
        assert len(await commander.list_missions(status=MissionStatus.RUNNING)) == 1
        assert (await mission.cancel()).status == MissionStatus.CANCELLED


# 16. A step and its own mission

Own = Callable[[MissionHandle[Any]], Awaitable[object]]

SIGNALS: list[tuple[Own, type[Exception]]] = [
    (lambda mission: mission.signal("go", 1), MissionSignalError),
    (lambda mission: mission.signal("go", 1, wait=False), MissionSignalError),
]
OTHERS: list[tuple[Own, type[Exception]]] = [
    (lambda mission: mission.update("change", 1), MissionExecutionError),
    (lambda mission: mission.cancel(), MissionExecutionError),
    (lambda mission: mission.result(), MissionExecutionError),
    (lambda mission: mission.output(), MissionExecutionError),
    (lambda mission: mission.wait_for_completion(), MissionExecutionError),
]


def acting_on_itself(
    act: Callable[[], Awaitable[object]], errors: list[BaseException], *, in_task: bool = False
) -> MissionDefinition[int]:
    async def work(ctx: MissionContext[int]) -> str:
        try:
            if in_task:
                await asyncio.create_task(_as_coroutine(act()))
            else:
                await act()
        except Exception as error:
            errors.append(error)
        return "done"

    return (
        m.define("it")
        .update("change", int, lambda ctx, number: number)
        .start(input=int, run=begin)
        .step("work", work)
        .need_to("go", int)
        .end()
    )


async def _as_coroutine(awaitable: Awaitable[object]) -> object:
    return await awaitable


@pytest.mark.parametrize("in_task", [False, True], ids=["itself", "in a task"])
@pytest.mark.parametrize(("own", "error"), [*SIGNALS, *OTHERS])
async def test_step_that_acts_on_its_own_mission_is_refused(
    open_commander: OpenCommander, own: Own, error: type[Exception], in_task: bool
) -> None:
    """Signalling, updating, cancelling or awaiting one's own mission raises at once, saying "itself"."""
    errors: list[BaseException] = []

    async def act() -> object:
        mission = await commander.get_mission("x")
        assert mission is not None
        return await own(mission)

    definition = acting_on_itself(act, errors, in_task=in_task)
    commander = await open_commander([definition])

    async with asyncio.timeout(30):
        mission = await commander.start(definition, 5, mission_id="x")

    assert [type(it) for it in errors] == [error]
    assert "itself" in str(errors[0])
    assert await mission.status() == MissionStatus.WAITING


async def test_step_that_cancels_its_own_id_is_refused(open_commander: OpenCommander) -> None:
    """The same goes for the commander's own method: an error, never a deadlock."""
    errors: list[BaseException] = []
    definition = acting_on_itself(lambda: commander.cancel_mission("x"), errors)
    commander = await open_commander([definition])

    async with asyncio.timeout(30):
        mission = await commander.start(definition, 5, mission_id="x")

    assert [type(it) for it in errors] == [MissionExecutionError]
    assert await mission.status() == MissionStatus.WAITING


async def test_step_that_starts_its_own_id_is_answered_like_anybody(open_commander: OpenCommander) -> None:
    """A start with the id of the mission that runs is never held, and finds it with `if_exists`."""
    errors: list[BaseException] = []

    async def act() -> None:
        same = await commander.start(definition, 5, mission_id="x", if_exists="return")
        assert same.mission_id == "x"
        await commander.start(definition, 5, mission_id="x")

    definition = acting_on_itself(act, errors)
    commander = await open_commander([definition])

    async with asyncio.timeout(30):
        await commander.start(definition, 5, mission_id="x")

    assert [type(it) for it in errors] == [MissionAlreadyExistsError]


async def test_sync_step_that_signals_its_own_mission_is_refused(open_commander: OpenCommander) -> None:
    """A step on a thread that asks the loop is known for what it is."""
    errors: list[BaseException] = []
    loop = asyncio.get_running_loop()

    def work(ctx: MissionContext[int]) -> None:
        async def act() -> None:
            mission = await commander.get_mission("x")
            assert mission is not None
            await mission.signal("go", 1)

        try:
            asyncio.run_coroutine_threadsafe(act(), loop).result(5)
        except Exception as error:
            errors.append(error)

    definition = m.define("it").start(input=int, run=work).need_to("go", int).end()
    commander = await open_commander([definition])

    async with asyncio.timeout(30):
        await commander.start(definition, 5, mission_id="x")

    assert [type(it) for it in errors] == [MissionSignalError]


async def test_step_may_look_at_its_own_mission(open_commander: OpenCommander) -> None:
    """Reads and queries of one's own mission are answered while the attempt runs."""
    seen: list[object] = []

    async def work(ctx: MissionContext[int]) -> None:
        mission = await commander.get_mission(ctx.mission_id)
        assert mission is not None
        seen.append(await mission.query("double"))
        seen.append(await mission.status())
        seen.append((await mission.inspect()).snapshot.cursor)

    definition = m.define("it").query("double", lambda ctx: ctx.input * 2).start(input=int, run=work).end()
    commander = await open_commander([definition])

    async with asyncio.timeout(30):
        await commander.start(definition, 5)

    assert seen == [10, MissionStatus.RUNNING, "start"]


async def test_task_that_a_step_left_behind_is_an_ordinary_caller(open_commander: OpenCommander) -> None:
    """Once its attempt has ended, what a step started may signal and await the mission."""
    left: list[asyncio.Task[object]] = []

    async def work(ctx: MissionContext[int]) -> str:
        async def later() -> object:
            await ended.wait()
            mission = await commander.get_mission(ctx.mission_id)
            assert mission is not None
            await mission.signal("go", 1)
            return await mission.output()

        left.append(asyncio.create_task(later()))
        return "done"

    ended = asyncio.Event()
    definition = m.define("it").start(input=int, run=work).need_to("go", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    ended.set()

    async with asyncio.timeout(30):
        assert await left[0] == "done"
    assert await mission.status() == MissionStatus.COMPLETED


async def test_step_may_act_on_other_missions(open_commander: OpenCommander) -> None:
    """A step starts, signals, updates and awaits other missions of its commander, in one slot."""
    child = (
        m.define("child")
        .update("change", int, lambda ctx, number: number + 1)
        .start(input=int, run=begin)
        .need_to("go", int)
        .step("work", lambda ctx: ctx.received("go") * 2)
        .end()
    )

    async def work(ctx: MissionContext[int]) -> int:
        mission = await commander.start(child, 5)
        changed = await mission.update("change", 1)
        await mission.signal("go", changed)
        result: int = await mission.output()
        return result

    parent = m.define("parent").start(input=int, run=work).end()
    commander = await open_commander([parent, child], max_concurrency=1)

    async with asyncio.timeout(30):
        mission = await commander.start(parent, 5)

    assert await mission.output() == 4


async def test_held_update_of_a_mission_that_ended_is_refused(open_commander: OpenCommander) -> None:
    """An update that came while the last step ran is told that the mission has ended."""
    gate = Gate()
    definition = m.define("it").update("change", int, lambda ctx, number: number).start(input=int, run=gate).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    update = asyncio.create_task(mission.update("change", 1))
    await turns()
    gate.may_end.set()

    with pytest.raises(MissionTerminalError):
        await update


async def test_signal_while_a_sync_step_runs_is_held_too(open_commander: OpenCommander) -> None:
    """A step on a thread holds signals as one on the loop does."""
    may_end = threading.Event()

    def work(ctx: MissionContext[int]) -> None:
        may_end.wait(5)

    definition = m.define("it").start(input=int, run=work).need_to("go", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    signal = asyncio.create_task(mission.signal("go", 1))
    await turns()
    assert not signal.done()
    may_end.set()
    await signal

    assert await mission.status() == MissionStatus.COMPLETED
