"""The schedules, and what can be done with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from mission_control.core import ScheduleSummary

from .completing import schedule_names
from .console import Console
from .options import ConsoleCommand, ConsoleSubgroup, by_option, pass_console
from .outcomes import finish_schedule
from .printing import instant, width, write_items, write_lines
from .standing import COLOURS
from .tables import Cell, Column, table
from .values import moment


@click.group(cls=ConsoleSubgroup, example="schedules", invoke_without_command=True)
@click.pass_context
@pass_console
def schedules(console: Console, context: click.Context, /) -> None:
    """The schedules, and what can be done with them.

    Without a command below, all of them: when each fires next, and what became of the last time.
    """
    if context.invoked_subcommand is not None:
        return
    listed = console.ask(lambda client: client.schedules.list())
    if console.is_for_people:
        write_lines(_lines(console, listed), empty="There are no schedules.")
    else:
        write_items(console, listed)


_COLUMNS = (
    Column("schedule", is_whole=True),
    Column("status", is_whole=True),
    Column("when", is_optional=True),
    Column("next", is_whole=True),
    Column("last", is_whole=True),
    Column("outcome", is_whole=True),
    Column("starts", is_optional=True),
    Column("passed over", is_optional=True),
)
_STATUS_COLOURS = {"active": "green", "paused": "magenta", "absent": "yellow"}


def _lines(console: Console, listed: Iterable[ScheduleSummary]) -> Iterator[str]:
    return table(_COLUMNS, (_row(console, one) for one in listed), width=width())


def _row(console: Console, one: ScheduleSummary) -> tuple[Cell | str, ...]:
    outcome = one.last_outcome
    passed = one.passed_over[-1:]
    return (
        one.name,
        Cell(one.status, colour=_STATUS_COLOURS.get(one.status)),
        one.spec,
        instant(console, one.next_slot),
        instant(console, one.last_slot),
        Cell(outcome or "", colour=None if outcome is None else COLOURS.get(outcome)),
        one.mission_name,
        "".join(f"{last.count} {last.reason}, {console.times.ago(last.last)}" for last in passed),
    )


@schedules.command(cls=ConsoleCommand, example="schedules pause nightly-report")
@click.argument("name", shell_complete=schedule_names)
@by_option
@pass_console
def pause(console: Console, /, *, name: str) -> None:
    """Let a schedule start nothing but what is triggered and backfilled."""
    finish_schedule(console, name, lambda client: client.schedules.pause(name), "paused")


@schedules.command(cls=ConsoleCommand, example="schedules resume nightly-report")
@click.argument("name", shell_complete=schedule_names)
@by_option
@pass_console
def resume(console: Console, /, *, name: str) -> None:
    """Let a paused schedule fire again; what came meanwhile stays passed over."""
    finish_schedule(console, name, lambda client: client.schedules.resume(name), "resumed")


@schedules.command(cls=ConsoleCommand, example="schedules trigger nightly-report")
@click.argument("name", shell_complete=schedule_names)
@by_option
@pass_console
def trigger(console: Console, /, *, name: str) -> None:
    """Start a mission of a schedule now, whatever its other missions do."""
    finish_schedule(console, name, lambda client: client.schedules.trigger(name), "started")


@schedules.command(cls=ConsoleCommand, example="schedules backfill nightly-report --since 3d")
@click.argument("name", shell_complete=schedule_names)
@click.option("--since", required=True, callback=moment, metavar="WHEN", help="From when on: 3d, 2026-11-25.")
@click.option("--until", callback=moment, metavar="WHEN", help="Before when; by default now.")
@by_option
@pass_console
def backfill(console: Console, /, *, name: str, since: datetime, until: datetime | None) -> None:
    """Start the missions of all slots in a span of time; those that exist are left alone."""
    end = until or console.times.now
    finish_schedule(console, name, lambda client: client.schedules.backfill(name, since=since, until=end), "started")
