"""How attempts and missions end, for those who listen and those who wait."""

from __future__ import annotations

from collections import OrderedDict

import attrs

from ..history import MissionFailure, MissionStatus, due_at
from ..machine import Fail, State
from .asked import Operation
from .flight import Flight
from .observer import FailedAttempt, Observer
from .recorder import closed

_MOST_CAUSES = 256
"""Exceptions that are kept, so that a `MissionFailedError` can show what caused it."""


class Ends:
    """Tells the observer of failures and ends, and answers those who wait for the end of a mission."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._awaited: dict[str, list[Operation]] = {}
        self._causes: OrderedDict[str, BaseException] = OrderedDict()

    def cause(self, mission_id: str) -> BaseException | None:
        """Return what made the mission fail, where that was here and not long ago."""
        return self._causes.get(mission_id)

    def wait_for(self, mission_id: str, operation: Operation) -> None:
        """Answer `operation` with the mission's state when it ends."""
        self._awaited.setdefault(mission_id, []).append(operation)
        operation.answer.add_done_callback(lambda _: self._stop_waiting(mission_id, operation))

    def _stop_waiting(self, mission_id: str, operation: Operation) -> None:
        waiting = self._awaited.get(mission_id, [])
        if operation in waiting:
            waiting.remove(operation)
        if not waiting:
            self._awaited.pop(mission_id, None)

    def outcome_is_durable(self, flight: Flight) -> None:
        """The outcome of the mission's attempt is on record."""
        outcome, flight.outcome = flight.outcome, None
        if outcome is not None and isinstance(outcome[1], Fail):
            self._tell_failure(flight, *outcome[0], outcome[1].failure)

    def _tell_failure(self, flight: Flight, step_name: str, attempt_number: int, failure: MissionFailure) -> None:
        state = flight.state
        assert state is not None  # it has just become durable
        failed = FailedAttempt(
            mission_id=state.mission_id,
            mission_name=state.mission_name,
            step_name=step_name,
            attempt_number=attempt_number,
            failure=attrs.evolve(failure, at=flight.recorded_at),
            error=flight.cause,
            is_final=state.is_terminal,
            retry_at=due_at(state.waiting),
        )
        self._observer.attempt_failed(failed)

    def has_ended(self, flight: Flight, state: State) -> None:
        """The mission has ended, now or before it was read."""
        cause = flight.cause if state.status is MissionStatus.FAILED else None
        if flight.is_alive:
            flight.is_alive = False
            self._observer.mission_ended(state, cause)
        if cause is not None:
            flight.cause = None
            self._causes[state.mission_id] = cause
            if len(self._causes) > _MOST_CAUSES:
                self._causes.popitem(last=False)
        enders, flight.enders = flight.enders, ()
        for operation in (*enders, *self._awaited.pop(state.mission_id, ())):
            operation.resolve(state)

    def close(self) -> None:
        """Tell those who still wait that the commander was closed."""
        for waiting in list(self._awaited.values()):
            for operation in list(waiting):
                operation.refuse(closed())
