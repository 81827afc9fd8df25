"""What a row says of the slots that were passed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs

from mission_control.core.history import PassedOver
from mission_control.core.history.schedules import PassedOverReason
from mission_control.core.schedules import MOST_PASSED_OVER, Spec, StoredSchedule


def slot(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(hours=1)


def entry(first: int, last: int | None = None, reason: PassedOverReason = "missed") -> PassedOver:
    end = first if last is None else last
    return PassedOver(slot(first), slot(end), end - first + 1, reason)


def passing_over(row: StoredSchedule, *entries: PassedOver) -> StoredSchedule:
    for one in entries:
        row = row.passing_over(one)
    return row


ROW = StoredSchedule(
    name="s",
    mission_name="m",
    spec=Spec(cron=None, every=3600, time_zone="UTC", starts_at=None),
    decided=slot(0),
    next_slot=slot(1),
)


def test_slots_in_a_row_with_one_reason_are_one_entry() -> None:
    """What follows, with the same reason, makes the entry longer; another reason begins one of its own."""
    row = passing_over(ROW, entry(1), entry(2, 4), entry(5, reason="overlap"))

    assert row.passed_over == (entry(1, 4), entry(5, reason="overlap"))


def test_slots_about_one_that_started_are_two_entries() -> None:
    """They are not in a row: an entry names no slot that has a mission."""
    row = attrs.evolve(passing_over(ROW, entry(1, 2)), last_slot=slot(3))

    assert passing_over(row, entry(4)).passed_over == (entry(1, 2), entry(4))


def test_slots_about_one_that_waits_are_two_entries() -> None:
    """Nobody knows yet what becomes of that."""
    row = attrs.evolve(passing_over(ROW, entry(2, reason="overlap")), queued=slot(3))

    assert passing_over(row, entry(4, reason="overlap")).passed_over == (
        entry(2, reason="overlap"),
        entry(4, reason="overlap"),
    )


def test_slots_about_those_with_another_reason_are_two_entries() -> None:
    """Also where those were put on record before: a slot that waited is passed over last."""
    row = passing_over(ROW, entry(3, 4, reason="overlap"), entry(2, reason="paused"), entry(5, reason="paused"))

    assert row.passed_over == (entry(3, 4, reason="overlap"), entry(2, reason="paused"), entry(5, reason="paused"))


def test_latest_entries_are_kept() -> None:
    """A row does not grow for ever."""
    entries = [entry(2 * number, reason=("missed", "overlap")[number % 2]) for number in range(MOST_PASSED_OVER + 3)]

    assert passing_over(ROW, *entries).passed_over == tuple(entries[3:])
