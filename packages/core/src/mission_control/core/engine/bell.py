"""One timer for many missions that wait: at the earliest due time, those that are due are read from storage, in pages.

A bell remembers up to which instant it has handed missions out, so one that cannot run here (unregistered, mismatched,
corrupt) is passed over once, and does not stand before the others the next time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from ..errors import PersistenceError
from ..foreign import must_pass
from ..history import MissionSummary
from ..log import ContainedLogger
from ..storage import DueKind, PersistenceAdapter, next_due_kind
from .activity import Activity
from .clock import Clock
from .coalescer import as_persistence_error
from .observer import Observer
from .refusals import closed
from .sleeper import Sleeper
from .slots import Slots

logger: ContainedLogger = ContainedLogger("mission_control.alarm")

_PAGE = 256
_Page: TypeAlias = deque[MissionSummary]
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0
_LAST_ID = "\U0010ffff" * 256
"""Sorts behind every id."""


class Wakes(Protocol):
    """What the alarm drives."""

    def keep_in_motion(self, mission_id: str, /) -> bool:
        """Let a mission for which something is under way go on by itself after that; False where nothing is."""
        ...

    def obstacle(self, summary: MissionSummary, /) -> Exception | None:
        """Return why the mission cannot run here, as far as its summary tells."""
        ...

    def settle_stray(self, summary: MissionSummary, /) -> None:
        """Bring a child's end to its parent, or cancel a child that nobody wants any more."""
        ...

    def wake(
        self, summary: MissionSummary, woken: Callable[[MissionSummary, Exception | None], None], /, *, has_slot: bool
    ) -> None:
        """Let the mission go on, and say whether it does."""
        ...


class Bell:
    """Wakes missions whose waits of some kinds are due.

    With `slots`, each is woken with a slot, and those that another process left running are woken at first. Without,
    they are woken as they are, a page at a time.
    """

    def __init__(
        self,
        kinds: Sequence[DueKind],
        *,
        adapter: PersistenceAdapter,
        clock: Clock,
        slots: Slots | None,
        activity: Activity,
        engine: Wakes,
        observer: Observer,
    ) -> None:
        self._kinds = kinds
        self._adapter = adapter
        self._clock = clock
        self._slots = slots
        self._activity = activity
        self._engine = engine
        self._observer = observer
        self._sleeper = Sleeper(clock, activity, self._ring)
        self._through: datetime | None = None
        self._noted: set[datetime] = set()
        self._must_recover = slots is not None
        self._must_sweep = True
        self._task: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._backoff = 0.0
        self._waking = 0
        self._wants_slot = False
        self._all_woken: asyncio.Future[None] | None = None
        self._sweep_done: asyncio.Future[None] | None = None

    @property
    def is_quiet(self) -> bool:
        """True where everything that was interrupted or is due has been handed out."""
        instant = self._sleeper.instant
        is_set = instant is None or instant > self._clock.now()
        return is_set and self._task is None and not self._must_sweep

    def begin(self) -> None:
        """Look for interrupted missions and for due ones, from the first on."""
        self._must_recover = self._slots is not None
        self._through = None
        self._ring()

    def sweep(self) -> asyncio.Future[None]:
        """Look for interrupted missions and for due ones, from the first on.

        The future is done when each of them was told to go on, and does or cannot, or when there is no slot for
        another; the rest follows by itself. It raises what reading storage raised.
        """
        self._sweep_done = done = asyncio.get_running_loop().create_future()
        self.begin()
        self._check_sweep()
        return done

    def note(self, due: datetime) -> None:
        """Say that a mission waits until `due`."""
        if self._through is not None and due <= self._through:
            self._through = None  # the clock was set back
        if self._task is not None:
            self._noted = {min(due, *self._noted)} if self._noted else {due}
        elif self._sleeper.instant is None or due < self._sleeper.instant:
            self._sleeper.set(due)

    async def close(self) -> None:
        """Wake nobody any more."""
        self._sleeper.set(None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._retry is not None:
            self._retry.cancel()
        self._must_sweep = False
        self._activity.notify()
        self._end_sweep(closed())

    def _ring(self) -> None:
        self._must_sweep = True
        if self._task is None:
            self._activity.enter()
            self._task = asyncio.get_running_loop().create_task(self._run())

    def _ring_in(self, seconds: float) -> None:
        self._must_sweep = True
        self._retry = asyncio.get_running_loop().call_later(seconds, self._ring)

    async def _run(self) -> None:
        failure: Exception | None = None
        try:
            while self._must_sweep:
                self._must_sweep = False
                try:
                    await self._sweep()
                except Exception:
                    if not self._must_sweep:  # whoever asked after that read had begun gets another one
                        raise
            self._backoff = 0.0
        except PersistenceError as error:
            failure = error
            self._backoff = min(_LONGEST_BACKOFF, self._backoff * 2 or _FIRST_BACKOFF)
            logger.warning("due missions cannot be read: %s; trying again in %g s", error, self._backoff)
            self._ring_in(self._backoff)
        except BaseException as error:
            failure = closed()
            if must_pass(error):
                raise
            failure = as_persistence_error(error)
            logger.exception("due missions cannot be read; trying again in %g s", _LONGEST_BACKOFF)
            self._ring_in(_LONGEST_BACKOFF)
        finally:
            self._task = None
            self._check_sweep(failure)
            self._activity.leave()

    def _check_sweep(self, failure: Exception | None = None) -> None:
        """End the sweep that somebody waits for, where it failed or has done what it can."""
        if failure is not None or (not self._waking and (self._task is None or self._wants_slot)):
            self._end_sweep(failure)

    def _end_sweep(self, failure: Exception | None) -> None:
        done, self._sweep_done = self._sweep_done, None
        if done is None or done.done():
            return
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)
            done.exception()  # nobody may want to know

    async def _sweep(self) -> None:
        if self._must_recover:
            self._must_recover = False
            try:
                await self._wake_all(self._interrupted())
                await self._settle_strays()
            except BaseException:
                self._must_recover = True
                raise
        self._noted.clear()
        now = self._clock.now()
        try:
            await self._wake_all(self._due(now))
        except BaseException:
            self._through = None
            raise
        following = await self._next_due(now)
        self._sleeper.set(min(filter(None, (following, *self._noted)), default=None))

    async def _next_due(self, after: datetime | None) -> datetime | None:
        due = [await self._adapter.next_due(after, kind) for kind in self._kinds]
        return min(filter(None, due), default=None)

    async def _interrupted(self) -> AsyncGenerator[_Page]:
        after: str | None = None
        while True:
            page = deque(await self._adapter.list_interrupted(limit=_PAGE, after=after))
            after = page[-1].mission_id if len(page) == _PAGE else None
            yield page
            if after is None:
                return

    async def _settle_strays(self) -> None:
        """Bring the ends of children to their parents, and cancel what nobody wants any more."""
        after: str | None = None
        while page := await self._adapter.list_strays(limit=_PAGE, after=after):
            after = page[-1].mission_id
            for summary in page:
                self._engine.settle_stray(summary)

    async def _due(self, now: datetime) -> AsyncGenerator[_Page]:
        place = None if self._through is None else (self._through, _LAST_ID)
        self._through = now if self._through is None else max(now, self._through)
        while True:
            mine, place = self._sorted_out(await self._adapter.due(now, limit=_PAGE, after=place))
            is_other = not mine
            yield mine
            if place is None:
                return
            if is_other:
                following = await self._next_due(place[0] - timedelta.resolution)
                if following is None or following > now:
                    return
                place = max(place, (following, ""))  # many in a row are for the other bell: leap over them

    async def _wake_all(self, pages: AsyncGenerator[_Page]) -> None:
        """Wake page after page; each is read while the one before it is worked off, so that no slot waits for it."""
        async with aclosing(pages):
            coming = asyncio.ensure_future(anext(pages, None))
            try:
                while (page := await coming) is not None:
                    coming = asyncio.ensure_future(anext(pages, None))
                    await self._wake(page)
            finally:
                coming.cancel()
                await asyncio.wait([coming])

    def _sorted_out(self, page: Sequence[MissionSummary]) -> tuple[_Page, tuple[datetime, str] | None]:
        """Return those of a page that are for this bell, and where the next page begins, if there is one."""
        mine = deque(filter(self._is_mine, page))
        if len(page) < _PAGE:
            return mine, None
        due = page[-1].next_due
        assert due is not None  # it would not be due otherwise
        return mine, (due, page[-1].mission_id)

    def _is_mine(self, summary: MissionSummary) -> bool:
        return next_due_kind(summary) in self._kinds

    async def _wake(self, page: _Page) -> None:
        while page:
            summary = page.popleft()  # one that was woken is not kept for as long as the others wait for slots
            if self._engine.keep_in_motion(summary.mission_id):
                continue
            obstacle = self._engine.obstacle(summary)
            if obstacle is None:
                if self._slots is not None and not self._slots.take():
                    await self._wait_for(self._slots)
                self._waking += 1
                self._engine.wake(summary, self._woken, has_slot=self._slots is not None)
            else:
                self._observer.mission_resumed(summary, obstacle)
        if self._slots is None and self._waking:
            self._all_woken = asyncio.get_running_loop().create_future()
            await self._all_woken

    async def _wait_for(self, slots: Slots) -> None:
        self._wants_slot = True
        self._check_sweep()
        await slots.acquire()
        self._wants_slot = False

    def _woken(self, summary: MissionSummary, error: Exception | None) -> None:
        self._waking -= 1
        self._observer.mission_resumed(summary, error)
        if not self._waking and self._all_woken is not None and not self._all_woken.done():
            self._all_woken.set_result(None)
        self._check_sweep()
