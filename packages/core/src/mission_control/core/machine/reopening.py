"""What a mission that has ended goes on from when it is reopened: the fold of the records that still count.

The record that reopens a mission names the first record (`from_seq`) of what is forgotten. With a node of the main
line, all from there on is: the mission stands before that node once more. Without one, only its end is: the lines that
failed and were stopped with it stand before their nodes again. What was forgotten stays in the history, and of it the
mission knows how many attempts there were, and which children it began (`Past`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..history import UNDO, ChildWait, HistoryRecord, HistoryType, MissionStatus, SignalWait
from .commands import ChildEnded
from .lines import AnyLine
from .phases import Phase
from .places import contradiction, place_of, stand_on
from .state import Past, State, Undo, undone_in_order
from .transitions import apply
from .wait_folds import end_reminder

_T = HistoryType

_REOPENED = _T.MISSION_REOPENED

_OF_THE_END = frozenset(
    {
        _T.SIGNAL_TIMED_OUT,
        _T.CHILD_ENDED,
        _T.PATH_FAILED,
        _T.PATH_STOPPED,
        _T.CANCELLATION_REQUESTED,
        _T.MISSION_CANCELLED,
        _T.MISSION_FAILED,
    }
)
"""What is forgotten where only the end is: not what became of attempts, nor what came from outside meanwhile."""

_SUCCESSES = (_T.STEP_SUCCEEDED, _T.STEP_SKIPPED)

_STOPPING = frozenset({"stopped", "failed", "cancelled"})
"""Why attempts are interrupted that an end stops."""


class Sorted(NamedTuple):
    """The records that count, with those of them that reopen the mission, and those that do not count any more."""

    counting: list[HistoryRecord]
    forgotten: list[HistoryRecord]


def sorted_out(history: Iterable[HistoryRecord]) -> Sorted:
    """Return which records of a history count after all that it was reopened for."""
    counting: list[HistoryRecord] = []
    forgotten: list[HistoryRecord] = []
    for record in history:
        if record.type is not _REOPENED:
            counting.append(record)
            continue
        first = record.details["from_seq"]
        is_all = record.event_name is not None
        gone = [one for one in counting if one.seq >= first and (is_all or one.type in _OF_THE_END)]
        left = {one.seq for one in gone}
        forgotten += gone
        counting = [*(one for one in counting if one.seq not in left), record]
    return Sorted(counting, forgotten)


def last_reopening(history: Sequence[HistoryRecord]) -> int:
    """Return how many records there are up to the last one that reopens the mission; 0 where none does."""
    return next((place for place in range(len(history), 0, -1) if history[place - 1].type is _REOPENED), 0)


def reopened(mission_id: str, history: Sequence[HistoryRecord]) -> State:
    """Return the state after a history that ends with a record that reopens the mission."""
    for seq, one in enumerate(history, 1):
        if one.seq != seq:
            raise contradiction(State(mission_id=mission_id), one, f"record {seq} was expected")
    counting, forgotten = sorted_out(history)
    began = (one.details["id"] for one in forgotten if one.type is _T.CHILD_STARTED)
    numbers: dict[str, int] = {}
    state = State(mission_id=mission_id, past=Past(numbers=numbers, children=dict.fromkeys(began, 0)))
    for one in counting:
        if one.type is _REOPENED:
            _go_back(state, one, counting, forgotten)
            continue
        if one.type is _T.STEP_STARTED:
            numbers[one.event_name or ""] = (one.attempt_number or 0) - 1  # what is between does not count
        state.version = one.seq - 1
        apply(state, one)
    numbers.update(_numbers(history))
    return state


def _go_back(
    state: State, record: HistoryRecord, counting: Iterable[HistoryRecord], forgotten: Iterable[HistoryRecord]
) -> None:
    """Change a state, of which its end or more was forgotten, by the record that reopens it."""
    assert state.past is not None  # it was reopened
    children: list[str] = []
    if record.event_name is None:
        children = _stand_again(state)
    else:
        _stand_before(state, record, record.event_name)
        _leave_undone(state, record, counting, forgotten)
    state.past = Past(
        numbers=state.past.numbers,
        children={**state.past.children, **dict.fromkeys(children, record.seq)},
        reopened_for=record.details.get("parent_seq", 0),
    )
    state.is_paused = False
    state.version, state.at = record.seq, record.at


def _numbers(history: Iterable[HistoryRecord]) -> dict[str, int]:
    """Return how many attempts there were of each instance."""
    numbers: dict[str, int] = {}
    for record in history:
        if record.type is _T.STEP_STARTED and record.event_name is not None:
            numbers[record.event_name] = max(numbers.get(record.event_name, 0), record.attempt_number or 0)
    return numbers


def _stand_again(state: State) -> list[str]:
    """Let each line stand before its node, failures counted anew; return the children that lines wait for.

    What waited for a start, or between two rounds, goes on waiting until its time: both were fixed when they began.
    """
    children: list[str] = []
    for line in list(state.every_line()):
        if line.place == "reminder":
            continue  # it ends with its wait
        if isinstance(line.waiting, ChildWait):
            children.append(line.waiting.mission_id)
        elif line.waiting is not None and line.phase is not Phase.DELAYED and line.place != "repeat":
            _wait_no_more(state, line)
        line.failures = line.interruptions = 0
        line.failed = None
    return children


def _wait_no_more(state: State, line: AnyLine) -> None:
    """Stand before the node, as before it was waited."""
    waited = line.waiting
    if isinstance(waited, SignalWait):
        end_reminder(state, line)
    line.waiting = None
    line.phase = Phase.READY
    if state.lines is not None:
        state.lines.moved(line, was_attempting=False, waited=waited)


def _stand_before(state: State, record: HistoryRecord, node: str) -> None:
    """Stand before a node of the main line."""
    if state.lines is not None and len(state.lines):
        raise contradiction(state, record, f"paths are live beside {node!r}")
    state.waiting, state.phase, state.fork = None, Phase.READY, None
    stand_on(state, node, place_of(state, record))


def _leave_undone(
    state: State, record: HistoryRecord, counting: Iterable[HistoryRecord], forgotten: Iterable[HistoryRecord]
) -> None:
    """What was undone by then, and had not begun again, is not to be undone once more."""
    undone = {
        (one.event_name or "").removeprefix(UNDO): one.seq
        for one in forgotten
        if one.seq < record.seq and one.type in _SUCCESSES and (one.event_name or "").startswith(UNDO)
    }
    begun = {one.event_name: one.seq for one in counting if one.seq < record.seq and one.type is _T.STEP_STARTED}
    steps, state.undos = undone_in_order(state.undos), None
    for instance in reversed(steps):
        if undone.get(instance, 0) < begun[instance]:
            state.undos = Undo(instance, state.undos)


# What to forget


def end_of(counting: Sequence[HistoryRecord]) -> int:
    """Return the first record of the end of a mission that has failed or was cancelled, and undid nothing."""
    place = len(counting) - 1
    if counting[place].type is _T.MISSION_CANCELLED:
        return next(one.seq for one in reversed(counting) if one.type is _T.CANCELLATION_REQUESTED)
    while _is_stopped(counting[place - 1]):
        place -= 1
    while _is_around(counting[place - 1], counting[place]):
        place -= 1
    if counting[place - 1].type in (_T.SIGNAL_TIMED_OUT, _T.CHILD_ENDED):
        place -= 1
    return counting[place].seq


def _is_stopped(record: HistoryRecord) -> bool:
    """True for what is recorded of others when a line fails."""
    if record.type is _T.STEP_INTERRUPTED:
        return record.details.get("reason") in _STOPPING
    return record.type is _T.PATH_STOPPED


def _is_around(record: HistoryRecord, after: HistoryRecord) -> bool:
    """True for the failure of a path that took along the one that failed next, from the innermost on."""
    if record.type is not _T.PATH_FAILED:
        return False
    outer = after.event_name or "" if after.type is _T.PATH_FAILED else ""
    return not outer or (record.event_name or "").startswith(f"{outer}/")


def beginning_of(counting: Iterable[HistoryRecord], node: str) -> int | None:
    """Return the first record of a node of the main line; None where it has not begun."""
    return next((one.seq for one in counting if one.type in _BEGINNINGS and top(one.event_name or "") == node), None)


_BEGINNINGS = frozenset({_T.STEP_STARTED, _T.WAITING_FOR_SIGNAL, _T.TIMER_SCHEDULED, _T.PATHS_OPENED})


def earliest_undone(counting: Iterable[HistoryRecord]) -> str | None:
    """Return the node of the main line that the earliest of the undone steps is in; None where nothing was undone."""
    undoing = next((one for one in counting if one.type is _T.MISSION_UNDOING), None)
    return None if undoing is None else top(undoing.details["steps"][-1])


def top(instance: str) -> str:
    """Return the node of the main line that an instance is, or is in."""
    return instance.partition("/")[0].partition("[")[0]


def ended_early(state: State, end: ChildEnded) -> bool:
    """True for a child that failed or was cancelled before its parent, which was reopened, began to wait for it again.

    It is to be reopened for that, and its next end counts.
    """
    if state.past is None or end.status is MissionStatus.COMPLETED:
        return False
    return 0 < state.past.children.get(end.mission_id, 0) != end.reopened_for
