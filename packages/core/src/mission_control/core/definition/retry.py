"""When a failed step is tried again, and after how long."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

import attrs

from ..errors import MissionDefinitionError
from ..payloads import found
from ..values import Value
from .names import is_a

LONGEST_DURATION = timedelta(days=365_250)
"""A thousand years: the longest duration that a definition may state."""


def seconds(duration: timedelta | float, *, subject: str) -> float:
    """Return a duration of 0 to 1,000 years in seconds. Raises `MissionDefinitionError`, naming `subject`."""
    value = timedelta.total_seconds(duration) if is_a(duration, timedelta) else duration
    if type(value) is not int and type(value) is not float:
        raise MissionDefinitionError(f"{subject}: expected a timedelta or a number of seconds, found {found(duration)}")
    if not 0 <= value <= LONGEST_DURATION.total_seconds():
        raise MissionDefinitionError(
            f"{subject}: expected a duration from 0 to 1,000 years, found {found(value)} (in seconds)"
        )
    return float(value)


def _interval(duration: timedelta | float) -> float:
    return seconds(duration, subject="a RetryPolicy's interval")


def _check_count(policy: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is None and attribute.name == "max_attempts":
        return
    if type(value) is not int or not 1 <= value <= sys.maxsize:
        raise MissionDefinitionError(
            f"RetryPolicy.{attribute.name}: expected an int from 1 to {sys.maxsize}, found {found(value)}"
        )


def _check_number(policy: object, attribute: attrs.Attribute[Any], value: float) -> None:
    low, high = (0, 1) if attribute.name == "jitter" else (1, sys.float_info.max)
    if type(value) not in (int, float) or not low <= value <= high:
        text = "a fraction from 0 to 1" if attribute.name == "jitter" else "a finite number of 1 or more"
        raise MissionDefinitionError(f"RetryPolicy.{attribute.name}: expected {text}, found {found(value)}")


def _classes(value: object) -> tuple[type[BaseException], ...]:
    try:
        classes = (value,) if is_a(value, type) else tuple(cast("Iterable[object]", value))
    except Exception:  # iterating over something foreign may raise anything
        classes = (None,)
    if not all(is_a(kind, type) and issubclass(kind, BaseException) for kind in classes):
        raise MissionDefinitionError(
            f"a RetryPolicy's retry_on and give_up_on: expected classes of exceptions, found {found(value)}"
        )
    return cast("tuple[type[BaseException], ...]", classes)


@attrs.frozen
class RetryPolicy(Value):
    """How often a step is tried, how long is waited in between, and which errors are tried again.

    `max_attempts` counts failed attempts (None: no limit); `max_interruptions` counts attempts in a row that
    their process did not survive, but those that waited for the end of another mission. Intervals are seconds or a
    `timedelta`. `jitter` is the fraction of a delay, 0 to 1, that chance may take away. Raises
    `MissionDefinitionError` for values that make no sense.
    """

    max_attempts: int | None = attrs.field(default=1, validator=_check_count)
    initial_interval: float = attrs.field(default=0.0, converter=_interval)
    backoff_multiplier: float = attrs.field(default=1.0, validator=_check_number)
    max_interval: float | None = attrs.field(default=None, converter=attrs.converters.optional(_interval))
    jitter: float = attrs.field(default=0.0, validator=_check_number)
    retry_on: tuple[type[BaseException], ...] = attrs.field(default=(Exception,), converter=_classes)
    give_up_on: tuple[type[BaseException], ...] = attrs.field(default=(), converter=_classes)
    max_interruptions: int = attrs.field(default=10, validator=_check_count)

    def delay(self, attempt: int) -> float:
        """Return the seconds before the attempt that follows `attempt` - 1 failures, never past `max_interval`.

        `delay(1)` is 0, `delay(2)` is `initial_interval`; each further one is multiplied. Without a
        `max_interval` it saturates at 1,000 years. Raises `TypeError` for an attempt that is no int.
        """
        if type(cast("object", attempt)) is not int:
            raise TypeError(f"attempt: expected an int, found {found(attempt)}")
        if attempt <= 1:
            return 0.0
        limit = LONGEST_DURATION.total_seconds() if self.max_interval is None else self.max_interval
        try:
            return min(limit, self.initial_interval * float(self.backoff_multiplier) ** (attempt - 2))
        except OverflowError:
            return limit if self.initial_interval else 0.0

    def allows_another(self, failures: int) -> bool:
        """True where a step that has failed `failures` times may be tried again."""
        return self.max_attempts is None or failures < self.max_attempts

    def is_retryable(self, error: BaseException) -> bool:
        """True where an attempt that raised `error` may be followed by another."""
        return isinstance(error, self.retry_on) and not isinstance(error, self.give_up_on)
