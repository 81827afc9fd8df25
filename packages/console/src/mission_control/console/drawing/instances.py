"""How each instance of a node stands in a mission: what its records tell, and where its lines stand now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import attrs

from mission_control.core import HistoryRecord, HistoryType, MissionInspection, MissionStatus
from mission_control.core.history import START_AT, UNDO
from mission_control.core.machine import construct_of, sorted_out
from mission_control.core.values import Shown

from .marks import PlaceState

_T = HistoryType
_S = PlaceState

_REMINDER = "/reminder["


@attrs.define(eq=False)
class Listed(Shown):
    """How many items of an `each` there are, and how many of them have ended in which way."""

    total: int = 0
    done: int = 0
    failed: int = 0
    stopped: int = 0


@attrs.define(eq=False)
class Instances(Shown):
    """What the records of a mission tell of its nodes, by instance name, as far as they still count."""

    states: dict[str, PlaceState] = attrs.field(factory=dict[str, PlaceState])
    attempts: dict[str, int] = attrs.field(factory=dict[str, int])
    undos: dict[str, PlaceState] = attrs.field(factory=dict[str, PlaceState])
    chosen: dict[str, object] = attrs.field(factory=dict[str, object])
    """The keys that branches chose, None where one has not chosen yet."""
    rounds: dict[str, int] = attrs.field(factory=dict[str, int])
    """The number of the latest round of each `repeat`, from 0."""
    lists: dict[str, Listed] = attrs.field(factory=dict[str, Listed])
    reminded: dict[str, int] = attrs.field(factory=dict[str, int])
    timed_out: set[str] = attrs.field(factory=set[str])
    lost: set[str] = attrs.field(factory=set[str])
    """The constructs a path of which has failed."""
    judged: str = ""
    """The `repeat` whose round was decided on last."""


def instances_of(inspection: MissionInspection) -> Instances:
    """Return how the instances of a mission's nodes stand."""
    found = Instances()
    for record in sorted_out(inspection.history).counting:
        fold = _FOLDS.get(record.type)
        if fold is not None:
            fold(found, record.event_name or "", record)
    _stand(found, inspection)
    return found


def places_around(instance: str) -> Iterable[str]:
    """Yield the constructs around an instance, and around a path, innermost first."""
    text = instance
    while "/" in text or text.endswith("]"):
        text = construct_of(text) if text.endswith("]") else text.rpartition("/")[0]
        if not text.endswith("]"):
            yield text


def _stand(found: Instances, inspection: MissionInspection) -> None:
    """Take what runs and waits from where the lines stand; what else seems to has failed with them, or was stopped."""
    live: dict[str, PlaceState] = {}
    for position in inspection.snapshot.positions:
        state = _S.RUNNING if position.status == "running" else _S.WAITING
        where = f"{position.path}/" if position.cursor is None else position.cursor
        if where.startswith(UNDO):
            found.undos[where.removeprefix(UNDO)] = state
            continue
        if _REMINDER in where:
            continue
        for instance in (where, *places_around(where)):
            live[instance] = _busier(live.get(instance), state)
    for instance, state in found.states.items():
        if state.is_under_way and instance not in live:
            found.states[instance] = _S.FAILED if instance in found.lost else _S.STOPPED
    found.states.update((instance, state) for instance, state in live.items() if instance not in found.timed_out)
    for instance in live:
        _note_rounds(found, instance)
    for instance, state in list(found.states.items()):
        if state in (_S.FAILED, _S.STOPPED):
            _lose_around(found, instance, state)


def _lose_around(found: Instances, instance: str, state: PlaceState) -> None:
    """A branch and a `repeat` end with what is in them: they have no paths of their own that could be lost."""
    for around in places_around(instance):
        if around in found.chosen or around in found.rounds:
            found.states[around] = state
        elif around in found.states and around not in found.timed_out:
            return


def _busier(one: PlaceState | None, other: PlaceState) -> PlaceState:
    return _S.RUNNING if _S.RUNNING in (one, other) else other


def _note_rounds(found: Instances, instance: str) -> None:
    """Remember the rounds that an instance is in."""
    text = instance
    while "/" in text or text.endswith("]"):
        if text.endswith("]"):
            construct = construct_of(text)
            if construct not in found.lists:
                found.rounds[construct] = max(found.rounds.get(construct, 0), int(text[len(construct) + 1 : -1]))
                found.states.setdefault(construct, _S.DONE)
            text = construct
        else:
            text = text.rpartition("/")[0]


_Fold: TypeAlias = Callable[[Instances, str, HistoryRecord], None]


def _becomes(state: PlaceState) -> _Fold:
    def fold(found: Instances, name: str, record: HistoryRecord) -> None:
        if name.startswith(UNDO):
            found.undos[name.removeprefix(UNDO)] = state
        elif not name.endswith("]"):  # the decision of a round, or a reminder
            found.states[name] = state
            _note_rounds(found, name)
        elif _REMINDER not in name:
            _note_rounds(found, name)

    return fold


def _started(found: Instances, name: str, record: HistoryRecord) -> None:
    _becomes(_S.RUNNING)(found, name, record)
    found.attempts[name] = record.attempt_number or 0
    if record.details.get("kind") == "branch":
        found.chosen[name] = None


def _succeeded(found: Instances, name: str, record: HistoryRecord) -> None:
    wait, reminder, _ = name.rpartition(_REMINDER)
    if reminder:
        found.reminded[wait] = found.reminded.get(wait, 0) + 1
    elif name.endswith("]"):
        found.judged = construct_of(name)
    elif name in found.chosen:
        found.chosen[name] = record.details["output"]
    _becomes(_S.DONE)(found, name, record)


def _timed_out(found: Instances, name: str, record: HistoryRecord) -> None:
    found.timed_out.add(name)
    found.states[name] = _S.DONE


def _slept(found: Instances, name: str, record: HistoryRecord) -> None:
    if name != START_AT:
        _becomes(_S.WAITING)(found, name, record)


def _fired(found: Instances, name: str, record: HistoryRecord) -> None:
    if found.states.get(name) is _S.WAITING:
        found.states[name] = _S.DONE


def _opened(found: Instances, name: str, record: HistoryRecord) -> None:
    found.states[name] = _S.RUNNING
    if record.details["kind"] == "each":
        found.lists[name] = Listed(total=record.details["count"])


def _path_ended(found: Instances, name: str, record: HistoryRecord) -> None:
    construct = construct_of(name)
    listed = found.lists.get(construct, Listed())
    if record.type is _T.PATH_COMPLETED:
        listed.done += 1
    elif record.type is _T.PATH_STOPPED:
        listed.stopped += 1
    else:
        listed.failed += 1
        found.lost.add(construct)
        _failed(found, name, record)


def _failed(found: Instances, name: str, record: HistoryRecord) -> None:
    """A path or the mission has failed: what failed in it has said so, but for a `repeat` that ran out of rounds."""
    if record.details.get("error", {}).get("code") == "ROUNDS_EXHAUSTED":
        found.states[found.judged] = _S.FAILED


def _child_started(found: Instances, name: str, record: HistoryRecord) -> None:
    found.states[name] = _S.WAITING if record.details.get("wait", True) else _S.DONE


def _child_ended(found: Instances, name: str, record: HistoryRecord) -> None:
    is_completed = record.details["status"] == MissionStatus.COMPLETED
    found.states[name] = _S.DONE if is_completed else _S.FAILED


_FOLDS: Mapping[HistoryType, _Fold] = {
    _T.STEP_STARTED: _started,
    _T.STEP_SUCCEEDED: _succeeded,
    _T.STEP_SKIPPED: _succeeded,
    _T.STEP_FAILED: _becomes(_S.FAILED),
    _T.STEP_INTERRUPTED: _becomes(_S.STOPPED),
    _T.WAITING_FOR_SIGNAL: _becomes(_S.WAITING),
    _T.SIGNAL_RECEIVED: _becomes(_S.DONE),
    _T.SIGNAL_TIMED_OUT: _timed_out,
    _T.TIMER_SCHEDULED: _slept,
    _T.TIMER_FIRED: _fired,
    _T.PATHS_OPENED: _opened,
    _T.PATHS_JOINED: _becomes(_S.DONE),
    _T.PATH_COMPLETED: _path_ended,
    _T.PATH_FAILED: _path_ended,
    _T.PATH_STOPPED: _path_ended,
    _T.CHILD_STARTED: _child_started,
    _T.CHILD_ENDED: _child_ended,
    _T.MISSION_UNDOING: _failed,
    _T.MISSION_FAILED: _failed,
}
