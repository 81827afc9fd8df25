"""Whatever a mission is made of, whatever is asked of it and wherever it is cut off: its history says it all (R3).

The machine is driven here without an engine, as another shell would: decide, fold, ask what is next. The engine is
driven on a clock that tests move. Both meet random definitions and random crashes, and both are held against a run
of the same mission that nothing interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mission_control.core import (
    Commander,
    HistoryRecord,
    MissionContext,
    MissionControlError,
    MissionDefinition,
    MissionHandle,
    MissionStatus,
    NonRetryableError,
    RetryPolicy,
    SignalWait,
    m,
)
from mission_control.core.history.records import MissionFailure
from mission_control.core.machine import (
    PROCESS_ENDED,
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
)
from mission_control.testing import FakeClock
from storages import Crashing, Kept, OpenCommander, memory_adapter_factory

EPOCH = datetime(2024, 2, 29, tzinfo=UTC)
MISSION = "mission"

HERE = ("", 0)
"""Stands for the attempt that is on record."""

BOUNDED = settings(
    max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


# What a mission is made of, and how its world behaves


@attrs.frozen
class Plan:
    """One node, and what becomes of it: `failures` before success, or the wait's signal, or none in time."""

    kind: Literal["step", "need_to", "sleep"]
    failures: int = 0
    most: int | None = None
    interval: float = 0.0
    is_hopeless: bool = False
    duration: float = 0.0
    is_late: bool = False

    @property
    def policy(self) -> RetryPolicy:
        return RetryPolicy(max_attempts=self.most, initial_interval=self.interval, max_interruptions=1_000)


steps = st.builds(
    Plan,
    kind=st.just("step"),
    failures=st.integers(0, 3),
    most=st.sampled_from([None, 1, 2, 4]),
    interval=st.sampled_from([0.0, 30.0]),
    is_hopeless=st.booleans(),
)
waits = st.builds(
    Plan,
    kind=st.just("need_to"),
    duration=st.sampled_from([0.0, 60.0]),
    is_late=st.integers(0, 5).map(lambda n: n == 0),
)
sleeps = st.builds(Plan, kind=st.just("sleep"), duration=st.sampled_from([0.0, 45.0]))
plans = st.lists(st.one_of(steps, waits, sleeps), min_size=1, max_size=6).map(tuple)

Run = Callable[[MissionContext[Any]], object]


def define(plan: Sequence[Plan], run: Callable[[int, Plan], Run]) -> MissionDefinition[Any]:
    """Return the definition of the plan; `run` gives the code of its steps, the start being step -1."""
    start = Plan(kind="step")
    builder = m.define("planned").update("note", Any, _note).start(input=Any, run=run(-1, start))
    for index, node in enumerate(plan):
        name = f"{node.kind}-{index}"
        if node.kind == "step":
            builder = builder.step(name, run(index, node), retry=node.policy)
        elif node.kind == "need_to":
            builder = builder.need_to(name, Any, timeout=node.duration or None)
        else:
            builder = builder.sleep(name, node.duration)
    return builder.end()


def _note(ctx: MissionContext[Any], text: Any) -> Any:
    return text


_PASSING = ("next", "due_at", "timeout_at", "definition")
"""Details of a record that depend on when it was made, and by which process."""


def essence(history: Sequence[HistoryRecord]) -> list[tuple[Any, ...]]:
    """Return what happened, without what a crash may add: attempts that did not survive it, and their numbers."""
    told = [record for record in history if record.type not in ("step-interrupted", "step-waiting", "mission-update")]
    kept: list[tuple[Any, ...]] = []
    for record in told:
        details = {key: value for key, value in record.details.items() if key not in _PASSING}
        one = (record.type.value, record.event_name, json.dumps(_untraced(details), sort_keys=True))
        if record.type == "step-started" and kept and kept[-1] == one:
            continue  # the attempt before it was interrupted
        kept.append(one)
    return kept


def _untraced(details: dict[str, Any]) -> dict[str, Any]:
    error = details.get("error")
    if error is None:
        return details
    return {**details, "error": {"message": error["message"].partition(" until ")[0], "code": error["code"]}}


def check_history(state: State, history: Sequence[HistoryRecord]) -> None:
    """Check what is true of every mission at every moment."""
    assert [record.seq for record in history] == list(range(1, len(history) + 1))
    assert all(before.at <= after.at for before, after in pairwise(history))
    assert facts(load(state.mission_id, stored(history))) == facts(state)
    check_steps(history)
    assert (state.waiting is not None) == (state.status is MissionStatus.WAITING)


def check_steps(history: Sequence[HistoryRecord]) -> None:
    """Check that attempts are numbered one after another, and that none follows a success."""
    attempts: dict[str | None, list[int | None]] = {}
    succeeded: set[str | None] = set()
    for record in history:
        if record.type == "step-started":
            assert record.event_name not in succeeded
            attempts.setdefault(record.event_name, []).append(record.attempt_number)
        elif record.type == "step-succeeded":
            succeeded.add(record.event_name)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in attempts.values())


def facts(state: State) -> dict[str, Any]:
    """Return everything that a state says, comparable."""
    return {**{field.name: getattr(state, field.name) for field in attrs.fields(State)}, "events": dict(state.events)}


def stored(history: Sequence[HistoryRecord]) -> tuple[HistoryRecord, ...]:
    """Return the history as storage gives it back: through its JSON text."""
    return tuple(HistoryRecord.from_dict(json.loads(json.dumps(record.to_dict(exact=True)))) for record in history)


# The machine, without an engine


@attrs.define
class Machine:
    """Drives the machine: what it asks for is done as the plan says, and a crash is a fold of what was stored."""

    plan: Sequence[Plan]
    definition: MissionDefinition[Any]
    now: datetime = EPOCH
    state: State = attrs.field(factory=lambda: State(mission_id=MISSION))
    history: list[HistoryRecord] = attrs.field(factory=list[HistoryRecord])

    def tell(self, command: Command, *, has_slot: bool = True) -> None:
        """Decide and fold. A command that is refused changes nothing."""
        before = facts(self.state)
        if isinstance(command, Succeed | Fail | Interrupt | StandBy):
            command = attrs.evolve(command, instance=self.state.cursor or "", number=self.state.attempt_number)
        try:
            slots = 1 if has_slot else None
            records = decide(self.definition, self.state, (command,), self.now, slots=slots).records
        finally:
            assert facts(self.state) == before
        one_by_one = self.state
        for record in records:
            one_by_one = evolve(one_by_one, record)
        self.state = fold(self.state, records)
        assert facts(one_by_one) == facts(self.state)
        self.history += records
        check_history(self.state, self.history)

    def crash(self) -> None:
        """Lose everything but what is stored; an attempt that was running has no end."""
        self.state = load(MISSION, stored(self.history))
        if self.state.is_terminal or self.state.is_cancelling:
            return
        if any(isinstance(action, RunAttempt) for action in self.actions()):
            self.tell(Interrupt(*HERE, PROCESS_ENDED))

    def actions(self) -> tuple[Action, ...]:
        return next_actions(self.definition, self.state)

    def advance(self, *, has_slot: bool) -> bool:
        """Do what the machine asks for; False where the mission has ended."""
        for action in self.actions():
            self.tell(self._answer(action), has_slot=has_slot)
            return True
        return False

    def _answer(self, action: Action) -> Command:
        if isinstance(action, RunAttempt):
            return self._outcome(action)
        if isinstance(action, BeginStep):
            return Proceed()
        if isinstance(action, StopForGood):
            return FinishCancel()
        if isinstance(action, AwaitTime):
            self.now = max(self.now, action.due_at)
            return Elapse()
        assert isinstance(action, AwaitSignal)  # a mission of one line has no others
        if action.timeout_at is not None and self.plan[_index(action.instance)].is_late:
            self.now = max(self.now, action.timeout_at)
            return Elapse()
        return Receive(action.instance, [action.instance])

    def _outcome(self, action: RunAttempt) -> Command:
        node = Plan(kind="step") if action.instance == "start" else self.plan[_index(action.instance)]
        if self.state.failures < node.failures:
            failure = MissionFailure(message="no", at=self.now, code="STEP_FAILED")
            return Fail(*HERE, failure, is_retryable=not node.is_hopeless, delay=None, chance=0.0)
        return Succeed(*HERE, {"of": action.instance})


def _index(name: str) -> int:
    return int(name.rsplit("-", 1)[1])


def _unused(index: int, node: Plan) -> Run:
    return lambda ctx: None


def machine(plan: Sequence[Plan]) -> Machine:
    """Return a machine whose mission has just been accepted."""
    driven = Machine(plan, define(plan, _unused))
    driven.tell(Start("planned", {"plan": len(plan)}, None))
    return driven


def uninterrupted(plan: Sequence[Plan]) -> Machine:
    """Return a machine whose mission went to its end without a crash."""
    driven = machine(plan)
    while driven.advance(has_slot=True):
        pass
    return driven


Move = Literal["on", "on without a slot", "crash", "wait", "update", "stand by"]
moves: st.SearchStrategy[list[Move]] = st.lists(
    st.sampled_from(["on", "on", "on without a slot", "crash", "wait", "update", "stand by"]), max_size=40
)


@BOUNDED
@given(plan=plans, script=moves)
def test_recovered_mission_comes_to_the_same_end_as_one_that_nothing_interrupted(
    plan: tuple[Plan, ...], script: list[Move]
) -> None:
    """Crashes between any two commands change nothing but the attempts that they cut off."""
    driven = machine(plan)
    for move in script:
        if move == "crash":
            driven.crash()
        elif move == "wait":
            driven.now += timedelta(seconds=1)
        elif move == "update":
            with contextlib.suppress(MissionControlError):
                driven.tell(Update("note", 1, 2))
        elif move == "stand by":
            with contextlib.suppress(MissionControlError):
                driven.tell(StandBy(*HERE, "another"))
        else:
            driven.advance(has_slot=move == "on")
    while driven.advance(has_slot=True):
        driven.crash()

    expected = uninterrupted(plan)
    assert essence(driven.history) == essence(expected.history)
    assert (driven.state.status, driven.state.output) == (expected.state.status, expected.state.output)
    assert {name: event for name, event in driven.state.events.items() if name != "note"} == dict(expected.state.events)


FAILURE = MissionFailure(message="no", at=EPOCH, code="STEP_FAILED")
COMMANDS: tuple[Command, ...] = (
    Proceed(),
    Succeed(*HERE, "out of turn"),
    Fail(*HERE, FAILURE, is_retryable=True, delay=5.0, chance=0.5),
    Interrupt(*HERE, PROCESS_ENDED),
    Interrupt(*HERE, "closed"),
    StandBy(*HERE, "another"),
    Elapse(),
    Receive("need_to-0", 1),
    Receive("need_to-1", 1),
    Receive("nobody", 1),
    Update("note", 1, 2),
    Cancel("enough", at_once=True),
    Cancel(None, at_once=False),
)


@BOUNDED
@given(
    plan=plans,
    script=st.lists(st.tuples(st.sampled_from(COMMANDS), st.booleans(), st.sampled_from([-3600, 0, 50])), max_size=30),
)
def test_any_command_at_any_time_is_refused_or_leaves_a_history_that_folds(
    plan: tuple[Plan, ...], script: list[tuple[Command, bool, int]]
) -> None:
    """Commands in any order, from a clock that goes either way, never make a history that does not fold."""
    driven = machine(plan)
    for command, has_slot, step in script:
        driven.now += timedelta(seconds=step)
        with contextlib.suppress(MissionControlError):
            driven.tell(command, has_slot=has_slot)
    ended = driven.state.is_terminal
    length = len(driven.history)
    while driven.advance(has_slot=True):
        driven.crash()

    assert driven.state.is_terminal
    assert not ended or len(driven.history) == length


@BOUNDED
@given(plan=plans, cut=st.integers(1, 200))
def test_every_beginning_of_a_history_folds(plan: tuple[Plan, ...], cut: int) -> None:
    """A history that is cut after any record folds to the state that the mission had there."""
    history = uninterrupted(plan).history[:cut]

    state = State(mission_id=MISSION)
    for record in history:
        state = evolve(state, record)
        assert state.version == record.seq
    assert facts(load(MISSION, stored(history))) == facts(state)


# The engine, on a clock that is moved


@attrs.define
class Life:
    """What one process knows: how often each step has failed, as far as its history told when the process began."""

    plan: Sequence[Plan]
    failures: Counter[str] = attrs.field(factory=Counter[str])

    def run(self, index: int, node: Plan) -> Run:
        def step_on_thread(ctx: MissionContext[Any]) -> dict[str, str]:
            if self.failures[ctx.step_name] < node.failures:
                self.failures[ctx.step_name] += 1
                raise NonRetryableError("no") if node.is_hopeless else ValueError("no")
            return {"of": ctx.step_name}

        async def step(ctx: MissionContext[Any]) -> dict[str, str]:
            return step_on_thread(ctx)

        return step_on_thread if index % 4 == 3 else step


@attrs.define
class World:
    """Runs one mission by its plan, over as many processes as it takes."""

    plan: Sequence[Plan]
    clock: FakeClock = attrs.field(factory=lambda: FakeClock(EPOCH))

    async def live(self, crashes: Sequence[tuple[int, bool]]) -> tuple[HistoryRecord, ...]:
        """Run the mission to its end, and return its history."""
        opener = OpenCommander(memory_adapter_factory(), self.clock)
        life = Life(self.plan)
        try:
            for at, after in crashes:
                if await self._live_and_die(opener, define(self.plan, life.run), at, after=after):
                    life = Life(self.plan, await self._failures(opener))
            definition = define(self.plan, life.run)
            return await self._see_to_the_end(await opener([definition]), definition)
        finally:
            await opener.close()

    async def _live_and_die(
        self, opener: OpenCommander, definition: MissionDefinition[Any], at: int, *, after: bool
    ) -> bool:
        """Run the mission until the process dies at its commit `at`; False where the mission ends before that."""
        storage = Kept(lambda inner: Crashing(inner, at, after=after))
        commander = await opener([definition], wrap=storage)
        living = asyncio.create_task(self._see_to_the_end(commander, definition))
        death = asyncio.create_task(storage.adapter.died.wait())
        await asyncio.wait([living, death], return_when=asyncio.FIRST_COMPLETED)
        has_died = death.done()
        for task in (living, death):
            task.cancel()
        await asyncio.gather(living, death, return_exceptions=True)
        if has_died:
            await opener.crash()
        else:
            living.result()  # raises what went wrong
        return has_died

    async def _failures(self, opener: OpenCommander) -> Counter[str]:
        commander = await opener()
        inspection = await commander.inspect_mission(MISSION)
        history = () if inspection is None else inspection.history
        return Counter(record.event_name or "" for record in history if record.type == "step-failed")

    async def _see_to_the_end(
        self, commander: Commander, definition: MissionDefinition[Any]
    ) -> tuple[HistoryRecord, ...]:
        plan = {"plan": len(self.plan)}
        mission = await commander.start(definition, plan, mission_id=MISSION, if_exists="return", wait=False)
        while True:
            await commander.settled()
            snapshot = await mission.snapshot()
            if snapshot.status.is_terminal:
                return await mission.history()
            await self._move(mission, snapshot.waiting)

    async def _move(self, mission: MissionHandle[Any], waiting: object) -> None:
        """Let come what the mission waits for: the signal, or time."""
        if isinstance(waiting, SignalWait) and not self._is_late(waiting):
            await mission.signal(waiting.event_name, [waiting.event_name], wait=False)
        else:
            await self.clock.advance(30)

    def _is_late(self, waiting: SignalWait) -> bool:
        return waiting.timeout_at is not None and self.plan[_index(waiting.event_name)].is_late


lives = st.lists(st.tuples(st.integers(1, 14), st.booleans()), min_size=1, max_size=4)


@settings(BOUNDED, max_examples=60)
@given(plan=plans, crashes=lives)
def test_engine_that_dies_at_any_commit_brings_its_mission_to_the_same_end(
    plan: tuple[Plan, ...], crashes: list[tuple[int, bool]]
) -> None:
    """A process may die before or after any commit: the next one goes on, and the history tells the same story."""
    history = asyncio.run(World(plan).live(crashes))

    expected = uninterrupted(plan)
    assert essence(history) == essence(expected.history)
    check_history(load(MISSION, history), history)
    assert load(MISSION, history).output == expected.state.output
