"""Owns the database, and runs its missions."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from typing import Any

import click

from mission_control.core import CommanderClosedError
from mission_control.runtime import CommanderRuntime

from .console import Console
from .failures import Refused
from .importing import called, named, raised
from .options import ConsoleCommand, pass_console


@click.command(cls=ConsoleCommand, example="run orders:runtime --once", has_output=False)
@click.argument("runtime", metavar="MODULE:RUNTIME")
@click.option("--once", is_flag=True, help="Do everything that is due, and end: for cron and timers.")
@pass_console
def run(console: Console, /, *, runtime: str, once: bool) -> None:
    """Own the database, and run its missions.

    Until SIGTERM or Ctrl-C. MODULE:RUNTIME is a runtime, or a function that returns one, in a module of yours. It
    says which database; a
    function finds what is given as --db in MISSION_CONTROL_DB.
    """
    if console.database is not None:
        os.environ["MISSION_CONTROL_DB"] = str(console.database)
    found = named(runtime)
    if not logging.root.handlers:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    console.wait(_run(runtime, found, is_once=once))


async def _run(place: str, found: Any, *, is_once: bool) -> None:
    runtime = await _runtime(place, found)
    if is_once:
        await _run_once(runtime)
        return
    click.echo(f"{runtime.identity} runs the missions; Ctrl-C or SIGTERM ends it", err=True)
    await runtime.run_until_stopped()


async def _runtime(place: str, found: Any) -> CommanderRuntime:
    """Return the runtime that was named. Raises `Refused` for anything else."""
    if callable(found) and not isinstance(found, CommanderRuntime):
        found = called(place, found)
        if inspect.isawaitable(found):
            try:
                found = await found
            except Exception as error:
                raise Refused(f"{place}: {raised(error)}") from error
    if not isinstance(found, CommanderRuntime):
        kind = type(found).__name__
        raise Refused(f"{place}: expected a CommanderRuntime, or a function that returns one, found {kind}")
    return found


async def _run_once(runtime: CommanderRuntime) -> None:
    """Do what is due, and what that sets in motion until it waits, or until a signal says to stop."""
    running = asyncio.create_task(runtime.run_until_stopped())
    try:
        await runtime.start()
        await runtime.commander.settled()
    except CommanderClosedError:
        pass  # a signal came first
    finally:
        await runtime.stop()
        await asyncio.wait([running])
    await running
