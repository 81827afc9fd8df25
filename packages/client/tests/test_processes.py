"""Programs that end without closing their client."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import open_mission_reader
from mission_control.core import HistoryType

PROGRAM = Path(__file__).with_name("program.py")


def run(way: str, database: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(PROGRAM), way, str(database)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def last_record(database: Path) -> HistoryType:
    async def read() -> HistoryType:
        async with open_mission_reader(database) as reader:
            inspection = await reader.inspect_mission("labour-1")
        assert inspection is not None
        return inspection.history[-1].type

    return asyncio.run(read())


@pytest.mark.parametrize("way", ["idle", "used"])
def test_program_ends_without_close(tmp_path: Path, way: str) -> None:
    """The interpreter exits by itself, silently."""
    done = run(way, tmp_path / "missions.db")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_program_that_ends_stops_its_steps(tmp_path: Path) -> None:
    """A step that still runs is stopped, and that is durable: the next process does not take it for a crash."""
    done = run("running", tmp_path / "missions.db")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert last_record(tmp_path / "missions.db") == HistoryType.STEP_INTERRUPTED


def test_program_that_fails_keeps_its_exit_code(tmp_path: Path) -> None:
    """An error of the program is its own, and the client is closed all the same."""
    done = run("raises", tmp_path / "missions.db")

    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ValueError: the program's own")
    assert last_record(tmp_path / "missions.db") == HistoryType.STEP_INTERRUPTED


def test_interrupted_program_ends_at_once(tmp_path: Path) -> None:
    """Ctrl-C ends a program that waits for a mission, which is interrupted durably."""
    command = [sys.executable, str(PROGRAM), "waits", str(tmp_path / "missions.db")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        assert program.stderr.readline() == "waiting\n"
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=30)

    assert program.returncode in (-signal.SIGINT, 130)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert last_record(tmp_path / "missions.db") == HistoryType.STEP_INTERRUPTED


def test_step_that_exits_leaves_nobody_waiting(tmp_path: Path) -> None:
    """It takes the background loop with it: that is logged, and callers get an error, then and later."""
    done = run("left", tmp_path / "missions.db")

    assert done.returncode == 0, done.stderr
    assert "a step has ended the event loop of mission-control program" in done.stderr
    assert done.stderr.count("this client is closed; create a new one") == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_forked_process_cannot_use_the_client(tmp_path: Path) -> None:
    """In a forked child every method raises, close does nothing, and the parent's client is as before."""
    done = run("forks", tmp_path / "missions.db")

    assert done.returncode == 0, done.stderr
    assert "from which this one was forked" in done.stderr
