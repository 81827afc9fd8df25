"""Deletes missions that ended long enough ago: when the commander is ready, and then once a day by its clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from ..engine import Activity, Clock, Sleeper, as_persistence_error
from ..foreign import must_pass
from ..history import MissionStatus
from ..log import ContainedLogger
from ..storage import MOST_PURGED, PurgeRequest

logger: ContainedLogger = ContainedLogger("mission_control.retention")

_EVERY = timedelta(days=1)
_AGAIN = timedelta(minutes=5)
"""How long after a fault of storage it is tried once more."""


class Retention:
    """What one commander that is open does about missions that are kept for a time: `kept`, by how they ended."""

    def __init__(
        self,
        kept: Mapping[MissionStatus, timedelta],
        purge: Callable[[PurgeRequest], Awaitable[int]],
        clock: Clock,
        activity: Activity,
    ) -> None:
        self._kept = kept
        self._purge = purge
        self._clock = clock
        self._activity = activity
        self._sleeper = Sleeper(clock, activity, self.begin)
        self._purging: asyncio.Task[None] | None = None
        self._has_failed = False

    @property
    def is_quiet(self) -> bool:
        """True where what is due is being done."""
        instant = self._sleeper.instant
        return instant is None or instant > self._clock.now()

    def begin(self) -> None:
        """Delete what is to go, and wait for the next time."""
        if self._kept:
            self._activity.enter()
            self._purging = asyncio.get_running_loop().create_task(self._carry_out())

    async def _carry_out(self) -> None:
        try:
            await self._delete()
            self._has_failed = False
            self._sleep(_EVERY)
        except BaseException as error:
            if must_pass(error):
                raise
            level = logging.DEBUG if self._has_failed else logging.WARNING
            logger.log(level, "missions past their time stay for now: %s", as_persistence_error(error))
            self._has_failed = True
            self._sleep(_AGAIN)
        finally:
            self._activity.leave()

    async def _delete(self) -> None:
        for status, time in self._kept.items():
            before = _back(self._clock.now(), time)
            request = PurgeRequest(ended_before=before, statuses=(status,), limit=MOST_PURGED)
            while await self._purge(request) >= request.limit:
                pass

    def _sleep(self, time: timedelta) -> None:
        try:
            self._sleeper.set(self._clock.now() + time)
        except OverflowError:
            self._sleeper.set(None)  # the calendar ends before

    def stop(self) -> None:
        """Delete nothing more."""
        self._sleeper.set(None)
        if self._purging is not None:
            self._purging.cancel()

    async def close(self) -> None:
        """The same, and return when that is so."""
        self.stop()
        if self._purging is not None:
            await asyncio.wait([self._purging])


def _back(instant: datetime, time: timedelta) -> datetime:
    """Return the instant so long before; the first one that there is where the calendar begins later."""
    try:
        return instant - time
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
