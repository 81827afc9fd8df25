"""What a record leads to: the table of transitions, and the fold of a history into a state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..errors import CorruptMissionError
from ..history import (
    EventRecord,
    HistoryRecord,
    HistoryType,
    MissionInspection,
    RetryWait,
    SignalWait,
    TimerWait,
    failure_of,
    inspected,
    parse_iso,
)
from .decisions import PROCESS_ENDED
from .state import Phase, Place, State

_T = HistoryType

TRANSITIONS: Mapping[Phase, Mapping[HistoryType, Phase]] = {
    Phase.NEW: {_T.MISSION_CREATED: Phase.CREATED},
    Phase.CREATED: {_T.MISSION_STARTED: Phase.READY, _T.TIMER_SCHEDULED: Phase.DELAYED},
    Phase.DELAYED: {_T.TIMER_FIRED: Phase.CREATED, _T.MISSION_CANCELLED: Phase.CANCELLED},
    Phase.READY: {
        _T.STEP_STARTED: Phase.ATTEMPTING,
        _T.STEP_RETRY_SCHEDULED: Phase.BACKING_OFF,
        _T.WAITING_FOR_SIGNAL: Phase.AWAITING,
        _T.TIMER_SCHEDULED: Phase.SLEEPING,
        _T.MISSION_COMPLETED: Phase.COMPLETED,
        _T.MISSION_FAILED: Phase.FAILED,
        _T.MISSION_CANCELLED: Phase.CANCELLED,
    },
    Phase.ATTEMPTING: {
        _T.STEP_SUCCEEDED: Phase.READY,
        _T.STEP_FAILED: Phase.READY,
        _T.STEP_INTERRUPTED: Phase.READY,
        _T.STEP_WAITING: Phase.ATTEMPTING,
    },
    Phase.AWAITING: {
        _T.SIGNAL_RECEIVED: Phase.READY,
        _T.SIGNAL_TIMED_OUT: Phase.READY,
        _T.MISSION_CANCELLED: Phase.CANCELLED,
    },
    Phase.SLEEPING: {_T.TIMER_FIRED: Phase.READY, _T.MISSION_CANCELLED: Phase.CANCELLED},
    Phase.BACKING_OFF: {_T.TIMER_FIRED: Phase.READY, _T.MISSION_CANCELLED: Phase.CANCELLED},
    Phase.COMPLETED: {},
    Phase.FAILED: {},
    Phase.CANCELLED: {},
}
"""Which record may follow in which phase, and the phase it leads to."""

ANYWHERE = frozenset({_T.MISSION_UPDATE, _T.CANCELLATION_REQUESTED})
"""Records that may come in every phase between creation and end, and lead to no other."""


def evolve(state: State, record: HistoryRecord) -> State:
    """Return the state after `record`. Raises `CorruptMissionError` where the record cannot follow."""
    return fold(state, (record,))


def fold(state: State, records: Iterable[HistoryRecord]) -> State:
    """Return the state after all of `records`: what `evolve` gives one by one, with a single copy."""
    after = state.copy()
    for record in records:
        _apply(after, record)
    return after


def load(mission_id: str, history: Iterable[HistoryRecord], *, mission_name: str = "") -> State:
    """Return the state that a stored history folds to. Raises `CorruptMissionError` where it does not fold."""
    state = State(mission_id=mission_id, mission_name=mission_name)  # nobody else has seen it: no copy is needed
    try:
        for record in history:
            _apply(state, record)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CorruptMissionError(
            f"mission {mission_id!r}: its stored history does not fold: {error!r}. {_AS_IT_IS}"
        ) from error
    return state


def inspect_history(mission_id: str, history: Iterable[HistoryRecord], *, mission_name: str = "") -> MissionInspection:
    """Return all that a stored history tells; an empty one tells of an idle mission named `mission_name`.

    Raises `CorruptMissionError` where it does not fold.
    """
    records = tuple(history)
    return inspected(load(mission_id, records, mission_name=mission_name).snapshot(), records)


_AS_IT_IS = "The mission is left as it is; restore its rows from a backup"


def _apply(state: State, record: HistoryRecord) -> None:
    kind = record.type
    if record.seq != state.version + 1:
        raise _contradiction(state, record, f"record {state.version + 1} was expected")
    target = TRANSITIONS[state.phase].get(kind)
    if target is None:
        if kind not in ANYWHERE or state.phase is Phase.NEW or state.is_terminal:
            raise _contradiction(state, record, f"a mission that is {state.phase} does not take it")
        target = state.phase
    state.phase = target
    state.version = record.seq
    state.at = record.at
    _FOLDS[kind](state, record)


def _contradiction(state: State, record: HistoryRecord, problem: str) -> CorruptMissionError:
    what = f"{record.type} {record.event_name}" if record.event_name else record.type
    return CorruptMissionError(
        f"mission {state.mission_id!r}: its stored history does not fold at record {record.seq} ({what}): "
        f"{problem}. {_AS_IT_IS}"
    )


def _created(state: State, record: HistoryRecord) -> None:
    details = record.details
    state.mission_name = details["mission_name"]
    state.created_with = state.last_run = details["definition"]
    state.created_at = record.at
    state.trace = details.get("trace")
    state.cursor, state.place = "start", "start"
    state.events = state.events.with_entry("start", EventRecord(input=details["input"]))


def _step_started(state: State, record: HistoryRecord) -> None:
    number = record.attempt_number or 0
    if record.event_name != state.cursor:
        _stand_on(state, record.event_name, "step")
    if number != state.attempt_number + 1:
        raise _contradiction(state, record, f"attempt {state.attempt_number + 1} was expected")
    state.attempt_number = number
    state.stands_by = False
    state.waiting = None
    state.last_run = record.details.get("definition", state.last_run)


def _step_succeeded(state: State, record: HistoryRecord) -> None:
    _check_attempt(state, record)
    name = state.cursor or ""
    output = record.details["output"]
    known = state.events.find(name)
    state.events = state.events.with_entry(name, EventRecord(input=known and known.input, output=output))
    state.output = output
    _leave(state, record)


def _step_failed(state: State, record: HistoryRecord) -> None:
    _check_attempt(state, record)
    state.failures += 1
    state.interruptions = 0


def _step_interrupted(state: State, record: HistoryRecord) -> None:
    _check_attempt(state, record)
    if record.details["reason"] == PROCESS_ENDED and not state.stands_by:
        state.interruptions += 1


def _step_waiting(state: State, record: HistoryRecord) -> None:
    _check_attempt(state, record)
    state.stands_by = True


def _retry_scheduled(state: State, record: HistoryRecord) -> None:
    state.waiting = RetryWait(
        event_name=state.cursor or "",
        node_index=record.details["node_index"],
        due_at=parse_iso(record.details["due_at"]),
        attempt_number=state.attempt_number + 1,
    )


def _waiting_for_signal(state: State, record: HistoryRecord) -> None:
    timeout_at = record.details.get("timeout_at")
    _stand_on(state, record.event_name, "need_to")
    state.waiting = SignalWait(
        event_name=state.cursor or "",
        node_index=record.details["node_index"],
        timeout_at=None if timeout_at is None else parse_iso(timeout_at),
    )


def _signal_received(state: State, record: HistoryRecord) -> None:
    _check_wait(state, record)
    entry = EventRecord(input=record.details["payload"])
    state.events = state.events.with_entry(state.cursor or "", entry)
    _leave(state, record)


def _timer_scheduled(state: State, record: HistoryRecord) -> None:
    name = record.event_name or ""
    if state.phase is Phase.SLEEPING:
        _stand_on(state, name, "sleep")
    state.waiting = TimerWait(
        event_name=name, node_index=record.details["node_index"], due_at=parse_iso(record.details["due_at"])
    )


def _timer_fired(state: State, record: HistoryRecord) -> None:
    _check_wait(state, record)
    if state.place == "sleep":
        state.events = state.events.with_entry(state.cursor or "", None)
        _leave(state, record)
    state.waiting = None


def _signal_timed_out(state: State, record: HistoryRecord) -> None:
    _check_wait(state, record)
    state.waiting = None


def _updated(state: State, record: HistoryRecord) -> None:
    entry = EventRecord(input=record.details["input"], output=record.details["output"])
    state.events = state.events.with_entry(record.event_name or "", entry)


def _cancellation_requested(state: State, record: HistoryRecord) -> None:
    state.is_cancelling = True
    state.cancellation = record.details.get("reason")


def _ended(state: State, record: HistoryRecord) -> None:
    state.waiting = None
    if record.type is _T.MISSION_COMPLETED:
        state.cursor = None
    else:
        state.error = failure_of(record)


def _nothing_more(state: State, record: HistoryRecord) -> None:
    pass


_FOLDS: Mapping[HistoryType, Callable[[State, HistoryRecord], None]] = {
    _T.MISSION_CREATED: _created,
    _T.MISSION_STARTED: _nothing_more,
    _T.STEP_STARTED: _step_started,
    _T.STEP_SUCCEEDED: _step_succeeded,
    _T.STEP_FAILED: _step_failed,
    _T.STEP_INTERRUPTED: _step_interrupted,
    _T.STEP_WAITING: _step_waiting,
    _T.STEP_RETRY_SCHEDULED: _retry_scheduled,
    _T.WAITING_FOR_SIGNAL: _waiting_for_signal,
    _T.SIGNAL_RECEIVED: _signal_received,
    _T.SIGNAL_TIMED_OUT: _signal_timed_out,
    _T.TIMER_SCHEDULED: _timer_scheduled,
    _T.TIMER_FIRED: _timer_fired,
    _T.MISSION_UPDATE: _updated,
    _T.CANCELLATION_REQUESTED: _cancellation_requested,
    _T.MISSION_CANCELLED: _ended,
    _T.MISSION_COMPLETED: _ended,
    _T.MISSION_FAILED: _ended,
}


def _stand_on(state: State, name: str | None, place: Place) -> None:
    state.cursor = name
    state.place = place
    state.attempt_number = state.failures = state.interruptions = 0


def _leave(state: State, record: HistoryRecord) -> None:
    """Stand before the step that the record names, or on the node left until the next record says where."""
    state.waiting = None
    following = record.details.get("next")
    if following is not None:
        _stand_on(state, following, "step")


def _check_attempt(state: State, record: HistoryRecord) -> None:
    if (record.event_name, record.attempt_number) != (state.cursor, state.attempt_number):
        raise _contradiction(state, record, f"attempt {state.attempt_number} of {state.cursor!r} is on record")


def _check_wait(state: State, record: HistoryRecord) -> None:
    if state.waiting is None or record.event_name != state.waiting.event_name:
        raise _contradiction(state, record, f"the mission waits for {state.waiting!r}")
