"""All commands by name, found when they are called for, and how each of them ends: with a status, never a traceback."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, NamedTuple

import click

from .failures import explained
from .options import console_of, options_of_all

_INTERRUPTED = 130
"""What a shell takes for the end by Ctrl-C."""


class _Place(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    module: str
    name: str
    summary: str


COMMANDS = {
    "status": _Place("looking", "status", "How all missions are, on one screen."),
    "list": _Place("looking", "list_missions", "Missions that fit a filter, the newest first."),
    "show": _Place("showing", "show", "Everything there is to see of a mission."),
    "inbox": _Place("looking", "inbox", "What missions wait for people to say, the longest waiting first."),
    "answer": _Place("answering", "answer", "Give a mission the signal that it waits for."),
    "refused": _Place("refusals", "refused", "What was asked for within 7 days and refused, the newest first."),
    "start": _Place("starting", "start", "Start a mission."),
    "cancel": _Place("changing", "cancel", "End missions as cancelled, and undo what has an undo."),
    "pause": _Place("changing", "pause", "Let nothing of missions begin or fire until they are resumed."),
    "resume": _Place("changing", "resume", "Let paused missions go on."),
    "reopen": _Place("changing", "reopen", "Let failed or cancelled missions go on where they ended."),
    "skip": _Place("changing", "skip", "Let missions go on as if the step that failed had returned an output."),
    "wake": _Place("changing", "wake", "End the sleep, the retry's delay or the delayed start of missions now."),
    "graph": _Place("graph", "graph", "A definition as a picture, with where a mission stands."),
    "agenda": _Place("agenda", "agenda", "Everything that will happen by itself, in order of time."),
    "schedules": _Place("schedules", "schedules", "The schedules, and what can be done with them."),
    "plan": _Place("operating", "plan", "What deploying definitions would do to live missions."),
    "doctor": _Place("operating", "doctor", "What is stored that is not as it should be."),
    "purge": _Place("operating", "purge", "Delete missions that ended long ago."),
    "export": _Place("copying", "export_mission", "Write everything that is stored of a mission as JSON."),
    "import": _Place("copying", "import_mission", "Take in a mission that was exported."),
    "backup": _Place("copying", "backup", "Copy the database while missions go on."),
    "run": _Place("running", "run", "Own the database, and run its missions."),
    "serve": _Place("serving", "serve", "Serve the page."),
    "completion": _Place("completing", "completion", "Write what makes a shell complete commands, ids and names."),
}


class ConsoleGroup(click.Group):
    """Finds commands by `COMMANDS`, and turns what they raise into a message and a status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer wants them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"..{place.module}", __name__), place.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for, until it ends or has nobody to tell."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        ctx.call_on_close(console_of(ctx).close)
        try:
            with explained():
                _invoke_and_flush(super().invoke, ctx)
        except BrokenPipeError:
            _hush()
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(_INTERRUPTED)
        except click.Abort as abort:
            is_interrupted = isinstance(abort.__context__, KeyboardInterrupt)
            click.echo("\nNothing was done." if is_interrupted else "Nothing was done.", err=True)
            ctx.exit(_INTERRUPTED if is_interrupted else 1)


def _invoke_and_flush(invoke: Callable[[click.Context], Any], ctx: click.Context) -> None:
    """Run a command, and learn whether anybody still reads what it wrote, however it ended."""
    try:
        invoke(ctx)
    finally:
        sys.stdout.flush()


def _hush() -> None:
    """Let nothing more be written to the pipe that was closed, not even when the interpreter ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@click.group(
    "mission-control",
    cls=ConsoleGroup,
    params=options_of_all(),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 refused or found something, 2 wrong usage, 3 not there.",
)
@click.version_option(package_name="mission-control-console", prog_name="mission-control")
def mission_control() -> None:
    """See and steer the missions of one database file.

    Beside the process that runs them, what is changed goes through its mailbox; where none does, it is accepted all the
    same, and applied when one starts.
    """


def run() -> None:
    """Run the command line, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # payloads have letters that not every terminal has
    mission_control(prog_name="mission-control")
