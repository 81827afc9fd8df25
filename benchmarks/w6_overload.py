"""W6: many timers due at once after downtime, while new starts and signals come in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from .figures import OURS, Line, share
from .missions import signalled, sleeping
from .parking import park
from .plan import Plan, alternate
from .processes import run_fresh
from .w6_drain import MAX_CONCURRENCY, WAITING

_FIGURES = (
    ("late", "a 10 ms heartbeat meanwhile: latest", "ms", "<= 50 ms"),
    ("concurrency", f"user code at once, max_concurrency={MAX_CONCURRENCY}", "steps", f"<= {MAX_CONCURRENCY}"),
    ("rss", "most memory over the bare import", "MB", "<= 100 MB"),
    ("start", "a start and 1 step meanwhile: p99", "ms", "stated"),
    ("signal", "signal sent to mission completed meanwhile: p99", "ms", "stated"),
)


async def measure(plan: Plan) -> list[Line]:
    """Let a fresh process measure W1 first, for comparison, and then work off what is due."""
    timers = plan.size(100_000, 10_000)
    with plan.folder() as folder:
        template, database = Path(folder) / "template.db", Path(folder) / "due.db"
        due = sleeping(timedelta(milliseconds=500))
        await park(template, {signalled("probe"): WAITING, due: timers})

        async def ours() -> Mapping[str, float]:
            shutil.copyfile(template, database)
            return await run_fresh("w6_drain", str(database), str(timers))

        rounds = (await alternate(plan.rounds, {OURS: ours}, warm_up=False))[OURS]
    lines = [
        Line(
            workload="W6",
            what=f"{timers:,} timers due at once, against W1's transitions/s",
            subject=OURS,
            unit="transitions/s",
            values=[outcome["rate"] for outcome in rounds],
            ratios=share(rounds, "rate", "w1_rate"),
            target=">= 0.7",
        )
    ]
    for key, what, unit, target in _FIGURES:
        values = [outcome[key] for outcome in rounds]
        lines.append(Line(workload="W6", what=what, subject=OURS, unit=unit, values=values, target=target))
    return lines
