"""Commands that change missions: one, several, or all that fit a filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

import click

from mission_control.core import MissionSummary

from ..reading import CANCEL, PAUSE, REOPEN, RESUME, SKIP, WAKE, Action, Outcome, Selection, carry_out, carry_out_all
from .completing import mission_ids
from .console import Console
from .finding import not_there
from .inputs import decoded
from .options import C, ConsoleCommand, by_option, pass_console
from .outcomes import finish, finish_all
from .printing import progress
from .selecting import selected, selection_of, selection_options

_NAMED = 3
"""How many missions are named before many are changed."""

_OPTIONS = (
    click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=mission_ids),
    by_option,
    click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask before more than one is changed."),
    selection_options,
)


def _change_options(command: C) -> C:
    """Add which missions are meant, and who asks for it."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


@click.command(cls=ConsoleCommand, example='cancel order-3 --reason "ordered twice"')
@click.option("--reason", metavar="TEXT", help="Why; it is recorded in the history.")
@_change_options
@pass_console
def cancel(console: Console, /, *, reason: str | None, **which: Any) -> None:
    """End missions as cancelled, and undo what has an undo."""
    _change(console, CANCEL, which, reason=reason)


@click.command(cls=ConsoleCommand, example="pause order-3")
@_change_options
@pass_console
def pause(console: Console, /, **which: Any) -> None:
    """Let nothing of missions begin or fire until they are resumed.

    What runs is left to end.
    """
    _change(console, PAUSE, which)


@click.command(cls=ConsoleCommand, example="resume order-3")
@_change_options
@pass_console
def resume(console: Console, /, **which: Any) -> None:
    """Let paused missions go on.

    What is overdue happens at once.
    """
    _change(console, RESUME, which)


@click.command(cls=ConsoleCommand, example="reopen --status failed --error STEP_FAILED --since 24h --yes")
@click.option("--step", metavar="NAME", help="A step of the main line, from which on everything is done anew.")
@_change_options
@pass_console
def reopen(console: Console, /, *, step: str | None, **which: Any) -> None:
    """Let failed or cancelled missions go on where they ended.

    With --step they go on from there, also completed ones.
    """
    _change(console, REOPEN, which, step=step)


@click.command(cls=ConsoleCommand, example="""skip order-2 --output '"a lamp, by hand"'""")
@click.option("--output", metavar="JSON", required=True, help="What the step is taken to have returned.")
@click.option("--step", metavar="NAME", help="The step, where more than one has failed.")
@_change_options
@pass_console
def skip(console: Console, /, *, output: str, step: str | None, **which: Any) -> None:
    """Let missions go on as if the step that failed had returned an output."""
    _change(console, SKIP, which, output=decoded(output, "--output"), step=step)


@click.command(cls=ConsoleCommand, example="wake nap-1")
@click.option("--path", metavar="PATH", help="The place of the wait, where several wait.")
@_change_options
@pass_console
def wake(console: Console, /, *, path: str | None, **which: Any) -> None:
    """End the sleep, the retry's delay or the delayed start of missions now."""
    _change(console, WAKE, which, path=path)


def _change(console: Console, action: Action, which: dict[str, Any], **options: Any) -> None:
    ids, is_sure = which.pop("ids"), which.pop("is_sure")
    selection = selection_of(which)
    if bool(ids) != selection.is_everything:
        raise click.UsageError("which missions? Name their ids, or give a filter such as --status: one of both.")
    if len(ids) == 1:
        _change_one(console, action, ids[0], **options)
        return
    chosen = list(dict.fromkeys(ids)) if ids else _fitting(console, action, selection)
    if not chosen:
        click.echo("No mission fits.", err=True)
        finish_all(console, [])
    some = ", ".join(chosen[:_NAMED]) + (", ..." if len(chosen) > _NAMED else "")
    console.make_sure(f"{action.effect}\n{action.name} {len(chosen):,} missions ({some})?", is_sure=is_sure)
    outcomes = console.each(carry_out_all(console.client(), action, chosen, by=None, **options))
    finish_all(console, _counted(outcomes, len(chosen)))


def _change_one(console: Console, action: Action, mission_id: str, **options: Any) -> None:
    outcome = console.ask(lambda client: carry_out(client, action, mission_id, by=None, **options))
    if outcome.state == "not there":
        raise not_there(console, mission_id)
    finish(console, outcome)


def _fitting(console: Console, action: Action, selection: Selection) -> list[str]:
    """Return the ids of the missions that fit, and to which it makes sense to do it."""
    found: Iterable[MissionSummary] = selected(console, selection)
    fitting, others = list[str](), 0
    for mission in found:
        if action.fits(mission):
            fitting.append(mission.mission_id)
        else:
            others += 1
    if others:
        click.echo(f"{others:,} that fit the filter are left alone: there is nothing to {action.name}.", err=True)
    return fitting


def _counted(outcomes: Iterator[Outcome], total: int) -> Iterator[Outcome]:
    with progress("missions") as tell:
        for done, outcome in enumerate(outcomes, 1):
            tell(done, total)
            yield outcome
