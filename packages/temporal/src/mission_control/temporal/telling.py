"""Logs what becomes of missions, where it is decided: as a commander does that runs them itself."""

from __future__ import annotations

from mission_control.core import MissionStatus
from mission_control.core.engine import LogObserver, failed_attempt, warn_of_what_was_not_undone
from mission_control.core.history import HistoryType, failure_of
from mission_control.core.machine import State

from .forms import Form, records_of

_OBSERVER = LogObserver()


def tell(before: State, batch: Form, after: State) -> None:
    """Log the attempts that fail with a batch, and the end where it is one."""
    failures = [form for form in batch["records"] if form["type"] == HistoryType.STEP_FAILED.value]
    for record in records_of(failures):
        failed = failed_attempt(
            after, record.event_name or "", record.attempt_number or 1, failure_of(record), error=None
        )
        _OBSERVER.attempt_failed(failed)
    if after.is_terminal and not before.is_terminal:
        warn_of_what_was_not_undone(after)
        if after.status is MissionStatus.FAILED:
            _OBSERVER.mission_ended(after, None)
