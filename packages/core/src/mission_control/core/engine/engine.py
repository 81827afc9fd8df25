"""Drives missions: does what the machine says is next, and tells it what came of it.

`_advance` looks at a mission in memory and begins the one thing that comes next for it: a commit, a run of user code,
a wait for a slot. Whatever ends calls `_advance` again. So at most one thing is under way for a mission's history at
any time, decisions on it are taken one after another, and a mission that waits costs no task. A recovered mission is
one that was read instead of created; there is no other difference.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import attrs

from ..definition import MissionContext, MissionDefinition, SignalNode, StepNode, UpdateHandler
from ..errors import MissionControlError, MissionExecutionError, PayloadError, PersistenceError
from ..foreign import described
from ..history import MissionFailure, MissionStatus, MissionSummary, Wait, due_at
from ..log import ContainedLogger
from ..machine import (
    PROCESS_ENDED,
    Cancel,
    Elapse,
    Fail,
    FinishCancel,
    Interrupt,
    Proceed,
    Receive,
    RunAttempt,
    StandBy,
    Start,
    State,
    Update,
    check_signal,
    check_update,
    next_actions,
)
from ..storage import PersistenceAdapter
from .activity import Activity
from .asked import CancelOperation, Held, Operation, SignalOperation, UpdateOperation
from .attempt import Attempt
from .clock import Clock
from .flight import Flight
from .observer import FailedAttempt, Observer
from .outcome import attempt_outcome
from .recorder import Recorder, closed, not_registered
from .runner import Runner, Stop

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_MOST_CAUSES = 256
"""Exceptions that are kept, so that a `MissionFailedError` can show what caused it."""


class Engine(Recorder):
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
        super().__init__(
            adapter=adapter,
            clock=clock,
            slots=runner.slots,
            activity=activity,
            definitions=definitions,
            tracer=runner.tracer,
        )
        self._runner = runner
        self._note_wait = note_wait
        self._observer = observer
        self._awaited: dict[str, list[Operation]] = {}
        self._causes: OrderedDict[str, BaseException] = OrderedDict()

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
        known = self._hangar.get(mission_id)
        if known is not None:
            return known
        flight = Flight(mission_id, definition=definition)
        self._activate(flight)
        self._guard(flight, self._begin, input, start_at, operation, wait)
        return None

    def _begin(
        self, flight: Flight, input: Any, start_at: datetime | None, operation: Operation, wait: bool, /
    ) -> None:
        definition = flight.definition
        assert definition is not None  # a mission that starts has one
        flight.has_slot = start_at is None and self._slots.take()
        trace = None
        if self._tracer is not None:
            flight.is_traced = True
            trace = self._tracer.mission_started(flight.mission_id, definition.name)
        command = Start(definition.name, input, start_at, trace)
        with operation:
            self._commit(flight, command, operation, _answer(operation, wait=wait))

    def submit(self, mission_id: str, operation: CancelOperation | Held) -> None:
        """Put a signal, an update or a cancellation to a mission, which is read into memory first where need be."""
        flight = self._flight(mission_id)
        flight.put(operation)
        self._hurry(flight)
        self._guard(flight, self._advance)

    def keep_in_motion(self, mission_id: str, /) -> bool:
        """Let a mission for which something is under way go on by itself after that; False where nothing is."""
        flight = self._hangar.get(mission_id)
        if flight is None or not self._hangar.is_active(mission_id):
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
        flight = self._flight(summary.mission_id)
        flight.is_woken = True
        flight.woken = (woken, summary)
        if flight.state is not None:
            flight.tell_woken(flight.problem)
        if has_slot and (flight.has_slot or flight.attempt is not None):
            self._slots.give_back()
        elif has_slot:
            flight.has_slot = True
        if not flight.is_busy:
            self._guard(flight, self._advance)

    async def known(self, flight: Flight) -> None:
        """Return when it is known whether the flight's id is taken."""
        if flight.state is None:
            newcomer = self._loop.create_future()
            flight.newcomers += (newcomer,)
            self._hurry(flight)
            await newcomer

    def state(self, mission_id: str) -> State | None:
        """Return the mission's durable state, where it is in memory."""
        flight = self._hangar.get(mission_id)
        return None if flight is None else flight.state

    def cause(self, mission_id: str) -> BaseException | None:
        """Return what made the mission fail, where that was here and not long ago."""
        return self._causes.get(mission_id)

    def stand_by(self, attempt: Attempt[Flight], mission_id: str) -> None:
        """Put on record that the attempt's step waits for the end of a mission, unless it has waited for one before."""
        if attempt.number is not None and attempt.stands_by_for is None:
            attempt.stands_by_for = mission_id
            self._guard(attempt.flight, self._advance)

    def await_end(self, mission_id: str, operation: Operation) -> None:
        """Answer `operation` with the mission's state when it ends."""
        self._awaited.setdefault(mission_id, []).append(operation)
        operation.answer.add_done_callback(lambda _: self._stop_awaiting(mission_id, operation))

    def _stop_awaiting(self, mission_id: str, operation: Operation) -> None:
        waiting = self._awaited.get(mission_id, [])
        if operation in waiting:
            waiting.remove(operation)
        if not waiting:
            self._awaited.pop(mission_id, None)

    # What comes next

    def _advance(self, flight: Flight) -> None:
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
            self._record_update(flight, flight.updated)
            return True
        elif state.is_terminal:
            flight.outcome = None
            return bool(flight.cancels) or self._wait(flight, state)
        elif state.is_cancelling:
            flight.outcome = None  # what a step returned after the request does not count
            self._commit(flight, FinishCancel())
        elif flight.outcome is not None:
            self._commit(flight, flight.outcome[1], applied=self._outcome_is_durable)
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
        self._drop(flight, problem)

    def _act(self, flight: Flight, state: State) -> None:
        (action,) = next_actions(flight.definition, state)
        if isinstance(action, RunAttempt):
            self._run_or_recover(flight, state, action)
        elif self.is_closing:
            self._park(flight, state)
        elif self._take_slot(flight):
            self._commit(flight, Proceed())

    def _run_or_recover(self, flight: Flight, state: State, action: RunAttempt) -> None:
        is_ours = flight.claimed == (action.step_name, action.attempt_number)
        if not self.is_closing and is_ours:
            self._launch(flight, state, action)
        elif is_ours:
            self._commit(flight, Interrupt("closed"))
        elif self.is_closing:
            self._park(flight, state)
        else:
            self._commit(flight, Interrupt(PROCESS_ENDED))

    def _take_slot(self, flight: Flight) -> bool:
        """Hold a slot now, or be called again when there is one."""
        if flight.has_slot or self._slots.take():
            flight.has_slot = True
            return True
        if not flight.wants_slot:
            flight.wants_slot = True
            self._slots.request(partial(self._granted, flight))
        return False

    def _granted(self, flight: Flight) -> bool:
        flight.wants_slot = False
        if flight.has_slot or not flight.is_active or self.is_closing:
            return False
        flight.has_slot = True
        self._loop.call_soon(self._guard, flight, self._advance)
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
            self._commit(flight, command, operation, partial(_await_end, operation))

    # Steps

    def _attend(self, flight: Flight, attempt: Attempt[Flight], state: State) -> None:
        """See to an attempt that is running: stop it, or make durable that it waits for another mission."""
        if state.is_cancelling:
            attempt.stop(Stop.CANCEL)
        elif attempt.stands_by_for is not None and not state.stands_by and attempt.stopped is None:
            self._commit(flight, StandBy(attempt.stands_by_for))

    def _launch(self, flight: Flight, state: State, action: RunAttempt) -> None:
        definition = flight.definition
        assert definition is not None  # a mission without one does not run
        node = definition.nodes[definition.positions[action.step_name]]
        assert isinstance(node, StepNode)  # `check_fit` has seen to it
        context: MissionContext[Any] = MissionContext(definition, state, node.name, action.attempt_number)
        self._begin_trace(flight, state)
        self._run(flight, Attempt(self._runner, flight, node, action.attempt_number, self._step_ended), node, context)

    def _run(
        self, flight: Flight, attempt: Attempt[Flight], code: StepNode | UpdateHandler, *arguments: object
    ) -> None:
        flight.attempt = attempt
        try:
            attempt.begin(code.run, arguments, is_async=code.is_async)
        except BaseException:
            flight.attempt = None
            raise

    def _step_ended(self, attempt: Attempt[Flight]) -> None:
        self._guard(attempt.flight, self._go_on_from, attempt)

    def _go_on_from(self, flight: Flight, attempt: Attempt[Flight]) -> None:
        self._release(flight, attempt)
        node = attempt.code
        assert isinstance(node, StepNode)  # it was launched with one
        command = attempt_outcome(attempt, node, _last_record_at(flight), random.random())
        flight.outcome = (flight.claimed or ("", 0), command)
        flight.cause = attempt.error
        self._advance(flight)

    def _outcome_is_durable(self, flight: Flight) -> None:
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
            failure=attrs.evolve(failure, at=_last_record_at(flight)),
            error=flight.cause,
            is_final=state.is_terminal,
            retry_at=due_at(state.waiting),
        )
        self._observer.attempt_failed(failed)

    def _release(self, flight: Flight, attempt: Attempt[Flight]) -> None:
        flight.attempt = None
        if attempt.keeps_slot:
            flight.has_slot = False

    # Waiting

    def _wait(self, flight: Flight, state: State) -> bool:
        """The mission waits or has ended: tell those who wait for that, take what was held, or park."""
        watchers, flight.watchers = flight.watchers, ()
        for watcher in watchers:
            watcher.resolve(state)
        if state.is_terminal:
            self._tell_end(flight, state)
        if flight.held and not self.is_closing:
            return self._take_held(flight, state, flight.held)
        due = due_at(state.waiting)
        if due is not None and due <= self._clock.now() and not self.is_closing:
            flight.has_slot = flight.has_slot or self._slots.take()
            self._commit(flight, Elapse())
        else:
            self._park(flight, state)
        return False

    def _tell_end(self, flight: Flight, state: State) -> None:
        if flight.is_alive:
            flight.is_alive = False
            self._observer.mission_ended(state, flight.cause if state.status is MissionStatus.FAILED else None)
        if flight.cause is not None and state.status is MissionStatus.FAILED:
            self._causes[state.mission_id] = flight.cause
            flight.cause = None
            if len(self._causes) > _MOST_CAUSES:
                self._causes.popitem(last=False)
        enders, flight.enders = flight.enders, ()
        for operation in (*enders, *self._awaited.pop(state.mission_id, ())):
            operation.resolve(state)

    def _park(self, flight: Flight, state: State) -> None:
        if self.is_closing:
            self._drop(flight, closed())
            return
        if state.is_terminal:
            self._forget(flight)
            return
        flight.is_woken = False
        flight.claimed = None
        self._hangar.park(flight)
        self._free_slot(flight)
        self._rest(flight)
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
                self._update(flight, state, operation)
        return True

    def _receive(self, flight: Flight, state: State, operation: SignalOperation) -> None:
        check_signal(flight.definition, state, operation.name)
        definition = flight.definition
        assert definition is not None  # a mission without one stands down
        node = definition.nodes[definition.positions[operation.name]]
        assert isinstance(node, SignalNode)  # `check_fit` has seen to it
        subject = f"signal {node.name!r} of mission {state.mission_id!r} ({state.mission_name})"
        payload = node.schema.validate(operation.payload, event_name=node.name, subject=subject)
        flight.has_slot = flight.has_slot or self._slots.take()
        self._commit(flight, Receive(operation.name, payload), operation, _answer(operation, wait=operation.wait))

    # Updates

    def _update(self, flight: Flight, state: State, operation: UpdateOperation) -> None:
        check_update(state)
        definition = flight.definition
        assert definition is not None  # a mission without one stands down
        handler = definition.updates[operation.name]
        subject = f"input of update {operation.name!r} of mission {state.mission_id!r} ({state.mission_name})"
        stored = handler.schema.validate(operation.input, event_name=operation.name, subject=subject)
        typed = handler.schema.restore(stored, subject=subject)
        context: MissionContext[Any] = MissionContext(definition, state, operation.name, 1)
        operation.stored = stored
        self._begin_trace(flight, state)
        self._run(flight, Attempt(self._runner, flight, operation, None, self._update_ended), handler, context, typed)

    def _update_ended(self, attempt: Attempt[Flight]) -> None:
        flight = attempt.flight
        self._release(flight, attempt)
        flight.updated = attempt
        self._guard(flight, self._advance)

    def _record_update(self, flight: Flight, attempt: Attempt[Flight]) -> None:
        flight.updated = None
        operation = attempt.code
        assert isinstance(operation, UpdateOperation)  # it was launched with one
        with suppress(MissionControlError), operation:
            value = self._update_value(flight, operation, attempt)
            command = Update(operation.name, operation.stored, value)
            self._commit(flight, command, operation, lambda _: operation.resolve(value))

    def _update_value(self, flight: Flight, operation: UpdateOperation, attempt: Attempt[Flight]) -> Any:
        """Return what the update's code returned, as it is recorded, or raise what its caller gets."""
        state, definition = flight.state, flight.definition
        assert state is not None  # a flight without one is busy
        assert definition is not None  # a mission without one stands down
        check_update(state)
        if attempt.stopped is Stop.CLOSE:
            raise closed()
        what = f"update {operation.name!r} of mission {state.mission_id!r} ({state.mission_name})"
        error = attempt.error
        if attempt.stopped is Stop.TIMEOUT:
            error = TimeoutError(f"it did not end within {operation.timeout:g} s")
        if error is not None:
            raise MissionExecutionError(f"{what} failed, nothing was recorded: {described(error)}") from error
        try:
            return definition.updates[operation.name].output.normalise(attempt.value, subject=what)
        except PayloadError as misfit:
            raise MissionExecutionError(f"{what} failed, nothing was recorded: {misfit}") from misfit

    # The end

    async def close(self) -> None:
        """Stop user code, make durable what is decided, and forget all missions. Callers get an error."""
        self._begin_closing()
        for attempt in list(self._runner.running):
            attempt.stop(Stop.CLOSE)
        while flights := self._hangar.active():
            for flight in flights:
                self._hurry(flight)
                self._guard(flight, self._advance)
            if self._hangar.active():
                await self._activity.change()
        self._refuse_awaiting()
        await self._journal.drained()
        await self._loader.drained()

    def abandon(self) -> None:
        """Forget all missions as the end of the process would: nothing more is written. Callers get an error."""
        self._begin_closing()
        self._journal.cut(PersistenceError("the commander was abandoned: nothing of it is written any more"))
        for flight in self._hangar.active():
            flight.woken = None  # a process that has died says nothing
            self._drop(flight, closed())
        self._refuse_awaiting()

    def _refuse_awaiting(self) -> None:
        for waiting in list(self._awaited.values()):
            for operation in list(waiting):
                operation.refuse(closed())


def _last_record_at(flight: Flight) -> datetime:
    assert flight.state is not None  # it is of a mission in memory
    assert flight.state.at is not None  # that has begun
    return flight.state.at


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
