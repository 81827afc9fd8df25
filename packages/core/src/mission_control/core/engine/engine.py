"""Drives missions: does what the machine says is next, and tells it what came of it.

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
from datetime import datetime
from functools import partial
from typing import Any

from ..definition import MissionContext, MissionDefinition, SignalNode, StepNode
from ..errors import MissionControlError, PersistenceError
from ..history import MissionSummary, Wait, due_at
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
    Start,
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
from .observer import Observer
from .outcome import attempt_outcome
from .recorder import Recorder, closed, not_registered
from .roster import Roster
from .runner import Runner, Stop
from .updates import Updates

logger: ContainedLogger = ContainedLogger("mission_control.engine")


class Engine:
    """The missions of one commander that are in memory, and what happens to them."""

    def __init__(
        self,
        *,
        adapter: PersistenceAdapter,
        clock: Clock,
        runner: Runner,
        activity: Activity,
        definitions: Mapping[str, MissionDefinition[Any]],
        note_wait: Callable[[Wait], None],
        observer: Observer,
    ) -> None:
        self._clock = clock
        self._definitions = definitions
        self._activity = activity
        self._runner = runner
        self._note_wait = note_wait
        self._loop = asyncio.get_running_loop()
        self._ends = Ends(observer)
        self._roster = Roster(runner.slots, activity, runner.tracer)
        self._recorder = Recorder(
            roster=self._roster,
            driver=self,
            adapter=adapter,
            clock=clock,
            activity=activity,
            definitions=definitions,
        )
        self._updates = Updates(self._roster, self._recorder, runner, self.advance)

    # What callers ask

    def start(
        self,
        definition: MissionDefinition[Any],
        mission_id: str,
        input: Any,
        start_at: datetime | None,
        operation: Operation,
        *,
        wait: bool,
    ) -> Flight | None:
        """Begin a mission, whose caller waits on `operation`; return the flight that has the id already, if one has."""
        known = self._roster.get(mission_id)
        if known is not None:
            return known
        flight = Flight(mission_id, definition=definition)
        self._roster.activate(flight)
        self._recorder.guard(flight, self._begin, input, start_at, operation, wait)
        return None

    def _begin(
        self, flight: Flight, input: Any, start_at: datetime | None, operation: Operation, wait: bool, /
    ) -> None:
        definition = flight.definition
        assert definition is not None  # a mission that starts has one
        flight.has_slot = start_at is None and self._roster.slots.take()
        trace = self._roster.start_trace(flight, definition.name)
        command = Start(definition.name, input, start_at, trace)
        with operation:
            self._recorder.commit(flight, command, operation, _answer(operation, wait=wait))

    def submit(self, mission_id: str, operation: CancelOperation | Held) -> None:
        """Put a signal, an update or a cancellation to a mission, which is read into memory first where need be."""
        flight = self._recorder.flight(mission_id)
        flight.put(operation)
        self._recorder.hurry(flight)
        self._recorder.guard(flight, self.advance)

    def keep_in_motion(self, mission_id: str, /) -> bool:
        """Let a mission for which something is under way go on by itself after that; False where nothing is."""
        flight = self._roster.get(mission_id)
        if flight is None or not self._roster.is_active(mission_id):
            return False
        flight.is_woken = True
        return True

    def obstacle(self, summary: MissionSummary, /) -> Exception | None:
        """Return why the mission cannot run here, as far as its summary tells."""
        if summary.mission_name in self._definitions:
            return None
        return not_registered(summary.mission_id, summary.mission_name, self._definitions)

    def wake(
        self, summary: MissionSummary, woken: Callable[[MissionSummary, Exception | None], None], /, *, has_slot: bool
    ) -> None:
        """Let a mission go on that is due or was interrupted; a slot that comes along is used or given back.

        `woken(summary, problem)` is called as soon as it is known whether the mission goes on.
        """
        flight = self._recorder.flight(summary.mission_id)
        flight.is_woken = True
        flight.woken = (woken, summary)
        if flight.state is not None:
            flight.tell_woken(flight.problem)
        if has_slot and (flight.has_slot or flight.attempt is not None):
            self._roster.slots.give_back()
        elif has_slot:
            flight.has_slot = True
        if not flight.is_busy:
            self._recorder.guard(flight, self.advance)

    async def known(self, flight: Flight) -> None:
        """Return when it is known whether the flight's id is taken."""
        if flight.state is None:
            newcomer = self._loop.create_future()
            flight.newcomers += (newcomer,)
            self._recorder.hurry(flight)
            await newcomer

    def state(self, mission_id: str) -> State | None:
        """Return the mission's durable state, where it is in memory."""
        flight = self._roster.get(mission_id)
        return None if flight is None else flight.state

    def cause(self, mission_id: str) -> BaseException | None:
        """Return what made the mission fail, where that was here and not long ago."""
        return self._ends.cause(mission_id)

    def stand_by(self, attempt: Attempt[Flight], mission_id: str) -> None:
        """Put on record that the attempt's step waits for the end of a mission, unless it has waited for one before."""
        if attempt.number is not None and attempt.stands_by_for is None:
            attempt.stands_by_for = mission_id
            self._recorder.guard(attempt.flight, self.advance)

    def await_end(self, mission_id: str, operation: Operation) -> None:
        """Answer `operation` with the mission's state when it ends."""
        self._ends.wait_for(mission_id, operation)

    def problem(self, definition: MissionDefinition[Any] | None, state: State) -> MissionControlError | None:
        """Return why the mission cannot run here, if it cannot."""
        return self._recorder.problem(definition, state)

    def outcome_is_durable(self, flight: Flight, /) -> None:
        """Forget the outcome of an attempt that is on record, and tell of it where it is a failure."""
        self._ends.outcome_is_durable(flight)

    # What comes next

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
            self._recorder.commit(flight, FinishCancel())
        elif flight.outcome is not None:
            self._recorder.commit(flight, flight.outcome[1], applied=self._ends.outcome_is_durable)
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
            self._recorder.commit(flight, Proceed())

    def _run_or_recover(self, flight: Flight, state: State, action: RunAttempt) -> None:
        is_ours = flight.claimed == (action.step_name, action.attempt_number)
        if not self._roster.is_closing and is_ours:
            self._launch(flight, state, action)
        elif is_ours:
            self._recorder.commit(flight, Interrupt("closed"))
        elif self._roster.is_closing:
            self._park(flight, state)
        else:
            self._recorder.commit(flight, Interrupt(PROCESS_ENDED))

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
        self._loop.call_soon(self._recorder.guard, flight, self.advance)
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
            self._recorder.commit(flight, command, operation, partial(_await_end, operation))

    # Steps

    def _attend(self, flight: Flight, attempt: Attempt[Flight], state: State) -> None:
        """See to an attempt that is running: stop it, or make durable that it waits for another mission."""
        if state.is_cancelling:
            attempt.stop(Stop.CANCEL)
        elif attempt.stands_by_for is not None and not state.stands_by and attempt.stopped is None:
            self._recorder.commit(flight, StandBy(attempt.stands_by_for))

    def _launch(self, flight: Flight, state: State, action: RunAttempt) -> None:
        definition = flight.definition
        assert definition is not None  # a mission without one does not run
        node = definition.nodes[definition.positions[action.step_name]]
        assert isinstance(node, StepNode)  # `check_fit` has seen to it
        context: MissionContext[Any] = MissionContext(definition, state, node.name, action.attempt_number)
        self._roster.begin_trace(flight, state)
        flight.launch(Attempt(self._runner, flight, node, action.attempt_number, self._step_ended), node, context)

    def _step_ended(self, attempt: Attempt[Flight]) -> None:
        self._recorder.guard(attempt.flight, self._go_on_from, attempt)

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
            self._recorder.commit(flight, Elapse())
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
        self._recorder.commit(
            flight, Receive(operation.name, payload), operation, _answer(operation, wait=operation.wait)
        )

    # The end

    async def close(self) -> None:
        """Stop user code, make durable what is decided, and forget all missions. Callers get an error."""
        self._roster.is_closing = True
        for attempt in list(self._runner.running):
            attempt.stop(Stop.CLOSE)
        while flights := self._roster.active():
            for flight in flights:
                self._recorder.hurry(flight)
                self._recorder.guard(flight, self.advance)
            if self._roster.active():
                await self._activity.change()
        self._ends.close()
        await self._recorder.drained()

    def abandon(self) -> None:
        """Forget all missions as the end of the process would: nothing more is written. Callers get an error."""
        self._roster.is_closing = True
        self._recorder.cut(PersistenceError("the commander was abandoned: nothing of it is written any more"))
        for flight in self._roster.active():
            flight.woken = None  # a process that has died says nothing
            self._roster.drop(flight, closed())
        self._ends.close()


def _await_end(operation: CancelOperation, flight: Flight) -> None:
    flight.enders += (operation,)


def _answer(operation: Operation, *, wait: bool) -> Callable[[Flight], None]:
    """Answer when it is durable; with `wait`, when the mission next waits or ends."""

    def applied(flight: Flight) -> None:
        if wait:
            flight.watchers += (operation,)
        else:
            operation.resolve(flight.state)

    return applied
