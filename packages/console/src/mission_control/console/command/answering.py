"""The answer to what a mission waits for."""

from __future__ import annotations

from typing import IO

import click

from mission_control.core import MissionInspection, MissionValidationError, OpenWait, SignalRecord

from ..forms import issues_of
from ..reading import (
    AnsweredMeanwhileError,
    answer_to,
    find_wait,
    given_before,
    is_open,
    last_wait,
    open_waits,
    static_of,
)
from ..reading import answer as send
from .completing import mission_ids, signals_of
from .console import Console
from .failures import Refused
from .finding import inspection_of
from .inputs import Given, payload_options, read_payload, refused
from .options import ConsoleCommand, by_option, pass_console
from .outcomes import finish
from .printing import instant, width
from .tables import printable


@click.command(cls=ConsoleCommand, example="answer order-3 delivered --data '\"reception\"'")
@click.argument("mission_id", metavar="ID", shell_complete=mission_ids)
@click.argument("signal", shell_complete=signals_of)
@payload_options
@click.option("--at", metavar="PATH", help="The place of the wait, where several wait for that signal.")
@click.option(
    "--key", metavar="TEXT", help="Of answers with one key, one is taken; by default a repeated one is harmless."
)
@by_option
@pass_console
def answer(
    console: Console,
    /,
    *,
    mission_id: str,
    signal: str,
    data: str | None,
    file: IO[str] | None,
    fields: tuple[str, ...],
    at: str | None,
    key: str | None,
) -> None:
    """Give a mission the signal that it waits for.

    It is checked before it is sent. On a terminal, each field is asked for in turn where nothing is given.
    """
    inspection = inspection_of(console, mission_id)
    given = Given(data, file, fields)
    wait = _wait(console, inspection, signal, at)
    if given.is_nothing and not is_open(inspection, wait):
        raise _too_late(console, wait, answer_to(inspection, wait))
    if given.is_nothing and console.is_asked_by_a_person:
        _tell_what_led_here(console, inspection, wait)
    payload = read_payload(console, wait.schema, given)
    if key is None and at is None and signal != wait.event_name:
        _check_meant(console, inspection, wait, payload)
    try:
        outcome = console.ask(lambda client: send(client, wait, payload, by=None, key=key))
    except AnsweredMeanwhileError as error:
        raise _too_late(console, error.wait, error.answer) from error
    except MissionValidationError as error:
        raise refused(issues_of(error)) from error
    finish(console, outcome)


def _wait(console: Console, inspection: MissionInspection, signal: str, at: str | None) -> OpenWait:
    """Return the open wait for a signal, or the last one there was. Raises `Refused` and `UsageError`."""
    static = console.ask(lambda client: static_of(client, inspection.snapshot))
    waits = open_waits(inspection, static)
    fitting = [one for one in waits if signal in (one.signal, one.event_name)]
    if at is None and len(fitting) > 1:
        places = ", ".join(one.path or one.event_name for one in fitting)
        raise click.UsageError(f"several waits for {signal!r} are open; say which with --at: {places}")
    try:
        return find_wait(waits, signal, at)
    except LookupError as error:
        over = last_wait(inspection, static, signal, at)
        if over is not None:
            return over
        raise Refused(f"{inspection.snapshot.mission_id}: {printable(str(error))}") from error


def _tell_what_led_here(console: Console, inspection: MissionInspection, wait: OpenWait) -> None:
    """Show a person what they need to know to answer: what the mission was given, and what came of it lately."""
    from .asked import led_here

    for line in led_here(inspection, width=width()):
        click.echo(line, err=True)
    since = instant(console, wait.since).text
    click.echo(f"\n{wait.mission_id} ({wait.mission_name}) waits for {wait.event_name} since {since}", err=True)


def _check_meant(console: Console, inspection: MissionInspection, wait: OpenWait, payload: object) -> None:
    """Raise `Refused` where the command may be a repeated one, and its answer one to a question that was never seen."""
    before = given_before(inspection, wait, payload, by=console.asks)
    if before is not None:
        when = instant(console, before.received_at).text
        raise Refused(
            f"you gave this answer before, to {before.event_name}, {when}. The mission waits for another one now: "
            f"where you mean that, name it: {wait.event_name}"
        )


def _too_late(console: Console, wait: OpenWait, answer: SignalRecord | None) -> Refused:
    where = f"{wait.event_name} of mission {wait.mission_id}"
    if answer is None:
        return Refused(f"{where} is waited for no more, and nothing was sent. `show` says what has happened.")
    who = "somebody" if answer.by is None else printable(answer.by)
    when = instant(console, answer.received_at).text
    return Refused(f"{where} was answered by {who} already, {when}. What you gave was not sent.")
