"""What comes next for a mission: does what the machine says, and tells it what came of it.

`advance` looks at a mission in memory and begins the one thing that comes next for it: a commit, a run of user code,
a wait for a slot. Whatever ends calls it again. So at most one thing is under way for a mission's history at
any time, decisions on it are taken one after another, and a mission that waits costs no task. A recovered mission is
one that was read instead of created; there is no other difference.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from ..definition import MissionContext, MissionDefinition, SignalNode, StepNode
from ..errors import MissionControlError
from ..history import Wait, due_at
from ..log import ContainedLogger
from ..machine import (
    PROCESS_ENDED,
    Cancel,
    Elapse,
    FinishCancel,
    Interrupt,
    Proceed,
    Receive,
    RunAttempt,
    StandBy,
    State,
    check_signal,
    next_actions,
)
from ..storage import PersistenceAdapter
from .activity import Activity
from .asked import CancelOperation, Held, Operation, SignalOperation, UpdateOperation
from .attempt import Attempt
from .clock import Clock
from .ends import Ends
from .flight import Flight
from .outcome import attempt_outcome
from .recorder import Recorder, closed
from .roster import Roster
from .runner import Runner, Stop
from .updates import Updates

logger: ContainedLogger = ContainedLogger("mission_control.engine")


class Pilot:
    """Drives the missions of one commander, each from where it stands to where it waits or ends."""

    def __init__(
        self,
        roster: Roster,
        ends: Ends,
        runner: Runner,
        *,
        adapter: PersistenceAdapter,
        clock: Clock,
        activity: Activity,
        definitions: Mapping[str, MissionDefinition[Any]],
        note_wait: Callable[[Wait], None],
    ) -> None:
        self._roster = roster
        self._ends = ends
        self._runner = runner
        self._clock = clock
        self._note_wait = note_wait
        self._loop = asyncio.get_running_loop()
        self.recorder: Recorder = Recorder(
            roster=roster, driver=self, adapter=adapter, clock=clock, activity=activity, definitions=definitions
        )
        self._updates = Updates(roster, self.recorder, runner, self.advance)

    def advance(self, flight: Flight, /) -> None:
        """Begin what comes next for the mission, unless something is under way for it."""
        while flight.is_active and not flight.is_busy:
            if flight.cancels and flight.outcome is None:
                operation = flight.cancels.popleft()
                with operation:
                    self._cancel(flight, operation)
            elif not self._turn(flight):
                return

    def _turn(self, flight: Flight) -> bool:
        """Begin one thing; True where there may be another at once."""
        state = flight.state
        assert state is not None  # a flight without one is busy
        if flight.attempt is not None:
            self._attend(flight, flight.attempt, state)
        elif flight.updated is not None:
            self._updates.record(flight, flight.updated)
            return True
        elif state.is_terminal:
            flight.outcome = None
            return bool(flight.cancels) or self._wait(flight, state)
        elif state.is_cancelling:
            flight.outcome = None  # what a step returned after the request does not count
            self.recorder.commit(flight, FinishCancel())
        elif flight.outcome is not None:
            self.recorder.commit(flight, flight.outcome[1], applied=self._ends.outcome_is_durable)
        elif flight.problem is not None:
            self._stand_down(flight, flight.problem)
        elif state.waiting is not None:
            return self._wait(flight, state)
        else:
            self._act(flight, state)
        return False

    def _stand_down(self, flight: Flight, problem: Exception) -> None:
        if flight.is_woken:
            summary = str(problem).partition("\n")[0]  # the lines below it show payloads
            logger.warning("passed over: %s", summary, extra=flight.labels)
            logger.debug("passed over: %s", problem, extra=flight.labels)
        self._roster.drop(flight, problem)

    def _act(self, flight: Flight, state: State) -> None:
        (action,) = next_actions(flight.definition, state)
        if isinstance(action, RunAttempt):
            self._run_or_recover(flight, state, action)
        elif self._roster.is_closing:
            self._park(flight, state)
        elif self._take_slot(flight):
            self.recorder.commit(flight, Proceed())

    def _run_or_recover(self, flight: Flight, state: State, action: RunAttempt) -> None:
        is_ours = flight.claimed == (action.step_name, action.attempt_number)
        if not self._roster.is_closing and is_ours:
            self._launch(flight, state, action)
        elif is_ours:
            self.recorder.commit(flight, Interrupt("closed"))
        elif self._roster.is_closing:
            self._park(flight, state)
        else:
            self.recorder.commit(flight, Interrupt(PROCESS_ENDED))

    def _take_slot(self, flight: Flight) -> bool:
        """Hold a slot now, or be called again when there is one."""
        if flight.has_slot or self._roster.slots.take():
            flight.has_slot = True
            return True
        if not flight.wants_slot:
            flight.wants_slot = True
            self._roster.slots.request(partial(self._granted, flight))
        return False

    def _granted(self, flight: Flight) -> bool:
        flight.wants_slot = False
        if flight.has_slot or not flight.is_active or self._roster.is_closing:
            return False
        flight.has_slot = True
        self._loop.call_soon(self.recorder.guard, flight, self.advance)
        return True

    def _cancel(self, flight: Flight, operation: CancelOperation) -> None:
        state = flight.state
        assert state is not None  # a flight without one is busy
        if state.is_terminal:
            operation.resolve(state)
        elif state.is_cancelling:
            _await_end(operation, flight)
        else:
            at_once = flight.attempt is None or flight.attempt.is_sync
            command = Cancel(operation.reason, at_once=at_once)
            self.recorder.commit(flight, command, operation, partial(_await_end, operation))

    # Steps

    def _attend(self, flight: Flight, attempt: Attempt[Flight], state: State) -> None:
        """See to an attempt that is running: stop it, or make durable that it waits for another mission."""
        if state.is_cancelling:
            attempt.stop(Stop.CANCEL)
        elif attempt.stands_by_for is not None and not state.stands_by and attempt.stopped is None:
            self.recorder.commit(flight, StandBy(attempt.stands_by_for))

    def _launch(self, flight: Flight, state: State, action: RunAttempt) -> None:
        definition = flight.definition
        assert definition is not None  # a mission without one does not run
        node = definition.nodes[definition.positions[action.step_name]]
        assert isinstance(node, StepNode)  # `check_fit` has seen to it
        context: MissionContext[Any] = MissionContext(definition, state, node.name, action.attempt_number)
        self._roster.begin_trace(flight, state)
        flight.launch(Attempt(self._runner, flight, node, action.attempt_number, self._step_ended), node, context)

    def _step_ended(self, attempt: Attempt[Flight]) -> None:
        self.recorder.guard(attempt.flight, self._go_on_from, attempt)

    def _go_on_from(self, flight: Flight, attempt: Attempt[Flight]) -> None:
        flight.release(attempt)
        node = attempt.code
        assert isinstance(node, StepNode)  # it was launched with one
        command = attempt_outcome(attempt, node, flight.recorded_at)
        flight.outcome = (flight.claimed or ("", 0), command)
        flight.cause = attempt.error
        self.advance(flight)

    # Waiting

    def _wait(self, flight: Flight, state: State) -> bool:
        """The mission waits or has ended: tell those who wait for that, take what was held, or park."""
        watchers, flight.watchers = flight.watchers, ()
        for watcher in watchers:
            watcher.resolve(state)
        if state.is_terminal:
            self._ends.has_ended(flight, state)
        if flight.held and not self._roster.is_closing:
            return self._take_held(flight, state, flight.held)
        due = due_at(state.waiting)
        if due is not None and due <= self._clock.now() and not self._roster.is_closing:
            flight.has_slot = flight.has_slot or self._roster.slots.take()
            self.recorder.commit(flight, Elapse())
        else:
            self._park(flight, state)
        return False

    def _park(self, flight: Flight, state: State) -> None:
        if self._roster.is_closing:
            self._roster.drop(flight, closed())
            return
        if state.is_terminal:
            self._roster.forget(flight)
            return
        self._roster.park(flight)
        assert state.waiting is not None  # one that runs is not parked
        self._note_wait(state.waiting)

    def _take_held(self, flight: Flight, state: State, held: deque[Held]) -> bool:
        operation = held[0]
        if operation.is_withdrawn:
            held.popleft()
            return True
        needs_slot = isinstance(operation, UpdateOperation) and not state.is_terminal
        if needs_slot and not self._take_slot(flight):
            return False
        held.popleft()
        with suppress(MissionControlError), operation:
            if isinstance(operation, SignalOperation):
                self._receive(flight, state, operation)
            else:
                self._updates.begin(flight, state, operation)
        return True

    def _receive(self, flight: Flight, state: State, operation: SignalOperation) -> None:
        check_signal(flight.definition, state, operation.name)
        definition = flight.definition
        assert definition is not None  # a mission without one stands down
        node = definition.nodes[definition.positions[operation.name]]
        assert isinstance(node, SignalNode)  # `check_fit` has seen to it
        subject = f"signal {node.name!r} of mission {state.mission_id!r} ({state.mission_name})"
        payload = node.schema.validate(operation.payload, event_name=node.name, subject=subject)
        flight.has_slot = flight.has_slot or self._roster.slots.take()
        self.recorder.commit(
            flight, Receive(operation.name, payload), operation, answered(operation, wait=operation.wait)
        )

    def outcome_is_durable(self, flight: Flight, /) -> None:
        """Forget the outcome of an attempt that is on record, and tell of it where it is a failure."""
        self._ends.outcome_is_durable(flight)


def _await_end(operation: CancelOperation, flight: Flight) -> None:
    flight.enders += (operation,)


def answered(operation: Operation, *, wait: bool) -> Callable[[Flight], None]:
    """Answer when it is durable; with `wait`, when the mission next waits or ends."""

    def applied(flight: Flight) -> None:
        if wait:
            flight.watchers += (operation,)
        else:
            operation.resolve(flight.state)

    return applied
