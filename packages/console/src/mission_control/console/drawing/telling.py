"""What a drawing says in words: below each name, to whoever points at a node, and to who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence

from .flow import END, Static, Step, every_step
from .marks import BLANK, Mark, Marks, PlaceState

_NAMED = 3
"""How many nodes of a kind are named in a sentence."""


def captioned(step: Step, mark: Mark) -> str:
    """Return what is said below a node's name: what is marked there, else what it is."""
    if not mark.note:
        return step.caption
    return f"{step.kind} · {mark.note}" if step.is_frame else mark.note


def told_at(step: Step, mark: Mark) -> str:
    """Return what there is to say of one node."""
    kind = step.kind.replace("_", " ")
    said = [f"{step.name} ({kind})", step.caption, mark.state or "", mark.note]
    if mark.undo is not None:
        said.append(f"undo {mark.undo}")
    if mark.count:
        said.append(_missions(mark.count) + " here")
    return ", ".join(part for part in said if part)


def told(static: Static, flow: Sequence[Step], marks: Marks) -> str:
    """Return where a mission stands, or where missions do, in one sentence."""
    steps = [step for step in every_step(flow) if step.place != END]
    name = static.get("name", "")
    marked = [(step, marks.get(step.place, BLANK)) for step in steps]
    standing = [(step, mark) for step, mark in marked if mark.count]
    if standing:
        total = sum(mark.count for _, mark in standing)
        return f"{name}: {_missions(total)} under way, at {_listed([f'{s.name} ({m.count:,})' for s, m in standing])}."
    if all(mark.state is None for _, mark in marked):
        return f"{name}: {len(steps)} nodes, from {steps[0].name if steps else 'start'} to the end."
    parts = [
        f"{state} at {_listed(found)}"
        for state in (PlaceState.FAILED, PlaceState.RUNNING, PlaceState.WAITING, PlaceState.STOPPED)
        if (found := [step.name for step, mark in marked if mark.state is state and not step.is_frame])
    ]
    done = sum(mark.state is PlaceState.DONE for _, mark in marked)
    ended = "completed" if marks.get(END, BLANK).state is PlaceState.DONE else ""
    return f"{name}: {', '.join([*filter(None, [ended]), *parts, f'{done} of {len(steps)} nodes done'])}."


def _missions(count: int) -> str:
    return "1 mission" if count == 1 else f"{count:,} missions"


def _listed(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = len(unique) - _NAMED
    return ", ".join(unique[:_NAMED]) + (f" and {more} more" if more > 0 else "")
