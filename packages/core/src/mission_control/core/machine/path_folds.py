"""What records of paths and of child missions change in a state."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..history import (
    ChildWait,
    EventRecord,
    HistoryRecord,
    HistoryType,
    MissionStatus,
    Opened,
    failure_of,
)
from .lines import AnyLine, Fork, Line
from .phases import Phase
from .places import Fold, check_wait, contradiction, leave, lines_of, remove_line, stand_on
from .state import State
from .wait_folds import end_reminder

_T = HistoryType


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
    remove_line(state, line)
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


PATH_FOLDS: Mapping[HistoryType, Fold] = {
    _T.PATHS_OPENED: _paths_opened,
    _T.PATH_COMPLETED: _path_ended,
    _T.PATH_FAILED: _path_ended,
    _T.PATH_STOPPED: _path_ended,
    _T.PATHS_JOINED: _joined,
    _T.CHILD_STARTED: _child_started,
    _T.CHILD_ENDED: _child_ended,
}
