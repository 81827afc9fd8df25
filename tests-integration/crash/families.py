"""The audit of what only missions with paths, undoing and children can get wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mission_control.core import ChildRecord, HistoryRecord, MissionInspection, MissionStatus
from mission_control.core.machine import construct_of

UNDO = "undo:"


def missteps_of_paths(history: Sequence[HistoryRecord]) -> Iterator[str]:
    """Where something runs, or is waited for, in a path that has ended; and what was never over."""
    live: set[str] = set()
    over: set[str] = set()
    open_constructs: set[str] = set()
    for record in history:
        name = record.event_name or ""
        if record.type != "signal-kept":  # which may come before the path that it is for
            live |= {place for place in _around(name) if construct_of(place) in open_constructs and place not in over}
        if record.type in ("path-completed", "path-failed", "path-stopped"):
            if name in over:
                yield f"the path {name} ended twice"
            over.add(name)
            live.discard(name)
            inner = sorted(one for one in live if one.startswith(f"{name}/"))
            if inner and record.type != "path-failed":  # which comes before those that it stops
                yield f"the path {name} ended before {inner} in it"
        elif record.type == "paths-opened":
            open_constructs.add(name)
        elif record.type == "paths-joined":
            open_constructs.discard(name)
        if record.type in ("step-started", "waiting-for-signal", "timer-scheduled") and not name.startswith(UNDO):
            yield from (f"{name} began in {path}, which had ended" for path in _around(name) if path in over)
    if live:
        yield f"it has ended, and these paths have not: {sorted(live)}"
    left = sorted(name for name in open_constructs if over.isdisjoint(_around(name)))
    if history[-1].type == "mission-completed" and left:
        yield f"it completed, and these were not over: {left}"


def _around(instance: str) -> Iterator[str]:
    path = instance.rpartition("/")[0]
    while path:
        yield path
        path = path.rpartition("/")[0]


def missteps_of_undoing(inspection: MissionInspection) -> Iterator[str]:
    """Where not exactly that was undone which had begun, or not in the reverse order, one after another."""
    history = inspection.history
    began = [record.event_name or "" for record in history if record.details.get("undo") is True]
    expected = list(reversed(dict.fromkeys(began)))
    if inspection.snapshot.status is MissionStatus.COMPLETED:
        expected = []
    planned = [step for record in history if record.type == "mission-undoing" for step in record.details["steps"]]
    if planned != expected:
        yield f"to be undone: {expected}, and it says {planned}"
    done: list[str] = []
    given_up: list[str] = []
    for record in history:
        name = record.event_name or ""
        if not name.startswith(UNDO):
            continue
        step = name.removeprefix(UNDO)
        if record.type == "step-started" and step != (expected[len(done)] if len(done) < len(expected) else None):
            yield f"{name} began when {len(done)} of {expected} were undone"
        is_given_up = record.details.get("undo") == "failed"
        if is_given_up:
            given_up.append(step)
        if is_given_up or record.type == "step-succeeded":
            done.append(step)
    if done != expected:
        yield f"undone: {done}, and it had to be {expected}"
    error = inspection.snapshot.error
    if error is not None and list(error.undo_failed) != given_up:
        yield f"it gave up on undoing {given_up}, and says {error.undo_failed}"


def disagreements_of_families(found: Mapping[str, MissionInspection]) -> Iterator[str]:
    """Where a parent and its children do not say the same of one another."""
    started: set[str] = set()
    for mission_id, parent in found.items():
        for child in parent.children:
            started.add(child.mission_id)
            yield from (f"{mission_id}: {problem}" for problem in _disagreements(parent, child, found))
    for mission_id, inspection in found.items():
        if inspection.snapshot.parent_id is not None and mission_id not in started:
            yield f"{mission_id}: its parent {inspection.snapshot.parent_id} has not started it"


def _disagreements(
    parent: MissionInspection, record: ChildRecord, found: Mapping[str, MissionInspection]
) -> Iterator[str]:
    child = found.get(record.mission_id)
    if child is None:
        yield f"its child {record.mission_id} is not there"
        return
    snapshot = child.snapshot
    if snapshot.parent_id != parent.snapshot.mission_id:
        yield f"its child {record.mission_id} has the parent {snapshot.parent_id}"
    ends = [one for one in parent.history if one.type == "child-ended" and one.event_name == record.event_name]
    if len(ends) > 1:
        yield f"the end of {record.mission_id} is on record {len(ends)} times"
    for end in ends:
        if (end.details["status"], end.details.get("output")) != (snapshot.status.value, _output(snapshot.output, end)):
            yield f"{record.mission_id} ended as {end.details}, and is {snapshot.status} with {snapshot.output!r}"
    yield from _late_ends(parent, record, child)


def _output(output: object, end: HistoryRecord) -> object:
    return output if "output" in end.details else None


def _late_ends(parent: MissionInspection, record: ChildRecord, child: MissionInspection) -> Iterator[str]:
    """A child that had to end before its parent was undone has, and is on record before the first undo."""
    awaited = [one for one in parent.history if one.type == "mission-undoing"]
    if not awaited or record.mission_id not in awaited[0].details.get("children", ()):
        return
    first = next(
        one for one in parent.history if one.type == "step-started" and (one.event_name or "").startswith(UNDO)
    )
    ended = [one for one in parent.history if one.type == "child-ended" and one.details["id"] == record.mission_id]
    if not ended or ended[0].seq > first.seq:
        yield f"it was undone before the end of {record.mission_id} was on record"
    elif child.history[-1].at > first.at:
        yield f"it was undone before {record.mission_id} had ended"
