"""What missions are looked for."""

from __future__ import annotations

from datetime import datetime

import attrs

from ..history import NO_LABELS, Labels, MissionStatus
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


EVERYTHING = MissionQuery()
"""All missions, in order of creation."""
