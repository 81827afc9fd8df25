"""Hands events and metrics to the hooks, and events to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from mission_control.core import Clock, MissionFailure, MissionStatus, MissionSummary
from mission_control.core.commander import ended_error
from mission_control.core.engine import FailedAttempt, brief
from mission_control.core.foreign import ENDS_THE_PROGRAM, described
from mission_control.core.log import ContainedLogger, bound_logger, contained
from mission_control.core.machine import State
from mission_control.core.payloads import found, is_coroutine_function

from .records import EventName, Level, MetricName, RuntimeEvent, RuntimeMetric

EventHook: TypeAlias = Callable[[RuntimeEvent], object]
MetricHook: TypeAlias = Callable[[RuntimeMetric], object]
Hook = TypeVar("Hook")
Report = TypeVar("Report")

logger: ContainedLogger = ContainedLogger("mission_control.runtime")

_ENDS: Mapping[MissionStatus, tuple[Level, EventName]] = {
    MissionStatus.COMPLETED: ("info", "mission-completed"),
    MissionStatus.FAILED: ("warning", "mission-failed"),
    MissionStatus.CANCELLED: ("info", "mission-cancelled"),
}
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Reporter:
    """Tells everybody what happens; a hook that raises is logged and harms nobody. Observes the commander."""

    def __init__(self, identity: str, clock: Clock, on_event: EventHook | None, on_metric: MetricHook | None) -> None:
        self.identity = identity
        self.resumes: int = 0
        """How many missions went on, or could not, so far."""
        self._held: list[Callable[[], None]] | None = None
        self._clock = clock
        self._event_hooks = {"on_event": _checked_hook("on_event", on_event)}
        self._metric_hooks = {"on_metric": _checked_hook("on_metric", on_metric)}
        self._log = bound_logger("mission_control.runtime", identity=identity)

    def event(
        self,
        level: Level,
        name: EventName,
        *,
        mission_id: str | None = None,
        error: Exception | None = None,
        failure: MissionFailure | None = None,
        **details: object,
    ) -> None:
        """Report an event; the log line has its `details` too, and one line of what failed."""
        if logger.isEnabledFor(_LEVELS[level]):
            if mission_id is not None:
                details = {"mission_id": mission_id, **details}
            if failure is not None:
                details["error"] = brief(failure)
            elif error is not None:
                details["error"] = described(error).partition("\n")[0]  # the lines below it may show payloads
            self._log.log(_LEVELS[level], name, **details)
        event = RuntimeEvent(
            level=level, event=name, identity=self.identity, mission_id=mission_id, error=error, at=self._now()
        )
        self._call(self._event_hooks, event)

    def _now(self) -> datetime:
        """The time on the runtime's clock, on the machine's where that fails: an event is not lost for it."""
        return contained(logger, "the clock failed")(self._clock.now)() or datetime.now(UTC)

    def metric(self, name: MetricName, value: float = 1.0, **tags: str) -> None:
        """Report a measurement."""
        metric = RuntimeMetric(name=name, value=value, tags={"identity": self.identity, **tags})
        self._call(self._metric_hooks, metric)

    def hold(self) -> None:
        """Keep what is told of missions as the commander becomes ready: it belongs to the startup tick."""
        self._held = []

    def release(self) -> None:
        """Report what was kept, and from now on at once."""
        held, self._held = self._held, None
        for report in held or ():
            report()

    def _keeps(self, report: Callable[[], None]) -> bool:
        if self._held is None:
            return False
        self._held.append(report)
        return True

    @contained(logger, "a resumed mission could not be reported")
    def mission_resumed(self, mission: MissionSummary, error: Exception | None, /) -> None:
        """Report that a mission goes on, or why it cannot."""
        if self._keeps(lambda: self.mission_resumed(mission, error)):
            return
        self.resumes += 1
        details: dict[str, Any] = {"mission_name": mission.mission_name, "step": mission.cursor}
        if error is None:
            self.event("info", "mission-resume-started", mission_id=mission.mission_id, **details)
            self.metric("runtime.mission.resume.started", mission_name=mission.mission_name)
        else:
            self.event("error", "mission-resume-failed", mission_id=mission.mission_id, error=error, **details)
            self.metric("runtime.mission.resume.failed", mission_name=mission.mission_name)

    @contained(logger, "a failed attempt could not be reported")
    def attempt_failed(self, attempt: FailedAttempt, /) -> None:
        """Report a failed attempt: a warning where the step is not tried again."""
        if self._keeps(lambda: self.attempt_failed(attempt)):
            return
        self.event(
            "warning" if attempt.is_final else "info",
            "step-failed",
            mission_id=attempt.mission_id,
            error=attempt.error if isinstance(attempt.error, Exception) else None,
            mission_name=attempt.mission_name,
            step=attempt.step_name,
            attempt=attempt.attempt_number,
            **({} if attempt.retry_at is None else {"retry_at": attempt.retry_at.isoformat()}),
            failure=attempt.failure,
        )

    @contained(logger, "the end of a mission could not be reported")
    def mission_ended(self, mission: State, cause: BaseException | None, /) -> None:
        """Report how a mission ended."""
        if self._keeps(lambda: self.mission_ended(mission, cause)):
            return
        level, name = _ENDS[mission.status]
        details: dict[str, Any] = {"mission_name": mission.mission_name}
        if mission.status is MissionStatus.FAILED:
            details |= {"step": mission.cursor, "failure": mission.error}
            details["error"] = ended_error(mission.snapshot(), cause)
        self.event(level, name, mission_id=mission.mission_id, **details)

    def add_metric_hook(self, name: str, hook: MetricHook) -> None:
        """Hand each measurement to `hook` too."""
        self._metric_hooks[name] = hook

    def _call(self, hooks: Mapping[str, Callable[[Report], object] | None], report: Report) -> None:
        for name, hook in hooks.items():
            if hook is not None:
                try:
                    hook(report)
                except ENDS_THE_PROGRAM:
                    raise
                except BaseException:
                    self._log.exception("hook-failed", hook=name)


def _checked_hook(name: str, hook: Hook) -> Hook:
    """Return the hook. Raises `TypeError` for one that cannot be called, or that nobody would await."""
    if hook is None:
        return hook
    if not callable(hook):
        raise TypeError(f"{name}: expected a function, found {found(hook)}")
    if is_coroutine_function(hook):
        raise TypeError(f"{name}: expected a plain function, found an async one; it can create a task for that")
    return hook
