"""What wakes missions that wait: a bell for those that go on with user code, and one for deadlines.

The first has to wait for slots, and a deadline must not wait for it: it ends its mission without running anything.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from ..storage import DueKind, PersistenceAdapter
from .activity import Activity
from .bell import Bell, Wakes
from .clock import Clock
from .observer import Observer
from .slots import Slots

_TIMERS: tuple[DueKind, ...] = ("sleep", "retry", "start_at", "reminder")
_DEADLINES: tuple[DueKind, ...] = ("signal",)


class Alarm:
    """Wakes missions that are due, and at first those that another process left running."""

    def __init__(
        self,
        adapter: PersistenceAdapter,
        clock: Clock,
        slots: Slots,
        activity: Activity,
        engine: Wakes,
        observer: Observer,
    ) -> None:
        def bell(kinds: tuple[DueKind, ...], slots: Slots | None) -> Bell:
            return Bell(
                kinds,
                adapter=adapter,
                clock=clock,
                slots=slots,
                activity=activity,
                engine=engine,
                observer=observer,
            )

        self._timers = bell(_TIMERS, slots)
        self._deadlines = bell(_DEADLINES, None)

    @property
    def is_quiet(self) -> bool:
        """True where everything that was interrupted or is due has been handed out."""
        return self._timers.is_quiet and self._deadlines.is_quiet

    def begin(self) -> None:
        """Look for interrupted missions and for due ones, from the first on."""
        self._timers.begin()
        self._deadlines.begin()

    def sweep(self) -> asyncio.Future[tuple[None, None]]:
        """Look for interrupted missions and for due ones, from the first on.

        The future is done when each of them was told to go on, and does or cannot, or when there is no slot for
        another; the rest follows by itself. It raises what reading storage raised.
        """
        both = asyncio.gather(self._timers.sweep(), self._deadlines.sweep())
        both.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may want to know
        return both

    def note(self, due: datetime, kind: DueKind) -> None:
        """Say that something of that kind becomes due."""
        bell = self._deadlines if kind in _DEADLINES else self._timers
        bell.note(due)

    async def close(self) -> None:
        """Wake nobody any more."""
        await self._timers.close()
        await self._deadlines.close()
