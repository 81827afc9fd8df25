"""Where a mission stands in its definition: what is marked at each node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

from mission_control.core import MissionInspection, MissionStatus
from mission_control.core.definition import OTHERWISE, template
from mission_control.core.machine import construct_of
from mission_control.core.payloads import encode_json
from mission_control.core.values import Shown

from .flow import END, Lane, Static, Step, flow_of
from .instances import Instances, Listed, instances_of
from .marks import Mark, PlaceState

_S = PlaceState

_FIRST = (_S.RUNNING, _S.WAITING, _S.FAILED, _S.STOPPED, _S.DONE)
"""Which state is shown of a node that stands in several ways at once, as in several items."""

_COUNTED = (_S.DONE, _S.FAILED, _S.STOPPED, _S.RUNNING, _S.WAITING)
"""In which order they are counted."""


def places(static: Static, inspection: MissionInspection | None) -> dict[str, Mark]:
    """Return how each node stands, by template, and the end by `END`; without a mission, all wait to begin.

    Of a `repeat` the latest round counts, of an `each` all items. What a mission that was reopened has forgotten does
    not count. Raises `ValueError` for what is no static form.
    """
    flow = flow_of(static)
    found = Instances() if inspection is None else instances_of(inspection)
    marks = dict(_Places(found).line(flow, _S.AHEAD))
    is_completed = inspection is not None and inspection.snapshot.status is MissionStatus.COMPLETED
    return {**marks, END: Mark(state=_S.DONE if is_completed else _S.AHEAD)}


class _Places(Shown):
    """The places of one mission, while they are marked."""

    def __init__(self, found: Instances) -> None:
        self._found = found
        self._instances: dict[str, list[str]] = {}
        for instance in found.states:
            if self._is_current(instance):
                self._instances.setdefault(template(instance), []).append(instance)

    def line(
        self, steps: Sequence[Step], unreached: PlaceState, *, is_short: bool = False
    ) -> Iterator[tuple[str, Mark]]:
        """Yield the marks of a line; `unreached` is for what has not begun, `is_short` true where items are left."""
        for step in steps:
            if step.place == END:
                continue
            mark = self._mark(step, unreached, is_short=is_short)
            yield step.place, mark
            state = mark.state or unreached
            for lane in step.lanes:
                is_left = is_short or (lane.role == "item" and state.is_under_way and self._has_items_left(step))
                yield from self.line(lane.steps, self._inside(step, state, lane), is_short=is_left)

    def _is_current(self, instance: str) -> bool:
        """Return whether an instance is in the latest round of each `repeat` around it."""
        text = instance
        while "[" in text:
            text = text[: text.rindex("]") + 1]
            construct = construct_of(text)
            latest = self._found.rounds.get(construct)
            if latest is not None and text != f"{construct}[{latest}]":
                return False
            text = construct
        return True

    def _mark(self, step: Step, unreached: PlaceState, *, is_short: bool) -> Mark:
        instances = self._instances.get(step.place, [])
        states = Counter(self._state(step, instance) for instance in instances)
        if not states:
            return Mark(state=unreached)
        state = next(state for state in _FIRST if state in states)
        if is_short and state is _S.DONE:
            state = _S.RUNNING
        return Mark(state=state, note=self._note(step, instances, states), undo=self._undo(instances))

    def _state(self, step: Step, instance: str) -> PlaceState:
        if instance in self._found.timed_out and not step.lanes:
            return _S.FAILED
        return self._found.states[instance]

    def _undo(self, instances: Iterable[str]) -> PlaceState | None:
        undos = {self._found.undos[instance] for instance in instances if instance in self._found.undos}
        return next((state for state in _FIRST if state in undos), None)

    # What is said

    def _note(self, step: Step, instances: Sequence[str], states: Counter[PlaceState]) -> str:
        parts: list[str] = []
        if step.kind == "each":
            parts.append(_items(self._found.lists[one] for one in instances if one in self._found.lists))
        elif len(instances) > 1:
            parts.append(", ".join(f"{states[state]:,} {state}" for state in _COUNTED if state in states))
        else:
            parts += self._alone(step, instances[0])
        return ", ".join(filter(None, parts))

    def _alone(self, step: Step, instance: str) -> Iterator[str]:
        found = self._found
        attempts, reminded = found.attempts.get(instance, 0), found.reminded.get(instance, 0)
        if step.kind == "repeat":
            yield f"round {found.rounds.get(instance, 0) + 1:,}"
        if attempts > 1:
            yield f"attempt {attempts:,}"
        if instance in found.timed_out:
            yield "timed out"
        if reminded:
            yield "reminded once" if reminded == 1 else f"reminded {reminded:,} times"

    # What is inside

    def _inside(self, step: Step, state: PlaceState, lane: Lane) -> PlaceState:
        """Return the state of what was not reached in a path of a node that stands so."""
        if not state.was_reached:
            return state
        instances = self._instances.get(step.place, [])
        if step.kind == "branch":
            chosen = {self._chosen(step, instance) for instance in instances}
            if None not in chosen and lane.label not in chosen:
                return _S.SKIPPED
        if lane.role == "timeout":
            waits = any(self._found.states[instance] is _S.WAITING for instance in instances)
            return _S.AHEAD if waits or self._is_live(lane) else _S.SKIPPED
        return _S.SKIPPED if state is _S.DONE else _S.AHEAD

    def _is_live(self, lane: Lane) -> bool:
        places = [instance for step in lane.steps for instance in self._instances.get(step.place, [])]
        return any(self._found.states[instance].is_under_way for instance in places)

    def _chosen(self, step: Step, instance: str) -> str | None:
        """Return the name of the path that a branch has taken; None where it has not chosen."""
        key = self._found.chosen.get(instance)
        if key is None:
            return None
        keys = step.keys or {lane.label: lane.label for lane in step.lanes}
        wanted = encode_json(key)
        return next((label for label, one in keys.items() if encode_json(one) == wanted), OTHERWISE)

    def _has_items_left(self, step: Step) -> bool:
        lists = [self._found.lists.get(instance, Listed()) for instance in self._instances.get(step.place, [])]
        return any(one.done + one.failed + one.stopped < one.total for one in lists)


def _items(lists: Iterable[Listed]) -> str:
    totals = Listed()
    for one in lists:
        totals = Listed(*map(sum, zip(attrs.astuple(totals), attrs.astuple(one), strict=True)))
    lost = [f"{count:,} {word}" for count, word in ((totals.failed, "failed"), (totals.stopped, "stopped")) if count]
    return ", ".join([f"{totals.done:,} of {totals.total:,} done", *lost])
