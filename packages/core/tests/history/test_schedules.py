"""What a schedule's summary says of the slots that started nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from mission_control.core import PassedOver, ScheduleSummary

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAILED = PassedOver(NOON, NOON + HOUR, 2, "failed")
FAILING = ScheduleSummary(
    name="hourly",
    mission_name="report",
    spec="every 3600 s",
    status="active",
    next_slot=NOON + 2 * HOUR,
    last_slot=NOON - HOUR,
    last_mission_id="hourly@1",
    last_outcome=None,
    passed_over=(PassedOver(NOON - 9 * HOUR, NOON - 9 * HOUR, 1, "missed"), FAILED),
)


@pytest.mark.parametrize(
    "seen", [FAILING, attrs.evolve(FAILING, last_slot=None), attrs.evolve(FAILING, status="ended")]
)
def test_a_schedule_fails_whose_last_slots_failed(seen: ScheduleSummary) -> None:
    """With which slots these are."""
    assert seen.failing == FAILED


@pytest.mark.parametrize(
    "change",
    [
        {"passed_over": ()},
        {"passed_over": (FAILED, PassedOver(NOON + 2 * HOUR, NOON + 2 * HOUR, 1, "overlap"))},
        {"last_slot": NOON + 2 * HOUR},
        {"status": "absent"},
    ],
)
def test_a_schedule_does_not_fail_that_went_on_or_is_no_more(change: dict[str, object]) -> None:
    """As where a later slot started a mission, or waited for the one before."""
    assert attrs.evolve(FAILING, **change).failing is None  # type: ignore[arg-type]
