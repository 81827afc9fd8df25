"""Which open waits for signals there are, and which of them a decision opens and closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ..history import HistoryRecord, HistoryType, OpenWait, SignalWait
from ..making import maker
from .lines import AnyLine
from .state import State

_T = HistoryType
_ENDS_OF_PATHS = frozenset({_T.PATH_COMPLETED, _T.PATH_FAILED, _T.PATH_STOPPED})
_ENDS_OF_ALL = frozenset({_T.MISSION_UNDOING, _T.MISSION_CANCELLED, _T.MISSION_COMPLETED, _T.MISSION_FAILED})

WaitChanges: TypeAlias = "tuple[tuple[OpenWait, ...], tuple[OpenWait, ...]]"
"""The waits that were opened, and those that were closed."""

_NONE: WaitChanges = ((), ())
_open_wait = maker(OpenWait)


def awaits(line: AnyLine, instance: str) -> bool:
    """True where the line waits for the signal of that instance name."""
    return isinstance(line.waiting, SignalWait) and line.waiting.event_name == instance


def open_waits(state: State) -> tuple[OpenWait, ...]:
    """Return the open waits for signals of a mission."""
    return tuple(_waits(state, state.every_line()))


def changed_waits(before: State, after: State, records: Iterable[HistoryRecord]) -> WaitChanges:
    """Return which waits `records`, which lead from one state to the other, have opened and closed for good."""
    if before.lines is None and after.lines is None:
        if before.waiting is after.waiting:
            return _NONE
        return _own(after), _own(before)
    begun = [record.event_name or "" for record in records if record.type is _T.WAITING_FOR_SIGNAL]
    opened = (after.line_at(name) for name in begun if awaits(after.line_at(name), name))
    closed = (wait for wait in _waits(before, _ended(before, records)) if not _is_open(after, wait))
    return tuple(_waits(after, opened)), tuple({wait.event_name: wait for wait in closed}.values())


def _own(state: State) -> tuple[OpenWait, ...]:
    """Return the wait for a signal of the main line, where it has one."""
    return tuple(_waits(state, (state,))) if isinstance(state.waiting, SignalWait) else ()


def _is_open(state: State, wait: OpenWait) -> bool:
    return awaits(state.line_at(wait.event_name), wait.event_name)


def _waits(state: State, lines: Iterable[AnyLine]) -> Iterator[OpenWait]:
    """Yield the waits for signals of lines."""
    for line in lines:
        waiting, since = line.waiting, line.waits_since
        if isinstance(waiting, SignalWait) and since is not None:
            name = waiting.event_name
            path = name.rpartition("/")[0] or None
            yield _open_wait(state.mission_id, state.mission_name, name, path, since, waiting.timeout_at, None)


def _ended(before: State, records: Iterable[HistoryRecord]) -> Iterator[AnyLine]:
    """Yield the lines that waited, and may have gone on or ended."""
    for record in records:
        name = record.event_name or ""
        if record.type is _T.SIGNAL_RECEIVED or record.type is _T.SIGNAL_TIMED_OUT:
            if awaits(before.line_at(name), name):
                yield before.line_at(name)
        elif record.type in _ENDS_OF_PATHS:
            line = before.line(name)
            if line is not None:
                yield line
        elif record.type in _ENDS_OF_ALL:
            yield from before.every_line()
