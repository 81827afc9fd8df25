"""Missions in memory, counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from ..history import FailureCount, MissionCount, MissionStatistics, MissionStatus, WaitCount
from .memory_index import Index
from .stored import Standing

_EXAMPLES = 5
_HOUR = timedelta(hours=1)
_LIVE = (MissionStatus.RUNNING, MissionStatus.WAITING)


def statistics(index: Index, now: datetime) -> MissionStatistics:
    """Return what there is: what is counted are lists, and not the missions that are in them."""
    overdue = index.count_before("any", now)
    return MissionStatistics(
        at=now,
        missions=tuple(sorted(_missions(index), key=lambda one: (one.mission_name, one.status))),
        waits=tuple(sorted(_waits(index), key=lambda one: one.signal)),
        failures=tuple(
            sorted(_failures(index), key=lambda one: (-one.count, one.code, one.type or "", one.node or ""))
        ),
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


def standing(index: Index) -> list[Standing]:
    """Return where missions stand that have not ended, as far as their rows tell, by reading these."""
    groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list[str])
    for status in _LIVE:
        for stored in index.page(("status", status), len(index.missions), None):
            row = stored.summary
            if stored.ran_under is not None:
                groups[row.mission_name, stored.ran_under, row.cursor or ""].append(row.mission_id)
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
