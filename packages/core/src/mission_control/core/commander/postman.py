"""Serves a mailbox: brings what other processes ask to the missions, as if it had been asked here, and answers.

What a client asks of a mission is a lane: it is handed over in the order in which it was accepted, each as soon as it
has come, and answered whenever that may be. A request leaves the mailbox when its final answer is durable, and not
before: where storage fails, or the commander is closed, it stays. Where nobody knows whether it was applied, storage is
asked, and what comes behind it in its lane is held back meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import attrs

from ..definition import checked_instant, checked_labels, sought, sought_id
from ..engine import Activity, Coalescer, Requested, as_persistence_error, not_found
from ..errors import CommanderClosedError, CorruptMissionError, MissionControlError, PersistenceError
from ..foreign import must_pass
from ..history import MissionStatus
from ..log import ContainedLogger
from ..storage import (
    Answer,
    AnsweredError,
    CancelRequest,
    EndRequest,
    ImportRequest,
    OperatorRequest,
    OwnedMailbox,
    PostedRequest,
    PurgeRequest,
    RepairRequest,
    ScheduleRequest,
    SignalRequest,
    StartRequest,
    UpdateRequest,
)
from ..values import Shown
from .embedded_port import EmbeddedPort
from .notes import checked_key, noted
from .schedules import checked_span

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0

_SETS_IN_MOTION = (StartRequest, SignalRequest, CancelRequest)
"""What sets something in motion that whoever waits is told the end of."""

_IS_CONTINUED = (CancelRequest, PurgeRequest)
"""What is asked for once more where an owner has died in the middle of it: it goes on from there."""

_Key: TypeAlias = tuple[str, str]
_Taken: TypeAlias = tuple[PostedRequest, Answer | None]
"""A request that has come, and what is on record of it."""
_Ending: TypeAlias = tuple[PostedRequest, Answer | None]
"""A request that is over, and what is to be recorded of it; None where that is on record."""


@attrs.define(eq=False)
class _Lane(Shown):
    """What one client asks of one mission: what has been handed over, and what is held back after a fault."""

    handed: dict[str, tuple[PostedRequest, asyncio.Task[Any]]] = attrs.field(factory=dict[str, Any])
    waiting: list[PostedRequest] = attrs.field(factory=list[PostedRequest])
    backoff: float = 0.0
    retry: asyncio.TimerHandle | asyncio.Task[None] | None = None


class Postman:
    """Serves the mailbox of one commander that is open."""

    def __init__(self, mailbox: OwnedMailbox, operations: EmbeddedPort, activity: Activity) -> None:
        self._mailbox = mailbox
        self._operations = operations
        self._activity = activity
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[_Key, _Lane] = {}
        self._endings: Coalescer[_Ending, _Ending, None] = Coalescer(self._end, self._ended, activity)
        self._looking: asyncio.Task[None] | None = None
        self._is_ready = False
        self._is_rung = False
        self._is_closed = False
        self._backoff = 0.0
        self._retries: set[asyncio.TimerHandle] = set()

    async def open(self) -> None:
        """Be there for those who ring. Raises `PersistenceError`."""
        await self._mailbox.open(self._ring)

    async def take_up(self) -> None:
        """Hand over everything that is there, once all of it has been read: nothing of it runs before."""
        first: list[_Taken] = []
        await self._take(first.extend)
        self._accept_all(first)
        self._is_ready = True
        if self._is_rung:
            self._ring()

    # Taking

    def _ring(self) -> None:
        self._is_rung = not self._is_closed
        if self._is_ready and self._looking is None and self._is_rung:
            self._activity.enter()
            self._looking = self._loop.create_task(self._look())

    async def _look(self) -> None:
        try:
            while self._is_rung:
                self._is_rung = False
                await self._take(self._accept_all)
        finally:
            self._looking = None
            self._activity.leave()

    async def _take(self, accept: Callable[[Sequence[_Taken]], None]) -> None:
        try:
            async for taken in self._mailbox.take():
                accept(taken)
            self._backoff = 0.0
        except BaseException as error:
            if must_pass(error):
                raise
            self._look_later(as_persistence_error(error))

    def _look_later(self, error: PersistenceError) -> None:
        self._backoff = min(_LONGEST_BACKOFF, self._backoff * 2 or _FIRST_BACKOFF)
        logger.warning("the mailbox could not be looked into: %s; trying again in %g s", error, self._backoff)
        self._later(self._backoff, self._ring)

    def _accept_all(self, taken: Sequence[_Taken]) -> None:
        for posted, known in taken:
            self._accept(posted, known)

    def _accept(self, posted: PostedRequest, known: Answer | None) -> None:
        """Answer what is on record already, and hand the rest over, or keep it for its turn."""
        if known is not None and (known.is_final or not isinstance(posted.request, _IS_CONTINUED)):
            final = None if known.is_final else Answer(request_id=posted.request_id)
            self._endings.submit((posted, final), (posted, final))
            return
        lane = self._lanes.setdefault(_key(posted), _Lane())
        if lane.waiting:
            lane.waiting.append(posted)
        else:
            self._hand_over(lane, posted)

    # Handing over

    def _hand_over(self, lane: _Lane, posted: PostedRequest) -> None:
        is_final = not (posted.is_awaited and isinstance(posted.request, _SETS_IN_MOTION))
        requested = Requested(posted.request_id, is_final)
        task = self._loop.create_task(self._ask(lane, posted, requested))
        lane.handed[posted.request_id] = (posted, task)
        task.add_done_callback(partial(self._has_answer, lane, posted, requested))
        self._activity.enter()
        self._loop.call_soon(self._activity.leave)  # by then the mission has it

    async def _ask(self, lane: _Lane, posted: PostedRequest, requested: Requested) -> Any:
        """Ask as a caller in this process does, with the same checks; return what is answered."""
        asked, operations = posted.request, self._operations
        mission_id = sought_id(asked.mission_id, subject="a mission id")
        if isinstance(asked, StartRequest):
            await operations.start(
                asked.mission_name,
                asked.input,
                mission_id=asked.mission_id,
                if_exists=asked.if_exists,
                start_at=asked.start_at,
                wait=posted.is_awaited,
                by=noted(asked.by, None),
                labels=checked_labels(asked.labels),
                requested=requested,
            )
        elif isinstance(asked, SignalRequest):
            key, by = checked_key(asked.key), noted(asked.by, None)
            await operations.signal(
                mission_id,
                asked.name,
                asked.payload,
                at=asked.at,
                key=key,
                by=by,
                wait=posted.is_awaited,
                requested=requested,
            )
        elif isinstance(asked, UpdateRequest):
            key, by = checked_key(asked.key), noted(asked.by, None)
            return await operations.plain_update(
                mission_id, asked.name, asked.input, asked.timeout, key=key, by=by, requested=requested
            )
        elif isinstance(asked, CancelRequest):
            await operations.cancel(mission_id, asked.reason, by=noted(asked.by, None), requested=requested)
        elif isinstance(asked, ScheduleRequest):
            return await self._change_schedule(asked)
        elif isinstance(asked, EndRequest):
            await self._see_the_end(lane, mission_id)
        else:
            return await self._operate(attrs.evolve(asked, by=noted(asked.by, None)), requested)
        return None

    async def _operate(self, asked: OperatorRequest, requested: Requested) -> int | None:
        """Do what an operator asks: for it to be applied once, the answer comes with what it changes, where it can."""
        if isinstance(asked, ImportRequest):
            await self._operations.import_mission(asked, requested)
        elif isinstance(asked, PurgeRequest):
            return await self._operations.purge(asked, requested)
        elif isinstance(asked, RepairRequest):
            return await self._operations.repair(asked)
        else:
            await self._operations.change(asked, requested)
        return None

    async def _change_schedule(self, asked: ScheduleRequest) -> list[str]:
        """Ask with the instants that make it the same when it is asked again."""
        name, by = sought(asked.name, subject="the name of a schedule"), noted(asked.by, None)
        since, until = asked.since, asked.until
        if asked.action == "trigger":
            since = checked_instant(since, subject="since")
        elif asked.action == "backfill":
            since, until = checked_span(since, until)
        return await self._operations.change_schedule(name, asked.action, since=since, until=until, by=by)

    async def _see_the_end(self, lane: _Lane, mission_id: str) -> None:
        starts = [task for posted, task in lane.handed.values() if isinstance(posted.request, StartRequest)]
        if starts:
            await asyncio.wait(starts)
        if await self._operations.status(mission_id) is MissionStatus.IDLE:
            raise not_found(mission_id)
        await self._operations.ended(mission_id)

    def _has_answer(self, lane: _Lane, posted: PostedRequest, requested: Requested, task: asyncio.Task[Any]) -> None:
        if lane.handed.get(posted.request_id) != (posted, task):
            return  # it was taken back
        del lane.handed[posted.request_id]
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or isinstance(error, CommanderClosedError):
            pass  # it stays in the mailbox
        elif isinstance(error, PersistenceError) and not isinstance(error, CorruptMissionError):
            self._hold_back(lane, posted, error)
        else:
            self._answer(posted, requested, task.result() if error is None else None, error)
            lane.backoff = 0.0
        self._drop_if_done(lane, posted)

    def _drop_if_done(self, lane: _Lane, posted: PostedRequest) -> None:
        if not lane.handed and not lane.waiting:
            self._lanes.pop(_key(posted), None)

    def _answer(self, posted: PostedRequest, requested: Requested, value: object, error: BaseException | None) -> None:
        final: Answer | None = None
        if error is not None:
            if not isinstance(error, MissionControlError | ValueError | TypeError):
                logger.error("request %s could not be served", posted.request_id, exc_info=error)
            is_refused = not (requested.is_recorded or isinstance(posted.request, EndRequest))  # that changes nothing
            final = Answer(request_id=posted.request_id, error=AnsweredError.of(error), is_refused=is_refused)
        elif not (requested.is_recorded and requested.is_final):
            final = Answer(request_id=posted.request_id, value=value)
        self._endings.submit((posted, final), (posted, final))

    # Faults of storage

    def _hold_back(self, lane: _Lane, posted: PostedRequest, error: PersistenceError) -> None:
        """Nobody knows whether it was applied: ask storage in a while, and take back what is not decided behind it."""
        if self._is_closed:
            return
        later = [
            (one, task)
            for one, task in lane.handed.values()
            if one.request_id > posted.request_id and not isinstance(one.request, StartRequest)
        ]
        for one, task in later:
            del lane.handed[one.request_id]
            task.cancel()
        lane.waiting = sorted([posted, *(one for one, _ in later), *lane.waiting], key=lambda one: one.request_id)
        if lane.retry is None:
            lane.backoff = min(_LONGEST_BACKOFF, lane.backoff * 2 or _FIRST_BACKOFF)
            logger.debug("request %s: %s; trying again in %g s", posted.request_id, error, lane.backoff)
            lane.retry = self._later(lane.backoff, self._try_again, lane)

    def _try_again(self, lane: _Lane) -> None:
        lane.retry = self._loop.create_task(self._hand_over_again(lane))

    async def _hand_over_again(self, lane: _Lane) -> None:
        with self._activity:
            known: dict[str, Answer | None] = {}
            try:
                while unasked := [one.request_id for one in lane.waiting if one.request_id not in known]:
                    answers = await self._mailbox.known(unasked)  # meanwhile more may have come to wait
                    known.update((request_id, answers.get(request_id)) for request_id in unasked)
            except BaseException as error:
                if must_pass(error):
                    raise
                lane.retry = None
                self._hold_back(lane, lane.waiting.pop(0), as_persistence_error(error))
                return
            lane.retry = None
            waiting, lane.waiting = lane.waiting, []
            for posted in waiting:
                self._accept(posted, known[posted.request_id])
            self._drop_if_done(lane, waiting[0])

    # Ending

    async def _end(self, endings: Sequence[_Ending]) -> Sequence[None]:
        answers = [(posted, answer) for posted, answer in endings if answer is not None]
        if answers:
            await self._mailbox.record(answers)
        await self._mailbox.end([posted for posted, _ in endings])
        return [None] * len(endings)

    def _ended(self, ending: _Ending, outcome: PersistenceError | None) -> None:
        if outcome is not None and not self._is_closed:
            logger.debug("request %s could not be answered yet: %s", ending[0].request_id, outcome)
            self._later(_LONGEST_BACKOFF, self._endings.submit, ending, ending)

    def _later(self, delay: float, callback: Any, *arguments: Any) -> asyncio.TimerHandle:
        def call() -> None:
            self._retries.discard(handle)
            callback(*arguments)

        handle = self._loop.call_later(delay, call)
        self._retries.add(handle)
        return handle

    # Its end

    def stop(self) -> None:
        """Take nothing any more; what is handed over goes on."""
        self._is_closed, self._is_rung = True, False
        for retry in self._retries:
            retry.cancel()

    async def close(self) -> None:
        """Make durable what is answered, leave the rest where it is, and give the mailbox up."""
        self.stop()
        await self._withdraw()
        await self._endings.drained()
        await self._mailbox.close()

    async def abandon(self) -> None:
        """Leave everything as the end of the process would."""
        self.stop()
        self._endings.cut(PersistenceError("the commander was abandoned: nothing of it is written any more"))
        await self._withdraw()
        await self._mailbox.close()

    async def _withdraw(self) -> None:
        tasks = [task for lane in self._lanes.values() for _, task in lane.handed.values()]
        tasks += [lane.retry for lane in self._lanes.values() if isinstance(lane.retry, asyncio.Task)]
        if self._looking is not None:
            tasks.append(self._looking)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _key(posted: PostedRequest) -> _Key:
    return posted.sender, posted.request.mission_id
