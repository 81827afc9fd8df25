"""Rules 5 to 9: how user code is called, and what becomes of what it raises, of its process and of its time."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import math
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    Commander,
    CommitOutcome,
    HistoryType,
    MissionCommit,
    MissionContext,
    MissionDefinition,
    MissionFailedError,
    MissionFailure,
    MissionHandle,
    MissionStatus,
    NonRetryableError,
    PersistenceAdapter,
    RetryAfterError,
    RetryPolicy,
    RetryWait,
    StepAttempt,
    create_commander,
    m,
)
from mission_control.testing import FakeClock
from storages import Forwarding, OpenCommander

T = HistoryType

Step = Callable[[MissionContext[int]], object]


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


def one_step(
    run: Step, *, retry: RetryPolicy | None = None, timeout: timedelta | float | None = None
) -> MissionDefinition[int]:
    """Return a mission whose one step, `work`, is `run`."""
    return m.define("one").start(input=int, run=begin).step("work", run, retry=retry, timeout=timeout).end()


async def failure_of(mission: MissionHandle[Any]) -> MissionFailure:
    error = (await mission.result()).error
    assert error is not None
    return error


async def attempts_of(mission: MissionHandle[Any], step: str = "work") -> list[StepAttempt]:
    return [attempt for attempt in (await mission.inspect()).step_attempts if attempt.step_name == step]


async def found(commander: Commander, mission_id: str = "x") -> MissionHandle[Any]:
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    return mission


class Commits(Forwarding):
    """Storage that notes what was committed together."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.batches: list[list[tuple[HistoryType, str | None]]] = []

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.batches.append([(record.type, record.event_name) for member in batch for record in member.records])
        return await super().commit(batch)


class Flaky:
    """A step that raises `error` until its attempt `succeeds_at`, and notes its attempts."""

    def __init__(self, error: Callable[[], BaseException], succeeds_at: int = 1_000) -> None:
        self.error = error
        self.succeeds_at = succeeds_at
        self.attempts: list[int] = []

    async def __call__(self, ctx: MissionContext[int]) -> str:
        self.attempts.append(ctx.attempt)
        if ctx.attempt < self.succeeds_at:
            raise self.error()
        return "done"


# 5. On record before it runs, and after


async def test_attempt_is_on_record_before_user_code_runs(open_commander: OpenCommander) -> None:
    """What a step can read of its own mission says that its attempt is running."""
    seen: list[tuple[HistoryType, str | None, int | None]] = []

    async def look(ctx: MissionContext[int]) -> None:
        inspection = await commander.inspect_mission(ctx.mission_id)
        assert inspection is not None
        last = inspection.history[-1]
        seen.append((last.type, last.event_name, last.attempt_number))

    definition = one_step(look)
    commander = await open_commander([definition])

    await commander.start(definition, 5)

    assert seen == [(T.STEP_STARTED, "work", 1)]


async def test_success_and_the_next_attempt_are_one_commit(open_commander: OpenCommander) -> None:
    """A mission of three steps is one commit to begin with, and one more for each step."""
    commits: list[Commits] = []

    def wrap(adapter: PersistenceAdapter) -> PersistenceAdapter:
        commits.append(Commits(adapter))
        return commits[0]

    definition = m.define("three").start(input=int, run=begin).step("a", begin).step("b", begin).end()
    commander = await open_commander([definition], wrap=wrap)

    await commander.start(definition, 5)

    assert commits[0].batches == [
        [(T.MISSION_CREATED, None), (T.MISSION_STARTED, None), (T.STEP_STARTED, "start")],
        [(T.STEP_SUCCEEDED, "start"), (T.STEP_STARTED, "a")],
        [(T.STEP_SUCCEEDED, "a"), (T.STEP_STARTED, "b")],
        [(T.STEP_SUCCEEDED, "b"), (T.MISSION_COMPLETED, None)],
    ]


async def test_failure_and_what_follows_are_one_commit(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A failed attempt is committed with its backoff, its next attempt, or the mission's end."""
    commits: list[Commits] = []

    def wrap(adapter: PersistenceAdapter) -> PersistenceAdapter:
        commits.append(Commits(adapter))
        return commits[0]

    at_once, later = RetryPolicy(max_attempts=2), RetryPolicy(max_attempts=2, initial_interval=5)
    definition = (
        m.define("two")
        .start(input=int, run=begin)
        .step("at-once", Flaky(ValueError, succeeds_at=2), retry=at_once)
        .step("later", Flaky(ValueError), retry=later)
        .end()
    )
    commander = await open_commander([definition], wrap=wrap)
    await commander.start(definition, 5)
    await fake_clock.advance(5)

    assert commits[0].batches[2:] == [
        [(T.STEP_FAILED, "at-once"), (T.STEP_STARTED, "at-once")],
        [(T.STEP_SUCCEEDED, "at-once"), (T.STEP_STARTED, "later")],
        [(T.STEP_FAILED, "later"), (T.STEP_RETRY_SCHEDULED, "later")],
        [(T.TIMER_FIRED, "later"), (T.STEP_STARTED, "later")],
        [(T.STEP_FAILED, "later"), (T.MISSION_FAILED, "later")],
    ]


# 6. At least once, and never again


async def test_step_whose_outcome_was_lost_runs_again(open_commander: OpenCommander) -> None:
    """A process that ends between the side effect and its commit has the next one do it again, under a new number."""
    side_effects: list[int] = []
    keys: set[str] = set()
    first = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        side_effects.append(ctx.attempt)
        keys.add(ctx.idempotency_key)
        if ctx.attempt == 1:
            first.set()
            await asyncio.Event().wait()
        return "done"

    definition = one_step(work)
    await (await open_commander([definition])).start(definition, 5, mission_id="x", wait=False)
    await first.wait()
    await open_commander.crash()

    mission = await found(await open_commander([definition]))

    assert await mission.output() == "done"
    assert side_effects == [1, 2]
    assert keys == {"x:work"}


async def test_completed_step_never_runs_again(open_commander: OpenCommander) -> None:
    """Whatever happens to the processes after a step has succeeded, its code does not run a second time."""
    runs: list[str] = []
    entered = asyncio.Event()

    def first(ctx: MissionContext[int]) -> str:
        runs.append("first")
        return "first"

    async def second(ctx: MissionContext[int]) -> str:
        runs.append("second")
        entered.set()
        if len(runs) < 5:
            await asyncio.Event().wait()
        return ctx.output(first) + "!"

    definition = m.define("two").start(input=int, run=begin).step("first", first).step("second", second).end()
    await (await open_commander([definition])).start(definition, 5, mission_id="x", wait=False)
    for _ in range(3):
        await entered.wait()
        entered.clear()
        await open_commander.crash()
        await open_commander([definition])
    mission = await found(await open_commander([definition]))

    assert await mission.output() == "first!"
    assert runs.count("first") == 1


# 7. Failures


@pytest.mark.parametrize(("max_attempts", "runs"), [(1, 1), (2, 2), (5, 5)])
async def test_failure_is_retried_while_attempts_remain(
    open_commander: OpenCommander, max_attempts: int, runs: int
) -> None:
    """`max_attempts` failures end the mission, no more and no fewer."""
    step = Flaky(lambda: ValueError("no"))
    definition = one_step(step, retry=RetryPolicy(max_attempts=max_attempts))
    commander = await open_commander([definition])

    with pytest.raises(MissionFailedError):
        await commander.start(definition, 5)

    assert step.attempts == list(range(1, runs + 1))


async def test_step_without_policy_runs_once(open_commander: OpenCommander) -> None:
    """Nothing is retried that was not asked for."""
    step = Flaky(lambda: ValueError("no"))
    definition = one_step(step)
    commander = await open_commander([definition])

    with pytest.raises(MissionFailedError):
        await commander.start(definition, 5)

    assert step.attempts == [1]


async def test_unlimited_attempts(open_commander: OpenCommander) -> None:
    """`max_attempts=None` goes on until it works."""
    step = Flaky(lambda: ValueError("no"), succeeds_at=50)
    definition = one_step(step, retry=RetryPolicy(max_attempts=None))
    commander = await open_commander([definition])

    mission = await commander.start(definition, 5)

    assert await mission.output() == "done"
    assert len(step.attempts) == 50


async def test_mission_fails_with_the_last_error(open_commander: OpenCommander) -> None:
    """Message, type and traceback are those of the last attempt; each attempt keeps its own."""
    errors = iter([ValueError("first"), KeyError("second")])

    async def work(ctx: MissionContext[int]) -> None:
        raise next(errors)

    definition = one_step(work, retry=RetryPolicy(max_attempts=2))
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError) as raised:
        await commander.start(definition, 5, mission_id="x")

    failure = raised.value.failure
    assert (failure.message, failure.type, failure.code) == ("'second'", "KeyError", "STEP_FAILED")
    assert failure.traceback is not None
    assert "raise next(errors)" in failure.traceback
    attempts = await attempts_of(await found(commander))
    assert [attempt.error and attempt.error.message for attempt in attempts] == ["first", "'second'"]
    snapshot = raised.value.snapshot
    assert (snapshot.cursor, snapshot.waiting, snapshot.error) == ("work", None, failure)


async def test_failure_is_the_same_after_a_restart(open_commander: OpenCommander) -> None:
    """A failure is found again as it was, without the exception, which died with its process."""
    definition = one_step(Flaky(lambda: ValueError("no")))
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError) as raised:
        await commander.start(definition, 5, mission_id="x")
    mission = await found(await open_commander([definition]))

    with pytest.raises(MissionFailedError) as again:
        await mission.output()

    assert again.value.failure == raised.value.failure
    assert raised.value.__cause__ is not None
    assert again.value.__cause__ is None


class OutageError(ConnectionError):
    pass


@pytest.mark.parametrize(
    ("policy", "error", "runs"),
    [
        (RetryPolicy(max_attempts=3, retry_on=(ConnectionError,)), OutageError, 3),
        (RetryPolicy(max_attempts=3, retry_on=(ConnectionError,)), ValueError, 1),
        (RetryPolicy(max_attempts=3, retry_on=()), ValueError, 1),
        (RetryPolicy(max_attempts=3, give_up_on=(ConnectionError,)), OutageError, 1),
        (RetryPolicy(max_attempts=3, give_up_on=(OutageError,)), ConnectionError, 3),
        (RetryPolicy(max_attempts=3, retry_on=(OutageError,), give_up_on=(OSError,)), OutageError, 1),
        (RetryPolicy(max_attempts=3, retry_on=(KeyError, OutageError)), OutageError, 3),
        (RetryPolicy(max_attempts=3), NonRetryableError, 1),
        (RetryPolicy(max_attempts=3, retry_on=(NonRetryableError,)), NonRetryableError, 1),
    ],
)
async def test_policy_chooses_what_is_retried(
    open_commander: OpenCommander, policy: RetryPolicy, error: type[Exception], runs: int
) -> None:
    """`retry_on` and `give_up_on` take subclasses with them, giving up wins, and `NonRetryableError` wins over all."""
    step = Flaky(error)
    definition = one_step(step, retry=policy)
    commander = await open_commander([definition])

    mission = await commander.start(definition, 5, wait=False)

    assert (await failure_of(mission)).code == "STEP_FAILED"
    assert len(step.attempts) == runs


async def test_backoff_is_a_durable_wait(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Between two attempts the mission waits for the next one's number and time, and a restart keeps both."""
    step = Flaky(lambda: ValueError("no"), succeeds_at=2)
    definition = one_step(step, retry=RetryPolicy(max_attempts=2, initial_interval=timedelta(hours=1)))
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    due = fake_clock.now() + timedelta(hours=1)
    expected = RetryWait(event_name="work", node_index=1, due_at=due, attempt_number=2)
    assert (await mission.snapshot()).waiting == expected

    await fake_clock.advance(1800)
    await open_commander.crash()
    mission = await found(await open_commander([definition]))
    assert (await mission.snapshot()).waiting == expected
    await fake_clock.advance(1799)
    assert step.attempts == [1]
    await fake_clock.advance(1)

    assert await mission.output() == "done"
    assert step.attempts == [1, 2]
    assert [(timer.kind, timer.event_name, timer.status) for timer in (await mission.inspect()).timers] == [
        ("retry", "work", "completed")
    ]


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(max_attempts=5, initial_interval=10), [10, 10, 10, 10]),
        (RetryPolicy(max_attempts=5, initial_interval=10, backoff_multiplier=2), [10, 20, 40, 80]),
        (RetryPolicy(max_attempts=5, initial_interval=10, backoff_multiplier=2, max_interval=25), [10, 20, 25, 25]),
        (RetryPolicy(max_attempts=3, initial_interval=timedelta(minutes=1), max_interval=timedelta(seconds=5)), [5, 5]),
    ],
)
async def test_backoff_grows_as_the_policy_says(
    open_commander: OpenCommander, fake_clock: FakeClock, policy: RetryPolicy, delays: list[float]
) -> None:
    """The delays before the attempts are the policy's, from the failure on."""
    times: list[float] = []

    async def work(ctx: MissionContext[int]) -> None:
        times.append(fake_clock.now().timestamp())
        raise ValueError("no")

    definition = one_step(work, retry=policy)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await fake_clock.advance(1_000)

    assert (await mission.status()) == MissionStatus.FAILED
    assert [later - earlier for earlier, later in pairwise(times)] == delays


async def test_jitter_only_shortens(open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance takes away at most the fraction `jitter` of a delay, and adds nothing."""
    definition = one_step(
        Flaky(lambda: ValueError("no")), retry=RetryPolicy(max_attempts=2, initial_interval=100, jitter=0.5)
    )
    commander = await open_commander([definition])
    delays: list[float] = []
    for chance in (0.0, 0.5, 1.0):
        monkeypatch.setattr("random.random", functools.partial(float, chance))
        timer = (await (await commander.start(definition, 5)).inspect()).timers[0]
        delays.append((timer.due_at - timer.scheduled_at).total_seconds())

    assert delays == [100, 75, 50]


@pytest.mark.parametrize("delay", [90, 90.0, timedelta(seconds=90)], ids=repr)
async def test_step_sets_its_own_delay(open_commander: OpenCommander, delay: timedelta | float) -> None:
    """`RetryAfterError` replaces the policy's delay, its limit and its jitter, in seconds or as a `timedelta`."""
    policy = RetryPolicy(max_attempts=2, initial_interval=1, max_interval=5, jitter=1)
    definition = one_step(Flaky(lambda: RetryAfterError(delay, "busy")), retry=policy)
    commander = await open_commander([definition])

    inspection = await (await commander.start(definition, 5)).inspect()

    timer = inspection.timers[0]
    assert timer.due_at - timer.scheduled_at == timedelta(seconds=90)
    assert [attempt.error and attempt.error.message for attempt in inspection.step_attempts] == [None, "busy"]


@pytest.mark.parametrize("delay", [0, 0.0, -5, -math.inf, timedelta(0), timedelta(days=-1)], ids=repr)
async def test_own_delay_of_nothing_is_no_wait(open_commander: OpenCommander, delay: timedelta | float) -> None:
    """A delay of zero, or one that lies behind, has the next attempt begin at once."""
    step = Flaky(lambda: RetryAfterError(delay), succeeds_at=2)
    definition = one_step(step, retry=RetryPolicy(max_attempts=2, initial_interval=60))
    commander = await open_commander([definition])

    mission = await commander.start(definition, 5)

    assert await mission.status() == MissionStatus.COMPLETED
    assert (await mission.inspect()).timers == ()


def without_delay() -> RetryAfterError:
    class BareError(RetryAfterError):
        def __init__(self) -> None:
            Exception.__init__(self, "bare")

    return BareError()


def with_broken_delay() -> RetryAfterError:
    class BrokenError(RetryAfterError):
        @property
        def delay(self) -> float:
            raise RuntimeError("broken")

        @delay.setter
        def delay(self, value: object) -> None:
            pass

    return BrokenError(1)


@pytest.mark.parametrize("delay", [math.nan, "soon", None, 1j], ids=repr)
async def test_own_delay_that_makes_no_sense_leaves_the_policys(open_commander: OpenCommander, delay: Any) -> None:
    """A delay that is no duration is ignored, and the policy's is taken."""
    definition = one_step(Flaky(lambda: RetryAfterError(delay)), retry=RetryPolicy(max_attempts=2, initial_interval=60))
    commander = await open_commander([definition])

    timer = (await (await commander.start(definition, 5)).inspect()).timers[0]

    assert timer.due_at - timer.scheduled_at == timedelta(seconds=60)


@pytest.mark.parametrize("error", [without_delay, with_broken_delay])
async def test_own_delay_that_cannot_be_read_leaves_the_policys(
    open_commander: OpenCommander, error: Callable[[], RetryAfterError]
) -> None:
    """A subclass of `RetryAfterError` that has no delay does not take its mission along."""
    definition = one_step(Flaky(error), retry=RetryPolicy(max_attempts=2, initial_interval=60))
    commander = await open_commander([definition])

    timer = (await (await commander.start(definition, 5)).inspect()).timers[0]

    assert timer.due_at - timer.scheduled_at == timedelta(seconds=60)


@pytest.mark.parametrize("delay", [1e300, math.inf, 10**400, timedelta.max], ids=["1e300", "inf", "10**400", "max"])
async def test_own_delay_beyond_all_times_is_a_wait(open_commander: OpenCommander, delay: timedelta | float) -> None:
    """An endless delay is one that can be cancelled, and outlives a restart."""
    definition = one_step(Flaky(lambda: RetryAfterError(delay)), retry=RetryPolicy(max_attempts=2))
    await (await open_commander([definition])).start(definition, 5, mission_id="x")
    commander = await open_commander([definition])
    await commander.settled()

    snapshot = await (await found(commander)).snapshot()

    assert isinstance(snapshot.waiting, RetryWait)
    assert snapshot.waiting.due_at.year > 2900
    assert (await commander.cancel_mission("x")).status == MissionStatus.CANCELLED


async def test_own_delay_does_not_add_attempts(open_commander: OpenCommander) -> None:
    """A `RetryAfterError` counts as a failure like any other; the policy decides whether there is a next attempt."""
    step = Flaky(lambda: RetryAfterError(0))
    definition = one_step(step, retry=RetryPolicy(max_attempts=3))
    commander = await open_commander([definition])

    with pytest.raises(MissionFailedError):
        await commander.start(definition, 5)

    assert step.attempts == [1, 2, 3]


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot say")


class SpeechlessError(Exception):
    def __str__(self) -> str:
        none: Any = None
        return str.__add__("", none)


class Loud(BaseException):
    """Nothing that `except Exception` would catch."""


STRANGE_ERRORS: list[tuple[BaseException, str, str]] = [
    (Loud("very"), "Loud", "very"),
    (GeneratorExit("leaving"), "GeneratorExit", "leaving"),
    (asyncio.CancelledError("by itself"), "CancelledError", ""),
    (StopAsyncIteration("over"), "StopAsyncIteration", "over"),
    (UnspeakableError(), "UnspeakableError", "UnspeakableError"),
    (SpeechlessError(), "SpeechlessError", "SpeechlessError"),
    (ValueError(), "ValueError", "ValueError"),
    (ValueError("\x00\ud800 \U0001f680"), "ValueError", "\x00\ud800 \U0001f680"),
    (ExceptionGroup("several", [ValueError("a"), KeyError("b")]), "ExceptionGroup", "several"),
    (TimeoutError("of its own"), "TimeoutError", "of its own"),
]
"""Errors, with the end of their type and a part of their message."""


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize(("error", "type_", "message"), STRANGE_ERRORS, ids=lambda it: type(it).__name__)
async def test_whatever_user_code_raises_fails_its_step(
    open_commander: OpenCommander, error: BaseException, type_: str, message: str, is_async: bool
) -> None:
    """No exception takes anything along but its own mission, and each is told with its type and message."""

    async def on_the_loop(ctx: MissionContext[int]) -> None:
        raise error

    def on_a_thread(ctx: MissionContext[int]) -> None:
        raise error

    definition = one_step(on_the_loop if is_async else on_a_thread)
    commander = await open_commander([definition])

    async with asyncio.timeout(5):
        failure = await failure_of(await commander.start(definition, 5, mission_id="x", wait=False))

    assert failure.code == "STEP_FAILED"
    assert failure.type is not None
    assert failure.type.endswith(type_)
    assert message in failure.message
    again = await found(await open_commander([definition]))
    assert await failure_of(again) == failure


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_stop_iteration_is_a_failure(open_commander: OpenCommander, is_async: bool) -> None:
    """`StopIteration`, which no future can carry, fails the step as well."""

    async def on_the_loop(ctx: MissionContext[int]) -> object:
        return next(iter(()))

    def on_a_thread(ctx: MissionContext[int]) -> object:
        return next(iter(()))

    definition = one_step(on_the_loop if is_async else on_a_thread)
    commander = await open_commander([definition])

    async with asyncio.timeout(5):
        failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert failure.code == "STEP_FAILED"


async def test_base_exceptions_are_retried_only_where_the_policy_names_them(open_commander: OpenCommander) -> None:
    """`retry_on` is `Exception` unless it says otherwise; it may name any class."""
    plain, named = Flaky(Loud), Flaky(asyncio.CancelledError)
    commander = await open_commander()
    definitions = [
        m.define("plain").start(input=int, run=plain, retry=RetryPolicy(max_attempts=3)).end(),
        m.define("named").start(input=int, run=named, retry=RetryPolicy(max_attempts=3, retry_on=BaseException)).end(),  # type: ignore[arg-type]
    ]
    for definition in definitions:
        await (await commander.start(definition, 5, wait=False)).result()

    assert (len(plain.attempts), len(named.attempts)) == (1, 3)


async def test_message_and_traceback_are_kept_within_bounds(open_commander: OpenCommander) -> None:
    """An error of ten megabytes is recorded with the beginning of its message and the end of its traceback."""
    definition = one_step(Flaky(lambda: ValueError("x" * 10_000_000)))
    commander = await open_commander([definition])

    failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert failure.message.startswith("xxx")
    assert len(failure.message) <= 10_000
    assert len(failure.traceback or "") <= 20_000


async def test_recursion_without_end_is_a_failure(open_commander: OpenCommander) -> None:
    """A step that exhausts the stack fails like any other."""

    def deeper(ctx: MissionContext[int]) -> object:
        return deeper(ctx)

    definition = one_step(deeper)
    commander = await open_commander([definition])

    failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert failure.type == "RecursionError"


async def test_failure_keeps_to_its_own_mission(open_commander: OpenCommander) -> None:
    """Of missions that run at the same time, those fail that fail."""

    async def odd(ctx: MissionContext[int]) -> int:
        await asyncio.sleep(0)
        if ctx.input % 2:
            raise Loud(f"{ctx.input} is odd")
        return ctx.input

    definition = one_step(odd)
    commander = await open_commander([definition])

    missions = [await commander.start(definition, number, wait=False) for number in range(10)]
    ends = [await mission.result() for mission in missions]

    assert [end.status for end in ends] == [MissionStatus.COMPLETED, MissionStatus.FAILED] * 5
    assert [end.error.message for end in ends if end.error] == [f"{number} is odd" for number in range(1, 10, 2)]


async def test_own_timeout_of_a_step_is_an_ordinary_failure(open_commander: OpenCommander) -> None:
    """What `asyncio.timeout` inside a step raises is what the step raised: code STEP_FAILED."""

    async def work(ctx: MissionContext[int]) -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    definition = one_step(work, timeout=60)
    commander = await open_commander([definition])

    failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert (failure.code, failure.type) == ("STEP_FAILED", "TimeoutError")


async def test_awaiting_a_cancelled_task_is_a_failure(open_commander: OpenCommander) -> None:
    """A `CancelledError` out of a task that the step itself started and cancelled fails the step."""

    async def work(ctx: MissionContext[int]) -> None:
        child = asyncio.create_task(asyncio.Event().wait())
        child.cancel()
        await child

    definition = one_step(work)
    commander = await open_commander([definition])

    async with asyncio.timeout(5):
        failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert (failure.code, failure.type) == ("STEP_FAILED", "asyncio.exceptions.CancelledError")


ENDING = """
import asyncio, sys
from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import create_commander, m

def on_a_thread(ctx):
    raise {raised}

async def on_the_loop(ctx):
    raise {raised}

async def main():
    definition = m.define("one").start(input=int, run=lambda ctx: 5).step("work", {step}).end()
    adapter = create_sqlite_persistence_adapter(sys.argv[1])
    async with create_commander(definitions=[definition], persistence=adapter) as commander:
        await commander.start(definition, 5, mission_id="x")

asyncio.run(main())
"""


@pytest.mark.parametrize("step", ["on_the_loop", "on_a_thread"])
@pytest.mark.parametrize("raised", ["SystemExit(7)", "KeyboardInterrupt()"])
def test_what_stops_the_program_stops_it(tmp_path: Path, step: str, raised: str) -> None:
    """A step that raises `SystemExit` or `KeyboardInterrupt` ends the program at once; its mission has not failed."""
    path = tmp_path / "missions.db"
    program = ENDING.format(raised=raised, step=step)

    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, capture_output=True, timeout=4)

    async def look() -> None:
        definition = one_step(lambda ctx: "done")
        adapter = create_sqlite_persistence_adapter(path)
        async with create_commander(definitions=[definition], persistence=adapter) as commander:
            mission = await found(commander)
            assert await mission.output() == "done"
            assert [attempt.status for attempt in await attempts_of(mission)] == ["interrupted", "succeeded"]
            reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
            assert reasons == ["process ended"]

    if raised.startswith("SystemExit"):
        assert done.returncode == 7
    else:
        assert done.returncode != 0
        assert b"KeyboardInterrupt" in done.stderr
    asyncio.run(look())


# How user code is called


class Counter:
    """Code in every form that a step may have."""

    def method(self, ctx: MissionContext[int]) -> str:
        return f"method {ctx.input}"

    async def async_method(self, ctx: MissionContext[int]) -> str:
        return f"async method {ctx.input}"

    @staticmethod
    def static(ctx: MissionContext[int]) -> str:
        return f"static {ctx.input}"

    @classmethod
    async def of_the_class(cls, ctx: MissionContext[int]) -> str:
        return f"class {ctx.input}"


class Called:
    def __call__(self, ctx: MissionContext[int]) -> str:
        return f"called {ctx.input}"


class AsyncCalled:
    async def __call__(self, ctx: MissionContext[int]) -> str:
        return f"async called {ctx.input}"


async def with_more(more: str, ctx: MissionContext[int], *, end: str) -> str:
    return f"{more} {ctx.input}{end}"


def returning_coroutine(ctx: MissionContext[int]) -> Coroutine[Any, Any, str]:
    return with_more("returned", ctx, end=".")


class Promise:
    """An awaitable that is neither a coroutine nor a future."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __await__(self) -> Iterator[Any]:
        yield from asyncio.sleep(0).__await__()
        return self._value


def returning_awaitable(ctx: MissionContext[int]) -> Awaitable[str]:
    promise: Any = Promise(f"promised {ctx.input}")
    return promise


def wrapped(run: Step) -> Step:
    @functools.wraps(run)
    def wrapper(ctx: MissionContext[int]) -> object:
        return run(ctx)

    return wrapper


@pytest.mark.parametrize(
    ("run", "output"),
    [
        (Counter().method, "method 5"),
        (Counter().async_method, "async method 5"),
        (Counter.static, "static 5"),
        (Counter.of_the_class, "class 5"),
        (Called(), "called 5"),
        (AsyncCalled(), "async called 5"),
        (functools.partial(with_more, "partial", end="!"), "partial 5!"),
        (functools.partial(functools.partial(with_more, "nested"), end="?"), "nested 5?"),
        (functools.partial(Called()), "called 5"),
        (returning_coroutine, "returned 5."),
        (returning_awaitable, "promised 5"),
        (lambda ctx: f"lambda {ctx.input}", "lambda 5"),
        (lambda ctx: with_more("lambda", ctx, end="."), "lambda 5."),
        (wrapped(Counter().async_method), "async method 5"),
        (wrapped(Counter.static), "static 5"),
    ],
)
async def test_user_code_of_every_form_is_called(open_commander: OpenCommander, run: Step, output: str) -> None:
    """Functions, methods, partials and callable objects run, sync or async, and what they promise is awaited."""
    definition = one_step(run)
    commander = await open_commander([definition])

    assert await (await commander.start(definition, 5)).output() == output


async def test_synchronous_code_runs_on_a_daemon_thread(open_commander: OpenCommander) -> None:
    """Sync steps run beside the loop, on threads that never keep the program alive; async steps run on the loop."""
    threads: dict[str, threading.Thread] = {}

    def beside(ctx: MissionContext[int]) -> None:
        threads["sync"] = threading.current_thread()

    async def on_it(ctx: MissionContext[int]) -> None:
        threads["async"] = threading.current_thread()

    definition = m.define("two").start(input=int, run=beside).step("on-it", on_it).end()
    commander = await open_commander([definition])

    await commander.start(definition, 5)

    assert threads["sync"].daemon
    assert threads["sync"] is not threading.current_thread()
    assert threads["async"] is threading.current_thread()


async def test_synchronous_code_does_not_block_the_loop(open_commander: OpenCommander) -> None:
    """While a sync step blocks its thread, other missions and queries go on."""
    release = threading.Event()

    def block(ctx: MissionContext[int]) -> str:
        release.wait(5)
        return "done"

    blocking = one_step(block)
    other = m.define("other").start(input=int, run=begin).end()
    commander = await open_commander([blocking, other])
    mission = await commander.start(blocking, 5, wait=False)

    assert await (await commander.start(other, 6)).output() == 6
    assert await mission.status() == MissionStatus.RUNNING
    release.set()
    assert await mission.output() == "done"


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_context_is_that_of_the_commander(open_commander: OpenCommander, is_async: bool) -> None:
    """Steps see context variables as the commander found them, and neither their callers' nor each other's."""
    seen: list[str] = []

    def look(ctx: MissionContext[int]) -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set("from a step")

    async def async_look(ctx: MissionContext[int]) -> None:
        look(ctx)

    run = async_look if is_async else look
    definition = m.define("two").start(input=int, run=run).step("again", run).need_to("go", int).step("on", run).end()
    VARIABLE.set("from the commander")
    commander = await open_commander([definition])
    VARIABLE.set("from a caller")

    mission = await commander.start(definition, 5)
    await mission.signal("go", 1)

    assert seen == ["from the commander"] * 3
    assert VARIABLE.get() == "from a caller"


# 8. Processes that end


async def test_attempt_that_its_process_did_not_survive_is_interrupted(open_commander: OpenCommander) -> None:
    """Ends of the process are on record, take a number each, and cost no attempt of the policy's."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        entered.set()
        if ctx.attempt < 4:
            await asyncio.Event().wait()
        return f"attempt {ctx.attempt}"

    definition = one_step(work, retry=RetryPolicy(max_attempts=1))
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    for _ in range(3):
        await entered.wait()
        entered.clear()
        await open_commander.crash()
        commander = await open_commander([definition])
    mission = await found(commander)

    assert await mission.output() == "attempt 4"
    attempts = await attempts_of(mission)
    assert [(it.attempt_number, it.status) for it in attempts] == [
        (1, "interrupted"),
        (2, "interrupted"),
        (3, "interrupted"),
        (4, "succeeded"),
    ]
    reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
    assert reasons == ["process ended"] * 3


async def test_failures_and_interruptions_are_counted_apart(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Attempt numbers count everything; `max_attempts` and the backoff count failures only."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> None:
        entered.set()
        if ctx.attempt in (1, 3):
            await asyncio.Event().wait()
        raise ValueError("no")

    policy = RetryPolicy(max_attempts=3, initial_interval=10, backoff_multiplier=2)
    definition = one_step(work, retry=policy)
    await (await open_commander([definition])).start(definition, 5, mission_id="x", wait=False)
    await entered.wait()
    entered.clear()
    await open_commander.crash()
    commander = await open_commander([definition])
    await fake_clock.advance(0)
    entered.clear()
    advance = asyncio.create_task(fake_clock.advance(10))
    await entered.wait()
    advance.cancel()
    await asyncio.wait([advance])
    await open_commander.crash()
    commander = await open_commander([definition])
    await fake_clock.advance(20)

    mission = await found(commander)
    assert (await mission.result()).status == MissionStatus.FAILED
    assert [it.status for it in await attempts_of(mission)] == [
        "interrupted",
        "failed",
        "interrupted",
        "failed",
        "failed",
    ]
    timers = [it for it in (await mission.inspect()).timers if it.kind == "retry"]
    assert [(it.due_at - it.scheduled_at).total_seconds() for it in timers] == [10, 20]


async def test_step_that_kills_its_process_does_not_do_so_for_ever(open_commander: OpenCommander) -> None:
    """After `max_interruptions` ends of the process in a row the mission fails, code STEP_INTERRUPTED."""
    entered = asyncio.Event()
    runs: list[int] = []

    async def kill(ctx: MissionContext[int]) -> None:
        runs.append(ctx.attempt)
        entered.set()
        await asyncio.Event().wait()

    definition = one_step(kill, retry=RetryPolicy(max_attempts=None, max_interruptions=3))
    await (await open_commander([definition])).start(definition, 5, mission_id="x", wait=False)
    for _ in range(3):
        await entered.wait()
        entered.clear()
        await open_commander.crash()
        commander = await open_commander([definition])

    failure = await failure_of(await found(commander))

    assert failure.code == "STEP_INTERRUPTED"
    assert "'work'" in failure.message
    assert "3" in failure.message
    assert runs == [1, 2, 3]


async def test_failure_ends_a_row_of_interruptions(open_commander: OpenCommander) -> None:
    """Two interruptions, a failure and two more are not three in a row."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 3:
            raise ValueError("no")
        entered.set()
        if ctx.attempt < 6:
            await asyncio.Event().wait()
        return "done"

    definition = one_step(work, retry=RetryPolicy(max_attempts=2, max_interruptions=3))
    await (await open_commander([definition])).start(definition, 5, mission_id="x", wait=False)
    for _ in range(4):
        await entered.wait()
        entered.clear()
        await open_commander.crash()
        commander = await open_commander([definition])

    assert await (await found(commander)).output() == "done"


async def test_clean_close_counts_towards_nothing(open_commander: OpenCommander) -> None:
    """An attempt that a close cut short is interrupted with the reason "closed", however often that happens."""
    entered = asyncio.Event()

    async def work(ctx: MissionContext[int]) -> str:
        entered.set()
        if ctx.attempt < 5:
            await asyncio.Event().wait()
        return "done"

    definition = one_step(work, retry=RetryPolicy(max_attempts=1, max_interruptions=1))
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    for _ in range(4):
        await entered.wait()
        entered.clear()
        commander = await open_commander([definition])
    mission = await found(commander)

    assert await mission.output() == "done"
    assert [it.status for it in await attempts_of(mission)] == ["interrupted"] * 4 + ["succeeded"]
    reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
    assert reasons == ["closed"] * 4


async def test_close_interrupts_an_attempt_that_was_not_launched(open_commander: OpenCommander) -> None:
    """An attempt whose record was on its way when the commander closed is closed too, and its code never ran."""
    runs: list[int] = []
    arrived, gate = asyncio.Event(), asyncio.Event()

    class Slow(Forwarding):
        async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
            arrived.set()
            await gate.wait()
            return await super().commit(batch)

    async def work(ctx: MissionContext[int]) -> str:
        runs.append(ctx.attempt)
        return "done"

    definition = m.define("it").start(input=int, run=work).end()
    commander = await open_commander([definition], wrap=Slow)
    start = asyncio.create_task(commander.start(definition, 5, mission_id="x", wait=False))
    await arrived.wait()
    closing = asyncio.create_task(open_commander.close())
    for _ in range(50):
        await asyncio.sleep(0)
    gate.set()
    await closing
    await asyncio.wait([start])
    start.exception()
    assert runs == []

    mission = await found(await open_commander([definition]))
    assert await mission.output() == "done"

    attempts = await attempts_of(mission, "start")
    assert [(it.attempt_number, it.status) for it in attempts] == [(1, "interrupted"), (2, "succeeded")]
    reasons = [it.details["reason"] for it in await mission.history() if it.type is T.STEP_INTERRUPTED]
    assert reasons == ["closed"]


# 9. Timeouts


@pytest.fixture
def impatient_clock() -> FakeClock:
    """A clock that does not wait long for what a test lets hang."""
    return FakeClock(hang_patience=0.02)


async def test_async_step_is_cancelled_at_its_timeout(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """At its deadline, not before, an async step is cancelled, its `finally` runs, and the attempt has failed."""
    ended: list[float] = []

    async def hang(ctx: MissionContext[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(impatient_clock.now().timestamp())

    definition = one_step(hang, timeout=timedelta(seconds=30))
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    await impatient_clock.advance(29.9)
    assert await mission.status() == MissionStatus.RUNNING
    await impatient_clock.advance(0.1)

    failure = await failure_of(mission)
    assert (failure.code, failure.type) == ("STEP_TIMEOUT", "TimeoutError")
    assert "30 s" in failure.message
    assert ended == [30.0]
    attempts = await attempts_of(mission)
    assert [(it.status, it.error and it.error.code) for it in attempts] == [("failed", "STEP_TIMEOUT")]


async def test_step_that_ends_in_time_is_left_alone(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The deadline of an attempt that has ended does nothing to the next one."""
    definition = m.define("it").start(input=int, run=begin, timeout=5).step("b", begin, timeout=5).sleep("s", 60).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, 5)
    await fake_clock.advance(60)

    assert await mission.status() == MissionStatus.COMPLETED


@pytest.mark.parametrize(
    ("policy", "attempts"),
    [
        (RetryPolicy(max_attempts=2), 2),
        (RetryPolicy(max_attempts=2, retry_on=(TimeoutError,)), 2),
        (RetryPolicy(max_attempts=2, retry_on=(OSError,)), 2),
        (RetryPolicy(max_attempts=2, retry_on=(ValueError,)), 1),
        (RetryPolicy(max_attempts=2, give_up_on=(TimeoutError,)), 1),
    ],
)
async def test_timeout_is_a_timeout_error_for_the_policy(
    open_commander: OpenCommander, impatient_clock: FakeClock, policy: RetryPolicy, attempts: int
) -> None:
    """`retry_on` and `give_up_on` see a timeout as the `TimeoutError` that it is."""

    async def hang(ctx: MissionContext[int]) -> None:
        await asyncio.Event().wait()

    definition = one_step(hang, retry=policy, timeout=1)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    await impatient_clock.advance(10)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"
    assert len(await attempts_of(mission)) == attempts


async def test_what_a_step_returns_after_its_timeout_is_discarded(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """A step that answers its cancellation with a result, or with another error, has timed out all the same."""

    async def late_result(ctx: MissionContext[int]) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "late"

    async def late_error(ctx: MissionContext[int]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("late") from None
        return "never"

    commander = await open_commander(clock=impatient_clock)
    for name, run in (("result", late_result), ("error", late_error)):
        definition = m.define(name).start(input=int, run=run, timeout=1).end()
        mission = await commander.start(definition, 5, wait=False)
        await impatient_clock.advance(1)

        assert (await failure_of(mission)).code == "STEP_TIMEOUT"


async def test_async_step_that_does_not_end_is_abandoned(
    open_commander: OpenCommander, impatient_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """5 s after its timeout the mission goes on without the step, with the next attempt beside it, and a log line."""
    stubborn_may_end, running = asyncio.Event(), list[int]()

    async def stubborn(ctx: MissionContext[int]) -> str:
        running.append(ctx.attempt)
        while ctx.attempt == 1 and not stubborn_may_end.is_set():
            try:
                await stubborn_may_end.wait()
            except asyncio.CancelledError:
                continue
        return f"attempt {ctx.attempt}"

    definition = one_step(stubborn, retry=RetryPolicy(max_attempts=2), timeout=10)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, mission_id="x", wait=False)
    with caplog.at_level(logging.WARNING, "mission_control"):
        await impatient_clock.advance(14)
        assert running == [1]
        await impatient_clock.advance(1)

    assert await mission.output() == "attempt 2"
    assert running == [1, 2]
    assert any("'x'" in line or " x" in line for line in caplog.messages if "abandoned" in line)
    before = await mission.history()
    stubborn_may_end.set()
    await commander.settled()
    await asyncio.sleep(0.01)
    assert await mission.history() == before


async def test_sync_step_is_abandoned_at_its_timeout(
    open_commander: OpenCommander, impatient_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread cannot be stopped: at its timeout its mission goes on without it, and its outcome is discarded."""
    release, returned = threading.Event(), threading.Event()

    def work(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 1:
            release.wait(10)
            returned.set()
        return f"attempt {ctx.attempt}"

    definition = one_step(work, retry=RetryPolicy(max_attempts=2), timeout=10)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    with caplog.at_level(logging.WARNING, "mission_control"):
        await impatient_clock.advance(10)

    assert await mission.output() == "attempt 2"
    assert [message for message in caplog.messages if "abandoned" in message]
    before = await mission.history()
    release.set()
    await asyncio.to_thread(returned.wait)
    await asyncio.sleep(0.01)
    assert await mission.history() == before
    assert [(it.status, it.error and it.error.code) for it in await attempts_of(mission)] == [
        ("failed", "STEP_TIMEOUT"),
        ("succeeded", None),
    ]


async def test_timeout_counts_from_the_moment_user_code_begins(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """The time that a mission waits for a slot is not its step's."""
    release = asyncio.Event()
    began: list[float] = []

    async def first(ctx: MissionContext[int]) -> None:
        await release.wait()

    async def second(ctx: MissionContext[int]) -> None:
        began.append(impatient_clock.now().timestamp())
        await asyncio.Event().wait()

    ahead = m.define("ahead").start(input=int, run=first, timeout=100).end()
    behind = m.define("behind").start(input=int, run=second, timeout=30).end()
    commander = await open_commander([ahead, behind], clock=impatient_clock, max_concurrency=1)
    await commander.start(ahead, 5, wait=False)
    mission = await commander.start(behind, 5, wait=False)
    await impatient_clock.advance(50)
    release.set()
    while not began:
        await asyncio.sleep(0)
    await impatient_clock.advance(29)
    assert await mission.status() == MissionStatus.RUNNING
    await impatient_clock.advance(1)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"
    assert began == [50.0]


async def test_awaitable_that_a_sync_function_returned_is_timed_out_too(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """The timeout bounds the whole attempt, whatever it consists of."""

    def work(ctx: MissionContext[int]) -> Awaitable[object]:
        async def hang() -> object:
            return await asyncio.Event().wait()

        return hang()

    definition = one_step(work, timeout=10)
    commander = await open_commander([definition], clock=impatient_clock)
    mission = await commander.start(definition, 5, wait=False)
    await impatient_clock.advance(10)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"


async def test_timeout_of_nothing_ends_what_takes_any_time(
    open_commander: OpenCommander, impatient_clock: FakeClock
) -> None:
    """A timeout of zero is a timeout like any other."""

    async def hang(ctx: MissionContext[int]) -> None:
        await asyncio.Event().wait()

    definition = one_step(hang, timeout=0)
    commander = await open_commander([definition], clock=impatient_clock)

    async with asyncio.timeout(5):
        failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert failure.code == "STEP_TIMEOUT"
