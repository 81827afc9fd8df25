"""Rule 7: what becomes of everything that user code may raise, and when it is tried again."""

from __future__ import annotations

import asyncio
import functools
import math
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    HistoryType,
    MissionContext,
    MissionFailedError,
    MissionStatus,
    NonRetryableError,
    RetryAfterError,
    RetryPolicy,
    RetryWait,
    create_commander,
    m,
)
from mission_control.testing import FakeClock
from one_step import attempts_of, failure_of, found, one_step
from storages import OpenCommander

T = HistoryType


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
        def __getattribute__(self, name: str) -> Any:
            if name == "delay":
                raise RuntimeError("broken")
            return super().__getattribute__(name)

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

    async with asyncio.timeout(30):
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

    async with asyncio.timeout(30):
        failure = await failure_of(await commander.start(definition, 5, wait=False))

    assert failure.code == "STEP_FAILED"


async def test_base_exceptions_are_retried_only_where_the_policy_names_them(open_commander: OpenCommander) -> None:
    """`retry_on` is `Exception` unless it says otherwise; it may name any class."""
    plain, named = Flaky(Loud), Flaky(asyncio.CancelledError)
    commander = await open_commander()
    definitions = [
        m.define("plain").start(input=int, run=plain, retry=RetryPolicy(max_attempts=3)).end(),
        m.define("named")
        .start(input=int, run=named, retry=RetryPolicy(max_attempts=3, retry_on=(BaseException,)))
        .end(),
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


async def test_error_that_cannot_be_formatted_is_told_by_where_it_was_raised(open_commander: OpenCommander) -> None:
    """An exception whose own attributes fail still has a traceback of frames."""

    class Evil:
        def __str__(self) -> str:
            raise LookupError("no line")

    async def unformattable(ctx: MissionContext[int]) -> None:
        error = SyntaxError("no")
        error.lineno = cast("int", Evil())
        raise error

    commander = await open_commander()
    failure = await failure_of(await commander.start(one_step(unformattable), 5, wait=False))

    assert (failure.type, failure.message) == ("SyntaxError", "no")
    assert failure.traceback is not None
    assert "in unformattable" in failure.traceback


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

    async with asyncio.timeout(30):
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
