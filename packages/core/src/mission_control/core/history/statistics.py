"""What is counted of all missions at once."""

from __future__ import annotations

from datetime import datetime

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
    due_within_hour: int
    overdue: int
