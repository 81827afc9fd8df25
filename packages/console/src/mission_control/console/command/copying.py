"""Commands that take missions from one place to another: an export, an import, and a copy of everything."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import IO, cast

import click

from mission_control.client import CommanderClient
from mission_control.core import MissionNotFoundError

from ..reading import Outcome, outcome_of
from .completing import mission_ids
from .console import Console
from .finding import not_there
from .inputs import decoded, text_of
from .options import ConsoleCommand, by_option, pass_console
from .outcomes import finish
from .printing import write_json


@click.command("export", cls=ConsoleCommand, example="export order-2 > order-2.json", has_output=False)
@click.argument("mission_id", metavar="ID", shell_complete=mission_ids)
@pass_console
def export_mission(console: Console, /, *, mission_id: str) -> None:
    """Write everything that is stored of a mission as JSON.

    For `import`, here or elsewhere, and for tests. Its children are exported by themselves.
    """
    try:
        form = console.ask(lambda client: client.operations.export_mission(mission_id))
    except MissionNotFoundError:
        raise not_there(console, mission_id) from None
    click.echo(json.dumps(form, allow_nan=False))  # ASCII: texts come back as they were


@click.command("import", cls=ConsoleCommand, example="import order-2.json --id order-2-again")
@click.argument("file", type=click.File(encoding="utf-8", lazy=True))
@click.option("--id", "mission_id", metavar="ID", help="Its id here; by default that which it had.")
@by_option
@pass_console
def import_mission(console: Console, /, *, file: IO[str], mission_id: str | None) -> None:
    """Take in a mission that was exported.

    One that has not ended is paused: `resume` lets it go on here.
    """
    form = decoded(text_of(file), file.name)
    wanted = mission_id or _id(form) or file.name

    def imported(client: CommanderClient) -> Awaitable[Outcome]:
        return outcome_of(wanted, client.operations.import_mission(form, mission_id=mission_id), done="imported")

    finish(console, console.ask(imported))


def _id(form: object) -> str | None:
    found: object = cast("Mapping[str, object]", form).get("mission_id") if isinstance(form, Mapping) else None
    return found if isinstance(found, str) else None


@click.command(cls=ConsoleCommand, example="backup orders-backup.db")
@click.argument("path", type=click.Path(path_type=Path))
@pass_console
def backup(console: Console, /, *, path: Path) -> None:
    """Copy the database while missions go on.

    The copy is as of one instant, and is checked.
    """
    console.ask(lambda client: client.operations.backup(path))
    size = path.stat().st_size
    if console.is_for_people:
        click.echo(f"{path}: written, {size:,} bytes")
    else:
        write_json(console, {"path": str(path), "bytes": size})
