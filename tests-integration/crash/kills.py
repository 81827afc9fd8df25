"""The killing: starts the program again and again, kills it at random moments, and lets it end at last."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from crash.audit import Findings, Histories, audit, read_histories

LONGEST_LIFE = 0.35
"""Seconds after which every other process is killed at the latest."""

MOST_WORK = 20_000
"""Bytes that the ledger has grown by when one of the others is killed, at the latest."""

HOPELESS = 60.0
"""Seconds that a process gets for that, and the last one to bring everything to its end."""


def kill_and_audit(
    folder: Path, *, kills: int, seed: int, report: Callable[[str], None] = lambda line: None
) -> Findings:
    """Kill the program `kills` times at moments that `seed` chooses, let it end, and return what the audit finds."""
    chance = random.Random(seed)
    seen: list[Histories] = []
    for life in range(1, kills + 1):
        process = _begin(folder, f"{seed}-{life}", "--until-killed")
        if life % 2:
            time.sleep(chance.uniform(0, LONGEST_LIFE))
        else:
            _await_work(process, folder / "ledger.jsonl", chance.randrange(MOST_WORK))
        if process.poll() is not None:
            return Findings(problems=[f"life {life} ended by itself, with {process.returncode}; see what it printed"])
        _kill(process)
        report(f"kill {life} of {kills}")
        if chance.random() < 0.5:
            seen.append(asyncio.run(read_histories(folder)))
    last = _begin(folder, f"{seed}-last", "--to-the-end")
    try:
        last.wait(timeout=HOPELESS)
    except subprocess.TimeoutExpired:
        _kill(last)
    findings = asyncio.run(audit(folder, seen))
    if last.returncode != 0:
        findings.problems.append(f"the last life did not come to its end: it returned {last.returncode}")
    return findings


def _begin(folder: Path, life: str, how: str) -> subprocess.Popen[str]:
    """Start the program and return when it is up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "crash.child", str(folder), life, how],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
    return process


def _await_work(process: subprocess.Popen[str], ledger: Path, growth: int) -> None:
    """Return when the ledger has grown, so that something is killed on a slow machine too."""
    enough = ledger.stat().st_size + growth
    end = time.monotonic() + HOPELESS
    while ledger.stat().st_size < enough and process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
