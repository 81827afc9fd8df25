"""The guide's web programs run as they stand: under a reloader, beside the process that runs the missions."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from pages import PAGES, read_blocks

PATIENCE = 60
EXPENSE = {"who": "ops@example.com", "cents": 4200}
DECISION = {"by": "reviewer-1", "approved": True}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the programs of the guide."""
    for block in read_blocks(PAGES / "guides" / "web.md"):
        if block.title is not None:
            (tmp_path / block.title).write_text(block.code, "utf-8")
    return tmp_path


@contextmanager
def running(folder: Path, *arguments: str) -> Generator[IO[str]]:
    """Run a program and what it starts, until the end of the block; yield what it prints."""
    command = [sys.executable, "-u", *arguments]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def until(client: httpx.Client, path: str, status: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while (answer := client.get(path)).status_code == 404 or answer.json()["status"] != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def until_served(printed: IO[str], client: httpx.Client) -> None:
    """Wait until a serving process has begun, and answers."""
    while "Starting development server" not in (line := printed.readline()):
        assert line, "it has ended"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            client.get("/expenses/0")
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are ended as POSIX has them")
def test_django_program_runs_under_its_reloader(folder: Path) -> None:
    """Both of its processes make the client; a request is accepted without an owner, and also behind a reload."""
    port = free_port()
    with (
        running(folder, "django_app.py", "runserver", str(port)) as printed,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as client,
    ):
        until_served(printed, client)
        assert client.put("/expenses/7", json={"who": 5}).status_code == 422
        assert client.put("/expenses/7", json=EXPENSE).status_code == 202
        assert client.get("/expenses/7").status_code == 404
        with running(folder, "worker.py"):
            until(client, "/expenses/7", "waiting")
            (folder / "expenses.py").touch()
            until_served(printed, client)
            assert client.post("/expenses/7/decision", json=DECISION).status_code == 202
            until(client, "/expenses/7", "completed")
