"""Everything there is to see of one mission, and what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import click

from mission_control.client import CommanderClient
from mission_control.core import (
    ChildRecord,
    MissionFailure,
    MissionInspection,
    MissionSnapshot,
    Position,
)
from mission_control.core.history import due_at

from .completing import mission_ids
from .console import Console
from .finding import inspection_of
from .graph import flow_of
from .options import ConsoleCommand, pass_console
from .printing import instant, json_text, width, write_items, write_json, write_lines
from .standing import kind_of, status_cell
from .tables import Cell, Column, cut, printable, table

_LOOK_SECONDS = 0.25
"""How often it is looked whether anything has changed."""
_TIME = len("2026-11-28 19:30:05.123Z  ")
"""How long the time is at the beginning of a line of a timeline."""


@click.command(cls=ConsoleCommand, example="show order-2")
@click.argument("mission_id", metavar="ID", shell_complete=mission_ids)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until the mission ends.")
@click.option("--whole", is_flag=True, help="Do not cut payloads and messages to the width of the terminal.")
@pass_console
def show(console: Console, /, *, mission_id: str, follow: bool, whole: bool) -> None:
    """Everything there is to see of a mission.

    Where it stands, what it waits for, why it failed, and its history. With --jsonl it is the history alone.
    """
    if follow and console.is_json:
        raise click.UsageError("what goes on is no single document: use --jsonl")
    inspection = inspection_of(console, mission_id)
    if console.is_json:
        write_json(console, inspection.to_dict())
    elif not console.is_for_people:
        write_items(console, inspection.history)
    elif follow:
        for line in _lines(console, inspection, is_whole=whole):
            click.echo(line)
    else:
        write_lines(_lines(console, inspection, is_whole=whole))
    if follow:
        _follow(console, inspection, is_whole=whole)


def _follow(console: Console, inspection: MissionInspection, *, is_whole: bool) -> None:
    token = console.ask(lambda client: client.operations.change_token())
    while not inspection.snapshot.status.is_terminal:
        seen = len(inspection.history)
        inspection = inspection_of(console, inspection.snapshot.mission_id)
        new = inspection.history[seen:]
        if console.is_for_people:
            for line in _timeline(console, inspection, is_whole=is_whole, seen=seen):
                click.echo(line)
        else:
            for record in new:
                click.echo(json_text(record.to_dict(), is_line=True))
        if not new:
            token = console.wait(_changed(console.client(), token))


async def _changed(client: CommanderClient, token: str) -> str:
    """Return the token of the file when it is another one."""
    while (now := await client.operations.change_token()) == token:
        await asyncio.sleep(_LOOK_SECONDS)
    return now


def _lines(console: Console, inspection: MissionInspection, *, is_whole: bool) -> Iterator[str]:
    snapshot = inspection.snapshot
    yield from _head(console, snapshot)
    for title, lines in (
        ("Flow", flow_of(console, inspection)),
        ("Waits", _waits(console, snapshot.positions)),
        ("Children", _children(console, inspection.children)),
        ("Failure", _failure(snapshot.error)),
        ("History", _timeline(console, inspection, is_whole=is_whole)),
    ):
        shown = list(lines)
        if shown:
            yield ""
            yield click.style(title.upper(), bold=True)
            yield from shown


def _head(console: Console, snapshot: MissionSnapshot) -> Iterator[str]:
    status = status_cell(snapshot)
    yield f"{snapshot.mission_id}  {click.style(status.text, fg=status.colour, bold=True)}"
    yield f"{snapshot.mission_name}, created {instant(console, snapshot.created_at).text}"
    if snapshot.updated_at is not None:
        yield f"last changed {instant(console, snapshot.updated_at).text}"
    if snapshot.parent_id is not None:
        yield f"child of {snapshot.parent_id}"
    if snapshot.schedule is not None:
        slot = "by hand" if snapshot.slot is None else f"for {console.times.shown(snapshot.slot)}"
        yield f"started by schedule {snapshot.schedule}, {slot}"
    if snapshot.labels:
        yield "labels " + printable(", ".join(f"{name}={text}" for name, text in snapshot.labels.items()))


_WAITS = (Column("for"), Column("kind", is_whole=True), Column("until", is_whole=True))


def _waits(console: Console, positions: Sequence[Position]) -> Iterator[str]:
    waits = (one.waiting for one in positions if one.waiting is not None)
    rows = ((wait.event_name, kind_of(wait), instant(console, due_at(wait))) for wait in waits)
    return table(_WAITS, rows, width=width())


_CHILDREN = (Column("mission", is_whole=True), Column("by", is_optional=True), Column("status"), Column("since"))


def _children(console: Console, children: Sequence[ChildRecord]) -> Iterator[str]:
    rows = (
        (
            one.mission_id,
            one.event_name,
            Cell(str(one.status) if one.is_awaited else "not waited for"),
            instant(console, one.started_at),
        )
        for one in children
    )
    return table(_CHILDREN, rows, width=width())


def _failure(error: MissionFailure | None) -> Iterator[str]:
    if error is None:
        return
    yield click.style(f"{error.code}: {printable(str(error))}", fg="red")
    if error.undo_failed:
        yield f"The undo of these was given up: {printable(', '.join(error.undo_failed))}"
    for line in (error.traceback or "").splitlines():
        yield printable(line)


def _timeline(console: Console, inspection: MissionInspection, *, is_whole: bool, seen: int = 0) -> Iterator[str]:
    """Yield a line for each record behind those that were seen, and one for each day before its first."""
    longest = None if is_whole else width()
    lines = inspection.timeline(width=longest).splitlines()[1:]
    last = None if seen == 0 else console.times.day(inspection.history[seen - 1].at)
    for record, line in list(zip(inspection.history, lines, strict=True))[seen:]:
        day = console.times.day(record.at)
        if day != last:
            yield click.style(day, bold=True)
        last = day
        yield cut(f"{console.times.clock(record.at)}  {line[_TIME:]}", longest)
