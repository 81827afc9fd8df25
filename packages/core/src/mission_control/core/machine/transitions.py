"""What a record leads to: the table of transitions, and the fold of a history into a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import CorruptMissionError
from ..history import HistoryRecord, HistoryType
from .folding import FOLDS
from .lines import AnyLine
from .phases import ENDED, Phase
from .places import contradiction, fold_limits, line_of
from .state import State

_T = HistoryType

_STOPPED = {
    _T.PATH_STOPPED: Phase.CANCELLED,
    _T.MISSION_UNDOING: Phase.READY,
    _T.MISSION_CANCELLED: Phase.CANCELLED,
}
"""What may come wherever a line is at rest."""

TRANSITIONS: Mapping[Phase, Mapping[HistoryType, Phase]] = {
    Phase.NEW: {_T.MISSION_CREATED: Phase.CREATED},
    Phase.CREATED: {_T.MISSION_STARTED: Phase.READY, _T.TIMER_SCHEDULED: Phase.DELAYED},
    Phase.DELAYED: {_T.TIMER_FIRED: Phase.CREATED, _T.MISSION_CANCELLED: Phase.CANCELLED},
    Phase.READY: {
        _T.STEP_STARTED: Phase.ATTEMPTING,
        _T.STEP_SKIPPED: Phase.READY,
        _T.STEP_RETRY_SCHEDULED: Phase.BACKING_OFF,
        _T.WAITING_FOR_SIGNAL: Phase.AWAITING,
        _T.TIMER_SCHEDULED: Phase.SLEEPING,
        _T.PATHS_OPENED: Phase.FORKED,
        _T.PATH_COMPLETED: Phase.COMPLETED,
        _T.PATH_FAILED: Phase.FAILED,
        _T.PATH_STOPPED: Phase.CANCELLED,
        _T.CHILD_STARTED: Phase.AWAITING,
        _T.CHILD_ENDED: Phase.READY,
        _T.MISSION_UNDOING: Phase.READY,
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
        _T.CHILD_ENDED: Phase.READY,
        **_STOPPED,
    },
    Phase.SLEEPING: {_T.TIMER_FIRED: Phase.READY, _T.STEP_STARTED: Phase.ATTEMPTING, **_STOPPED},
    Phase.BACKING_OFF: {_T.TIMER_FIRED: Phase.READY, _T.STEP_SKIPPED: Phase.READY, **_STOPPED},
    Phase.FORKED: {
        _T.PATHS_JOINED: Phase.READY,
        _T.PATH_FAILED: Phase.FAILED,
        _T.MISSION_FAILED: Phase.FAILED,
        **_STOPPED,
    },
    Phase.COMPLETED: {_T.MISSION_REOPENED: Phase.READY},
    Phase.FAILED: {_T.MISSION_REOPENED: Phase.READY},
    Phase.CANCELLED: {_T.MISSION_REOPENED: Phase.READY},
}
"""Which record may follow in which phase of a line, and the phase it leads to."""

OF_THE_MISSION = frozenset({_T.SIGNAL_KEPT, *(kind for kind in _T if kind.value.startswith("mission-"))})
"""Records that are of the mission as a whole, wherever a name in them points."""

ANYWHERE = frozenset(
    {_T.SIGNAL_KEPT, _T.MISSION_UPDATE, _T.MISSION_PAUSED, _T.MISSION_RESUMED, _T.CANCELLATION_REQUESTED}
)
"""Records that may come in every phase between creation and end, and lead to no other."""

_FOLLOWING = {
    phase: {
        kind: (table.get(kind, phase), FOLDS[kind])
        for kind in (*table, *(ANYWHERE if phase is not Phase.NEW and phase not in ENDED else ()))
    }
    for phase, table in TRANSITIONS.items()
}


def evolve(state: State, record: HistoryRecord) -> State:
    """Return the state after `record`. Raises `CorruptMissionError` where the record cannot follow."""
    return fold(state, (record,))


def fold(state: State, records: Iterable[HistoryRecord]) -> State:
    """Return the state after all of `records`: what `evolve` gives one by one, with a single copy.

    None of them may reopen the mission: what it goes on from then `load` says, which has all that was before.
    """
    after = state.copy()
    for record in records:
        apply(after, record)
    return after


def apply(state: State, record: HistoryRecord) -> None:
    """Change `state`, which nobody else has seen, by one record. Raises `CorruptMissionError`."""
    lines, kind, seq = state.lines, record.type, record.seq
    line = state if lines is None or kind in OF_THE_MISSION else line_of(state, record)
    phase = line.phase
    following = _FOLLOWING[phase].get(kind)
    if following is None or seq != state.version + 1:
        raise _out_of_turn(state, line, record)
    waited = None if lines is None else line.waiting
    line.phase, fold = following
    state.version = seq
    state.at = record.at
    fold(state, line, record)
    if state.lines is not None:
        state.lines.moved(line, was_attempting=phase is Phase.ATTEMPTING, waited=waited)
        if "limits" in record.details:
            fold_limits(state, record.details["limits"])
        if not state.lines and state.phase is not Phase.FORKED:
            state.lines = None  # it is a mission of one line again


def _out_of_turn(state: State, line: AnyLine, record: HistoryRecord) -> CorruptMissionError:
    if record.seq != state.version + 1:
        return contradiction(state, record, f"record {state.version + 1} was expected")
    return contradiction(state, record, f"a {_NAMES[line is state]} that is {line.phase} does not take it")


_NAMES = ("path", "mission")
