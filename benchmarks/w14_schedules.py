"""W14: many schedules: fresh processes that open them, idle, and fire them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .figures import OURS, Line
from .plan import Contender, Plan, alternate
from .processes import run_fresh

_WITHOUT, _NEW, _KNOWN, _FIRING = "without", "new", "known", "firing"


async def measure(plan: Plan) -> list[Line]:
    """Measure, in turns, a database without schedules, with new ones, with ones that it knows, and ones that fire."""
    schedules, idle = plan.size(10_000, 1_000), plan.size(5, 2)
    seconds = plan.size(60, 6)
    with plan.folder() as folder:
        known = Path(folder) / "known.db"
        await run_fresh("w14_owner", str(known), str(schedules), "0.1")
        contenders = {
            _WITHOUT: _owner(plan, 0, idle),
            _NEW: _owner(plan, schedules, idle),
            _KNOWN: _owner(plan, schedules, idle, known),
            _FIRING: _firing(plan, schedules, seconds),
        }
        rounds = await alternate(plan.rounds, contenders, warm_up=False)
    without, firing = rounds[_WITHOUT], rounds[_FIRING]
    return [
        _line(
            f"{schedules:,} new schedules: ready, more than without", _more(rounds[_NEW], without), "ms", "<= 1,000 ms"
        ),
        _line(
            f"{schedules:,} known ones: ready, more than without", _more(rounds[_KNOWN], without), "ms", "<= 1,000 ms"
        ),
        _line(f"{schedules:,} schedules are made, before that", _values(rounds[_KNOWN], "made"), "ms"),
        _line("idle with them: processor time", _values(rounds[_KNOWN], "used"), "ms/s", "as without"),
        _line("idle without them: processor time", _values(without, "used"), "ms/s", who=_WITHOUT),
        *(
            _line(
                f"{schedules:,} fire over {seconds} s, slot to first code: {what}", _values(firing, key), "ms", target
            )
            for key, what, target in (("p50", "p50", ""), ("p99", "p99", ""), ("latest", "the latest", "<= 1,000 ms"))
        ),
    ]


def _owner(plan: Plan, schedules: int, seconds: float, database: Path | None = None) -> Contender:
    async def turn() -> Mapping[str, float]:
        with plan.folder() as folder:
            file = Path(folder) / "new.db" if database is None else database
            if database is None:
                await run_fresh("w14_owner", str(file), "0", "0.1")  # makes the tables
            return await run_fresh("w14_owner", str(file), str(schedules), str(seconds))

    return turn


def _firing(plan: Plan, schedules: int, seconds: int) -> Contender:
    async def turn() -> Mapping[str, float]:
        with plan.folder() as folder:
            return await run_fresh("w14_firing", str(Path(folder) / "new.db"), str(schedules), str(seconds))

    return turn


def _more(rounds: Sequence[Mapping[str, float]], without: Sequence[Mapping[str, float]]) -> list[float]:
    return [one["ready"] - other["ready"] for one, other in zip(rounds, without, strict=True)]


def _values(rounds: Sequence[Mapping[str, float]], key: str) -> list[float]:
    return [outcome[key] for outcome in rounds]


def _line(what: str, values: Sequence[float], unit: str, target: str = "", who: str = OURS) -> Line:
    return Line(workload="W14", what=what, subject=who, unit=unit, values=values, target=target)
