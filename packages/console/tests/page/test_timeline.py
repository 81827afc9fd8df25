"""A history as lines: paged, filtered by path, with what is known of each record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.console.page.attempts import WIDTH, bars_of
from mission_control.console.page.timeline import PAGE, line_of, page_of, paths_of
from mission_control.core import HistoryRecord, HistoryType, StepAttempt

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def record(seq: int, name: str = "a", kind: HistoryType = HistoryType.STEP_STARTED, **details: Any) -> HistoryRecord:
    return HistoryRecord(seq=seq, type=kind, at=NOON, event_name=name, details=details)


def test_a_page_has_its_part_of_the_records() -> None:
    """The newest first or the oldest, without a gap between two pages."""
    history = [record(seq) for seq in range(1, PAGE + 51)]
    first = page_of(history, path="", newest_first=True, number=1)
    second = page_of(history, path="", newest_first=True, number=2)

    assert [line.seq for line in first.lines + second.lines] == list(range(PAGE + 50, 0, -1))
    assert (first.count, first.records) == (2, PAGE + 50)
    assert page_of(history, path="", newest_first=False, number=1).lines[0].seq == 1


@pytest.mark.parametrize(("number", "expected"), [(-5, 1), (0, 1), (3, 2), (10**9, 2)])
def test_a_page_that_there_is_not_is_the_nearest(number: int, expected: int) -> None:
    """Whatever number is asked for."""
    history = [record(seq) for seq in range(1, PAGE + 2)]

    assert page_of(history, path="", newest_first=True, number=number).number == expected


def test_a_path_has_what_is_in_it_and_below() -> None:
    """Not what is in another that begins alike."""
    names = ["both/left/a", "both/left/deep/b", "both/left[0]/c", "both/lefty/d", "both/right/e", "f"]
    history = [record(seq, name) for seq, name in enumerate(names, 1)]

    found = page_of(history, path="both/left", newest_first=False, number=1)
    assert [line.what for line in found.lines] == ["a", "b", "c"]
    assert paths_of(history) == ["both/left", "both/left/deep", "both/left[0]", "both/lefty", "both/right"]


def test_a_line_tells_payloads_apart_from_facts() -> None:
    """What may have to be hidden is never among the facts."""
    line = line_of(
        record(
            1,
            "both/left/a",
            HistoryType.SIGNAL_RECEIVED,
            payload={"secret": 1},
            reason="secret",
            unheard_of="secret",
            error={"message": "secret", "code": "STEP_FAILED"},
            by="kim",
            due_at=NOON.isoformat(),
        )
    )

    assert (line.path, line.what, line.facts) == ("both/left", "a", [("by", "kim")])
    assert line.payloads == [("payload", {"secret": 1})]
    assert line.reasons == [("reason", "secret")]
    assert line.times == [("until", NOON)]
    assert line.failure is not None


def test_attempts_are_on_one_axis() -> None:
    """Each begins where it did, is as long as it took, and can be seen however short it was."""
    attempts = [
        StepAttempt(step_name="a", attempt_number=1, started_at=NOON, finished_at=NOON + timedelta(seconds=50)),
        StepAttempt(step_name="b", attempt_number=1, started_at=NOON + timedelta(seconds=50)),
        StepAttempt(
            step_name="c",
            attempt_number=1,
            started_at=NOON + timedelta(seconds=100),
            finished_at=NOON + timedelta(seconds=100),
        ),
    ]
    first, running, instant = bars_of(attempts, NOON + timedelta(seconds=100))

    assert (first.x, first.width) == (0, WIDTH // 2)
    assert running.x + running.width <= WIDTH
    assert instant.width > 0
    assert instant.x + instant.width == WIDTH


def test_no_attempts_are_no_bars() -> None:
    """A mission that has not begun has none."""
    assert bars_of([], NOON) == []
