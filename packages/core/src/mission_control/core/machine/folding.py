"""What each record changes in a state, beside its phase: here those of the mission and of attempts.

Every function takes the state and the line that the record is of, which is the state itself for the main line, and for
the records that are of the mission as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..history import (
    NO_LABELS,
    UNDO,
    EventRecord,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    RetryWait,
    TimerWait,
    failure_of,
    labels_of,
    parse_iso,
)
from ..making import maker
from .lines import AnyLine, Line
from .path_folds import PATH_FOLDS
from .phases import Phase
from .places import Fold, check_attempt, contradiction, leave, place_of, remove_line, stand_on
from .state import Ending, Origin, State, Undo
from .wait_folds import WAIT_FOLDS, use_key

_T = HistoryType
_event, _origin = maker(EventRecord), maker(Origin)

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
        remove_line(state, line)
        return
    wait, _, index = (line.cursor or "").rpartition("[")
    name = f"{wait}[{int(index[:-1]) + 1}]"
    stand_on(line, name, "reminder")
    line.phase = Phase.SLEEPING
    line.waiting = TimerWait(event_name=name, node_index=0, due_at=parse_iso(due))


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


def _reopened(state: State, line: AnyLine, record: HistoryRecord) -> None:
    raise contradiction(state, record, "what it goes on from is known only with all records before it")


def _nothing_more(state: State, line: AnyLine, record: HistoryRecord) -> None:
    pass


FOLDS: Mapping[HistoryType, Fold] = {
    **WAIT_FOLDS,
    **PATH_FOLDS,
    _T.MISSION_CREATED: _created,
    _T.MISSION_STARTED: _nothing_more,
    _T.STEP_STARTED: _step_started,
    _T.STEP_SUCCEEDED: _step_succeeded,
    _T.STEP_SKIPPED: _step_skipped,
    _T.STEP_FAILED: _step_failed,
    _T.STEP_INTERRUPTED: _step_interrupted,
    _T.STEP_WAITING: _step_waiting,
    _T.STEP_RETRY_SCHEDULED: _retry_scheduled,
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
