"""What a history tells of attempts, timers and children, several of which are open at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.core import (
    ChildRecord,
    HistoryRecord,
    HistoryType,
    MissionInspection,
    MissionSnapshot,
    MissionStatus,
)
from mission_control.core.history import inspected, iso

T = HistoryType
NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
ERROR = {"error": {"message": "no", "code": "STEP_FAILED"}}
DUE = {"node_index": 1, "due_at": iso(NOW + timedelta(days=1))}


def inspect(*happened: tuple[HistoryType, str | None, dict[str, Any]]) -> MissionInspection:
    """Return what is told by these records, each of which comes a second after the one before."""
    snapshot = MissionSnapshot(
        mission_id="m-1",
        mission_name="it",
        status=MissionStatus.RUNNING,
        cursor=None,
        waiting=None,
        error=None,
        created_at=NOW,
        updated_at=NOW,
    )
    history = tuple(
        HistoryRecord(seq=seq, type=kind, at=at(seq), event_name=name, attempt_number=1, details=details)
        for seq, (kind, name, details) in enumerate(happened, 1)
    )
    return inspected(snapshot, history)


def at(seq: int) -> datetime:
    return NOW + timedelta(seconds=seq)


def timers(*happened: tuple[HistoryType, str | None, dict[str, Any]]) -> list[tuple[str, str]]:
    return [(timer.event_name, timer.status) for timer in inspect(*happened).timers]


def test_attempts_of_several_paths_are_told_apart() -> None:
    """What ends an attempt names its instance; the one that began last is another one."""
    attempts = inspect(
        (T.STEP_STARTED, "all/a/work", {}),
        (T.STEP_STARTED, "all/b/work", {}),
        (T.STEP_STARTED, "all/c/work", {}),
        (T.STEP_STARTED, "all/d/work", {}),
        (T.STEP_SUCCEEDED, "all/a/work", {"output": 1}),
        (T.STEP_INTERRUPTED, "all/c/work", {"reason": "stopped"}),
        (T.STEP_FAILED, "all/b/work", ERROR),
    ).step_attempts

    assert [(one.step_name, one.status, one.finished_at) for one in attempts] == [
        ("all/a/work", "succeeded", at(5)),
        ("all/b/work", "failed", at(7)),
        ("all/c/work", "interrupted", at(6)),
        ("all/d/work", "running", None),
    ]
    assert [str(one.error) for one in attempts if one.error] == ["no"]


def test_attempts_of_undos_and_decisions_are_attempts() -> None:
    """An undo runs under a name of its own, a decision under that of its construct."""
    attempts = inspect(
        (T.STEP_STARTED, "which", {"kind": "branch"}),
        (T.STEP_SUCCEEDED, "which", {"output": "left"}),
        (T.STEP_STARTED, "undo:which/left/pay", {}),
    ).step_attempts

    assert [(one.step_name, one.status) for one in attempts] == [
        ("which", "succeeded"),
        ("undo:which/left/pay", "running"),
    ]


def test_timers_of_several_paths_are_told_apart() -> None:
    """What fires is the timer of that name."""
    told = inspect(
        (T.TIMER_SCHEDULED, "all/a/nap", DUE),
        (T.STEP_RETRY_SCHEDULED, "all/b/work", DUE),
        (T.TIMER_FIRED, "all/a/nap", {}),
    ).timers

    assert [(one.event_name, one.kind, one.status, one.resumed_at) for one in told] == [
        ("all/a/nap", "sleep", "completed", at(3)),
        ("all/b/work", "retry", "scheduled", None),
    ]


@pytest.mark.parametrize("end", [T.MISSION_CANCELLED, T.MISSION_FAILED, T.MISSION_UNDOING])
def test_end_of_the_mission_cancels_all_open_timers(end: HistoryType) -> None:
    """Whether it failed, was cancelled or is undone; what has fired has fired."""
    assert timers(
        (T.TIMER_SCHEDULED, "first", DUE),
        (T.TIMER_FIRED, "first", {}),
        (T.TIMER_SCHEDULED, "all/a/nap", DUE),
        (T.TIMER_SCHEDULED, "all/b/nap", DUE),
        (end, "all/c/work", ERROR),
    ) == [("first", "completed"), ("all/a/nap", "cancelled"), ("all/b/nap", "cancelled")]


@pytest.mark.parametrize("end", [T.PATH_STOPPED, T.PATH_FAILED])
def test_end_of_a_path_cancels_its_timers(end: HistoryType) -> None:
    """However deep in it they are; those of a path whose text only begins alike go on."""
    assert timers(
        (T.TIMER_SCHEDULED, "items[1]/nap", DUE),
        (T.TIMER_SCHEDULED, "items[1]/survey[0]/nap", DUE),
        (T.TIMER_SCHEDULED, "items[10]/nap", DUE),
        (T.TIMER_SCHEDULED, "nap", DUE),
        (end, "items[1]", ERROR),
    ) == [
        ("items[1]/nap", "cancelled"),
        ("items[1]/survey[0]/nap", "cancelled"),
        ("items[10]/nap", "scheduled"),
        ("nap", "scheduled"),
    ]


@pytest.mark.parametrize("end", [T.SIGNAL_RECEIVED, T.SIGNAL_TIMED_OUT])
def test_end_of_a_wait_cancels_the_backoff_of_its_reminder(end: HistoryType) -> None:
    """A reminder that is to be tried again has nothing to remind of any more."""
    assert timers(
        (T.STEP_RETRY_SCHEDULED, "signed/reminder[0]", DUE),
        (T.TIMER_SCHEDULED, "nap", DUE),
        (end, "signed", {"payload": None}),
    ) == [("signed/reminder[0]", "cancelled"), ("nap", "scheduled")]


def test_reminder_that_is_due_is_no_timer() -> None:
    """What fires without having been scheduled leaves the timers as they are."""
    assert timers((T.TIMER_SCHEDULED, "nap", DUE), (T.TIMER_FIRED, "signed/reminder[0]", {})) == [("nap", "scheduled")]
    assert timers((T.TIMER_FIRED, "signed/reminder[0]", {})) == []


def test_children_are_told_with_how_they_ended() -> None:
    """As far as the parent was told: nothing of one that runs, or that is not waited for."""
    assert inspect(
        (T.CHILD_STARTED, "all/a/payroll", {"id": "m-1/all/a/payroll"}),
        (T.CHILD_STARTED, "audit", {"id": "m-1/audit", "wait": False}),
        (T.CHILD_STARTED, "all/b/payroll", {"id": "m-1/all/b/payroll"}),
        (T.CHILD_ENDED, "all/a/payroll", {"id": "m-1/all/a/payroll", "status": "failed", **ERROR}),
    ).children == (
        ChildRecord(
            event_name="all/a/payroll",
            mission_id="m-1/all/a/payroll",
            started_at=at(1),
            ended_at=at(4),
            status=MissionStatus.FAILED,
        ),
        ChildRecord(event_name="audit", mission_id="m-1/audit", started_at=at(2), is_awaited=False),
        ChildRecord(event_name="all/b/payroll", mission_id="m-1/all/b/payroll", started_at=at(3)),
    )


def test_many_open_timers_cost_no_more_each() -> None:
    """Ten thousand timers of as many paths, all of which are stopped, are told in one go."""
    names = [f"items[{index}]" for index in range(10_000)]
    scheduled = [(T.TIMER_SCHEDULED, f"{name}/nap", DUE) for name in names]
    stopped: list[tuple[HistoryType, str | None, dict[str, Any]]] = [
        (T.PATH_STOPPED, name, {"reason": "cancelled"}) for name in reversed(names)
    ]

    assert {status for _, status in timers(*scheduled, *stopped)} == {"cancelled"}
