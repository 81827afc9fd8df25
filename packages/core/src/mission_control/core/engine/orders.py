"""What is done next for a mission, whatever it does: it is cancelled, or an operator changes what becomes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

from ..definition import MissionDefinition
from ..machine import Cancel, Pause, Reopen, Resume, Skip, State
from .asked import CancelOperation, ChangeOperation, Order
from .flight import Flight
from .recorder import Recorder
from .refusals import not_registered


class Orders:
    """Carries out orders, each of them as one decision."""

    def __init__(self, recorder: Recorder, definitions: Mapping[str, MissionDefinition[Any]]) -> None:
        self._recorder = recorder
        self._definitions = definitions

    def obey(self, flight: Flight, order: Order) -> None:
        """Decide, and make it durable. Raises what refuses it."""
        state = flight.state
        assert state is not None  # a flight without one is busy
        if isinstance(order, ChangeOperation):
            self._change(flight, state, order)
        else:
            self._cancel(flight, state, order)

    def _cancel(self, flight: Flight, state: State, operation: CancelOperation) -> None:
        if state.is_terminal:
            operation.resolve(state)
        elif operation.is_taken_back:
            return
        elif state.is_cancelling or state.is_undoing:
            _await_end(operation, flight)
        else:
            at_once = all(run.attempt is None or run.attempt.is_sync for run in flight.every_run())
            command = Cancel(operation.reason, at_once, operation.by)
            applied = partial(_await_end, operation)
            self._recorder.commit(flight, (command,), operation=operation, applied=applied)

    def _change(self, flight: Flight, state: State, operation: ChangeOperation) -> None:
        if operation.is_taken_back:
            return
        command = operation.command
        if not isinstance(command, Pause | Resume):
            if flight.problem is not None:
                raise flight.problem
            if flight.definition is None:
                raise not_registered(state.mission_id, state.mission_name, self._definitions)
        if state.is_terminal and isinstance(command, Reopen | Skip):
            history, flight.history = flight.history, None
            if history is None or len(history) != state.version:
                self._ask_again(flight, operation)
                return
            command = attrs.evolve(command, history=history)
        if not self._recorder.commit(flight, (command,), operation=operation, applied=partial(_applied, operation)):
            operation.resolve(state)

    def _ask_again(self, flight: Flight, operation: ChangeOperation) -> None:
        """Have the whole history read, and the order carried out then."""
        flight.orders = flight.orders or deque()
        flight.orders.appendleft(operation)
        flight.must_have_history = True
        self._recorder.read_again(flight)


def _await_end(operation: CancelOperation, flight: Flight) -> None:
    flight.enders += (operation,)


def _applied(operation: ChangeOperation, flight: Flight) -> None:
    """What had ended may be going on, and its next end is news."""
    flight.is_alive = True
    flight.ends_children = False
    operation.resolve(flight.state)
