"""Adapters that show less than they have, or put missions right that have gone on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from mission_control.core.storage import MissionRows, StoredMission

from .memory import Memory


class AuditsNoWaits(Memory):
    async def audit(self, **page: Any) -> Sequence[StoredMission]:
        def bare(stored: StoredMission) -> StoredMission:
            assert isinstance(stored.rows, MissionRows)
            return attrs.evolve(stored, rows=attrs.evolve(stored.rows, waits=()))

        return list(map(bare, await super().audit(**page)))


class AuditsNoChildren(Memory):
    async def audit(self, **page: Any) -> Sequence[StoredMission]:
        return [one for one in await super().audit(**page) if "/" not in one.mission_id]


class AuditsPageAfterPage(Memory):
    async def audit(self, *, limit: int, **place: Any) -> Sequence[StoredMission]:
        return await super().audit(limit=limit + 1, **place)


class AuditsAllForOne(Memory):
    async def audit(self, *, mission_id: str | None = None, **page: Any) -> Sequence[StoredMission]:
        return await super().audit(**page)


class RewritesNothing(Memory):
    async def rewrite(self, rows: MissionRows, /) -> bool:
        return any(row.mission_id == rows.summary.mission_id for row in await self.rows())


class RewritesNoWaits(Memory):
    async def rewrite(self, rows: MissionRows, /) -> bool:
        stored = self._missions.get(rows.summary.mission_id)
        kept = () if stored is None else tuple(stored.waits.values())
        return await super().rewrite(attrs.evolve(rows, waits=kept))


class RewritesAnyVersion(Memory):
    async def rewrite(self, rows: MissionRows, /) -> bool:
        stored = self._missions.get(rows.summary.mission_id)
        return await super().rewrite(rows if stored is None else attrs.evolve(rows, version=stored.version))


class RewritesTheHistory(Memory):
    """Forgets the last record of what it puts right."""

    async def rewrite(self, rows: MissionRows, /) -> bool:
        is_written = await super().rewrite(rows)
        if is_written:
            self._missions[rows.summary.mission_id].entries.pop()
        return is_written
