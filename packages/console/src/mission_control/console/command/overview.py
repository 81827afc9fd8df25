"""All missions on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from mission_control.core import MissionStatus, ScheduleSummary

from ..reading import Overview
from .console import Console
from .printing import instant, width
from .standing import COLOURS
from .tables import Cell, Column, printable, table

_MOST_NAMES = 5
_MOST_SIGNALS = 3
_MOST_FAILURES = 3
_STATUSES = (
    MissionStatus.RUNNING,
    MissionStatus.WAITING,
    MissionStatus.FAILED,
    MissionStatus.CANCELLED,
    MissionStatus.COMPLETED,
)


def overview_lines(console: Console, overview: Overview) -> Iterator[str]:
    """Yield what `status` shows, in some 20 lines."""
    yield _owner(console, overview)
    for section in (_missions(overview), _waits(console, overview), _failures(overview)):
        lines = list(section)
        if lines:
            yield ""
            yield from lines
    yield ""
    yield from _ahead(console, overview)
    if overview.needs:
        yield ""
        yield from _needs(overview)


def _owner(console: Console, overview: Overview) -> str:
    owner = overview.owner
    database = printable(str(console.path()))
    if owner is None:
        return f"{database}: {click.style('nobody runs its missions', fg='yellow')}"
    hears = "" if owner.is_listening else click.style(", and does not listen", fg="yellow")
    return f"{database}: run by process {owner.pid} since {instant(console, owner.since).text}{hears}"


def _missions(overview: Overview) -> Iterator[str]:
    counts: dict[str, dict[MissionStatus, int]] = {}
    for one in overview.statistics.missions:
        counts.setdefault(one.mission_name, {})[one.status] = one.count
    most = sorted(counts, key=lambda name: -sum(counts[name].values()))
    columns = (Column("missions"), *(Column(str(one), is_number=True) for one in _STATUSES))
    rows = ([Cell(name), *(_count(counts[name].get(one, 0), one) for one in _STATUSES)] for name in most[:_MOST_NAMES])
    return _with_rest(table(columns, rows, width=width()), len(most) - _MOST_NAMES, "other names: mission-control list")


def _count(count: int, status: MissionStatus) -> Cell:
    return Cell(f"{count:,}", colour=COLOURS[status] if count else None)


def _waits(console: Console, overview: Overview) -> Iterator[str]:
    waits = sorted(overview.statistics.waits, key=lambda one: one.oldest)
    columns = (Column("waited for", is_whole=True), Column("open", is_number=True), Column("oldest"))
    rows = ((one.signal, f"{one.count:,}", instant(console, one.oldest)) for one in waits[:_MOST_SIGNALS])
    return _with_rest(table(columns, rows, width=width()), len(waits) - _MOST_SIGNALS, "others: mission-control inbox")


def _failures(overview: Overview) -> Iterator[str]:
    failures = overview.statistics.recent_failures
    columns = (Column("failed in 24 h", is_number=True), Column("at"), Column("error"), Column("code"))
    rows = (
        (Cell(f"{one.count:,}", colour="red"), one.node or "", (one.type or "").rpartition(".")[2], one.code)
        for one in failures[:_MOST_FAILURES]
    )
    hint = "others: mission-control list --status failed --since 24h"
    return _with_rest(table(columns, rows, width=width()), len(failures) - _MOST_FAILURES, hint)


def _with_rest(lines: Iterable[str], left: int, what: str) -> Iterator[str]:
    yield from lines
    if left > 0:
        yield f"and {left:,} {what}"


def _ahead(console: Console, overview: Overview) -> Iterator[str]:
    statistics = overview.statistics
    overdue = click.style(f"{statistics.overdue:,} overdue", fg="red" if statistics.overdue else None)
    yield f"Due:        {overdue}, {statistics.due_within_hour:,} within the hour"
    mission = overview.next_due
    if mission is not None and mission.next_due is not None:
        place = mission.cursor if mission.next_wait is None else mission.next_wait.event_name
        what = f"{mission.mission_id} ({mission.mission_name}) at {place}"
        yield f"Next:       {console.times.ago(mission.next_due)}, {what}"
    if overview.schedules:
        yield f"Schedules:  {_schedules(console, overview.schedules)}"


def _schedules(console: Console, schedules: Sequence[ScheduleSummary]) -> str:
    kinds = [one.status for one in schedules]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    slots = [(one.next_slot, one.name) for one in schedules if one.next_slot is not None]
    return counted if not slots else f"{counted}; {min(slots)[1]} fires {console.times.ago(min(slots)[0])}"


def _needs(overview: Overview) -> Iterator[str]:
    yield click.style("NEEDS A PERSON", bold=True)
    for need in overview.needs:
        example = "" if need.mission_id is None else f", such as {need.mission_id}"
        yield f"{need.count:,} {printable(need.text)}{example}"
