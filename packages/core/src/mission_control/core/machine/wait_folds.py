"""What records of waits change in a state: for signals, with what reminds of them, and for times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..history import (
    EventRecord,
    HistoryRecord,
    HistoryType,
    Kept,
    KeptSignal,
    SignalWait,
    TimerWait,
    UsedKeys,
    parse_iso,
)
from ..making import maker
from .lines import AnyLine, Line, bare, key_of
from .phases import Phase
from .places import Fold, check_wait, contradiction, end_line, leave, lines_of, remove_line, stand_on
from .state import State

_T = HistoryType
_timer = maker(TimerWait)


def use_key(state: State, record: HistoryRecord) -> None:
    """Remember the key that a record bears, where it bears one: from then on it is used."""
    key = record.details.get("key")
    if key is not None:
        state.keys = (UsedKeys() if state.keys is None else state.keys).with_key(key, record)


def _waiting_for_signal(state: State, line: AnyLine, record: HistoryRecord) -> None:
    details = record.details
    timeout_at = details.get("timeout_at")
    name = record.event_name or ""
    stand_on(line, name, "need_to")
    line.waits_since = record.at
    line.waiting = SignalWait(
        event_name=name,
        node_index=details["node_index"],
        timeout_at=None if timeout_at is None else parse_iso(timeout_at),
    )
    if "remind_at" in details:
        _first_reminder(state, line, name, details["remind_at"])


def _first_reminder(state: State, line: AnyLine, signal: str, due: str) -> None:
    """Have a line beside the one that waits, which is found by the instance of the wait."""
    lines = lines_of(state)
    reminder = lines.add(signal, key_of(line))
    reminder.phase = Phase.SLEEPING
    name = f"{signal}/reminder[0]"
    stand_on(reminder, name, "reminder")
    reminder.anchor = parse_iso(due)
    reminder.waiting = TimerWait(event_name=name, node_index=0, due_at=reminder.anchor)
    lines.moved(reminder, was_attempting=False, waited=None)


def _signal_received(state: State, line: AnyLine, record: HistoryRecord) -> None:
    check_wait(state, line, record)
    details = record.details
    payload = details["payload"] if "payload" in details else _taken(state, line.cursor or "", record)
    state.events = state.events.with_entry(line.cursor or "", EventRecord(input=payload))
    use_key(state, record)
    end_reminder(state, line)
    leave(line, record)


def _signal_kept(state: State, line: AnyLine, record: HistoryRecord) -> None:
    signal = KeptSignal(record.seq, record.event_name or "", record.details["payload"])
    state.kept = (Kept() if state.kept is None else state.kept).with_signal(signal)
    use_key(state, record)


def _taken(state: State, instance: str, record: HistoryRecord) -> Any:
    """Return the payload of a kept signal, which is kept no more."""
    for name in (instance, bare(instance)):
        signal = None if state.kept is None else state.kept.first(name)
        if state.kept is not None and signal is not None and signal.seq == record.details["kept"]:
            left = state.kept.without_first(name)
            state.kept = left if len(left) else None
            return signal.payload
    raise contradiction(state, record, "no such signal is kept for it")


def _signal_timed_out(state: State, line: AnyLine, record: HistoryRecord) -> None:
    check_wait(state, line, record)
    state.events = state.events.with_entry(line.cursor or "", None)
    end_reminder(state, line)
    leave(line, record)


def end_reminder(state: State, line: AnyLine) -> None:
    """What reminded of the wait of a line, if something did, reminds no more."""
    if state.lines is None:
        return
    reminder = state.lines.edit(line.cursor or "")
    if reminder is not None and reminder.place == "reminder":
        end_line(state, reminder, Phase.CANCELLED)


def _timer_scheduled(state: State, line: AnyLine, record: HistoryRecord) -> None:
    name = record.event_name or ""
    if line.phase is Phase.SLEEPING and name != line.cursor:  # else it is the round that was judged, or was computed
        stand_on(line, name, "sleep")
    line.waiting = _timer("timer", name, record.details["node_index"], parse_iso(record.details["due_at"]))


def _timer_fired(state: State, line: AnyLine, record: HistoryRecord) -> None:
    check_wait(state, line, record)
    line.waiting = None
    if line.place == "sleep":
        state.events = state.events.with_entry(line.cursor or "", None)
    elif line.place == "reminder" and isinstance(line, Line) and line.phase is Phase.READY and not line.failures:
        line.phase = Phase.COMPLETED  # its wait has no reminder in today's definition
        remove_line(state, line)
        return
    leave(line, record)


WAIT_FOLDS: Mapping[HistoryType, Fold] = {
    _T.WAITING_FOR_SIGNAL: _waiting_for_signal,
    _T.SIGNAL_KEPT: _signal_kept,
    _T.SIGNAL_RECEIVED: _signal_received,
    _T.SIGNAL_TIMED_OUT: _signal_timed_out,
    _T.TIMER_SCHEDULED: _timer_scheduled,
    _T.TIMER_FIRED: _timer_fired,
}
