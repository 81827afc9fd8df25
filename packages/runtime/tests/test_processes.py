"""Worker processes that are told to stop, and those that follow them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import open_mission_reader
from mission_control.core import HistoryType, MissionInspection, MissionStatus

WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """A worker process, and what it logged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[str] = []

    async def logs(self, event: str) -> None:
        """Return when the worker has logged the event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(30):
            while event not in self.events:
                line = await self.process.stderr.readline()
                assert line, f"the worker ended after {self.events}"
                self.events.append(line.decode().split()[0])

    async def ends(self) -> tuple[int | None, bytes]:
        """Return the exit code and stdout of the worker, when it has ended."""
        out, err = await self.process.communicate()
        self.events += [line.split()[0] for line in err.decode().splitlines()]
        return self.process.returncode, out


class Workers:
    """Starts workers on one database."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "missions.db"
        self.mark = folder / "mark"
        self.started: list[Worker] = []

    async def start(self) -> Worker:
        command = [sys.executable, "-W", "error", str(WORKER), str(self.database), str(self.mark)]
        worker = Worker(
            await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
        )
        self.started.append(worker)
        return worker

    async def inspect(self) -> MissionInspection:
        async with open_mission_reader(self.database) as reader:
            inspection = await reader.inspect_mission("labour-1")
        assert inspection is not None
        return inspection


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    for worker in workers.started:
        if worker.process.returncode is None:
            worker.process.kill()
            await worker.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_stops_a_worker_gracefully(workers: Workers, number: signal.Signals) -> None:
    """The step is cancelled, its interruption is durable, the exit code is 0, and stdout stays empty."""
    worker = await workers.start()
    await worker.logs("working")

    worker.process.send_signal(number)
    worker.process.send_signal(number)

    assert await worker.ends() == (0, b""), worker.events
    assert worker.events == [
        "tick-scheduled",
        "runtime-started",
        "tick-started",
        "tick-completed",
        "working",
        "runtime-stopped",
    ]
    assert workers.mark.read_text("utf-8") == "cleaned up"
    assert (await workers.inspect()).history[-1].type == HistoryType.STEP_INTERRUPTED


async def test_next_worker_goes_on(workers: Workers) -> None:
    """What a killed process left is run to its end by the next one."""
    worker = await workers.start()
    await worker.logs("working")
    worker.process.kill()
    await worker.ends()

    second = await workers.start()
    await second.logs("done")
    second.process.send_signal(signal.SIGTERM)

    assert await second.ends() == (0, b""), second.events
    assert "mission-resume-started" in second.events
    assert (await workers.inspect()).snapshot.status == MissionStatus.COMPLETED
