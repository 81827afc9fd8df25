"""Hands events and metrics to the hooks, and events to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from mission_control.core import Clock, MissionSummary
from mission_control.core.annotations import is_coroutine_function
from mission_control.core.issues import found
from mission_control.core.log import bound_logger

from .records import EventName, Level, MetricName, RuntimeEvent, RuntimeMetric

EventHook: TypeAlias = Callable[[RuntimeEvent], object]
MetricHook: TypeAlias = Callable[[RuntimeMetric], object]
Hook = TypeVar("Hook")
Report = TypeVar("Report")

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Reporter:
    """Tells everybody what happens; a hook that raises is logged and harms nobody. Observes the commander."""

    def __init__(self, identity: str, clock: Clock, on_event: EventHook | None, on_metric: MetricHook | None) -> None:
        self.identity = identity
        self.resumes: int = 0
        """How many missions went on, or could not, so far."""
        self._held: list[tuple[MissionSummary, Exception | None]] | None = None
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
        **details: object,
    ) -> None:
        """Report an event; the log line has its `details` too."""
        event = RuntimeEvent(
            level=level,
            event=name,
            identity=self.identity,
            mission_id=mission_id,
            error=error,
            at=self._clock.now(),
        )
        if mission_id is not None:
            details = {"mission_id": mission_id, **details}
        if error is not None:
            summary = str(error).partition("\n")[0]  # the lines below it may show payloads
            details["error"] = f"{type(error).__name__}: {summary}"
        self._log.log(_LEVELS[level], name, **details)
        self._call(self._event_hooks, event)

    def metric(self, name: MetricName, value: float = 1.0, **tags: str) -> None:
        """Report a measurement."""
        metric = RuntimeMetric(name=name, value=value, tags={"identity": self.identity, **tags})
        self._call(self._metric_hooks, metric)

    def hold(self) -> None:
        """Keep what the commander resumes as it becomes ready: it belongs to the startup tick."""
        self._held = []

    def release(self) -> None:
        """Report what was kept, and from now on at once."""
        held, self._held = self._held, None
        for mission, error in held or ():
            self.mission_resumed(mission, error)

    def mission_resumed(self, mission: MissionSummary, error: Exception | None, /) -> None:
        """Report that a mission goes on, or why it cannot."""
        if self._held is not None:
            self._held.append((mission, error))
            return
        self.resumes += 1
        details: dict[str, Any] = {"mission_name": mission.mission_name, "step": mission.cursor}
        if error is None:
            self.event("info", "mission-resume-started", mission_id=mission.mission_id, **details)
            self.metric("runtime.mission.resume.started", mission_name=mission.mission_name)
        else:
            self.event("error", "mission-resume-failed", mission_id=mission.mission_id, error=error, **details)
            self.metric("runtime.mission.resume.failed", mission_name=mission.mission_name)

    def add_metric_hook(self, name: str, hook: MetricHook) -> None:
        """Hand each measurement to `hook` too."""
        self._metric_hooks[name] = hook

    def _call(self, hooks: Mapping[str, Callable[[Report], object] | None], report: Report) -> None:
        for name, hook in hooks.items():
            if hook is not None:
                try:
                    hook(report)
                except Exception:
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
