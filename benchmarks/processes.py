"""Fresh processes, where what a process has seen before would change the figure, and what they take."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


async def run_fresh(module: str, *arguments: str) -> Mapping[str, float]:
    """Run a module of this package in a process of its own and return the figures that it prints as JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"benchmarks.{module}", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed")
    figures: Mapping[str, float] = json.loads(output)
    return figures


def resident_megabytes(*, peak: bool = False) -> float:
    """Return the memory that this process takes now, or has taken at most; NaN where there is no /proc."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return float("nan")
    values = dict(line.split(":", 1) for line in status.splitlines())
    return int(values["VmHWM" if peak else "VmRSS"].split()[0]) / 1024


def threads() -> int:
    """Return how many threads this process has, those that Python did not start included where that can be seen."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names are all that is needed
    except OSError:
        return threading.active_count()
