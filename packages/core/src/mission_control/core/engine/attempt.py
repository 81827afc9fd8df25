"""User code that is running for a mission: an attempt of a step, or an update."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import CoroutineType
from typing import Any, Generic, Protocol, TypeGuard

from typing_extensions import TypeVar

from ..definition import UserCode
from ..foreign import ENDS_THE_PROGRAM, tried
from ..log import ContainedLogger
from .asked import Operation
from .clock import RunningAttempt
from .runner import Runner, Stop

GRACE = 5.0
"""Seconds that user code gets to end once it was told to."""

MOST_ABANDONED = 32
"""Threads that were given up on and go on without a slot; while there are so many, a further one keeps its slot."""

_LINGERING = 1.0
"""Seconds after which a loop that should have ended is taken to go on."""

_TURNS = 10
"""Turns of the loop after which tasks of a step that were waiting for one another have gone on."""

logger: ContainedLogger = ContainedLogger("mission_control.engine")

current_attempt: contextvars.ContextVar[Attempt[Any] | None] = contextvars.ContextVar(
    "mission_control_attempt", default=None
)
"""The attempt that the code asking runs in, tasks and threads that it started included."""


class Carrier(Protocol):
    """The mission that code runs for."""

    mission_id: str

    def lent(self, attempt: Attempt[Any], /) -> None:
        """Code of the mission has let others have its slot for a while."""
        ...

    def reclaimed(self, attempt: Attempt[Any], /) -> None:
        """It has a slot again."""
        ...

    def rest_changed(self, attempt: Attempt[Any], /) -> None:
        """It has come to rest, or goes on."""
        ...

    @property
    def labels(self) -> dict[str, object]:
        """What a log line about the mission carries beside its text."""
        ...


class Code(Protocol):
    """What is run: a step, a decision, or an update."""

    @property
    def timeout(self) -> float | None:
        """How long it may take, in seconds."""
        ...


F = TypeVar("F", bound=Carrier, default=Any)


class Attempt(Generic[F]):
    """One run of user code, on the loop or on a thread, from its beginning to its one end.

    `ended(attempt)` is called once, on the loop: when the code has ended, or was told to stop and given up on.
    Then `value` or `error` is the outcome; both are None where there is none. An attempt that was given up on may
    still be running; its outcome is discarded.
    """

    value: object = None
    error: BaseException | None = None
    stopped: Stop | None = None
    is_over: bool = False
    is_abandoned: bool = False
    has_slot: bool = True
    """False while its slot is lent, and where its thread has it."""
    is_counted: bool = True
    """True where its slot is one of those that its mission counts: not that of an update, or of what was stopped."""
    keeps_slot: bool = False
    lent: int = 0
    """How many tasks of the code wait for another mission's answer, or have it and have not had their turn."""
    unanswered: int = 0
    """How many of these have no answer yet."""
    wakeful: int = 0
    """Turns of the loop that are left to other tasks of the code to go on, because one of them had its answer."""
    is_at_rest: bool = False
    """True while the code, as far as can be seen from here, does nothing but wait for other missions."""
    stands_by_for: str | None = None
    """The mission whose end the code waits for, or waited for first."""
    timeout_at: datetime | None = None
    is_sync: bool = False
    """True while the code runs on a thread, where it cannot be cancelled."""
    _trace: object = None
    _task: asyncio.Task[Any] | None = None
    _deadline: int | None = None
    _grace: asyncio.TimerHandle | None = None
    _last_words: BaseException | None = None
    """What the code raised last, where that most likely ends the loop."""

    def __init__(
        self,
        runner: Runner,
        flight: F,
        code: Code,
        name: str,
        number: int | None,
        ended: Callable[[Attempt[F]], None],
    ) -> None:
        self.runner = runner
        self.flight = flight
        self.code = code
        """Whose run this is."""
        self.name = name
        """The instance of the step, or the name of the update."""
        self.number = number
        """Which attempt of the step this is, from 1; None for an update."""
        self._ended = ended
        self._loop = asyncio.get_running_loop()

    def __str__(self) -> str:
        return f"{'update' if self.number is None else 'step'} {self.name!r} of mission {self.flight.mission_id!r}"

    def begin(self, run: UserCode, arguments: tuple[Any, ...], *, is_async: bool) -> None:
        """Start the code, and its timeout with it."""
        runner = self.runner
        if self.code.timeout is not None:
            self.timeout_at = _later(runner.clock.now(), self.code.timeout)
            self._deadline = runner.deadlines.add(self.timeout_at, self._time_out)
        runner.running.add(self)
        try:
            self._launch(run, arguments, is_async=is_async)
        except BaseException:  # no thread, say: nothing has run
            self._release()
            raise

    def _launch(self, run: UserCode, arguments: tuple[Any, ...], *, is_async: bool) -> None:
        runner = self.runner
        context = runner.context.copy()
        context.run(current_attempt.set, self)
        if runner.tracer is not None:
            self._trace = runner.tracer.attempt_began(self.flight.mission_id, self.name, self.number, context)
        if is_async:
            self._task = self._loop.create_task(self._call(run, arguments), context=context)
            self._task.add_done_callback(self._task_done)
        else:
            self.is_sync = True
            runner.threads.run(lambda: self._run_on_thread(run, arguments, context))

    def stop(self, reason: Stop) -> None:
        """Tell the code to stop, once; it is given up on after the grace. What runs on a thread cannot be told."""
        if self.is_over or self.stopped is not None:
            return
        self.stopped = reason
        self._settle_rest()
        if self._last_words is not None:
            self._finish(None, self._last_words)
            return
        if not self.is_sync:
            if self._task is not None:  # pragma: no branch - None only while an eager task factory runs the code
                self._task.cancel()
        elif reason is not Stop.CLOSE:
            self.abandon()
            return
        self._grace = self._loop.call_later(GRACE, self.abandon)
        if reason is Stop.TIMEOUT:
            # A clock that is moved by hand may pass the grace before the machine's does.
            self.timeout_at = _later(self.runner.clock.now(), GRACE)
            self._deadline = self.runner.deadlines.add(self.timeout_at, self.abandon)

    def abandon(self) -> None:
        """Go on without the code: whatever it still does is nobody's business any more."""
        self.is_abandoned = True
        logger.warning(
            "mission %s: %r (%s) was told to end and has not; it is abandoned, and what it returns is discarded",
            self.flight.mission_id,
            self.name,
            self.stopped.value if self.stopped else "stopped",
            extra={**self.flight.labels, "step": self.name, "attempt": self.number or 1},
        )
        if self.is_sync and self.stopped is not Stop.CLOSE:
            self._leave_thread()
        self._finish(None, None)

    def _leave_thread(self) -> None:
        """Let another mission have the slot, unless too many threads go on that were given up on."""
        abandoned = self.runner.abandoned
        if len(abandoned) < MOST_ABANDONED:
            abandoned.add(self)
            return
        self.keeps_slot = self.has_slot
        self.has_slot = False
        logger.warning(
            "%s keeps its slot until its thread returns, since %d threads that were abandoned before have not: %s",
            self,
            len(abandoned),
            ", ".join(sorted(map(str, abandoned))),
            extra={**self.flight.labels, "step": self.name, "attempt": self.number or 1},
        )

    def orphan(self) -> asyncio.Task[Any] | None:
        """Let the code run on, untold: nothing comes of how it ends. Returns its task, where it has one."""
        self.is_over = True
        if self._grace is not None:
            self._grace.cancel()
        return self._task

    def describe(self) -> RunningAttempt:
        """Return what a clock that moves time wants to know."""
        return RunningAttempt(mission_id=self.flight.mission_id, step_name=self.name, timeout_at=self.timeout_at)

    def _time_out(self) -> None:
        self._deadline = None
        self.stop(Stop.TIMEOUT)

    def _finish(self, value: object, error: BaseException | None) -> None:
        if self.is_over:
            return
        self.is_over = True
        self.value, self.error = value, error
        if self.is_at_rest:
            self._settle_rest()
        self._release()
        if self._grace is not None:
            self._grace.cancel()
        if self.runner.tracer is not None:
            self.runner.tracer.attempt_ended(self._trace, error, self.stopped and self.stopped.value)
        self._ended(self)

    def _release(self) -> None:
        self.runner.running.discard(self)
        if self._deadline is not None:
            self.runner.deadlines.remove(self._deadline)

    async def lending(self, operation: Operation) -> Any:
        """Wait at rest for another mission's answer, and let others have the slot meanwhile."""
        if operation.answer.done():
            return operation.answer.result()
        self.lent += 1
        self.unanswered += 1
        operation.on_answer = self.was_answered
        if self.has_slot:
            self.has_slot = False
            self.flight.lent(self)
            self.runner.slots.give_back()
        self._settle_rest()
        try:
            return await operation.answer
        finally:
            self.lent -= 1
            if operation.on_answer is not None:
                operation.on_answer = None  # nobody waits for the answer any more
                self.unanswered -= 1
            self._stay_awake()
            if self.stopped is None or self.is_sync:
                await self._reclaim()

    def was_answered(self) -> None:
        """Count as running from now on, and not only when the code gets its turn."""
        self.unanswered -= 1
        self._settle_rest()

    def _stay_awake(self) -> None:
        """Leave tasks that wait for the one that had its answer the time to go on, where others have none yet."""
        if self.lent:
            if not self.wakeful:
                self._loop.call_soon(self._doze)
            self.wakeful = _TURNS
        self._settle_rest()

    def _doze(self) -> None:
        self.wakeful -= 1
        if self.wakeful:
            self._loop.call_soon(self._doze)
        else:
            self._settle_rest()

    def _settle_rest(self) -> None:
        waits = self.lent > 0 and self.unanswered == self.lent and not self.wakeful
        is_at_rest = waits and self.stopped is None and not self.is_over
        if is_at_rest is self.is_at_rest:
            return
        self.is_at_rest = is_at_rest
        self.flight.rest_changed(self)

    async def _reclaim(self) -> None:
        """Hold a slot again before the code goes on, be it a thread that was given up on and may not go on without."""
        while self._lacks_slot():
            await self.runner.slots.acquire()
            if not self._lacks_slot():
                self.runner.slots.give_back()
            elif self.is_abandoned:
                self.keeps_slot = True
            else:
                self.has_slot = True
                self.flight.reclaimed(self)

    def _lacks_slot(self) -> bool:
        if self.is_abandoned and self.is_sync:
            return not (self.lent or self.keeps_slot or self in self.runner.abandoned)
        return not (self.is_over or self.lent or self.has_slot)

    # On the loop

    async def _call(self, run: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Run the code; where it has just returned the mission goes on from here, and not a turn of the loop later."""
        value = await run(*arguments)
        task = self._task
        if task is not None and self.stopped is None and not task.cancelling():
            task.remove_done_callback(self._task_done)
            self._task = None
            self.runner.context.copy().run(self._finish, value, None)
        return value

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._task = None  # the task's context refers to this attempt
        if not task.cancelled():
            error = task.exception()
            if isinstance(error, ENDS_THE_PROGRAM):
                self._end_with_loop(error)  # which has it already: the program ends
            else:
                self._finish(task.result() if error is None else None, error)
        elif self.stopped is not None:
            self._finish(None, asyncio.CancelledError())
        elif task.cancelling() == 0:
            self._finish(None, asyncio.CancelledError("the step raised CancelledError by itself"))
        else:
            # Somebody cancels tasks that are not theirs.
            self._end_with_loop(asyncio.CancelledError("the step's task was cancelled"))

    def _end_with_loop(self, error: BaseException) -> None:
        """The code has ended, and most likely so does the loop: close may come before, or the loop may go on."""
        self._last_words = error
        self._loop.call_later(_LINGERING, self._finish, None, error)

    # On a thread

    def _run_on_thread(self, run: UserCode, arguments: tuple[Any, ...], context: contextvars.Context) -> None:
        value, error = None, None
        try:
            value = context.run(run, *arguments)
        except BaseException as raised:
            error = _without_our_frame(raised)
        with contextlib.suppress(
            RuntimeError
        ):  # the loop has ended: the next process will find the attempt interrupted
            self._loop.call_soon_threadsafe(self._thread_done, value, error, context)

    def _thread_done(self, value: object, error: BaseException | None, context: contextvars.Context) -> None:
        self.is_sync = False
        self.runner.abandoned.discard(self)
        if self.keeps_slot:
            self.runner.slots.give_back()
        if isinstance(error, ENDS_THE_PROGRAM):
            self._end_with_loop(error)
            raise error
        if not is_awaitable(value):
            self._finish(value, error)
        elif self.stopped is not None or self.is_over:
            _discard(value)
            self._finish(None, asyncio.CancelledError())
        else:
            self._task = self._loop.create_task(_wait(value), context=context)
            self._task.add_done_callback(self._task_done)


def _without_our_frame(error: BaseException) -> BaseException:
    """Leave our own frame out of the error's traceback: whoever keeps the error would keep the mission in memory."""
    trace = error.__traceback__
    return BaseException.with_traceback(error, trace and trace.tb_next)


def is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    """True where the value can be awaited; one that raises when it is asked cannot."""
    return tried(lambda: inspect.isawaitable(value), lambda _: False)


def _discard(value: object) -> None:
    if isinstance(value, CoroutineType):
        with contextlib.suppress(BaseException):  # it has not begun, and whatever its end raises is nobody's
            value.close()


async def _wait(value: Any) -> Any:
    return await value


def _later(now: datetime, seconds: float) -> datetime:
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=now.tzinfo)
