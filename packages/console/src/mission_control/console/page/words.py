"""What is going on, in a person's words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import attrs

from mission_control.core import (
    ChildWait,
    MissionFailure,
    MissionSnapshot,
    MissionStatus,
    Owner,
    Position,
    RetryWait,
    SignalWait,
    TimerWait,
    Wait,
)
from mission_control.core.history import START_AT

TOLD: Final = {
    "answered": "The answer was taken.",
    "accepted": "Accepted. It is durable, and will be applied once, by the process that runs the missions of this "
    "database.",
    "started": "The mission has started.",
    "paused": "The schedule is paused.",
    "resumed": "The schedule fires again.",
    "triggered": "The schedule has started a mission.",
    "backfilled": "The missions of those slots have started, where they had not.",
}
"""What a page tells of what was done before, by the word that its address bears."""


@attrs.frozen(kw_only=True)
class Standing:
    """Where one line of a mission stands: `text` says why it does not move, `until` when that ends by itself."""

    status: str
    place: str | None
    text: str
    word: str = ""
    """What is said of the status where its name does not say it."""
    until: datetime | None = None
    until_word: str = "until"
    mission_id: str | None = None


def standings(snapshot: MissionSnapshot, owner: Owner | None, now: datetime) -> list[Standing]:
    """Return where the lines of a mission stand, and before them what holds all of them up."""
    return [*_holding_up(snapshot, owner, now), *map(_standing, snapshot.positions)]


def _holding_up(snapshot: MissionSnapshot, owner: Owner | None, now: datetime) -> Iterator[Standing]:
    if snapshot.status.is_terminal:
        return
    if snapshot.paused:
        yield Standing(status="paused", place=None, text="nothing begins or fires until it is resumed")
    if owner is None:
        text = "no process runs the missions of this database; nothing moves until one does"
        yield Standing(status="overdue", place=None, text=text, word="not moving")
    elif snapshot.next_due is not None and snapshot.next_due < now and snapshot.status is MissionStatus.WAITING:
        yield Standing(status="overdue", place=None, text="it was to go on", until=snapshot.next_due, until_word="at")


def _standing(position: Position) -> Standing:
    if position.waiting is None:
        attempt = "" if position.attempt_number in (None, 1) else f", attempt {position.attempt_number}"
        text = f"runs{attempt}" if position.cursor else "waits for a slot to begin"
        return Standing(status="running", place=position.cursor or position.path, text=text)
    return _waiting(position.waiting)


def _waiting(wait: Wait) -> Standing:
    if isinstance(wait, SignalWait):
        text = "waits for this signal" + ("" if wait.timeout_at else ", without a deadline")
        return Standing(
            status="waiting", place=wait.event_name, text=text, until=wait.timeout_at, until_word="deadline"
        )
    if isinstance(wait, RetryWait):
        text = f"failed, and is tried again (attempt {wait.attempt_number})"
        return Standing(status="waiting", place=wait.event_name, text=text, until=wait.due_at, until_word="at")
    if isinstance(wait, TimerWait):
        text = "starts later" if wait.event_name == START_AT else "sleeps"
        return Standing(status="waiting", place=wait.event_name, text=text, until=wait.due_at)
    assert isinstance(wait, ChildWait)
    return Standing(
        status="waiting", place=wait.event_name, text="waits for the end of mission", mission_id=wait.mission_id
    )


def failure_kind(failure: MissionFailure) -> str:
    """Return what of a failure says nothing of payloads: its code, and its class."""
    kind = (failure.type or "").rpartition(".")[2]
    return f"{failure.code}: {kind}" if kind else failure.code
