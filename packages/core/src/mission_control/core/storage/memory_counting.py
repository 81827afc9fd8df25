"""Missions in memory, counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ..history import (
    FailureCount,
    HourCount,
    MissionCount,
    MissionStatistics,
    MissionStatus,
    WaitCount,
    hour_of,
    last_hours,
)
from .memory_index import Index, kind_of_failure
from .queries import MissionQuery
from .stored import Standing

_EXAMPLES = 5
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_LIVE = (MissionStatus.RUNNING, MissionStatus.WAITING)


def statistics(index: Index, now: datetime) -> MissionStatistics:
    """Return what there is: what is counted are lists, and of missions only those that have ended within a day."""
    overdue = index.count_before("any", now)
    return MissionStatistics(
        at=now,
        missions=tuple(sorted(_missions(index), key=lambda one: (one.mission_name, one.status))),
        waits=tuple(sorted(_waits(index), key=lambda one: one.signal)),
        failures=_by_frequency(_failures(index)),
        recent_failures=_by_frequency(_recent_failures(index, now - _DAY)),
        hours=tuple(_hours(index, now)),
        due_within_hour=index.count_before("any", now + _HOUR) - overdue,
        overdue=overdue,
    )


def _missions(index: Index) -> Iterator[MissionCount]:
    for (kind, *texts), numbers in index.numbers.items():
        if kind == "name and status":
            name, status = texts
            yield MissionCount(mission_name=name or "", status=MissionStatus(status or ""), count=len(numbers))


def _waits(index: Index) -> Iterator[WaitCount]:
    for (signal, mission_name), places in index.waits.items():
        if signal is not None and mission_name is None:
            yield WaitCount(signal=signal, count=len(places), oldest=places[0][0])


def _failures(index: Index) -> Iterator[FailureCount]:
    for (kind, *texts), numbers in index.numbers.items():
        if kind == "failure":
            code, type_name, node = texts
            yield FailureCount(code=code or "", type=type_name, node=node, count=len(numbers))


def _recent_failures(index: Index, since: datetime) -> Iterator[FailureCount]:
    failed = (row for _, row in index.ended_since(since) if row.status is MissionStatus.FAILED)
    kinds = Counter(kind_of_failure(row, row.error) for row in failed if row.error is not None)
    for (code, type_name, node), count in kinds.items():
        yield FailureCount(code=code, type=type_name, node=node, count=count)


def _by_frequency(failures: Iterable[FailureCount]) -> tuple[FailureCount, ...]:
    return tuple(sorted(failures, key=lambda one: (-one.count, one.code, one.type or "", one.node or "")))


def _hours(index: Index, now: datetime) -> Iterator[HourCount]:
    hours = last_hours(now)
    ended = Counter((hour_of(at), row.status) for at, row in index.ended_since(hours[0]))
    for hour in hours:
        yield HourCount(
            hour=hour,
            started=index.count_before("created", hour + _HOUR) - index.count_before("created", hour),
            completed=ended[hour, MissionStatus.COMPLETED],
            failed=ended[hour, MissionStatus.FAILED],
            cancelled=ended[hour, MissionStatus.CANCELLED],
        )


def standing(index: Index, mission_name: str | None, limit: int | None) -> list[Standing]:
    """Return where missions stand that have not ended, as far as their rows tell, by reading all or the newest."""
    groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list[str])
    live = MissionQuery(statuses=_LIVE, mission_name=mission_name, newest_first=limit is not None)
    for row in index.find(live, len(index.missions) if limit is None else limit, None):
        ran_under = index.missions[row.mission_id].ran_under
        if ran_under is not None:
            groups[row.mission_name, ran_under, row.cursor or ""].append(row.mission_id)
    return [
        Standing(
            mission_name=name,
            fingerprint=fingerprint,
            cursor=cursor,
            count=len(ids),
            examples=tuple(ids[:_EXAMPLES]),
        )
        for (name, fingerprint, cursor), ids in sorted(groups.items())
    ]
