"""A commander with a life of its own: it starts, ticks when it is told to, and stops gracefully."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from mission_control.core import (
    Clock,
    Commander,
    CommanderClosedError,
    MissionDefinition,
    PersistenceAdapter,
    Schedule,
    SystemClock,
)
from mission_control.core.commander import EmbeddedCommander
from mission_control.core.definition import checked_instant, exact_text, is_a
from mission_control.core.engine import Sleeper, Tracer
from mission_control.core.payloads import found
from mission_control.core.storage.memory import InMemoryAdapter

from .reporter import EventHook, MetricHook, Reporter
from .stop_signals import stop_signals


class CommanderRuntime:
    """Runs a commander in this process; made by `create_commander_runtime`. A context manager: started inside.

    A tick lets all missions go on that are due or were interrupted. There is one when the runtime starts and one
    whenever it is asked for, now (`tick`) or for later (`set_next_tick_at`), one at a time; a tick never leads to
    another. The commander wakes missions whose time has come without any tick.
    """

    def __init__(
        self, commander: EmbeddedCommander, adapter: PersistenceAdapter, clock: Clock, reporter: Reporter
    ) -> None:
        self._commander = commander
        self._adapter = adapter
        self._clock = clock
        self._reporter = reporter
        self._sleeper = Sleeper(clock, commander.activity, self._tick_is_due)
        self._next_tick_at: datetime | None = None
        self._is_started = False
        self._starting: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[bool] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._must_stop = asyncio.Event()

    @property
    def commander(self) -> Commander:
        """The commander that runs here; it is closed by `stop`."""
        return self._commander

    @property
    def identity(self) -> str:
        """What this runtime calls itself in events and metrics."""
        return self._reporter.identity

    # Its life

    async def start(self) -> None:
        """Make the commander ready, and tick once.

        The earliest mission that waits for its `start_at` sets the next tick, unless there is an earlier one. A
        second call does nothing. Raises `PersistenceError`, and `CommanderClosedError` after `stop`.
        """
        self._refuse_if_stopped()
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())
            self._starting.add_done_callback(self._start_ended)
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        self._reporter.hold()
        await self._commander.wait_until_ready()
        due = await self._adapter.next_due(self._clock.now(), kind="start_at")
        self._is_started = True
        self._reporter.event("info", "runtime-started")
        if due is not None and (self._next_tick_at is None or due < self._next_tick_at):
            self._schedule(due)
        if (ticking := self._begin_tick()) is not None:
            await ticking
        self._arm()

    def _start_ended(self, starting: asyncio.Task[None]) -> None:
        if starting.cancelled() or starting.exception() is not None:
            self._starting = None  # the next call tries again
        self._reporter.release()

    async def stop(self) -> None:
        """Forget the next tick, wait for the one that is running, and close the commander.

        What is decided is made durable, and running steps are stopped; they run again after the next start. A second
        call does nothing.
        """
        if self._stopping is None:
            self._next_tick_at = None
            self._sleeper.set(None)
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
            self._stopping.add_done_callback(self._stop_ended)
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        for under_way in (self._starting, self._ticking):
            if under_way is not None:
                await asyncio.wait([under_way])
        await self._commander.close()
        if self._is_started:
            self._reporter.event("info", "runtime-stopped")

    def _stop_ended(self, stopping: asyncio.Task[None]) -> None:
        if self._commander.closed:
            self._must_stop.set()
        else:
            self._stopping = None  # it was refused: a step asked for it

    async def run_until_stopped(self) -> None:
        """Start, and stop gracefully on SIGINT or SIGTERM, or when `stop` is called; then return.

        Signals are only heard on the main thread. Raises what `start` raises.
        """
        with stop_signals(self._must_stop.set):
            try:
                await self.start()
                await self._must_stop.wait()
            finally:
                await self.stop()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.stop()

    def _refuse_if_stopped(self) -> None:
        if self._stopping is not None:
            raise CommanderClosedError("this runtime was stopped; create a new one")

    # Ticks

    async def tick(self) -> bool:
        """Let all missions go on that are due or were interrupted, and return True; it does not wait for their end.

        False where a tick is running already, where reading storage failed, and before `start` and after `stop`.
        """
        ticking = self._begin_tick()
        return ticking is not None and await asyncio.shield(ticking)

    def is_tick_running(self) -> bool:
        """Return whether a tick is running."""
        return self._ticking is not None

    @property
    def next_tick_at(self) -> datetime | None:
        """When the next tick begins, in UTC; None where none is set."""
        return self._next_tick_at

    def set_next_tick_at(self, instant: datetime, /) -> None:
        """Tick at `instant`, and not when it was set before; at once where that is past, but never before `start`.

        Raises `ValueError` for a naive `instant` and `CommanderClosedError` after `stop`.
        """
        checked = checked_instant(instant, subject="the next tick")
        self._refuse_if_stopped()
        self._schedule(max(checked, self._clock.now()))
        if self._is_started:
            self._arm()

    def set_next_tick_in(self, delay: timedelta | float, /) -> None:
        """Tick after `delay`, a `timedelta` or a number of seconds, as `set_next_tick_at` does."""
        seconds = timedelta.total_seconds(delay) if is_a(delay, timedelta) else delay
        if type(seconds) is not int and type(seconds) is not float:
            raise TypeError(f"the next tick: expected a timedelta or a number of seconds, found {found(delay)}")
        try:
            instant = self._clock.now() + timedelta(seconds=seconds)
        except (OverflowError, ValueError):
            raise ValueError(f"the next tick: {found(seconds)} s from now is no time that a datetime holds") from None
        self.set_next_tick_at(instant)

    def _schedule(self, instant: datetime) -> None:
        self._next_tick_at = instant
        self._reporter.event("info", "tick-scheduled", next_tick_at=instant.isoformat())

    def _arm(self) -> None:
        if self._stopping is None:
            self._sleeper.set(self._next_tick_at)

    def _tick_is_due(self) -> None:
        self._next_tick_at = None
        self._begin_tick()

    def _begin_tick(self) -> asyncio.Task[bool] | None:
        if not self._is_started or self._stopping is not None:
            return None
        if self._ticking is not None:
            self._reporter.event("warning", "tick-skipped")
            self._reporter.metric("runtime.tick.skipped")
            return None
        self._commander.activity.enter()
        self._reporter.event("info", "tick-started")
        self._reporter.metric("runtime.tick")
        self._ticking = asyncio.get_running_loop().create_task(self._tick(self._reporter.resumes))
        self._reporter.release()
        return self._ticking

    async def _tick(self, resumes_before: int) -> bool:
        since = time.perf_counter()
        try:
            has_fired = await self._commander.sweep()
        except Exception as error:
            self._reporter.event("error", "tick-failed", error=error)
            self._reporter.metric("runtime.tick.failed")
            return False
        else:
            resumes = self._reporter.resumes - resumes_before
            self._reporter.event("info", "tick-completed", resumes=resumes)
            if not (resumes or has_fired):
                self._reporter.metric("runtime.tick.empty")
            return True
        finally:
            self._reporter.metric("runtime.tick.duration", time.perf_counter() - since)
            self._ticking = None
            self._commander.activity.leave()

    def __repr__(self) -> str:
        state = "stopped" if self._stopping is not None else "started" if self._is_started else "idle"
        return f"<CommanderRuntime {self.identity!r} ({state})>"


def create_commander_runtime(
    *,
    definitions: Iterable[MissionDefinition[Any]] = (),
    schedules: Iterable[Schedule[Any]] = (),
    persistence: PersistenceAdapter | None = None,
    identity: str | None = None,
    on_event: EventHook | None = None,
    on_metric: MetricHook | None = None,
    clock: Clock | None = None,
    create_mission_id: Callable[[], str] | None = None,
    max_concurrency: int = 256,
    retention: Mapping[str, timedelta] | None = None,
) -> CommanderRuntime:
    """Return a runtime for missions of `definitions`, over `persistence`, in memory where that is not given.

    It fires `schedules`, whose definitions need not be given besides, and keeps missions that have ended as
    `retention` says, as `create_commander` does.

    `identity` is its name in events and metrics, host and process id where that is not given. `on_event` and
    `on_metric` are called for each event and metric, on the event loop; they should be quick. Where they raise,
    that is logged. Events also go to the standard library's logger `mission_control.runtime`, and where
    `opentelemetry-api` is installed (the extra `otel`), missions, attempts and metrics to OpenTelemetry.
    """
    time_source = SystemClock() if clock is None else clock
    adapter = InMemoryAdapter() if persistence is None else persistence
    name = exact_text(identity, subject="identity") if identity is not None else ""
    reporter = Reporter(name or f"{socket.gethostname()}:{os.getpid()}", time_source, on_event, on_metric)
    tracer = _find_tracer(reporter)
    commander = EmbeddedCommander(
        definitions=definitions,
        schedules=schedules,
        persistence=adapter,
        clock=time_source,
        create_mission_id=create_mission_id,
        max_concurrency=max_concurrency,
        retention=retention,
        observer=reporter,
        tracer=tracer,
    )
    return CommanderRuntime(commander, adapter, time_source, reporter)


def _find_tracer(reporter: Reporter) -> Tracer | None:
    """Return what draws spans, and have metrics recorded, where OpenTelemetry's API is installed."""
    try:
        from .telemetry import MetricRecorder, SpanTracer
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        return None
    reporter.add_metric_hook("opentelemetry", MetricRecorder())
    return SpanTracer()
