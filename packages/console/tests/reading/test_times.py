"""Instants and spans of time, as people write and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mission_control.console.reading import Times, read_span, span

NOW = datetime(2026, 11, 28, 18, 30, tzinfo=UTC)
TIMES = Times(NOW, UTC)
BERLIN = Times(NOW, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("1h30m", timedelta(minutes=90)),
        (" 5 min ", timedelta(minutes=5)),
        ("0.5s", timedelta(milliseconds=500)),
    ],
)
def test_a_span_is_read(text: str, length: timedelta) -> None:
    """In the units that people use."""
    assert read_span(text) == length


@pytest.mark.parametrize("text", ["", "soon", "3", "3x", "d3", "9999999999w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """With what is expected."""
    with pytest.raises(ValueError, match="expected a length of time"):
        read_span(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=1, minutes=5), "1 d"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(milliseconds=350), "350 ms"),
        (timedelta(hours=-2), "2 h"),
    ],
)
def test_a_span_is_shown_in_its_two_largest_units(length: timedelta, text: str) -> None:
    """Without what nobody needs to know."""
    assert span(length) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "now"),
        (timedelta(seconds=119), "119 s ago"),
        (timedelta(minutes=90), "90 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=7), "7 d ago"),
        (-timedelta(days=6, hours=23, minutes=59), "in 7 d"),
        (-timedelta(seconds=1), "in 1 s"),
    ],
)
def test_how_long_ago_something_was_is_one_number(length: timedelta, text: str) -> None:
    """The nearest, and in a unit of which there are two at least."""
    assert TIMES.ago(NOW - length) == text


def test_an_instant_is_shown_with_its_zone() -> None:
    """It cannot be mistaken."""
    assert TIMES.shown(NOW) == "2026-11-28 18:30:00 UTC"
    assert BERLIN.shown(NOW) == "2026-11-28 19:30:00 CET"
    assert Times.current().shown(NOW).startswith("2026-11-2")


def test_a_day_and_what_a_clock_shows_are_of_the_zone() -> None:
    """A history has many of these."""
    late = datetime(2026, 11, 28, 23, 30, 5, 123_456, tzinfo=UTC)

    assert (BERLIN.day(late), BERLIN.clock(late)) == ("2026-11-29 CET", "00:30:05.123")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("2026-11-27", datetime(2026, 11, 26, 23, tzinfo=UTC)),
        ("2026-11-27T09:00", datetime(2026, 11, 27, 8, tzinfo=UTC)),
        ("2026-11-27T09:00Z", datetime(2026, 11, 27, 9, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read(text: str, instant: datetime) -> None:
    """Where no zone is said, in that of the reader."""
    assert BERLIN.read(text) == instant


def test_the_zone_of_this_machine_is_taken_where_none_is_said() -> None:
    """As a person who sits there means it."""
    local = datetime(2026, 11, 27, 9)  # noqa: DTZ001 - as a person writes it

    assert Times(NOW).read("2026-11-27T09:00") == local.astimezone(UTC)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "0001-01-01", "99999999w"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    """With both ways to say one."""
    with pytest.raises(ValueError, match="expected a date or time such as"):
        BERLIN.read(text)
