"""One thing at a time within a mission, at most so many at once over all of them, and nothing blocked (rule 16)."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from mission_control.core import (
    Commander,
    CommanderClosedError,
    MissionAlreadyExistsError,
    MissionContext,
    MissionDefinition,
    MissionExecutionError,
    MissionSignalError,
    RetryPolicy,
    m,
)
from mission_control.core.engine import attempt as attempts
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from mission_control.testing import FakeClock
from storages import Forwarding, Gate, OpenCommander, ThreadGate, Undriven


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def turns(number: int = 50) -> None:
    """Let everything that can go on without being told go on a while."""
    for _ in range(number):
        await asyncio.sleep(0)


async def free_slots(commander: Commander, expected: int) -> None:
    """Check that so many missions can run at once, no more and no fewer."""
    running = most = 0
    all_in = asyncio.Event()

    async def probe(ctx: MissionContext[int]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == expected:
            all_in.set()
        await all_in.wait()
        await turns(5)
        running -= 1

    definition = m.define(f"probe-{id(all_in)}").start(input=int, run=probe).end()
    async with asyncio.timeout(30):
        handles = [await commander.start(definition, 1, wait=False) for _ in range(3 * expected)]
        for handle in handles:
            assert (await handle.result()).status == "completed"
    assert most == expected


class Load:
    """A step that counts how many of it run at once."""

    def __init__(self) -> None:
        self.running = self.most = self.done = 0

    async def __call__(self, ctx: MissionContext[int]) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        await turns(3)
        self.running -= 1
        self.done += 1
        return self.done


# The bound


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_missions_than_slots_run_user_code(open_commander: OpenCommander, limit: int) -> None:
    """Many missions of several steps never run more user code at once than there are slots, and all end."""
    load = Load()
    definition = m.define("d").start(input=int, run=load).step("one", load).step("two", load).end()
    commander = await open_commander(max_concurrency=limit)
    handles = [await commander.start(definition, 1, wait=False) for _ in range(20)]
    for handle in handles:
        assert (await handle.result()).status == "completed"

    assert load.done == 60
    assert load.most <= limit
    await free_slots(commander, limit)


async def test_mission_keeps_its_slot_from_step_to_step(open_commander: OpenCommander) -> None:
    """With one slot, a mission that runs is not overtaken between its steps by one that waits for the slot."""
    order: list[str] = []

    async def note(ctx: MissionContext[int]) -> None:
        order.append(f"{ctx.mission_id}-{ctx.step_name}")
        await turns(3)

    definition = m.define("d").start(input=int, run=note).step("one", note).step("two", note).end()
    commander = await open_commander(max_concurrency=1)
    a = await commander.start(definition, 1, mission_id="a", wait=False)
    b = await commander.start(definition, 1, mission_id="b", wait=False)
    await asyncio.gather(a.result(), b.result())

    assert order == ["a-start", "a-one", "a-two", "b-start", "b-one", "b-two"]


async def test_acceptance_does_not_wait_for_a_slot(open_commander: OpenCommander) -> None:
    """A mission is accepted while every slot is taken: it is running, without an attempt, and survives a crash so."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=begin).step("one", begin).end()
    commander = await open_commander([definition], max_concurrency=1)
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    mission = await commander.start(definition, 7, mission_id="queued", wait=False)
    assert await mission.status() == "running"
    inspection = await mission.inspect()
    assert inspection.step_attempts == ()
    assert [record.type.value for record in inspection.history] == ["mission-created", "mission-started"]
    await open_commander.crash()
    gate.opened.set()
    commander = await open_commander([definition], max_concurrency=1)
    await commander.settled()

    recovered = await commander.get_mission("queued")
    assert recovered is not None
    assert await recovered.output() == 7
    assert "step-interrupted" not in {record.type.value for record in await recovered.history()}


async def test_signal_is_accepted_and_durable_while_every_slot_is_taken(open_commander: OpenCommander) -> None:
    """A signal needs no slot: it is recorded at once, and the step behind it runs when there is one."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).step("last", begin).end()
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(definition, 1)
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    await mission.signal("go", "now", wait=False)

    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor, snapshot.events["go"].input) == ("running", "last", "now")
    gate.opened.set()
    assert (await mission.result()).status == "completed"


async def test_end_of_a_wait_and_the_next_attempt_are_one_commit(open_commander: OpenCommander) -> None:
    """With a slot free, there is no moment between the signal's record and the step's."""
    batches: list[list[str]] = []

    class Recording(Forwarding):
        async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
            batches.extend([record.type.value for record in member.records] for member in batch)
            return await super().commit(batch)

    definition = m.define("d").start(input=int, run=begin).need_to("go", str).step("last", begin).end()
    commander = await open_commander(wrap=Recording)
    mission = await commander.start(definition, 1)
    await mission.signal("go", "now")

    assert ["signal-received", "step-started"] in batches


async def test_due_timers_that_wait_for_a_slot_hold_up_no_reads_and_no_cancellation(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A query, a cancellation and a listing are answered while every slot is taken and timers are due."""
    gate = Gate()
    blocker = m.define("blocker").query("seen", lambda ctx: "seen").start(input=int, run=gate).end()
    napping = m.define("napping").start(input=int, run=begin).sleep("nap", 60).step("last", begin).end()
    commander = await open_commander([napping], max_concurrency=1)
    for _ in range(3):
        await commander.start(napping, 1)
    await open_commander.close()
    await fake_clock.advance(60)
    commander = await open_commander([], max_concurrency=1)
    blocking = await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    commander.register(napping)
    await turns()

    async with asyncio.timeout(30):
        assert await blocking.query("seen") == "seen"
        waiting = await commander.list_waiting()
        assert len(waiting) == 3
        assert (await commander.cancel_mission(waiting[0].mission_id)).status == "cancelled"
        gate.opened.set()
        await commander.settled()
    assert sorted(summary.status for summary in await commander.list_missions()) == [
        "cancelled",
        "completed",
        "completed",
        "completed",
    ]
    await free_slots(commander, 1)


async def test_two_slots_that_come_for_one_mission_at_once_are_not_both_kept(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A slot that is granted to a due mission and to its update at the same moment is given back once."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    napping = (
        m.define("napping").update("u", str, lambda ctx, text: text).start(input=int, run=begin).sleep("nap", 60).end()
    )
    commander = await open_commander(max_concurrency=2, clock=Undriven(fake_clock))
    mission = await commander.start(napping, 1)
    for _ in range(2):
        await commander.start(blocker, 1, wait=False)
    while gate.runs < 2:
        await asyncio.sleep(0)
    await fake_clock.advance(60)
    await asyncio.sleep(0.05)  # the due mission now waits for a slot
    update = asyncio.create_task(mission.update("u", "now"))
    await turns()
    gate.opened.set()
    async with asyncio.timeout(30):
        assert await update == "now"
        assert (await mission.result()).status == "completed"

    await free_slots(commander, 2)


async def test_deadline_is_handled_while_every_slot_is_taken(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A deadline runs no user code, so a mission that runs does not hold up another's."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=begin).need_to("go", str, timeout=60).end()
    napping = m.define("napping").start(input=int, run=begin).sleep("nap", 30).step("last", begin).end()
    commander = await open_commander(max_concurrency=1, clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await commander.start(napping, 1)
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    await fake_clock.advance(60)

    try:
        async with asyncio.timeout(30):
            assert (await mission.result()).status == "failed"
    finally:
        gate.opened.set()


# Missions that start missions


class Family:
    """Missions that start one another, `depth` deep, in one of several ways."""

    def __init__(self, commander: Commander, depth: int, how: str) -> None:
        self.commander = commander
        self.definitions: list[MissionDefinition[int]] = []
        leaf = m.define("level-0").start(input=int, run=begin).end()
        self.definitions.append(leaf)
        for level in range(1, depth + 1):
            run = getattr(self, how)(self.definitions[-1])
            self.definitions.append(m.define(f"level-{level}").start(input=int, run=begin).step("child", run).end())

    def waiting(self, child: MissionDefinition[int]) -> Callable[..., Awaitable[int]]:
        async def run(ctx: MissionContext[int]) -> int:
            handle = await self.commander.start(child, ctx.input)
            return int(await handle.output()) + 1

        return run

    def result(self, child: MissionDefinition[int]) -> Callable[..., Awaitable[int]]:
        async def run(ctx: MissionContext[int]) -> int:
            handle = await self.commander.start(child, ctx.input, wait=False)
            snapshot = await handle.result()
            return int(snapshot.output) + 1

        return run

    def gathering(self, child: MissionDefinition[int]) -> Callable[..., Awaitable[int]]:
        async def run(ctx: MissionContext[int]) -> int:
            handles = await asyncio.gather(*(self.commander.start(child, ctx.input) for _ in range(3)))
            outputs = await asyncio.gather(*(handle.output() for handle in handles))
            return int(outputs[0]) + 1

        return run

    def from_a_task(self, child: MissionDefinition[int]) -> Callable[..., Awaitable[int]]:
        async def inner(value: int) -> int:
            handle = await self.commander.start(child, value)
            return int(await handle.output())

        async def run(ctx: MissionContext[int]) -> int:
            return await asyncio.create_task(inner(ctx.input)) + 1

        return run

    def from_a_thread(self, child: MissionDefinition[int]) -> Callable[..., int]:
        loop = asyncio.get_running_loop()

        async def inner(value: int) -> int:
            handle = await self.commander.start(child, value)
            return int(await handle.output())

        def run(ctx: MissionContext[int]) -> int:
            return asyncio.run_coroutine_threadsafe(inner(ctx.input), loop).result(20) + 1

        return run

    def signalling(self, child: MissionDefinition[int]) -> Callable[..., Awaitable[int]]:
        waiting = (
            m.define(f"waiting-{child.name}").start(input=int, run=begin).need_to("go", int).step("s", begin).end()
        )

        async def run(ctx: MissionContext[int]) -> int:
            waiter = await self.commander.start(waiting, 1)
            await waiter.signal("go", 1)
            handle = await self.commander.start(child, ctx.input)
            return int(await handle.output()) + int(await waiter.output())

        return run


@pytest.mark.parametrize("how", ["waiting", "result", "gathering", "from_a_task", "from_a_thread", "signalling"])
@pytest.mark.parametrize("limit", [1, 2])
async def test_missions_start_missions_three_deep_with_hardly_a_slot(
    open_commander: OpenCommander, how: str, limit: int
) -> None:
    """A step that waits for another mission lends its slot, so even one slot is enough, and none is lost."""
    commander = await open_commander(max_concurrency=limit)
    family = Family(commander, 3, how)
    async with asyncio.timeout(30):
        mission = await commander.start(family.definitions[-1], 10)
        assert await mission.output() == 13
    await free_slots(commander, limit)


async def test_slot_that_was_lent_is_taken_again_before_user_code_goes_on(open_commander: OpenCommander) -> None:
    """Parents that come back from their children do not run beside others when there is one slot."""
    load = Load()
    child = m.define("child").start(input=int, run=load).step("more", load).end()
    commander = await open_commander(max_concurrency=1)

    async def run(ctx: MissionContext[int]) -> int:
        await commander.start(child, 1)
        value = await load(ctx)
        handle = await commander.start(child, 1, wait=False)
        await load(ctx)
        await handle.result()
        await load(ctx)
        return value

    parent = m.define("parent").start(input=int, run=run).end()
    async with asyncio.timeout(30):
        handles = [await commander.start(parent, 1, wait=False) for _ in range(5)]
        await asyncio.gather(*(handle.result() for handle in handles))

    assert load.most == 1
    await free_slots(commander, 1)


async def test_slot_that_was_lent_comes_back_when_the_parent_is_cancelled(open_commander: OpenCommander) -> None:
    """A mission cancelled while its slot is lent leaves as many slots as there were."""
    gate = Gate()
    child = m.define("child").start(input=int, run=gate).end()
    commander = await open_commander(max_concurrency=2)

    async def run(ctx: MissionContext[int]) -> None:
        await commander.start(child, 1)

    parent = m.define("parent").start(input=int, run=run).end()
    mission = await commander.start(parent, 1, wait=False)
    await gate.begun.wait()
    assert (await mission.cancel()).status == "cancelled"
    gate.opened.set()
    await commander.settled()

    await free_slots(commander, 2)


async def test_slot_that_was_lent_comes_back_when_the_parent_times_out(open_commander: OpenCommander) -> None:
    """A step that timed out while its slot was lent leaves as many slots as there were."""
    gate = Gate()
    child = m.define("child").start(input=int, run=begin).need_to("go", str).end()

    async def run(ctx: MissionContext[int]) -> None:
        handle = await commander.start(child, 1)
        gate.begun.set()
        await handle.result()

    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(max_concurrency=1, clock=clock)
    parent = m.define("parent").start(input=int, run=run, timeout=5).end()
    mission = await commander.start(parent, 1, wait=False)
    await gate.begun.wait()
    await clock.advance(6)

    snapshot = await mission.result()
    assert snapshot.error is not None
    assert snapshot.error.code == "STEP_TIMEOUT"
    await free_slots(commander, 1)


async def test_slot_that_comes_while_another_task_of_the_step_lends_it_is_not_kept(
    open_commander: OpenCommander,
) -> None:
    """A step that waits for its slot in one task and begins to lend it in another holds none, and loses none."""
    commander = await open_commander(max_concurrency=1)
    child = m.define("child").start(input=int, run=begin).need_to("go", str).end()
    gate, lends_again = Gate(), asyncio.Event()
    children = [await commander.start(child, 1) for _ in range(2)]

    async def again() -> None:
        await lends_again.wait()
        await children[1].result()

    async def run(ctx: MissionContext[int]) -> None:
        later = asyncio.create_task(again())
        await children[0].result()
        await later

    parent = await commander.start(m.define("parent").start(input=int, run=run).end(), 1, wait=False)
    await commander.start(m.define("blocker").start(input=int, run=gate).end(), 1, wait=False)
    await gate.begun.wait()
    async with asyncio.timeout(30):
        await children[0].signal("go", "on")
        await turns()
        lends_again.set()
        await turns()
        gate.opened.set()
        await free_slots(commander, 1)
        await children[1].signal("go", "on")
        assert (await parent.result()).status == "completed"

    await free_slots(commander, 1)


async def test_abandoned_thread_that_had_lent_its_slot_does_not_run_beyond_the_bound(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread too many that was given up on while it waited for another mission keeps a slot again once it goes on."""
    monkeypatch.setattr(attempts, "MOST_ABANDONED", 0)
    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(max_concurrency=1, clock=clock)
    loop = asyncio.get_running_loop()
    child = m.define("child").start(input=int, run=begin).need_to("go", str).end()
    thread = ThreadGate()
    lent = asyncio.Event()

    async def inner() -> None:
        handle = await commander.start(child, 1, mission_id="child")
        lent.set()
        await handle.result()

    def run(ctx: MissionContext[int]) -> None:
        asyncio.run_coroutine_threadsafe(inner(), loop).result(20)
        thread(ctx)

    parent = m.define("parent").start(input=int, run=run, timeout=5).end()
    mission = await commander.start(parent, 1, wait=False)
    await lent.wait()
    await clock.advance(6)
    assert (await mission.result()).status == "failed"
    waiting = await commander.get_mission("child")
    assert waiting is not None
    await waiting.signal("go", "now")
    await thread.begun.wait()
    gate = Gate()
    await commander.start(m.define("next").start(input=int, run=gate).end(), 1, wait=False)
    await turns()
    try:
        assert not gate.begun.is_set()
    finally:
        thread.opened.set()
        gate.opened.set()
    async with asyncio.timeout(30):
        await gate.begun.wait()
    await free_slots(commander, 1)


@pytest.mark.parametrize("most", [0, 1])
async def test_thread_that_is_given_up_on_while_it_waits_for_its_slot_gives_back_no_slot_it_never_had(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """A timeout between another mission's answer and the slot's return leaves as many slots as there were."""
    monkeypatch.setattr(attempts, "MOST_ABANDONED", most)
    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(max_concurrency=1, clock=clock)
    loop = asyncio.get_running_loop()
    gate, returned = Gate(), asyncio.Event()
    child = m.define("child").start(input=int, run=begin).need_to("go", str).end()
    blocker = m.define("blocker").start(input=int, run=gate, timeout=60).end()
    lent = asyncio.Event()

    async def inner() -> None:
        handle = await commander.start(child, 1, mission_id="child")
        lent.set()
        await handle.result()

    def run(ctx: MissionContext[int]) -> None:
        asyncio.run_coroutine_threadsafe(inner(), loop).result(20)
        loop.call_soon_threadsafe(returned.set)

    parent = m.define("parent").start(input=int, run=run, timeout=5).end()
    mission = await commander.start(parent, 1, wait=False)
    await lent.wait()
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    waiting = await commander.get_mission("child")
    assert waiting is not None
    await waiting.signal("go", "now")
    await turns()
    await clock.advance(6)
    assert (await mission.result()).status == "failed"
    gate.opened.set()
    async with asyncio.timeout(30):
        await returned.wait()

    await free_slots(commander, 1)


def hanging(thread: ThreadGate) -> MissionDefinition[int]:
    return m.define("hanging").start(input=int, run=thread, timeout=5).end()


async def test_abandoned_threads_block_nobody(open_commander: OpenCommander) -> None:
    """With two slots and two threads that hang, all the other missions go on at once."""
    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(max_concurrency=2, clock=clock)
    thread = ThreadGate()
    definition = hanging(thread)
    missions = [await commander.start(definition, 1, wait=False) for _ in range(2)]
    await clock.advance(5)
    assert [(await mission.result()).status for mission in missions] == ["failed", "failed"]

    await free_slots(commander, 2)
    assert thread.runs == 2
    thread.opened.set()
    await turns()
    await free_slots(commander, 2)


async def test_cancelled_thread_blocks_nobody(open_commander: OpenCommander) -> None:
    """What a thread still does whose mission was cancelled takes no slot either."""
    commander = await open_commander(max_concurrency=1)
    thread = ThreadGate()
    mission = await commander.start(m.define("it").start(input=int, run=thread).end(), 1, wait=False)
    await thread.begun.wait()
    await mission.cancel()

    await free_slots(commander, 1)
    thread.opened.set()


async def test_abandoned_thread_that_waited_for_another_mission_goes_on_without_a_slot(
    open_commander: OpenCommander,
) -> None:
    """A thread that was given up on while its slot was lent takes none from a mission that has it."""
    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(max_concurrency=1, clock=clock)
    loop = asyncio.get_running_loop()
    child = m.define("child").start(input=int, run=begin).need_to("go", str).end()
    thread, gate, lent = ThreadGate(), Gate(), asyncio.Event()

    async def inner() -> None:
        handle = await commander.start(child, 1, mission_id="child")
        lent.set()
        await handle.result()

    def run(ctx: MissionContext[int]) -> None:
        asyncio.run_coroutine_threadsafe(inner(), loop).result(20)
        thread(ctx)

    mission = await commander.start(m.define("parent").start(input=int, run=run, timeout=5).end(), 1, wait=False)
    await lent.wait()
    await clock.advance(5)
    assert (await mission.result()).status == "failed"
    waiting = await commander.get_mission("child")
    assert waiting is not None
    await commander.start(m.define("next").start(input=int, run=gate).end(), 1, wait=False)
    await gate.begun.wait()
    async with asyncio.timeout(30):
        await waiting.signal("go", "now", wait=False)
        await thread.begun.wait()
    gate.opened.set()
    thread.opened.set()

    await free_slots(commander, 1)


async def test_thread_that_is_abandoned_after_many_others_keeps_its_slot_until_it_returns(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 33 threads that hang 32 give their slots back, and one line names the one that does not, and the others."""
    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(max_concurrency=34, clock=clock)
    thread = ThreadGate()
    definition = hanging(thread)
    abandoned = [await commander.start(definition, 1, wait=False) for _ in range(33)]
    while thread.runs < 33:
        await asyncio.sleep(0.001)
    await clock.advance(5)
    assert {(await mission.result()).status for mission in abandoned} == {"failed"}
    kept = [record for record in caplog.records if "keeps its slot" in record.getMessage()]
    assert len(kept) == 1
    line = kept[0].getMessage()
    assert all(repr(mission.mission_id) in line for mission in abandoned)
    assert line.startswith(f"step 'start' of mission {kept[0].__dict__['mission_id']!r} keeps its slot")

    await free_slots(commander, 33)
    thread.opened.set()
    await free_slots(commander, 34)


async def test_threads_that_return_make_room_for_others_that_are_abandoned(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is counted are the threads that have not returned yet."""
    monkeypatch.setattr(attempts, "MOST_ABANDONED", 1)

    class Returned:
        """What a step returns: it is there until the loop has heard from the thread."""

    def hang(ctx: MissionContext[int]) -> Any:
        thread(ctx)
        value = Returned()
        returned.append(weakref.ref(value))
        return value

    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander(max_concurrency=1, clock=clock)
    definition = m.define("hanging").start(input=int, run=hang, timeout=5).end()
    returned: list[weakref.ref[Returned]] = []
    for number in range(1, 4):
        thread = ThreadGate()
        mission = await commander.start(definition, 1, wait=False)
        await thread.begun.wait()
        await clock.advance(5)
        assert (await mission.result()).status == "failed"
        thread.opened.set()
        while len(returned) < number or returned[-1]() is not None:
            await asyncio.sleep(0.001)

    assert "keeps its slot" not in caplog.text


def test_so_many_threads_may_be_abandoned() -> None:
    """What the tests lower is 32 otherwise."""
    assert attempts.MOST_ABANDONED == 32


async def test_failed_attempts_and_refused_operations_leak_no_slot(open_commander: OpenCommander) -> None:
    """Failing steps, retries, refused signals, refused starts and withdrawn callers give every slot back."""

    async def fail(ctx: MissionContext[int]) -> None:
        raise ValueError("no")

    failing = m.define("failing").start(input=int, run=fail, retry=RetryPolicy(max_attempts=3)).end()
    waiting = m.define("waiting").start(input=int, run=begin).need_to("go", int).end()
    commander = await open_commander(max_concurrency=2)
    for _ in range(3):
        handle = await commander.start(failing, 1, wait=False)
        assert (await handle.result()).status == "failed"
        mission = await commander.start(waiting, 1)
        with pytest.raises(MissionSignalError):
            await mission.signal("other", 1)
        with pytest.raises(ValueError, match="go"):
            await mission.signal("go", "not a number")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(mission.result(), 0.001)
        await mission.signal("go", 1)

    await free_slots(commander, 2)


async def test_raised_start_within_many_of_one_id_leaks_no_slot(open_commander: OpenCommander) -> None:
    """Of a hundred starts of one id one wins, and all slots are free afterwards."""
    commander = await open_commander(max_concurrency=3)
    definition = m.define("d").start(input=int, run=begin).need_to("go", int).end()
    outcomes = await asyncio.gather(
        *(commander.start(definition, 1, mission_id="one") for _ in range(100)), return_exceptions=True
    )

    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    await free_slots(commander, 3)


# What is held while a mission runs


async def test_signal_that_beats_the_wait_is_held_and_then_applied(open_commander: OpenCommander) -> None:
    """A signal that comes while the step before its wait runs is applied when the mission waits for it."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    early = asyncio.create_task(mission.signal("go", "early"))
    await turns()
    assert not early.done()
    assert "go" not in (await mission.snapshot()).events
    gate.opened.set()
    await early

    assert (await mission.result()).events["go"].input == "early"


async def test_held_signals_are_taken_in_the_order_in_which_they_came(open_commander: OpenCommander) -> None:
    """Of two held signals for one wait the first is applied and the second refused."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).need_to("go", str).need_to("stop", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    calls = [mission.signal("go", "first"), mission.signal("go", "second"), mission.signal("stop", "third")]
    tasks: list[asyncio.Task[None]] = []
    for call in calls:
        tasks.append(asyncio.create_task(call))
        await turns(3)
    gate.opened.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert outcomes[0] is None
    assert isinstance(outcomes[1], MissionSignalError)
    assert outcomes[2] is None
    events = (await mission.result()).events
    assert (events["go"].input, events["stop"].input) == ("first", "third")


async def test_held_signal_is_withdrawn_with_its_caller(open_commander: OpenCommander) -> None:
    """Cancelling the caller of a held signal takes the signal back."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    early = asyncio.create_task(mission.signal("go", "early"))
    await turns()
    early.cancel()
    await asyncio.gather(early, return_exceptions=True)
    gate.opened.set()
    await commander.settled()

    assert (await mission.snapshot()).waiting is not None


async def test_nothing_held_is_durable(open_commander: OpenCommander) -> None:
    """A crash takes held signals along, and their callers never heard that they were applied."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).need_to("go", str).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="held", wait=False)
    await gate.begun.wait()
    early = asyncio.create_task(mission.signal("go", "early"))
    await turns()
    await open_commander.crash()
    gate.opened.set()
    commander = await open_commander([definition])
    await commander.settled()

    (summary,) = await commander.list_missions()
    assert summary.status == "waiting"
    early.cancel()
    await asyncio.gather(early, return_exceptions=True)


async def test_held_operations_are_refused_when_the_mission_ends(open_commander: OpenCommander) -> None:
    """A mission that ends instead of waiting refuses what was held for it."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    early = asyncio.create_task(mission.signal("go", "early"))
    await turns()
    gate.opened.set()

    with pytest.raises(MissionSignalError, match="completed"):
        await early


@pytest.mark.parametrize("wait", ["sleep", "retry"])
async def test_signal_during_a_timer_or_retry_wait_is_refused_at_once(open_commander: OpenCommander, wait: str) -> None:
    """A mission that waits for a time takes no signal, and says until when it sleeps or retries."""

    async def fail(ctx: MissionContext[int]) -> None:
        raise ValueError("no")

    builder = m.define("d").start(input=int, run=begin)
    policy = RetryPolicy(max_attempts=2, initial_interval=60)
    builder = builder.sleep("pause", 60) if wait == "sleep" else builder.step("pause", fail, retry=policy)
    definition = builder.need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)

    with pytest.raises(MissionSignalError, match="'pause' until 1970-01-01"):
        await mission.signal("go", "early")


async def test_callers_of_held_operations_get_an_error_when_the_commander_closes(open_commander: OpenCommander) -> None:
    """Close answers everybody who still waits for something."""
    gate = Gate()
    definition = (
        m.define("d").update("u", str, lambda ctx, text: text).start(input=int, run=gate).need_to("go", str).end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    callers = [
        asyncio.create_task(call)
        for call in (
            mission.signal("go", "early"),
            mission.update("u", "early"),
            mission.result(),
            mission.output(),
            mission.wait_for_completion(),
        )
    ]
    await turns()
    await commander.close()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [CommanderClosedError] * 5


async def test_start_with_an_id_in_use_is_answered_while_that_mission_runs(open_commander: OpenCommander) -> None:
    """A start is never held behind the run of the mission that has the id."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander()
    await commander.start(definition, 1, mission_id="one", wait=False)
    await gate.begun.wait()
    async with asyncio.timeout(30):
        again = await commander.start(definition, 1, mission_id="one", if_exists="return")
        assert await again.status() == "running"
    gate.opened.set()


# A mission and itself


Itself = Callable[[Commander, MissionContext[int], MissionDefinition[int]], Coroutine[Any, Any, object]]


async def _handle(commander: Commander, ctx: MissionContext[int]) -> Any:
    handle = await commander.get_mission(ctx.mission_id)
    assert handle is not None
    return handle


ITSELF: dict[str, tuple[type[Exception], Itself]] = {}


def itself(error: type[Exception]) -> Callable[[Itself], Itself]:
    def remember(call: Itself) -> Itself:
        ITSELF[call.__name__] = error, call
        return call

    return remember


@itself(MissionSignalError)
async def signal(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await (await _handle(commander, ctx)).signal("go", "now")


@itself(MissionSignalError)
async def signal_without_waiting(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await (await _handle(commander, ctx)).signal("go", "now", wait=False)


@itself(MissionExecutionError)
async def update(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await (await _handle(commander, ctx)).update("u", "now")


@itself(MissionExecutionError)
async def cancel(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await (await _handle(commander, ctx)).cancel()


@itself(MissionExecutionError)
async def cancel_by_id(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await commander.cancel_mission(ctx.mission_id)


@itself(MissionExecutionError)
async def result(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await (await _handle(commander, ctx)).result()


@itself(MissionExecutionError)
async def output(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await (await _handle(commander, ctx)).output()


@itself(MissionExecutionError)
async def completion(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> object:
    return await (await _handle(commander, ctx)).wait_for_completion()


@itself(MissionAlreadyExistsError)
async def start(commander: Commander, ctx: MissionContext[int], definition: MissionDefinition[int]) -> object:
    return await commander.start(definition, 1, mission_id=ctx.mission_id)


@itself(MissionExecutionError)
async def settled(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> None:
    await commander.settled()


@itself(MissionExecutionError)
async def close(commander: Commander, ctx: MissionContext[int], _: MissionDefinition[int]) -> None:
    await commander.close()


@pytest.mark.parametrize("where", ["step", "task", "thread", "update"])
@pytest.mark.parametrize("name", list(ITSELF))
async def test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock(
    open_commander: OpenCommander, name: str, where: str
) -> None:
    """Whatever a step, its task, its thread or an update asks of its own mission is refused; the mission goes on."""
    error, call = ITSELF[name]
    commander = await open_commander(max_concurrency=1)
    loop = asyncio.get_running_loop()
    caught: list[Exception] = []

    async def ask(ctx: MissionContext[int]) -> None:
        try:
            await call(commander, ctx, definition)
        except Exception as raised:
            caught.append(raised)

    async def in_step(ctx: MissionContext[int]) -> None:
        await ask(ctx)

    async def in_task(ctx: MissionContext[int]) -> None:
        await asyncio.create_task(ask(ctx))

    def in_thread(ctx: MissionContext[int]) -> None:
        asyncio.run_coroutine_threadsafe(ask(ctx), loop).result(20)

    async def in_update(ctx: MissionContext[Any], _: str) -> None:
        await ask(ctx)

    steps: dict[str, Callable[..., object]] = {"step": in_step, "task": in_task, "thread": in_thread, "update": begin}
    definition = (
        m.define("d")
        .update("u", str, in_update)
        .start(input=int, run=begin)
        .step("ask", steps[where])
        .need_to("go", str)
        .end()
    )
    async with asyncio.timeout(30):
        mission = await commander.start(definition, 1)
        if where == "update":
            await mission.update("u", "ask")

    assert [type(raised) for raised in caught] == [error]
    assert name in ("start", "settled", "close") or "itself" in str(caught[0])
    assert (await mission.snapshot()).waiting is not None


@pytest.mark.parametrize("name", ["signal", "update", "cancel", "result"])
async def test_task_that_a_step_left_behind_is_an_ordinary_caller(open_commander: OpenCommander, name: str) -> None:
    """After its attempt has ended, a task of it may ask the mission for anything."""
    _, call = ITSELF[name]
    commander = await open_commander(max_concurrency=1)
    left: list[asyncio.Task[object]] = []
    go_on = asyncio.Event()

    async def later(ctx: MissionContext[int]) -> object:
        await go_on.wait()
        return await call(commander, ctx, definition)

    async def leave(ctx: MissionContext[int]) -> None:
        left.append(asyncio.create_task(later(ctx)))

    definition = (
        m.define("d").update("u", str, lambda ctx, text: text).start(input=int, run=leave).need_to("go", str).end()
    )
    mission = await commander.start(definition, 1)
    go_on.set()
    if name == "result":
        await turns()
        await mission.signal("go", "now")
    async with asyncio.timeout(30):
        await left[0]

    await free_slots(commander, 1)


async def test_step_that_starts_its_own_id_gets_the_handle_that_is_there(open_commander: OpenCommander) -> None:
    """With `if_exists="return"` a step's start of its own id neither waits for the step nor starts anything."""
    commander = await open_commander(max_concurrency=1)
    handles: list[str] = []

    async def again(ctx: MissionContext[int]) -> None:
        handle = await commander.start(definition, ctx.input, mission_id=ctx.mission_id, if_exists="return")
        handles.append(handle.mission_id)

    definition = m.define("d").start(input=int, run=again).end()
    async with asyncio.timeout(30):
        mission = await commander.start(definition, 1)

    assert handles == [mission.mission_id]
    assert len(await commander.list_missions()) == 1


async def test_step_may_query_and_look_at_its_own_mission(open_commander: OpenCommander) -> None:
    """Reads and queries of the own mission are answered while it runs."""
    commander = await open_commander(max_concurrency=1)

    async def look(ctx: MissionContext[int]) -> list[str]:
        handle = await commander.get_mission(ctx.mission_id)
        assert handle is not None
        return [str(await handle.status()), str(await handle.query("input")), (await handle.inspect()).snapshot.status]

    definition = m.define("d").query("input", lambda ctx: ctx.input).start(input=int, run=look).end()
    async with asyncio.timeout(30):
        mission = await commander.start(definition, 7)

    assert await mission.output() == ["running", "7", "running"]


# When everything has come to rest


async def test_settled_waits_for_missions_that_wait_for_a_slot(open_commander: OpenCommander) -> None:
    """A mission that was accepted and has no slot yet counts as work."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=begin).end()
    commander = await open_commander(max_concurrency=1)
    await commander.start(blocker, 1, wait=False)
    mission = await commander.start(definition, 1, wait=False)
    settling = asyncio.create_task(commander.settled())
    await turns()
    assert not settling.done()
    gate.opened.set()
    await settling

    assert await mission.status() == "completed"


async def test_settled_waits_for_user_code_of_queries(open_commander: OpenCommander) -> None:
    """A query that runs is user code that the commander started."""
    gate = Gate()
    definition = m.define("d").query("slow", gate).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    query = asyncio.create_task(mission.query("slow"))
    await gate.begun.wait()
    settling = asyncio.create_task(commander.settled())
    await turns()
    assert not settling.done()
    gate.opened.set()
    await settling

    assert await query == "passed"


async def test_alarm_is_set_when_settled_returns(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Once a commander is settled, its clock knows the earliest due time of all missions."""
    waits: list[datetime] = []

    class Watched(Undriven):
        async def sleep_until(self, instant: datetime, /) -> None:
            waits.append(instant)
            try:
                await super().sleep_until(instant)
            finally:
                waits.remove(instant)

    builder = m.define("d").start(input=int, run=begin)
    commander = await open_commander(clock=Watched(fake_clock))
    for minutes in (5, 3, 4):
        definition = m.define(f"d-{minutes}").start(input=int, run=begin).sleep("nap", 60 * minutes).end()
        await commander.start(definition, 1, wait=False)
    await commander.start(builder.need_to("go", str, timeout=120).end(), 1, wait=False)
    await commander.settled()

    assert min(waits) == fake_clock.now() + timedelta(minutes=2)


async def test_settled_returns_at_once_where_nothing_is_under_way(
    open_commander: OpenCommander,
) -> None:
    """Parked missions do not keep a commander from being settled."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str, timeout=60).end()
    commander = await open_commander()
    await commander.start(definition, 1)

    async with asyncio.timeout(30):
        await commander.settled()
        await commander.settled()
