"""What the world must do now for a mission, which its state alone says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from ..definition import MissionDefinition
from ..history import ChildWait, SignalWait, due_at
from ..values import Value
from .lines import AnyLine, is_roomy
from .phases import Phase
from .state import State


@attrs.frozen
class RunAttempt(Value):
    """Run the user code of this instance; its attempt is on record."""

    instance: str
    attempt_number: int


@attrs.frozen
class BeginStep(Value):
    """Get a slot for this instance, and then `Proceed`."""

    instance: str


@attrs.frozen
class BeginPaths(Value):
    """`Proceed`: the construct has room for more of its paths or items, some of which may need a slot first."""

    instance: str


@attrs.frozen
class AwaitSignal(Value):
    """Wait for the signal of this instance, and no longer than until `timeout_at`."""

    instance: str
    timeout_at: datetime | None


@attrs.frozen
class AwaitTime(Value):
    """Wait until `due_at`, and then `Elapse`."""

    due_at: datetime


@attrs.frozen
class AwaitChild(Value):
    """Wait for the end of this child, and then say `ChildEnded`."""

    mission_id: str


@attrs.frozen
class EndChild(Value):
    """Cancel this child, and when it has ended say `ChildEnded`: nothing is undone before."""

    mission_id: str


@attrs.frozen
class StopForGood(Value):
    """A cancellation was requested and nothing needs to be stopped any more: `FinishCancel`."""


Action: TypeAlias = RunAttempt | BeginStep | BeginPaths | AwaitSignal | AwaitTime | AwaitChild | EndChild | StopForGood


def next_actions(definition: MissionDefinition[Any] | None, state: State) -> tuple[Action, ...]:
    """Return what the world must do now for each line of a mission in `state`: nothing where it has ended.

    Where it is paused it does not look at the time, and begins nothing. The state alone says it; whether `definition`
    can carry it on, `check_fit` says.
    """
    if state.is_undoing and state.ending.children_left:
        return tuple(map(EndChild, filter(state.must_end, state.ending.children)))
    if state.is_stopping:
        return (StopForGood(),)
    actions: Iterable[Action | None] = (_NEXT[line.phase](line) for line in state.every_line())
    if state.is_paused:
        actions = map(_while_paused, actions)
    return tuple(action for action in actions if action is not None)


def _while_paused(action: Action | None) -> Action | None:
    """Return what is left of an action where nothing may begin, and no time is looked at."""
    if isinstance(action, AwaitSignal):
        return AwaitSignal(action.instance, None)
    return action if isinstance(action, RunAttempt | AwaitChild) else None


def _nothing(line: AnyLine) -> Action | None:
    return None


def _begin_step(line: AnyLine) -> Action | None:
    return BeginStep(line.cursor or "")


def _run_attempt(line: AnyLine) -> Action | None:
    return RunAttempt(line.cursor or "", line.attempt_number)


def _begin_paths(line: AnyLine) -> Action | None:
    return BeginPaths(line.cursor or "") if is_roomy(line) else None


def _await_outside(line: AnyLine) -> Action | None:
    if isinstance(line.waiting, ChildWait):
        return AwaitChild(line.waiting.mission_id)
    assert isinstance(line.waiting, SignalWait)
    return AwaitSignal(line.waiting.event_name, line.waiting.timeout_at)


def _await_time(line: AnyLine) -> Action | None:
    due = due_at(line.waiting)
    assert due is not None  # every other wait is for a time
    return AwaitTime(due)


_NEXT: Mapping[Phase, Callable[[AnyLine], Action | None]] = {
    Phase.NEW: _nothing,
    Phase.CREATED: _begin_step,
    Phase.READY: _begin_step,
    Phase.ATTEMPTING: _run_attempt,
    Phase.AWAITING: _await_outside,
    Phase.DELAYED: _await_time,
    Phase.SLEEPING: _await_time,
    Phase.BACKING_OFF: _await_time,
    Phase.FORKED: _begin_paths,
    Phase.COMPLETED: _nothing,
    Phase.FAILED: _nothing,
    Phase.CANCELLED: _nothing,
}
