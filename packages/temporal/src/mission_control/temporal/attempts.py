"""The attempts of one mission that run, each as an activity on some worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as ActivityTimeoutError
from temporalio.workflow import ActivityCancellationType

from mission_control.core.machine import PROCESS_ENDED, Interrupt

from .folded import FoldedMission
from .forms import Form, command_form
from .names import RUN_STEP

EVER = timedelta(days=36_500)
"""How long a step may take, as far as Temporal is concerned: its own timeout is its definition's."""

DEAD = timedelta(seconds=3)
"""How long a worker may say nothing of an attempt before that counts as the end of its process."""

ONCE = RetryPolicy(maximum_attempts=1)
SOON, LATE = timedelta(seconds=1), timedelta(seconds=30)
"""How long to wait for another worker at first, and how much longer each time; and at most. It grows slowly: the task
queue may ask a worker that cannot many times before it asks one that can."""


class Attempts:
    """True while one runs. `tell(told)` has what comes of one applied."""

    def __init__(self, mission: FoldedMission, tell: Callable[[Form], None]) -> None:
        self._mission = mission
        self._tell = tell
        self._runs: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._stopped: set[tuple[str, int]] = set()
        """Those that run, and count no more."""
        self._ended: set[tuple[str, int]] = set()
        """Those that have ended, and whose outcome has not been applied."""
        self.have_news: bool = False
        """True where one has ended since `keep_to`: something may have waited for that."""

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def move_on(self) -> bool:
        """True where one runs, or has ended and is about to be applied."""
        return bool(self._runs or self._ended)

    @property
    def are_stopping(self) -> bool:
        """True where one runs still that was stopped."""
        return bool(self._stopped)

    def keep_to(self, wanted: set[tuple[str, int]]) -> None:
        """Stop all others."""
        self.have_news = False
        for attempt, run in self._runs.items():  # in their order: a set has another one in each process
            if attempt not in wanted and attempt not in self._stopped:
                self._stopped.add(attempt)
                run.cancel()
        self._ended &= wanted

    def begin(self, instance: str, number: int) -> None:
        """Begin one behind the mission's last batch, unless it has begun."""
        if (instance, number) not in self._runs and (instance, number) not in self._ended:
            form = {
                "instance": instance,
                "number": number,
                "version": self._mission.state.version,
                "id": self._mission.next_id(),
                "after": self._mission.head,
                "is_shown": self._mission.begin_behind(),
            }
            run = asyncio.create_task(self._run(instance, number, form))
            self._runs[instance, number] = run
            run.add_done_callback(lambda _: self._has_ended((instance, number)))

    async def _run(self, instance: str, number: int, form: Form) -> None:
        """Run an attempt on some worker, and have what comes of it applied, unless it was stopped."""
        pause = SOON
        try:
            while "elsewhere" in (result := await self._run_once(instance, number, form)):
                workflow.logger.warning("mission %s: %s", self._mission.state.mission_id, result["elsewhere"])
                self._mission.show()  # it takes longer
                await workflow.sleep(pause)
                pause = min(pause + SOON, LATE)
        except asyncio.CancelledError:
            return  # nothing comes of it
        if (instance, number) not in self._stopped:
            self._ended.add((instance, number))
            self._tell(result)

    def _has_ended(self, attempt: tuple[str, int]) -> None:
        del self._runs[attempt]
        self._stopped.discard(attempt)
        self.have_news = True

    async def _run_once(self, instance: str, number: int, form: Form) -> Form:
        try:
            result: Form = await workflow.execute_activity(
                RUN_STEP,
                form,
                start_to_close_timeout=EVER,
                heartbeat_timeout=DEAD,
                retry_policy=ONCE,
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=instance if number == 1 else f"{instance}, attempt {number}",
                result_type=dict[str, Any],
            )
        except ActivityError as error:
            if isinstance(error.cause, ActivityTimeoutError):
                return {"outcome": command_form(Interrupt(instance, number, PROCESS_ENDED))}
            if isinstance(error.cause, ApplicationError):  # a fault of ours, or of the server's
                return {"elsewhere": f"{instance!r} could not be run: {error.cause}"}
            raise asyncio.CancelledError from error
        return result
