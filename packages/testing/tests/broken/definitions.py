"""Adapters that list definitions wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs

from mission_control.core.definition import StoredDefinition
from mission_control.core.storage import CommitOutcome, MissionCommit

from .memory import Memory


class Listed(Memory):
    """Changes what is listed."""

    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        return list(self.changed(await super().list_definitions(mission_name=mission_name)))

    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return found


class ListsDefinitionsByFingerprint(Listed):
    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return sorted(found, key=lambda one: one.fingerprint)


class ListsTheNewestDefinitionFirst(Listed):
    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return reversed(found)


class ListsOneDefinitionOfAName(Listed):
    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return {one.name: one for one in found}.values()


class ListsDefinitionsWithoutForm(Listed):
    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return (attrs.evolve(one, static={"name": one.name}) for one in found)


class ListsDefinitionsWithoutTime(Listed):
    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return (attrs.evolve(one, stored_at=None) for one in found)


class TellsWhenDefinitionsWereUsedLast(Listed):
    def __init__(self) -> None:
        super().__init__()
        self.used: dict[str, datetime] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for one in batch:
            for definition in filter(None, (one.definition, *one.definitions)):
                self.used[definition.fingerprint] = one.records[0].at
        return await super().commit(batch)

    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return (attrs.evolve(one, stored_at=self.used[one.fingerprint]) for one in found)


class TellsWhenTheLastRecordWas(Listed):
    def __init__(self) -> None:
        super().__init__()
        self.used: dict[str, datetime] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for one in batch:
            for definition in filter(None, (one.definition, *one.definitions)):
                self.used.setdefault(definition.fingerprint, one.records[-1].at)
        return await super().commit(batch)

    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return (attrs.evolve(one, stored_at=self.used[one.fingerprint]) for one in found)


class ListsDefinitionsOfAllNames(Memory):
    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        return await super().list_definitions()


class ListsDefinitionsOfSuchNames(Memory):
    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        wanted = (mission_name or "").lower()
        return [one for one in await super().list_definitions() if mission_name is None or one.name.lower() == wanted]


class SharesListedDefinitions(Listed):
    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[str, Any] = {}

    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        return (self.shared.setdefault(one.fingerprint, one) for one in found)


class ListsDefinitionsThatWent(Listed):
    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, StoredDefinition] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        self.known.update((one.fingerprint, one.fresh()) for one in self._definitions.kept.values())
        return outcomes

    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        gone = (one for one in self.known.values() if one.fingerprint not in self._definitions.kept)
        return (*found, *(one for one in gone if any(one.name == other.name for other in found)))


class ListsDefinitionsWhereTheyWereBefore(Listed):
    def __init__(self) -> None:
        super().__init__()
        self.order: dict[str, None] = {}

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        self.order.update(dict.fromkeys(self._definitions.kept))
        return outcomes

    def changed(self, found: Sequence[StoredDefinition]) -> Iterable[StoredDefinition]:
        order = list(self.order)
        return sorted(found, key=lambda one: order.index(one.fingerprint))
