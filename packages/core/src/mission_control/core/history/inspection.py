"""Everything there is to see of a mission: its state, and its history with all that can be told from it.

Several attempts and timers may be open at a time: what ends one names its instance, or the path that it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from .records import (
    START_AT,
    ChildRecord,
    HistoryRecord,
    HistoryType,
    MissionSnapshot,
    MissionStatus,
    Record,
    SignalRecord,
    StepAttempt,
    TimerRecord,
    failure_of,
    parse_iso,
)
from .timeline import timeline

_T = HistoryType

_ATTEMPT_ENDS: Mapping[HistoryType, Literal["succeeded", "failed", "interrupted"]] = {
    _T.STEP_SUCCEEDED: "succeeded",
    _T.STEP_FAILED: "failed",
    _T.STEP_INTERRUPTED: "interrupted",
}
_TIMERS: Mapping[HistoryType, Literal["sleep", "retry"]] = {
    _T.TIMER_SCHEDULED: "sleep",
    _T.STEP_RETRY_SCHEDULED: "retry",
}
_ENDS_OF_TIMERS: Mapping[HistoryType, bool] = {
    _T.MISSION_CANCELLED: True,
    _T.MISSION_FAILED: True,
    _T.MISSION_UNDOING: True,
    _T.PATH_STOPPED: False,
    _T.PATH_FAILED: False,
    _T.SIGNAL_RECEIVED: False,
    _T.SIGNAL_TIMED_OUT: False,
}
"""What ends timers that have not fired: all of the mission's, or only those in the path or reminders that it names."""

_EVERYWHERE = ""
"""The place that is the whole mission."""


@attrs.frozen(kw_only=True)
class MissionInspection(Record):
    """Everything there is to see of a mission; `str()` of it is its timeline.

    `children` are the missions that it started, and `snapshot.parent_id` is the one that started it.
    """

    snapshot: MissionSnapshot
    history: tuple[HistoryRecord, ...]
    step_attempts: tuple[StepAttempt, ...]
    signals: tuple[SignalRecord, ...]
    timers: tuple[TimerRecord, ...]
    children: tuple[ChildRecord, ...] = ()

    def timeline(self, *, width: int | None = 100) -> str:
        """Return a page for people: a line for the mission, and one for each record.

        The first says what the mission waits for, on all of its paths; a record of a path is marked with its text.
        Payloads and messages are cut to `width` characters; None shows them whole. What is not of the mission's own
        texts is ASCII, and all of it can be encoded. Raises `ValueError` for a width below 1.
        """
        return timeline(self.snapshot, self.history, self.children, width)

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
        children=_children(history),
    )


def _attempts(history: tuple[HistoryRecord, ...]) -> tuple[StepAttempt, ...]:
    attempts: list[StepAttempt] = []
    running: dict[str, int] = {}
    for record in history:
        name = record.event_name or ""
        if record.type is _T.STEP_STARTED:
            running[name] = len(attempts)
            attempts.append(
                StepAttempt(step_name=name, attempt_number=record.attempt_number or 0, started_at=record.at)
            )
        elif record.type in _ATTEMPT_ENDS:
            error = failure_of(record) if record.type is _T.STEP_FAILED else None
            place = running.pop(name)
            attempts[place] = attrs.evolve(
                attempts[place], finished_at=record.at, status=_ATTEMPT_ENDS[record.type], error=error
            )
    return tuple(attempts)


def _signals(history: tuple[HistoryRecord, ...]) -> tuple[SignalRecord, ...]:
    signals: dict[int, SignalRecord] = {}
    kept: dict[int, SignalRecord] = {}
    for record in history:
        details = record.details
        if record.type is _T.SIGNAL_KEPT:
            signals[record.seq] = kept[record.seq] = _signal(record, details["payload"], "kept")
        elif record.type is _T.SIGNAL_RECEIVED and "kept" in details:
            signals.pop(details["kept"], None)  # of a mission that was reopened it may be taken once more
            signals[record.seq] = attrs.evolve(
                kept[details["kept"]], event_name=record.event_name or "", received_at=record.at, status="received"
            )
        elif record.type is _T.SIGNAL_RECEIVED:
            signals[record.seq] = _signal(record, details["payload"], "received")
    return tuple(signals.values())


def _signal(record: HistoryRecord, payload: Any, status: Literal["received", "kept"]) -> SignalRecord:
    return SignalRecord(
        event_name=record.event_name or "",
        received_at=record.at,
        payload=payload,
        status=status,
        key=record.details.get("key"),
        by=record.details.get("by"),
    )


def _timers(history: tuple[HistoryRecord, ...]) -> tuple[TimerRecord, ...]:
    timers = _Timers()
    for record in history:
        if record.type in _TIMERS:
            timers.schedule(record)
        elif record.type is _T.TIMER_FIRED:
            timers.fire(record)
        elif record.type is _T.STEP_SKIPPED:
            timers.skip(record)
        elif record.type in _ENDS_OF_TIMERS:
            timers.cancel(_EVERYWHERE if _ENDS_OF_TIMERS[record.type] else record.event_name or "")
    return tuple(timers.records)


class _Timers:
    """The timers of a history, and which of them are open at each of the places around them."""

    def __init__(self) -> None:
        self.records: list[TimerRecord] = []
        self._open: dict[str, dict[str, int]] = {}

    def schedule(self, record: HistoryRecord) -> None:
        name = record.event_name or ""
        for place in _around(name):
            self._open.setdefault(place, {})[name] = len(self.records)
        self.records.append(
            TimerRecord(
                event_name=name,
                kind="start_at" if name == START_AT else _TIMERS[record.type],
                scheduled_at=record.at,
                due_at=parse_iso(record.details["due_at"]),
            )
        )

    def fire(self, record: HistoryRecord) -> None:
        name = record.event_name or ""
        if name in self._open.get(_EVERYWHERE, ()):  # a reminder that was due is no timer
            place = self._close(name)
            self.records[place] = attrs.evolve(self.records[place], resumed_at=record.at, status="completed")

    def skip(self, record: HistoryRecord) -> None:
        """Cancel the backoff of the step that is tried no more, where it backed off."""
        name = record.event_name or ""
        if name in self._open.get(_EVERYWHERE, ()):
            place = self._close(name)
            self.records[place] = attrs.evolve(self.records[place], status="cancelled")

    def cancel(self, around: str) -> None:
        """Cancel what is open at a place."""
        for name in list(self._open.get(around, ())):
            place = self._close(name)
            self.records[place] = attrs.evolve(self.records[place], status="cancelled")

    def _close(self, name: str) -> int:
        for place in _around(name)[1:]:
            del self._open[place][name]
        return self._open[_EVERYWHERE].pop(name)


def _around(name: str) -> list[str]:
    """Return the texts of the places that an instance is in, from the whole mission inwards."""
    parts = name.split("/")
    return [_EVERYWHERE, *("/".join(parts[:length]) for length in range(1, len(parts)))]


def _children(history: tuple[HistoryRecord, ...]) -> tuple[ChildRecord, ...]:
    children: dict[str, ChildRecord] = {}
    ended: dict[str, int] = {}
    for record in history:
        name = record.event_name or ""
        if record.type is _T.CHILD_STARTED:
            children[name] = ChildRecord(
                event_name=name,
                mission_id=record.details["id"],
                started_at=record.at,
                is_awaited=record.details.get("wait", True),
            )
        elif record.type is _T.CHILD_ENDED:
            ended[name] = record.seq
            children[name] = attrs.evolve(
                children[name], ended_at=record.at, status=MissionStatus(record.details["status"])
            )
        elif record.type is _T.MISSION_REOPENED:
            for again in [one for one, seq in ended.items() if seq >= record.details["from_seq"]]:
                del ended[again]
                children[again] = attrs.evolve(children[again], ended_at=None, status=MissionStatus.RUNNING)
    return tuple(children.values())
