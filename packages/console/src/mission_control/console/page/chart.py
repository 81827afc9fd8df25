"""Starts, ends and failures by the hour, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs

from mission_control.core import HourCount

HEIGHT: Final = 120
"""How many units the highest bar is high."""
SLOT: Final = 40
"""How many units an hour is wide."""


@attrs.frozen(kw_only=True)
class Bar:
    """A bar: what it counts, and where it is, in units of the drawing."""

    kind: str
    x: int
    y: int
    height: int
    count: int


@attrs.frozen(kw_only=True)
class Hour:
    """One hour, its bars, and the numbers that they stand for."""

    at: datetime
    x: int
    started: int
    completed: int
    failed: int
    bars: list[Bar]


@attrs.frozen(kw_only=True)
class Chart:
    """A drawing of some hours; `highest` is the number that its height stands for."""

    hours: list[Hour]
    highest: int

    @property
    def width(self) -> int:
        """How many units it is wide."""
        return max(1, len(self.hours)) * SLOT


def chart_of(counts: Sequence[HourCount]) -> Chart:
    """Return the hours as bars."""
    highest = max((max(one.started, one.completed, one.failed) for one in counts), default=0)
    return Chart(hours=[_hour(index, one, highest) for index, one in enumerate(counts)], highest=highest)


def _hour(index: int, counted: HourCount, highest: int) -> Hour:
    x = index * SLOT
    numbers = (("started", counted.started), ("completed", counted.completed), ("failed", counted.failed))
    bars = [_bar(kind, x + 4 + place * 11, count, highest) for place, (kind, count) in enumerate(numbers) if count]
    return Hour(
        at=counted.hour,
        x=x,
        started=counted.started,
        completed=counted.completed,
        failed=counted.failed,
        bars=bars,
    )


def _bar(kind: str, x: int, count: int, highest: int) -> Bar:
    height = max(2, round(count / highest * HEIGHT))
    return Bar(kind=kind, x=x, y=HEIGHT - height, height=height, count=count)
