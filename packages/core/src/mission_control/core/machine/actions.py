"""What the world must do now for a mission, which its state alone says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from ..definition import MissionDefinition
from ..history import SignalWait, due_at
from .state import Phase, State


@attrs.frozen
class RunAttempt:
    """Run the user code of this step; its attempt is on record."""

    step_name: str
    attempt_number: int


@attrs.frozen
class BeginStep:
    """Get a slot for this step, and then `Proceed`."""

    step_name: str


@attrs.frozen
class AwaitSignal:
    """Wait for this signal, and no longer than until `timeout_at`."""

    signal_name: str
    timeout_at: datetime | None


@attrs.frozen
class AwaitTime:
    """Wait until `due_at`, and then `Elapse`."""

    due_at: datetime


@attrs.frozen
class StopForGood:
    """A cancellation was requested and nothing needs to be stopped any more: `FinishCancel`."""


Action: TypeAlias = RunAttempt | BeginStep | AwaitSignal | AwaitTime | StopForGood


def next_actions(definition: MissionDefinition[Any] | None, state: State) -> tuple[Action, ...]:
    """Return what the world must do now for a mission in `state`: nothing where it has ended.

    The state alone says it; whether `definition` can carry it on, `check_fit` says.
    """
    if state.is_cancelling and not state.is_terminal:
        return (StopForGood(),)
    return _NEXT[state.phase](state)


def _nothing(state: State) -> tuple[Action, ...]:
    return ()


def _begin_step(state: State) -> tuple[Action, ...]:
    return (BeginStep(state.cursor or ""),)


def _run_attempt(state: State) -> tuple[Action, ...]:
    return (RunAttempt(state.cursor or "", state.attempt_number),)


def _await_signal(state: State) -> tuple[Action, ...]:
    assert isinstance(state.waiting, SignalWait)
    return (AwaitSignal(state.waiting.event_name, state.waiting.timeout_at),)


def _await_time(state: State) -> tuple[Action, ...]:
    due = due_at(state.waiting)
    assert due is not None  # every wait but a signal's is for a time
    return (AwaitTime(due),)


_NEXT: Mapping[Phase, Callable[[State], tuple[Action, ...]]] = {
    Phase.NEW: _nothing,
    Phase.CREATED: _begin_step,
    Phase.READY: _begin_step,
    Phase.ATTEMPTING: _run_attempt,
    Phase.AWAITING: _await_signal,
    Phase.DELAYED: _await_time,
    Phase.SLEEPING: _await_time,
    Phase.BACKING_OFF: _await_time,
    Phase.COMPLETED: _nothing,
    Phase.FAILED: _nothing,
    Phase.CANCELLED: _nothing,
}
