"""What an attempt runs: user code with its policy, and what is recorded of what that returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MethodType
from typing import Any, TypeAlias, cast

import attrs

from ..errors import PayloadError
from ..foreign import tried
from ..history import iso
from ..payloads import PayloadType, encode_json, found
from ..values import Shown
from .names import is_a
from .retry import LONGEST_DURATION, RetryPolicy

UserCode: TypeAlias = Callable[..., object]

MOST_ITEMS = 100_000
"""How many items an `each` may go over."""


def is_same_code(one: object, other: object) -> bool:
    """True for one function, and for two looks at one method of one object: each look makes another object."""
    return one is other or (type(one) is MethodType and type(other) is MethodType and one == other)


@attrs.frozen(kw_only=True, eq=False)
class Work(Shown):
    """User code with a policy: what an attempt runs."""

    run: UserCode
    is_async: bool
    output: PayloadType
    retry: RetryPolicy
    timeout: float | None

    def recorded(self, value: object, *, subject: object, now: datetime | None = None) -> Any:
        """Return the JSON form of what the code returned, as it is recorded; `now` says what is too far in the future.

        Raises `PayloadError`, naming `subject` and what was returned, for what cannot be recorded.
        """
        return self.output.normalise(value, subject=subject)

    def to_static(self) -> dict[str, Any]:
        """Return what of the code is part of a static form: what it returns, and its policy."""
        output = self.output
        return {"output": output.description, **output.to_static("output_json_schema"), **self.policy_to_static()}

    def policy_to_static(self) -> dict[str, Any]:
        """Return the static form of the policy alone."""
        policy = self.retry
        return {
            "timeout": self.timeout,
            "retry": {
                "max_attempts": policy.max_attempts,
                "initial_interval": policy.initial_interval,
                "backoff_multiplier": policy.backoff_multiplier,
                "max_interval": policy.max_interval,
                "jitter": policy.jitter,
                "retry_on": [error.__qualname__ for error in policy.retry_on],
                "give_up_on": [error.__qualname__ for error in policy.give_up_on],
                "max_interruptions": policy.max_interruptions,
            },
        }


@attrs.frozen(kw_only=True, eq=False)
class Choice(Work):
    """The code that chooses a branch: it returns a key."""

    texts: Mapping[str, str]
    """What the path of each key is called, by the key's JSON text."""
    has_otherwise: bool

    def recorded(self, value: object, *, subject: object, now: datetime | None = None) -> Any:
        """Return the JSON form of the key. Raises `PayloadError` for what is none, unless there is an otherwise."""
        key = super().recorded(value, subject=subject, now=now)
        if not self.has_otherwise and encode_json(key) not in self.texts:
            raise PayloadError(
                f"{subject} chose {found(value)}, for which the branch has no path (it has {_listed(self.texts)}); "
                f"return one of these, or give the branch an otherwise="
            )
        return key


class Listing(Work):
    """The code that lists the items of an `each`."""

    __slots__ = ()

    def recorded(self, value: object, *, subject: object, now: datetime | None = None) -> Any:
        """Return the items in their JSON form. Raises `PayloadError` for what is no list, or too long a one."""
        if not (is_a(value, list) or is_a(value, tuple)):
            raise PayloadError(f"{subject} returned {found(value)}; it lists the items, so return a list")
        items = super().recorded(cast("object", value), subject=subject, now=now)
        if len(items) > MOST_ITEMS:
            raise PayloadError(
                f"{subject} returned {len(items):,} items, and an each goes over {MOST_ITEMS:,} at most; "
                f"list fewer, each of them a part of the whole"
            )
        return items


class Verdict(Work):
    """The code that says whether a `repeat` is over."""

    __slots__ = ()

    def recorded(self, value: object, *, subject: object, now: datetime | None = None) -> Any:
        """Return True or False. Raises `PayloadError` for anything else."""
        if value is True or value is False:
            return value
        raise PayloadError(f"{subject} returned {found(value)}; it says whether the repeat is over, so return a bool")


@attrs.frozen(kw_only=True, eq=False)
class Timing(Work):
    """The code that computes how long a sleep is, or when a wait is over."""

    may_be_none: bool
    """True where None stands for no deadline."""

    def recorded(self, value: object, *, subject: object, now: datetime | None = None) -> Any:
        """Return a duration in seconds, a time as ISO text in UTC, or None. Raises `PayloadError` for anything else."""
        if value is None and self.may_be_none:
            return None
        computed = tried(lambda: _utc(value, now), lambda _: None) if is_a(value, datetime) else _seconds(value)
        if computed is None:
            naive = ", which is naive: it has no time zone" if is_a(value, datetime) and _is_naive(value) else ""
            none = ", or None" if self.may_be_none else ""
            raise PayloadError(
                f"{subject} returned {found(value)}{naive}; expected a duration from 0 to 1,000 years, as a timedelta "
                f"or in seconds, or a datetime with its time zone{none}"
            )
        return computed


def _is_naive(instant: datetime) -> bool:
    return tried(lambda: instant.utcoffset() is None, lambda _: False)


def _utc(instant: datetime, now: datetime | None) -> str | None:
    if instant.utcoffset() is None or (now is not None and instant - now > LONGEST_DURATION):
        return None
    return iso(instant.astimezone(UTC))


def _seconds(duration: object) -> float | None:
    value = timedelta.total_seconds(duration) if is_a(duration, timedelta) else duration
    if type(value) is not int and type(value) is not float:
        return None
    return float(value) if 0 <= value <= LONGEST_DURATION.total_seconds() else None


def _listed(texts: Mapping[str, str]) -> str:
    return ", ".join(texts)
