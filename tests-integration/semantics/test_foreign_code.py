"""Every place where code that is not ours is called, each with something that raises: it hangs and harms nobody.

The list is `PLACES`. A place is handed what to raise, and brings a commander to where it is raised; afterwards another
mission of that commander has to go its way.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NoReturn, TypeAlias

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from mission_control.core import (
    Commander,
    MissionContext,
    MissionControlError,
    MissionDefinitionError,
    MissionExecutionError,
    MissionStatus,
    MissionValidationError,
    RetryAfterError,
    RetryPolicy,
    SystemClock,
    create_commander,
    m,
)
from mission_control.core.storage import CommitOutcome, DueKind, LoadOutcome, MissionCommit
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.runtime import create_commander_runtime
from storages import Forwarding


class ForeignError(BaseException):
    """What no `except Exception` sees."""


Code: TypeAlias = Callable[..., Any]
Fault: TypeAlias = Callable[[], BaseException]
FAULTS: list[Fault] = [lambda: ValueError("foreign"), ForeignError, asyncio.CancelledError, GeneratorExit]

Place: TypeAlias = Callable[[Fault], Awaitable[None]]
PLACES: list[Place] = []


def place(test: Place) -> Place:
    """Put a place on the list."""
    PLACES.append(test)
    return test


@pytest.mark.parametrize("fault", FAULTS, ids=["Exception", "BaseException", "CancelledError", "GeneratorExit"])
@pytest.mark.parametrize("raised_at", PLACES, ids=lambda test: str(test.__name__))
async def test_foreign_code_that_raises_hangs_nobody(raised_at: Place, fault: Fault) -> None:
    """Whatever is raised where somebody else's code is called, callers get an answer and other missions go on."""
    complaint = None
    try:
        async with asyncio.timeout(30):
            await raised_at(fault)
    except BaseException as error:
        complaint = f"{type(error).__name__}\n" + "".join(traceback.format_tb(error.__traceback__))
    assert complaint is None, complaint  # pytest itself would look at what must not be looked at


async def begin(ctx: MissionContext[Any]) -> Any:
    return 1


def lived(run: Code, *, output: Any = None) -> Any:
    return m.define("lived").start(input=int, run=begin).step("code", run, output=output).end()


OTHER = m.define("other").start(input=int, run=begin).sleep("nap", 0.001).step("more", begin).end()


async def others_go_on(commander: Commander) -> None:
    mission = await commander.start(OTHER, 1, wait=False)
    assert await mission.output() == 1


# Steps


def raising(fault: Fault) -> Callable[..., NoReturn]:
    def code(*_: object, **__: object) -> NoReturn:
        raise fault()

    return code


def returning(make: Callable[[], object]) -> Code:
    def code(ctx: MissionContext[int]) -> object:
        return make()

    return code


async def step_fails(run: Code) -> None:
    async with create_commander() as commander:
        mission = await commander.start(lived(run), 1, wait=False)
        ended = await mission.result()
        assert (ended.status, ended.cursor) == (MissionStatus.FAILED, "code")
        await others_go_on(commander)


@place
async def async_step(fault: Fault) -> None:
    async def code(ctx: MissionContext[int]) -> None:
        raise fault()

    await step_fails(code)


@place
async def sync_step(fault: Fault) -> None:
    await step_fails(raising(fault))


@place
async def awaitable_that_a_step_returns(fault: Fault) -> None:
    class Broken:
        def __await__(self) -> Generator[Any, Any, int]:
            raise fault()

    await step_fails(returning(Broken))


def hostile(fault: Fault) -> type[Any]:
    """Return a class whose instances raise whenever they are looked at."""
    dunders = ("__repr__", "__str__", "__eq__", "__hash__", "__iter__", "__len__", "__bool__", "__format__")
    return type("Hostile", (), {name: raising(fault) for name in dunders})


@place
async def output_that_raises_when_it_is_looked_at(fault: Fault) -> None:
    await step_fails(returning(lambda: {"value": hostile(fault)()}))


@place
async def class_of_an_output(fault: Fault) -> None:
    await step_fails(returning(type("Broken", (), {"__class__": property(raising(fault))})))


def error_with(fault: Fault, *names: str) -> BaseException:
    kind: type[BaseException] = type("BrokenError", (Exception,), {name: raising(fault) for name in names})
    return kind("no", hostile(fault)())


@place
async def text_of_an_error(fault: Fault) -> None:
    async def code(ctx: MissionContext[int]) -> None:
        raise error_with(fault, "__str__", "__repr__")

    await step_fails(code)


@place
async def text_of_what_an_error_was_made_with(fault: Fault) -> None:
    async def code(ctx: MissionContext[int]) -> None:
        raise ValueError("no", hostile(fault)())

    await step_fails(code)


@place
async def attributes_of_an_error(fault: Fault) -> None:
    broken = {name: property(raising(fault)) for name in ("__cause__", "__context__", "__notes__", "args")}

    async def code(ctx: MissionContext[int]) -> None:
        raise type("BrokenError", (Exception,), broken)("no")

    await step_fails(code)


@place
async def delay_of_a_retry_after_error(fault: Fault) -> None:
    async def code(ctx: MissionContext[int]) -> None:
        raise RetryAfterError(hostile(fault)(), "later")

    await step_fails(code)


@place
async def class_that_a_policy_names(fault: Fault) -> None:
    class Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            raise fault()

    class NamedError(Exception, metaclass=Meta):
        pass

    async def code(ctx: MissionContext[int]) -> None:
        raise ValueError("no")

    policy = RetryPolicy(max_attempts=2, retry_on=(NamedError,))
    definition = m.define("lived").start(input=int, run=begin).step("code", code, retry=policy).end()
    async with create_commander() as commander:
        mission = await commander.start(definition, 1, wait=False)
        assert (await mission.result()).status == MissionStatus.FAILED
        await others_go_on(commander)


# Schemas


class Parsing:
    """A schema that raises from a given call on."""

    def __init__(self, fault: Fault, *, after: int = 0) -> None:
        self._fault = fault
        self._left = after

    def parse(self, value: Any, /) -> Any:
        if not self._left:
            raise self._fault()
        self._left -= 1
        return value


@place
async def schema_of_an_input(fault: Fault) -> None:
    definition = m.define("lived").start(input=Parsing(fault), run=begin).end()
    async with create_commander() as commander:
        with pytest.raises(MissionValidationError):
            await commander.start(definition, 1)
        await others_go_on(commander)


@place
async def schema_of_a_signal(fault: Fault) -> None:
    definition = m.define("lived").start(input=int, run=begin).need_to("go", Parsing(fault)).end()
    async with create_commander() as commander:
        mission = await commander.start(definition, 1)
        with pytest.raises(MissionValidationError):
            await mission.signal("go", 1)
        assert await mission.status() == MissionStatus.WAITING
        await others_go_on(commander)


@place
async def schema_of_an_output(fault: Fault) -> None:
    definition = m.define("lived").start(input=int, run=begin).step("code", begin, output=Parsing(fault)).end()
    async with create_commander() as commander:
        mission = await commander.start(definition, 1, wait=False)
        assert (await mission.result()).status == MissionStatus.FAILED
        await others_go_on(commander)


@place
async def schema_of_an_update(fault: Fault) -> None:
    async def change(ctx: MissionContext[int], value: Any) -> int:
        return 1

    definition = m.define("lived").update("change", Parsing(fault), change).start(input=int, run=begin)
    async with create_commander() as commander:
        mission = await commander.start(definition.need_to("go", int).end(), 1)
        with pytest.raises(MissionValidationError):
            await mission.update("change", 1)
        await others_go_on(commander)


@place
async def schema_when_a_value_is_read_back(fault: Fault) -> None:
    definition = (
        m.define("lived").start(input=Parsing(fault, after=2), run=begin).step("look", lambda ctx: ctx.input).end()
    )
    async with create_commander() as commander:
        mission = await commander.start(definition, 1, wait=False)
        assert (await mission.result()).status == MissionStatus.FAILED
        await others_go_on(commander)


@place
async def payload_that_raises_when_it_is_looked_at(fault: Fault) -> None:
    definition = m.define("lived").start(input=dict[str, Any], run=begin).need_to("go", dict[str, Any]).end()
    async with create_commander() as commander:
        with pytest.raises(MissionValidationError):
            await commander.start(definition, {"value": hostile(fault)()})
        mission = await commander.start(definition, {})
        with pytest.raises(MissionValidationError):
            await mission.signal("go", {"value": hostile(fault)()})
        await others_go_on(commander)


# Queries and updates


async def asked(query: Code, update: Code) -> AsyncGenerator[Any]:
    definition = m.define("lived").query("look", query).update("change", int, update).start(input=int, run=begin)
    async with create_commander() as commander:
        mission = await commander.start(definition.need_to("go", int).end(), 1)
        yield mission
        await mission.signal("go", 1)
        assert await mission.status() == MissionStatus.COMPLETED
        await others_go_on(commander)


async def both_are_refused(code: Code) -> None:
    async for mission in asked(code, code):
        with pytest.raises(MissionExecutionError):
            await mission.query("look")
        with pytest.raises(MissionExecutionError):
            await mission.update("change", 1)


@place
async def sync_query_and_update(fault: Fault) -> None:
    await both_are_refused(raising(fault))


@place
async def async_query_and_update(fault: Fault) -> None:
    async def code(*_: object) -> None:
        raise fault()

    await both_are_refused(code)


@place
async def text_of_an_error_of_a_query_and_an_update(fault: Fault) -> None:
    async def code(*_: object) -> None:
        raise error_with(fault, "__str__", "__repr__")

    await both_are_refused(code)


@place
async def text_of_what_such_an_error_was_made_with(fault: Fault) -> None:
    async def code(*_: object) -> None:
        raise ValueError("no", hostile(fault)())

    await both_are_refused(code)


@place
async def output_of_an_update(fault: Fault) -> None:
    async def change(ctx: MissionContext[int], value: int) -> Any:
        return {"value": hostile(fault)()}

    async for mission in asked(returning(int), change):
        with pytest.raises(MissionExecutionError):
            await mission.update("change", 1)


@place
async def function_that_is_compared(fault: Fault) -> None:
    class Code:
        __eq__ = raising(fault)
        __hash__ = raising(fault)

        def __call__(self, ctx: MissionContext[int]) -> int:
            return 2

    code = Code()
    try:
        built = m.define("lived").start(input=int, run=begin).step("code", code)
    except MissionDefinitionError:
        return
    definition = built.step("look", lambda ctx: ctx.output(code)).end()
    async with create_commander() as commander:
        mission = await commander.start(definition, 1, wait=False)
        assert await mission.output() == 2
        await others_go_on(commander)


# Hooks, logs and traces


async def runtime_lives(**options: Any) -> None:
    """Let a runtime report everything that it can."""

    async def once(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ValueError("once")
        ctx.log.info("twice", value=ctx.input)

    definition = (
        m.define("lived")
        .start(input=int, run=begin)
        .step("code", once, retry=RetryPolicy(max_attempts=2, initial_interval=0.001))
        .sleep("nap", 0.001)
        .end()
    )
    async with create_commander_runtime(definitions=[definition, lived(raising(ValueError))][:1], **options) as runtime:
        runtime.set_next_tick_in(0)
        mission = await runtime.commander.start(definition, 1)
        assert (await mission.result()).status == MissionStatus.COMPLETED
        cancelled = await runtime.commander.start(definition, 1, wait=False)
        await cancelled.cancel()
        while runtime.is_tick_running():  # the one that was asked for above
            await asyncio.sleep(0)
        assert await runtime.tick()
        await others_go_on(runtime.commander)


@place
async def hooks_of_a_runtime(fault: Fault) -> None:
    await runtime_lives(on_event=raising(fault), on_metric=raising(fault))


@contextmanager
def logging_at_debug() -> Generator[logging.Logger]:
    logger = logging.getLogger("mission_control")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        yield logger
    finally:
        logger.setLevel(level)


@place
async def log_handler(fault: Fault) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise fault()

    with logging_at_debug() as logger:
        handler = Broken()
        logger.addHandler(handler)
        try:
            await runtime_lives()
        finally:
            logger.removeHandler(handler)


@place
async def log_filter(fault: Fault) -> None:
    with logging_at_debug():
        names = ("mission_control.engine", "mission_control.runtime", "mission_control.mission")
        for name in names:
            logging.getLogger(name).addFilter(raising(fault))
        try:
            await runtime_lives()
        finally:
            for name in names:
                logging.getLogger(name).filters.clear()


@place
async def log_record_factory(fault: Fault) -> None:
    before = logging.getLogRecordFactory()
    with logging_at_debug():
        logging.setLogRecordFactory(raising(fault))
        try:
            await runtime_lives()
        finally:
            logging.setLogRecordFactory(before)


@place
async def value_in_a_log_line(fault: Fault) -> None:
    async def code(ctx: MissionContext[int]) -> int:
        ctx.log.warning("see", value=hostile(fault)())
        ctx.log.warning("see %s", hostile(fault)())
        return 2

    async with create_commander() as commander:
        mission = await commander.start(lived(code), 1, wait=False)
        assert await mission.output() == 2


@place
async def span_processor(fault: Fault) -> None:
    class Broken(SpanProcessor):
        on_start = raising(fault)
        on_end = raising(fault)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())
    before = trace.get_tracer

    def tracer(name: str) -> trace.Tracer:
        return provider.get_tracer(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "get_tracer", tracer)
        await runtime_lives()
    assert trace.get_tracer is before


# Clocks, ids and storage


class Failing(SystemClock):
    """A clock that fails a number of times."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self.failures = {"now": 0, "sleep_until": 0}

    def _fail(self, name: str) -> None:
        if self.failures[name]:
            self.failures[name] -= 1
            raise self._fault()

    def now(self) -> datetime:
        self._fail("now")
        return super().now()

    async def sleep_until(self, instant: datetime, /) -> None:
        self._fail("sleep_until")
        await super().sleep_until(instant)


@place
async def clock_that_is_read(fault: Fault) -> None:
    clock = Failing(fault)

    async def code(ctx: MissionContext[int]) -> int:
        clock.failures["now"] = 2
        return 2

    definition = m.define("lived").start(input=int, run=begin).step("code", code).sleep("nap", 0.01).end()
    async with create_commander(clock=clock) as commander:
        mission = await commander.start(definition, 1, wait=False)
        assert (await mission.result()).status == MissionStatus.COMPLETED
        clock.failures["now"] = 1
        with suppress(BaseException):
            await commander.start(definition, 1, mission_id="mine")
        clock.failures["now"] = 0
        mission = await commander.start(definition, 1, mission_id="mine", if_exists="return", wait=False)
        assert (await mission.result()).status == MissionStatus.COMPLETED


@place
async def clock_that_is_read_while_a_caller_waits(fault: Fault) -> None:
    clock = Failing(fault)

    async def code(ctx: MissionContext[int]) -> int:
        clock.failures["now"] = 1
        return 2

    definition = lived(code)
    async with create_commander(clock=clock) as commander:
        with pytest.raises((type(fault()), RuntimeError)):
            await commander.start(definition, 1, mission_id="mine")
        mission = await commander.start(definition, 1, mission_id="mine", if_exists="return")
        assert await mission.output() == 2


@place
async def clock_that_is_read_for_a_timeout(fault: Fault) -> None:
    class Late(Failing):
        is_late = False

        async def sleep_until(self, instant: datetime, /) -> None:
            await super().sleep_until(instant)
            self.failures["now"], self.is_late = int(self.is_late), False

    clock = Late(fault)

    async def code(ctx: MissionContext[int]) -> int:
        clock.is_late = True
        await asyncio.sleep(60)
        return 2

    definition = m.define("lived").start(input=int, run=begin).step("code", code, timeout=0.01).end()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mission_control.core.engine.sleeper._BROKEN_CLOCK_SECONDS", 0.01)
        async with create_commander(clock=clock) as commander:
            mission = await commander.start(definition, 1, wait=False)
            assert (await mission.result()).status == MissionStatus.FAILED


@place
async def thread_that_cannot_be_had(fault: Fault) -> None:
    async with create_commander() as commander:
        with pytest.MonkeyPatch.context() as patch:
            started = threading.Thread.start

            def start(thread: threading.Thread) -> None:
                patch.setattr(threading.Thread, "start", started)
                raise fault()

            patch.setattr(threading.Thread, "start", start)
            mission = await commander.start(lived(returning(int)), 1, wait=False)
            assert await mission.output() == 0
        await others_go_on(commander)


@place
async def clock_that_waits(fault: Fault) -> None:
    clock = Failing(fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mission_control.core.engine.sleeper._BROKEN_CLOCK_SECONDS", 0.01)
        async with create_commander(clock=clock) as commander:
            await commander.settled()
            clock.failures["sleep_until"] = 1
            await others_go_on(commander)


@place
async def clock_that_is_joined_and_left(fault: Fault) -> None:
    class Joined(SystemClock):
        is_broken = True

        def join(self, driven: object, /) -> Callable[[], None]:
            if self.is_broken:
                raise fault()
            return raising(fault)

    clock = Joined()
    adapter = create_in_memory_persistence_adapter()
    commander = create_commander(clock=clock, persistence=adapter)
    with pytest.raises((type(fault()), RuntimeError)):
        await commander.wait_until_ready()
    clock.is_broken = False
    await others_go_on(commander)
    await commander.close()
    async with create_commander(persistence=adapter):
        pass


@place
async def maker_of_ids(fault: Fault) -> None:
    async with create_commander(create_mission_id=raising(fault)) as commander:
        with pytest.raises((type(fault()), RuntimeError)):
            await commander.start(OTHER, 1)
        mission = await commander.start(OTHER, 1, mission_id="mine", wait=False)
        assert await mission.output() == 1


class BrokenStorage(Forwarding):
    """Storage each of whose methods fails once."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(create_in_memory_persistence_adapter())
        self._fault = fault
        self.is_to_fail: set[str] = set()

    def _fail(self, name: str) -> None:
        if name in self.is_to_fail:
            self.is_to_fail.remove(name)
            raise self._fault()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self._fail("commit")
        return await super().commit(batch)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        self._fail("load")
        return await super().load(mission_ids)

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        self._fail("next_due")
        return await super().next_due(after, kind)


@place
async def storage_that_is_written_and_read(fault: Fault) -> None:
    storage = BrokenStorage(fault)
    waiting = m.define("waiting").start(input=int, run=begin).need_to("go", int).step("more", begin).end()
    async with create_commander(persistence=storage) as commander:
        mission = await commander.start(waiting, 1)
        storage.is_to_fail |= {"commit", "load"}
        with pytest.raises(MissionControlError):
            await mission.signal("go", 1)
        with pytest.raises(MissionControlError):
            await mission.signal("go", 1)
        await mission.signal("go", 1)
        assert (await mission.result()).status == MissionStatus.COMPLETED


@place
async def storage_that_is_asked_for_what_is_due(fault: Fault) -> None:
    storage = BrokenStorage(fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mission_control.core.engine.bell._LONGEST_BACKOFF", 0.01)
        async with create_commander(persistence=storage) as commander:
            storage.is_to_fail.add("next_due")
            await others_go_on(commander)
            await commander.settled()


async def test_end_of_the_program_is_not_kept() -> None:
    """What ends the program goes through to whoever asked, also from where everything else is kept."""
    clock = Failing(KeyboardInterrupt)
    async with create_commander(clock=clock) as commander:
        await commander.settled()
        clock.failures["now"] = 1
        with pytest.raises(KeyboardInterrupt):
            await commander.start(OTHER, 1)
