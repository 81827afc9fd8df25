"""A mission's state: what its history folds to. Only the machine makes new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, ClassVar

import attrs

from ..history import (
    NO_LABELS,
    EventRecord,
    Kept,
    Labels,
    Ledger,
    MissionFailure,
    MissionSnapshot,
    MissionStatus,
    MissionSummary,
    Opened,
    Position,
    RetryWait,
    UsedKeys,
    Wait,
    due_at,
)
from ..making import copier, maker
from ..payloads import copy_json
from ..values import Shown, Value
from .lines import AnyLine, Fork, Lines, is_roomy, position_of
from .phases import ENDED, STATUS, Phase, Place

_ATTEMPTING = Phase.ATTEMPTING
_summary, _snapshot = maker(MissionSummary), maker(MissionSnapshot)
_summarized = attrgetter(*(field.name for field in attrs.fields(MissionSummary)))


@attrs.frozen(eq=False)
class Undo(Shown):
    """A step that began and can be undone, and the one that began before it."""

    instance: str
    before: Undo | None


def undone_in_order(undos: Undo | None) -> tuple[str, ...]:
    """Return the instances of the steps to be undone, in the order of undoing."""
    steps: list[str] = []
    while undos is not None:
        steps.append(undos.instance)
        undos = undos.before
    return tuple(steps)


@attrs.frozen(kw_only=True)
class Origin(Value):
    """How a mission came into being, which all its versions share."""

    created_at: datetime | None = None
    created_with: str | None = None
    trace: str | None = None
    parent_id: str | None = None
    is_awaited: bool = False
    """True for a child that its parent waits for."""
    schedule: str | None = None
    slot: datetime | None = None
    labels: Labels = NO_LABELS
    has_changed: bool = False
    """True where another definition than that which it was created with has taken it up since."""


@attrs.frozen(kw_only=True)
class Ending(Value):
    """How a mission ends that was cancelled, or has something to undo."""

    cancellation: str | None = None
    """The reason, where somebody cancelled it."""
    stood_at: str | None = None
    """Where the mission stood when its undoing began."""
    undo_failed: tuple[str, ...] = ()
    children: Mapping[str, None] = attrs.field(factory=dict[str, None])
    """The children that must have ended before the undoing begins, and those of them that have."""
    children_left: int = 0
    """How many of them have not."""


@attrs.frozen(kw_only=True)
class Past(Value):
    """What a mission that was reopened has to know of the records that do not count any more."""

    numbers: Mapping[str, int]
    """How many attempts there were, by instance."""
    children: Mapping[str, int]
    """The missions that it began, and the record by which it waits for each again; 0 where it does not yet."""
    reopened_for: int = 0
    """The record by which its parent waits for it again, where that reopened it."""


_UNBORN, _UNENDED = Origin(), Ending()


@attrs.define
class State(Shown):
    """Everything that the machine knows of a mission. Immutable to all but the fold that makes it."""

    path: ClassVar[None] = None
    number: ClassVar[int] = 0
    since: ClassVar[int] = 0  # while the main line waits no other does: reminders are counted apart

    mission_id: str
    mission_name: str = ""
    phase: Phase = Phase.NEW
    version: int = 0
    at: datetime | None = None
    origin: Origin = _UNBORN
    cursor: str | None = None
    place: Place = "start"
    attempt_number: int = 0
    failures: int = 0
    interruptions: int = 0
    stands_by: bool = False
    """True where the attempt begun last has waited for the end of another mission."""
    is_undoable: bool = False
    """True where an attempt of the step that it stands on said that it can be undone."""
    waiting: Wait | None = None
    waits_since: datetime | None = None
    """When it began to wait for the last signal."""
    failed: MissionFailure | None = None
    """Why the last attempt failed, where that may be followed by another one."""
    fork: Fork | None = None
    lines: Lines | None = None
    """The live lines beside the main one, where there are any, or can be."""
    opened: Opened | None = None
    """What constructs with live paths were opened, and how their paths ended."""
    kept: Kept | None = None
    """The signals that came before their waits, where there are any that none has taken."""
    undos: Undo | None = attrs.field(default=None, eq=undone_in_order)
    """What is to be undone if the mission fails or is cancelled: what began last comes first."""
    is_paused: bool = False
    is_cancelling: bool = False
    ending: Ending = _UNENDED
    error: MissionFailure | None = None
    events: Ledger = attrs.field(factory=Ledger)
    output: Any = None
    last_run: str | None = None
    keys: UsedKeys | None = None
    """The keys of signals and updates that are used, from the first one on."""
    past: Past | None = None

    @property
    def status(self) -> MissionStatus:
        """The phase as people see it: a mission waits when all of its lines do."""
        if self.lines is None or self.phase in ENDED:
            return STATUS[self.phase]
        return MissionStatus.RUNNING if self.is_running else MissionStatus.WAITING

    @property
    def is_running(self) -> bool:
        """True where a line runs an attempt, stands before one, or could begin a path, if there were slots."""
        if self.lines is None:
            return STATUS[self.phase] is MissionStatus.RUNNING
        return self.lines.facts()[0]

    @property
    def is_short(self) -> bool:
        """True where something stands before an attempt, or could begin, if there were slots."""
        if self.lines is None:
            return self.phase is Phase.READY or self.phase is Phase.CREATED
        return self.lines.open.is_short

    @property
    def is_still(self) -> bool:
        """True where it is paused, and the attempts that were running have ended: nothing moves by itself."""
        return self.is_paused and not self.attempting

    @property
    def attempting(self) -> int:
        """How many attempts are on record whose end is not."""
        return (self.phase is _ATTEMPTING) if self.lines is None else self.lines.open.attempting

    @property
    def next_wait(self) -> Wait | None:
        """The open wait that ends first by itself, else the one that began first; a reminder is none."""
        return self.waiting if self.lines is None else self.lines.facts()[1]

    @property
    def next_due(self) -> datetime | None:
        """When the first of everything open becomes due, reminders included; None while nothing does."""
        if self.is_paused:
            return None
        return due_at(self.waiting) if self.lines is None else self.lines.facts()[2]

    @property
    def is_terminal(self) -> bool:
        """True where nothing more may be recorded."""
        return self.phase in ENDED

    @property
    def is_stopping(self) -> bool:
        """True where a cancellation was requested, and what it has to stop has not ended: nothing goes on any more."""
        return self.is_cancelling and self.place != "undo" and self.phase not in ENDED

    @property
    def is_undoing(self) -> bool:
        """True where the mission has failed or was cancelled, and what it did is being undone."""
        return self.place == "undo" and self.phase not in ENDED

    @property
    def ran_under(self) -> str | None:
        """The one definition that it has run under; None for several, and while it stands on live paths."""
        return None if self.origin.has_changed or self.phase is Phase.FORKED else self.last_run

    def must_end(self, child: str) -> bool:
        """True for a child that must have ended before the undoing begins, and has not."""
        return child in self.ending.children and not self.events.has_passed(child[len(self.mission_id) + 1 :])

    def every_line(self) -> Iterator[AnyLine]:
        """The main line, and the live ones in order of opening."""
        yield self
        if self.lines is not None:
            yield from self.lines

    def line(self, key: str) -> AnyLine | None:
        """Return the live line of that path, the main one for an empty text, to look at."""
        return self if not key else None if self.lines is None else self.lines.get(key)

    def line_at(self, instance: str) -> AnyLine:
        """Return the live line that an instance of a node is in, to look at."""
        if self.lines is None:
            return self
        path = instance
        while path := path.rpartition("/")[0]:
            line = self.lines.get(path)
            if line is not None:
                return line
        return self

    def summary(self) -> MissionSummary:
        """Return the mission's row."""
        if self.lines is None:
            status, waiting, wait = STATUS[self.phase], self.waiting, self.waiting
            due = None if wait is None else due_at(wait)
        else:
            is_running, wait, due = self.lines.facts()
            status, waiting = (MissionStatus.RUNNING, None) if is_running else (MissionStatus.WAITING, wait)
        origin, error = self.origin, self.error
        if wait is not None and error is None and type(wait) is RetryWait:
            error = self.line_at(wait.event_name).failed
        return _summary(
            self.mission_id,
            self.mission_name,
            status,
            self.cursor,
            waiting,
            error,
            origin.created_at,
            self.at,
            wait,
            None if self.is_paused else due,
            origin.parent_id,
            origin.schedule,
            origin.slot,
            origin.labels,
            self.is_paused,
        )

    def snapshot(self) -> MissionSnapshot:
        """Return the mission's row with its payloads, which are the caller's to keep and change."""
        positions = () if self.is_terminal else (position_of(line) for line in self.every_line())
        return _snapshot(
            *_summarized(self.summary()),
            events={
                name: EventRecord(input=copy_json(event.input), output=copy_json(event.output))
                for name, event in self.events.items()
            },
            output=copy_json(self.output),
            definition_created_with=self.origin.created_with,
            definition_last_run=self.last_run,
            positions=tuple(position for position in positions if position is not None) + self._unbegun(),
        )

    def _unbegun(self) -> tuple[Position, ...]:
        """Return the positions of the paths of a parallel or race that have not begun."""
        found: list[Position] = []
        for line in self.every_line():
            if self.opened is None or line.fork is None or not is_roomy(line):
                continue
            construct = self.opened.construct(line.cursor or "")
            names = construct[1] if construct is not None else None
            left = () if names is None else names[line.fork.begun :]
            found += (Position(path=f"{line.cursor}/{name}", cursor=None, status="running") for name in left)
        return tuple(found)

    def copy(self) -> State:
        """Return a state that a fold may change."""
        copied = _copied(self)
        if copied.lines is not None:
            copied.lines = copied.lines.branch(copied)
        return copied


_copied = copier(State)
