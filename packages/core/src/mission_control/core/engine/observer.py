"""What a runtime can be told about the missions of its commander, as it happens.

Both are called on the commander's loop, between one decision and the next: they must be quick, and not raise.
"""

from __future__ import annotations

import contextvars
import logging
from datetime import datetime
from typing import Protocol

import attrs

from ..errors import MissionNotRegisteredError
from ..history import MissionFailure, MissionStatus, MissionSummary, iso
from ..log import ContainedLogger
from ..machine import State
from ..values import Value

logger: ContainedLogger = ContainedLogger("mission_control.engine")


@attrs.frozen(kw_only=True)
class FailedAttempt(Value):
    """An attempt of a step that failed, when that is durable. `error` is what it raised, where it raised something.

    Where it is not `is_final` the step is tried again: at `retry_at`, or at once where that is None.
    """

    mission_id: str
    mission_name: str
    step_name: str
    attempt_number: int
    failure: MissionFailure
    error: BaseException | None
    is_final: bool
    retry_at: datetime | None


class Observer(Protocol):
    """Hears what becomes of missions, and what the commander resumes by itself."""

    def mission_resumed(self, mission: MissionSummary, error: Exception | None, /) -> None:
        """Say that a mission that was due or interrupted goes on, or that it cannot, because of `error`."""
        ...

    def attempt_failed(self, attempt: FailedAttempt, /) -> None:
        """Say that an attempt has failed."""
        ...

    def mission_ended(self, mission: State, cause: BaseException | None, /) -> None:
        """Say that a mission has ended; `cause` is what its step raised, where that made it fail."""
        ...


class LogObserver:
    """Logs failures where there is no runtime to report them: never a payload, and of an error its first line."""

    def __init__(self) -> None:
        self._missing: set[str] = set()

    def mission_resumed(self, mission: MissionSummary, error: Exception | None, /) -> None:
        """A warning for the first mission of each definition that is not there; the engine has a line for the rest."""
        if isinstance(error, MissionNotRegisteredError):
            is_news = mission.mission_name not in self._missing
            self._missing.add(mission.mission_name)
            labels = {"mission_id": mission.mission_id, "mission_name": mission.mission_name, "step": mission.cursor}
            logger.log(logging.WARNING if is_news else logging.DEBUG, "passed over: %s", error, extra=labels)

    def attempt_failed(self, attempt: FailedAttempt, /) -> None:
        """A warning where there is no other attempt, else an info."""
        labels = {
            "mission_id": attempt.mission_id,
            "mission_name": attempt.mission_name,
            "step": attempt.step_name,
            "attempt": attempt.attempt_number,
        }
        when = "at once" if attempt.retry_at is None else f"at {iso(attempt.retry_at)}"
        logger.log(
            logging.WARNING if attempt.is_final else logging.INFO,
            "mission %s (%s): step %r failed at attempt %d, %s: %s",
            *labels.values(),
            "for good" if attempt.is_final else f"and is tried again {when}",
            brief(attempt.failure),
            extra=labels,
        )

    def mission_ended(self, mission: State, cause: BaseException | None, /) -> None:
        """A warning where it failed."""
        if mission.status is MissionStatus.FAILED and mission.error is not None:
            labels = {"mission_id": mission.mission_id, "mission_name": mission.mission_name, "step": mission.cursor}
            logger.warning("mission %s (%s) failed at %r: %s", *labels.values(), brief(mission.error), extra=labels)


def brief(failure: MissionFailure) -> str:
    """Return what a failure says in its first line: those below may show payloads."""
    return str(failure).partition("\n")[0]


class Tracer(Protocol):
    """Draws what happens. A mission is in motion from its first commit until it waits, ends or cannot go on."""

    def mission_started(self, mission_id: str, mission_name: str, /) -> str | None:
        """A caller, whose context this is, starts a mission. What is returned is kept with it, for later tracers."""
        ...

    def mission_moved(self, mission_id: str, mission_name: str, trace: str | None, /) -> None:
        """A mission that was at rest is in motion; `trace` is what its start returned."""
        ...

    def mission_rested(self, mission_id: str, status: MissionStatus | None, error: MissionFailure | None, /) -> None:
        """A mission that was in motion waits, has ended or cannot go on; None where it never became durable."""
        ...

    def attempt_began(self, mission_id: str, name: str, number: int | None, context: contextvars.Context, /) -> object:
        """A step of a mission in motion, or an update (which has no `number`), is about to run, in `context`.

        What is returned is handed to `attempt_ended`.
        """
        ...

    def attempt_ended(self, began: object, error: BaseException | None, stopped: str | None, /) -> None:
        """It ended, or was given up on; `stopped` says why it was told to end, where it was."""
        ...
