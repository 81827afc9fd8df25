"""Everything there is to see of a mission: its state, its history, and the attempts, signals and timers in it."""

from __future__ import annotations

from typing import Literal

import attrs

from .records import (
    START_AT,
    HistoryRecord,
    HistoryType,
    MissionSnapshot,
    Record,
    SignalRecord,
    StepAttempt,
    TimerRecord,
    failure_of,
    parse_iso,
)
from .timeline import timeline

_T = HistoryType

_ATTEMPT_ENDS: dict[HistoryType, Literal["succeeded", "failed", "interrupted"]] = {
    _T.STEP_SUCCEEDED: "succeeded",
    _T.STEP_FAILED: "failed",
    _T.STEP_INTERRUPTED: "interrupted",
}
_TIMERS: dict[HistoryType, Literal["sleep", "retry"]] = {
    _T.TIMER_SCHEDULED: "sleep",
    _T.STEP_RETRY_SCHEDULED: "retry",
}


@attrs.frozen(kw_only=True)
class MissionInspection(Record):
    """Everything there is to see of a mission; `str()` of it is its timeline."""

    snapshot: MissionSnapshot
    history: tuple[HistoryRecord, ...]
    step_attempts: tuple[StepAttempt, ...]
    signals: tuple[SignalRecord, ...]
    timers: tuple[TimerRecord, ...]

    def timeline(self, *, width: int | None = 100) -> str:
        """Return a page for people: a line for the mission, and one for each record.

        Payloads and messages are cut to `width` characters; None shows them whole. What is not of the mission's own
        texts is ASCII, and all of it can be encoded. Raises `ValueError` for a width below 1.
        """
        return timeline(self.snapshot, self.history, width)

    def __str__(self) -> str:
        return self.timeline()


def inspected(snapshot: MissionSnapshot, history: tuple[HistoryRecord, ...]) -> MissionInspection:
    """Return all that a history tells, beside the state that it folds to."""
    return MissionInspection(
        snapshot=snapshot,
        history=history,
        step_attempts=_attempts(history),
        signals=_signals(history),
        timers=_timers(history),
    )


def _attempts(history: tuple[HistoryRecord, ...]) -> tuple[StepAttempt, ...]:
    attempts: list[StepAttempt] = []
    for record in history:
        if record.type is _T.STEP_STARTED:
            attempts.append(
                StepAttempt(
                    step_name=record.event_name or "",
                    attempt_number=record.attempt_number or 0,
                    started_at=record.at,
                )
            )
        elif record.type in _ATTEMPT_ENDS:
            error = failure_of(record) if record.type is _T.STEP_FAILED else None
            attempts[-1] = attrs.evolve(
                attempts[-1], finished_at=record.at, status=_ATTEMPT_ENDS[record.type], error=error
            )
    return tuple(attempts)


def _signals(history: tuple[HistoryRecord, ...]) -> tuple[SignalRecord, ...]:
    return tuple(
        SignalRecord(event_name=record.event_name or "", received_at=record.at, payload=record.details["payload"])
        for record in history
        if record.type is _T.SIGNAL_RECEIVED
    )


def _timers(history: tuple[HistoryRecord, ...]) -> tuple[TimerRecord, ...]:
    timers: list[TimerRecord] = []
    for record in history:
        if record.type in _TIMERS:
            timers.append(
                TimerRecord(
                    event_name=record.event_name or "",
                    kind="start_at" if record.event_name == START_AT else _TIMERS[record.type],
                    scheduled_at=record.at,
                    due_at=parse_iso(record.details["due_at"]),
                )
            )
        elif record.type is _T.TIMER_FIRED:
            timers[-1] = attrs.evolve(timers[-1], resumed_at=record.at, status="completed")
        elif record.type is _T.MISSION_CANCELLED and timers and timers[-1].status == "scheduled":
            timers[-1] = attrs.evolve(timers[-1], status="cancelled")
    return tuple(timers)
