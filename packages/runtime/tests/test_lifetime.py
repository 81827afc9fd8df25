"""Starting and stopping."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading

import pytest

from mission_control.core import (
    CommanderClosedError,
    DatabaseInUseError,
    MissionContext,
    MissionExecutionError,
    MissionStatus,
    create_commander,
)
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.runtime import CommanderRuntime, create_commander_runtime

from .harness import Gate, Reads, Runtimes, gated


async def test_start_twice_starts_once(runtimes: Runtimes) -> None:
    """Further calls of start, at the same time or later, change nothing."""
    runtime = await runtimes(start=False)

    await asyncio.gather(runtime.start(), runtime.start())
    await runtime.start()

    assert runtimes.names == ["runtime-started", "tick-started", "tick-completed"]


async def test_start_after_stop_is_refused(runtimes: Runtimes) -> None:
    """A runtime lives once."""
    runtime = await runtimes()
    await runtime.stop()

    with pytest.raises(CommanderClosedError, match="create a new one"):
        await runtime.start()


async def test_start_that_failed_can_be_tried_again(runtimes: Runtimes) -> None:
    """Storage that another commander owns makes start raise; once it is free, the same runtime starts."""
    async with create_commander(persistence=runtimes.storage):
        runtime = await runtimes(start=False)
        with pytest.raises(DatabaseInUseError):
            await runtime.start()

    await runtime.start()

    assert runtimes.names == ["runtime-started", "tick-started", "tick-completed"]


async def test_context_manager_starts_and_stops() -> None:
    """Inside, the runtime is started; after, its commander is closed."""
    async with create_commander_runtime() as runtime:
        assert await runtime.tick() is True

    assert runtime.commander.closed
    assert repr(runtime).endswith("(stopped)>")


async def test_context_manager_that_cannot_start_leaves_nothing_open() -> None:
    """Where start raises, the commander is closed."""
    storage = InMemoryAdapter()
    runtime = create_commander_runtime(persistence=storage)
    async with create_commander(persistence=storage):
        with pytest.raises(DatabaseInUseError):
            await runtime.__aenter__()

    assert runtime.commander.closed


async def test_stop_twice_stops_once(runtimes: Runtimes) -> None:
    """Further calls of stop, at the same time or later, change nothing."""
    runtime = await runtimes()
    runtimes.clear()

    await asyncio.gather(runtime.stop(), runtime.stop())
    await runtime.stop()

    assert runtimes.names == ["runtime-stopped"]
    assert runtime.commander.closed


async def test_stop_without_start_closes_the_commander(runtimes: Runtimes) -> None:
    """A runtime that never started can be stopped, and says nothing."""
    runtime = await runtimes(start=False)

    await runtime.stop()

    assert runtime.commander.closed
    assert runtimes.names == []


async def test_stop_waits_for_the_tick_in_flight(runtimes: Runtimes) -> None:
    """The commander is closed only after the tick that is running, which succeeds."""
    runtimes.storage = reads = Reads()
    runtime = await runtimes()
    runtimes.clear()
    reads.asked.clear()
    reads.answers.clear()
    tick = asyncio.create_task(runtime.tick())
    await reads.asked.wait()

    stop = asyncio.create_task(runtime.stop())
    await asyncio.sleep(0)
    assert not runtime.commander.closed
    assert await runtime.tick() is False
    reads.answers.set()
    await stop

    assert await tick is True
    assert runtimes.names == ["tick-started", "tick-completed", "runtime-stopped"]


async def test_stop_during_start_stops(runtimes: Runtimes) -> None:
    """A runtime that is told to stop while it starts does so, without a tick."""
    runtime = await runtimes(start=False)
    start = asyncio.create_task(runtime.start())
    await asyncio.sleep(0)

    await runtime.stop()
    await start

    assert runtime.commander.closed
    assert "tick-started" not in runtimes.names


async def test_stop_from_a_step_is_refused(runtimes: Runtimes) -> None:
    """A step that stops its own runtime would wait for itself: it gets an error, and the runtime runs on."""
    holder: list[CommanderRuntime] = []

    async def stop(ctx: MissionContext[str]) -> None:
        with pytest.raises(MissionExecutionError, match="its own commander"):
            await holder[0].stop()

    definition = gated(stop)
    runtime = await runtimes([definition])
    holder.append(runtime)

    mission = await runtime.commander.start(definition, "x")

    assert await mission.status() == MissionStatus.COMPLETED
    assert await runtime.tick() is True


async def test_stopped_step_runs_again_after_the_next_start(runtimes: Runtimes) -> None:
    """Stopping interrupts what runs, durably; the next runtime runs it to its end."""
    gate = Gate()
    first = await runtimes([gated(gate)])
    await first.commander.start("gated", "x", mission_id="a", wait=False)
    await gate.begun.wait()
    await first.stop()
    gate.opened.set()

    second = await runtimes([gated(gate)])
    mission = await second.commander.get_mission("a")

    assert mission is not None
    assert (await mission.result()).status == MissionStatus.COMPLETED
    assert gate.runs == 2


def test_identity_is_host_and_process_unless_given() -> None:
    """Two runtimes can be told apart in logs."""
    assert create_commander_runtime(identity="worker-1").identity == "worker-1"
    assert create_commander_runtime().identity == f"{socket.gethostname()}:{os.getpid()}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_run_until_stopped(runtimes: Runtimes, number: signal.Signals) -> None:
    """SIGINT and SIGTERM stop the runtime gracefully, and the handlers of before are there again."""
    before = signal.getsignal(number)
    runtime = await runtimes(start=False)
    running = asyncio.create_task(runtime.run_until_stopped())
    await runtime.start()

    os.kill(os.getpid(), number)
    await running

    assert runtime.commander.closed
    assert signal.getsignal(number) is before


async def test_second_signal_changes_nothing(runtimes: Runtimes) -> None:
    """A signal that comes while the runtime stops does not disturb it."""
    runtimes.storage = reads = Reads()
    runtime = await runtimes()
    reads.asked.clear()
    reads.answers.clear()
    running = asyncio.create_task(runtime.run_until_stopped())
    tick = asyncio.create_task(runtime.tick())
    await reads.asked.wait()

    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0.01)
    assert not running.done()
    reads.answers.set()
    await running

    assert await tick is True
    assert runtimes.names[-1] == "runtime-stopped"


async def test_stop_ends_run_until_stopped(runtimes: Runtimes) -> None:
    """`stop` by somebody else is as good as a signal."""
    runtime = await runtimes(start=False)
    running = asyncio.create_task(runtime.run_until_stopped())
    await runtime.start()

    await runtime.stop()
    await running


async def test_cancelled_run_until_stopped_stops(runtimes: Runtimes) -> None:
    """Cancelling the wait, as a task group does, stops the runtime before it passes on."""
    runtime = await runtimes(start=False)
    running = asyncio.create_task(runtime.run_until_stopped())
    await runtime.start()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert runtime.commander.closed


async def test_run_until_stopped_raises_what_start_raises(runtimes: Runtimes) -> None:
    """A runtime that cannot start does not wait for a signal."""
    runtime = await runtimes(start=False)
    async with create_commander(persistence=runtimes.storage):
        with pytest.raises(DatabaseInUseError):
            await runtime.run_until_stopped()

    assert runtime.commander.closed


def test_run_until_stopped_works_beside_the_main_thread() -> None:
    """On another thread, which no signal reaches, it ends with `stop`."""

    async def main() -> None:
        runtime = create_commander_runtime()
        async with asyncio.TaskGroup() as group:
            group.create_task(runtime.run_until_stopped())
            await runtime.start()
            await runtime.stop()
        ended.append(runtime)

    ended: list[CommanderRuntime] = []
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join(10)

    assert [runtime.commander.closed for runtime in ended] == [True]
