"""A definition as text for a terminal: a line for each node, what is in it below, and a sign for how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mission_control.core.readable import encodable

from .flow import Lane, Static, Step, flow_of
from .marks import BLANK, Mark, Marks, PlaceState

_INDENT = "  "

_SIGNS: Mapping[PlaceState, tuple[str, str]] = {
    PlaceState.AHEAD: ("○", "."),
    PlaceState.DONE: ("✓", "+"),
    PlaceState.RUNNING: ("▶", ">"),
    PlaceState.WAITING: ("…", "~"),
    PlaceState.FAILED: ("✗", "!"),
    PlaceState.STOPPED: ("■", "#"),
    PlaceState.SKIPPED: ("╌", "-"),
}
"""A sign for each state, and the one for where only ASCII can be shown."""

_UNMARKED = ("•", "*")


def text(static: Static, marks: Marks | None = None, *, encoding: str = "utf-8") -> str:
    """Return the definition's static form as lines, each node with a sign for how it stands where that is marked.

    Signs are ASCII where `encoding` has not all of them. Raises `ValueError` for what is no static form.
    """
    signs = _Signs(marks or {}, is_ascii=not _can_encode(encoding))
    return "\n".join([encodable(str(static.get("name", ""))), *_lines(flow_of(static), signs, "")])


def _can_encode(encoding: str) -> bool:
    everything = "".join(sign for sign, _ in (*_SIGNS.values(), _UNMARKED)) + "·"
    try:
        everything.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class _Signs:
    """What is shown of marks."""

    def __init__(self, marks: Marks, *, is_ascii: bool) -> None:
        self._marks = marks
        self._is_ascii = is_ascii

    def of(self, step: Step) -> str:
        state = self._marks.get(step.place, BLANK).state
        return (_UNMARKED if state is None else _SIGNS[state])[self._is_ascii]

    def said(self, step: Step) -> str:
        mark = self._marks.get(step.place, BLANK)
        said = " · ".join(filter(None, [step.caption, mark.note, *_more(step, mark)]))
        return said.replace("·", "-") if self._is_ascii else said


def _more(step: Step, mark: Mark) -> Iterator[str]:
    if mark.undo is not None:
        yield f"undo {mark.undo}"
    if mark.count:
        yield f"{mark.count:,} here"
    if step.reminder:
        yield "with a reminder"


def _lines(steps: Sequence[Step], signs: _Signs, indent: str) -> Iterator[str]:
    for step in steps:
        said = signs.said(step)
        name = f"{indent}{signs.of(step)} {encodable(step.name)}"
        yield f"{name}  ({encodable(said)})" if said else name
        for lane in step.lanes:
            yield from _lane(lane, signs, indent + _INDENT)


def _lane(lane: Lane, signs: _Signs, indent: str) -> Iterator[str]:
    if lane.role in ("item", "round"):
        yield from _lines(lane.steps, signs, indent)
        return
    yield f"{indent}{encodable(lane.label)}:{'' if lane.steps else ' ()'}"
    yield from _lines(lane.steps, signs, indent + _INDENT)
