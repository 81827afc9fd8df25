"""W15: the console on many missions: what each command takes, and each page that it serves.

A command is a fresh process, against one that does nothing. A page is asked for by a client that stays connected.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median

import httpx

from .figures import FLOOR, OURS, Line
from .parking import copied_id
from .plan import Plan
from .w15_million import make

_FAILED = 0.85
"""Where among the copies, which lie in the order of their kinds, one is that failed."""
_COMMANDS: Mapping[str, Sequence[str]] = {
    "--help": ["--help"],
    "status": ["status"],
    "list": ["list", "--limit", "50"],
    "list by status": ["list", "--status", "failed", "--limit", "50"],
    "list by error": ["list", "--error", "STEP_FAILED", "--limit", "50"],
    "list by age": ["list", "--since", "2d", "--limit", "50"],
    "list by id prefix": ["list", "--id-prefix", "{failed}", "--limit", "50"],
    "list by what is waited for": ["list", "--waiting-for", "go", "--limit", "50"],
    "show": ["show", "{failed}"],
    "inbox": ["inbox", "--limit", "50"],
    "graph": ["graph", "{failed}"],
    "agenda": ["agenda", "--limit", "50"],
    "schedules": ["schedules"],
    "pause": ["pause", "{waiting}", "--yes"],
}
_LISTS: Mapping[str, str] = {
    "missions": "/missions",
    "missions by status": "/missions?status=failed",
    "missions by name": "/missions?name=payment",
    "missions by error": "/missions?error=STEP_FAILED",
    "inbox": "/inbox",
    "agenda": "/agenda",
}
_PAGES: Mapping[str, str] = {
    "overview": "/",
    "a mission": "/missions/{failed}",
    "definitions": "/definitions",
    "a definition": "/definitions/signalled",
    "schedules": "/schedules",
}


async def measure(plan: Plan) -> list[Line]:
    """Measure all commands and pages on one file."""
    missions, times = plan.size(1_000_000, 20_000), plan.size(20, 5)
    with plan.folder() as folder:
        database = Path(folder) / "missions.db"
        await make(database, missions)
        known = {"failed": copied_id(int(missions * _FAILED)), "waiting": copied_id(int(missions * 0.5))}
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "MISSION_CONTROL_DB": str(database)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return [
            *await _measure_commands(environment, known, times),
            *await _measure_pages(environment, known, times),
        ]


async def _measure_commands(environment: Mapping[str, str], known: Mapping[str, str], times: int) -> list[Line]:
    bare = await _times(partial(_run, ["-c", "pass"], environment), times)
    lines = [_line("`pass`", bare, subject=FLOOR)]
    for what, arguments in _COMMANDS.items():
        command = ["-m", "mission_control.console.command", *(argument.format(**known) for argument in arguments)]
        taken = await _times(partial(_run, command, environment), times)
        lines.append(_line(f"{what}: more than `pass`", [each - median(bare) for each in taken], "p95 <= 200 ms"))
    return lines


async def _measure_pages(environment: Mapping[str, str], known: Mapping[str, str], times: int) -> list[Line]:
    lines: list[Line] = []
    async with _served(environment) as client:
        for pages, target in ((_LISTS, "<= 5 ms"), (_PAGES, "p95 <= 200 ms")):
            for what, address in pages.items():
                taken = await _times(partial(_get, client, address.format(**known)), times)
                lines.append(_line(f"page: {what}", taken, target))
    return lines


def _line(what: str, taken: list[float], target: str = "", subject: str = OURS) -> Line:
    """Return a line of the times of which nineteen in twenty are not exceeded, and their median."""
    ordered = sorted(taken)
    return Line(
        workload="W15",
        what=what,
        subject=subject,
        unit="ms",
        values=[median(ordered), ordered[0], ordered[(len(ordered) - 1) * 95 // 100]],
        target=target,
        durability="",
    )


async def _times(do: Callable[[], Awaitable[None]], times: int) -> list[float]:
    """Return how long each turn takes, in milliseconds, after one that is not counted."""
    taken: list[float] = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        await do()
        taken.append((time.perf_counter() - begun) * 1e3)
    return taken[1:]


async def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise SystemExit(f"{' '.join(arguments)} failed")


async def _get(client: httpx.AsyncClient, address: str) -> None:
    (await client.get(address)).raise_for_status()


@asynccontextmanager
async def _served(environment: Mapping[str, str]) -> AsyncGenerator[httpx.AsyncClient]:
    """Serve the page in a process of its own, and return a client of it."""
    command = ("-m", "mission_control.console.command", "serve", "--port", "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        (address,) = re.findall(r"http://[^/]+", (await process.stdout.readline()).decode())
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()
