"""The page served by a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mission_control.console.page.serving import hosts_of, is_local

_PROGRAM = """
import asyncio, sys
from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.console import create_app
from mission_control.console.page.serving import serve

async def main():
    async with create_commander_client(mailbox=sqlite_mailbox(sys.argv[1])) as client:
        await serve(create_app(client), host=sys.argv[2], port=0, announce=lambda address: print(address, flush=True))
    print("stopped")

asyncio.run(main())
"""


@contextmanager
def running(database: Path, host: str = "127.0.0.1") -> Generator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", _PROGRAM, os.fspath(database), host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_a_signal_though_pages_are_open(database: Path, number: signal.Signals) -> None:
    """It says its address and nothing else, answers there, ends its streams, and goes on to the program's end."""
    with running(database) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(f"{address}missions").status_code == 200
        with httpx.stream("GET", f"{address}changes") as stream:
            events = stream.iter_lines()
            assert next(events) == "retry: 1000"
            process.send_signal(number)
            list(events)
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (0, "stopped\n", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.1.2.3"])
def test_this_machine_needs_no_token(host: str) -> None:
    """Loopback is for whoever is on the machine."""
    assert is_local(host)
    assert hosts_of(host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "console.example", ""])
def test_elsewhere_a_token_is_needed(host: str) -> None:
    """What others can reach is never open."""
    assert not is_local(host)
    assert hosts_of(host) == ["*"]
