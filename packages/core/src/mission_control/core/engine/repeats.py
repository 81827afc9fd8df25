"""Signals and updates that come again under a key that is used: they are answered at once, and change nothing."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from ..errors import MissionControlError
from ..history import HistoryRecord, HistoryType
from ..machine import State, check_repeat, find_use
from .asked import Held, UpdateOperation
from .flight import Flight
from .watching import answered


def answer_repeats(flight: Flight, state: State) -> None:
    """Answer what is held and has come before, whatever else the mission does; what has not goes on being held.

    What comes twice before it is on record is held twice: once the first is durable, the other one is a repeat.
    """
    held = [operation for operation in flight.held or () if not _is_answered(flight, state, operation)]
    flight.held = deque(held) or None


def _is_answered(flight: Flight, state: State, operation: Held) -> bool:
    record = find_use(state, operation.key)
    if record is None or operation.is_withdrawn:
        return False
    with suppress(MissionControlError), operation:
        _answer(flight, state, operation, record)
    return True


def _answer(flight: Flight, state: State, operation: Held, record: HistoryRecord) -> None:
    """Answer as the first one was, or is: with what is on record. Raises what refuses something else."""
    if isinstance(operation, UpdateOperation):
        check_repeat(flight.definition, state, record, "update", operation.name, operation.input)
        operation.resolve(record.details["output"])
        return
    check_repeat(flight.definition, state, record, "signal", operation.sent_as, operation.payload)
    line = state.line_at(record.event_name or "")
    wait = operation.wait and record.type is not HistoryType.SIGNAL_KEPT  # which moved nothing
    answered(operation, wait=wait, key=line.path or "")(flight)
