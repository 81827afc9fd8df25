"""Starts, ends and failures by the hour, as bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mission_control.console.page.chart import HEIGHT, SLOT, chart_of
from mission_control.core import HourCount

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def hour(number: int, started: int, completed: int, failed: int) -> HourCount:
    at = NOON + timedelta(hours=number)
    return HourCount(hour=at, started=started, completed=completed, failed=failed, cancelled=0)


def test_the_highest_bar_is_as_high_as_the_drawing() -> None:
    """The others are in proportion, and one of a single mission can still be seen."""
    chart = chart_of([hour(0, 1000, 500, 1), hour(1, 0, 0, 0)])
    started, completed, failed = chart.hours[0].bars

    assert (started.height, completed.height) == (HEIGHT, HEIGHT // 2)
    assert failed.height > 0
    assert started.y + started.height == completed.y + completed.height == failed.y + failed.height == HEIGHT
    assert started.x < completed.x < failed.x < SLOT
    assert (chart.highest, chart.width) == (1000, 2 * SLOT)


def test_an_hour_without_anything_has_no_bar() -> None:
    """And hours without anything at all are no failure."""
    assert chart_of([hour(0, 0, 0, 0)]).hours[0].bars == []
    assert chart_of([]).hours == []
