"""What was accepted while nobody ran the missions, and refused when somebody did."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from itertools import islice

import click

from mission_control.client import CommanderClient
from mission_control.core import RefusedRequest

from .console import Console
from .options import ConsoleCommand, pass_console
from .printing import instant, width, write_items, write_lines
from .tables import Column, table

_PAGE = 100


@click.command("refused", cls=ConsoleCommand, example="refused --limit 10")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most that many.")
@pass_console
def refused(console: Console, /, *, limit: int | None) -> None:
    """What was asked for within 7 days and refused, the newest first.

    Whoever asked may have been told that it is accepted, since nobody ran the missions then.
    """
    requests = islice(console.each(_refused(console.client())), limit)
    if console.is_for_people:
        write_lines(_lines(console, requests), empty="Nothing was refused.")
    else:
        write_items(console, requests)


async def _refused(client: CommanderClient) -> AsyncGenerator[RefusedRequest]:
    after: str | None = None
    while page := await client.list_refused(limit=_PAGE, after=after):
        for request in page:
            yield request
        after = page[-1].request_id


_COLUMNS = (
    Column("mission", is_whole=True),
    Column("asked"),
    Column("of", is_optional=True),
    Column("why"),
    Column("refused", is_whole=True),
)


def _lines(console: Console, requests: Iterable[RefusedRequest]) -> Iterator[str]:
    rows = (
        (one.mission_id, one.kind, one.name or "", one.message, instant(console, one.refused_at)) for one in requests
    )
    return table(_COLUMNS, rows, width=width())
