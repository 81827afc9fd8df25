"""How all missions are, and what needs a person now."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from starlette.requests import Request
from starlette.responses import Response

from mission_control.core import MissionCount, MissionStatus

from ...reading import read_overview
from ..chart import chart_of
from ..console import Console

SHOWN = (
    MissionStatus.RUNNING,
    MissionStatus.WAITING,
    MissionStatus.COMPLETED,
    MissionStatus.FAILED,
    MissionStatus.CANCELLED,
)
"""The statuses that a started mission can have, in the order in which they are shown."""


@attrs.frozen
class NameCounts:
    """How many missions of one name there are, by status."""

    name: str
    counts: dict[MissionStatus, int]


async def show(console: Console, request: Request) -> Response:
    """Show the overview."""
    overview = await read_overview(console.client)
    return console.page(
        request,
        "overview.html",
        overview=overview,
        statuses=SHOWN,
        names=_by_name(overview.statistics.missions),
        chart=chart_of(overview.statistics.hours),
    )


def _by_name(counts: Iterable[MissionCount]) -> list[NameCounts]:
    names: dict[str, NameCounts] = {}
    for one in counts:
        names.setdefault(one.mission_name, NameCounts(one.mission_name, {})).counts[one.status] = one.count
    return list(names.values())
