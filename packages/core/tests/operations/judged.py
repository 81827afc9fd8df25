"""Storage of a test that says what adapters say, and has stored beside histories what the test put there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, cast

import attrs

from mission_control.core import HistoryRecord, MissionDefinition, MissionStatus, MissionSummary
from mission_control.core.history import MissionCount, MissionStatistics
from mission_control.core.machine import State, load
from mission_control.core.operations import rows_of
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import LoadOutcome, MissionQuery, ReadPort, Standing, StoredMission


@attrs.define
class Missions:
    """Histories by the ids of their missions, and the forms of what they ran under."""

    histories: dict[str, tuple[HistoryRecord, ...]] = attrs.field(factory=dict[str, tuple[HistoryRecord, ...]])
    forms: dict[str, Any] = attrs.field(factory=dict[str, Any])
    read: list[str] = attrs.field(factory=list[str])
    """The ids of the missions whose histories were asked for."""
    rows: dict[str, MissionSummary] = attrs.field(factory=dict[str, MissionSummary])
    """Of the missions whose rows do not tell where they stand, whatever their histories say."""
    stored_rows: dict[str, Any] = attrs.field(factory=dict[str, Any])
    """What is stored beside histories that does not go with them."""
    broken: dict[str, Any] = attrs.field(factory=dict[str, Any])
    """What is stored as histories of missions that had others."""
    schedules: list[StoredSchedule] = attrs.field(factory=list[StoredSchedule])

    def add(self, mission_id: str, history: Sequence[HistoryRecord], *definitions: MissionDefinition[Any]) -> None:
        self.histories[mission_id] = tuple(history)
        for definition in definitions:
            self.forms[definition.fingerprint] = definition.stored.static

    def hide_rows(self, mission_id: str) -> None:
        """Let the row of a mission not tell where it stands."""
        self.rows[mission_id] = load(mission_id, self.histories[mission_id]).summary()

    def _states(self) -> list[State]:
        told = (item for item in self.histories.items() if item[0] not in self.rows)
        states = [load(mission_id, history) for mission_id, history in told]
        return [state for state in states if not state.is_terminal]

    def port(self) -> ReadPort:
        """Return it as what plans are made from, of which they ask no more than is here."""
        return cast("ReadPort", self)

    async def list_standing(self) -> Sequence[Standing]:
        groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for state in self._states():
            if state.ran_under is not None:
                groups[state.mission_name, state.ran_under, state.cursor or ""].append(state.mission_id)
        return [
            Standing(mission_name=name, fingerprint=fingerprint, cursor=cursor, count=len(ids), examples=tuple(ids[:5]))
            for (name, fingerprint, cursor), ids in sorted(groups.items())
        ]

    async def list_unplaced(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        unplaced = [state.summary() for state in self._states() if state.ran_under is None]
        return self._page([*self.rows.values(), *unplaced], limit, after)

    async def list_missions(self, query: MissionQuery, /, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        named = [state.summary() for state in self._states() if state.mission_name == query.mission_name]
        return self._page(named, limit, after)

    @staticmethod
    def _page(summaries: list[MissionSummary], limit: int, after: str | None) -> Sequence[MissionSummary]:
        ids = [summary.mission_id for summary in summaries]
        begin = 0 if after is None else ids.index(after) + 1
        return summaries[begin : begin + limit]

    async def audit(self, *, limit: int, after: str | None) -> Sequence[StoredMission]:
        ids = list(self.histories)
        begin = 0 if after is None else ids.index(after) + 1
        return [self._stored(mission_id) for mission_id in ids[begin : begin + limit]]

    def _stored(self, mission_id: str) -> StoredMission:
        history = self.broken.get(mission_id, self.histories[mission_id])
        rows = self.stored_rows.get(mission_id) or rows_of(load(mission_id, self.histories[mission_id]))
        return StoredMission(mission_id=mission_id, history=history, rows=rows)

    async def statistics(self, now: datetime) -> MissionStatistics:
        count = MissionCount(mission_name="order", status=MissionStatus.WAITING, count=len(self.histories))
        return MissionStatistics(
            at=now,
            missions=(count,),
            waits=(),
            failures=(),
            recent_failures=(),
            hours=(),
            due_within_hour=0,
            overdue=0,
        )

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, None]]:
        return [(schedule, None) for schedule in self.schedules]

    async def load(self, mission_ids: Sequence[str]) -> Sequence[LoadOutcome]:
        self.read += mission_ids
        return [self.histories.get(mission_id) for mission_id in mission_ids]

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        return deepcopy(self.forms.get(fingerprint))
