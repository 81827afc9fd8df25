"""Which line a record is of, and how lines come to nodes, leave them and end: what the folds of all records share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast, get_args

import attrs

from ..errors import CorruptMissionError
from ..history import HistoryRecord
from .lines import AnyLine, Line, Lines, key_of
from .phases import Phase, Place
from .state import State

AS_IT_IS = "The mission is left as it is; restore its rows from a backup"

Fold: TypeAlias = Callable[[State, AnyLine, HistoryRecord], None]
"""What changes a state by a record, which is of the line."""

_PLACES = frozenset(get_args(Place))


def contradiction(state: State, record: HistoryRecord, problem: str) -> CorruptMissionError:
    """Return the error for a record that cannot follow."""
    what = f"{record.type} {record.event_name}" if record.event_name else record.type
    return CorruptMissionError(
        f"mission {state.mission_id!r}: its stored history does not fold at record {record.seq} ({what}): "
        f"{problem}. {AS_IT_IS}"
    )


# Which line


def line_of(state: State, record: HistoryRecord) -> AnyLine:
    """Return the line that a record is of, to be changed: the innermost live path around it, which it may begin."""
    assert state.lines is not None  # a mission of one line is its own
    path = record.path or ""
    while path:
        line = state.lines.edit(path)
        if line is not None:
            return line
        construct = construct_of(path)
        if state.opened is not None and state.opened.construct(construct) is not None:
            return _begun(state, record, path, construct)
        path = path.rpartition("/")[0]
    return state


def construct_of(path: str) -> str:
    """Return the instance of the construct that a path or item is one of."""
    return path.rpartition("[")[0] if path.endswith("]") else path.rpartition("/")[0]


def _begun(state: State, record: HistoryRecord, path: str, construct: str) -> Line:
    """Return the line that begins with the record: paths and items begin in order."""
    assert state.lines is not None
    assert state.opened is not None
    parent = enclosing(state, construct)
    fork = parent.fork
    if parent.cursor != construct or fork is None or path != path_text(state, construct, fork.begun):
        raise contradiction(state, record, f"the path {path!r} is not live, and not the next to begin")
    state.opened = state.opened.with_begun(construct)
    parent.fork = attrs.evolve(fork, begun=fork.begun + 1, live=fork.live + 1)
    line = state.lines.add(path, key_of(parent))
    state.lines.moved(parent, was_attempting=False, waited=None)
    return line


def enclosing(state: State, instance: str) -> AnyLine:
    """Return the line that an instance of a node is in, to be changed."""
    assert state.lines is not None
    path = instance.rpartition("/")[0]
    while path:
        line = state.lines.edit(path)
        if line is not None:
            return line
        path = path.rpartition("/")[0]
    return state


def path_text(state: State, construct: str, index: int) -> str | None:
    """Return the text of a construct's path by its number; None where it has no such path."""
    known = None if state.opened is None else state.opened.construct(construct)
    if known is None or index >= known[2]:
        return None
    return f"{construct}[{index}]" if known[1] is None else f"{construct}/{known[1][index]}"


# Where it stands


def place_of(line: AnyLine, record: HistoryRecord) -> Place:
    """Return what a line comes to with an attempt, or stands before; where steps are undone it is the next of them."""
    kind = record.details.get("kind")
    if kind is None:
        return "undo" if line.place == "undo" else "step"
    if kind not in _PLACES:
        raise ValueError(f"no node has the kind {kind!r}")
    return cast("Place", kind)


def lines_of(state: State) -> Lines:
    """Return the lines of a mission that has more than one from now on."""
    if state.lines is None:
        state.lines = Lines()
    return state.lines


def end_line(state: State, line: Line, phase: Phase) -> None:
    """Take a line out."""
    assert state.lines is not None
    waited, was_attempting = line.waiting, line.phase is Phase.ATTEMPTING
    line.phase, line.waiting = phase, None
    state.lines.moved(line, was_attempting=was_attempting, waited=waited)
    state.lines.remove(line)


def remove_line(state: State, line: Line) -> None:
    """Take out a line that has ended already."""
    assert state.lines is not None
    state.lines.remove(line)


def stand_on(line: AnyLine, name: str, place: Place) -> None:
    """Come to a node."""
    line.cursor = name
    line.place = place
    line.attempt_number = line.failures = line.interruptions = 0
    line.is_undoable = False
    line.failed = None


def leave(line: AnyLine, record: HistoryRecord) -> None:
    """Stand before the step that the record names, or on the node left until the next record says where."""
    line.waiting = None
    following = record.details.get("next")
    if following is not None:
        stand_on(line, following, place_of(line, record))


def fold_next(state: State, key: str, record: HistoryRecord) -> None:
    """Stand before what was added to the last record of a line: what `leave` does where it was there before."""
    line = state if state.lines is None or not key else state.lines.edit(key)
    assert line is not None
    leave(line, record)


def fold_limits(state: State, limits: Mapping[str, int | None]) -> None:
    """Have constructs begin as many items beside one another as a definition says that has changed."""
    for construct, limit in limits.items():
        line = enclosing(state, construct)
        if line.fork is None or line.cursor != construct:
            raise ValueError(f"{construct!r} has no items that could begin")
        line.fork = attrs.evolve(line.fork, limit=limit)
        assert state.lines is not None  # it has opened paths
        state.lines.moved(line, was_attempting=False, waited=None)


def check_attempt(state: State, line: AnyLine, record: HistoryRecord) -> None:
    """Raise `CorruptMissionError` where the record is not of the attempt that the line has on record."""
    if record.event_name != line.cursor or record.attempt_number != line.attempt_number:
        raise contradiction(state, record, f"attempt {line.attempt_number} of {line.cursor!r} is on record")


def check_wait(state: State, line: AnyLine, record: HistoryRecord) -> None:
    """Raise `CorruptMissionError` where the record is not of what the line waits for."""
    if line.waiting is None or record.event_name != line.waiting.event_name:
        raise contradiction(state, record, f"the mission waits for {line.waiting!r}")
