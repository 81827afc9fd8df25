"""Attempts as bars on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from mission_control.core import StepAttempt

WIDTH: Final = 1000
"""How many units of a drawing the axis is long."""
MOST: Final = 100
"""How many attempts are drawn: the last ones."""
_THINNEST = 4


@attrs.frozen(kw_only=True)
class Bar:
    """An attempt, and where its bar begins and how long it is, in units of the drawing."""

    attempt: StepAttempt
    x: int
    width: int
    length: timedelta


def bars_of(attempts: Sequence[StepAttempt], now: datetime) -> list[Bar]:
    """Return the last attempts as bars, the first of them at the beginning of the axis; one that runs goes to now."""
    shown = attempts[-MOST:]
    if not shown:
        return []
    first = min(one.started_at for one in shown)
    last = max(one.finished_at or now for one in shown)
    whole = max((last - first).total_seconds(), 0.001)
    return [_bar(one, first, whole, one.finished_at or max(now, one.started_at)) for one in shown]


def _bar(attempt: StepAttempt, first: datetime, whole: float, end: datetime) -> Bar:
    x = round((attempt.started_at - first).total_seconds() / whole * (WIDTH - _THINNEST))
    length = end - attempt.started_at
    width = max(_THINNEST, round(length.total_seconds() / whole * WIDTH))
    return Bar(attempt=attempt, x=x, width=min(width, WIDTH - x), length=length)
