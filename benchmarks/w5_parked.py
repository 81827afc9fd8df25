"""W5: a new process over many parked missions: start to ready, memory, threads, and the first signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median

from .figures import FLOOR, OURS, Line
from .missions import signalled, sleeping
from .parking import copied_id, park
from .plan import Contender, Plan, alternate
from .processes import run_fresh

_LAUNCHES = 3
"""Processes to a turn; a figure is their median."""


@dataclass(frozen=True)
class _Measured:
    key: str
    what: str
    unit: str
    target: str


_MEASURED = (
    _Measured("ready", "start to ready", "ms", "many <= 1.2 of few"),
    _Measured("signal", "first signal to mission completed", "ms", "many as few"),
    _Measured("rss", "memory over the bare import", "MB", "many <= 1.2 of few, <= 20 MB"),
    _Measured("threads", "threads", "threads", "as many"),
)


async def measure(plan: Plan) -> list[Line]:
    """Measure few and many in turns, half of them waiting for a signal and half for a timer; peers only with few."""
    few, many = plan.size(10_000, 1_000), plan.size(1_000_000, 100_000)
    contenders: dict[str, Contender] = {}
    with plan.folder() as folder:
        for missions in (few, many):
            database = Path(folder) / f"{missions}.db"
            await park(database, {signalled(): missions // 2, sleeping(timedelta(days=365)): missions // 2})
            contenders[_name(OURS, missions)] = _launches("w5_open", database, missions // 2)
            contenders[_name(FLOOR, missions)] = _launches("w5_open_bare", database, missions // 2)
        rounds = await alternate(plan.rounds, contenders)
    lines: list[Line] = []
    for measured in _MEASURED:
        for subject in (OURS, FLOOR):
            base = rounds[_name(subject, few)]
            lines += _lines(measured, subject, few, base)
            lines += _lines(measured, subject, many, rounds[_name(subject, many)], base)
    return lines + await _peers(plan, few)


async def _peers(plan: Plan, missions: int) -> list[Line]:
    """Once each: a peer takes minutes for what it is asked here."""
    async with plan.contending("W5", missions) as peers:
        rounds = await alternate(1, peers, warm_up=False)
    return [
        line
        for measured in _MEASURED
        for name, outcomes in rounds.items()
        for line in _lines(measured, name, missions, outcomes)
    ]


def _name(subject: str, missions: int) -> str:
    return f"{subject} {missions}"


def _launches(module: str, database: Path, signalled_missions: int) -> Contender:
    """Launch fresh processes, each of which signals a mission that none before it has."""
    numbers = count(1)

    async def launch() -> Mapping[str, float]:
        figures = [
            await run_fresh(module, str(database), copied_id(next(numbers) % signalled_missions))
            for _ in range(_LAUNCHES)
        ]
        return {key: median(outcome[key] for outcome in figures) for key in figures[0]}

    return launch


def _lines(
    measured: _Measured,
    subject: str,
    missions: int,
    outcomes: Sequence[Mapping[str, float]],
    base: Sequence[Mapping[str, float]] = (),
) -> list[Line]:
    if measured.key not in outcomes[0]:
        return []
    values = [outcome[measured.key] for outcome in outcomes]
    return [
        Line(
            workload="W5",
            what=f"{missions:,} parked: {measured.what}",
            subject=subject,
            unit=measured.unit,
            values=values,
            ratios=[value / few[measured.key] for value, few in zip(values, base, strict=True)] if base else (),
            target=measured.target if base and subject == OURS else "",
        )
    ]
