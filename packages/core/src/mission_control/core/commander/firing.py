"""One schedule: its slots are decided one after another, each on record in the commit that starts its mission."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

import attrs

from ..engine import CancelOperation, Clock, Engine, Operation, Threads, is_awaitable
from ..errors import (
    CommanderClosedError,
    MissionControlError,
    MissionExecutionError,
    PersistenceError,
    StaleMissionError,
)
from ..foreign import described, must_pass
from ..history import MissionStatus, PassedOver
from ..log import ContainedLogger
from ..payloads import is_coroutine_function
from ..schedules import Schedule, Sorter, StoredSchedule, decide_slot, decided, joined, passed_over, resumed, started
from ..storage import PersistenceAdapter
from .embedded_port import mission_status

logger: ContainedLogger = ContainedLogger("mission_control.schedules")

_TURN = 256
"""Slots that are looked at in one turn of the loop."""
_MOST_BACKFILLED = 10_000
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Means:
    """What a schedule fires with."""

    engine: Engine
    adapter: PersistenceAdapter
    clock: Clock
    threads: Threads

    async def status(self, mission_id: str) -> MissionStatus:
        """Return where a mission is in its life; `idle` where there is none."""
        return await mission_status(self.engine, self.adapter, mission_id)


class Firing:
    """A schedule that storage knows, as its row says; `schedule` is None where the code does not name it.

    `look` is called where there may be something to decide: a mission has ended that a slot waits for, or could not be
    cancelled for it.
    """

    def __init__(
        self, means: Means, schedule: Schedule[Any] | None, row: StoredSchedule, look: Callable[[], None]
    ) -> None:
        self.schedule = schedule
        self.row: StoredSchedule = row
        """What storage has, without those of its missions that are known to have ended."""
        self.lock: asyncio.Lock = asyncio.Lock()
        """Held by whoever changes the row."""
        self._means = means
        self._look = look
        self._running: dict[str, Operation] = {}
        """What tells of the ends of the missions of its slots that run."""
        self._is_sure = False
        """True once it is known which of the missions still run that did when the row was written."""
        self._cancelling: set[str] = set()

    @property
    def next_slot(self) -> datetime | None:
        """When there is something to decide; None for one that is paused, absent or at its end."""
        return None if self.schedule is None or self.row.is_paused else self.row.next_slot

    @property
    def waits(self) -> bool:
        """True where a slot waits for missions to end."""
        return self.row.queued is not None

    def take_up(self, row: StoredSchedule) -> None:
        """Go on from what storage has, after a fault."""
        self.close()
        self.row = row

    def close(self) -> None:
        """Wait for the end of no mission any more."""
        running, self._running, self._is_sure = self._running, {}, False
        self._cancelling.clear()
        for operation in running.values():
            operation.answer.cancel()

    # What is due

    async def decide(self) -> None:
        """Decide all that is due, and start the slot that waits where there is room. Raises `PersistenceError`."""
        schedule = self.schedule
        if schedule is None or self.row.is_paused:
            return
        await self._find_running()
        row = self.row
        if row.queued is not None and not row.running:
            row = await self._start(schedule, row, row.queued)
        now = self._means.clock.now()
        sorter = Sorter(now, schedule.catch_up)
        async for slot in _through(schedule, row.decided, now):
            for due in sorter.take(slot):
                row = await self._settle(schedule, row, due)
        for due in sorter.rest():
            row = await self._settle(schedule, row, due)
        await self._record(row)
        self._make_room(schedule)

    async def _settle(self, schedule: Schedule[Any], row: StoredSchedule, due: datetime | PassedOver) -> StoredSchedule:
        if isinstance(due, PassedOver):
            return decided(schedule, row.passing_over(due), due.last)
        row, starts = decide_slot(schedule, row, due)
        return await self._start(schedule, row, due) if starts else row

    async def _find_running(self) -> None:
        if not self._is_sure:
            self._is_sure = True
            for mission_id in self.row.running:
                self._watch(mission_id)
                status = await self._means.status(mission_id)
                if status.is_terminal or status is MissionStatus.IDLE:  # it may have been purged
                    self._unwatch(mission_id)
        self.row = attrs.evolve(self.row, running=tuple(self._running))

    def _watch(self, mission_id: str) -> None:
        operation = Operation(asyncio.get_running_loop().create_future())
        operation.on_answer = partial(self._ended, mission_id)  # at once: nothing else is under way
        self._running[mission_id] = operation
        self._means.engine.await_end(mission_id, operation)

    def _unwatch(self, mission_id: str) -> None:
        self._running.pop(mission_id).answer.cancel()

    def _ended(self, mission_id: str) -> None:
        self._running.pop(mission_id, None)
        self._cancelling.discard(mission_id)
        if not self._running and self.waits:
            self._look()

    def _make_room(self, schedule: Schedule[Any]) -> None:
        """See to the slot that waits, where one does."""
        if not self.waits:
            return
        if not self._running:  # they have ended while it was put on record
            self._look()
        elif schedule.overlap == "cancel":
            for mission_id in self._running.keys() - self._cancelling:
                self._cancel(schedule, mission_id)

    def _cancel(self, schedule: Schedule[Any], mission_id: str) -> None:
        self._cancelling.add(mission_id)
        operation = CancelOperation(asyncio.get_running_loop().create_future(), _reason(schedule, self.row.queued))
        operation.answer.add_done_callback(partial(self._cancelled, mission_id))
        self._means.engine.submit(mission_id, operation)

    def _cancelled(self, mission_id: str, answer: asyncio.Future[Any]) -> None:
        error = None if answer.cancelled() else answer.exception()
        if error is None or isinstance(error, CommanderClosedError):
            return
        logger.warning("schedule %s: mission %s could not be cancelled: %s", self.row.name, mission_id, error)
        self._cancelling.discard(mission_id)
        if isinstance(error, PersistenceError):
            self._look()

    # Starting

    async def _start(self, schedule: Schedule[Any], row: StoredSchedule, slot: datetime) -> StoredSchedule:
        """Start the mission of a slot, and return the row that says so; not on record yet where nothing was started."""
        try:
            stored = await self._input(schedule, slot)
        except BaseException as error:
            if must_pass(error):
                raise
            logger.exception("schedule %s: no input for slot %s, which is passed over", row.name, slot)
            return passed_over(row, slot, "failed")
        mission_id = schedule.mission_id(slot)
        new = started(row, slot, mission_id)
        self._watch(mission_id)
        if await self._create(schedule, mission_id, stored, slot=slot, row=new):
            self.row = new
            return new
        self._unwatch(mission_id)  # somebody has started it before: that was this slot
        return attrs.evolve(row, queued=None if row.queued == slot else row.queued)

    async def _input(self, schedule: Schedule[Any], slot: datetime) -> Any:
        make = schedule.make_input
        if make is None:
            return schedule.fixed_input
        local = schedule.in_zone(slot)
        value = make(local) if is_coroutine_function(make) else await self._means.threads.call(make, local)
        value = await value if is_awaitable(value) else value
        subject = f"input of slot {slot} of schedule {schedule.name!r}"
        return schedule.definition.start.input.validate(value, event_name="start", subject=subject)

    async def _create(
        self,
        schedule: Schedule[Any],
        mission_id: str,
        stored: Any,
        *,
        slot: datetime | None,
        row: StoredSchedule | None = None,
        by: str | None = None,
    ) -> bool:
        """Start a mission, along with the row; False where there is one of that id already."""
        engine, definition = self._means.engine, schedule.definition
        while True:
            operation = Operation(asyncio.get_running_loop().create_future())
            operation.schedule = row
            known = engine.start(
                definition,
                mission_id,
                stored,
                None,
                operation,
                wait=False,
                by=by,
                labels=schedule.labels,
                schedule=schedule.name,
                slot=slot,
            )
            with suppress(StaleMissionError):
                if known is None:
                    await operation.answer
                    return True
                await engine.known(known)
            if await self._means.status(mission_id) is not MissionStatus.IDLE:
                return False

    async def _record(self, row: StoredSchedule) -> None:
        if row != self.row:
            await self._means.adapter.record_schedules([row])
            self.row = row

    # What callers ask

    async def pause(self) -> None:
        """Start nothing by the calendar any more; a slot that waits is passed over."""
        row = self.row if self.row.queued is None else passed_over(self.row, self.row.queued, "paused")
        await self._record(attrs.evolve(row, is_paused=True))

    async def resume(self) -> None:
        """Start missions by the calendar again; what was missed meanwhile is passed over."""
        if not self.row.is_paused:
            return
        if self.schedule is None:
            await self._record(attrs.evolve(self.row, is_paused=False))
            return
        now, missed = self._means.clock.now(), None
        async for slot in _through(self.schedule, self.row.decided, now):
            missed = joined(missed, slot, "paused")
        await self._record(resumed(self.schedule, self.row, now, missed))

    async def trigger(self, schedule: Schedule[Any], instant: datetime, by: str | None) -> str:
        """Start a mission for that instant, unless that was done before, and return its id."""
        mission_id = schedule.triggered_id(instant)
        stored = await self._asked_input(schedule, instant)
        await self._create(schedule, mission_id, stored, slot=None, by=by)
        return mission_id

    async def backfill(self, schedule: Schedule[Any], since: datetime, until: datetime, by: str | None) -> list[str]:
        """Start the missions of these slots that are not there, and return the ids of all of them."""
        slots: list[datetime] = []
        async for slot in _through(schedule, _right_before(since), _right_before(until)):
            slots.append(slot)
            if len(slots) > _MOST_BACKFILLED:
                raise ValueError(
                    f"schedule {schedule.name!r} has more than {_MOST_BACKFILLED} slots from {since} until {until}: "
                    f"ask for fewer at a time"
                )
        started: list[str] = []
        for slot in slots:
            mission_id = schedule.mission_id(slot)
            if await self._means.status(mission_id) is MissionStatus.IDLE:
                await self._create(schedule, mission_id, await self._asked_input(schedule, slot), slot=slot, by=by)
            started.append(mission_id)
        return started

    async def _asked_input(self, schedule: Schedule[Any], slot: datetime) -> Any:
        try:
            return await self._input(schedule, slot)
        except MissionControlError:
            raise
        except Exception as error:
            raise MissionExecutionError(
                f"schedule {schedule.name!r}: the function that makes the input failed for {slot}: {described(error)}"
            ) from error


async def _through(schedule: Schedule[Any], after: datetime, last: datetime) -> AsyncIterator[datetime]:
    """Yield the slots behind `after` up to `last`, and leave others on the loop their turns."""
    for number, slot in enumerate(takewhile(lambda slot: slot <= last, schedule.slots(after)), 1):
        yield slot
        if number % _TURN == 0:
            await asyncio.sleep(0)


def _right_before(instant: datetime) -> datetime:
    return max(instant, _BEGINNING + timedelta.resolution) - timedelta.resolution


def _reason(schedule: Schedule[Any], slot: datetime | None) -> str:
    return f"the slot {slot} of schedule {schedule.name!r} takes its place"
