"""Adapters that lose labels."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mission_control.core.history import MissionSummary
from mission_control.core.storage.persistence import MissionCommit

from .memory import Memory
from .values import Rewriting
from .waits import Changing


def bare(row: MissionSummary) -> MissionSummary:
    """Return a row without labels."""
    return attrs.evolve(row, labels={})


class ForgetsLabels(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return bare(row)


class ForgetsLabelsOfChildren(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return row if row.parent_id is None else bare(row)


class ForgetsLabelsLater(Changing):
    def changed(self, member: MissionCommit) -> MissionCommit:
        return attrs.evolve(member, summary=bare(member.summary)) if member.expected_version else member


class CutsLongLabels(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return attrs.evolve(row, labels={name: text[:100] for name, text in row.labels.items()})


class ShowsNoLabelsOfWhatSleeps(Memory):
    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return list(map(bare, await super().list_scheduled(limit=limit, after=after)))


class ShowsNoLabelsOfStrays(Memory):
    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        return list(map(bare, await super().list_strays(limit=limit, after=after)))
