"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import attrs

from mission_control.core.engine import Driven, RunningAttempt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_QUIET_TURNS = 10
"""Turns of the loop in which nothing happens after which everything counts as being at rest."""

_MOST_WAITS, _MOST_TOUCHES = 10, 1_000
"""An end to asking a member that always takes a while to say that it is at rest, and to tasks that never are."""


@attrs.frozen(eq=False)
class _Member:
    """One thing that joined; each call of `join` is its own, also for the same object."""

    driven: Driven


class FakeClock:
    """A `DrivenClock` whose time moves only in `advance` and `advance_to`.

    Before time moves, and at every instant at which something was to wake, all commanders that run on the clock
    come to rest, so one big step does what many small ones do. Tasks that merely await `sleep_until` are woken in
    the order of their instants too. A step that waits for another mission of its commander is at rest.

    `patience` is in real seconds. User code that runs longer than that without coming to rest makes `advance` raise
    `TimeoutError`, which names mission and step. Code under its own timeout never does: once it has run for
    `hang_patience` real seconds (`patience`, unless that is set), time moves on, at most to its deadline, so that a
    test that provokes a timeout sets `hang_patience=0.05` and waits no longer than needed. Storage is waited for as
    long as it takes.

    A clock serves one event loop at a time; its users on another get `RuntimeError`. `now` can be read anywhere.
    """

    def __init__(self, start: datetime = _EPOCH, *, patience: float = 10.0, hang_patience: float | None = None) -> None:
        if patience <= 0 or (hang_patience is not None and hang_patience <= 0):
            raise ValueError(f"expected seconds above 0, found {patience=!r} and {hang_patience=!r}")
        self._now: datetime = _in_utc(start)
        self._patience: float = patience
        self._hang_patience: float = patience if hang_patience is None else hang_patience
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []  # sorted; the number breaks ties
        self._members: list[_Member] = []
        self._touched: int = 0  # grows with every sleeper that comes, or goes unwoken
        self._moving: bool = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def now(self) -> datetime:
        """Return the time that the clock was last set to, in UTC."""
        return self._now

    async def sleep_until(self, instant: datetime, /) -> None:
        """Return when the clock has been moved to `instant`; at once where it stands there or later.

        Raises `ValueError` for a naive `instant`.
        """
        if (instant := _in_utc(instant)) <= self._now:
            return
        loop = self._enter()
        self._touched += 1
        sleeper = (instant, self._touched, loop.create_future())
        insort(self._sleepers, sleeper)
        try:
            await sleeper[2]
        except asyncio.CancelledError:
            self._withdraw(sleeper)
            raise

    def join(self, driven: Driven, /) -> Callable[[], None]:
        """Let `driven` come to rest before time moves, until the returned function is called.

        Raises `RuntimeError` outside an event loop, or on another loop than the clock's other users.
        """
        self._enter()
        member = _Member(driven)
        self._members.append(member)

        def leave() -> None:
            if member in self._members:
                self._members.remove(member)

        return leave

    async def advance(self, duration: timedelta | float, /) -> None:
        """Let everything come to rest, then move by `duration`: seconds, or a `timedelta`.

        On the way it stops at each instant that is due, and lets everything come to rest there. Zero moves nothing.
        Raises `ValueError` for a negative duration, and otherwise as `advance_to`.
        """
        try:
            target = self._now + _duration(duration)
        except OverflowError:
            raise ValueError(f"{duration!r} after {self._now.isoformat()} is beyond what a datetime holds") from None
        await self.advance_to(target)

    async def advance_to(self, instant: datetime, /) -> None:
        """Move to `instant` as `advance` does.

        Raises `ValueError` where `instant` is naive or past, `TimeoutError` where user code without a timeout does
        not come to rest (time then stands where that happened; a mission's own step cannot move the clock, since
        it would wait for itself), and `RuntimeError` while another task moves the clock or where the clock is in use
        on another event loop.
        """
        if (target := _in_utc(instant)) < self._now:
            raise ValueError(f"time only moves forward: it is {self._now.isoformat()}, not yet {target.isoformat()}")
        self._enter()
        if self._moving:
            raise RuntimeError("another task is moving this clock; let one task do so, or await them in turn")
        self._moving = True
        try:
            await self._move(target)
        finally:
            self._moving = False

    async def _move(self, target: datetime) -> None:
        deadline = await self._rest()
        while self._now < target:
            limit = target if deadline is None else min(deadline, target)
            woken = self._set(min(self._sleepers[0][0], limit) if self._sleepers else limit)
            if woken or deadline is None or self._now < target:  # else nothing can have come of it
                deadline = await self._rest()

    def _set(self, instant: datetime) -> bool:
        """Set the clock, and wake whom that is due; return whether there was anyone."""
        self._now = instant
        count = 0
        for due, _, future in self._sleepers:
            if due > instant:
                break
            count += 1
            if not future.done():
                future.set_result(None)
        del self._sleepers[:count]
        return count > 0

    async def _rest(self) -> datetime | None:
        """Let everything come to rest, and return None, or how far time may move while something hangs."""
        resting = asyncio.create_task(self._settled())
        since: dict[RunningAttempt, float] = {}
        try:
            while not resting.done():
                since = {attempt: since.get(attempt, _real_time()) for attempt in self._running()}
                stuck = self._out_of_patience(since)
                if since and len(stuck) == len(since):
                    return self._furthest(stuck)
                await asyncio.wait({resting}, timeout=self._interval())
            await resting
        finally:
            if resting.cancel():
                await asyncio.gather(resting, return_exceptions=True)
        return None

    def _out_of_patience(self, since: dict[RunningAttempt, float]) -> list[RunningAttempt]:
        """Return the attempts that may be left running. Raises `TimeoutError` for those that may not."""
        now = _real_time()
        stuck = [attempt for attempt, start in since.items() if now - start >= self._limit(attempt)]
        if endless := [attempt for attempt in stuck if attempt.timeout_at is None]:
            raise TimeoutError(self._complaint(endless))
        return stuck

    def _limit(self, attempt: RunningAttempt) -> float:
        return self._patience if attempt.timeout_at is None else self._hang_patience

    def _furthest(self, hanging: Iterable[RunningAttempt]) -> datetime:
        """Return the first deadline to come of attempts that hang; one whose deadline has passed holds up nothing."""
        deadlines = [attempt.timeout_at for attempt in hanging if attempt.timeout_at is not None]
        return min((at for at in deadlines if at > self._now), default=datetime.max.replace(tzinfo=UTC))

    def _interval(self) -> float:
        return min(max(min(self._patience, self._hang_patience) / 5, 0.001), 0.2)

    def _running(self) -> list[RunningAttempt]:
        return [attempt for member in self._members for attempt in member.driven.running()]

    def _complaint(self, stuck: Iterable[RunningAttempt]) -> str:
        names = ", ".join(f"step {attempt.step_name!r} of mission {attempt.mission_id!r}" for attempt in stuck)
        return (
            f"{names} did not come to rest within {self._patience:g} s of real time, so the clock stays at "
            f"{self._now.isoformat()}; let it end before time moves, give it a timeout=, or the clock more patience="
        )

    async def _settled(self) -> None:
        """Return when the members and all plain tasks are at rest, whatever they have set off in one another.

        What a task does between two waits shows nowhere, so all is taken to be at rest when for some turns of the loop
        no member had to be waited for and no one touched the clock.
        """
        quiet = waits = touches = 0
        while quiet < _QUIET_TURNS and touches < _MOST_TOUCHES:
            touched = self._touched
            waits = waits + 1 if await self._members_settled() else 0
            await asyncio.sleep(0)
            touches = 0 if waits else touches + (self._touched != touched)
            is_quiet = self._touched == touched and (not waits or waits > _MOST_WAITS)
            quiet = quiet + 1 if is_quiet else 0

    async def _members_settled(self) -> bool:
        """Let all members come to rest, and return whether any had to be waited for."""
        waits: list[None] = []
        for _ in tuple(self._members):  # each may rouse all the others
            for member in tuple(self._members):
                turn = asyncio.get_running_loop().call_soon(waits.append, None)
                await self._settle(member)
                turn.cancel()
        return bool(waits)

    async def _settle(self, member: _Member) -> None:
        try:
            await member.driven.settled()
        except Exception:
            if member in self._members:  # one that was closed meanwhile is at rest
                raise

    def _withdraw(self, sleeper: tuple[datetime, int, asyncio.Future[None]]) -> None:
        place = bisect_left(self._sleepers, sleeper[:2], key=lambda one: one[:2])
        if place < len(self._sleepers) and self._sleepers[place] is sleeper:
            del self._sleepers[place]
            self._touched += 1

    def _enter(self) -> asyncio.AbstractEventLoop:
        """Return the running loop. Raises `RuntimeError` where the clock is in use on another."""
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            if self._loop.is_closed():  # nothing of it will ever come to rest
                self._members.clear()
                self._sleepers.clear()
            elif self._members or self._sleepers or self._moving:
                raise RuntimeError("this clock is in use on another event loop; give each loop a clock of its own")
        self._loop = loop
        return loop


def _real_time() -> float:
    return asyncio.get_running_loop().time()


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"expected an aware datetime, such as one with tzinfo=UTC, found {instant!r}")
    return instant.astimezone(UTC)


def _duration(duration: timedelta | float) -> timedelta:
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"expected a duration from 0 upward, found {duration!r}; time only moves forward")
    return duration if isinstance(duration, timedelta) else timedelta(seconds=seconds)
