"""Whether the end of a long mission costs what its beginning did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figures import OURS, Line
from .plan import Rounds

EDGE = 100
"""How many steps are looked at on either side."""


def edges(instants: Sequence[float], each: int = 1) -> Mapping[str, float]:
    """Return the milliseconds of a step at either end, each of which has so many instants.

    The very first ones still warm up.
    """
    span = EDGE * each
    first = instants[2 * span - 1] - instants[span - 1]
    last = instants[-1] - instants[-1 - span]
    return {"first": first * 1e3 / EDGE, "last": last * 1e3 / EDGE}


def growth(rounds: Rounds, workload: str, what: str, unit: str) -> list[Line]:
    """Return a line for each contender: its last steps against its first."""
    return [
        Line(
            workload=workload,
            what=f"{what}: the last {EDGE} against the first {EDGE}",
            subject=name,
            unit=unit,
            values=[outcome["last"] for outcome in outcomes],
            ratios=[outcome["last"] / outcome["first"] for outcome in outcomes],
            target="<= 1.2" if name == OURS else "",
        )
        for name, outcomes in rounds.items()
        if all("last" in outcome for outcome in outcomes)
    ]
