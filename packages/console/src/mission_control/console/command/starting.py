"""Starts a mission."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any

import click

from mission_control.client import CommanderClient
from mission_control.core.definition import new_mission_id

from ..reading import outcome_of
from .completing import mission_names
from .console import Console
from .inputs import Given, payload_options, read_payload
from .options import ConsoleCommand, by_option, pass_console
from .outcomes import finish
from .values import labels as labels_of
from .values import moment


@click.command(cls=ConsoleCommand, example='start order --data \'{"item": "a lamp", "country": "DE"}\' --id order-7')
@click.argument("name", shell_complete=mission_names)
@payload_options
@click.option("--id", "mission_id", metavar="ID", help="Its id; by default one that no other has.")
@click.option("--at", callback=moment, metavar="WHEN", help="When it begins, where that is not now.")
@click.option(
    "--label", "labels", multiple=True, callback=labels_of, metavar="NAME=VALUE", help="A label that it bears."
)
@click.option("--if-exists", type=click.Choice(["raise", "return"]), default="raise", show_default=True,
              help="What to do where a mission of that id, name and input is there.")  # fmt: skip
@by_option
@pass_console
def start(
    console: Console,
    /,
    *,
    name: str,
    data: str | None,
    file: IO[str] | None,
    fields: tuple[str, ...],
    mission_id: str | None,
    at: datetime | None,
    labels: dict[str, str],
    **how: Any,
) -> None:
    """Start a mission.

    Its input is checked before it is sent. On a terminal, each field is asked for in turn where nothing is given.
    """
    schema = console.ask(lambda client: _schema(client, name))
    if schema is None:
        click.echo(f"No mission named {name!r} has run here: what it is given is checked when it starts.", err=True)
    payload = read_payload(console, schema, Given(data, file, fields))
    wanted = mission_id or new_mission_id()

    async def begin(client: CommanderClient) -> None:
        await client.start_mission(name, payload, mission_id=wanted, start_at=at, labels=labels or None, **how)

    finish(console, console.ask(lambda client: outcome_of(wanted, begin(client), done="started")))


async def _schema(client: CommanderClient, name: str) -> Mapping[str, Any] | None:
    """Return the JSON Schema of what missions of a name are given, as the last of them has run; None where none has."""
    known = await client.list_definitions(mission_name=name)
    if not known:
        return None
    start = next(node for node in known[-1].static["nodes"] if node["kind"] == "start")
    schema: Mapping[str, Any] | None = start.get("json_schema")
    return schema
