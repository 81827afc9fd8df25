"""What was measured: lines of figures, each beside the one that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .plan import DURABILITY, Rounds

OURS, FLOOR = "ours", "floor"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure of one contender over all rounds, and in each round its ratio to what it is compared with."""

    workload: str
    what: str
    subject: str
    unit: str
    values: Sequence[float]
    ratios: Sequence[float] = ()
    target: str = ""
    durability: str = DURABILITY

    def to_dict(self) -> Mapping[str, object]:
        """Return the line for machines."""
        return {
            "workload": self.workload,
            "what": self.what,
            "subject": self.subject,
            "unit": self.unit,
            "ratio": summary(self.ratios),
            "to_reach": self.target or None,
            "value": summary(self.values),
            "durability": self.durability,
        }


def summary(values: Sequence[float]) -> Mapping[str, object] | None:
    """Return median, least, greatest, and all of them in order."""
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values), "rounds": list(values)}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure that every contender has: what it is called, and what ours is to reach against the floor."""

    workload: str
    key: str
    what: str
    unit: str
    target: str = ""

    def lines(self, rounds: Rounds) -> list[Line]:
        """Return a line for each contender that has the figure; the floor's is what the others are compared with."""
        measured = {
            name: [outcome[self.key] for outcome in outcomes]
            for name, outcomes in rounds.items()
            if all(self.key in outcome for outcome in outcomes)
        }
        return [self._line(name, values, measured.get(FLOOR)) for name, values in measured.items()]

    def _line(self, name: str, values: Sequence[float], floor: Sequence[float] | None) -> Line:
        is_compared = floor is not None and name != FLOOR
        return Line(
            workload=self.workload,
            what=self.what,
            subject=name,
            unit=self.unit,
            values=values,
            ratios=[value / base for value, base in zip(values, floor or (), strict=True)] if is_compared else (),
            target=self.target if name == OURS else "",
        )


def share(rounds: Sequence[Mapping[str, float]], key: str, other: str) -> list[float]:
    """Return how `key` compares with `other`, round by round."""
    return [outcome[key] / outcome[other] for outcome in rounds]
