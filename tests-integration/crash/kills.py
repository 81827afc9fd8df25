"""The killing: starts the program again and again, kills it at random moments, and lets it end at last."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from crash.audit import Findings, Histories, audit, read_histories

LONGEST_LIFE = 0.35
"""Seconds after which a process is killed at the latest."""

HOPELESS = 60.0
"""Seconds that the last process gets to bring everything to its end."""


async def kill_and_audit(
    folder: Path, *, kills: int, seed: int, report: Callable[[str], None] = lambda line: None
) -> Findings:
    """Kill the program `kills` times at moments that `seed` chooses, let it end, and return what the audit finds."""
    chance = random.Random(seed)
    seen: list[Histories] = []
    for life in range(1, kills + 1):
        moment = chance.uniform(0, LONGEST_LIFE)
        process = _begin(folder, f"{seed}-{life}", "--until-killed")
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:
            return Findings(problems=[f"life {life} ended by itself, with {process.returncode}; see what it printed"])
        if chance.random() < 0.5 and (folder / "missions.db").exists():
            seen.append(await read_histories(folder))
        report(f"kill {life} of {kills}: {moment * 1000:.0f} ms after it was up")
    last = _begin(folder, f"{seed}-last", "--to-the-end")
    try:
        last.communicate(timeout=HOPELESS)
    except subprocess.TimeoutExpired:
        last.kill()
        last.communicate()
    findings = await audit(folder, seen)
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
    process.stdout.readline()
    return process
