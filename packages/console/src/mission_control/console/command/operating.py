"""Commands for all that is stored: what a deploy would do to it, whether it is right, and what nobody needs."""

from __future__ import annotations

import sys
from datetime import datetime

import click

from mission_control.core import Finding, MissionStatus, NotAnsweredError

from .completing import mission_names
from .console import Console
from .failures import Refused
from .importing import definitions_in
from .options import ConsoleCommand, by_option, pass_console
from .outcomes import tell_accepted
from .printing import progress, write_items, write_json, write_lines
from .tables import printable
from .values import moment


@click.command(cls=ConsoleCommand, example="plan orders:DEFINITIONS")
@click.argument("definitions", metavar="MODULE:DEFINITIONS...", nargs=-1, required=True)
@pass_console
def plan(console: Console, /, *, definitions: tuple[str, ...]) -> None:
    """What deploying definitions would do to live missions.

    Nothing is registered. Give all that the new release has, each a definition, or a collection of them, in a
    module. Exits with 1 where
    missions would be stranded.
    """
    known = [one for place in definitions for one in definitions_in(place)]
    result = console.ask(lambda client: client.operations.plan(known))
    if console.is_for_people:
        write_lines(str(result).splitlines())
    elif console.is_lines:
        write_items(console, result.groups)
    else:
        write_json(console, result.to_dict())
    sys.exit(0 if result.is_safe else 1)


@click.command(cls=ConsoleCommand, example="doctor --definitions orders:DEFINITIONS")
@click.option("--repair", is_flag=True, help="Rewrite what is stored beside histories from these, and nothing else.")
@click.option("--definitions", multiple=True, metavar="MODULE:DEFINITIONS", help="What the missions run under.")
@by_option
@pass_console
def doctor(console: Console, /, *, repair: bool, definitions: tuple[str, ...]) -> None:
    """What is stored that is not as it should be.

    Everything is read. Exits with 1 where something is found. Missions without a definition, or stranded by it, are
    found where --definitions says what there is.
    """
    console.definitions = [one for place in definitions for one in definitions_in(place)]
    if repair and console.ask(lambda client: client.operations.owner()) is None:
        raise Refused("nobody runs the missions of this database, and the process that does repairs them: start it")
    with progress("missions") as tell:
        found = console.ask(lambda client: client.operations.doctor(repair=repair, progress=tell))
    findings = [one for one in found if definitions or one.kind != "not registered"]
    if console.is_for_people:
        write_lines(map(_line, findings), empty="Everything is as it should be.")
    else:
        write_items(console, findings)
    sys.exit(0 if all(one.repaired for one in findings) else 1)


def _line(finding: Finding) -> str:
    kind = f"{finding.kind}, repaired" if finding.repaired else finding.kind
    return f"{click.style(kind, fg='green' if finding.repaired else 'red')}: {printable(finding.message)}"


_PORTION = 1000
"""How many missions are deleted by one request."""


@click.command(cls=ConsoleCommand, example="purge --ended-before 30d --status completed --yes")
@click.option(
    "--ended-before", required=True, callback=moment, metavar="WHEN", help="30d, 2026-11-28, 2026-11-28T09:00."
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([one.value for one in MissionStatus if one.is_terminal]),
    metavar="STATUS",
    help="completed, failed or cancelled; several may be given.",
)
@click.option("--name", "mission_name", shell_complete=mission_names, help="The name of their definition.")
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")
@by_option
@pass_console
def purge(
    console: Console, /, *, ended_before: datetime, statuses: tuple[str, ...], mission_name: str | None, is_sure: bool
) -> None:
    """Delete missions that ended long ago.

    With all that is theirs, for good. Children go with their parents.
    """
    kinds = " or ".join(statuses)
    of = "" if mission_name is None else f" of {mission_name}"
    what = f"{kinds} missions{of} that ended before {console.times.shown(ended_before)}".lstrip()
    console.make_sure(f"Delete all {what}, with their histories, for good?", is_sure=is_sure)
    wanted, deleted = [MissionStatus(one) for one in statuses] or None, 0
    while True:
        try:
            gone = console.ask(
                lambda client: client.operations.purge_missions(
                    ended_before=ended_before, status=wanted, mission_name=mission_name, limit=_PORTION
                )
            )
        except NotAnsweredError as error:
            tell_accepted(console, error, f"up to {_PORTION:,} are deleted then; ask again for the others")
            return
        deleted += gone
        if sys.stderr.isatty():
            click.echo(f"\r{deleted:,} deleted", nl=False, err=True)
        if gone < _PORTION:
            break
    if sys.stderr.isatty():
        click.echo(err=True)
    if console.is_for_people:
        click.echo(f"{deleted:,} deleted")
    else:
        write_json(console, {"deleted": deleted})
