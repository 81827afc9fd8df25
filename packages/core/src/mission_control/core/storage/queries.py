"""What missions are looked for."""

from __future__ import annotations

from datetime import datetime

import attrs

from ..history import NO_LABELS, Labels, MissionStatus, MissionSummary
from ..values import Value


@attrs.frozen(kw_only=True)
class MissionQuery(Value):
    """Which missions a listing has, and in which order: those that fit all that is given.

    `statuses` are those of which a mission has one, all where there is none. `labels` are those of which it has all,
    `id_prefix` is what its id begins with, and `error` the code of the failure that its summary bears. It was created
    at `since` or later, and before `until`. In order of creation, or with `newest_first` against it.
    """

    statuses: tuple[MissionStatus, ...] = ()
    mission_name: str | None = None
    labels: Labels = NO_LABELS
    id_prefix: str | None = None
    parent_id: str | None = None
    schedule: str | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    newest_first: bool = False

    def fits(self, mission: MissionSummary) -> bool:
        """Return whether a mission is one of those that are looked for."""
        error = None if mission.error is None else mission.error.code
        wanted = (
            (self.mission_name, mission.mission_name),
            (self.parent_id, mission.parent_id),
            (self.schedule, mission.schedule),
            (self.error, error),
        )
        return (
            (not self.statuses or mission.status in self.statuses)
            and all(text in (None, own) for text, own in wanted)
            and mission.mission_id.startswith(self.id_prefix or "")
            and all(mission.labels.get(name) == text for name, text in self.labels.items())
            and self._is_of_its_time(mission)
        )

    def _is_of_its_time(self, mission: MissionSummary) -> bool:
        created = mission.created_at
        assert created is not None, f"mission {mission.mission_id!r} is stored, and was not created"
        return (self.since is None or self.since <= created) and (self.until is None or created < self.until)


EVERYTHING = MissionQuery()
"""All missions, in order of creation."""
