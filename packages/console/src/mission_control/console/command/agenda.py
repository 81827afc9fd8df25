"""What will happen by itself: for people, and for calendars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import click

from ..reading import AgendaEntry, read_agenda
from .calendars import calendar
from .console import Console
from .options import ConsoleCommand, pass_console
from .printing import instant, width, write_items, write_lines
from .tables import Column, table
from .values import span

_MOST = 1000


@click.command(cls=ConsoleCommand, example="agenda --within 7d")
@click.option("--within", callback=span, metavar="SPAN", help="How far to look ahead: 12h, 7d.")
@click.option(
    "--limit", type=click.IntRange(1), default=_MOST, show_default=True, metavar="N", help="At most that many."
)
@click.option("--ics", is_flag=True, help="Write a calendar (RFC 5545).")
@pass_console
def agenda(console: Console, /, *, within: timedelta | None, limit: int, ics: bool) -> None:
    """Everything that will happen by itself, in order of time.

    What is overdue is at its head. Of each schedule it is the next slot.
    """
    until = None if within is None else console.times.now + within
    entries = console.ask(lambda client: read_agenda(client, until=until, limit=limit))
    if ics:
        click.echo(calendar(entries, console.times.now).encode(), nl=False)
    elif console.is_for_people:
        write_lines(_lines(console, entries), empty="Nothing will happen by itself.")
    else:
        write_items(console, entries)


_COLUMNS = (
    Column("when", is_whole=True),
    Column("what", is_whole=True),
    Column("of"),
    Column("mission", is_whole=True),
    Column("name", is_optional=True),
)


def _lines(console: Console, entries: Iterable[AgendaEntry]) -> Iterator[str]:
    now = console.times.now
    rows = (
        (
            instant(console, one.at)._replace(colour="red" if one.at < now else None),
            one.kind,
            one.what,
            one.mission_id or "",
            one.mission_name,
        )
        for one in entries
    )
    return table(_COLUMNS, rows, width=width())
