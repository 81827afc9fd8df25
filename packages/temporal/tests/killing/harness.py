"""Worker processes on one namespace, what they noted, and what is true of a mission however often they were killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any

import attrs
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from mission_control.core import Commander, HistoryType, MissionHandle, MissionInspection, MissionStatus
from mission_control.core.machine import load
from mission_control.temporal.workflow import MissionWorkflow

PROGRAM = Path(__file__).with_name("program.py")


@attrs.frozen
class Noted:
    """A line of the ledger: a step that began or ended, and in which process."""

    what: str
    process: int
    mission_id: str
    instance: str


class Workers:
    """Starts worker processes; steps hold from the beginning until they are let go."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._log: IO[bytes] = (folder / "log").open("ab")
        self._hold = folder / "hold"
        self._hold.touch()
        self.started: list[asyncio.subprocess.Process] = []

    async def start(self, name: str = "all") -> asyncio.subprocess.Process:
        """Start a worker that has the definitions of a set."""
        address, namespace = self._client.service_client.config.target_host, self._client.namespace
        worker = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), address, namespace, name, stdout=self._log, stderr=self._log
        )
        self.started.append(worker)
        return worker

    async def kill(self, worker: asyncio.subprocess.Process) -> None:
        """End a worker as a power cut would."""
        worker.kill()
        assert await worker.wait() == -signal.SIGKILL

    async def stop(self, worker: asyncio.subprocess.Process) -> None:
        """End a worker as its supervisor would."""
        worker.terminate()
        assert await worker.wait() == 0, self.log

    def let_go(self) -> None:
        """Hold no step any more."""
        self._hold.unlink()

    @property
    def log(self) -> str:
        """What workers logged."""
        return (self._folder / "log").read_text("utf-8")

    @property
    def ledger(self) -> list[Noted]:
        """What steps noted, in order."""
        path = self._folder / "ledger"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [_noted(text) for text in lines]

    def begun(self, mission_id: str) -> Counter[str]:
        """How often each step of a mission began."""
        return Counter(one.instance for one in self.ledger if (one.what, one.mission_id) == ("began", mission_id))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when something is so."""
        try:
            async with asyncio.timeout(60):
                while not is_so():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"never so; the ledger:\n{self.ledger}\nthe workers' log:\n{self.log}") from None

    async def close(self) -> None:
        """Kill what still runs."""
        for worker in self.started:
            if worker.returncode is None:
                await self.kill(worker)
        self._log.close()


def _noted(text: str) -> Noted:
    what, process, mission_id, instance = text.split(" ")
    return Noted(what, int(process), mission_id, instance)


async def ended(commander: Commander, mission_id: str) -> MissionInspection:
    """Return all of a mission, when it has ended."""
    async with asyncio.timeout(60):
        handle = await commander.get_mission(mission_id)
        assert handle is not None
        await handle.result()
    return await handle.inspect()


async def at_rest(mission: MissionHandle[Any]) -> None:
    """Return when a mission waits."""
    async with asyncio.timeout(60):
        while await mission.status() is not MissionStatus.WAITING:
            await asyncio.sleep(0.05)


def interruptions(inspection: MissionInspection) -> list[tuple[str | None, str]]:
    """Return which steps were interrupted, and why."""
    return [
        (record.event_name, record.details["reason"])
        for record in inspection.history
        if record.type is HistoryType.STEP_INTERRUPTED
    ]


def check(workers: Workers, inspection: MissionInspection) -> None:
    """Check what is true of every mission: its history folds, and only what was interrupted ran again."""
    snapshot, history = inspection.snapshot, inspection.history
    assert [record.seq for record in history] == list(range(1, len(history) + 1))
    assert load(snapshot.mission_id, history).snapshot() == snapshot
    succeeded = Counter(record.event_name for record in history if record.type is HistoryType.STEP_SUCCEEDED)
    assert set(succeeded.values()) <= {1}, f"completed twice: {succeeded}"
    attempts = Counter(attempt.step_name for attempt in inspection.step_attempts)
    runs = workers.begun(snapshot.mission_id)
    assert runs <= attempts, f"{runs} runs of {attempts} attempts\n{inspection}"


async def check_replays(client: Client, *mission_ids: str) -> None:
    """Check that what the workflows did is what they would do again."""

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for mission_id in mission_ids:
            yield await client.get_workflow_handle(mission_id).fetch_history()

    replayer = Replayer(workflows=[MissionWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    await replayer.replay_workflows(histories())
