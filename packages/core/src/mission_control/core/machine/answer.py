"""An answer in the making: the records that commands add, and where each line comes to with them.

What comes next for a line is the next node of the nodes that it is in; where there is none, the construct around it
says what follows. A path that ends may let the line around it go on: that one waits its turn in `joined`, so that
nothing here calls itself for as long as a definition is, but only as deep as it nests.

Slots are counted, not held: `free` is how many attempts may begin beside those on record. One that ended leaves its
slot in hand for its own line and for what that line opens or lets go on; what is left of it is free for others of the
mission, unless other missions wait for a slot.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from ..history import UNDO, ChildWait, HistoryRecord, HistoryType, KeptSignal, Labels, iso, parse_iso
from ..making import maker
from ..values import Value
from .lines import AnyLine, Line, bare, key_of
from .paths import MOST_BEGUN, complete, fill, open_paths
from .phases import Phase
from .places import fold_next
from .reopening import reopened
from .state import State
from .transitions import apply

if TYPE_CHECKING:
    from ..definition import MissionDefinition, MissionPath, Node, Role, Site
from ..definition import EndNode, ForkNode, RepeatNode, SignalNode, SleepNode, StepNode

_T = HistoryType
# Every answer has one of these, and before Python 3.12 a member is looked up in its enumeration in several steps.
_STARTED, _COMPLETED, _SCHEDULED, _FIRED = _T.STEP_STARTED, _T.MISSION_COMPLETED, _T.TIMER_SCHEDULED, _T.TIMER_FIRED
_END = EndNode()
_record = maker(HistoryRecord)
_READY, _ATTEMPTING = Phase.READY, Phase.ATTEMPTING

NOTHING_BEGINS = -sys.maxsize
"""So few slots that those which ended attempts leave make no difference."""

_ENTERED = frozenset({"sleep", "need_to", "parallel", "race", "repeat"})
"""What a line may stand before that begins without an attempt."""

_LATEST = datetime(MAXYEAR, 1, 1, tzinfo=UTC)


@attrs.frozen
class NewChild(Value):
    """A mission that comes into being with the answer."""

    mission_id: str
    parent_id: str
    definition: MissionDefinition[Any]
    input: Any
    is_awaited: bool
    labels: Labels


class Decided:
    """What commands lead to: records, the state after them, and what the world has to do beside it."""

    # Defaults are the class's: most decisions have nothing but records, and there is one for each commit.
    records: tuple[HistoryRecord, ...] = ()
    state: State
    begun: tuple[tuple[str, int], ...] = ()
    """The attempts that begin, by instance and number."""
    stopped: tuple[tuple[str, int], ...] = ()
    """The attempts that were on record and count no more, though nothing came of them."""
    children: tuple[NewChild, ...] = ()
    let_go: tuple[str, ...] = ()
    """Children that nobody waits for any more: their end is on record, or does not matter."""
    awaited: tuple[str, ...] = ()
    """Children that are there already, and waited for again."""


class Answer(Decided):
    """What the commands of one decision add to a mission, while it is being made."""

    begun: tuple[tuple[str, int], ...] = ()
    stopped: tuple[tuple[str, int], ...] = ()
    let_go: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    roomier: tuple[str, ...] = ()
    """Lines whose `each` has room under today's definition, as far as an item of it has just ended."""
    is_undoing: bool = False
    """True where the undoing begins with this answer: what was stopped has to end before anything is undone."""
    in_hand: int = 0
    joined: tuple[str, ...] = ()
    is_contended: bool = False
    """True where other missions wait for a slot that an item gives back."""
    opened: int = 0
    """How many paths have begun with this answer."""

    def __init__(
        self, definition: MissionDefinition[Any] | None, state: State, now: datetime, slots: int | None
    ) -> None:
        self.definition: MissionDefinition[Any] | None = definition
        if state.lines is not None and state.lines.is_outdated:
            state = state.copy()
        self.state: State = state
        self.now: datetime = now
        self.added: list[HistoryRecord] = []
        self.free: int = NOTHING_BEGINS if slots is None else slots - state.attempting
        self._at = now if state.at is None or now > state.at else state.at

    # Records

    def add(self, kind: HistoryType, name: str | None = None, attempt: int | None = None, /, **details: Any) -> None:
        """Record something, and come to where it leads."""
        self.append(kind, name, attempt, details)

    def append(self, kind: HistoryType, name: str | None, attempt: int | None, details: dict[str, Any]) -> None:
        """Do what `add` does, with details that are nobody else's: a bit quicker, for what every step has."""
        added = self.added
        if not added:
            self.state = self.state.copy()
        state = self.state
        record = _record(state.version + 1, kind, self._at, name, attempt, details)
        added.append(record)
        apply(state, record)

    def go_back(self, history: tuple[HistoryRecord, ...], node: str | None, details: dict[str, Any]) -> None:
        """Record that the mission is reopened, and stand where it goes on; `history` is all that there was before."""
        record = _record(self.state.version + 1, _T.MISSION_REOPENED, self._at, node, None, details)
        self.state = reopened(self.state.mission_id, (*history, record))
        self.added.append(record)
        children = () if self.state.past is None else self.state.past.children.items()
        self.awaited += tuple(child for child, seq in children if seq == record.seq)

    def mark(self, **details: Any) -> None:
        """Say more in the record that was added last, where that leads to nothing else."""
        last = self.added[-1].details
        assert isinstance(last, dict)
        last.update(details)

    def line(self, key: str) -> AnyLine:
        """Return a line that is live, to look at."""
        line = self.state.line(key)
        assert line is not None
        return line

    def site(self, instance: str | None) -> Site:
        """Return where a node is in today's definition."""
        assert self.definition is not None  # only cancelling works without one
        site = self.definition.site(instance or "")
        assert site is not None  # `check_fit` has seen to it
        return site

    # Attempts

    def give_up(self, instance: str, number: int, message: str, **details: Any) -> None:
        """Record an attempt that fails for good before anything of it ran: today's definition has no code for it."""
        number = self.begin(instance, number)
        self.begun = self.begun[:-1]
        error = {"message": message, "code": "STEP_FAILED"}
        self.add(_T.STEP_FAILED, instance, number, error=error, **details)

    def begin(self, instance: str, number: int) -> int:
        """Record the start of an attempt, and the definition it runs under where that is another one.

        It has the number, or a later one where there were attempts that do not count any more.
        """
        if self.state.past is not None:
            number = max(number, self.state.past.numbers.get(instance, 0) + 1)
        definition = self.definition
        assert definition is not None
        site = definition.sites.get(instance)
        details = _marks(definition, instance) if site is None else site.marks
        if self.state.last_run != definition.fingerprint:
            details = {"definition": definition.fingerprint, **details}
        self.append(_STARTED, instance, number, dict(details))
        self.begun += ((instance, number),)
        return number

    def attempt(self, key: str, instance: str, kind: str | None = None) -> None:
        """Begin the first attempt of what comes next for a line, or have it stand before that until there is a slot.

        A path that would begin with it, and has nothing on record, does not begin.
        """
        if not self.begin_with_slot(instance) and self.state.line(key) is not None:
            self.stop_before(key, instance, kind)

    def begin_with_slot(self, instance: str, number: int = 1) -> bool:
        """Begin an attempt at an instance, on the slot in hand or a free one; False where there is none."""
        if self.in_hand:
            self.in_hand -= 1
        elif self.free > 0:
            self.free -= 1
        else:
            return False
        self.begin(instance, number)
        return True

    def first_due(self, *, reminders: bool) -> tuple[datetime, str] | None:
        """Return when the first of everything open becomes due, and the key of its line."""
        entry = None if self.state.lines is None else self.state.lines.open.first_due(reminders=reminders)
        return None if entry is None else (entry[0], entry[2])

    def has_undo(self, instance: str) -> bool:
        """True where today's definition can undo what the name of an undo says."""
        assert self.definition is not None  # nothing is undone without one
        site = self.definition.site(instance)
        return site is not None and isinstance(site.node, StepNode) and site.node.undo is not None

    def stop_reminder(self, instance: str) -> None:
        """Interrupt what reminds of a wait that is about to end."""
        line = self.state.line(instance) if self.state.lines is not None else None
        if isinstance(line, Line) and line.place == "reminder":
            self.interrupt(line, reason="stopped")

    def stop_before(self, key: str, instance: str, kind: str | None = None) -> None:
        """Name in the last record, which is the line's, what it stands before."""
        self.mark(next=instance) if kind is None else self.mark(next=instance, kind=kind)
        fold_next(self.state, key, self.added[-1])

    # What comes next

    def go_on(self, key: str) -> None:
        """Leave the node that a line stands on, and enter what follows until something takes its time."""
        cursor = (self.line(key) if key else self.state).cursor or ""
        assert self.definition is not None  # only cancelling works without one
        site = self.definition.sites.get(cursor) or self.site(cursor)
        self.enter(key, cursor[: cursor.rfind("/") + 1], site.nodes, site.index + 1, site.role, site.around)

    def enter(
        self, key: str, prefix: str, nodes: tuple[Node, ...], index: int, role: Role | None, around: Site | None
    ) -> None:
        """Enter the node at `index` of `nodes`, which are at the place `prefix`, and what follows, for a line."""
        while True:
            node = nodes[index] if index < len(nodes) else _END
            kind = node.kind
            if kind == "step":
                self.attempt(key, prefix + node.name)
                return
            if kind == "end":
                if around is None:
                    self.add(_COMPLETED)
                    return
                place = prefix[:-1]
                if role == "path" or role == "item":
                    complete(self, key)
                    return
                if role == "round":
                    self.attempt(key, place, "repeat")
                    return
                prefix = _prefix(place.rpartition("/")[0])
                nodes, index, role, around = around.nodes, around.index + 1, around.role, around.around
                continue
            name = prefix + node.name
            if isinstance(node, RepeatNode):
                prefix, nodes, index, role, around = f"{name}[0]/", node.path.nodes, 0, "round", self.site(name)
                continue
            if node.decision is not None:
                self.attempt(key, name, kind)
                return
            if isinstance(node, ForkNode):
                open_paths(self, key, name, kind=node.kind, paths=list(node.paths))
                return
            if isinstance(node, SignalNode):
                is_over = self.wait(name, index, node, node.timeout)
            else:
                assert isinstance(node, SleepNode)  # nothing else takes no code
                is_over = self.sleep(name, index, node.duration)
            if not is_over:
                return
            index += 1

    def enter_path(self, key: str, place: str, path: MissionPath[Any], role: Role, around: Site) -> None:
        """Enter the first node of a path at `place`."""
        self.enter(key, f"{place}/", path.nodes, 0, role, around)

    def sleep(self, name: str, index: int, duration: Any) -> bool:
        """Begin a sleep, of some seconds or until an instant; True where it has ended at once."""
        due = self._later(duration) if not isinstance(duration, str) else max(parse_iso(duration), self.now)
        self.add(_SCHEDULED, name, node_index=index, due_at=iso(due))
        if due > self.now or self.state.is_paused:
            return False
        self.add(_FIRED, name)
        return True

    def wait(self, name: str, index: int, node: SignalNode, timeout: Any) -> bool:
        """Begin to wait for a signal, for some seconds, until an instant, or (None) for as long as it takes.

        True where one was kept for it: the wait is over as it begins, and nothing ends it at a time or reminds of it.
        """
        kept = self._kept_for(name) if node.early and self.state.kept is not None else None
        if kept is not None:
            self.add(_T.WAITING_FOR_SIGNAL, name, node_index=index, timeout_at=None)
            self.add(_T.SIGNAL_RECEIVED, name, kept=kept.seq)
            return True
        until = parse_iso(timeout) if isinstance(timeout, str) else None if timeout is None else self._later(timeout)
        details: dict[str, Any] = {"node_index": index, "timeout_at": None if until is None else iso(until)}
        if node.reminder is not None:
            details["remind_at"] = iso(self._later(node.reminder.every))
        self.add(_T.WAITING_FOR_SIGNAL, name, **details)
        return False

    def _kept_for(self, name: str) -> KeptSignal | None:
        """Return the signal that a wait takes as it begins: the first that came of those kept for it."""
        kept = self.state.kept
        assert kept is not None  # there are some
        own, shared = kept.first(name), None if self.site(name).is_in_item else kept.first(bare(name))
        return min(filter(None, (own, shared)), default=None)

    def _later(self, seconds: float) -> datetime:
        return later(self.now, seconds)

    # Lines

    def drain(self, under: str = "") -> None:
        """Let lines go on whose constructs are over: all of them, or those at and in one path."""
        while self.joined and (not under or f"{self.joined[-1]}/".startswith(f"{under}/")):
            key, self.joined = self.joined[-1], self.joined[:-1]
            self.go_on(key)

    def interrupt(self, line: AnyLine, *, reason: str) -> None:
        """Record that the attempt of a line, where there is one, counts no more."""
        if line.phase is not _ATTEMPTING:
            return
        attempt = (line.cursor or "", line.attempt_number)
        self.add(_T.STEP_INTERRUPTED, *attempt, reason=reason)
        if attempt in self.begun:  # with this very answer
            self.begun = tuple(one for one in self.begun if one != attempt)
        else:
            self.stopped += (attempt,)

    def let_go_of(self, *lines: AnyLine) -> None:
        """The mission does not want the children any more that lines wait for, as far as they wait for one."""
        self.let_go += tuple(line.waiting.mission_id for line in lines if isinstance(line.waiting, ChildWait))

    # The end of a command, and of all

    def settle(self) -> None:
        """Begin what stands before an attempt, and paths for which there is room, as far as there are slots."""
        state = self.state
        if state.lines is None:
            if state.phase is _READY and self.may_begin() and self.free > 0:
                self._go_on_from(state)
            return
        while self.free > 0 and (key := self._first_ready()) is not None:
            self._go_on_from(self.line(key))
        tried: list[str] = []
        while (key := self._first_roomy(tried)) is not None:
            tried.append(key)
            fill(self, key)
            self.drain()

    def _go_on_from(self, line: AnyLine) -> None:
        """Begin the attempt that a line stands before, unless today's definition has none there."""
        place, name = line.place, line.cursor or ""
        if place == "reminder" and self._pass_over(line):
            return
        if place in _ENTERED and not name.endswith("]"):  # which is the decision of a round
            site = self.site(name)
            if place == "repeat" or site.node.decision is None:  # or its time is not computed any more
                self.enter(key_of(line), _prefix(name), site.nodes, site.index, site.role, site.around)
                self.drain()
                return
        self.free -= 1
        self.begin(name, line.attempt_number + 1)

    def _pass_over(self, line: AnyLine) -> bool:
        """True for a reminder that today's definition does not have: it is given up, and the last one."""
        assert self.definition is not None  # only cancelling works without one
        name, number = line.cursor or "", line.attempt_number + 1
        if self.definition.site(name) is not None:
            return False
        self.give_up(name, number, f"{name!r} is not in the definition that is registered today", final=True)
        return True

    def may_begin(self) -> bool:
        """False while something has to end before anything is undone."""
        return not (self.is_undoing or self.state.ending.children_left)

    def _first_ready(self) -> str | None:
        lines = self.state.lines
        return None if lines is None else lines.open.ready.first()

    def _first_roomy(self, tried: list[str]) -> str | None:
        lines = self.state.lines
        if lines is None or self.opened >= MOST_BEGUN:
            return None
        key = lines.open.roomy.first(tried)
        if key is None:
            key = next((it for it in self.roomier if it not in tried and self.state.line(it) is not None), None)
        return key

    def finish(self) -> None:
        """A command has been answered: lines go on, and the slot that is left is free for others."""
        self.drain()
        self.free += 0 if self.is_contended else self.in_hand
        self.in_hand = 0


def _marks(definition: MissionDefinition[Any], instance: str) -> Mapping[str, Any]:
    """Return what the start of an attempt says at a place of which there are several, or that is gone."""
    site = definition.site(instance)
    if site is None or instance.startswith(UNDO) or instance.rpartition("/")[2].startswith("reminder["):
        return {}
    return site.marks


def later(now: datetime, seconds: float) -> datetime:
    """Return the instant that is some seconds after `now`, as far as there are instants."""
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return _LATEST


def _prefix(instance: str) -> str:
    """Return the place of an instance, with a slash where it is not the main line's."""
    return instance[: instance.rfind("/") + 1]
