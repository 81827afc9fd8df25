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
from typing import Any, Protocol

from ..definition import MissionDefinition, StoredDefinition, is_a
from ..errors import (
    CommanderClosedError,
    CorruptMissionError,
    MissionControlError,
    MissionExecutionError,
    MissionNotFoundError,
    MissionNotRegisteredError,
    PersistenceError,
    StaleMissionError,
)
from ..foreign import ENDS_THE_PROGRAM
from ..history import HistoryRecord, HistoryType
from ..log import ContainedLogger
from ..machine import Command, Phase, State, check_fit, check_payloads, decide, fold, load
from ..payloads import code_name
from ..storage import CommitOutcome, LoadOutcome, MissionCommit, PersistenceAdapter
from .activity import Activity
from .asked import Operation
from .clock import Clock
from .coalescer import Coalescer, as_persistence_error
from .flight import Decision, Flight
from .roster import Roster

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_STEP_STARTED = HistoryType.STEP_STARTED
_ENDS = (HistoryType.STEP_SUCCEEDED, HistoryType.STEP_FAILED)

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0


class Driver(Protocol):
    """What goes on with a mission once it was read or written."""

    def advance(self, flight: Flight, /) -> None:
        """Begin what comes next for the mission, unless something is under way for it."""
        ...

    def outcome_is_durable(self, flight: Flight, /) -> None:
        """Forget the outcome of an attempt that is on record."""
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
        self._stored: set[str] = set()
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
        command: Command,
        operation: Operation | None = None,
        applied: Callable[[Flight], None] | None = None,
    ) -> None:
        """Decide, and make the answer durable; then call `applied` and go on. A failure is told to `operation`."""
        state = flight.state or State(mission_id=flight.mission_id)
        definition = flight.definition
        self._roster.begin_trace(flight, state)
        has_slot = flight.has_slot and not self._roster.is_closing
        records = decide(definition, state, command, self._clock.now(), has_slot=has_slot)
        if not records:  # the clock was set back between two looks at it: look again
            self._loop.call_soon(self.guard, flight, self._driver.advance)
            return
        after = fold(state, records)
        last = records[-1]
        if last.type is _STEP_STARTED:
            flight.claimed = (last.event_name or "", last.attempt_number or 0)
        if state.version == 0:
            flight.birth = after
        commit = MissionCommit(
            mission_id=flight.mission_id,
            expected_version=state.version,
            records=records,
            summary=after.summary(),
            definition=self._unstored(definition),
        )
        flight.is_busy = True
        flight.decision = Decision(after, commit.definition, operation, applied)
        self._journal.submit(commit, flight)

    def _unstored(self, definition: MissionDefinition[Any] | None) -> StoredDefinition | None:
        if definition is None or definition.fingerprint in self._stored:
            return None
        return definition.stored

    def _committed(self, flight: Flight, outcome: CommitOutcome | PersistenceError) -> None:
        decision, flight.decision = flight.decision, None
        assert decision is not None  # it was handed over with the commit
        flight.is_busy = False
        if outcome is not None:
            self._refused(flight, decision.operation, outcome)
            return
        if decision.definition is not None:
            self._stored.add(decision.definition.fingerprint)
        flight.state = decision.after
        flight.backoff = 0.0
        if flight.birth is not None:
            flight.birth = None
            flight.is_alive = True
            flight.settle_newcomers()
        if decision.applied is not None:
            decision.applied(flight)
        self._driver.advance(flight)

    def _refused(self, flight: Flight, operation: Operation | None, error: PersistenceError) -> None:
        if operation is not None:
            operation.refuse(error)
        if flight.state is None and isinstance(error, StaleMissionError):
            flight.birth = flight.claimed = flight.definition = None  # the id is another mission's: read that
            self._roster.free_slot(flight)
            self._roster.end_trace(flight)
            self._read(flight)
        else:
            self._back_off(flight, error)

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
        if flight.birth is not None and flight.birth.created_at != state.created_at:
            flight.claimed = None  # the id is another mission's, which was here before
        flight.birth = None
        flight.state = state
        flight.is_alive = flight.is_alive or not state.is_terminal
        if flight.outcome is not None:
            attempt, _ = flight.outcome
            if state.phase is not Phase.ATTEMPTING or attempt != (state.cursor, state.attempt_number):
                self._settle_outcome(flight, history)
        flight.definition = self._definitions.get(state.mission_name)
        flight.problem = self.problem(flight.definition, state)
        flight.settle_newcomers()
        flight.tell_woken(flight.problem)
        self._driver.advance(flight)

    def _settle_outcome(self, flight: Flight, history: tuple[HistoryRecord, ...]) -> None:
        """The outcome in hand is on record already, or nothing that counts any more."""
        assert flight.outcome is not None  # it was asked for
        attempt, _ = flight.outcome
        if any(record.type in _ENDS and (record.event_name, record.attempt_number) == attempt for record in history):
            self._driver.outcome_is_durable(flight)
        flight.outcome = None

    def problem(self, definition: MissionDefinition[Any] | None, state: State) -> MissionControlError | None:
        """Return why the mission cannot run here, if it cannot."""
        if state.is_terminal:
            return None
        if definition is None:
            return not_registered(state.mission_id, state.mission_name, self._definitions)
        try:
            check_fit(definition, state)
            check_payloads(definition, state)
        except MissionControlError as error:
            return error
        return None


def not_found(mission_id: str) -> MissionNotFoundError:
    """Return the error for an id that no mission has."""
    return MissionNotFoundError(f"no mission has the id {mission_id!r}; start one, or check the id")


def not_registered(mission_id: str, name: str, known: Mapping[str, object]) -> MissionNotRegisteredError:
    """Return the error for a mission whose definition this commander was not given."""
    listed = ", ".join(repr(other) for other in known) or "none"
    return MissionNotRegisteredError(
        f"mission {mission_id!r} is a {name!r}, and no definition of that name is registered (registered: {listed}); "
        f"pass it to create_commander(definitions=...) or to register()"
    )


def closed() -> CommanderClosedError:
    """Return the error for those who were still waiting for something when the commander was closed."""
    return CommanderClosedError(
        "the commander was closed before this was done; missions go on under the next one that opens their storage: "
        "create it, and ask it again"
    )


def unknown_name(
    kind: str, wanted: object, known: Mapping[str, object], mission_id: str, mission_name: str
) -> MissionExecutionError:
    """Return the error for a query or an update that the mission's definition does not have, or has twice."""
    listed = ", ".join(repr(name) for name in known) or "none"
    what = f"no {kind} {wanted!r}" if is_a(wanted, str) else f"not exactly one {kind} that runs {code_name(wanted)}"
    return MissionExecutionError(
        f"mission {mission_id!r} ({mission_name}) has {what}; ask by name for one of those that it has: {listed}"
    )
