"""An open commander: everything that it consists of, on its event loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..engine import Activity, Alarm, Clock, Deadlines, Engine, Observer, Runner, RunningAttempt, Slots, Tracer, steady
from ..history import MissionStatus
from ..schedules import Schedule
from ..storage import DueKind, PersistenceAdapter
from .embedded_port import EmbeddedPort
from .firing import Means
from .postman import Postman
from .registry import Registry
from .retention import Retention
from .scheduler import Scheduler


class Session:
    """Everything that an open commander consists of, on its event loop."""

    def __init__(
        self,
        adapter: PersistenceAdapter,
        *,
        clock: Clock,
        registry: Registry,
        max_concurrency: int,
        activity: Activity,
        context: contextvars.Context,
        observer: Observer,
        tracer: Tracer | None,
        schedules: Mapping[str, Schedule[Any]],
        retention: Mapping[MissionStatus, timedelta],
    ) -> None:
        self.activity = activity
        self.adapter = adapter
        slots = Slots(max_concurrency)
        pace = steady(clock)
        self.deadlines: Deadlines = Deadlines(pace, self.activity)
        self.runner: Runner = Runner(pace, self.deadlines, slots, activity, context, tracer)
        self.engine: Engine = Engine(
            adapter=adapter,
            clock=clock,
            runner=self.runner,
            activity=self.activity,
            definitions=registry.definitions,
            note_due=self._note_due,
            observer=observer,
        )
        self.alarm: Alarm = Alarm(adapter, clock, slots, self.activity, self.engine, observer)
        self.recovery: asyncio.Future[tuple[None, None]] | None = None
        means = Means(engine=self.engine, adapter=adapter, clock=clock, threads=self.runner.threads)
        self.scheduler: Scheduler = Scheduler(schedules, means, self.activity)
        self.operations: EmbeddedPort = EmbeddedPort(
            engine=self.engine,
            adapter=adapter,
            runner=self.runner,
            activity=self.activity,
            registry=registry,
            scheduler=self.scheduler,
        )
        self.retention: Retention = Retention(retention, self.operations.purge, clock, activity)
        self._postman: Postman | None = None

    async def open(self) -> None:
        """Find out which schedules there are, and be there for other processes. Raises `PersistenceError`."""
        await self.scheduler.open()
        mailbox = self.adapter.mailbox()
        if mailbox is not None:
            self._postman = Postman(mailbox, self.operations, self.activity)
            await self._postman.open()
            self.operations.is_listening = True

    async def begin(self) -> None:
        """Hand over what other processes have asked for, and begin to resume what is due or was interrupted.

        Nothing of it is waited for: code may ask the commander that whoever opens it is about to have.
        """
        if self._postman is not None:
            await self._postman.take_up()
        self.scheduler.begin()
        self.recovery = self.alarm.sweep()
        self.retention.begin()

    def _note_due(self, due: datetime, kind: DueKind) -> None:
        self.alarm.note(due, kind)

    async def settled(self) -> None:
        """Return at a moment when nothing is under way and nothing that is due is left to do."""
        while not (self.activity.is_idle and self._is_quiet):
            await self.activity.change()

    @property
    def _is_quiet(self) -> bool:
        return self.alarm.is_quiet and self.scheduler.is_quiet and self.retention.is_quiet

    def running(self) -> list[RunningAttempt]:
        """Return the user code that is running, and does not merely wait for other missions."""
        return [attempt.describe() for attempt in self.runner.running if not attempt.is_at_rest]

    def abandon(self) -> list[asyncio.Task[Any]]:
        """Write nothing any more, and tell nobody but callers; return the tasks of user code that still runs."""
        self.scheduler.stop()
        self.retention.stop()
        tasks = self.runner.abandon()
        self.engine.abandon()
        self.deadlines.close()
        return tasks

    async def end_abandoned(self) -> None:
        """Wake nobody any more, and be there for nobody."""
        await self.alarm.close()
        await self.scheduler.close()
        await self.retention.close()
        if self._postman is not None:
            await self._postman.abandon()

    async def close(self) -> None:
        """Bring everything to its end."""
        await self.alarm.close()
        await self.scheduler.close()
        await self.retention.close()
        if self._postman is not None:
            self._postman.stop()
        await self.engine.close()
        await self.operations.drained()
        if self._postman is not None:
            await self._postman.close()
        self.deadlines.close()
