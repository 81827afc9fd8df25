"""What a history shows of a mission, beside its state: its attempts, signals and timers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs

from .machine import failure_of, load
from .records import (
    START_AT,
    HistoryRecord,
    HistoryType,
    MissionInspection,
    SignalRecord,
    StepAttempt,
    TimerRecord,
    parse_iso,
)

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


def inspect_history(mission_id: str, history: Iterable[HistoryRecord], *, mission_name: str = "") -> MissionInspection:
    """Return all that a stored history tells; an empty one tells of an idle mission named `mission_name`.

    Raises `CorruptMissionError` where it does not fold.
    """
    records = tuple(history)
    return MissionInspection(
        snapshot=load(mission_id, records, mission_name=mission_name).snapshot(),
        history=records,
        step_attempts=_attempts(records),
        signals=_signals(records),
        timers=_timers(records),
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
