"""What can be read of missions on Temporal: lists from visibility, each mission from the events of its workflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from mission_control.core import (
    CommanderError,
    CorruptMissionError,
    FailureCount,
    MissionCount,
    MissionDefinition,
    MissionInspection,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    OpenWait,
    RetryWait,
    Standing,
    StoredDefinition,
    TimerWait,
    WaitCount,
)
from mission_control.core.history import HourCount, Owner, hour_of, last_hours
from mission_control.core.machine import inspect_history, load, open_waits
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import LoadOutcome, MissionQuery, StoredMission, WaitPlace

from .histories import persistence_error, read_records
from .names import MISSION
from .rows import LABELS, MEMO, NAME, NEXT_DUE, PARENT, REOPENED, STATUS, summary_of, waits_of

_RECENTLY = timedelta(seconds=70)
"""How long ago a worker that is at work may have asked for work last."""


class TemporalReads:
    """A `ReadPort` of a namespace: of all missions there, whatever their task queue."""

    def __init__(self, client: Client, definitions: Mapping[str, MissionDefinition[Any]], task_queue: str) -> None:
        self._client = client
        self._known = definitions
        self._task_queue = task_queue

    # One mission

    async def inspect(self, mission_id: str) -> MissionInspection | None:
        """Return all there is to see of a mission, or None where there is none."""
        records = await read_records(self._client, mission_id)
        return None if records is None else inspect_history(mission_id, records)

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return the mission's row, or None."""
        if not mission_id:  # it was looked for by what no id can be
            return None
        try:
            described = await self._client.get_workflow_handle(mission_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise persistence_error(error) from error
        return await _row(described)

    async def load(self, mission_ids: Sequence[str]) -> Sequence[LoadOutcome]:
        """Return, for each id in order, the mission's whole history, or None where there is none."""
        return [await self._loaded(mission_id) for mission_id in mission_ids]

    async def _loaded(self, mission_id: str) -> LoadOutcome:
        try:
            return await read_records(self._client, mission_id)
        except CorruptMissionError as error:
            return error

    # Lists, in no order but where one is said

    async def _rows(self, query: MissionQuery, more: str = "") -> AsyncIterator[tuple[MissionSummary, dict[str, Any]]]:
        """Yield the rows of missions that are looked for, with their memos, in the order that visibility has."""
        try:
            lasts = {} if _is_live(query) else await self._last_runs()
            async for execution in self._client.list_workflows(_visibility(query) + more):
                if lasts.get(execution.id, execution.run_id) != execution.run_id:
                    continue  # how it had ended before it was reopened
                memo = (await execution.memo()).get(MEMO)
                if memo is not None:
                    row = summary_of(execution.id, memo)
                    if query.fits(row):
                        yield row, memo
        except RPCError as error:
            raise persistence_error(error) from error

    async def _last_runs(self) -> dict[str, str]:
        """Return the last run of each mission that was reopened: the runs before that are listed beside it."""
        lasts: dict[str, WorkflowExecution] = {}
        async for execution in self._client.list_workflows(f"{_visibility(MissionQuery())} AND {REOPENED.name} = true"):
            known = lasts.setdefault(execution.id, execution)
            if execution.start_time > known.start_time:
                lasts[execution.id] = execution
        return {mission_id: execution.run_id for mission_id, execution in lasts.items()}

    async def list_missions(self, query: MissionQuery, /, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the missions that are looked for: the newest first, whatever order is asked for."""
        page: list[MissionSummary] = []
        is_behind = after is None
        async for row, _ in self._rows(query):
            if is_behind:
                page.append(row)
                if len(page) == limit:
                    break
            is_behind = is_behind or row.mission_id == after
        return page

    async def list_scheduled(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of what waits for a timer or a retry, the earliest first."""
        found = [row async for row, _ in self._rows(_WAITING, _DUE) if isinstance(row.waiting, TimerWait | RetryWait)]
        return _page(sorted(found, key=_by_due), limit, after)

    async def due(
        self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None
    ) -> Sequence[MissionSummary]:
        """Return a page of what is due at `before` or earlier, by time and then by id."""
        found = [
            row
            async for row, _ in self._rows(_LIVE, _DUE)
            if row.next_due is not None and row.next_due <= before and (after is None or _by_due(row) > after)
        ]
        return sorted(found, key=_by_due)[:limit]

    async def list_waits(
        self, *, signal: str | None, mission_name: str | None, limit: int, after: WaitPlace | None
    ) -> Sequence[OpenWait]:
        """Return a page of the open waits for signals, the longest open first."""
        found = [
            attrs.evolve(wait, schema=self._schema(wait))
            async for wait in self._waits(attrs.evolve(_LIVE, mission_name=mission_name))
            if signal in (None, wait.signal) and (after is None or _place(wait) > after)
        ]
        return sorted(found, key=_place)[:limit]

    async def _waits(self, query: MissionQuery) -> AsyncIterator[OpenWait]:
        async for row, memo in self._rows(query):
            waits = waits_of(row.mission_id, memo)
            if waits is None:
                records = await read_records(self._client, row.mission_id)
                waits = [] if records is None else list(open_waits(load(row.mission_id, records)))
            for wait in waits:
                yield wait

    def _schema(self, wait: OpenWait) -> dict[str, Any] | None:
        definition = self._known.get(wait.mission_name)
        payload = None if definition is None else definition.input_type(wait.event_name)
        return None if payload is None else payload.json_schema

    # Definitions: those that are registered here

    async def load_definition(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the static form of a definition that is registered here, or None."""
        return next((dict(one.static) for one in self._stored() if one.fingerprint == fingerprint), None)

    async def list_definitions(self, *, mission_name: str | None) -> Sequence[StoredDefinition]:
        """Return the definitions that are registered here, or that of a name."""
        return [one for one in self._stored() if mission_name in (None, one.name)]

    def _stored(self) -> Iterable[StoredDefinition]:
        return (definition.stored for definition in self._known.values())

    # All missions at once

    async def statistics(self, now: datetime) -> MissionStatistics:
        """Return what there is, counted: every row is read for it."""
        missions: Counter[tuple[str, MissionStatus]] = Counter()
        failures: Counter[tuple[str, str | None, str | None]] = Counter()
        recent: Counter[tuple[str, str | None, str | None]] = Counter()
        started: Counter[datetime] = Counter()
        ended: Counter[tuple[datetime, MissionStatus]] = Counter()
        waits: dict[str, list[datetime]] = {}
        overdue = soon = 0
        async for row, memo in self._rows(MissionQuery()):
            missions[row.mission_name, row.status] += 1
            if row.created_at is not None:
                started[hour_of(row.created_at)] += 1
            if row.status.is_terminal and row.updated_at is not None:
                ended[hour_of(row.updated_at), row.status] += 1
            if row.status is MissionStatus.FAILED and row.error is not None:
                kind = (row.error.code, row.error.type, row.cursor)
                failures[kind] += 1
                recent[kind] += row.updated_at is not None and row.updated_at > now - timedelta(days=1)
            if row.next_due is not None:
                overdue += row.next_due < now
                soon += now <= row.next_due <= now + timedelta(hours=1)
            for wait in waits_of(row.mission_id, memo) or ():
                waits.setdefault(wait.signal, []).append(wait.since)
        return MissionStatistics(
            at=now,
            missions=tuple(
                MissionCount(mission_name=name, status=status, count=count)
                for (name, status), count in sorted(missions.items())
            ),
            waits=tuple(
                WaitCount(signal=signal, count=len(since), oldest=min(since)) for signal, since in sorted(waits.items())
            ),
            failures=_counted(failures),
            recent_failures=_counted(recent),
            hours=tuple(_hour(hour, started, ended) for hour in last_hours(now)),
            due_within_hour=soon,
            overdue=overdue,
        )

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        """Return nothing: Temporal has schedules of its own."""
        return []

    async def change_token(self) -> str:
        """Return a text that is another one each time: nobody counts what is committed."""
        return datetime.now(UTC).isoformat()

    async def list_standing(self, *, mission_name: str | None = None, limit: int | None = None) -> Sequence[Standing]:
        """Return nothing: every mission is looked at by itself."""
        return []

    async def list_unplaced(self, *, limit: int, after: str | None) -> Sequence[MissionSummary]:
        """Return a page of the missions that have not ended."""
        return await self.list_missions(_LIVE, limit=limit, after=after)

    async def audit(self, *, limit: int, after: str | None) -> Sequence[StoredMission]:
        """Raise `CommanderError`: rows are made from histories by Temporal."""
        raise _not_here("doctor() looks at the rows that a storage keeps beside histories")

    async def backup(self, path: str) -> None:
        """Raise `CommanderError`: there is no file."""
        raise _not_here("backup() copies a file")

    async def owner(self) -> Owner | None:
        """Return the worker of the task queue that was seen last, or None where none was within 70 s."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        answer = await self._client.workflow_service.describe_task_queue(request)
        seen = [(one.last_access_time.ToDatetime(UTC), one.identity) for one in answer.pollers]
        if not seen:
            return None
        since, identity = max(seen)
        pid = identity.partition("@")[0]
        is_listening = datetime.now(UTC) - since < _RECENTLY
        return Owner(pid=int(pid) if pid.isdigit() else 0, since=since, is_listening=True) if is_listening else None


_WAITING = MissionQuery(statuses=(MissionStatus.WAITING,))
_LIVE = MissionQuery(statuses=(MissionStatus.RUNNING, MissionStatus.WAITING))
_DUE = f" AND {NEXT_DUE.name} IS NOT NULL"


def _visibility(query: MissionQuery) -> str:
    """Return what visibility is asked for; what it does not know is looked for in what it returns."""
    terms = [f"WorkflowType = {_text(MISSION)}"]
    if query.statuses:
        terms.append(f"{STATUS.name} IN ({', '.join(_text(status.value) for status in query.statuses)})")
    # a run that another one has followed is none, and one that has a live status and has ended was terminated
    terms.append("ExecutionStatus = 'Running'" if _is_live(query) else "ExecutionStatus != 'ContinuedAsNew'")
    if query.mission_name is not None:
        terms.append(f"{NAME.name} = {_text(query.mission_name)}")
    if query.parent_id is not None:
        terms.append(f"{PARENT.name} = {_text(query.parent_id)}")
    if query.id_prefix:
        terms.append(f"WorkflowId STARTS_WITH {_text(query.id_prefix)}")
    terms += [f"{LABELS.name} = {_text(f'{name}={text}')}" for name, text in query.labels.items()]
    return " AND ".join(terms)


def _is_live(query: MissionQuery) -> bool:
    """True where only missions are looked for that have not ended."""
    return bool(query.statuses) and not any(status.is_terminal for status in query.statuses)


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _by_due(row: MissionSummary) -> tuple[datetime, str]:
    assert row.next_due is not None  # it was looked for
    return row.next_due, row.mission_id


def _place(wait: OpenWait) -> WaitPlace:
    return wait.since, wait.mission_id, wait.event_name


def _page(rows: list[MissionSummary], limit: int, after: str | None) -> list[MissionSummary]:
    ids = [row.mission_id for row in rows]
    begun = ids.index(after) + 1 if after in ids else 0
    return rows[begun : begun + limit]


def _counted(kinds: Counter[tuple[str, str | None, str | None]]) -> tuple[FailureCount, ...]:
    return tuple(
        FailureCount(code=code, type=kind, node=node, count=count)
        for (code, kind, node), count in kinds.most_common()
        if count
    )


def _hour(hour: datetime, started: Counter[datetime], ended: Counter[tuple[datetime, MissionStatus]]) -> HourCount:
    return HourCount(
        hour=hour,
        started=started[hour],
        **{status.value: ended[hour, status] for status in MissionStatus if status.is_terminal},
    )


async def _row(execution: WorkflowExecution) -> MissionSummary | None:
    memo = (await execution.memo()).get(MEMO)
    return None if memo is None else summary_of(execution.id, memo)


def _not_here(what: str) -> CommanderError:
    return CommanderError(f"{what}, and missions on Temporal have none; use Temporal's own means")
