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
from typing import IO, Any

import httpx
import pytest

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import create_blocking_client
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
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def until(client: httpx.Client, path: str, status: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while (answer := client.get(path)).status_code == 404 or status_in(answer.json()) != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def status_in(shown: dict[str, Any]) -> object:
    """Return the mission's status of what a program shows: an inspection, or a snapshot."""
    return shown.get("snapshot", shown)["status"]


def until_printed(printed: IO[str], text: str, times: int = 1) -> None:
    """Wait until a program has printed a text so often."""
    while times:
        line = printed.readline()
        assert line, "it has ended"
        times -= text in line


def until_answered(client: httpx.Client) -> None:
    """Wait until somebody serves."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            client.get("/expenses/0")
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def serving(folder: Path, *arguments: str, ready: str, times: int = 1) -> Generator[tuple[httpx.Client, IO[str]]]:
    """Run a web program on a port of its own, which stands for PORT; yield a client and what it prints."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in arguments]
    with (
        running(folder, *words) as printed,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as client,
    ):
        until_printed(printed, ready, times)
        until_answered(client)
        yield client, printed


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def submit(client: httpx.Client) -> None:
    """Send what is refused, and what is accepted without an owner."""
    assert client.put("/expenses/7", json={"who": 5}).status_code == 422
    assert client.put("/expenses/7", json=EXPENSE).status_code == 202
    assert client.post("/expenses/7/decision", json=DECISION).status_code == 404  # it has not come into being


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups are ended as POSIX has them")


def test_django_program_runs_under_its_reloader(folder: Path) -> None:
    """Both of its processes make the client; a request is accepted without an owner, and also behind a reload."""
    ready = "Starting development server"
    with serving(folder, "django_app.py", "runserver", "PORT", ready=ready) as (client, printed):
        submit(client)
        with running(folder, "worker.py"):
            until(client, "/expenses/7", "waiting")
            (folder / "expenses.py").touch()
            until_printed(printed, ready)
            until_answered(client)
            assert client.post("/expenses/7/decision", json=DECISION).status_code == 202
            until(client, "/expenses/7", "completed")


def test_fastapi_program_runs_with_several_workers(folder: Path) -> None:
    """Each of them makes the client, and is served by one owner."""
    command = ("-m", "uvicorn", "async_app:app", "--workers", "2", "--port", "PORT")
    with serving(folder, *command, ready="Application startup complete", times=2) as (client, _):
        submit(client)
        with running(folder, "worker.py"):
            until(client, "/expenses/7", "waiting")
            assert client.post("/expenses/7/decision", json=DECISION).status_code == 202
            until(client, "/expenses/7", "completed")


def test_fastapi_program_runs_under_a_reloader(folder: Path) -> None:
    """A request is accepted without an owner, and also behind a reload."""
    ready = "Application startup complete"
    with serving(folder, "-m", "uvicorn", "async_app:app", "--reload", "--port", "PORT", ready=ready) as (client, out):
        submit(client)
        with running(folder, "worker.py"):
            until(client, "/expenses/7", "waiting")
            (folder / "expenses.py").touch()
            until_printed(out, ready)
            until_answered(client)
            assert client.post("/expenses/7/decision", json=DECISION).status_code == 202
            until(client, "/expenses/7", "completed")


FLASK = {
    "forked workers": (
        ("-m", "gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:PORT", "blocking_app:app"),
        "Booting worker",
        2,
    ),
    "reloader": (("-m", "flask", "--app", "blocking_app", "run", "--debug", "--port", "PORT"), "Debugger is active", 1),
}


@pytest.mark.parametrize("way", FLASK)
def test_flask_program_runs(folder: Path, way: str) -> None:
    """Its client is made before a fork, or in both processes of a reloader; requests are accepted without an owner."""
    command, ready, times = FLASK[way]
    with serving(folder, *command, ready=ready, times=times) as (client, _):
        submit(client)
        with running(folder, "worker.py"):
            mailbox = sqlite_mailbox(folder / "expenses.db")
            with create_blocking_client(mailbox=mailbox, answer_timeout=PATIENCE) as looking:
                mission = looking.start_mission("expense", EXPENSE, mission_id="expense-7", if_exists="return")
                assert client.post("/expenses/7/decision", json=DECISION).status_code == 202
                assert mission.output() == "paid"
