"""What missions in memory are found by, beyond what the contract of adapters says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mission_control.core.history import MissionFailure, MissionStatus, MissionSummary, OpenWait, TimerWait, labels_of
from mission_control.core.storage import MissionQuery
from mission_control.core.storage.memory_index import Index

NOW = datetime(2024, 2, 29, tzinfo=UTC)
FAILED: dict[str, Any] = {
    "status": MissionStatus.FAILED,
    "error": MissionFailure(message="no", at=NOW, code="STEP_FAILED"),
}


def row(mission_id: str, **fields: Any) -> MissionSummary:
    shown: dict[str, Any] = {"status": MissionStatus.RUNNING, "cursor": "a", "waiting": None, "error": None, **fields}
    return MissionSummary(mission_id=mission_id, mission_name="order", created_at=NOW, updated_at=NOW, **shown)


def lists(index: Index) -> list[Any]:
    """Return all that is in the index."""
    return [index.missions, index.numbers, index.times, index.waits]


def test_nothing_is_left_of_what_is_removed() -> None:
    """A mission that is there no more leaves no list behind, whatever it was found by."""
    index = Index()
    sleep = TimerWait(event_name="cooldown", node_index=1, due_at=NOW)
    waits: dict[str, Any] = {"status": MissionStatus.WAITING, "waiting": sleep, "next_wait": sleep, "next_due": NOW}
    started: dict[str, Any] = {"labels": labels_of({"a": "b"}), "schedule": "nightly", "parent_id": "p"}
    stored = index.create(row("x", **started), "f-1", is_awaited=True)
    wait = OpenWait(mission_id="x", mission_name="order", event_name="go", path=None, since=NOW)
    index.add_wait(wait)
    for fields in (waits, waits, FAILED, {}, FAILED):
        index.replace(stored, row("x", **started, **fields), None)
    index.remove_wait(wait)
    index.remove(stored)
    assert [len(one) for one in lists(index)] == [0, 0, 0, 0]
    assert index.find(MissionQuery(id_prefix=""), 9, None) == []


def test_numbers_are_not_given_again() -> None:
    """What is created behind a mission that was removed is behind it."""
    index = Index()
    last = index.create(row("x"), None, is_awaited=False)
    index.remove(last)
    assert index.create(row("y"), None, is_awaited=False).number > last.number
