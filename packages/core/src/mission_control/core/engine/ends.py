"""How attempts and missions end, for those who listen and those who wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import attrs

from ..history import UNDO, MissionFailure, MissionStatus, due_at
from ..log import ContainedLogger
from ..machine import Fail, Phase, State
from .asked import Operation
from .flight import Flight, Run
from .observer import FailedAttempt, Observer
from .refusals import closed

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_MOST_CAUSES = 256
"""Exceptions that are kept, so that a `MissionFailedError` can show what caused it."""


class Ends:
    """Tells the observer of failures and ends, and answers those who wait for the end of a mission."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._child_ended: Callable[[str, State], None] = lambda parent_id, child: None
        self._awaited: dict[str, list[Operation]] = {}
        self._causes: OrderedDict[str, BaseException] = OrderedDict()

    def tell_parents(self, child_ended: Callable[[str, State], None]) -> None:
        """Call `child_ended(parent_id, child)` when a child has ended that its parent waits for."""
        self._child_ended = child_ended

    def cause(self, mission_id: str) -> BaseException | None:
        """Return what made the mission fail, where that was here and not long ago."""
        return self._causes.get(mission_id)

    def wait_for(self, mission_id: str, operation: Operation) -> None:
        """Answer `operation` with the mission's state when it ends."""
        self._awaited.setdefault(mission_id, []).append(operation)
        operation.answer.add_done_callback(lambda _: self._stop_waiting(mission_id, operation))

    def keep_waiting(self, flight: Flight) -> None:
        """Let those who want to know what comes of the mission wait on, though it is not kept in memory for them."""
        enders, flight.enders = flight.enders, ()
        for operation in (*enders, *(operation for operation, _ in flight.watchers)):
            self.wait_for(flight.mission_id, operation)

    def _stop_waiting(self, mission_id: str, operation: Operation) -> None:
        waiting = self._awaited.get(mission_id, [])
        if operation in waiting:
            waiting.remove(operation)
        if not waiting:
            self._awaited.pop(mission_id, None)

    def outcome_is_durable(self, flight: Flight, run: Run) -> None:
        """What came of an attempt is on record."""
        if isinstance(run.outcome, Fail):
            self._tell_failure(flight, run, run.outcome.failure)

    def _tell_failure(self, flight: Flight, run: Run, failure: MissionFailure) -> None:
        state = flight.state
        assert state is not None  # it has just become durable
        told = attrs.evolve(failure, at=flight.recorded_at)
        failed = failed_attempt(state, run.instance, run.number, told, run.cause)
        if failed.is_final and run.cause is not None and not run.instance.startswith(UNDO):
            flight.cause = (run.instance, run.cause)
        self._observer.attempt_failed(failed)

    def has_ended(self, flight: Flight, state: State) -> None:
        """The mission has ended, now or before it was read."""
        instance, cause = flight.cause or (None, None)
        if state.status is not MissionStatus.FAILED or instance != state.cursor:
            cause = None
        if flight.is_alive:
            flight.is_alive = False
            flight.is_stray = flight.is_stray or state.origin.is_awaited
            warn_of_what_was_not_undone(state)
            self._observer.mission_ended(state, cause)
        if cause is not None:
            flight.cause = None
            self._causes[state.mission_id] = cause
            if len(self._causes) > _MOST_CAUSES:
                self._causes.popitem(last=False)
        enders, flight.enders = flight.enders, ()
        for operation in (*enders, *self._awaited.pop(state.mission_id, ())):
            operation.resolve(state)
        if flight.is_stray:
            flight.is_stray = False
            parent_id = state.origin.parent_id
            assert parent_id is not None  # only a child is astray
            self._child_ended(parent_id, state)

    def close(self) -> None:
        """Tell those who still wait that the commander was closed."""
        for waiting in list(self._awaited.values()):
            for operation in list(waiting):
                operation.refuse(closed())


def warn_of_what_was_not_undone(mission: State) -> None:
    """Log which steps of a mission that has ended could not be undone, where there are any."""
    if mission.ending.undo_failed:
        logger.warning(
            "mission %s (%s) has ended, and these steps could not be undone: %s; what they did is still there",
            mission.mission_id,
            mission.mission_name,
            ", ".join(map(repr, mission.ending.undo_failed)),
            extra={"mission_id": mission.mission_id, "mission_name": mission.mission_name, "step": mission.cursor},
        )


def failed_attempt(
    after: State, instance: str, number: int, failure: MissionFailure, error: BaseException | None
) -> FailedAttempt:
    """Return what there is to say of an attempt that failed; `after` is the state behind that."""
    line = after.line_at(instance)
    goes_on = line.cursor == instance and not (after.is_terminal or line.phase is Phase.FORKED)
    return FailedAttempt(
        mission_id=after.mission_id,
        mission_name=after.mission_name,
        step_name=instance,
        attempt_number=number,
        failure=failure,
        error=error,
        is_final=not goes_on,
        retry_at=due_at(line.waiting) if goes_on else None,
    )
