"""Definitions as pictures, with where a mission stands, or how many stand where."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import click

from mission_control.client import CommanderClient
from mission_control.core import MissionInspection

from ..drawing import Mark, mermaid, places, standing, svg, text
from ..reading import read_standing, static_of
from .completing import mission_ids, mission_names
from .console import Console
from .finding import not_there
from .options import ConsoleCommand, pass_console
from .printing import write_json

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_Static = Mapping[str, Any]

_FORMATS: Mapping[str, Callable[[_Static, Mapping[str, Mark]], str]] = {
    "text": lambda static, marks: text(static, marks, encoding=sys.stdout.encoding),
    "mermaid": mermaid,
    "svg": lambda static, marks: svg(static, marks, standalone=True),
}


def _names_and_ids(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [*mission_names(context, parameter, begun), *mission_ids(context, parameter, begun)]


@click.command(cls=ConsoleCommand, example="graph order")
@click.argument("name_or_id", shell_complete=_names_and_ids)
@click.option("--format", "kind", type=click.Choice(list(_FORMATS)), default="text", show_default=True, help="As what.")
@pass_console
def graph(console: Console, /, *, name_or_id: str, kind: str) -> None:
    """A definition as a picture, with where a mission stands.

    For the name of a definition, with how many missions stand where.
    """
    found = console.ask(lambda client: _of_mission(client, name_or_id)) or console.ask(
        lambda client: _of_name(client, name_or_id)
    )
    if found is None:
        raise not_there(console, name_or_id, what="mission or definition")
    static, marks = found
    if console.is_for_people:
        click.echo(_FORMATS[kind](static, marks))
    else:
        write_json(console, {"definition": static, "marks": {name: attrs.asdict(mark) for name, mark in marks.items()}})


async def _of_mission(client: CommanderClient, mission_id: str) -> tuple[_Static, Mapping[str, Mark]] | None:
    inspection = await client.inspect_mission(mission_id)
    static = None if inspection is None else await static_of(client, inspection.snapshot)
    return None if static is None else (static, places(static, inspection))


async def _of_name(client: CommanderClient, name: str) -> tuple[_Static, Mapping[str, Mark]] | None:
    known = await client.list_definitions(mission_name=name)
    if not known:
        return None
    newest = known[-1]
    groups = await read_standing(client, name, newest.fingerprint, is_newest=True)
    return newest.static, standing(newest.static, groups)


def flow_of(console: Console, inspection: MissionInspection) -> Iterator[str]:
    """Yield the flow of a mission as lines of text, with where it stands."""
    static = console.ask(lambda client: static_of(client, inspection.snapshot))
    if static is not None:
        yield from text(static, places(static, inspection), encoding=sys.stdout.encoding).splitlines()[1:]
