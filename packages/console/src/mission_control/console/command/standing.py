"""Where a mission stands, in the few words that fit into a line."""

from __future__ import annotations

from mission_control.core import ChildWait, MissionStatus, MissionSummary, RetryWait, SignalWait, TimerWait, Wait
from mission_control.core.history import START_AT, due_at

from ..reading import Times
from .tables import Cell

COLOURS = {
    MissionStatus.RUNNING: "blue",
    MissionStatus.WAITING: "yellow",
    MissionStatus.COMPLETED: "green",
    MissionStatus.FAILED: "red",
    MissionStatus.CANCELLED: "magenta",
}


def status_cell(mission: MissionSummary) -> Cell:
    """Return the status, in its colour, and whether it is paused."""
    text = f"{mission.status}, paused" if mission.paused else str(mission.status)
    return Cell(text, colour=COLOURS.get(mission.status))


def standing(mission: MissionSummary, times: Times) -> str:
    """Return what a mission waits for and until when, at which node it runs, or why it ended.

    Of instances it has their own names, behind the last `/`.
    """
    if mission.status.is_terminal:
        return "" if mission.error is None else str(mission.error)
    wait = mission.next_wait
    if wait is None:
        return "" if mission.cursor is None else f"at {mission.cursor}"
    due = due_at(wait)
    error = "" if mission.error is None else f" after {mission.error}"
    return _waits(wait) + ("" if due is None else f" {times.ago(due)}") + error


def _waits(wait: Wait) -> str:
    name = wait.event_name.rpartition("/")[2]
    match wait:
        case SignalWait():
            return name if wait.timeout_at is None else f"{name}, deadline"
        case ChildWait():
            return f"mission {wait.mission_id}"
        case RetryWait():
            return f"{name}, attempt {wait.attempt_number}"
        case TimerWait():
            return f"{name} ends"


def kind_of(wait: Wait) -> str:
    """Return what kind of thing is waited for."""
    match wait:
        case SignalWait():
            return "signal"
        case ChildWait():
            return f"mission {wait.mission_id}"
        case RetryWait():
            return f"retry, attempt {wait.attempt_number}"
        case TimerWait():
            return "delayed start" if wait.event_name == START_AT else "sleep"
