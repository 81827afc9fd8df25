"""What comes next for a mission: does what the machine says, and tells it what came of it.

`advance` looks at a mission in memory and begins what comes next for it: a commit, runs of user code, a wait for a
slot. Whatever ends calls it again. So at most one commit is under way for a mission at any time, decisions on it are
taken one after another, and a mission that waits costs no task. Code of several lines may run at once; what came of it
while a commit was under way is decided together in the next one. A recovered mission is one that was read instead of
created; there is no other difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

from ..definition import MissionContext, MissionDefinition, Work
from ..errors import MissionControlError, MissionNotRegisteredError
from ..history import due_at
from ..log import ContainedLogger
from ..machine import (
    PROCESS_ENDED,
    ChildEnded,
    Command,
    Elapse,
    FinishCancel,
    Interrupt,
    Phase,
    Proceed,
    StandBy,
    State,
    ended_early,
)
from ..storage import DueKind, PersistenceAdapter, next_due_kind
from .activity import Activity
from .attempt import Attempt
from .clock import Clock
from .consequences import is_on_record
from .ends import Ends
from .families import Families
from .flight import Consequences, Decision, Flight, Run
from .holding import Holding
from .orders import Orders
from .outcome import Outcome, attempt_outcome
from .recorder import Recorder
from .refusals import closed
from .repeats import answer_repeats
from .roster import Roster
from .runner import Runner, Stop
from .updates import Updates
from .watching import answer_watchers

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_outcome_of: Callable[[Run], Outcome] = attrgetter("outcome")
_ELAPSES = (Elapse(),)
_ATTEMPTING = Phase.ATTEMPTING  # before Python 3.12 a member is looked up in its enumeration in several steps


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
        note_due: Callable[[datetime, DueKind], None],
    ) -> None:
        self._roster = roster
        self._ends = ends
        self._runner = runner
        self._clock = clock
        self._note_due = note_due
        self._loop = asyncio.get_running_loop()
        self.recorder: Recorder = Recorder(
            roster=roster, driver=self, adapter=adapter, clock=clock, activity=activity, definitions=definitions
        )
        self._updates = Updates(roster, self.recorder, runner, self.advance)
        self._orders = Orders(self.recorder, definitions)
        self._holding = Holding(self.recorder, self._updates, roster, self)
        self.families: Families = Families(roster, self.recorder, self.advance)
        ends.tell_parents(self.families.child_ended)

    def advance(self, flight: Flight, /) -> None:
        """Begin what comes next for the mission, unless something is under way for its history."""
        while flight.is_active and not flight.is_busy:
            if flight.orders and not flight.ended:
                order = flight.orders.popleft()
                with suppress(MissionControlError), order:
                    self._orders.obey(flight, order)
            elif not self._turn(flight):
                return

    def _turn(self, flight: Flight) -> bool:
        """Begin one thing; True where there may be another at once."""
        state = flight.state
        assert state is not None  # a flight without one is busy
        if flight.looks_at_held and state.keys is not None:
            answer_repeats(flight, state)
        if flight.watchers and (state.lines is not None or state.phase is not _ATTEMPTING):
            answer_watchers(flight, state)
        if flight.updated is not None:
            self._updates.record(flight, flight.updated)
            return True
        if state.is_terminal:
            return self._leave(flight, state)
        if state.is_cancelling and state.is_stopping:
            return self._finish_cancel(flight)
        if flight.begun and flight.problem is None:  # what a lost commit, or a cancellation, kept from being launched
            self._launch_begun(flight, state)
            return True
        if flight.ended:
            return self._record_outcomes(flight, state, flight.ended)
        if flight.problem is not None and not flight.running:
            self._stand_down(flight, flight.problem)
            return False
        if flight.child_ends:
            return self._record_child_ends(flight, state, flight.child_ends)
        if flight.stand_bys:
            return self._note_stand_by(flight)
        return self._look_around(flight, state)

    def _stand_down(self, flight: Flight, problem: Exception) -> None:
        if flight.is_woken:
            summary = str(problem).partition("\n")[0]  # the lines below it show payloads
            logger.warning("passed over: %s", summary, extra=flight.labels)
            logger.debug("passed over: %s", problem, extra=flight.labels)
        self._roster.drop(flight, problem)

    def _look_around(self, flight: Flight, state: State) -> bool:
        """Nothing is to be recorded: see what was held, what is due, and what can be begun."""
        if self._roster.is_closing:
            return self._rest(flight, state)
        if flight.held and flight.looks_at_held and flight.update is None and self._holding.take(flight, state):
            return True
        is_asked = flight.held and state.lines is None and state.waiting is not None
        if is_asked:  # an update waits for a slot: what is due comes behind it
            return self._rest(flight, state)
        if flight.update is None and self._fires(flight, state):
            return False
        if state.ending.children_left and state.is_undoing:
            self.families.end_children(flight, state)
        if (
            state.is_short
            and not state.is_paused
            and not (state.is_undoing and (flight.stopping or state.ending.children_left))
        ):
            if self.recorder.commit(flight, (Proceed(),)):
                return False
            self.want_slot(flight)
        return self._rest(flight, state)

    def _fires(self, flight: Flight, state: State) -> bool:
        """True where something is due, and happens."""
        due = state.next_due
        if due is None or due > self._clock.now():
            return False
        if self.recorder.commit(flight, _ELAPSES):
            return True
        if state.lines is not None:
            self.want_slot(flight)  # for a reminder
            return False
        self._loop.call_soon(self.recorder.guard, flight, self.advance)  # the clock was set back: look again
        return True

    # Slots

    def want_slot(self, flight: Flight, /) -> None:
        """Have the mission called again when there is a slot for it."""
        if not flight.wants_slot:
            flight.wants_slot = True
            flight.count()
            self._roster.slots.request(partial(self._granted, flight))

    def _granted(self, flight: Flight) -> bool:
        flight.wants_slot = False
        flight.count()
        if not flight.is_active or self._roster.is_closing:
            return False
        flight.slots += 1
        flight.looks_at_held = True
        self._loop.call_soon(self.recorder.guard, flight, self.advance)
        return True

    # Cancelling

    def _finish_cancel(self, flight: Flight) -> bool:
        """Stop what runs, and end the mission when it has ended; what it returns meanwhile does not count."""
        for run in flight.every_run():
            assert run.attempt is not None  # it runs
            run.attempt.stop(Stop.CANCEL)
        if not flight.every_run() and not flight.is_busy:
            flight.ended = flight.begun = ()
            try:
                self.recorder.commit(flight, (FinishCancel(),))
            except MissionNotRegisteredError as error:  # there is something to undo
                self._stand_down(flight, error)
        return False

    # Attempts

    def _record_outcomes(self, flight: Flight, state: State, ended: tuple[Run, ...]) -> bool:
        """Record how attempts ended, in that order, and what was due before each of them."""
        if state.lines is None or self._roster.is_closing:
            commands: tuple[Command, ...] = tuple(map(_outcome_of, ended))
        else:
            commands = tuple(_with_elapses(state, ended, self._clock.now()))
        if self.recorder.commit(flight, commands, ended):
            return False
        flight.ended = flight.ended[len(ended) :]
        return True

    def _record_child_ends(self, flight: Flight, state: State, ends: tuple[ChildEnded, ...]) -> bool:
        """Record that children have ended; they are known until that is durable. What ended too early is reopened."""
        early = tuple(end for end in ends if ended_early(state, end))
        if early:
            flight.child_ends = tuple(end for end in ends if end not in early)
            self.families.reopen(state, early)
            return True
        if self.recorder.commit(flight, ends, child_ends=ends):
            return False
        flight.child_ends = flight.child_ends[len(ends) :]
        return True

    def _note_stand_by(self, flight: Flight) -> bool:
        """Make durable that code waits for the end of a mission."""
        attempt, *others = flight.stand_bys
        assert attempt.number is not None  # an update does not stand by
        assert attempt.stands_by_for is not None
        is_over = attempt.is_over or attempt.stopped is not None
        command = StandBy(attempt.name, attempt.number, attempt.stands_by_for)
        if not is_over and self.recorder.commit(flight, (command,)):
            return False
        flight.stand_bys = tuple(others)  # it is on record, or does not matter any more
        return True

    def _launch_begun(self, flight: Flight, state: State) -> None:
        """Run what is on record and was not launched yet; on closing it is put on record that it was not."""
        while flight.begun:
            run = flight.begun[0]
            if is_on_record(state, run):
                if self._roster.is_closing:
                    run.outcome = Interrupt(run.instance, run.number, "closed")
                    flight.ended += (run,)
                else:
                    self._launch(flight, state, run)
            flight.begun = flight.begun[1:]

    def _launch(self, flight: Flight, state: State, run: Run) -> None:
        definition = flight.definition
        assert definition is not None  # a mission without one does not run
        work = definition.work(run.instance)
        context: MissionContext[Any] = MissionContext(definition, state, run.instance, run.number, self._clock.now)
        self._roster.begin_trace(flight, state)
        ended = partial(self.recorder.guard, flight, self._has_ended, run)
        run.attempt = Attempt(self._runner, flight, work, run.instance, run.number, ended)
        run.attempt.has_slot = not flight.running or flight.slots + flight.lent_slots > flight.on_record
        flight.keep(run)
        try:
            flight.launch(run.attempt, work, context)
        except BaseException:
            flight.drop(run)
            run.attempt = None
            raise

    def _has_ended(self, flight: Flight, run: Run, attempt: Attempt[Flight]) -> None:
        """Code has ended, or was told to and given up on: what came of it is to be recorded, unless it was stopped."""
        flight.release(attempt)
        if not attempt.is_counted:
            self._has_stopped(flight, attempt)
            return
        work = attempt.code
        assert isinstance(work, Work)  # it was launched with one
        flight.drop(run)
        run.attempt = None
        run.outcome = attempt_outcome(attempt, work, flight.recorded_at)
        run.cause = attempt.error
        if flight.state is not None and flight.state.lines is not None:
            run.ended_at = self._clock.now()
        flight.ended += (run,)
        self.advance(flight)

    def _has_stopped(self, flight: Flight, attempt: Attempt[Flight]) -> None:
        """The slot of code that was stopped is free."""
        assert flight.stopping is not None  # it was added to them
        flight.stopping.discard(attempt)
        if attempt.has_slot:
            self._roster.slots.give_back()
        self.advance(flight)

    def _stop(self, flight: Flight, run: Run, reason: Stop) -> None:
        """Tell code to stop that counts no more; the mission does not wait for it."""
        flight.drop(run)
        attempt, run.attempt = run.attempt, None
        assert attempt is not None  # it runs
        flight.discount(attempt)
        flight.stopping = flight.stopping or set()
        flight.stopping.add(attempt)
        attempt.stop(reason)

    # What is durable

    def is_durable(self, flight: Flight, decision: Decision, /) -> bool:
        """Do what a decision leads to beside the state; True where nothing is to be done until code has ended."""
        if decision.ended:
            flight.ended = flight.ended[len(decision.ended) :]
            for run in decision.ended:
                self._ends.outcome_is_durable(flight, run)
        if flight.held:
            flight.looks_at_held = True
        if decision.consequences is not None:
            self._follow_up(flight, decision.after, decision.consequences)
        after = decision.after
        if not flight.begun or flight.orders or after.is_cancelling or flight.problem is not None:
            return False
        self._launch_begun(flight, after)
        return after.lines is None and flight.only_runs

    def _follow_up(self, flight: Flight, after: State, consequences: Consequences) -> None:
        if consequences.child_ends:
            flight.child_ends = flight.child_ends[len(consequences.child_ends) :]
        for instance, number in consequences.stopped:
            ours = flight.run_of(instance)
            if ours is not None and ours.number == number:
                self._stop(flight, ours, Stop.CANCEL if after.is_cancelling else Stop.PATH)
        if consequences.gives_back and after.lines is not None:
            on_record = after.attempting - flight.lent_slots
            self._roster.free_slots(flight, but=max(on_record, flight.slots - consequences.gives_back))
        for child, state in consequences.children:
            self.recorder.take_over(child, state)
        if consequences.orphans:
            self.families.let_go(flight, consequences.orphans)
        for waited_for in consequences.awaited:
            self.families.await_again(waited_for)
        if flight.problem is not None and after.is_undoing:
            flight.problem = self.recorder.problem(flight.definition, after)

    def was_read(self, flight: Flight, state: State, /) -> None:
        """Find what is on record of a mission that has been read, and what of it runs here."""
        if flight.orphans:
            self.families.let_go_if_unwanted(flight, state)
        for run in flight.every_run():
            if not is_on_record(state, run):
                self._stop(flight, run, Stop.PATH)
        self.families.await_all_again(state)
        if self._roster.is_closing or flight.problem is not None or state.is_stopping:
            return
        if not state.attempting:
            return
        known = {run.instance for run in (*flight.every_run(), *flight.ended, *flight.begun)}
        for line in state.every_line():
            if line.phase is _ATTEMPTING and line.cursor is not None and line.cursor not in known:
                lost = Run(line.cursor, line.attempt_number)
                lost.outcome = Interrupt(lost.instance, lost.number, PROCESS_ENDED)
                flight.ended += (lost,)

    def outcome_is_durable(self, flight: Flight, run: Run, /) -> None:
        """Tell of the outcome of an attempt that is on record, where it is a failure."""
        self._ends.outcome_is_durable(flight, run)

    # Waiting

    def _leave(self, flight: Flight, state: State) -> bool:
        """The mission has ended: tell those who wait for that, and let it go when its code has ended."""
        flight.ended = flight.begun = flight.child_ends = ()
        self._ends.has_ended(flight, state)
        if flight.update is not None:
            flight.update.stop(Stop.CANCEL)
            return False
        if flight.orders:
            return True
        if flight.held and not self._roster.is_closing:
            self._holding.take(flight, state)  # all of it is refused now
        return self._rest(flight, state)

    def _rest(self, flight: Flight, state: State) -> bool:
        """Leave the mission to what runs of it, or to its waits."""
        self._set_alarm(flight, state)
        if flight.running or (flight.wants_slot and not (self._roster.is_closing or state.is_paused)):
            on_record = 0 if state.is_terminal else state.attempting - flight.lent_slots
            self._roster.free_slots(flight, but=max(0, on_record))
        elif self._roster.is_closing:
            self._roster.drop(flight, closed())
        elif state.is_terminal:
            self._roster.forget(flight)
        else:
            if flight.enders or flight.watchers:  # an undo backs off, or children have to end before the first one
                self._ends.keep_waiting(flight)
            self._roster.park(flight)
            due, kind = state.next_due, next_due_kind(state)
            if due is not None and kind is not None:
                self._note_due(due, kind)
        return False

    def _set_alarm(self, flight: Flight, state: State) -> None:
        """While the mission runs, or wants a slot, it is looked at again when something is due; else storage tells."""
        is_kept = (flight.running or flight.wants_slot) and not state.is_terminal
        due = state.next_due if is_kept else None
        if due is not None and due <= self._clock.now():
            due = due_at(state.next_wait)  # what is due is a reminder, which comes when there is a slot
            if due is not None and due <= self._clock.now():
                due = None  # so does an update, which is before it
        if (flight.alarm and flight.alarm[0]) == due:
            return
        if flight.alarm is not None:
            self._runner.deadlines.remove(flight.alarm[1])
        flight.alarm = None
        if due is not None:
            flight.alarm = (due, self._runner.deadlines.add(due, partial(self._rung, flight)))

    def _rung(self, flight: Flight) -> None:
        flight.alarm = None
        self.recorder.guard(flight, self.advance)


def _with_elapses(state: State, ended: tuple[Run, ...], now: datetime) -> Iterator[Command]:
    """Return outcomes in their order, each after what was due before it ended, and then what is due else."""
    due = state.next_due
    for run in ended:
        if due is not None and run.ended_at is not None and due <= run.ended_at:
            yield Elapse(run.ended_at)
        yield _outcome_of(run)
    if due is not None and due <= now:
        yield Elapse()
