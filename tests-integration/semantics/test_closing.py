"""How a commander ends, and what ends with it (rules 8, 25 and 26)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mission_control.core import (
    Commander,
    CommanderClosedError,
    DatabaseInUseError,
    MissionContext,
    MissionExecutionError,
    MissionStatus,
    PersistenceAdapter,
    create_commander,
    m,
)
from mission_control.core.engine import attempt as attempts
from mission_control.core.engine.clock import Driven
from mission_control.core.storage import CommitOutcome, LoadOutcome, MissionCommit
from mission_control.testing import FakeClock
from storages import Forwarding, Gate, Gated, Kept, OpenCommander, ThreadGate


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def turns(number: int = 50) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


WAITING = m.define("waiting").start(input=int, run=begin).need_to("go", str).end()


async def types(commander: Commander, mission_id: str) -> list[str]:
    inspection = await commander.inspect_mission(mission_id)
    assert inspection is not None
    return [record.type.value for record in inspection.history]


# What close does to what runs


async def test_running_coroutine_is_cancelled_and_recorded_as_closed(open_commander: OpenCommander) -> None:
    """Close cancels an async step; its attempt is interrupted with the reason, and runs again in the next process."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="mine", wait=False)
    await gate.begun.wait()
    await commander.close()
    commander = await open_commander([])

    inspection = await commander.inspect_mission("mine")
    assert inspection is not None
    last = inspection.history[-1]
    assert (last.type, last.details) == ("step-interrupted", {"reason": "closed"})
    assert inspection.snapshot.status == "running"


async def test_attempt_that_was_recorded_and_not_launched_is_recorded_as_closed(open_commander: OpenCommander) -> None:
    """A close while the attempt's record is on its way interrupts the attempt, which never ran."""

    class Slow(Forwarding):
        def __init__(self, inner: PersistenceAdapter) -> None:
            super().__init__(inner)
            self.gate = Gate()

        async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
            self.gate.begun.set()
            await self.gate.opened.wait()
            return await super().commit(batch)

    slow = Kept(Slow)
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition], wrap=slow)
    starting = asyncio.create_task(commander.start(definition, 1, mission_id="mine"))
    await slow.adapter.gate.begun.wait()
    closing = asyncio.create_task(commander.close())
    await turns()
    slow.adapter.gate.opened.set()
    await closing
    with pytest.raises(CommanderClosedError):
        await starting
    commander = await open_commander([])

    assert gate.runs == 0
    assert await types(commander, "mine") == [
        "mission-created",
        "mission-started",
        "step-started",
        "step-interrupted",
    ]
    inspection = await commander.inspect_mission("mine")
    assert inspection is not None
    assert [attempt.status for attempt in inspection.step_attempts] == ["interrupted"]


@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.usefixtures("endless_grace")
async def test_outcome_that_is_returned_while_closing_is_recorded(open_commander: OpenCommander, kind: str) -> None:
    """Code that returns within the grace has succeeded; what comes next is left to the next process."""
    begun = asyncio.Event()

    async def finishing(ctx: MissionContext[int]) -> str:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "passed"

    thread = ThreadGate()
    runs: list[str] = []

    async def last(ctx: MissionContext[int]) -> str:
        runs.append(str(ctx.output("work")))
        return "done"

    work: Callable[..., Any] = finishing if kind == "async" else thread
    definition = m.define("d").start(input=int, run=begin).step("work", work).step("last", last).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="mine", wait=False)
    await (begun if kind == "async" else thread.begun).wait()
    closing = asyncio.create_task(commander.close())
    await turns()
    thread.opened.set()
    async with asyncio.timeout(30):
        await closing
    assert runs == []
    commander = await open_commander([definition])
    await commander.settled()

    assert runs == ["passed"]
    assert "step-interrupted" not in await types(commander, "mine")


async def test_thread_that_does_not_return_is_abandoned_after_the_grace(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Close waits for a sync step for the grace and no longer, records the attempt as closed, and says so."""
    monkeypatch.setattr(attempts, "GRACE", 0.02)
    thread = ThreadGate()
    definition = m.define("d").start(input=int, run=thread).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="mine", wait=False)
    await thread.begun.wait()
    async with asyncio.timeout(30):
        await commander.close()
    assert "abandoned" in caplog.text
    commander = await open_commander([])
    before = await types(commander, "mine")
    thread.opened.set()
    await thread.ended.wait()
    await turns()

    assert before[-1] == "step-interrupted"
    assert await types(commander, "mine") == before


@pytest.mark.usefixtures("endless_grace")
async def test_awaitable_that_a_thread_returns_while_closing_is_not_begun(open_commander: OpenCommander) -> None:
    """What a synchronous step would still have to wait for is left to its next attempt."""
    thread = ThreadGate()
    runs: list[int] = []

    async def rest(ctx: MissionContext[int]) -> str:
        runs.append(ctx.attempt)
        return "done"

    def step(ctx: MissionContext[int]) -> Any:
        thread(ctx)
        return rest(ctx)

    definition = m.define("d").start(input=int, run=step, output=str).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="mine", wait=False)
    await thread.begun.wait()
    closing = asyncio.create_task(commander.close())
    await turns()
    thread.opened.set()
    async with asyncio.timeout(30):
        await closing
    assert runs == []
    commander = await open_commander([definition])
    await commander.settled()

    assert runs == [2]


@pytest.mark.usefixtures("endless_grace")
async def test_close_leaves_a_mission_that_waits_for_an_abandoned_threads_slot(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing runs any more that close could wait for, it waits for nothing."""
    monkeypatch.setattr(attempts, "MOST_ABANDONED", 0)
    clock = FakeClock(hang_patience=0.02)
    thread = ThreadGate()
    slow = m.define("slow").start(input=int, run=thread, timeout=5).end()
    following = m.define("following").start(input=int, run=begin).end()
    commander = await open_commander(max_concurrency=1, clock=clock)
    mission = await commander.start(slow, 1, wait=False)
    await thread.begun.wait()
    await clock.advance(5)
    assert (await mission.result()).status == "failed"
    await commander.start(following, 1, mission_id="mine", wait=False)
    async with asyncio.timeout(30):
        await commander.close()
    thread.opened.set()
    commander = await open_commander([following])
    await commander.settled()

    assert await types(commander, "mine") == [
        "mission-created",
        "mission-started",
        "step-started",
        "step-succeeded",
        "mission-completed",
    ]


async def test_mission_that_is_being_recovered_at_close_is_left_to_the_next_process(
    open_commander: OpenCommander,
) -> None:
    """A close while an interrupted mission is read adds nothing to its history."""
    gate, reading, may_read = Gate(), asyncio.Event(), asyncio.Event()
    definition = m.define("d").start(input=int, run=gate).end()

    class SlowToRead(Forwarding):
        async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
            reading.set()
            await may_read.wait()
            return await super().load(mission_ids)

    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="mine", wait=False)
    await gate.begun.wait()
    before = await types(commander, "mine")
    await open_commander.crash()
    commander = await open_commander([definition], wrap=SlowToRead)
    await reading.wait()
    closing = asyncio.create_task(commander.close())
    await turns()
    may_read.set()
    await closing
    commander = await open_commander([])

    assert await types(commander, "mine") == before


def test_grace_is_five_seconds() -> None:
    """What the tests shorten is five seconds otherwise."""
    assert attempts.GRACE == 5.0


async def test_mission_that_waits_for_a_slot_is_left_to_the_next_process(open_commander: OpenCommander) -> None:
    """A mission that has been accepted and has not run goes on after the restart, its caller is told of the close."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=begin).end()
    commander = await open_commander([definition], max_concurrency=1)
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    starting = asyncio.create_task(commander.start(definition, 7, mission_id="mine"))
    await turns()
    await commander.close()
    with pytest.raises(CommanderClosedError):
        await starting
    commander = await open_commander([definition])
    await commander.settled()

    mission = await commander.get_mission("mine")
    assert mission is not None
    assert await mission.output() == 7


async def test_everything_decided_is_durable_after_close(open_commander: OpenCommander) -> None:
    """Operations that were accepted before the close are there after it."""
    commander = await open_commander([WAITING])
    handles = await asyncio.gather(*(commander.start(WAITING, number) for number in range(50)))
    signals = [asyncio.create_task(handle.signal("go", "on", wait=False)) for handle in handles]
    await asyncio.sleep(0)
    await commander.close()
    outcomes = await asyncio.gather(*signals, return_exceptions=True)
    accepted = sum(outcome is None for outcome in outcomes)
    commander = await open_commander([WAITING])
    done = await commander.list_missions(status=MissionStatus.COMPLETED)

    assert all(outcome is None or isinstance(outcome, CommanderClosedError) for outcome in outcomes)
    assert len(done) >= accepted


async def test_close_waits_for_what_a_caller_is_reading(open_commander: OpenCommander) -> None:
    """Storage is not closed under a read, and who asked for it gets its answer."""
    commander = await open_commander([WAITING])
    await commander.start(WAITING, 1, mission_id="mine")
    gated = Kept(Gated)
    commander = await open_commander([WAITING], wrap=gated)
    mission = await commander.get_mission("mine")
    assert mission is not None
    gated.adapter.read_gate.clear()
    looking = asyncio.create_task(mission.snapshot())
    await gated.adapter.arrived.wait()
    closing = asyncio.create_task(commander.close())
    await turns()
    gated.adapter.read_gate.set()

    assert (await looking).status == MissionStatus.WAITING
    await closing


# After close


async def test_every_method_raises_after_close(open_commander: OpenCommander) -> None:
    """A closed commander and its handles answer nothing but that they are closed; closing again does nothing."""
    commander = await open_commander([WAITING])
    mission = await commander.start(WAITING, 1, mission_id="mine")
    idle = commander.create_mission(WAITING)
    states = [commander.closed]
    await commander.close()
    await commander.close()
    states.append(commander.closed)
    assert states == [False, True]

    async def iterate() -> None:
        async for _ in commander.iter_missions():
            pass

    calls: list[Callable[[], Any]] = [
        commander.wait_until_ready,
        lambda: commander.start(WAITING, 1),
        lambda: commander.get_mission("mine"),
        lambda: commander.inspect_mission("mine"),
        lambda: commander.cancel_mission("mine"),
        commander.list_missions,
        commander.list_waiting,
        commander.list_scheduled,
        commander.list_waits,
        iterate,
        lambda: commander.load_definition(WAITING.fingerprint),
        commander.settled,
        lambda: idle.start(1),
        lambda: mission.signal("go", "on"),
        lambda: mission.query("q"),
        lambda: mission.update("u", 1),
        mission.cancel,
        mission.status,
        mission.snapshot,
        mission.inspect,
        mission.history,
        mission.result,
        mission.output,
        mission.wait_for_completion,
    ]
    for call in calls:
        with pytest.raises(CommanderClosedError):
            await call()
    for plain in (lambda: commander.register(WAITING), lambda: commander.create_mission(WAITING)):
        with pytest.raises(CommanderClosedError):
            plain()


async def test_commander_that_was_never_used_closes(adapter_factory: Callable[[], PersistenceAdapter]) -> None:
    """Close before the first operation is enough, and what follows is refused."""
    commander = create_commander(persistence=adapter_factory())
    await commander.close()
    await commander.close()

    with pytest.raises(CommanderClosedError):
        await commander.list_missions()


async def test_close_while_opening_waits_for_that_and_releases_the_storage(
    adapter_factory: Callable[[], PersistenceAdapter],
) -> None:
    """A commander that is closed before it is ready leaves the storage to the next."""
    commander = create_commander(persistence=adapter_factory())
    opening = asyncio.create_task(commander.wait_until_ready())
    await asyncio.sleep(0)
    await commander.close()
    await asyncio.gather(opening, return_exceptions=True)
    async with create_commander(persistence=adapter_factory()) as other:
        assert await other.list_missions() == []


async def test_many_closes_at_once_are_one(open_commander: OpenCommander) -> None:
    """Everybody who closes returns when it is closed, and one who gives up does not stop it."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    closing = [asyncio.create_task(commander.close()) for _ in range(3)]
    await asyncio.sleep(0)
    closing[0].cancel()
    await asyncio.gather(*closing, return_exceptions=True)
    commander = await open_commander([definition])

    assert len(await commander.list_missions()) == 1
    gate.opened.set()


async def test_settled_that_is_pending_at_close_returns(open_commander: OpenCommander) -> None:
    """Whoever waits for a commander to come to rest is not left behind when it closes."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    settling = asyncio.create_task(commander.settled())
    await turns()
    await commander.close()

    async with asyncio.timeout(30):
        await asyncio.gather(settling, return_exceptions=True)


async def test_step_that_closes_its_own_commander_is_told_not_to(open_commander: OpenCommander) -> None:
    """A close from inside would wait for itself; it is an error, and the commander stays open."""

    async def close(ctx: MissionContext[int]) -> None:
        await commander.close()

    definition = m.define("d").start(input=int, run=close).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    snapshot = await mission.result()
    assert snapshot.error is not None
    assert snapshot.error.type == f"{MissionExecutionError.__module__}.MissionExecutionError"
    assert not commander.closed


# Owners and loops


async def test_second_commander_on_the_same_storage_is_refused_until_the_first_closes(
    open_commander: OpenCommander, adapter_factory: Callable[[], PersistenceAdapter]
) -> None:
    """A storage has one owner; the refused one may try again."""
    await open_commander([WAITING])
    second = create_commander(persistence=adapter_factory())
    with pytest.raises(DatabaseInUseError):
        await second.wait_until_ready()
    await open_commander.close()
    await second.wait_until_ready()
    await second.close()


def test_commander_belongs_to_the_loop_of_its_first_operation(
    adapter_factory: Callable[[], PersistenceAdapter],
) -> None:
    """An operation on another loop is a `RuntimeError`, and leaves the commander usable on its own."""
    commander = create_commander(persistence=adapter_factory())
    with asyncio.Runner() as own:
        own.run(commander.wait_until_ready())
        with asyncio.Runner() as other, pytest.raises(RuntimeError, match="loop"):
            other.run(commander.list_missions())
        with asyncio.Runner() as other, pytest.raises(RuntimeError, match="loop"):
            other.run(commander.close())
        assert own.run(commander.list_missions()) == []
        own.run(commander.close())


def test_storage_of_a_loop_that_ended_without_close_is_free_again(
    adapter_factory: Callable[[], PersistenceAdapter],
) -> None:
    """Where a commander was forgotten with its loop, the next one opens the storage and recovers what ran."""
    gates: list[Gate] = []

    async def forget() -> None:
        gates.append(Gate())
        definition = m.define("d").start(input=int, run=gates[0]).end()
        commander = create_commander(definitions=[definition], persistence=adapter_factory())
        await commander.start(definition, 1, mission_id="mine", wait=False)
        await gates[0].begun.wait()

    async def recover() -> list[str]:
        definition = m.define("d").start(input=int, run=begin).end()
        async with create_commander(definitions=[definition], persistence=adapter_factory()) as commander:
            await commander.settled()
            return await types(commander, "mine")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a warning that is kept keeps the commander
        asyncio.run(forget())
        gc.collect()

    assert asyncio.run(recover()) == [
        "mission-created",
        "mission-started",
        "step-started",
        "step-interrupted",
        "step-started",
        "step-succeeded",
        "mission-completed",
    ]


# Whole programs

PROLOGUE = """
import asyncio, gc, os, sys, threading, time, warnings
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import CommanderClosedError, DatabaseInUseError, MissionContext, create_commander, m
from mission_control.core.engine import attempt

attempt.GRACE = 0.2
PATH = sys.argv[1]
begun = threading.Event()

def for_ever(ctx: MissionContext[int]) -> None:
    begun.set()
    time.sleep(3600)

async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input

def commander_of(*definitions):
    return create_commander(definitions=definitions, persistence=create_sqlite_persistence_adapter(PATH))

async def running():
    while not begun.is_set():
        await asyncio.sleep(0.001)
"""


def run_program(program: str, path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, which has to end by itself."""
    return subprocess.run(
        [sys.executable, *flags, "-c", PROLOGUE + program, str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("pass", id="running at close"),
        pytest.param("await mission.cancel()", id="cancelled"),
        pytest.param("await mission.result()", id="timed out"),
    ],
)
def test_program_ends_although_a_thread_never_returns(tmp_path: Path, what: str) -> None:
    """Sync code that never returns, whatever became of its mission, keeps no program from ending."""
    timeout = "timeout=0.05" if "result" in what else ""
    done = run_program(
        f"""
definition = m.define("d").start(input=int, run=for_ever, {timeout}).end()

async def main():
    async with commander_of(definition) as commander:
        mission = await commander.start(definition, 1, wait=False)
        await running()
        {what}

asyncio.run(main())
sys.stderr.write("the end")
""",
        tmp_path / "missions.db",
    )

    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.endswith("the end")


def test_program_that_never_closes_ends_with_a_warning_and_without_the_lock(tmp_path: Path) -> None:
    """Where a loop ends without close while a thread hangs, the interpreter exits by itself; the next one recovers."""
    path = tmp_path / "missions.db"
    done = run_program(
        """
definition = m.define("d").start(input=int, run=for_ever).end()

async def main():
    commander = commander_of(definition)
    await commander.start(definition, 1, mission_id="mine", wait=False)
    await running()

asyncio.run(main())
sys.stderr.write("the end")
""",
        path,
    )
    assert (done.returncode, done.stderr[:7]) == (0, "the end")
    done = run_program(
        """
definition = m.define("d").start(input=int, run=begin).end()

async def main():
    async with commander_of(definition) as commander:
        await commander.settled()
        for attempt in (await commander.inspect_mission("mine")).step_attempts:
            sys.stderr.write(attempt.status + " ")

asyncio.run(main())
""",
        path,
    )

    assert (done.returncode, done.stderr) == (0, "interrupted succeeded ")


def test_commander_that_is_forgotten_with_its_loop_warns_and_releases_the_lock(tmp_path: Path) -> None:
    """A loop that ends without close: a `ResourceWarning` says so, and the lock is released with the object."""
    done = run_program(
        """
definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()

async def main():
    await commander_of(definition).start(definition, 1)

async def again():
    async with commander_of(definition) as commander:
        assert len(await commander.list_missions()) == 1

asyncio.run(main())
gc.collect()
asyncio.run(again())
sys.stderr.write("the end")
""",
        tmp_path / "missions.db",
        "-W",
        "always::ResourceWarning",
    )

    assert done.returncode == 0, done.stderr
    assert "was not closed" in done.stderr
    assert done.stderr.endswith("the end")


def test_forked_child_can_neither_use_the_commander_nor_keep_its_lock(tmp_path: Path) -> None:
    """In a forked child every operation is a `CommanderClosedError`, and the lock dies with the parent alone."""
    path = tmp_path / "missions.db"
    done = run_program(
        """
definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
commander = commander_of(definition)
loop = asyncio.new_event_loop()
mission = loop.run_until_complete(commander.start(definition, 1, mission_id="mine"))
read, write = os.pipe()
until_the_end, end = os.pipe()
child = os.fork()
if child == 0:
    os.close(end)
    async def use():
        for call in (commander.list_missions, mission.snapshot, lambda: mission.signal("go", "on"), commander.settled):
            try:
                await call()
            except CommanderClosedError:
                os.write(write, b"c")
        await commander.close()
        os.write(write, b".")
    asyncio.run(use())
    os.read(until_the_end, 1)
    os._exit(0)
os.close(write)
told = b""
while not told.endswith(b"."):
    told += os.read(read, 1) or b"?."
assert told == b"cccc.", told
loop.run_until_complete(mission.signal("go", "on"))
assert loop.run_until_complete(mission.status()) == "completed"
loop.run_until_complete(commander.close())

async def again():
    async with commander_of() as other:  # while the child lives
        assert len(await other.list_missions()) == 1

assert os.waitpid(child, os.WNOHANG) == (0, 0)
loop.run_until_complete(again())
loop.close()
os.close(end)
os.waitpid(child, 0)
sys.stderr.write("the end")
""",
        path,
        "-W",
        "ignore::DeprecationWarning",
    )

    assert done.stderr == "the end"
    assert done.returncode == 0


def test_commander_that_a_forked_child_makes_itself_works(tmp_path: Path) -> None:
    """A child may open a storage of its own, and is refused the parent's."""
    path = tmp_path / "missions.db"
    done = run_program(
        """
definition = m.define("d").start(input=int, run=begin).end()
commander = commander_of(definition)
loop = asyncio.new_event_loop()
loop.run_until_complete(commander.wait_until_ready())
child = os.fork()
if child == 0:
    async def use():
        try:
            await commander_of(definition).wait_until_ready()
        except DatabaseInUseError as error:
            assert str(os.getppid()) in str(error), error
        else:
            os._exit(3)
        async with create_commander(
            definitions=[definition], persistence=create_sqlite_persistence_adapter(PATH + ".child")
        ) as own:
            mission = await own.start(definition, 1)
            assert await mission.output() == 1
        os._exit(0)
    asyncio.run(use())
    os._exit(4)
_, status = os.waitpid(child, 0)
loop.run_until_complete(commander.close())
loop.close()
sys.exit(os.waitstatus_to_exitcode(status))
""",
        path,
        "-W",
        "ignore::DeprecationWarning",
    )

    assert (done.returncode, done.stderr) == (0, "")


async def test_driven_clock_is_left_on_close(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A closed commander does not keep the clock of others from moving."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    await commander.close()

    async with asyncio.timeout(30):
        await fake_clock.advance(3600)


async def test_clock_that_cannot_be_joined_leaves_the_storage_free(
    adapter_factory: Callable[[], PersistenceAdapter],
) -> None:
    """A commander that its clock refuses has not opened its storage."""

    class Refusing(FakeClock):
        def join(self, driven: Driven, /) -> Callable[[], None]:
            raise LookupError("this clock is full")

    with pytest.raises(LookupError, match="full"):
        await create_commander(persistence=adapter_factory(), clock=Refusing()).wait_until_ready()

    async with create_commander(persistence=adapter_factory()) as other:
        assert await other.list_missions() == []
