"""What is going on, in a person's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.console.page.words import standings
from mission_control.core import (
    ChildWait,
    MissionSnapshot,
    MissionStatus,
    Owner,
    Position,
    RetryWait,
    SignalWait,
    TimerWait,
    Wait,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
OWNER = Owner(pid=7, since=NOON, is_listening=True)


def mission(*positions: Position, **others: Any) -> MissionSnapshot:
    known: dict[str, Any] = {"cursor": None, "waiting": None, "error": None, "created_at": NOON, "updated_at": NOON}
    status = others.pop("status", MissionStatus.WAITING)
    return MissionSnapshot(
        mission_id="m-1", mission_name="order", status=status, positions=positions, **{**known, **others}
    )


def waiting(wait: Wait) -> Position:
    return Position(path=None, cursor=wait.event_name, status="waiting", waiting=wait)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (waiting(SignalWait(event_name="a", node_index=0)), "waits for this signal, without a deadline"),
        (waiting(SignalWait(event_name="a", node_index=0, timeout_at=NOON)), "waits for this signal"),
        (waiting(TimerWait(event_name="a", node_index=0, due_at=NOON)), "sleeps"),
        (waiting(TimerWait(event_name="start_at", node_index=0, due_at=NOON)), "starts later"),
        (
            waiting(RetryWait(event_name="a", node_index=0, due_at=NOON, attempt_number=3)),
            "failed, and is tried again (attempt 3)",
        ),
        (waiting(ChildWait(event_name="a", node_index=0, mission_id="c-1")), "waits for the end of mission"),
        (Position(path=None, cursor="a", status="running", attempt_number=1), "runs"),
        (Position(path=None, cursor="a", status="running", attempt_number=2), "runs, attempt 2"),
        (Position(path="all[3]", cursor=None, status="running"), "waits for a slot to begin"),
    ],
)
def test_each_line_says_why_it_does_not_move(position: Position, expected: str) -> None:
    """What it waits for, and how."""
    (standing,) = standings(mission(position), OWNER, NOON)

    assert standing.text == expected


def test_what_holds_all_lines_up_is_said_first() -> None:
    """A pause, and that nobody runs the missions."""
    found = standings(mission(waiting(SignalWait(event_name="a", node_index=0)), paused=True), None, NOON)

    assert [one.status for one in found] == ["paused", "overdue", "waiting"]


def test_what_is_overdue_is_said_so() -> None:
    """With when it was to go on."""
    late = mission(next_due=NOON - timedelta(hours=1))
    (found,) = standings(late, OWNER, NOON)

    assert (found.status, found.until) == ("overdue", NOON - timedelta(hours=1))


def test_what_has_ended_stands_nowhere() -> None:
    """Nothing holds up what is over, whoever runs the missions."""
    assert standings(mission(status=MissionStatus.FAILED), None, NOON) == []
