"""What is counted of all missions at once."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from .records import MissionStatus, Record


@attrs.frozen(kw_only=True)
class MissionCount(Record):
    """How many missions of one name have one status."""

    mission_name: str
    status: MissionStatus
    count: int


@attrs.frozen(kw_only=True)
class WaitCount(Record):
    """How many waits for the signal of one own name are open, and since when the oldest of them is."""

    signal: str
    count: int
    oldest: datetime


@attrs.frozen(kw_only=True)
class FailureCount(Record):
    """How many missions have failed for one reason: the failure's code and class, and the node where it was.

    `node` is where they stood, with `[]` for the number of any item or round: `devices[]/configure`.
    """

    code: str
    type: str | None
    node: str | None
    count: int


@attrs.frozen(kw_only=True)
class HourCount(Record):
    """How many missions were started, and how many ended how, in the `hour` that begins then (UTC)."""

    hour: datetime
    started: int
    completed: int
    failed: int
    cancelled: int


@attrs.frozen(kw_only=True)
class MissionStatistics(Record):
    """What there is, as it was `at` one instant.

    `due_within_hour` counts missions of which the first becomes due then or within the hour after that, `overdue` those
    of which something was due before it. What is paused is neither.
    """

    at: datetime
    missions: tuple[MissionCount, ...]
    """By name, then by status."""
    waits: tuple[WaitCount, ...]
    """By signal."""
    failures: tuple[FailureCount, ...]
    """The most frequent first."""
    recent_failures: tuple[FailureCount, ...]
    """Of missions that have failed since 24 hours before `at`; the most frequent first."""
    hours: tuple[HourCount, ...]
    """24 of them, the oldest first; the last one is that of `at`."""
    due_within_hour: int
    overdue: int


def hour_of(instant: datetime) -> datetime:
    """Return when the hour of an instant begins."""
    return instant.replace(minute=0, second=0, microsecond=0)


def last_hours(at: datetime) -> tuple[datetime, ...]:
    """Return when each of the last 24 hours begins, the oldest first; the last one is that of `at`."""
    return tuple(hour_of(at) - timedelta(hours=ago) for ago in range(23, -1, -1))
