"""Keeps missions in memory and in storage in step: reads them, makes decisions durable, and survives failing storage.

A flight is busy from the moment a commit or a read is handed over until its outcome is known. In memory nothing runs
ahead of what is durable: a decision is folded in only after its commit. Where a commit fails nobody knows whether it
took effect, so the mission is read again before anything else is done for it.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from itertools import starmap
from typing import Any, Protocol

from ..definition import MissionDefinition, StoredDefinition
from ..errors import (
    CorruptMissionError,
    MissionControlError,
    PersistenceError,
    StaleMissionError,
)
from ..foreign import ENDS_THE_PROGRAM
from ..history import HistoryRecord, HistoryType, MissionFailure
from ..log import ContainedLogger
from ..machine import (
    ChildEnded,
    Command,
    Fail,
    NewChild,
    State,
    changed_waits,
    check_carries,
    decide,
    load,
)
from ..making import maker
from ..storage import CommitOutcome, LoadOutcome, MissionCommit, PersistenceAdapter
from .activity import Activity
from .asked import Operation
from .clock import Clock
from .coalescer import Coalescer, as_persistence_error
from .commits import applied_answer, commit_of_child, commit_of_import
from .consequences import is_lent, is_on_record, orphans_of, slots_of
from .flight import Consequences, Decision, Flight, Run
from .refusals import closed, not_found, not_registered
from .roster import Roster

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_commit = maker(MissionCommit)

_ENDS = (HistoryType.STEP_SUCCEEDED, HistoryType.STEP_FAILED)

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0


class Driver(Protocol):
    """What goes on with a mission once it was read or written."""

    def advance(self, flight: Flight, /) -> None:
        """Begin what comes next for the mission, unless something is under way for it."""
        ...

    def is_durable(self, flight: Flight, decision: Decision, /) -> bool:
        """Do what a decision leads to beside the state; True where nothing is to be done until code has ended."""
        ...

    def was_read(self, flight: Flight, state: State, /) -> None:
        """Find what is on record of a mission that has been read, and what of it runs here."""
        ...

    def outcome_is_durable(self, flight: Flight, run: Run, /) -> None:
        """Tell of the outcome of an attempt that is on record, where it is a failure."""
        ...


class Recorder:
    """The way of one commander's missions between memory and storage."""

    def __init__(
        self,
        *,
        roster: Roster,
        driver: Driver,
        adapter: PersistenceAdapter,
        clock: Clock,
        activity: Activity,
        definitions: Mapping[str, MissionDefinition[Any]],
    ) -> None:
        self._roster = roster
        self._driver = driver
        self._clock = clock
        self._journal: Coalescer[MissionCommit, Flight, CommitOutcome] = Coalescer(
            adapter.commit, lambda flight, outcome: self.guard(flight, self._committed, outcome), activity
        )
        self._loader: Coalescer[str, Flight, LoadOutcome] = Coalescer(
            adapter.load, lambda flight, outcome: self.guard(flight, self._was_read, outcome), activity
        )
        self._definitions = definitions
        self._loop = asyncio.get_running_loop()
        self._fault: Callable[[], PersistenceError | None] = lambda: None
        """What storage failed with last, for as long as somebody keeps it."""

    def flight(self, mission_id: str) -> Flight:
        """Return the mission, which is being read where it was not in memory."""
        flight = self._roster.get(mission_id)
        if flight is None:
            flight = Flight(mission_id)
            self._roster.activate(flight)
            self._read(flight)
        else:
            self._roster.activate(flight)
        return flight

    def take_over(self, child: Flight, state: State) -> None:
        """Go on with a child that has just come into being."""
        known = self._roster.get(child.mission_id)
        if known is not None:  # somebody has asked for it before it was there
            if known.state is None:
                answered = self._loop.create_future()
                answered.add_done_callback(lambda _: self.take_over(child, state))
                known.newcomers += (answered,)
            return
        child.state = state
        child.is_alive = child.is_woken = True
        self._roster.activate(child)
        self.guard(child, self._driver.advance)

    async def drained(self) -> None:
        """Return when nothing is being written or read any more."""
        await self._journal.drained()
        await self._loader.drained()

    def cut(self, error: PersistenceError) -> None:
        """Write nothing any more, as the end of the process would; what waits to be written fails with `error`."""
        self._journal.cut(error)

    def guard(self, flight: Flight, callback: Callable[..., None], *arguments: Any) -> None:
        """Keep a mission that cannot be driven from taking others along."""
        try:
            callback(flight, *arguments)
        except CorruptMissionError as error:
            logger.error("%s", error, extra=flight.labels)  # noqa: TRY400 - the message says it all; the trace would be ours
            self._roster.drop(flight, error)
        except ENDS_THE_PROGRAM:
            raise
        except BaseException as error:  # a clock that fails, no thread to be had, a fault of ours
            logger.exception("mission %s could not be driven", flight.mission_id, extra=flight.labels)
            self._mishap(flight, error)

    def _mishap(self, flight: Flight, error: BaseException) -> None:
        """Tell everybody who waits, and go on from what storage has; nothing was begun that was not recorded."""
        for operation in flight.callers():
            operation.refuse(error)
        if flight.state is None:
            self._roster.drop(flight, as_persistence_error(error))
        else:
            self._back_off(flight, as_persistence_error(error))

    # Writing

    def commit(
        self,
        flight: Flight,
        commands: tuple[Command, ...],
        ended: tuple[Run, ...] = (),
        *,
        child_ends: tuple[ChildEnded, ...] = (),
        operation: Operation | None = None,
        applied: Callable[[Flight], None] | None = None,
    ) -> bool:
        """Decide, and make the answer durable; then call `applied` and go on. A failure is told to `operation`.

        False where the commands come to nothing.
        """
        state = flight.state or State(mission_id=flight.mission_id)
        definition, roster = flight.definition, self._roster
        # What was stopped has to end before anything is undone.
        must_not_begin = roster.is_closing or (flight.stopping and state.is_undoing)
        slots = None if must_not_begin else flight.slots + flight.lent_slots + roster.slots.free
        is_contended = state.lines is not None and roster.slots.are_wanted(beside=flight.wants_slot)
        attempting = state.attempting if is_contended else 0
        decided = decide(definition, state, commands, self._clock.now(), slots, is_contended)
        records, after = decided.records, decided.state
        if not records:
            return False
        if roster.tracer is not None:
            roster.begin_trace(flight, state)
        stopped, let_go, awaited = decided.stopped, decided.let_go, decided.awaited
        if decided.begun:
            if after.lines is not None or stopped or flight.lent_slots or not flight.slots:
                self._take_slots(flight, after, stopped)
            flight.begun = tuple(starmap(Run, decided.begun))
        if state.version == 0:
            flight.birth = after
        born = tuple(map(self._new_child, decided.children)) if decided.children else ()
        # Each commit bears what it names: only storage knows what it has.
        stored = None if definition is None or after.last_run == state.last_run else definition.stored
        children = tuple(commit for _, commit, _ in born) if born else ()
        waits, summary = changed_waits(state, after, records), after.summary()
        answers = () if operation is None or operation.requested is None else (applied_answer(operation, after),)
        commit = _commit(
            flight.mission_id,
            state.version,
            records,
            summary,
            stored,
            children,
            False,
            let_go,
            *waits,
            answers,
            None if operation is None else operation.schedule,
            awaited,
            after.ran_under,
            (),
        )
        flight.is_busy = True
        consequences = None
        if stopped or let_go or awaited or born or child_ends or is_contended or flight.problem is not None:
            consequences = Consequences(
                stopped=stopped,
                child_ends=child_ends,
                children=tuple((child, newborn) for child, _, newborn in born),
                orphans=orphans_of(let_go, records),
                awaited=awaited,
                gives_back=max(0, attempting - after.attempting) if is_contended else 0,
            )
        flight.decision = Decision(after, operation, applied, ended, consequences)
        self._journal.submit(commit, flight)
        return True

    def take_in(
        self,
        flight: Flight,
        state: State,
        records: tuple[HistoryRecord, ...],
        definitions: tuple[StoredDefinition, ...],
        operation: Operation,
    ) -> None:
        """Make durable what was recorded of a mission elsewhere, and tell `operation` the state."""
        commit = commit_of_import(state, records, definitions, operation)
        flight.definition = self._definitions.get(state.mission_name)
        flight.problem = self.problem(flight.definition, state)
        flight.birth, flight.is_busy = state, True
        flight.decision = Decision(state, operation, partial(self._taken_in, operation), (), None)
        self._journal.submit(commit, flight)

    def _taken_in(self, operation: Operation, flight: Flight) -> None:
        """What ran of the mission elsewhere does not run here; an end that was elsewhere is news to a parent alone."""
        state = flight.state
        assert state is not None  # it has just become durable
        flight.is_alive = not state.is_terminal
        flight.is_stray = state.origin.is_awaited
        operation.resolve(state)
        if flight.is_alive:
            self._driver.was_read(flight, state)

    def _take_slots(self, flight: Flight, after: State, stopped: tuple[tuple[str, int], ...]) -> None:
        """Hold a slot for each attempt that will be on record, but for those that have lent theirs.

        What is stopped has its slot until its code has ended.
        """
        lent = flight.lent_slots
        if lent and after.lines is not None:
            lent = sum(1 for run in flight.every_run() if is_lent(run) and is_on_record(after, run))
        missing = after.attempting + slots_of(flight, stopped) - flight.slots - lent
        while missing > 0 and self._roster.slots.take():
            flight.slots += 1
            missing -= 1

    def _new_child(self, new: NewChild) -> tuple[Flight, MissionCommit, State]:
        """Return a child in memory, what makes it durable, and the state that it has then."""
        child = Flight(new.mission_id, definition=new.definition)
        trace = self._roster.start_trace(child, new.definition.name)
        return child, *commit_of_child(new, trace, self._clock.now())

    def _committed(self, flight: Flight, outcome: CommitOutcome | PersistenceError) -> None:
        decision, flight.decision = flight.decision, None
        assert decision is not None  # it was handed over with the commit
        if outcome is not None:
            flight.is_busy = False
            self._refused(flight, decision, outcome)
            return
        flight.state = decision.after
        flight.backoff = 0.0
        if decision.operation is not None and decision.operation.requested is not None:
            decision.operation.requested.is_recorded = True
        if flight.birth is not None:
            flight.birth = None
            flight.is_alive = True
            flight.settle_newcomers()
        if decision.applied is not None:
            decision.applied(flight)
        is_under_way = self._driver.is_durable(flight, decision)
        flight.is_busy = False  # only now: what was stopped may have ended at once
        if not is_under_way:
            self._driver.advance(flight)

    def _refused(self, flight: Flight, decision: Decision, error: PersistenceError) -> None:
        newborn = () if decision.consequences is None else decision.consequences.children
        for child, _ in newborn:
            self._roster.end_trace(child)
        if isinstance(error, StaleMissionError) and self._refuse_child(flight, decision, error):
            self._driver.advance(flight)  # nothing was written, and nothing is wrong with storage
            return
        if isinstance(error, StaleMissionError) and flight.state is not None and flight.state.is_terminal:
            gone = not_found(flight.mission_id)  # it was to be reopened, and has been purged meanwhile
            assert decision.operation is not None  # nothing else is decided of what has ended
            decision.operation.refuse(gone)
            self._roster.drop(flight, gone)
            return
        flight.unsure += tuple(child.mission_id for child, _ in newborn)
        if decision.consequences is not None:
            flight.orphans += decision.consequences.orphans
        if decision.operation is not None:
            decision.operation.refuse(error)
        if flight.state is None and isinstance(error, StaleMissionError):
            flight.birth = flight.definition = None  # the id is another mission's: read that
            flight.begun = ()
            self._roster.free_slots(flight)
            self._roster.end_trace(flight)
            self._read(flight)
            return
        self._back_off(flight, error)

    def _refuse_child(self, flight: Flight, decision: Decision, error: StaleMissionError) -> bool:
        """Fail the node whose child's id is taken by something else; False where it is not that."""
        for run in decision.ended:
            if f"{flight.mission_id}/{run.instance}" == error.mission_id:
                message = (
                    f"the id of the child mission, {error.mission_id!r}, is taken by another mission; "
                    f"give that one another id"
                )
                failure = MissionFailure(message=message, at=flight.recorded_at, code="CHILD_FAILED")
                run.outcome = Fail(run.instance, run.number, failure, is_retryable=False, delay=None, chance=0.0)
                return True
        return False

    # Failing storage

    def _back_off(self, flight: Flight, error: PersistenceError) -> None:
        """Read the mission again in a while: what took effect stands, what did not is offered once more."""
        if self._roster.is_closing:
            self._roster.drop(flight, closed())
            return
        flight.is_busy = True
        flight.is_woken = True  # what did take effect nobody else would carry on
        flight.backoff = min(_LONGEST_BACKOFF, flight.backoff * 2 or _FIRST_BACKOFF)
        is_news = self._fault() is not error  # all that were in one batch are told the same error
        self._fault = weakref.ref(error)
        logger.log(
            logging.WARNING if is_news else logging.DEBUG,
            "mission %s: %s; trying again in %g s",
            flight.mission_id,
            error,
            flight.backoff,
            extra=flight.labels,
        )
        flight.retry = self._loop.call_later(flight.backoff, self.hurry, flight)
        self._roster.rest(flight)

    def hurry(self, flight: Flight) -> None:
        """Do not wait any longer before storage is tried again."""
        if flight.retry is not None:
            flight.retry.cancel()
            flight.retry = None
            self._roster.activate(flight)
            self._read(flight)

    # Reading

    def read_again(self, flight: Flight) -> None:
        """Read a mission for which nothing is under way, and go on with it then."""
        self._roster.activate(flight)
        self._read(flight)

    def _read(self, flight: Flight) -> None:
        flight.is_busy = True
        self._loader.submit(flight.mission_id, flight)

    def _was_read(self, flight: Flight, outcome: LoadOutcome | PersistenceError) -> None:
        flight.is_busy = False
        if isinstance(outcome, tuple):
            self._take_up(flight, outcome)
        elif outcome is None:
            self._roster.drop(flight, not_found(flight.mission_id))
        elif isinstance(outcome, CorruptMissionError):
            raise outcome
        else:
            for operation in flight.callers():
                operation.refuse(outcome)
            flight.tell_woken(outcome)
            if flight.must_go_on:
                self._back_off(flight, outcome)
            else:
                self._roster.drop(flight, outcome)

    def _take_up(self, flight: Flight, history: tuple[HistoryRecord, ...]) -> None:
        """Go on from what storage has; an outcome or an attempt of ours counts only where it fits that."""
        state = load(flight.mission_id, history)
        if flight.birth is not None and flight.birth.origin.created_at != state.origin.created_at:
            flight.begun = ()  # the id is another mission's, which was here before
        flight.birth = None
        flight.state = state
        flight.history = history if flight.must_have_history else None
        flight.must_have_history = False
        flight.is_alive = flight.is_alive or not state.is_terminal
        flight.looks_at_held = True
        if flight.ended:
            self._settle_outcomes(flight, state, history)
        flight.definition = self._definitions.get(state.mission_name)
        flight.problem = self.problem(flight.definition, state)
        flight.settle_newcomers()
        flight.tell_woken(flight.problem)
        if flight.unsure:
            self._go_on_with_children(flight, history)
        self._driver.was_read(flight, state)
        self._driver.advance(flight)

    def _go_on_with_children(self, flight: Flight, history: tuple[HistoryRecord, ...]) -> None:
        """Find those that came into being with a commit of which nobody knew whether it took effect."""
        started = {record.details["id"] for record in history if record.type is HistoryType.CHILD_STARTED}
        unsure, flight.unsure = flight.unsure, ()
        for child in started.intersection(unsure):
            self.flight(child).is_woken = True

    def _settle_outcomes(self, flight: Flight, state: State, history: tuple[HistoryRecord, ...]) -> None:
        """Leave out outcomes in hand that are on record already, or nothing that counts any more."""
        gone = [run for run in flight.ended if not is_on_record(state, run)]
        flight.ended = tuple(run for run in flight.ended if run not in gone)
        for run in gone:
            attempt = (run.instance, run.number)
            if any(it.type in _ENDS and (it.event_name, it.attempt_number) == attempt for it in history):
                self._driver.outcome_is_durable(flight, run)

    def problem(self, definition: MissionDefinition[Any] | None, state: State) -> MissionControlError | None:
        """Return why the mission cannot run here, if it cannot."""
        if state.is_terminal:
            return None
        if definition is None:
            return not_registered(state.mission_id, state.mission_name, self._definitions)
        try:
            check_carries(definition, state)
        except MissionControlError as error:
            return error
        return None
