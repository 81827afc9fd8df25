"""A mission that is in memory: its state, what is under way for it, and who waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from ..definition import MissionDefinition, StepNode, StoredDefinition, UpdateHandler
from ..history import MissionSummary
from ..machine import Command, State
from .asked import CancelOperation, Held, Operation
from .attempt import Attempt

EMPTY = 1024
"""About how many bytes a mission takes without its payloads."""


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
    attempt: Attempt[Flight] | None = None
    updated: Attempt[Flight] | None = None
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
    def recorded_at(self) -> datetime:
        """When the last record of the mission was made."""
        assert self.state is not None  # it is of a mission in memory
        assert self.state.at is not None  # that has begun
        return self.state.at

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
        return EMPTY + self.weight

    def launch(self, attempt: Attempt[Flight], code: StepNode | UpdateHandler, *arguments: object) -> None:
        """Run code for the mission; where it cannot be begun there is no attempt."""
        self.attempt = attempt
        try:
            attempt.begin(code.run, arguments, is_async=code.is_async)
        except BaseException:
            self.attempt = None
            raise

    def release(self, attempt: Attempt[Flight]) -> None:
        """The code has ended, or was given up on and may keep the slot."""
        self.attempt = None
        if attempt.keeps_slot:
            self.has_slot = False

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
