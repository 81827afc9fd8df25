"""What a runtime reports: events for people and logs, metrics for dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

Level: TypeAlias = Literal["info", "warning", "error"]

EventName: TypeAlias = Literal[
    "runtime-started",
    "runtime-stopped",
    "tick-started",
    "tick-completed",
    "tick-failed",
    "tick-skipped",
    "tick-scheduled",
    "mission-resume-started",
    "mission-resume-failed",
    "step-failed",
    "mission-failed",
    "mission-completed",
    "mission-cancelled",
]

MetricName: TypeAlias = Literal[
    "runtime.tick",
    "runtime.tick.skipped",
    "runtime.tick.failed",
    "runtime.tick.empty",
    "runtime.tick.duration",
    "runtime.mission.resume.started",
    "runtime.mission.resume.failed",
]


@attrs.frozen(kw_only=True)
class RuntimeEvent:
    """Something that happened in the runtime `identity`, `at` an aware UTC time.

    `mission_id` is set for events about one mission, `error` where something failed: of step-failed it is what the
    step raised, of mission-failed a `MissionFailedError`, whose `snapshot` and `failure` tell the rest. A step-failed
    is a warning where the step is not tried again.
    """

    level: Level
    event: EventName
    identity: str
    mission_id: str | None = None
    error: Exception | None = None
    at: datetime


@attrs.frozen(kw_only=True)
class RuntimeMetric:
    """One measurement: 1 for each thing that is counted, seconds for `runtime.tick.duration`.

    `tags` has the runtime's `identity`, and for resumed missions their `mission_name`: few values each.
    """

    name: MetricName
    value: float
    tags: Mapping[str, str]
