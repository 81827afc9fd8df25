"""Rules 5 and 6: what is on record of a step and when, what runs again and what never, and how user code is called."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any

import pytest

from mission_control.core import (
    CommitOutcome,
    HistoryType,
    MissionCommit,
    MissionContext,
    MissionStatus,
    PersistenceAdapter,
    RetryPolicy,
    m,
)
from mission_control.testing import FakeClock
from one_step import Step, begin, found, one_step
from storages import Forwarding, Kept, OpenCommander

T = HistoryType


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
    commits = Kept(Commits)
    definition = m.define("three").start(input=int, run=begin).step("a", begin).step("b", begin).end()
    commander = await open_commander([definition], wrap=commits)

    await commander.start(definition, 5)

    assert commits.adapter.batches == [
        [(T.MISSION_CREATED, None), (T.MISSION_STARTED, None), (T.STEP_STARTED, "start")],
        [(T.STEP_SUCCEEDED, "start"), (T.STEP_STARTED, "a")],
        [(T.STEP_SUCCEEDED, "a"), (T.STEP_STARTED, "b")],
        [(T.STEP_SUCCEEDED, "b"), (T.MISSION_COMPLETED, None)],
    ]


async def test_failure_and_what_follows_are_one_commit(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A failed attempt is committed with its backoff, its next attempt, or the mission's end."""
    commits = Kept(Commits)
    at_once, later = RetryPolicy(max_attempts=2), RetryPolicy(max_attempts=2, initial_interval=5)
    definition = (
        m.define("two")
        .start(input=int, run=begin)
        .step("at-once", Flaky(ValueError, succeeds_at=2), retry=at_once)
        .step("later", Flaky(ValueError), retry=later)
        .end()
    )
    commander = await open_commander([definition], wrap=commits)
    await commander.start(definition, 5)
    await fake_clock.advance(5)

    assert commits.adapter.batches[2:] == [
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

    def __await__(self) -> Generator[Any, Any, str]:
        yield from asyncio.sleep(0).__await__()
        return self._value


def returning_awaitable(ctx: MissionContext[int]) -> Awaitable[str]:
    return Promise(f"promised {ctx.input}")


def wrapped(run: Step) -> Step:
    @functools.wraps(run)
    def wrapper(ctx: MissionContext[int]) -> object:
        return run(ctx)

    return wrapper


FORMS: list[tuple[Step, str]] = [
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
]


@pytest.mark.parametrize(("run", "output"), FORMS)
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
