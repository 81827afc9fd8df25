"""Where time comes from: the clock that a commander reads and waits by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import attrs

from ..values import Value

LONGEST_WAIT = 30.0
"""Seconds after which the wall clock is looked at again, since it may have been set or the machine suspended."""


class Clock(Protocol):
    """The time, and a way to wait for it."""

    def now(self) -> datetime:
        """Return the current time, aware and in UTC."""
        ...

    async def sleep_until(self, instant: datetime, /) -> None:
        """Return when `now()` has reached `instant`, never before; at once where it has. Cancellable."""
        ...


@attrs.frozen(kw_only=True)
class RunningAttempt(Value):
    """User code that is running: which step of which mission, and when the engine gives up on it."""

    mission_id: str
    step_name: str
    timeout_at: datetime | None


class Driven(Protocol):
    """What a clock that moves time drives: something that can come to rest."""

    async def settled(self) -> None:
        """Return at a moment when everything due at `now()` has been worked off."""
        ...

    def running(self) -> list[RunningAttempt]:
        """Return the user code that is running now, which is what `settled` waits for.

        Code that waits for another mission of the same commander is at rest.
        """
        ...


class DrivenClock(Clock, Protocol):
    """A clock whose time is moved by a program, such as a test."""

    def join(self, driven: Driven, /) -> Callable[[], None]:
        """Let everything that `driven` does come to rest before time moves, until the returned function is called.

        Raises `RuntimeError` where `driven` runs on another event loop than the clock's other users.
        """
        ...


class SystemClock:
    """The machine's wall clock.

    A wait looks at the wall clock at least every 30 seconds, so that a clock that is set forward, or a machine that
    was suspended, delays it by at most 60. A clock that is set back delays it by as much as it was set back.
    """

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime, /) -> None:
        """Return when the wall clock has reached `instant`, never before."""
        await _sleep_until(self, instant)


class SteadyClock:
    """The wall clock as it was when this was made, and what a monotonic clock says has passed since.

    Nobody sets it, so it is what time within a process is measured by. It says nothing to another process.
    """

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        self._since = time.monotonic()

    def now(self) -> datetime:
        """Return the time that it has come to, in UTC."""
        return self._start + timedelta(seconds=time.monotonic() - self._since)

    async def sleep_until(self, instant: datetime, /) -> None:
        """Return when as much time has passed as there was until `instant`."""
        await _sleep_until(self, instant)


def steady(clock: Clock) -> Clock:
    """Return what to measure by within a process: a clock that nobody sets, unless the program brought its own."""
    return SteadyClock() if type(clock) is SystemClock else clock


async def _sleep_until(clock: Clock, instant: datetime) -> None:
    while (left := (instant - clock.now()).total_seconds()) > 0:
        await asyncio.sleep(min(left, LONGEST_WAIT))
