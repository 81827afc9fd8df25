"""Commands that look at many missions: all of them on one screen, those of a filter, and who waits for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from mission_control.core import MissionSummary, OpenWait

from ..reading import read_overview
from .completing import mission_names, signals
from .console import Console
from .options import ConsoleCommand, pass_console
from .printing import instant, width, write_items, write_json, write_lines
from .selecting import selected, selection_of, selection_options
from .standing import standing, status_cell
from .tables import Cell, Column, table


@click.command(cls=ConsoleCommand, example="status")
@pass_console
def status(console: Console, /) -> None:
    """How all missions are, on one screen.

    Who runs them, how many there are, what is waited for, what failed and what comes, and what needs a person.
    """
    from .overview import overview_lines

    overview = console.ask(read_overview)
    if console.is_for_people:
        write_lines(overview_lines(console, overview))
    else:
        write_json(console, overview.to_dict())


@click.command("list", cls=ConsoleCommand, example="list --status failed --since 24h")
@selection_options
@click.option("--oldest-first", is_flag=True, help="In the order in which they were created.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most that many.")
@pass_console
def list_missions(console: Console, /, *, limit: int | None, oldest_first: bool, **options: Any) -> None:
    """Missions that fit a filter, the newest first.

    They fit all that is given. Those that wait for a signal are in the order in which they began to.
    """
    missions = selected(console, selection_of(options), limit=limit, is_newest_first=not oldest_first)
    if console.is_for_people:
        write_lines(_mission_lines(console, missions), empty="No mission fits.")
    else:
        write_items(console, missions)


_MISSIONS = (
    Column("mission", is_whole=True),
    Column("name", is_optional=True),
    Column("status", is_whole=True),
    Column("where"),
    Column("created", is_whole=True),
)


def _mission_lines(console: Console, missions: Iterator[MissionSummary]) -> Iterator[str]:
    rows = (
        (
            one.mission_id,
            one.mission_name,
            status_cell(one),
            standing(one, console.times),
            instant(console, one.created_at),
        )
        for one in missions
    )
    return table(_MISSIONS, rows, width=width())


@click.command(cls=ConsoleCommand, example="inbox --signal delivered")
@click.option("--signal", metavar="NAME", shell_complete=signals, help="Those that wait for this signal.")
@click.option("--name", "mission_name", shell_complete=mission_names, help="Those of missions of this name.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most that many.")
@pass_console
def inbox(console: Console, /, *, signal: str | None, mission_name: str | None, limit: int | None) -> None:
    """What missions wait for people to say, the longest waiting first.

    Each with its deadline, and what is asked.
    """
    waits = _open_waits(console, signal, mission_name, limit)
    if console.is_for_people:
        write_lines(_wait_lines(console, waits), empty="Nobody is waited for.")
    else:
        write_items(console, waits)


def _open_waits(
    console: Console, signal: str | None, mission_name: str | None, limit: int | None
) -> Iterable[OpenWait]:
    if limit is not None:
        return console.ask(lambda client: client.list_waits(signal=signal, mission_name=mission_name, limit=limit))
    return console.each(console.client().iter_waits(signal=signal, mission_name=mission_name))


_WAITS = (
    Column("mission", is_whole=True),
    Column("signal", is_whole=True),
    Column("name", is_optional=True),
    Column("asked", is_optional=True),
    Column("since", is_whole=True),
    Column("deadline", is_whole=True),
)


def _wait_lines(console: Console, waits: Iterable[OpenWait]) -> Iterator[str]:
    from .asked import asked

    rows = (
        (
            one.mission_id,
            one.event_name,
            one.mission_name,
            asked(one.schema),
            instant(console, one.since),
            _deadline(console, one),
        )
        for one in waits
    )
    return table(_WAITS, rows, width=width())


def _deadline(console: Console, wait: OpenWait) -> Cell:
    cell = instant(console, wait.timeout_at)
    is_over = wait.timeout_at is not None and wait.timeout_at <= console.times.now
    return cell._replace(colour="red") if is_over else cell
