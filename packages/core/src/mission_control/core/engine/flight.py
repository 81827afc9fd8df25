"""A mission that is in memory: its state, what is under way for it, and who waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from ..definition import MissionDefinition, UpdateHandler, Work
from ..history import HistoryRecord, MissionSummary
from ..machine import ChildEnded, State
from ..values import Shown
from .activity import Activity
from .asked import Held, Operation, Order, SignalOperation, UpdateOperation
from .attempt import Attempt
from .outcome import Outcome

EMPTY = 1024
"""About how many bytes a mission takes without its payloads."""

_LINE = 256
"""About how many bytes a live line takes."""


class Run:
    """An attempt that this process put, or tried to put, on record: until what came of it is on record."""

    attempt: Attempt[Flight] | None = None
    """The code that runs; None before, and after."""
    outcome: Outcome | None = None
    cause: BaseException | None = None
    """What user code raised."""
    ended_at: datetime | None = None

    def __init__(self, instance: str, number: int) -> None:
        self.instance = instance
        self.number = number


@attrs.define(eq=False)
class Consequences(Shown):
    """What a decision leads to for other code of the mission, and for other missions."""

    stopped: tuple[tuple[str, int], ...]
    """Attempts that count no more."""
    child_ends: tuple[ChildEnded, ...]
    """The ends of children that are in it."""
    children: tuple[tuple[Flight, State], ...]
    """Those that come into being with it."""
    orphans: tuple[str, ...]
    """Children that nobody waits for any more, and which have not ended."""
    awaited: tuple[str, ...]
    """Children that are there, and waited for again."""
    gives_back: int
    """How many slots it leaves to other missions, which wait for them."""


@attrs.define(eq=False)
class Decision(Shown):
    """What is being made durable for a mission: the state it leads to, and what is to be done then."""

    after: State
    operation: Operation | None
    """Whose answer a failure is."""
    applied: Callable[[Flight], None] | None
    ended: tuple[Run, ...]
    """Whose outcomes are in it."""
    consequences: Consequences | None
    """None for what concerns nobody else: nearly all that is decided of missions of one line."""


@attrs.define(eq=False)
class Flight(Shown):
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
    activity: Activity | None = None
    """What it counts for."""
    counts: bool = False
    slots: int = 0
    """How many slots it holds for attempts on record, or to begin one."""
    lent_slots: int = 0
    """How many of its attempts on record have lent their slots to others."""
    wants_slot: bool = False
    is_woken: bool = False
    """True where the mission goes on by itself, and not because somebody asked."""
    woken: tuple[Callable[[MissionSummary, Exception | None], None], MissionSummary] | None = None
    """What to call, and with which summary, once it is known that the mission goes on, or why it cannot."""

    is_traced: bool = False
    """True while a tracer knows the mission to be in motion."""

    decision: Decision | None = None
    run: Run | None = None
    """What runs, of a mission of which only one attempt does: others are in `runs`."""
    runs: dict[str, Run] | None = None
    ended: tuple[Run, ...] = ()
    """Those whose outcome is not on record yet, in the order in which they ended."""
    stopping: set[Attempt[Flight]] | None = None
    """Code that counts no more, and has not ended yet."""
    running: int = 0
    resting: int = 0
    """How much code runs, and how much of it does nothing but wait for other missions."""
    update: Attempt[Flight] | None = None
    stand_bys: tuple[Attempt[Flight], ...] = ()
    """Code that waits for the end of a mission, which is not on record yet."""
    updated: Attempt[Flight] | None = None
    """The run of an update that has ended, until it is its turn to be recorded."""
    begun: tuple[Run, ...] = ()
    """What this process tried to put on record, where it is not known whether it did."""
    birth: State | None = None
    """What the mission was to start as, until it is known whether it did."""
    is_alive: bool = False
    """True where the mission was seen here before its end."""
    is_stray: bool = False
    """True where its parent may not know of its end."""
    ends_children: bool = False
    """True where the children were told to end that must have before it undoes what it did."""
    child_ends: tuple[ChildEnded, ...] = ()
    """Children whose end is not on record yet."""
    unsure: tuple[str, ...] = ()
    """Children that this process tried to begin, where it is not known whether it did."""
    orphans: tuple[str, ...] = ()
    """Children that this process tried to let go of, where it is not known whether it did."""
    cause: tuple[str, BaseException] | None = None
    """Which instance failed for good last, and what it raised."""
    alarm: tuple[datetime, int] | None = None
    """When it is looked at again by itself, while it is in motion."""

    # Most missions have no callers, and what is made for a mission at all is made for each of a flood of timers.
    held: deque[Held] | None = None
    looks_at_held: bool = False
    """True where something of what is held may be taken now."""
    orders: deque[Order] | None = None
    history: tuple[HistoryRecord, ...] | None = None
    """All that is on record, where the first of the orders needs it; else None."""
    must_have_history: bool = False
    watchers: tuple[tuple[Operation, str | None], ...] = ()
    """Those who wait for a line to wait or end, by its key, or for the mission as a whole."""
    enders: tuple[Operation, ...] = ()
    """Those who cancelled, and wait for the end."""
    newcomers: tuple[asyncio.Future[None], ...] = ()
    """Those who wait to know whether this id is taken."""

    takes: int = 0
    """About how many bytes the mission took when it was parked last,"""
    weight: int = 0
    """its payloads alone, and of how many entries these are:"""
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
        """True while all the mission's code does nothing but wait for other missions."""
        return 0 < self.running == self.resting and not self.wants_slot

    @property
    def recorded_at(self) -> datetime:
        """When the last record of the mission was made."""
        assert self.state is not None  # it is of a mission in memory
        assert self.state.at is not None  # that has begun
        return self.state.at

    @property
    def must_go_on(self) -> bool:
        """True where something was begun here that nobody else would finish."""
        return self.is_woken or self.birth is not None or bool(self.ended or self.begun or self.running)

    def weigh(self) -> int:
        """Return about how many bytes the mission takes now; only what was added is looked at."""
        assert self.state is not None  # a flight without one is busy
        events = self.state.events
        if events.size < self.weighed:  # replaced entries were left behind
            self.weight = self.weighed = 0
        self.weight += events.weight(self.weighed)
        self.weighed = events.size
        lines = 0 if self.state.lines is None else len(self.state.lines)
        keys = 0 if self.state.keys is None else self.state.keys.weight
        kept = 0 if self.state.kept is None else self.state.kept.weight
        self.takes = EMPTY + self.weight + kept + keys + lines * _LINE
        return self.takes

    # What runs

    @property
    def only_runs(self) -> bool:
        """True where there is nothing to look at before its one attempt ends."""
        return self.running == self.slots == 1 and not (self.held or self.ended or self.child_ends or self.alarm)

    @property
    def on_record(self) -> int:
        """How many attempts are on record that have not ended."""
        return (self.run is not None) if self.runs is None else len(self.runs)

    def every_run(self) -> tuple[Run, ...]:
        """Return the attempts that are on record and have not ended."""
        if self.runs is not None:
            return tuple(self.runs.values())
        return () if self.run is None else (self.run,)

    def run_of(self, instance: str) -> Run | None:
        """Return the attempt at an instance that has not ended."""
        if self.runs is not None:
            return self.runs.get(instance)
        return self.run if self.run is not None and self.run.instance == instance else None

    def keep(self, run: Run) -> None:
        """An attempt is on record."""
        if self.runs is not None:
            self.runs[run.instance] = run
        elif self.run is None:
            self.run = run
        else:
            self.runs = {self.run.instance: self.run, run.instance: run}
            self.run = None

    def drop(self, run: Run) -> None:
        """An attempt has ended, or counts no more."""
        if self.runs is None:
            self.run = None
            return
        del self.runs[run.instance]
        if not self.runs:
            self.runs = None

    def launch(self, attempt: Attempt[Flight], code: Work | UpdateHandler, *arguments: object) -> None:
        """Run code for the mission; where it cannot be begun there is no attempt."""
        self.running += 1
        try:
            attempt.begin(code.run, arguments, is_async=code.is_async)
        except BaseException:
            self.running -= 1
            raise
        if self.resting:
            self.count()

    def release(self, attempt: Attempt[Flight]) -> None:
        """The code has ended, or was given up on and may keep the slot."""
        self.running -= 1
        if attempt.is_counted and (attempt.keeps_slot or not attempt.has_slot):  # its thread keeps it, or it was lent
            self.slots -= attempt.keeps_slot
            self.lent_slots -= not attempt.keeps_slot
        if self.resting:
            self.count()

    def discount(self, attempt: Attempt[Flight]) -> None:
        """Code counts no more, and has its slot until it ends."""
        attempt.is_counted = False
        self.slots -= attempt.has_slot
        self.lent_slots -= not attempt.has_slot

    # What its code says

    def lent(self, attempt: Attempt[Any], /) -> None:
        """Code of the mission has let others have its slot for a while."""
        if attempt.is_counted:
            self.slots -= 1
            self.lent_slots += 1

    def reclaimed(self, attempt: Attempt[Any], /) -> None:
        """It has a slot again."""
        if attempt.is_counted:
            self.slots += 1
            self.lent_slots -= 1

    def rest_changed(self, attempt: Attempt[Any], /) -> None:
        """It has come to rest, or goes on."""
        self.resting += 1 if attempt.is_at_rest else -1
        self.count()

    def count(self) -> None:
        """Count as something that is under way, unless it is at rest."""
        counts = self.is_active and not self.is_at_rest
        if counts is self.counts or self.activity is None:
            return
        self.counts = counts
        if counts:
            self.activity.enter()
        else:
            self.activity.leave()

    # What callers ask

    def put(self, operation: Order | Held) -> None:
        """Queue what a caller asks until it is its turn."""
        if isinstance(operation, SignalOperation | UpdateOperation):
            self.held = self.held or deque()
            self.held.append(operation)
            self.looks_at_held = True
        else:
            self.orders = self.orders or deque()
            self.orders.append(operation)

    def callers(self) -> tuple[Operation, ...]:
        """Take out everybody who waits for something of this mission."""
        runs = (run.code for run in (self.update, self.updated) if run is not None)
        in_hand = (self.decision and self.decision.operation, *runs)
        asking = [asked for asked in in_hand if isinstance(asked, Operation)]
        watching = (operation for operation, _ in self.watchers)
        callers = (*(self.held or ()), *(self.orders or ()), *watching, *self.enders, *asking)
        self.held = self.orders = None
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
