"""W7: what an import costs, in fresh processes, against one that does nothing.

Modules are compiled beforehand, as an installer leaves them: whether this environment keeps bytecode does not matter.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from statistics import median

from .figures import FLOOR, OURS, Line
from .plan import Contender, Plan, alternate

_IMPORTS = {
    "core": ("import mission_control.core", "<= 110 ms more (stretch 80)"),
    "core, adapter_sqlite and runtime": (
        "import mission_control.core, mission_control.adapter_sqlite, mission_control.runtime",
        "<= 160 ms more (stretch 120)",
    ),
}


async def measure(plan: Plan) -> list[Line]:
    """Measure each import and `pass` in turns."""
    launches = plan.size(10, 4)
    with plan.folder() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        contenders = {what: _launches(code, launches, environment) for what, (code, _) in _IMPORTS.items()}
        rounds = await alternate(plan.rounds, {FLOOR: _launches("pass", launches, environment), **contenders})
    bare = [outcome["ms"] for outcome in rounds[FLOOR]]
    lines = [
        Line(
            workload="W7",
            what=f"import of {what}: more than `pass`",
            subject=OURS,
            unit="ms",
            values=[outcome["ms"] - base for outcome, base in zip(rounds[what], bare, strict=True)],
            target=target,
            durability="",
        )
        for what, (_, target) in _IMPORTS.items()
    ]
    return [*lines, Line(workload="W7", what="`pass`", subject=FLOOR, unit="ms", values=bare, durability="")]


def _launches(code: str, times: int, environment: Mapping[str, str]) -> Contender:
    async def launch() -> Mapping[str, float]:
        return {"ms": median([await _launch(code, environment) for _ in range(times)])}

    return launch


async def _launch(code: str, environment: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment)
    await process.wait()
    return (time.perf_counter() - begun) * 1e3
