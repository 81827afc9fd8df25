"""The pure machine: what commands lead to, what histories fold to, and what it may know of the world."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mission_control.core
from mission_control.core import (
    CorruptMissionError,
    HistoryRecord,
    HistoryType,
    MissionControlError,
    MissionDefinition,
    MissionFailure,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    RetryPolicy,
    m,
)
from mission_control.core.machine import (
    ANYWHERE,
    PROCESS_ENDED,
    STATUS,
    TRANSITIONS,
    Action,
    AwaitSignal,
    AwaitTime,
    BeginStep,
    Cancel,
    Command,
    Elapse,
    Fail,
    FinishCancel,
    Interrupt,
    Phase,
    Proceed,
    Receive,
    RunAttempt,
    StandBy,
    Start,
    State,
    StopForGood,
    Succeed,
    Update,
    decide,
    evolve,
    fold,
    load,
    next_actions,
    refused_signal,
)

from .unrun import run

T = HistoryType
NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
FAILURE = MissionFailure(message="no", at=NOW, code="STEP_FAILED", type="ValueError", traceback="...")
NEW = State(mission_id="x")
HERE = ("", 0)
"""Stands for the attempt that is on record."""


def answer(
    definition: MissionDefinition[Any] | None, state: State, command: Command, now: datetime, *, has_slot: bool
) -> tuple[HistoryRecord, ...]:
    """Return what one command adds, with one slot or none."""
    if isinstance(command, Succeed | Fail | Interrupt | StandBy):
        command = attrs.evolve(command, instance=state.cursor or "", number=state.attempt_number)
    return decide(definition, state, (command,), now, slots=1 if has_slot else None).records


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def failing(*, is_retryable: bool = True, delay: float | None = None, chance: float = 0.0) -> Fail:
    return Fail(*HERE, FAILURE, is_retryable=is_retryable, delay=delay, chance=chance)


BACKOFF = RetryPolicy(max_attempts=3, initial_interval=10, backoff_multiplier=2, max_interruptions=2)
DEFINITION = (
    m.define("it")
    .start(input=int, run=run)
    .step("work", run, retry=BACKOFF)
    .need_to("go", int, timeout=60)
    .sleep("nap", 30)
    .end()
)
START = Start("it", 5, None)
ATTEMPTING: list[Command] = [START]
READY: list[Command] = [START, Interrupt(*HERE, "closed")]
WORKING: list[Command] = [*ATTEMPTING, Succeed(*HERE, 1)]
AWAITING: list[Command] = [*WORKING, Succeed(*HERE, 2)]
SLEEPING: list[Command] = [*AWAITING, Receive("go", 3)]

WAYS: dict[Phase, list[Command]] = {
    Phase.NEW: [],
    Phase.DELAYED: [Start("it", 5, after(60))],
    Phase.READY: READY,
    Phase.ATTEMPTING: ATTEMPTING,
    Phase.AWAITING: AWAITING,
    Phase.SLEEPING: SLEEPING,
    Phase.BACKING_OFF: [*WORKING, failing()],
    Phase.FAILED: [*ATTEMPTING, failing()],
    Phase.CANCELLED: [START, Cancel("enough", at_once=True)],
    Phase.COMPLETED: [*SLEEPING, Elapse()],
}


def drive(
    commands: Sequence[Command],
    definition: MissionDefinition[Any] = DEFINITION,
    state: State = NEW,
    *,
    now: datetime = NOW,
    has_slot: bool = True,
) -> tuple[State, tuple[HistoryRecord, ...]]:
    """Return the state after `commands`, and all of their records; time passes only where a command waits for it."""
    history: list[HistoryRecord] = []
    for command in commands:
        moment = after(100) if isinstance(command, Elapse) else now
        is_closing = isinstance(command, Interrupt) and command.reason == "closed"
        records = answer(definition, state, command, moment, has_slot=has_slot and not is_closing)
        state = fold(state, records)
        history += records
    return state, tuple(history)


def state_in(phase: Phase) -> State:
    """Return a mission in that phase. `created` is one that no commit ends in, so it is cut out of a history."""
    if phase is Phase.CREATED:
        return fold(NEW, drive([START])[1][:1])
    state, _ = drive(WAYS[phase])
    assert state.phase is phase
    return state


def types(records: Sequence[HistoryRecord]) -> list[HistoryType]:
    return [record.type for record in records]


def record_for(state: State, kind: HistoryType) -> HistoryRecord:
    """Return a record of that kind that contradicts nothing in `state` but, perhaps, its phase."""
    starting = kind in (T.STEP_STARTED, T.STEP_RETRY_SCHEDULED)
    name = state.waiting.event_name if state.waiting else "nap" if kind is T.TIMER_SCHEDULED else state.cursor
    details = {
        "mission_name": "it",
        "definition": DEFINITION.fingerprint,
        "input": 1,
        "output": 2,
        "payload": 3,
        "error": {"message": "no", "code": "STEP_FAILED"},
        "reason": "closed",
        "mission_id": "y",
        "node_index": 1,
        "due_at": after(60).isoformat(),
        "timeout_at": None,
    }
    return HistoryRecord(
        seq=state.version + 1,
        type=kind,
        at=after(100),
        event_name=name,
        attempt_number=state.attempt_number + starting,
        details=details,
    )


# What it may know

CORE = Path(mission_control.core.__file__).parent
# What they import is held by the linter.
PURE = [*CORE.glob("machine/*.py"), *CORE.glob("history/*.py"), CORE / "definition" / "retry.py", CORE / "readable.py"]


@pytest.mark.parametrize("module", PURE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_machine_asks_for_nothing(module: Path) -> None:
    """Nothing is awaited, and neither the time, a file, the console nor the environment is asked for."""
    nodes = list(ast.walk(ast.parse(module.read_text("utf-8"))))
    asked = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in nodes
        if isinstance(node, ast.Call)
    }

    assert [node for node in nodes if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.Global)] == []
    assert asked & {"now", "utcnow", "today", "open", "print", "input", "getenv", "random"} == set()


# The transition table


def test_table_knows_every_phase_and_every_record() -> None:
    """Each phase has its row and its status, and each type of record has its place."""
    listed = {kind for row in TRANSITIONS.values() for kind in row}

    assert set(TRANSITIONS) == set(STATUS) == set(Phase)
    assert listed | ANYWHERE == set(HistoryType)
    assert listed & ANYWHERE == set()


# Those of paths, children, undoing and reopening are told of more, and have tests of their own.
OF_LINES = {kind for kind in T if kind.value.startswith(("path", "child"))} | {T.MISSION_UNDOING, T.MISSION_REOPENED}
ONE_LINE = [phase for phase in Phase if phase is not Phase.FORKED]


@pytest.mark.parametrize("kind", [kind for kind in T if kind not in OF_LINES])
@pytest.mark.parametrize("phase", ONE_LINE)
def test_record_leads_where_the_table_says_or_nowhere(phase: Phase, kind: HistoryType) -> None:
    """A record is taken in the phases of its rows, and refused in all others, where nothing has changed then."""
    state = state_in(phase)
    before = copy.deepcopy(state)
    target = phase if kind in ANYWHERE else TRANSITIONS[phase].get(kind)
    if kind in ANYWHERE and (phase is Phase.NEW or state.is_terminal):
        target = None

    if target is None:
        with pytest.raises(CorruptMissionError, match=r"'x'.*does not fold at record"):
            evolve(state, record_for(state, kind))
    else:
        assert evolve(state, record_for(state, kind)).phase is target
    assert state == before


def test_waiting_missions_and_no_others_have_a_wait() -> None:
    """`waiting` is set in the phases whose status is waiting."""
    for phase in ONE_LINE:
        state = state_in(phase)
        assert (state.waiting is not None) is (state.status is MissionStatus.WAITING)


# Commands

ALLOWED: dict[type[Command], set[Phase]] = {
    Start: {Phase.NEW},
    Proceed: set(Phase),
    Succeed: set(Phase),
    Fail: set(Phase),
    Interrupt: set(Phase),
    StandBy: set(Phase),
    Receive: {Phase.AWAITING},
    Elapse: set(Phase),
    Update: {phase for phase in Phase if not STATUS[phase].is_terminal} - {Phase.NEW},
    Cancel: set(Phase) - {Phase.NEW},
    FinishCancel: set(),
}
COMMANDS: list[Command] = [
    START,
    Proceed(),
    Succeed(*HERE, 1),
    failing(),
    Interrupt(*HERE, "closed"),
    Interrupt(*HERE, PROCESS_ENDED),
    StandBy(*HERE, "y"),
    Receive("go", 1),
    Elapse(),
    Update("change", 1, 2),
    Cancel("enough", at_once=True),
    Cancel(None, at_once=False),
    FinishCancel(),
]


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
@pytest.mark.parametrize("phase", [phase for phase in ONE_LINE if phase is not Phase.CREATED])
def test_command_that_is_not_allowed_raises_and_changes_nothing(phase: Phase, command: Command) -> None:
    """What a command may not do in a phase raises; what it may do folds; the state it was put to is as it was."""
    state = state_in(phase)
    before = copy.deepcopy(state)

    if phase in ALLOWED[type(command)]:
        records = answer(DEFINITION, state, command, after(100), has_slot=True)
        assert fold(state, records).version == state.version + len(records)
    else:
        with pytest.raises(MissionControlError) as raised:
            answer(DEFINITION, state, command, after(100), has_slot=True)
        assert not isinstance(raised.value, CorruptMissionError)
    assert state == before


OF_AN_ATTEMPT: list[Command] = [Succeed(*HERE, 1), failing(), Interrupt(*HERE, "closed"), StandBy(*HERE, "y")]


@pytest.mark.parametrize("command", OF_AN_ATTEMPT, ids=repr)
@pytest.mark.parametrize("phase", [phase for phase in ONE_LINE if phase is not Phase.ATTEMPTING])
def test_what_came_of_an_attempt_that_is_not_on_record_adds_nothing(phase: Phase, command: Command) -> None:
    """It came too late."""
    assert answer(DEFINITION, state_in(phase), command, after(100), has_slot=False) == ()


@pytest.mark.parametrize("phase", [Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED])
def test_cancelling_what_has_ended_adds_nothing(phase: Phase) -> None:
    """Cancelling is idempotent, and comes too late for what has ended."""
    assert answer(None, state_in(phase), Cancel("again", at_once=True), NOW, has_slot=False) == ()


def test_refusals_say_where_the_mission_stands() -> None:
    """The errors name the mission, and what it does instead."""
    with pytest.raises(
        MissionSignalError, match=r"'x' \(it\) does not wait for signal 'stop': it waits for signal 'go'"
    ):
        answer(DEFINITION, state_in(Phase.AWAITING), Receive("stop", 1), NOW, has_slot=True)
    said = {phase: str(refused_signal(DEFINITION, state_in(phase), "gone")) for phase in ONE_LINE}
    assert said[Phase.COMPLETED].endswith("; its definition has no signal of this name, it has: 'go'")
    assert str(refused_signal(None, state_in(Phase.COMPLETED), "go")).endswith("for signal 'go': it is completed")
    assert "it sleeps in 'nap' until 2024-02-29T12:00:30" in said[Phase.SLEEPING]
    assert "it waits to retry 'work' until 2024-02-29T12:00:10" in said[Phase.BACKING_OFF]
    assert "it is running at 'start'" in said[Phase.READY]
    assert "it is idle" in said[Phase.NEW]
    with pytest.raises(MissionTerminalError, match="it is completed"):
        answer(DEFINITION, state_in(Phase.COMPLETED), Update("change", 1, 2), NOW, has_slot=True)


def test_elapse_before_its_time_adds_nothing() -> None:
    """A wait ends at its due time, not a microsecond before."""
    due = after(30)
    sleeping = state_in(Phase.SLEEPING)

    assert answer(DEFINITION, sleeping, Elapse(), due - timedelta(microseconds=1), has_slot=True) == ()
    assert types(answer(DEFINITION, sleeping, Elapse(), due, has_slot=True)) == [T.TIMER_FIRED, T.MISSION_COMPLETED]


# What comes next

ACTIONS: dict[Phase, tuple[Action, ...]] = {
    Phase.NEW: (),
    Phase.DELAYED: (AwaitTime(after(60)),),
    Phase.READY: (BeginStep("start"),),
    Phase.ATTEMPTING: (RunAttempt("start", 1),),
    Phase.AWAITING: (AwaitSignal("go", after(60)),),
    Phase.SLEEPING: (AwaitTime(after(30)),),
    Phase.BACKING_OFF: (AwaitTime(after(10)),),
    Phase.COMPLETED: (),
    Phase.FAILED: (),
    Phase.CANCELLED: (),
}


@pytest.mark.parametrize(("phase", "actions"), ACTIONS.items())
def test_next_actions_of_each_phase(phase: Phase, actions: tuple[Action, ...]) -> None:
    """The state alone says what the world must do now."""
    assert next_actions(DEFINITION, state_in(phase)) == actions


def test_requested_cancellation_comes_before_everything() -> None:
    """Whatever a mission was about to do, a requested cancellation is what comes next."""
    state, _ = drive([START, Cancel("enough", at_once=False)])

    assert state.phase is Phase.ATTEMPTING
    assert next_actions(DEFINITION, state) == (StopForGood(),)
    ended, records = drive([FinishCancel()], state=state)
    assert types(records) == [T.STEP_INTERRUPTED, T.MISSION_CANCELLED]
    assert ended.error is not None
    assert ended.error.message.endswith("enough")


# Slots, waits and failures


def test_without_a_slot_an_answer_stops_before_the_next_step() -> None:
    """The last record then names the step that the mission stands before; with a slot that step is begun."""
    state, records = drive([START], has_slot=False)
    assert types(records) == [T.MISSION_CREATED, T.MISSION_STARTED]
    begun = fold(state, answer(DEFINITION, state, Proceed(), NOW, has_slot=True))

    waiting = answer(DEFINITION, begun, Succeed(*HERE, 1), NOW, has_slot=False)
    assert types(waiting) == [T.STEP_SUCCEEDED]
    after_it = fold(begun, waiting)
    assert (after_it.phase, after_it.cursor, after_it.status) == (Phase.READY, "work", MissionStatus.RUNNING)
    assert next_actions(DEFINITION, after_it) == (BeginStep("work"),)

    going_on = answer(DEFINITION, begun, Succeed(*HERE, 1), NOW, has_slot=True)
    assert types(going_on) == [T.STEP_SUCCEEDED, T.STEP_STARTED]


def test_zero_sleep_is_scheduled_and_fired_in_one_answer() -> None:
    """A sleep of no duration takes two records and no time, in a row too."""
    definition = m.define("it").start(input=int, run=run).sleep("a", 0).sleep("b", 0).end()

    state, records = drive([START, Succeed(*HERE, 1)], definition)

    assert types(records)[-6:] == [
        T.STEP_SUCCEEDED,
        T.TIMER_SCHEDULED,
        T.TIMER_FIRED,
        T.TIMER_SCHEDULED,
        T.TIMER_FIRED,
        T.MISSION_COMPLETED,
    ]
    assert state.phase is Phase.COMPLETED


@pytest.mark.parametrize("ago", [0, 1, 10**9])
def test_start_time_that_has_passed_is_no_wait(ago: float) -> None:
    """A start time that lies behind is scheduled and fired in the answer that creates the mission."""
    state, records = drive([Start("it", 5, after(-ago))])

    assert types(records) == [
        T.MISSION_CREATED,
        T.TIMER_SCHEDULED,
        T.TIMER_FIRED,
        T.MISSION_STARTED,
        T.STEP_STARTED,
    ]
    assert state.phase is Phase.ATTEMPTING


def test_retry_without_delay_records_only_the_next_start() -> None:
    """No wait is recorded where there is none."""
    definition = m.define("it").start(input=int, run=run, retry=RetryPolicy(max_attempts=2)).end()

    _, records = drive([START, failing(), failing()], definition)

    assert types(records)[3:] == [T.STEP_FAILED, T.STEP_STARTED, T.STEP_FAILED, T.MISSION_FAILED]


def test_backoff_that_ends_without_a_slot_stops_before_the_next_attempt() -> None:
    """The end of the wait is on record, and the attempt begins when there is a slot for it."""
    state = state_in(Phase.BACKING_OFF)
    records = answer(DEFINITION, state, Elapse(), after(100), has_slot=False)

    assert types(records) == [T.TIMER_FIRED]
    assert next_actions(DEFINITION, fold(state, records)) == (BeginStep("work"),)


def test_backoff_grows_with_failures_and_not_with_interruptions() -> None:
    """Interruptions take attempt numbers and leave the policy's count and delays alone."""
    state, _ = drive([*WORKING, Interrupt(*HERE, PROCESS_ENDED), failing()])
    assert (state.attempt_number, state.failures) == (2, 1)
    assert state.waiting is not None
    first, records = drive([Elapse(), Interrupt(*HERE, "closed"), Proceed()], state=state)
    assert (first.attempt_number, first.failures, first.interruptions) == (4, 1, 0)
    assert types(records)[0] == T.TIMER_FIRED

    scheduled = answer(DEFINITION, first, failing(), NOW, has_slot=True)

    assert scheduled[-1].details["due_at"] == after(20).isoformat(timespec="microseconds")
    assert scheduled[-1].attempt_number == 5


@pytest.mark.parametrize(
    ("fail", "seconds"),
    [(failing(), 10), (failing(chance=1.0), 5), (failing(delay=90), 90), (failing(delay=90, chance=1.0), 90)],
)
def test_delay_is_the_errors_or_the_policys_less_its_jitter(fail: Fail, seconds: float) -> None:
    """Chance is handed in; the machine draws none."""
    policy = RetryPolicy(max_attempts=2, initial_interval=10, jitter=0.5)
    definition = m.define("it").start(input=int, run=run, retry=policy).end()

    _, records = drive([START, fail], definition)

    assert records[-1].details["due_at"] == after(seconds).isoformat(timespec="microseconds")


def test_max_interruptions_counts_ends_of_the_process_in_a_row() -> None:
    """A failure starts the count anew; the last one allowed fails the mission."""
    state, _ = drive([*WORKING, Interrupt(*HERE, PROCESS_ENDED), failing(delay=0), Interrupt(*HERE, PROCESS_ENDED)])
    assert state.phase is Phase.ATTEMPTING

    ended, _ = drive([Interrupt(*HERE, PROCESS_ENDED)], state=state)

    assert ended.phase is Phase.FAILED
    assert ended.error is not None
    assert ended.error.code == "STEP_INTERRUPTED"


def test_attempt_that_waits_for_another_mission_says_so_once() -> None:
    """The record names the other mission, belongs to the attempt, and changes nothing that is to be done."""
    state = state_in(Phase.ATTEMPTING)
    records = answer(DEFINITION, state, StandBy(*HERE, "y"), NOW, has_slot=False)
    (record,) = records
    assert (record.type, record.event_name, record.attempt_number) == (T.STEP_WAITING, "start", 1)
    assert record.details == {"mission_id": "y"}

    standing_by = fold(state, records)

    assert next_actions(DEFINITION, standing_by) == next_actions(DEFINITION, state)
    assert answer(DEFINITION, standing_by, StandBy(*HERE, "z"), NOW, has_slot=False) == ()


def test_end_of_the_process_does_not_count_where_the_attempt_waited_for_another_mission() -> None:
    """However often it happens, it fails nothing, and leaves the count of other ends as it is."""
    state, _ = drive([*WORKING, Interrupt(*HERE, PROCESS_ENDED)])
    assert state.interruptions == 1

    state, records = drive([StandBy(*HERE, "y"), Interrupt(*HERE, PROCESS_ENDED)] * 12, state=state)

    assert types(records) == [T.STEP_WAITING, T.STEP_INTERRUPTED, T.STEP_STARTED] * 12
    assert (state.phase, state.attempt_number, state.interruptions) == (Phase.ATTEMPTING, 14, 1)
    assert drive([Interrupt(*HERE, PROCESS_ENDED)], state=state)[0].phase is Phase.FAILED


def test_end_of_the_process_that_does_not_count_fails_no_mission_under_a_stricter_policy() -> None:
    """A policy that was changed to fewer ends than there were meanwhile is for the next one that counts."""
    state, _ = drive([*WORKING, Interrupt(*HERE, PROCESS_ENDED), StandBy(*HERE, "y")])
    policy = RetryPolicy(max_interruptions=1)
    stricter = m.define("it").start(input=int, run=run).step("work", run, retry=policy).end()

    assert drive([Interrupt(*HERE, PROCESS_ENDED)], stricter, state)[0].phase is Phase.ATTEMPTING


def test_times_never_decrease_and_due_times_are_not_stretched() -> None:
    """With the clock set back, `at` stays where it was, and what is scheduled counts from the clock."""
    state = state_in(Phase.AWAITING)

    records = answer(DEFINITION, state, Receive("go", 1), after(-3600), has_slot=True)

    assert {record.at for record in records} == {NOW}
    assert records[-1].details["due_at"] == after(-3570).isoformat(timespec="microseconds")


def test_due_time_beyond_all_times_is_kept_in_bounds() -> None:
    """A thousand years from the end of the calendar are still a date."""
    definition = m.define("it").start(input=int, run=run).sleep("nap", timedelta(days=365_000)).end()

    state, _ = drive([START, Succeed(*HERE, 1)], definition, now=datetime(9990, 1, 1, tzinfo=UTC))

    assert state.waiting is not None
    assert next_actions(definition, state) != ()


def test_cancelling_works_without_a_definition() -> None:
    """A mission whose definition is gone can still be ended, wherever it stands."""
    for phase in (Phase.DELAYED, Phase.READY, Phase.ATTEMPTING, Phase.AWAITING, Phase.SLEEPING, Phase.BACKING_OFF):
        state = state_in(phase)
        assert (
            fold(state, answer(None, state, Cancel(None, at_once=True), NOW, has_slot=False)).phase is Phase.CANCELLED
        )


def test_first_reason_to_cancel_stays() -> None:
    """A second request adds nothing to the first."""
    state, _ = drive([START, Cancel("first", at_once=False)])

    assert answer(DEFINITION, state, Cancel("second", at_once=False), NOW, has_slot=True) == ()
    assert state.ending.cancellation == "first"


def test_definition_is_named_where_it_changes() -> None:
    """The first step-started under another fingerprint carries it, and no other does."""
    other = m.define("it").start(input=int, run=run, timeout=5).step("work", run, retry=BACKOFF).end()
    state, records = drive([START])
    assert "definition" not in records[-1].details

    changed, moved = drive([Succeed(*HERE, 1), failing(delay=0)], other, state)

    assert [record.details.get("definition") for record in moved if record.type is T.STEP_STARTED] == [
        other.fingerprint,
        None,
    ]
    assert (changed.origin.created_with, changed.last_run) == (DEFINITION.fingerprint, other.fingerprint)


# Histories

NODES: list[Callable[[Any, str], Any]] = [
    lambda builder, name: builder.step(name, run, retry=RetryPolicy(max_attempts=2, initial_interval=1)),
    lambda builder, name: builder.step(name, run, retry=RetryPolicy(max_attempts=3, max_interruptions=2)),
    lambda builder, name: builder.need_to(name, int, timeout=60),
    lambda builder, name: builder.need_to(name, int),
    lambda builder, name: builder.sleep(name, 5),
    lambda builder, name: builder.sleep(name, 0),
]


unhurried = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes depends on the machine, and is nobody's promise. Every run has the same examples."""


def outcomes(action: Action | None) -> list[Command]:
    """Return what the world may answer to an action."""
    common: list[Command] = [Cancel("enough", at_once=True), Cancel(None, at_once=False), Update("change", 1, 2)]
    if isinstance(action, RunAttempt):
        fails = [failing(), failing(is_retryable=False), failing(delay=0), failing(delay=5)]
        return [Succeed(*HERE, {"n": 1}), *fails, Interrupt(*HERE, "closed"), Interrupt(*HERE, PROCESS_ENDED), *common]
    if isinstance(action, BeginStep):
        return [Proceed(), *common]
    if isinstance(action, AwaitSignal):
        return [Receive(action.instance, 7), Elapse(), *common]
    if isinstance(action, AwaitTime):
        return [Elapse(), *common]
    return [FinishCancel()]


@st.composite
def walks(draw: st.DrawFn) -> tuple[MissionDefinition[Any], list[tuple[HistoryRecord, ...]]]:
    """Draw a definition and what a mission of it might be told: its commits, in order."""
    builder: Any = m.define("it").start(input=int, run=run)
    for number, node in enumerate(draw(st.lists(st.sampled_from(NODES), max_size=5))):
        builder = node(builder, f"n{number}")
    definition: MissionDefinition[Any] = builder.end()
    start_at = draw(st.sampled_from([None, after(10)]))
    state, now, commits = NEW, NOW, list[tuple[HistoryRecord, ...]]()
    commands: list[Command] = [Start("it", {"n": 1}, start_at)]
    while commands and len(commits) < 30:
        command = draw(st.sampled_from(commands))
        now += timedelta(seconds=draw(st.sampled_from([-3, 0, 1, 70])))
        records = answer(definition, state, command, now, has_slot=draw(st.booleans()) or isinstance(command, Proceed))
        if records:
            commits.append(records)
            state = fold(state, records)
        action = next(iter(next_actions(definition, state)), None)
        commands = [] if state.is_terminal else outcomes(action)
    return definition, commits


@unhurried
@given(walks())
def test_fold_is_evolve_one_by_one(walk: tuple[MissionDefinition[Any], list[tuple[HistoryRecord, ...]]]) -> None:
    """Loading a history in one go, record by record, or commit by commit, gives the same state."""
    _, commits = walk
    history = [record for records in commits for record in records]

    whole = fold(NEW, history)

    assert reduce(evolve, history, NEW) == whole
    assert reduce(fold, commits, NEW) == whole
    assert load("x", history) == whole
    assert State(mission_id="x") == NEW


@unhurried
@given(walks())
def test_histories_are_gapless_and_ordered(
    walk: tuple[MissionDefinition[Any], list[tuple[HistoryRecord, ...]]],
) -> None:
    """`seq` counts from 1 without a gap, `at` never decreases, and a terminal record is the last one."""
    _, commits = walk
    history = [record for records in commits for record in records]

    assert [record.seq for record in history] == list(range(1, len(history) + 1))
    assert all(earlier.at <= later.at for earlier, later in pairwise(history))
    terminal = {T.MISSION_COMPLETED, T.MISSION_FAILED, T.MISSION_CANCELLED}
    assert [record.seq for record in history if record.type in terminal] in ([], [len(history)])


@unhurried
@given(walks())
def test_state_after_any_commit_says_what_comes_next(
    walk: tuple[MissionDefinition[Any], list[tuple[HistoryRecord, ...]]],
) -> None:
    """Wherever a process ends, what it left is a mission with one thing to do, or one that has ended."""
    definition, commits = walk
    state = NEW
    for records in commits:
        state = fold(state, records)
        assert len(next_actions(definition, state)) == (0 if state.is_terminal else 1)
        assert (state.waiting is not None) is (state.status is MissionStatus.WAITING)


@unhurried
@given(walks(), st.data())
def test_states_that_were_handed_out_do_not_change(
    walk: tuple[MissionDefinition[Any], list[tuple[HistoryRecord, ...]]], data: st.DataObject
) -> None:
    """A state stays as it is while later ones are folded from it, twice even."""
    _, commits = walk
    cut = data.draw(st.integers(0, len(commits)))
    early = reduce(fold, commits[:cut], NEW)
    before = copy.deepcopy(early)

    first, second = reduce(fold, commits[cut:], early), reduce(fold, commits[cut:], early)

    assert first == second
    assert early == before


# Histories that do not fold

HISTORY = drive([*WORKING, failing(), Elapse(), Succeed(*HERE, 2), Receive("go", 3), Elapse()])[1]


def changed(index: int, **changes: Any) -> list[HistoryRecord]:
    records = list(HISTORY)
    records[index] = attrs.evolve(records[index], **changes)
    return records


def without(index: int, key: str) -> list[HistoryRecord]:
    return changed(index, details={name: value for name, value in HISTORY[index].details.items() if name != key})


def at(kind: HistoryType) -> int:
    return next(index for index, record in enumerate(HISTORY) if record.type is kind)


CORRUPT: dict[str, list[HistoryRecord]] = {
    "no beginning": list(HISTORY[1:]),
    "a gap": [*HISTORY[:3], *HISTORY[4:]],
    "a repetition": [*HISTORY[:3], HISTORY[2], *HISTORY[3:]],
    "another order": [HISTORY[0], HISTORY[2], HISTORY[1], *HISTORY[3:]],
    "more after the end": [*HISTORY, attrs.evolve(HISTORY[-1], seq=len(HISTORY) + 1)],
    "two beginnings": changed(1, type=T.MISSION_CREATED, details=HISTORY[0].details),
    "an attempt too many": changed(2, attempt_number=2),
    "no attempt": changed(2, attempt_number=None),
    "another attempt's end": changed(3, attempt_number=2),
    "another step's end": changed(3, event_name="work"),
    "another step's wait": changed(3, type=T.STEP_WAITING, event_name="work"),
    "another signal": changed(at(T.SIGNAL_RECEIVED), event_name="stop"),
    "another timer": changed(at(T.TIMER_FIRED), event_name="nap"),
    "no input": without(0, "input"),
    "no name": without(0, "mission_name"),
    "no output": without(3, "output"),
    "no due time": without(at(T.TIMER_SCHEDULED), "due_at"),
    "an unreadable due time": changed(at(T.TIMER_SCHEDULED), details={"node_index": 3, "due_at": "soon"}),
    "a due time that is a number": changed(at(T.TIMER_SCHEDULED), details={"node_index": 3, "due_at": 5}),
    "a naive due time": changed(at(T.TIMER_SCHEDULED), details={"node_index": 3, "due_at": "2024-02-29T12:00:00"}),
    "no payload": without(at(T.SIGNAL_RECEIVED), "payload"),
}


def test_uncorrupted_history_folds() -> None:
    """The history that the next test breaks is whole."""
    assert load("x", HISTORY).phase is Phase.COMPLETED


@pytest.mark.parametrize("kind", CORRUPT)
def test_corrupt_history_is_refused_with_its_mission(kind: str) -> None:
    """What no mission can have lived through raises `CorruptMissionError`, which names it and what to do."""
    with pytest.raises(CorruptMissionError, match=r"(?s)'x'.*does not fold.*backup"):
        load("x", CORRUPT[kind])
