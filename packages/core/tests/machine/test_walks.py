"""Missions of nested constructs that are told anything at all: what holds of them after every answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mission_control.core import (
    HistoryRecord,
    MissionContext,
    MissionDefinition,
    MissionFailure,
    MissionPath,
    MissionStatus,
    Reminder,
    RetryPolicy,
    m,
)
from mission_control.core.history import SignalWait, Wait, due_at
from mission_control.core.machine import (
    AwaitChild,
    AwaitSignal,
    BeginPaths,
    BeginStep,
    Cancel,
    ChildEnded,
    Command,
    Decided,
    Elapse,
    EndChild,
    FinishCancel,
    Interrupt,
    Keep,
    Phase,
    Proceed,
    Receive,
    RunAttempt,
    Start,
    State,
    StopForGood,
    Update,
    check_fit,
    decide,
    early_waits,
    find_wait,
    next_actions,
)

from .unrun import items, run, seconds, until

Drives = Callable[..., Any]


def choose(ctx: MissionContext[Any]) -> bool:
    return True


NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
EMPTY: MissionPath[Any] = m.path()
TWICE = RetryPolicy(max_attempts=2, initial_interval=3, max_interruptions=2)
REMINDER = Reminder(run, 10, at_most=2, retry=TWICE)
CHILD = m.define("child").start(input=int, run=run).end()

EARLY: list[Callable[[Any, str], Any]] = [
    lambda path, name: path.need_to(name, int, early=True),
    lambda path, name: path.need_to(name, int, timeout=20, reminder=REMINDER, early=True),
    lambda path, name: path.need_to(name, int, timeout=seconds, early=True),
    lambda path, name: path.step(name, run, retry=TWICE),
]


def undone(path: Any, name: str) -> Any:
    return path.step(name, run, undo=run, undo_retry=TWICE)


LEAVES: list[Callable[[Any, str], Any]] = [
    *EARLY,
    undone,
    lambda path, name: path.need_to(name, int),
    lambda path, name: path.need_to(name, int, timeout=20, reminder=REMINDER),
    lambda path, name: path.need_to(name, int, timeout=seconds),
    lambda path, name: path.sleep(name, 5),
    lambda path, name: path.sleep(name, 0),
    lambda path, name: path.sleep(name, seconds),
    lambda path, name: path.mission(name, CHILD, run),
    lambda path, name: path.mission(name, CHILD, run, wait=False),
]

TREES: list[Callable[[Any, str, Any, Any], Any]] = [
    lambda path, name, a, b: path.parallel(name, {"a": a, "b": b}),
    lambda path, name, a, b: path.race(name, {"a": a, "b": b}),
    lambda path, name, a, b: path.branch(name, choose, {True: a, False: b}),
    lambda path, name, a, b: path.each(name, items, a, max_concurrency=2, max_failures=1),
    lambda path, name, a, b: path.each(name, items, a, max_failures=None),
    lambda path, name, a, b: path.repeat(name, a, until=until, max_rounds=2, on_exhausted=b),
    lambda path, name, a, b: path.repeat(name, a, until=until, every=5, max_rounds=2),
    lambda path, name, a, b: path.need_to(name, int, timeout=20, on_timeout=a, reminder=REMINDER),
    lambda path, name, a, b: path.need_to(name, int, timeout=20, on_timeout=a, early=True),
]


@st.composite
def flows(draw: st.DrawFn, path: Any, depth: int, leaves: list[Callable[[Any, str], Any]] = LEAVES) -> Any:
    """Draw what is added to a path: some nodes, and constructs of such paths."""
    for number in range(draw(st.integers(0, 3))):
        name = f"n{number}"
        if depth and draw(st.booleans()):
            tree = draw(st.sampled_from(TREES))
            path = tree(path, name, *(draw(flows(EMPTY, depth - 1, leaves)) for _ in range(2)))
        else:
            path = draw(st.sampled_from(leaves))(path, name)
    return path


OUTPUTS: dict[str, list[Any]] = {
    "branch": [True, False],
    "each": [[], [1], [1, 2, 3]],
    "repeat": [True, False],
    "sleep": [0.0, 7.0],
    "need_to": [None, 7.0],
    "mission": [5],
}

ENDS = [MissionStatus.COMPLETED, MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED]


@attrs.frozen
class Step:
    """What was decided on a state, when, and with how many slots."""

    definition: MissionDefinition[Any]
    before: State
    shown: Any
    commands: list[Command]
    now: datetime
    slots: int
    is_contended: bool
    decided: Decided

    @property
    def after(self) -> State:
        return self.decided.state


def shown(state: State) -> Any:
    """Return all that can be seen of a state."""
    lines = [] if state.lines is None else [line.copy() for line in state.lines]
    return state.snapshot(), lines, 0 if state.lines is None else len(state.lines), state.is_running


def told(data: st.DataObject, it: Any) -> Command:
    """Draw what the world says to one of the things that have to be done, or what it says at any time."""
    anything = ["proceed", "update", "cancel", "time", "keep"]
    action = data.draw(st.sampled_from([*next_actions(it.definition, it.state), *anything]))
    if isinstance(action, RunAttempt):
        return ended(data, it, action)
    if isinstance(action, AwaitSignal):
        return Receive(action.instance, 1)
    if isinstance(action, AwaitChild | EndChild):
        return child_ended(action.mission_id, data.draw(st.sampled_from(ENDS)))
    if isinstance(action, StopForGood):
        return FinishCancel()
    if action == "cancel" and data.draw(st.integers(0, 9)) == 5:
        return Cancel(None, at_once=data.draw(st.booleans()))
    if action == "update" and not it.state.is_undoing:
        return Update("u", 1, 2)
    if action == "keep" and (ahead := places_ahead(it.definition, it.state)):
        return Keep(data.draw(st.sampled_from(ahead)), data.draw(st.integers(0, 9)))
    return Proceed() if action == "proceed" else Elapse()


def places_ahead(definition: MissionDefinition[Any], state: State) -> list[str]:
    """Return the bare names and the instances, of low numbers, for which a signal would be kept."""
    texts = [text for waits in definition.early_waits.values() for text in waits]
    instances = [text.replace("[]", f"[{number}]") for text in texts for number in range(3 if "[]" in text else 1)]
    return [name for name in (*definition.early_waits, *instances) if early_waits(definition, state, name)]


def ended(data: st.DataObject, it: Any, action: RunAttempt) -> Command:
    """Draw how an attempt ends."""
    name = action.instance
    end = data.draw(st.sampled_from(["success", "success", "success", "retry", "failure", "process ended", "closed"]))
    if end == "success":
        success: Command = it.success(name, data.draw(st.sampled_from(OUTPUTS.get(it.state.line_at(name).place, [1]))))
        return success
    if end in ("retry", "failure"):
        failure: Command = it.failure(name, is_retryable=end == "retry")
        return failure
    return Interrupt(name, action.attempt_number, end)


def child_ended(child: str, status: MissionStatus) -> ChildEnded:
    if status is MissionStatus.COMPLETED:
        return ChildEnded(child, status, 1, None)
    return ChildEnded(child, status, None, MissionFailure(message="no", at=NOW, code="STEP_FAILED"))


def walk(
    driver: Drives, data: st.DataObject, leaves: list[Callable[[Any, str], Any]] = LEAVES
) -> tuple[list[Step], list[HistoryRecord]]:
    """Draw a mission and walk through it; the driver holds that what was recorded folds to what was decided."""
    start: Any = m.define("d").start(input=int, run=run, undo=run)
    it = driver(data.draw(flows(start, 2, leaves)).end(), slots=data.draw(st.sampled_from([1, 2, 100])))
    it.go(Start("d", 5, None))
    steps: list[Step] = []
    while not it.state.is_terminal and len(steps) < 60:
        it.now += timedelta(seconds=data.draw(st.sampled_from([0, 0, 1, 6, 30])))
        it.is_contended = data.draw(st.booleans())
        before, commands = it.state, [told(data, it)]
        seen = shown(before)
        it.go(*commands)
        steps.append(Step(it.definition, before, seen, commands, it.now, it.slots, it.is_contended, it.last))
    return steps, it.history


unhurried = settings(
    deadline=None,
    derandomize=True,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@unhurried
@given(st.data())
def test_state_that_was_handed_out_reads_the_same_and_is_decided_on_as_before(
    driver: Drives, data: st.DataObject
) -> None:
    """Whatever was made from it: an older version is a state as any."""
    steps, _ = walk(driver, data)

    for it in steps:
        assert shown(it.before) == it.shown
        again = decide(it.definition, it.before, it.commands, it.now, slots=it.slots, is_contended=it.is_contended)
        assert again.records == it.decided.records
        assert again.state == it.decided.state
        assert (again.begun, again.stopped) == (it.decided.begun, it.decided.stopped)
        assert (again.children, again.let_go) == (it.decided.children, it.decided.let_go)


@unhurried
@given(st.data())
def test_no_more_attempts_than_slots_and_none_that_could_begin_is_left(driver: Drives, data: st.DataObject) -> None:
    """A slot is idle where other missions wait for it, or code that was stopped still has it."""
    steps, _ = walk(driver, data)

    for it in steps:
        running = [line for line in it.after.every_line() if line.phase is Phase.ATTEMPTING]
        assert len(running) <= it.slots
        has_stopped = any(record.details.get("reason") == "stopped" for record in it.decided.records)
        if len(running) < it.slots and not (it.is_contended or has_stopped or it.after.is_undoing):
            actions = next_actions(it.definition, it.after)
            assert not [action for action in actions if isinstance(action, BeginStep | BeginPaths)]


@unhurried
@given(st.data())
def test_mission_that_has_not_ended_has_something_to_do_and_fits_its_definition(
    driver: Drives, data: st.DataObject
) -> None:
    """What it waits for is found by its name, and what is due first by its time."""
    steps, _ = walk(driver, data)

    for it in steps:
        state = it.after
        assert bool(next_actions(it.definition, state)) is not state.is_terminal
        if state.is_terminal:
            continue
        check_fit(it.definition, state)
        waits = [line.waiting for line in state.every_line() if line.waiting is not None]
        assert state.next_due == min(filter(None, map(due_at, waits)), default=None)
        assert [find_wait(state.copy(), name) for name in signals(waits)] == signals(waits)


def signals(waits: list[Wait]) -> list[str]:
    return [wait.event_name for wait in waits if isinstance(wait, SignalWait)]


@unhurried
@given(st.data())
def test_everything_that_began_ends_once(driver: Drives, data: st.DataObject) -> None:
    """Paths, children that are waited for, and undos, of which there are none in a mission that completes."""
    steps, history = walk(driver, data)

    ends = Counter(record.event_name for record in history if record.type.value in PATH_ENDS)
    assert set(ends.values()) <= {1}
    if steps and steps[-1].after.is_terminal:
        awaited = Counter(it.mission_id for step in steps for it in step.decided.children if it.is_awaited)
        assert awaited == Counter(child for step in steps for child in step.decided.let_go)
        began = dict.fromkeys(record.event_name for record in history if record.details.get("undo") is True)
        undone = {name_undone(record) for record in history} - {None}
        assert undone == (set() if steps[-1].after.phase is Phase.COMPLETED else set(began))


PATH_ENDS = ("path-completed", "path-failed", "path-stopped")


def name_undone(record: HistoryRecord) -> str | None:
    """Return the step that an undo, which ends with the record, was for."""
    name = record.event_name or ""
    is_end = record.type.value == "step-succeeded" or record.details.get("undo") == "failed"
    return name.removeprefix("undo:") if is_end and name.startswith("undo:") else None


@settings(unhurried, max_examples=100)
@given(st.data())
def test_wait_that_begins_lay_ahead_since_the_mission_began(driver: Drives, data: st.DataObject) -> None:
    """By its instance, and by its name where it is outside of every item: no signal for it was ever refused."""
    steps, _ = walk(driver, data, EARLY)

    for index, it in enumerate(steps):
        for record in it.decided.records:
            name = record.event_name or ""
            site = it.definition.site(name)
            if record.type.value != "waiting-for-signal" or site is None or not getattr(site.node, "early", False):
                continue
            for earlier in steps[: index + 1]:
                assert early_waits(it.definition, earlier.before, name)
                if not site.is_in_item:
                    assert site.node in early_waits(it.definition, earlier.before, site.node.name)


@settings(unhurried, max_examples=100)
@given(st.data())
def test_wait_that_begins_takes_the_first_signal_that_is_kept_for_it(driver: Drives, data: st.DataObject) -> None:
    """In the next record; one that takes early signals leaves none behind that it could take, others take none."""
    steps, history = walk(driver, data, EARLY)

    kept: dict[int, tuple[str, Any]] = {}
    for record, following in zip(history, [*history[1:], None], strict=True):
        name, site = record.event_name or "", None
        if record.type.value == "signal-kept":
            kept[record.seq] = name, record.details["payload"]
        if record.type.value != "waiting-for-signal":
            continue
        site = steps[0].definition.site(name)
        assert site is not None
        bare = name if site.is_in_item else site.node.name
        first = next((seq for seq, (what, _) in kept.items() if what in (name, bare)), None)
        if not getattr(site.node, "early", False) or first is None:
            assert following is None or "kept" not in following.details
        else:
            assert following is not None
            assert following.details == {"kept": first, **following.details}
            del kept[first]
    if steps:
        left = [] if steps[-1].after.kept is None else steps[-1].after.kept.signals()
        assert [(seq, *what) for seq, what in kept.items()] == left
