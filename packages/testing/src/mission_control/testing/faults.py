"""Storage that fails on demand, to see what becomes of missions when it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from mission_control.core.definition import StoredDefinition
from mission_control.core.errors import PersistenceError
from mission_control.core.history import MissionStatistics, MissionStatus, MissionSummary, OpenWait
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import (
    EVERYTHING,
    CommitOutcome,
    DueKind,
    LoadOutcome,
    MissionCommit,
    MissionQuery,
    MissionRows,
    OwnedMailbox,
    PersistenceAdapter,
    Standing,
    StoredMission,
)

T = TypeVar("T")


class FaultInjectingAdapter:
    """A `PersistenceAdapter` that forwards everything to `inner`, save that chosen commits raise.

    What else is written, rows of schedules alone, rows that are put right, and a purge, is counted among the commits.

    `fail_commits` holds their numbers, counted from 1, or is a predicate of the number. `when` says whether they
    raise before they take effect (the process died before it wrote) or after (the answer was lost). `error` is what
    is raised, a `PersistenceError` naming the commit unless it is given. `commits` is how many were attempted.
    """

    def __init__(
        self,
        inner: PersistenceAdapter,
        *,
        fail_commits: Container[int] | Callable[[int], bool],
        when: Literal["before", "after"] = "before",
        error: BaseException | None = None,
    ) -> None:
        if when not in ("before", "after"):
            raise ValueError(f"when is 'before' or 'after', found {when!r}")
        self.commits: int = 0
        self._inner: PersistenceAdapter = inner
        self._fail_commits: Container[int] | Callable[[int], bool] = fail_commits
        self._when: Literal["before", "after"] = when
        self._error: BaseException | None = error

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        """Commit, or fail, as this commit's number has it."""
        return await self._written(batch, lambda: self._inner.commit(batch))

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        """Write, or fail, likewise."""
        await self._written((), lambda: self._inner.record_schedules(rows))

    async def _written(self, batch: Sequence[MissionCommit], write: Callable[[], Awaitable[T]]) -> T:
        self.commits += 1
        number = self.commits
        if not self._fails(number):
            return await write()
        if self._when == "after":
            await write()
        raise await self._failure(number, batch)

    async def _failure(self, number: int, batch: Sequence[MissionCommit]) -> BaseException:
        return self._error or PersistenceError(
            f"commit {number} was made to fail {self._when} it took effect, by FaultInjectingAdapter"
        )

    def _fails(self, number: int) -> bool:
        chosen = self._fail_commits
        return chosen(number) if callable(chosen) else number in chosen

    async def bootstrap(self) -> None:
        """Forwarded."""
        await self._inner.bootstrap()

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        """Forwarded."""
        return await self._inner.load(mission_ids)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Forwarded."""
        return await self._inner.load_summary(mission_id)

    async def list_missions(
        self, query: MissionQuery = EVERYTHING, /, *, limit: int, after: str | None = None
    ) -> Sequence[MissionSummary]:
        """Forwarded."""
        return await self._inner.list_missions(query, limit=limit, after=after)

    async def list_scheduled(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Forwarded."""
        return await self._inner.list_scheduled(limit=limit, after=after)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[MissionSummary]:
        """Forwarded."""
        return await self._inner.due(before, limit=limit, after=after)

    async def next_due(self, after: datetime | None, /, kind: DueKind | None = None) -> datetime | None:
        """Forwarded."""
        return await self._inner.next_due(after, kind)

    async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Forwarded."""
        return await self._inner.list_interrupted(limit=limit, after=after)

    async def list_strays(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Forwarded."""
        return await self._inner.list_strays(limit=limit, after=after)

    async def list_waits(
        self,
        *,
        signal: str | None = None,
        mission_name: str | None = None,
        limit: int,
        after: tuple[datetime, str, str] | None = None,
    ) -> Sequence[OpenWait]:
        """Forwarded."""
        return await self._inner.list_waits(signal=signal, mission_name=mission_name, limit=limit, after=after)

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Forwarded."""
        return await self._inner.list_schedules()

    async def statistics(self, now: datetime, /) -> MissionStatistics:
        """Forwarded."""
        return await self._inner.statistics(now)

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Forwarded."""
        return await self._inner.list_standing(mission_name=mission_name, limit=limit)

    async def list_unplaced(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
        """Forwarded."""
        return await self._inner.list_unplaced(limit=limit, after=after)

    async def audit(
        self, *, limit: int, after: str | None = None, mission_id: str | None = None
    ) -> Sequence[StoredMission]:
        """Forwarded."""
        return await self._inner.audit(limit=limit, after=after, mission_id=mission_id)

    async def rewrite(self, rows: MissionRows, /) -> bool:
        """Write, or fail, likewise."""
        return await self._written((), lambda: self._inner.rewrite(rows))

    async def purge(
        self,
        before: datetime,
        /,
        *,
        statuses: Sequence[MissionStatus],
        mission_name: str | None = None,
        limit: int,
        request_id: str | None = None,
    ) -> int:
        """Purge, or fail, likewise."""
        return await self._written(
            (),
            lambda: self._inner.purge(
                before, statuses=statuses, mission_name=mission_name, limit=limit, request_id=request_id
            ),
        )

    async def backup(self, path: str, /) -> None:
        """Forwarded."""
        await self._inner.backup(path)

    async def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Forwarded."""
        return await self._inner.load_definition(fingerprint)

    async def list_definitions(self, *, mission_name: str | None = None) -> Sequence[StoredDefinition]:
        """Forwarded."""
        return await self._inner.list_definitions(mission_name=mission_name)

    async def change_token(self) -> str:
        """Forwarded."""
        return await self._inner.change_token()

    def mailbox(self) -> OwnedMailbox | None:
        """Forwarded."""
        return self._inner.mailbox()

    async def close(self) -> None:
        """Forwarded."""
        await self._inner.close()
