"""A mission that is in memory: its state, what is under way for it, and who waits for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from .commands import Command
from .definition import MissionDefinition
from .foreign import carried
from .persistence import StoredDefinition
from .records import MissionSummary
from .state import State

if TYPE_CHECKING:
    from .attempt import Attempt


@attrs.define(eq=False)
class Operation:
    """What a caller asked of a mission, and the future that the caller waits on."""

    answer: asyncio.Future[Any]
    lender: Attempt | None = attrs.field(default=None, init=False)
    """The attempt whose code waits for the answer, until that is there."""

    @property
    def is_withdrawn(self) -> bool:
        """True where nobody waits for the answer any more."""
        return self.answer.done()

    def resolve(self, value: object = None) -> None:
        """Answer the caller."""
        if not self.answer.done():
            self.answer.set_result(value)
            if self.lender is not None:
                self._tell(self.lender)

    def refuse(self, error: BaseException) -> None:
        """Answer the caller with an error."""
        if not self.answer.done():
            self.answer.set_exception(carried(error))
            if self.lender is not None:
                self._tell(self.lender)

    def _tell(self, lender: Attempt) -> None:
        self.lender = None
        lender.was_answered()

    def __enter__(self) -> None:
        """Answer with whatever is raised inside, which is raised all the same: nobody else has the operation there."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object, /) -> None:
        if error is not None:
            self.refuse(error)


@attrs.define(eq=False)
class SignalOperation(Operation):
    """Deliver a signal; with `wait`, answer when the mission next waits or ends."""

    name: str
    payload: object
    wait: bool


@attrs.define(eq=False)
class UpdateOperation(Operation):
    """Run an update and record what it returns; `timeout` is in seconds."""

    name: str
    input: object
    timeout: float | None
    stored: object = None
    """The validated input, as it is recorded."""


@attrs.define(eq=False)
class CancelOperation(Operation):
    """End the mission; answer when it has ended."""

    reason: str | None


Held: TypeAlias = SignalOperation | UpdateOperation


@attrs.define(eq=False)
class Decision:
    """What is being made durable for a mission: the state it leads to, and what is to be done then."""

    after: State
    definition: StoredDefinition | None
    """What is stored of the mission's definition along with it, where storage may not know it."""
    operation: Operation | None
    """Whose answer a failure is."""
    applied: Callable[[Flight], None] | None


@attrs.define(eq=False)
class Flight:
    """One mission in memory, for as long as there is something to do for it, and a while longer in the cache."""

    mission_id: str
    definition: MissionDefinition[Any] | None = None
    state: State | None = None
    problem: Exception | None = None
    """Why the mission cannot run, where it cannot."""

    is_busy: bool = False
    """True while the mission is being read or written, or waits to be tried again."""
    is_active: bool = False
    """True while something is under way for the mission, which counts unless that is at rest."""
    has_slot: bool = False
    wants_slot: bool = False
    is_woken: bool = False
    """True where the mission goes on by itself, and not because somebody asked."""
    woken: tuple[Callable[[MissionSummary, Exception | None], None], MissionSummary] | None = None
    """What to call, and with which summary, once it is known that the mission goes on, or why it cannot."""

    is_traced: bool = False
    """True while a tracer knows the mission to be in motion."""

    decision: Decision | None = None
    attempt: Attempt | None = None
    updated: Attempt | None = None
    """The run of an update that has ended, until it is its turn to be recorded."""
    outcome: tuple[tuple[str, int], Command] | None = None
    """How an attempt ended, and which one, until that is durable."""
    claimed: tuple[str, int] | None = None
    """The attempt that this process put, or tried to put, on record."""
    birth: State | None = None
    """What the mission was to start as, until it is known whether it did."""
    is_alive: bool = False
    """True where the mission was seen here before its end."""
    cause: BaseException | None = None
    """What user code raised last."""

    # Most missions have no callers, and what is made for a mission at all is made for each of a flood of timers.
    held: deque[Held] | None = None
    cancels: deque[CancelOperation] | None = None
    watchers: tuple[Operation, ...] = ()
    """Those who wait for the mission to wait or end."""
    enders: tuple[Operation, ...] = ()
    """Those who cancelled, and wait for the end."""
    newcomers: tuple[asyncio.Future[None], ...] = ()
    """Those who wait to know whether this id is taken."""

    weight: int = 0
    """About how many bytes the mission took when it was parked last, with so many entries:"""
    weighed: int = 0

    backoff: float = 0.0
    retry: asyncio.TimerHandle | None = None

    @property
    def labels(self) -> dict[str, object]:
        """What a log line about the mission carries beside its text."""
        labels: dict[str, object] = {"mission_id": self.mission_id}
        if self.state is not None:
            labels["mission_name"] = self.state.mission_name
            labels["step"] = self.state.cursor
            labels["attempt"] = self.state.attempt_number
        return labels

    @property
    def is_at_rest(self) -> bool:
        """True while the mission's code does nothing but wait for other missions."""
        return self.attempt is not None and self.attempt.is_at_rest

    @property
    def must_go_on(self) -> bool:
        """True where something was begun here that nobody else would finish."""
        return self.is_woken or any(it is not None for it in (self.outcome, self.claimed, self.birth))

    def weigh(self) -> int:
        """Return about how many bytes the mission takes now; only what was added is looked at."""
        assert self.state is not None  # a flight without one is busy
        events = self.state.events
        if events.size < self.weighed:  # replaced entries were left behind
            self.weight = self.weighed = 0
        self.weight += events.weight(self.weighed)
        self.weighed = events.size
        return _EMPTY + self.weight

    def put(self, operation: CancelOperation | Held) -> None:
        """Queue what a caller asks until it is its turn."""
        if isinstance(operation, CancelOperation):
            self.cancels = self.cancels or deque()
            self.cancels.append(operation)
        else:
            self.held = self.held or deque()
            self.held.append(operation)

    def callers(self) -> tuple[Operation, ...]:
        """Take out everybody who waits for something of this mission."""
        runs = (run.code for run in (self.attempt, self.updated) if run is not None)
        in_hand = (self.decision and self.decision.operation, *runs)
        asking = [asked for asked in in_hand if isinstance(asked, Operation)]
        callers = (*(self.held or ()), *(self.cancels or ()), *self.watchers, *self.enders, *asking)
        self.held = self.cancels = None
        self.watchers = self.enders = ()
        return callers

    def tell_woken(self, error: Exception | None) -> None:
        """Tell whoever woke the mission, unless they know, that it goes on, or why it cannot."""
        woken, self.woken = self.woken, None
        if woken is not None:
            tell, summary = woken
            tell(summary, error)

    def settle_newcomers(self) -> None:
        """Let those look again who wait to know whether this id is taken."""
        newcomers, self.newcomers = self.newcomers, ()
        for newcomer in newcomers:
            if not newcomer.done():
                newcomer.set_result(None)


_MOST_PARKED = 1024
_HEAVIEST = 4 * 1024 * 1024
"""About how many bytes all parked missions may take together."""
_EMPTY = 1024
"""About how many bytes a mission takes without its payloads."""


class Hangar:
    """The flights of a commander: those that have work, and a bounded cache of those that wait."""

    def __init__(self) -> None:
        self._active: dict[str, Flight] = {}
        self._parked: OrderedDict[str, Flight] = OrderedDict()
        self._weight = 0

    def get(self, mission_id: str) -> Flight | None:
        """Return the mission's flight if it is in memory."""
        return self._active.get(mission_id) or self._parked.get(mission_id)

    def is_active(self, mission_id: str) -> bool:
        """True where the mission has work."""
        return mission_id in self._active

    def active(self) -> list[Flight]:
        """Return the flights that have work."""
        return list(self._active.values())

    def activate(self, flight: Flight) -> None:
        """Keep the flight for as long as it has work."""
        if self._parked.pop(flight.mission_id, None) is not None:
            self._weight -= _EMPTY + flight.weight
        self._active[flight.mission_id] = flight

    def park(self, flight: Flight) -> None:
        """Keep the flight for as long as there is room."""
        self._active.pop(flight.mission_id, None)
        self._weight += flight.weigh()
        self._parked[flight.mission_id] = flight
        while self._parked and (len(self._parked) > _MOST_PARKED or self._weight > _HEAVIEST):
            _, dropped = self._parked.popitem(last=False)
            self._weight -= _EMPTY + dropped.weight

    def drop(self, flight: Flight) -> None:
        """Forget the flight, which has no work any more; storage knows the mission."""
        if self._active.get(flight.mission_id) is flight:
            del self._active[flight.mission_id]
