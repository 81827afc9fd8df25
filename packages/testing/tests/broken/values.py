"""Adapters that return something other than what was committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import attrs

from mission_control.core.definition.definition import StoredDefinition
from mission_control.core.history.records import HistoryRecord, MissionSummary
from mission_control.core.storage import EVERYTHING, CommitOutcome, LoadOutcome, MissionCommit, MissionQuery
from mission_control.core.storage.memory_stored import Named
from mission_control.testing.conformance.missions import START

from .memory import Memory


class LoadsOnlyWhatItKnows(Memory):
    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        known = [one for one in mission_ids if await self.stored(one)]
        loaded = await super().load(known)
        return [*loaded, *[None] * (len(mission_ids) - len(known))]


class LoadsEachIdOnce(Memory):
    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        return await super().load(list(dict.fromkeys(mission_ids)))


class LoadsFewAtOnce(Memory):
    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        if len(mission_ids) > 32_766:
            raise OSError("too many SQL variables")
        return await super().load(mission_ids)


class RaisesForUnknownSummaries(Memory):
    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        if (found := await super().load_summary(mission_id)) is None:
            raise LookupError(mission_id)
        return found


class SharesWhatItLoads(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: dict[tuple[str, int], HistoryRecord] = {}

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        return [self._shared(one, await self.stored(one)) for one in mission_ids]

    def _shared(self, mission_id: str, records: tuple[HistoryRecord, ...] | None) -> LoadOutcome:
        return records and tuple(self.loaded.setdefault((mission_id, one.seq), one) for one in records)


class SharesWhatWasCommitted(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.committed: dict[tuple[str, int], HistoryRecord] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for member, outcome in zip(batch, outcomes, strict=True):
            self.committed.update({(member.mission_id, one.seq): one for one in member.records if outcome is None})
        return outcomes

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        return [self._copied(one, await self.stored(one)) for one in mission_ids]

    def _copied(self, mission_id: str, records: tuple[HistoryRecord, ...] | None) -> LoadOutcome:
        return records and tuple(deepcopy(self.committed[mission_id, one.seq]) for one in records)


def each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return `value` with `change` made to what it holds."""
    kind = type(value).__name__  # no isinstance: what it narrows to is unknown to one checker and known to the other
    if kind == "dict":
        return {change(key): change(item) for key, item in value.items()}
    return [change(item) for item in value] if kind == "list" else value


class Rewriting(Memory):
    """Changes every detail or every row on its way out."""

    def detail(self, value: Any) -> Any:
        return each(value, self.detail)

    def record(self, record: HistoryRecord) -> HistoryRecord:
        return attrs.evolve(record, details=self.detail(record.details))

    def row(self, row: MissionSummary) -> MissionSummary:
        return row

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        return [
            tuple(map(self.record, one)) if isinstance(one, tuple) else one for one in await super().load(mission_ids)
        ]

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        return (found := await super().load_summary(mission_id)) and self.row(found)

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        page = await super().list_missions(query, limit=limit, after=after)
        return [self.row(one) for one in page]


class CutsTextAtNul(Rewriting):
    def detail(self, value: Any) -> Any:
        return value.split("\x00")[0] if isinstance(value, str) else super().detail(value)


class ReplacesSurrogates(Rewriting):
    def detail(self, value: Any) -> Any:
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else super().detail(value)


class TellsNoEmptyTextFromNone(Rewriting):
    def detail(self, value: Any) -> Any:
        return None if value == "" else super().detail(value)


class CountsInFloats(Rewriting):
    def detail(self, value: Any) -> Any:
        return int(float(value)) if type(value) is int and abs(value) < 10**300 else super().detail(value)


class RoundsFloats(Rewriting):
    def detail(self, value: Any) -> Any:
        return int(value) if type(value) is float and value.is_integer() else super().detail(value)


class TellsNoEmptyListFromNone(Rewriting):
    def detail(self, value: Any) -> Any:
        return super().detail(value) or None if isinstance(value, list) else super().detail(value)


class CutsLargePayloads(Rewriting):
    def detail(self, value: Any) -> Any:
        return value[:1_000_000] if isinstance(value, str) else super().detail(value)


class KeepsMilliseconds(Rewriting):
    def record(self, record: HistoryRecord) -> HistoryRecord:
        at = record.at
        return attrs.evolve(record, at=at.replace(microsecond=at.microsecond // 1_000 * 1_000))


class LosesTheAttemptNumber(Rewriting):
    def record(self, record: HistoryRecord) -> HistoryRecord:
        return attrs.evolve(record, attempt_number=record.attempt_number and record.attempt_number % 2**32)


class KeepsSecondsOfRows(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return attrs.evolve(row, updated_at=row.updated_at and row.updated_at.replace(microsecond=0))


class LosesTheTraceback(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return attrs.evolve(row, error=row.error and attrs.evolve(row.error, traceback=row.error.traceback or ""))


class LosesTheWaitsNode(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        waiting = row.next_wait and attrs.evolve(row.next_wait, node_index=0)
        return attrs.evolve(row, waiting=row.waiting and waiting, next_wait=waiting)


class CutsLongNames(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return attrs.evolve(row, mission_name=row.mission_name[:100])


class CutsLongParents(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return attrs.evolve(row, parent_id=row.parent_id and row.parent_id[:255])


class IgnoresTheCaseOfIds(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self.write(*[attrs.evolve(one, mission_id=await self._known(one.mission_id)) for one in batch])

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        return await super().load_summary(await self._known(mission_id))

    async def _known(self, mission_id: str) -> str:
        same = (row.mission_id for row in await self.rows() if row.mission_id.lower() == mission_id.lower())
        return next(same, mission_id)


class LosesDefinitions(Memory):
    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        return None


class KeepsDefinitionsByName(Memory):
    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        known = await super().load_definition(fingerprint)
        return known and await super().load_definition(next(iter(self._definitions.kept)))


class FindsDefinitionsByPrefix(Memory):
    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        exact = await super().load_definition(fingerprint)
        like = [one for one in self._definitions.kept if one.startswith(fingerprint)]
        return exact or (await super().load_definition(like[0]) if like else None)


class ReplacesDefinitions(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if len(batch) == 1 and (definition := batch[0].definition):
            self._definitions.kept.pop(definition.fingerprint, None)
        return await super().commit(batch)


class KeepsOnlyTheFirstDefinition(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self.write(*(attrs.evolve(one, definition=None) if one.expected_version else one for one in batch))


class SharesDefinitions(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[str, dict[str, Any]] = {}

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        found = await super().load_definition(fingerprint)
        return found and self.shared.setdefault(fingerprint, found)


class SharesCommittedDefinitions(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.committed: dict[str, StoredDefinition] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for one in (member.definition for member in batch if member.definition):
            self.committed.setdefault(one.fingerprint, one)
        return await super().commit(batch)

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        found = await super().load_definition(fingerprint)
        return found and deepcopy(dict(self.committed[fingerprint].static))


class LosesFurtherDefinitions(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self.write(*(attrs.evolve(one, definitions=one.definitions[:1]) for one in batch))


class WritesFurtherDefinitionsOfWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        for further in (one for member in batch for one in member.definitions if any(outcomes)):
            self._definitions.name(Named.of(further, START))
        return outcomes


class ForgetsThePause(Rewriting):
    def row(self, row: MissionSummary) -> MissionSummary:
        return attrs.evolve(row, paused=False)
