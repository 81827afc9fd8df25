"""Reminders: what runs again and again while a wait is open."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import MissionDefinitionError
from ..payloads import found
from ..values import Shown, Value
from .names import is_a
from .retry import RetryPolicy, seconds
from .work import Work

if TYPE_CHECKING:
    from .context import MissionContext


def _interval(every: timedelta | float) -> float:
    interval = seconds(every, subject="Reminder.every")
    if not interval:
        raise MissionDefinitionError("Reminder.every: expected a duration of more than 0, found 0 (in seconds)")
    return interval


def _check_run(reminder: object, attribute: attrs.Attribute[Any], run: object) -> None:
    if not callable(run):
        raise MissionDefinitionError(f"Reminder.run: expected a function, found {found(run)}")


def _check_count(reminder: object, attribute: attrs.Attribute[Any], count: object) -> None:
    if count is not None and (type(count) is not int or not 1 <= count <= sys.maxsize):
        raise MissionDefinitionError(
            f"Reminder.at_most: expected an int from 1 to {sys.maxsize}, or None for no limit, found {found(count)}"
        )


def _check_policy(reminder: object, attribute: attrs.Attribute[Any], retry: object) -> None:
    if retry is not None and not is_a(retry, RetryPolicy):
        raise MissionDefinitionError(f"Reminder.retry: expected a RetryPolicy, found {found(retry)}")


@attrs.frozen
class Reminder(Value):
    """What reminds of an open wait: `run(ctx)` as a step, first after `every`, `at_most` times where that is given.

    `every` is seconds or a `timedelta`. Raises `MissionDefinitionError` for values that make no sense.
    """

    run: Callable[[MissionContext[Any]], object] = attrs.field(validator=_check_run)
    every: float = attrs.field(converter=_interval)
    at_most: int | None = attrs.field(default=None, validator=_check_count)
    retry: RetryPolicy | None = attrs.field(default=None, validator=_check_policy)


@attrs.frozen(eq=False)
class ReminderPlan(Shown):
    """The reminder of a wait, ready to run: every `every` seconds, `at_most` times."""

    work: Work
    every: float
    at_most: int | None

    def to_static(self) -> dict[str, Any]:
        """Return the reminder's part of a static form."""
        at_most = {} if self.at_most is None else {"at_most": self.at_most}
        return {"every": self.every, **at_most, **self.work.to_static()}
