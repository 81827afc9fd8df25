"""How it went with one mission or with many, as a command says it, and the status that it ends with."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NoReturn

import click

from mission_control.client import CommanderClient
from mission_control.core import NotAnsweredError

from ..reading import Outcome, accepted_message
from .console import Console
from .failures import Refused
from .printing import write_items, write_json
from .tables import printable

_STATUS = {"refused": 1, "not there": 3}


def finish(console: Console, outcome: Outcome) -> NoReturn:
    """Say how it went with one mission, and exit."""
    if console.is_for_people:
        click.echo(f"{outcome.mission_id}: {printable(outcome.message)}", err=not outcome.is_well)
    else:
        write_json(console, outcome.to_dict())
    sys.exit(_STATUS.get(outcome.state, 0))


def finish_all(console: Console, outcomes: Iterable[Outcome]) -> NoReturn:
    """Say how it went with many missions: each that was refused, with the reason, and how many were not. Exit.

    It is said as well of those that are known where storage fails for another one.
    """
    known = list[Outcome]()

    def noted() -> Iterable[Outcome]:
        for outcome in outcomes:
            known.append(outcome)
            yield outcome

    if console.is_for_people:
        try:
            for _ in noted():
                pass
        finally:
            _tell(known)
    else:
        write_items(console, noted())
    sys.exit(0 if all(one.is_well for one in known) else 1)


def tell_accepted(console: Console, error: NotAnsweredError, then: str) -> None:
    """Say that what was asked for is durable, and not done yet."""
    message = f"{accepted_message(error)}; {then}"
    if console.is_for_people:
        click.echo(message)
    else:
        write_json(console, {"state": "accepted", "message": message})


def finish_schedule(
    console: Console, name: str, change: Callable[[CommanderClient], Awaitable[str | list[str] | None]], done: str
) -> None:
    """Change a schedule, and say what came of it. Raises `ScheduleNotFoundError`."""
    try:
        changed = console.ask(change)
    except NotAnsweredError as error:
        tell_accepted(console, error, "what became of it is seen then")
        return
    except ValueError as error:
        raise Refused(str(error)) from error
    missions = [] if changed is None else [changed] if isinstance(changed, str) else changed
    if not console.is_for_people:
        write_json(console, {"state": "done", "schedule": name, "missions": missions})
        return
    click.echo(f"{name}: {f'{len(missions):,} missions {done}' if isinstance(changed, list) else done}")
    for mission_id in missions:
        click.echo(f"  {mission_id}")


def _tell(outcomes: Sequence[Outcome]) -> None:
    for message, count in Counter(one.message for one in outcomes if one.is_well).items():
        click.echo(f"{count:,} {printable(message)}")
    refused = [one for one in outcomes if not one.is_well]
    if refused:
        click.echo(f"{len(refused):,} refused:", err=True)
    for one in refused:
        click.echo(f"  {one.mission_id}: {printable(one.message)}", err=True)
