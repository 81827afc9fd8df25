"""Fires schedules: one wait on the clock serves all of them, and each decides its slots by itself.

In memory nothing runs ahead of what is durable: where a write fails nobody knows whether it took effect, so the rows
are read again before anything else is decided of those that it concerned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import attrs

from ..engine import Activity, Deadlines, as_persistence_error, closed
from ..errors import PersistenceError, ScheduleNotFoundError
from ..foreign import must_pass
from ..log import ContainedLogger
from ..schedules import Schedule, StoredSchedule, known_as
from ..storage import ScheduleAction
from .firing import Firing, Means
from .schedules import schedule_not_found

logger: ContainedLogger = ContainedLogger("mission_control.schedules")

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0
_MOST_NAMED = 20
"""Names in an error."""

T = TypeVar("T")


class Scheduler:
    """The schedules of one commander that is open."""

    def __init__(self, schedules: Mapping[str, Schedule[Any]], means: Means, activity: Activity) -> None:
        self._schedules = schedules
        self._means = means
        self._activity = activity
        self._deadlines = Deadlines(means.clock, activity)
        self._firings: dict[str, Firing] = {}
        self._alarms: dict[str, int] = {}
        self._deciding: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._unsure: set[str] = set()
        """Those of which nobody knows what their rows say."""
        self._changes: set[asyncio.Task[Any]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._backoff = 0.0
        self._is_closed = False

    # Its life

    async def open(self) -> None:
        """Put on record which schedules the code names. Raises `PersistenceError`."""
        rows = await self._rows()
        now, changed = self._means.clock.now(), list[StoredSchedule]()
        for name in {**rows, **self._schedules}:
            before, schedule = rows.get(name), self._schedules.get(name)
            if schedule is not None:
                row = known_as(schedule, before, now)
            else:
                row = attrs.evolve(rows[name], is_absent=True)
            if row is not before and row != before:
                changed.append(row)
            self._firings[name] = Firing(self._means, schedule, row, partial(self._begin, name))
        if changed:
            await self._means.adapter.record_schedules(changed)

    async def _rows(self) -> dict[str, StoredSchedule]:
        return {row.name: row for row, _ in await self._means.adapter.list_schedules()}

    def begin(self) -> None:
        """Decide what is due, and wait for the rest."""
        for name, firing in self._firings.items():
            if firing.waits:
                self._begin(name)
            else:
                self._set_alarm(name, firing)

    def stop(self) -> None:
        """Decide nothing any more."""
        self._is_closed = True
        self._deadlines.close()
        if self._retry is not None:
            self._retry.cancel()
        for firing in self._firings.values():
            firing.close()
        for task in self._tasks():
            task.cancel()
        self._activity.notify()

    async def close(self) -> None:
        """Bring everything to its end."""
        self.stop()
        if tasks := self._tasks():
            await asyncio.wait(tasks)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [*self._deciding.values(), *self._changes]

    @property
    def is_quiet(self) -> bool:
        """True where everything that is due has been decided, or is being decided, or never will be here."""
        return self._is_closed or (self._deadlines.is_quiet and not self._unsure)

    async def sweep(self) -> bool:
        """Decide what is due, and return when that is done; False where nothing was."""
        now = self._means.clock.now()
        for name, firing in self._firings.items():
            if firing.next_slot is not None and firing.next_slot <= now:
                self._begin(name)
        deciding = tuple(self._deciding.values())
        if deciding:
            await asyncio.wait(deciding)
        return bool(deciding)

    # Deciding

    def _set_alarm(self, name: str, firing: Firing) -> None:
        alarm = self._alarms.pop(name, None)
        if alarm is not None:
            self._deadlines.remove(alarm)
        if firing.next_slot is not None:
            self._alarms[name] = self._deadlines.add(firing.next_slot, partial(self._begin, name))

    def _begin(self, name: str) -> None:
        if self._is_closed or name in self._unsure:
            return
        if name in self._deciding:
            self._again.add(name)
            return
        self._activity.enter()
        self._deciding[name] = asyncio.get_running_loop().create_task(self._decide(name))

    async def _decide(self, name: str) -> None:
        firing = self._firings[name]
        try:
            async with firing.lock:
                await firing.decide()
            self._backoff = 0.0
        except BaseException as error:
            if must_pass(error):
                raise
            self._fail(name, as_persistence_error(error))
        finally:
            del self._deciding[name]
            self._activity.leave()
        if name in self._again:
            self._again.discard(name)
            self._begin(name)
        else:
            self._set_alarm(name, firing)

    # Failing storage

    def _fail(self, name: str, error: PersistenceError) -> None:
        self._unsure.add(name)
        if self._retry is None and not self._is_closed:
            self._backoff = min(_LONGEST_BACKOFF, self._backoff * 2 or _FIRST_BACKOFF)
            logger.warning("schedule %s: %s; trying again in %g s", name, error, self._backoff)
            self._retry = asyncio.get_running_loop().call_later(self._backoff, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        _ = self._spawn(self._find_out())

    async def _find_out(self) -> None:
        try:
            await self._take_up()
        except BaseException as error:
            if must_pass(error):
                raise
            self._fail(next(iter(self._unsure)), as_persistence_error(error))

    async def _take_up(self) -> None:
        """Go on from what storage has. Raises `PersistenceError`."""
        rows = await self._rows()
        unsure, self._unsure = self._unsure, set()
        for name in unsure:
            firing = self._firings[name]
            firing.take_up(rows.get(name, firing.row))  # it is left out where it has been damaged meanwhile
            self._begin(name)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._activity.enter()
        self._changes.add(task)
        task.add_done_callback(self._spawned_ended)
        return task

    def _spawned_ended(self, task: asyncio.Task[Any]) -> None:
        self._changes.discard(task)
        self._activity.leave()

    # What callers ask

    async def change(
        self, name: str, action: ScheduleAction, *, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        """Do what is asked of a schedule, whether or not its caller is cancelled; return the ids of its missions.

        Raises `ScheduleNotFoundError` for a schedule that is not known, or that the code does not name where it would
        have to start missions, `PersistenceError` where it is unknown whether it was done, and `CommanderClosedError`
        where the commander is closed before it is.
        """
        if name not in self._firings:
            raise schedule_not_found(name, sorted(self._firings)[:_MOST_NAMED])
        if self._is_closed:
            raise closed()
        changing = self._spawn(self._change(self._firings[name], action, since, until, by))
        try:
            return await asyncio.shield(changing)
        except asyncio.CancelledError:
            if changing.cancelled():  # and not its caller
                raise closed() from None
            raise

    async def _change(
        self, firing: Firing, action: ScheduleAction, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        if action in ("trigger", "backfill"):
            return await self._start(firing, action, since, until, by)
        name = firing.row.name
        async with firing.lock:
            if name in self._unsure:
                await self._take_up()
            try:
                await (firing.pause() if action == "pause" else firing.resume())
            except PersistenceError as error:
                self._fail(name, error)
                raise
            self._set_alarm(name, firing)
        return []

    async def _start(
        self, firing: Firing, action: ScheduleAction, since: datetime | None, until: datetime | None, by: str | None
    ) -> list[str]:
        schedule = firing.schedule
        if schedule is None:
            raise ScheduleNotFoundError(
                f"schedule {firing.row.name!r} is absent: no code names it here, so nobody knows what to start"
            )
        since = self._means.clock.now() if since is None else since
        if action == "trigger":
            return [await firing.trigger(schedule, since, by)]
        return await firing.backfill(schedule, since, since if until is None else until, by)
