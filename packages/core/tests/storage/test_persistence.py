"""What becomes due of a mission, and what a commit is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.core.history import ChildWait, MissionStatus, MissionSummary, RetryWait, SignalWait, TimerWait
from mission_control.core.storage import DueKind, MissionCommit, due_kind, next_due_kind

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
ONE = NOON + timedelta(hours=1)

SIGNAL = SignalWait(event_name="signed", node_index=1)
BOUNDED = SignalWait(event_name="signed", node_index=1, timeout_at=ONE)
SLEEP = TimerWait(event_name="rest", node_index=1, due_at=ONE)
START = TimerWait(event_name="start_at", node_index=0, due_at=ONE)
RETRY = RetryWait(event_name="pack", node_index=1, due_at=ONE, attempt_number=2)
CHILD = ChildWait(event_name="billing", node_index=1, mission_id="m-1/billing")


def summary(mission_id: str = "m-1", **fields: Any) -> MissionSummary:
    """Return a row of a mission that runs."""
    return MissionSummary(
        mission_id=mission_id,
        mission_name="order",
        status=MissionStatus.RUNNING,
        cursor="pack",
        waiting=None,
        error=None,
        created_at=NOON,
        updated_at=NOON,
        **fields,
    )


KINDS: list[tuple[Any, datetime | None, DueKind | None]] = [
    (None, None, None),
    (SIGNAL, None, None),
    (CHILD, None, None),
    (BOUNDED, ONE, "signal"),
    (SLEEP, ONE, "sleep"),
    (START, ONE, "start_at"),
    (RETRY, ONE, "retry"),
    (SIGNAL, ONE, "reminder"),
    (CHILD, ONE, "reminder"),
    (BOUNDED, NOON, "reminder"),
    (SLEEP, NOON, "reminder"),
]


@pytest.mark.parametrize(("wait", "next_due", "kind"), KINDS)
def test_what_becomes_due_next(wait: Any, next_due: datetime | None, kind: DueKind | None) -> None:
    """It is the wait where that ends at the mission's next due time, else a reminder."""
    assert next_due_kind(summary(next_wait=wait, next_due=next_due)) == kind


def test_a_wait_for_a_child_never_becomes_due() -> None:
    """It ends when the child does."""
    assert due_kind(CHILD) is None


def test_the_family_of_a_commit() -> None:
    """A commit comes before those of the missions that it creates, and these in their order."""

    def creating(mission_id: str, *children: MissionCommit) -> MissionCommit:
        return MissionCommit(
            mission_id=mission_id, expected_version=0, records=(), summary=summary(mission_id), children=children
        )

    family = creating("p", creating("p/b", creating("p/b/c")), creating("p/a")).family()
    assert [one.mission_id for one in family] == ["p", "p/b", "p/b/c", "p/a"]
