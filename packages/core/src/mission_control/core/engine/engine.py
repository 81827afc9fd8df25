"""The missions of a commander, as its callers and its alarm see them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs

from ..definition import MissionDefinition, StoredDefinition
from ..errors import MissionControlError, PersistenceError
from ..history import HistoryRecord, Labels, MissionSummary
from ..log import ContainedLogger
from ..machine import Start, State
from ..storage import DueKind, PersistenceAdapter
from .activity import Activity
from .asked import Held, Operation, Order
from .attempt import Attempt
from .clock import Clock
from .ends import Ends
from .flight import Flight
from .observer import Observer
from .pilot import Pilot
from .refusals import closed, not_registered
from .roster import Roster
from .runner import Runner, Stop
from .watching import answered

logger: ContainedLogger = ContainedLogger("mission_control.engine")


class Engine:
    """Takes what is asked of missions, and brings it to those that it is for."""

    def __init__(
        self,
        *,
        adapter: PersistenceAdapter,
        clock: Clock,
        runner: Runner,
        activity: Activity,
        definitions: Mapping[str, MissionDefinition[Any]],
        note_due: Callable[[datetime, DueKind], None],
        observer: Observer,
    ) -> None:
        self._definitions = definitions
        self._activity = activity
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._ends = Ends(observer)
        self._roster = Roster(runner.slots, activity, runner.tracer)
        self._pilot = Pilot(
            self._roster,
            self._ends,
            runner,
            adapter=adapter,
            clock=clock,
            activity=activity,
            definitions=definitions,
            note_due=note_due,
        )
        self._recorder = self._pilot.recorder

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
        by: str | None,
        labels: Labels,
        schedule: str | None = None,
        slot: datetime | None = None,
    ) -> Flight | None:
        """Begin a mission, whose caller waits on `operation`; return the flight that has the id already, if one has."""
        known = self._roster.get(mission_id)
        if known is not None:
            return known
        flight = Flight(mission_id, definition=definition)
        self._roster.activate(flight)
        command = Start(definition.name, input, start_at, by=by, schedule=schedule, slot=slot, labels=labels)
        self._recorder.guard(flight, self._begin, command, operation, wait)
        return None

    def take_in(
        self,
        state: State,
        records: tuple[HistoryRecord, ...],
        definitions: tuple[StoredDefinition, ...],
        operation: Operation,
    ) -> Flight | None:
        """Take in a mission from elsewhere, whose caller waits on `operation`; return the flight that has the id."""
        known = self._roster.get(state.mission_id)
        if known is not None:
            return known
        flight = Flight(state.mission_id)
        self._roster.activate(flight)
        self._recorder.guard(flight, self._recorder.take_in, state, records, definitions, operation)
        return None

    def _begin(self, flight: Flight, command: Start, operation: Operation, wait: bool, /) -> None:
        with operation:
            trace = self._roster.start_trace(flight, command.mission_name)
            if trace is not None:
                command = attrs.evolve(command, trace=trace)
            self._recorder.commit(flight, (command,), operation=operation, applied=answered(operation, wait=wait))

    def submit(self, mission_id: str, operation: Order | Held) -> None:
        """Put a signal, an update or an order to a mission, which is read into memory first where need be."""
        flight = self._recorder.flight(mission_id)
        flight.put(operation)
        self._recorder.hurry(flight)
        self._recorder.guard(flight, self._pilot.advance)

    def settle_stray(self, summary: MissionSummary, /) -> None:
        """Bring a child's end to its parent, or cancel a child that nobody wants any more."""
        self._pilot.families.settle(summary)

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
        if has_slot and (flight.slots or flight.running):
            self._roster.slots.give_back()
        elif has_slot:
            flight.slots += 1
        if not flight.is_busy:
            self._recorder.guard(flight, self._pilot.advance)

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
            attempt.flight.stand_bys += (attempt,)
            self._recorder.guard(attempt.flight, self._pilot.advance)

    def await_end(self, mission_id: str, operation: Operation) -> None:
        """Answer `operation` with the mission's state when it ends."""
        self._ends.wait_for(mission_id, operation)

    def problem(self, definition: MissionDefinition[Any] | None, state: State) -> MissionControlError | None:
        """Return why the mission cannot run here, if it cannot."""
        return self._recorder.problem(definition, state)

    # The end

    async def close(self) -> None:
        """Stop user code, make durable what is decided, and forget all missions. Callers get an error."""
        self._roster.is_closing = True
        self._pilot.families.close()
        for attempt in list(self._runner.running):
            attempt.stop(Stop.CLOSE)
        while flights := self._roster.active():
            for flight in flights:
                self._recorder.hurry(flight)
                self._recorder.guard(flight, self._pilot.advance)
            if self._roster.active():
                await self._activity.change()
        self._ends.close()
        await self._recorder.drained()

    def abandon(self) -> None:
        """Forget all missions as the end of the process would: nothing more is written. Callers get an error."""
        self._roster.is_closing = True
        self._pilot.families.close()
        self._recorder.cut(PersistenceError("the commander was abandoned: nothing of it is written any more"))
        for flight in self._roster.active():
            flight.woken = None  # a process that has died says nothing
            self._roster.drop(flight, closed())
        self._ends.close()
