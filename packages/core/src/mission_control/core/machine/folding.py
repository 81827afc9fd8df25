"""What each record changes in a state, beside its phase.

Every function takes the state and the line that the record is of, which is the state itself for the main line, and for
the records that are of the mission as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..history import (
    NO_LABELS,
    UNDO,
    ChildWait,
    EventRecord,
    HistoryRecord,
    HistoryType,
    Kept,
    KeptSignal,
    MissionFailure,
    MissionStatus,
    Opened,
    RetryWait,
    SignalWait,
    TimerWait,
    UsedKeys,
    failure_of,
    labels_of,
    parse_iso,
)
from ..making import maker
from .lines import AnyLine, Fork, Line, bare, key_of
from .phases import Phase
from .places import check_attempt, check_wait, contradiction, end_line, leave, lines_of, place_of, stand_on
from .state import Ending, Origin, State, Undo

_T = HistoryType
_event, _origin, _timer = maker(EventRecord), maker(Origin), maker(TimerWait)

PROCESS_ENDED = "process ended"
"""The reason of an interruption that counts towards `max_interruptions`, unless the attempt stood by."""

# Mission


def _created(state: State, line: AnyLine, record: HistoryRecord) -> None:
    details = record.details
    state.mission_name = details["mission_name"]
    state.last_run = details["definition"]
    slot = details.get("slot")
    state.origin = _origin(
        record.at,
        details["definition"],
        details.get("trace"),
        details.get("parent"),
        details.get("awaited", False),
        details.get("schedule"),
        None if slot is None else parse_iso(slot),
        labels_of(details.get("labels", NO_LABELS)),
        False,
    )
    state.cursor, state.place = "start", "start"
    state.events = state.events.with_entry("start", _event(details["input"], None))


def _updated(state: State, line: AnyLine, record: HistoryRecord) -> None:
    entry = EventRecord(input=record.details["input"], output=record.details["output"])
    state.events = state.events.with_entry(record.event_name or "", entry)
    use_key(state, record)


def use_key(state: State, record: HistoryRecord) -> None:
    """Remember the key that a record bears, where it bears one: from then on it is used."""
    key = record.details.get("key")
    if key is not None:
        state.keys = (UsedKeys() if state.keys is None else state.keys).with_key(key, record)


def _cancellation_requested(state: State, line: AnyLine, record: HistoryRecord) -> None:
    state.is_cancelling = True
    state.is_paused = False
    state.ending = Ending(cancellation=record.details.get("reason"))


def _undoing(state: State, line: AnyLine, record: HistoryRecord) -> None:
    details = record.details
    reason = details.get("cancellation", state.ending.cancellation)
    state.error = failure_of(record) if "error" in details else _cancelled(reason, record)
    children, stood_at = dict.fromkeys(details.get("children", ())), record.event_name or state.cursor
    state.ending = Ending(cancellation=reason, stood_at=stood_at, children=children, children_left=len(children))
    state.waiting = state.fork = state.lines = None
    stand_on(state, UNDO + details["steps"][0], "undo")


def _cancelled(reason: str | None, record: HistoryRecord) -> MissionFailure:
    """Return why a mission ended that somebody cancelled."""
    return MissionFailure(message=cancellation_text(reason), at=record.at, code="MISSION_CANCELLED")


def cancellation_text(reason: str | None) -> str:
    """Return what a cancelled mission says of its end."""
    return "the mission was cancelled" if reason is None else f"the mission was cancelled: {reason}"


def _paused(state: State, line: AnyLine, record: HistoryRecord) -> None:
    state.is_paused = True


def _resumed(state: State, line: AnyLine, record: HistoryRecord) -> None:
    state.is_paused = False


def _ended(state: State, line: AnyLine, record: HistoryRecord) -> None:
    state.waiting = state.fork = state.lines = None
    state.is_paused = False
    if record.type is _T.MISSION_COMPLETED:
        state.cursor = None
    else:
        state.cursor = record.event_name
        state.error = failure_of(record)


# Attempts


def _step_started(state: State, line: AnyLine, record: HistoryRecord) -> None:
    number = record.attempt_number or 0
    name = record.event_name or ""
    if name != line.cursor:
        stand_on(line, name, place_of(line, record))
    expected = line.attempt_number + 1 if state.past is None else next_number(state, line, name)
    if number != expected:
        raise contradiction(state, record, f"attempt {expected} was expected")
    line.attempt_number = number
    line.stands_by = False
    line.waiting = None
    details = record.details
    if "definition" in details:
        state.last_run, state.origin = details["definition"], attrs.evolve(state.origin, has_changed=True)
    if "undo" in details and not line.is_undoable:
        line.is_undoable = True
        state.undos = Undo(name, state.undos)


def next_number(state: State, line: AnyLine, instance: str) -> int:
    """Return the number of the next attempt at an instance: what does not count any more is numbered on."""
    here = line.attempt_number if line.cursor == instance else 0
    return 1 + max(here, 0 if state.past is None else state.past.numbers.get(instance, 0))


def _step_skipped(state: State, line: AnyLine, record: HistoryRecord) -> None:
    """As if the last attempt had returned it."""
    line.waiting = None
    _step_succeeded(state, line, attrs.evolve(record, attempt_number=line.attempt_number))


def _step_succeeded(state: State, line: AnyLine, record: HistoryRecord) -> None:
    check_attempt(state, line, record)
    name = line.cursor or ""
    output = record.details["output"]
    place = line.place
    if place == "step" or place == "start":
        known = state.events.find(name)
        state.events = state.events.with_entry(name, _event(known and known.input, output))
        if line is state:
            state.output = output
    elif place in ("branch", "each", "repeat"):
        state.events = state.events.with_entry(name, EventRecord(output=output))
    elif place == "reminder":
        _remind_later(state, line, record)
        return
    elif place == "undo":
        _undone(state)
    leave(line, record)


def _undone(state: State, given_up: tuple[str, ...] = ()) -> None:
    assert state.undos is not None  # it is being undone
    state.undos = state.undos.before
    if given_up:
        state.ending = attrs.evolve(state.ending, undo_failed=state.ending.undo_failed + given_up)


def _remind_later(state: State, line: AnyLine, record: HistoryRecord) -> None:
    """The reminder is idle until its next time, or there is none any more."""
    assert isinstance(line, Line)
    due = record.details.get("remind_at")
    if due is None:
        line.phase = Phase.COMPLETED
        _remove(state, line)
        return
    wait, _, index = (line.cursor or "").rpartition("[")
    name = f"{wait}[{int(index[:-1]) + 1}]"
    stand_on(line, name, "reminder")
    line.phase = Phase.SLEEPING
    line.waiting = TimerWait(event_name=name, node_index=0, due_at=parse_iso(due))


def _remove(state: State, line: Line) -> None:
    assert state.lines is not None
    state.lines.remove(line)


def _step_failed(state: State, line: AnyLine, record: HistoryRecord) -> None:
    check_attempt(state, line, record)
    line.failures += 1
    line.interruptions = 0
    line.failed = failure_of(record)
    _given_up(state, line, record)


def _given_up(state: State, line: AnyLine, record: HistoryRecord) -> None:
    """An undo or a reminder that is not tried again: what comes next is another one."""
    if line.place == "undo" and record.details.get("undo") == "failed":
        _undone(state, ((line.cursor or "").removeprefix(UNDO),))
        leave(line, record)
    elif line.place == "reminder" and record.details.get("final"):
        _remind_later(state, line, record)


def _step_interrupted(state: State, line: AnyLine, record: HistoryRecord) -> None:
    check_attempt(state, line, record)
    if record.details["reason"] == PROCESS_ENDED and not line.stands_by:
        line.interruptions += 1
    _given_up(state, line, record)


def _step_waiting(state: State, line: AnyLine, record: HistoryRecord) -> None:
    check_attempt(state, line, record)
    line.stands_by = True


def _retry_scheduled(state: State, line: AnyLine, record: HistoryRecord) -> None:
    line.waiting = RetryWait(
        event_name=line.cursor or "",
        node_index=record.details["node_index"],
        due_at=parse_iso(record.details["due_at"]),
        attempt_number=line.attempt_number + 1,
    )


# Waits


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
        _remove(state, line)
        return
    leave(line, record)


# Paths


def _paths_opened(state: State, line: AnyLine, record: HistoryRecord) -> None:
    details = record.details
    name = record.event_name or ""
    kind = details["kind"]
    names = None if kind == "each" else tuple(details["paths"])
    total = details["count"] if names is None else len(names)
    stand_on(line, name, kind)
    line.fork = Fork(kind, total, details.get("limit"))
    state.opened = (state.opened or Opened()).with_construct(name, kind, names, total)
    if kind != "each":
        state.events = state.events.with_entry(name, None)
    lines_of(state)


def _path_ended(state: State, line: AnyLine, record: HistoryRecord) -> None:
    if not isinstance(line, Line) or line.path != record.event_name or state.opened is None:
        raise contradiction(state, record, "no path of that name is live")
    line.waiting = line.fork = None
    end_reminder(state, line)
    _remove(state, line)
    has_failed = record.type is _T.PATH_FAILED
    if record.type is _T.PATH_COMPLETED:
        state.opened = state.opened.with_end(line.path, "completed")
    elif has_failed:
        state.opened = state.opened.with_end(line.path, "failed", failure_of(record))
    else:
        state.opened = state.opened.with_end(line.path, "stopped")
    assert state.lines is not None
    parent = state if not line.parent else state.lines.edit(line.parent)
    if parent is not None and parent.fork is not None:
        fork = parent.fork
        parent.fork = attrs.evolve(fork, live=fork.live - 1, lost=fork.lost + has_failed)
        state.lines.moved(parent, was_attempting=False, waited=None)


def _joined(state: State, line: AnyLine, record: HistoryRecord) -> None:
    if line.cursor != record.event_name or line.fork is None or line.fork.live:
        raise contradiction(state, record, f"the mission stands on {line.cursor!r}")
    line.fork = None
    if "winner" in record.details:
        entry = EventRecord(output=record.details["winner"])
        state.events = state.events.with_entry(record.event_name or "", entry)
    leave(line, record)


# Children


def _child_started(state: State, line: AnyLine, record: HistoryRecord) -> None:
    name = record.event_name or ""
    child = record.details["id"]
    if state.past is not None and child in state.past.children:
        state.past = attrs.evolve(state.past, children={**state.past.children, child: record.seq})
    if record.details.get("wait", True):
        line.waiting = ChildWait(event_name=name, node_index=record.details["node_index"], mission_id=child)
        return
    line.phase = Phase.READY
    state.events = state.events.with_entry(name, EventRecord(output=child))
    leave(line, record)


def _child_ended(state: State, line: AnyLine, record: HistoryRecord) -> None:
    details = record.details
    name = record.event_name or ""
    is_completed = details["status"] == MissionStatus.COMPLETED
    ending = state.ending
    if ending.children_left:
        if not state.must_end(details["id"]):
            raise contradiction(state, record, "nothing has to wait for the end of that child")
        state.ending = attrs.evolve(ending, children_left=ending.children_left - 1)
        state.events = state.events.with_entry(name, EventRecord(output=details["output"]) if is_completed else None)
        return
    check_wait(state, line, record)
    if is_completed:
        state.events = state.events.with_entry(name, EventRecord(output=details["output"]))
        if line is state:
            state.output = details["output"]
    leave(line, record)


def _reopened(state: State, line: AnyLine, record: HistoryRecord) -> None:
    raise contradiction(state, record, "what it goes on from is known only with all records before it")


def _nothing_more(state: State, line: AnyLine, record: HistoryRecord) -> None:
    pass


FOLDS: Mapping[HistoryType, Callable[[State, AnyLine, HistoryRecord], None]] = {
    _T.MISSION_CREATED: _created,
    _T.MISSION_STARTED: _nothing_more,
    _T.STEP_STARTED: _step_started,
    _T.STEP_SUCCEEDED: _step_succeeded,
    _T.STEP_SKIPPED: _step_skipped,
    _T.STEP_FAILED: _step_failed,
    _T.STEP_INTERRUPTED: _step_interrupted,
    _T.STEP_WAITING: _step_waiting,
    _T.STEP_RETRY_SCHEDULED: _retry_scheduled,
    _T.WAITING_FOR_SIGNAL: _waiting_for_signal,
    _T.SIGNAL_KEPT: _signal_kept,
    _T.SIGNAL_RECEIVED: _signal_received,
    _T.SIGNAL_TIMED_OUT: _signal_timed_out,
    _T.TIMER_SCHEDULED: _timer_scheduled,
    _T.TIMER_FIRED: _timer_fired,
    _T.PATHS_OPENED: _paths_opened,
    _T.PATH_COMPLETED: _path_ended,
    _T.PATH_FAILED: _path_ended,
    _T.PATH_STOPPED: _path_ended,
    _T.PATHS_JOINED: _joined,
    _T.CHILD_STARTED: _child_started,
    _T.CHILD_ENDED: _child_ended,
    _T.MISSION_UPDATE: _updated,
    _T.MISSION_PAUSED: _paused,
    _T.MISSION_RESUMED: _resumed,
    _T.MISSION_REOPENED: _reopened,
    _T.CANCELLATION_REQUESTED: _cancellation_requested,
    _T.MISSION_UNDOING: _undoing,
    _T.MISSION_CANCELLED: _ended,
    _T.MISSION_COMPLETED: _ended,
    _T.MISSION_FAILED: _ended,
}
