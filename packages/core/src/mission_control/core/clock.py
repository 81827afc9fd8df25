"""Where time comes from: the clock that a commander reads and waits by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import attrs

from .issues import found, one_line
from .names import is_a

_LONGEST_WAIT = 30.0
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
class RunningAttempt:
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
        """Return the user code that is running now, which is what `settled` waits for."""
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

    A wait looks at the wall clock at least every 30 seconds, so that a clock that was set, or a machine
    that was suspended, delays it by no more than that.
    """

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime, /) -> None:
        """Return when the wall clock has reached `instant`, never before."""
        while (left := (instant - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left, _LONGEST_WAIT))


def checked_instant(instant: object, *, subject: str) -> datetime:
    """Return an aware datetime in UTC. Raises `ValueError`, naming `subject`, for what is none, or is none there."""
    if not is_a(instant, datetime):
        raise ValueError(f"{subject}: expected an aware datetime, found {found(instant)}")
    try:
        offset = datetime.utcoffset(instant)
        moved = datetime.astimezone(instant, UTC)
    except OverflowError:
        raise ValueError(f"{subject}: the instant is beyond what a datetime in UTC holds") from None
    except Exception as error:  # a time zone is code that may do anything
        raise ValueError(f"{subject}: its time zone does not say what instant it is ({one_line(error)})") from error
    if offset is None:
        raise ValueError(f"{subject}: expected an aware datetime, found a naive one; say datetime.now(UTC) + ...")
    return datetime.combine(datetime.date(moved), datetime.time(moved), UTC)
