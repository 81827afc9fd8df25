"""Clients in processes of their own, beside an owner that is killed and started again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import open_mission_reader
from mission_control.core import MissionStatus

PROGRAM = Path(__file__).with_name("mailbox_program.py")
PATIENCE = 60


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-W", "error", str(PROGRAM), *map(str, arguments)]


@contextmanager
def owner(database: Path) -> Generator[subprocess.Popen[str]]:
    """Own a database in another process, which is killed in the end."""
    with subprocess.Popen(command("own", database), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_clients_get_through_although_the_owner_is_killed(tmp_path: Path) -> None:
    """Each mission is there once and each signal applied once, whenever the owner died."""
    database, count = tmp_path / "missions.db", 25
    clients = [
        subprocess.Popen(command("ask", database, name, count), stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    try:
        for kill in range(5):
            with owner(database):
                for client in clients:
                    assert client.stdout is not None
                    for _ in range(4 if kill < 4 else count - 16):
                        assert client.stdout.readline()
        assert [client.wait(PATIENCE) for client in clients] == [0, 0]
    finally:
        for client in clients:
            client.kill()
            client.communicate()

    expected = sorted(f"{name}-{number}" for name in "ab" for number in range(count))
    assert asyncio.run(signals_of_completed(database)) == dict.fromkeys(expected, 1)


async def signals_of_completed(database: Path) -> dict[str, int]:
    """Return how many signals each completed mission has received."""
    async with open_mission_reader(database) as reader:
        found = [mission.mission_id async for mission in reader.iter_missions(status=MissionStatus.COMPLETED)]
        inspections = [await reader.inspect_mission(mission_id) for mission_id in found]
    return {one.snapshot.mission_id: len(one.signals) for one in inspections if one is not None}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_client_is_made_before_a_fork_and_used_behind_it(tmp_path: Path) -> None:
    """A server makes it and forks its workers; one that was used before belongs to the process that used it."""
    with owner(tmp_path / "missions.db"):
        done = subprocess.run(
            [sys.executable, str(PROGRAM), "fork", str(tmp_path / "missions.db")], check=False, timeout=PATIENCE
        )
    assert done.returncode == 0


def test_program_ends_without_close(tmp_path: Path) -> None:
    """The interpreter exits by itself, silently, with a client that was used and one that was not."""
    done = subprocess.run(
        command("leave", tmp_path / "missions.db"), check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
