"""What will happen by itself, in order of time."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from ...reading import Times, read_agenda, read_span
from ..console import Console

PAGE = 100
"""How many entries are shown."""

_WITHIN = ("1h", "24h", "7d", "30d")


async def show(console: Console, request: Request) -> Response:
    """Show the agenda."""
    times = Times.current()
    within = request.query_params.get("within", "7d")
    try:
        until = times.now + read_span(within)
    except (ValueError, OverflowError):
        within, until = "7d", times.now + timedelta(days=7)
    entries = await read_agenda(console.client, until=until, limit=PAGE + 1)
    by_day = groupby(entries[:PAGE], key=lambda one: f"{one.at.astimezone(times.zone):%A, %d %B %Y}")
    days = [(day, list(found)) for day, found in by_day]
    return console.page(
        request, "agenda.html", days=days, within=within, choices=_WITHIN, has_more=len(entries) > PAGE, now=times.now
    )
