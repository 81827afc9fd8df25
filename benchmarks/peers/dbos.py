"""DBOS on SQLite: its asynchronous workflows, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from ..processes import ROOT, run_fresh

_WORKER = "peers.dbos_worker"


class Dbos:
    """A worker process that is launched at its first turn and waits between its turns."""

    name: ClassVar[str] = "dbos"

    def __init__(self, folder: Path) -> None:
        self._database = folder / "dbos.db"
        self._process: asyncio.subprocess.Process | None = None

    async def measure(self, workload: str, size: int) -> Mapping[str, float]:
        """Let the worker do one turn's work; for parked workflows, two processes, the first of which just dies."""
        if workload == "W5":
            await run_fresh(_WORKER, str(self._database), "park", str(size))
            return await run_fresh(_WORKER, str(self._database), "resume", str(size))
        process = self._process = self._process or await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"benchmarks.{_WORKER}", str(self._database), "serve"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{workload} {size}\n".encode())
        answer = await process.stdout.readline()
        if not answer:
            raise SystemExit("the DBOS worker ended: is dbos installed? `hatch run bench:peers` has it")
        figures: Mapping[str, float] = json.loads(answer)
        return figures

    async def close(self) -> None:
        """End the worker."""
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
