"""Updates: code that runs between other things, and whose result is recorded when it is its turn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..definition import MissionContext, UpdateHandler
from ..errors import MissionControlError, MissionExecutionError, PayloadError
from ..foreign import described
from ..machine import State, Update, check_update
from .asked import UpdateOperation
from .attempt import Attempt
from .flight import Flight
from .recorder import Recorder
from .refusals import closed
from .roster import Roster
from .runner import Runner, Stop


class Updates:
    """Runs updates; `advance(flight)` is called when one has ended."""

    def __init__(self, roster: Roster, recorder: Recorder, runner: Runner, advance: Callable[[Flight], None]) -> None:
        self._roster = roster
        self._recorder = recorder
        self._runner = runner
        self._advance = advance

    def begin(self, flight: Flight, state: State, operation: UpdateOperation) -> None:
        """Run the update's code. Raises what its caller gets where it is not allowed, or its input does not fit."""
        check_update(state)
        definition = flight.definition
        assert definition is not None  # a mission without one stands down
        handler = definition.updates[operation.name]
        subject = f"input of update {operation.name!r} of mission {state.mission_id!r} ({state.mission_name})"
        stored = handler.schema.validate(operation.input, event_name=operation.name, subject=subject)
        typed = handler.schema.restore(stored, subject=subject)
        context: MissionContext[Any] = MissionContext(definition, state, operation.name, 1, self._runner.clock.now)
        operation.stored = stored
        self._roster.begin_trace(flight, state)
        flight.update = attempt = Attempt(self._runner, flight, operation, operation.name, None, self._ended)
        attempt.is_counted = False
        flight.slots -= 1
        try:
            flight.launch(attempt, handler, context, typed)
        except BaseException:
            flight.update = None
            flight.slots += 1
            raise

    def _ended(self, attempt: Attempt[Flight]) -> None:
        flight = attempt.flight
        flight.release(attempt)
        flight.slots += attempt.has_slot
        flight.update, flight.updated = None, attempt
        self._recorder.guard(flight, self._advance)

    def record(self, flight: Flight, attempt: Attempt[Flight]) -> None:
        """Make what the code returned durable, or tell the caller why not."""
        flight.updated = None
        operation = attempt.code
        assert isinstance(operation, UpdateOperation)  # it was launched with one
        if operation.is_taken_back:
            return
        with suppress(MissionControlError), operation:
            value = self._value(flight, operation, attempt)
            if operation.requested is not None:
                operation.requested.value = value
            command = Update(operation.name, operation.stored, value, operation.key, operation.by)
            self._recorder.commit(flight, (command,), operation=operation, applied=lambda _: operation.resolve(value))

    def _value(self, flight: Flight, operation: UpdateOperation, attempt: Attempt[Flight]) -> Any:
        """Return what the update's code returned, as it is recorded, or raise what its caller gets."""
        state, definition = flight.state, flight.definition
        assert state is not None  # a flight without one is busy
        assert definition is not None  # a mission without one stands down
        check_update(state)
        return returned_by_update(state, operation.name, definition.updates[operation.name], attempt)


def returned_by_update(state: State, name: str, handler: UpdateHandler, attempt: Attempt[Any]) -> Any:
    """Return what an update's code returned, as it is recorded, or raise what its caller gets."""
    if attempt.stopped is Stop.CLOSE:
        raise closed()
    what = f"update {name!r} of mission {state.mission_id!r} ({state.mission_name})"
    error = attempt.error
    if attempt.stopped is Stop.TIMEOUT:
        error = TimeoutError(f"it did not end within {attempt.code.timeout:g} s")
    if error is not None:
        raise MissionExecutionError(f"{what} failed, nothing was recorded: {described(error)}") from error
    try:
        return handler.output.normalise(attempt.value, subject=what)
    except PayloadError as misfit:
        raise MissionExecutionError(f"{what} failed, nothing was recorded: {misfit}") from misfit
