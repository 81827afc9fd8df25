"""Steps that wait for other missions: at rest meanwhile, and not to blame where their process ends (rules 8, 16)."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mission_control.core import (
    Commander,
    CommitOutcome,
    HistoryType,
    MissionCommit,
    MissionContext,
    MissionDefinition,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    m,
)
from mission_control.core.commander.embedded import EmbeddedCommander
from mission_control.core.engine import attempt
from mission_control.core.engine.clock import Driven
from mission_control.testing import FakeClock
from one_step import Step, attempts_of, begin, failure_of, found, one_step
from storages import Forwarding, Gate, Gated, Kept, OpenCommander

T = HistoryType
DAY = timedelta(days=1)

SLEEPER = m.define("sleeper").start(input=int, run=begin).sleep("night", DAY).end()
WAITER = m.define("waiter").start(input=int, run=begin).need_to("go", str).end()


async def turns(number: int = 30) -> None:
    """Let everything that can go on without being told go on a while."""
    for _ in range(number):
        await asyncio.sleep(0)


async def child_of(commander: Commander, definition: MissionDefinition[int], name: str = "child") -> MissionHandle[int]:
    return await commander.start(definition, 5, mission_id=name, if_exists="return", wait=False)


def is_idle(commander: Commander) -> bool:
    """Return whether nothing counts as being under way."""
    assert isinstance(commander, EmbeddedCommander)
    return commander.activity.is_idle


async def check_balance(commander: Commander) -> None:
    """Check that what runs counts, once, and nothing else does."""
    gate = Gate()
    definition = m.define(f"balance-{id(gate)}").start(input=int, run=gate).end()
    async with asyncio.timeout(30):
        await commander.settled()
        await commander.start(definition, 5, wait=False)
        await gate.begun.wait()
        settling = asyncio.create_task(commander.settled())
        await turns()
        assert not settling.done()
        gate.opened.set()
        await settling


class Parents:
    """Steps that wait for the end of `sleeper` missions, each in its way."""

    commander: Commander

    async def _child(self, name: str = "child") -> MissionHandle[int]:
        return await child_of(self.commander, SLEEPER, name)

    async def result(self, ctx: MissionContext[int]) -> str:
        return str((await (await self._child()).result()).status)

    async def output(self, ctx: MissionContext[int]) -> str:
        return "completed" if await (await self._child()).output() == 5 else "?"

    async def wait_for_completion(self, ctx: MissionContext[int]) -> str:
        return str((await (await self._child()).wait_for_completion()).status)

    async def start(self, ctx: MissionContext[int]) -> str:
        async def wait(ctx: MissionContext[int]) -> str:
            return str((await (await self._child()).result()).status)

        between = m.define("between").start(input=int, run=wait).end()
        return str(await (await self.commander.start(between, 5, mission_id="between")).status())

    async def in_a_task(self, ctx: MissionContext[int]) -> str:
        return await asyncio.create_task(self.result(ctx))

    async def gathering(self, ctx: MissionContext[int]) -> str:
        children = [await self._child(f"child-{number}") for number in range(3)]
        ends = await asyncio.gather(*(child.result() for child in children))
        return str(ends[0].status)

    def from_a_thread(self) -> Step:
        loop = asyncio.get_running_loop()

        def run(ctx: MissionContext[int]) -> str:
            return asyncio.run_coroutine_threadsafe(self.result(ctx), loop).result(20)

        return run


HOW = ["result", "output", "wait_for_completion", "start", "in_a_task", "gathering", "from_a_thread"]


@pytest.mark.parametrize("how", HOW)
async def test_clock_moves_while_a_step_waits_for_another_mission(
    open_commander: OpenCommander, fake_clock: FakeClock, how: str
) -> None:
    """A day of another mission's sleep passes as any day does, and the step goes on at its end."""
    parents = Parents()
    step: Step = parents.from_a_thread() if how == "from_a_thread" else getattr(parents, how)
    definition = one_step(step)
    parents.commander = commander = await open_commander([definition, SLEEPER])
    parent = await commander.start(definition, 5, wait=False)
    async with asyncio.timeout(30):
        await commander.settled()
        assert await parent.status() == MissionStatus.RUNNING
        await fake_clock.advance(DAY)

        assert await parent.status() == MissionStatus.COMPLETED
        assert await parent.output() == "completed"
    await check_balance(commander)


async def test_step_that_waits_for_another_mission_is_not_running_for_a_clock(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A clock that drives the commander sees it run before and after, and not meanwhile."""
    driven: list[Driven] = []
    may_wait, may_end = asyncio.Event(), asyncio.Event()

    class Spy:
        def now(self) -> Any:
            return fake_clock.now()

        async def sleep_until(self, instant: Any, /) -> None:
            await fake_clock.sleep_until(instant)

        def join(self, one: Driven, /) -> Callable[[], None]:
            driven.append(one)
            return fake_clock.join(one)

    async def wait(ctx: MissionContext[int]) -> None:
        await may_wait.wait()
        await (await child_of(commander, WAITER)).result()
        await may_end.wait()

    definition = one_step(wait)
    commander = await open_commander([definition, WAITER], clock=Spy())
    parent = await commander.start(definition, 5, wait=False)

    def running() -> list[str]:
        return [one.step_name for one in driven[0].running()]

    await turns()
    while not running():
        await asyncio.sleep(0)
    may_wait.set()
    await commander.settled()
    assert running() == []
    await (await found(commander, "child")).signal("go", "on")
    await turns()
    assert running() == ["work"]
    may_end.set()
    assert (await parent.result()).status == "completed"


async def _direct(children: list[MissionHandle[int]]) -> None:
    await children[0].result()


async def _in_tasks(children: list[MissionHandle[int]]) -> None:
    tasks = [asyncio.create_task(child.result()) for child in children]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks[1].cancel()


async def _in_time(children: list[MissionHandle[int]]) -> None:
    async with asyncio.timeout(30):
        await asyncio.wait_for(children[0].result(), 20)


@pytest.mark.parametrize("wait", [_direct, _in_tasks, _in_time])
async def test_step_counts_again_from_the_moment_of_the_answer(
    open_commander: OpenCommander, wait: Callable[[list[MissionHandle[int]]], Awaitable[None]]
) -> None:
    """Between another mission's end and what the step does then, no turn of the loop looks like rest."""
    gone_on = asyncio.Event()

    async def run(ctx: MissionContext[int]) -> None:
        children = [await child_of(commander, WAITER, f"child-{number}") for number in range(2)]
        await wait(children)
        gone_on.set()
        await asyncio.Event().wait()

    definition = one_step(run)
    commander = await open_commander([definition, WAITER])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    assert is_idle(commander)
    child = await found(commander, "child-0")
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(child.signal("go", "on", wait=False))
        await asyncio.sleep(0)
        while not gone_on.is_set():
            assert not is_idle(commander)
            await asyncio.sleep(0)


async def test_step_that_is_at_rest_times_out_at_its_time(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Its timeout is one of the instants at which a clock stops on its way."""
    parents = Parents()
    definition = one_step(parents.result, timeout=3600)
    parents.commander = commander = await open_commander([definition, SLEEPER])
    parent = await commander.start(definition, 5, wait=False)
    async with asyncio.timeout(30):
        await fake_clock.advance(3599)
        assert await parent.status() == MissionStatus.RUNNING
        await fake_clock.advance(1)
        assert await parent.status() == MissionStatus.FAILED

    assert (await failure_of(parent)).code == "STEP_TIMEOUT"
    await check_balance(commander)


@pytest.mark.usefixtures("endless_grace")
async def test_step_that_is_at_rest_is_cancelled(open_commander: OpenCommander) -> None:
    """Its code is told, and counts until it has ended."""
    ended = False

    async def wait(ctx: MissionContext[int]) -> None:
        nonlocal ended
        child = await child_of(commander, WAITER)
        try:
            await child.result()
        finally:
            await child.cancel("nobody waits for it")
            await turns()
            ended = True

    definition = one_step(wait)
    commander = await open_commander([definition, WAITER])
    parent = await commander.start(definition, 5, wait=False)
    await commander.settled()
    async with asyncio.timeout(30):
        assert (await parent.cancel()).status == MissionStatus.CANCELLED
    assert ended
    assert await (await found(commander, "child")).status() == MissionStatus.CANCELLED
    await check_balance(commander)


@pytest.mark.parametrize("how", ["result", "from_a_thread"])
async def test_step_that_is_at_rest_is_closed(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Close stops it as any other, and records that."""
    monkeypatch.setattr(attempt, "GRACE", 0.02)
    parents = Parents()
    definition = one_step(parents.from_a_thread() if how == "from_a_thread" else parents.result)
    parents.commander = commander = await open_commander([definition, SLEEPER])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    async with asyncio.timeout(30):
        await commander.close()
    inspection = await (await open_commander()).inspect_mission("x")

    assert inspection is not None
    assert (inspection.history[-1].type, inspection.history[-1].details) == ("step-interrupted", {"reason": "closed"})


async def test_task_that_a_step_left_behind_rests_nobody(open_commander: OpenCommander) -> None:
    """A step that ends while a task of its waits for another mission has ended, and the task is an ordinary caller."""
    left: list[asyncio.Task[Any]] = []

    async def leave(ctx: MissionContext[int]) -> None:
        child = await child_of(commander, WAITER)
        left.append(asyncio.create_task(child.result()))
        await turns()

    definition = one_step(leave)
    commander = await open_commander([definition, WAITER])
    parent = await commander.start(definition, 5)
    assert await parent.status() == MissionStatus.COMPLETED
    await check_balance(commander)
    await (await found(commander, "child")).signal("go", "on")

    assert (await left[0]).status == MissionStatus.COMPLETED
    await check_balance(commander)


async def test_wait_that_a_step_gives_up_is_none(open_commander: OpenCommander) -> None:
    """A step that waits no longer than it wants to counts again when it goes on."""
    gate = Gate()

    async def impatient(ctx: MissionContext[int]) -> str:
        child = await child_of(commander, WAITER)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child.result(), 0.01)
        return await gate(ctx)

    definition = one_step(impatient)
    commander = await open_commander([definition, WAITER])
    parent = await commander.start(definition, 5, wait=False)
    await gate.begun.wait()
    settling = asyncio.create_task(commander.settled())
    await turns()
    assert not settling.done()
    await (await found(commander, "child")).signal("go", "on")
    await turns()
    assert not settling.done()
    gate.opened.set()
    await settling

    assert await parent.output() == "passed"
    await check_balance(commander)


async def test_answer_that_is_there_at_once_costs_no_slot(open_commander: OpenCommander) -> None:
    """A step whose question needs no waiting keeps its slot, and nobody runs before it goes on."""
    order: list[str] = []

    async def other(ctx: MissionContext[int]) -> None:
        order.append("other")

    async def ask(ctx: MissionContext[int]) -> None:
        child = await child_of(commander, WAITER)
        await turns()
        await commander.start(m.define("other").start(input=int, run=other).end(), 5, wait=False)
        order.clear()
        with pytest.raises(MissionSignalError):
            await child.signal("stop", "now")
        order.append("asked")

    definition = one_step(ask)
    commander = await open_commander([definition, WAITER], max_concurrency=1)
    await commander.start(WAITER, 5, mission_id="child")
    parent = await commander.start(definition, 5, wait=False)
    assert (await parent.result()).status == "completed"
    await commander.settled()

    assert order[0] == "asked"


# What is on record


async def test_wait_for_the_end_of_another_mission_is_on_record_once(open_commander: OpenCommander) -> None:
    """An attempt that waits says for which mission first, and the timeline shows it."""
    asked = asyncio.Event()

    async def wait(ctx: MissionContext[int]) -> None:
        children = [await child_of(commander, WAITER, f"child-{number}") for number in range(2)]
        for child in children:
            await child.result()
            asked.set()

    definition = one_step(wait)
    commander = await open_commander([definition, WAITER])
    parent = await commander.start(definition, 5, wait=False)
    await commander.settled()
    await (await found(commander, "child-0")).signal("go", "on")
    await commander.settled()
    assert asked.is_set()
    await (await found(commander, "child-1")).signal("go", "on")
    assert (await parent.result()).status == "completed"

    inspection = await parent.inspect()
    (record,) = [record for record in inspection.history if record.type is T.STEP_WAITING]
    assert (record.event_name, record.attempt_number, record.details) == ("work", 1, {"mission_id": "child-0"})
    (line,) = [line for line in str(inspection).splitlines() if "step-waiting" in line]
    assert line.split()[2:] == ["step-waiting", "work", "#1", "waits", "for", "mission", "child-0"]
    assert [(one.step_name, one.status) for one in inspection.step_attempts] == [
        ("start", "succeeded"),
        ("work", "succeeded"),
    ]


async def test_what_is_no_wait_for_the_end_of_a_mission_is_not_on_record(open_commander: OpenCommander) -> None:
    """Neither commands, nor the end of a mission that has ended, nor what an update's code waits for."""

    async def ask(ctx: MissionContext[int]) -> None:
        child = await commander.start(WAITER, 5, mission_id="child")
        await child.signal("go", "on")
        await child.result()

    async def ask_later(ctx: MissionContext[int], name: str) -> str:
        child = await child_of(commander, WAITER, name)
        return str((await child.result()).status)

    definition = m.define("it").update("ask", str, ask_later).start(input=int, run=ask).need_to("end", str).end()
    commander = await open_commander([definition, WAITER])
    parent = await commander.start(definition, 5)
    update = asyncio.create_task(parent.update("ask", "another"))
    async with asyncio.timeout(30):
        await commander.settled()
        while not await commander.get_mission("another"):
            await asyncio.sleep(0)
        await commander.settled()
        assert not update.done()
        await (await found(commander, "another")).signal("go", "on")

        assert await update == "completed"
    assert T.STEP_WAITING not in [record.type for record in await parent.history()]
    await check_balance(commander)


class Refusing(Forwarding):
    """Storage that fails to record what steps wait for, for a while."""

    def __init__(self, inner: PersistenceAdapter, times: int) -> None:
        super().__init__(inner)
        self.left = times
        self.refused = asyncio.Event()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if self.left and any(record.type is T.STEP_WAITING for commit in batch for record in commit.records):
            self.left -= 1
            self.refused.set()
            raise PersistenceError("no room")
        return await super().commit(batch)


async def test_record_of_a_wait_that_storage_refuses_is_tried_again(open_commander: OpenCommander) -> None:
    """The step waits on meanwhile, and hears nothing of it."""
    parents = Parents()
    definition = one_step(parents.result)
    storage = Kept(lambda inner: Refusing(inner, 1))
    parents.commander = commander = await open_commander([definition, SLEEPER], wrap=storage)
    parent = await commander.start(definition, 5, wait=False)
    await storage.adapter.refused.wait()
    async with asyncio.timeout(30):
        while T.STEP_WAITING not in [record.type for record in await parent.history()]:
            await asyncio.sleep(0.01)
        await check_balance(commander)
        await open_commander.clock.advance(DAY)
        assert await parent.output() == "completed"
    await check_balance(commander)


async def test_record_of_a_wait_that_storage_never_takes_harms_nobody(open_commander: OpenCommander) -> None:
    """A step whose wait could not be recorded has its answer, and its mission goes on."""
    answered = asyncio.Event()

    async def wait(ctx: MissionContext[int]) -> str:
        status = (await (await child_of(commander, WAITER)).result()).status
        answered.set()
        return str(status)

    definition = one_step(wait)
    storage = Kept(lambda inner: Refusing(inner, 1_000_000))
    commander = await open_commander([definition, WAITER], wrap=storage)
    parent = await commander.start(definition, 5, wait=False)
    await storage.adapter.refused.wait()
    await turns()
    async with asyncio.timeout(30):
        await (await found(commander, "child")).signal("go", "on")
        await answered.wait()
        assert await parent.output() == "completed"
    await check_balance(commander)


@pytest.mark.usefixtures("endless_grace")
async def test_cancellation_that_comes_while_a_wait_is_being_recorded_has_its_turn(
    open_commander: OpenCommander,
) -> None:
    """One thing is under way for a mission at a time, and the next one follows."""
    parents = Parents()
    definition = one_step(parents.result)
    storage = Kept(Gated)
    parents.commander = commander = await open_commander([definition, SLEEPER], wrap=storage)
    await child_of(commander, SLEEPER)
    await commander.settled()
    gate = storage.adapter
    parent = await commander.start(definition, 5, mission_id="x", wait=False)
    await turns()
    gate.gate.clear()
    cancelling = asyncio.create_task(parent.cancel())
    await turns()
    gate.gate.set()
    async with asyncio.timeout(30):
        assert (await cancelling).status == MissionStatus.CANCELLED
    await check_balance(commander)


# Ends of the process


async def test_step_that_waits_for_another_mission_survives_any_number_of_kills(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Twelve ends of the process fail no mission that allows two, while its step waits for another one."""
    parents = Parents()
    definition = one_step(parents.output, retry=RetryPolicy(max_attempts=None, max_interruptions=2))
    for _ in range(12):
        parents.commander = commander = await open_commander([definition, SLEEPER])
        await commander.start(definition, 5, mission_id="x", if_exists="return", wait=False)
        async with asyncio.timeout(30):
            await commander.settled()
        await open_commander.crash()
    parents.commander = commander = await open_commander([definition, SLEEPER])
    async with asyncio.timeout(30):
        await fake_clock.advance(DAY)
        parent = await found(commander)

        assert await parent.output() == "completed"
    assert [it.status for it in await attempts_of(parent)] == ["interrupted"] * 12 + ["succeeded"]


async def test_step_that_kills_its_process_after_its_wait_does_not_do_so_for_ever(
    open_commander: OpenCommander,
) -> None:
    """The attempts that find the other mission ended have nothing to wait for, and count."""
    entered = asyncio.Event()

    async def kill(ctx: MissionContext[int]) -> None:
        await (await child_of(commander, WAITER)).result()
        entered.set()
        await asyncio.Event().wait()

    definition = one_step(kill, retry=RetryPolicy(max_attempts=None, max_interruptions=2))
    commander = await open_commander([definition, WAITER])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    await (await found(commander, "child")).signal("go", "on")
    for _ in range(3):
        async with asyncio.timeout(30):
            await entered.wait()
        entered.clear()
        await open_commander.crash()
        commander = await open_commander([definition, WAITER])
    parent = await found(commander)

    assert (await failure_of(parent)).code == "STEP_INTERRUPTED"
    assert [it.status for it in await attempts_of(parent)] == ["interrupted"] * 3


PARENT = """
import asyncio, os, signal, sys
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import MissionContext, RetryPolicy, create_commander, m

async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input

async def wait(ctx: MissionContext[int]) -> int:
    handle = await commander.start(child, 7, mission_id="child", if_exists="return", wait=False)
    return await handle.output()

child = m.define("child").start(input=int, run=begin).need_to("go", int).end()
parent = m.define("parent").start(input=int, run=begin).step(
    "wait", wait, retry=RetryPolicy(max_attempts=None, max_interruptions=2)
).end()

async def main() -> None:
    global commander
    persistence = create_sqlite_persistence_adapter(sys.argv[1])
    async with create_commander(definitions=[child, parent], persistence=persistence) as commander:
        mission = await commander.start(parent, 1, mission_id="parent", if_exists="return", wait=False)
        await commander.settled()
        if sys.argv[2] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        await (await commander.get_mission("child")).signal("go", 1)
        print(await mission.output(), len((await mission.inspect()).step_attempts))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_parent_survives_real_kills_while_it_waits_for_its_child(tmp_path: Path) -> None:
    """Four processes that are killed with SIGKILL while a step waits leave a mission that completes in the fifth."""

    def live(end: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PARENT, str(tmp_path / "missions.db"), end]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert [live("die").returncode for _ in range(4)] == [-signal.SIGKILL] * 4
    last = live("complete")

    assert (last.returncode, last.stdout.split(), last.stderr) == (0, ["7", "6"], "")
