"""What all commands share on the command line, before the command's name or behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from .console import Console

C = TypeVar("C", bound=Callable[..., Any] | click.Command)
"""A command, or the function that becomes one."""

P = ParamSpec("P")
R = TypeVar("R")


def pass_console(command: Callable[Concatenate[Console, P], R]) -> Callable[P, R]:
    """Hand the console to a command, as its first argument."""
    return click.make_pass_decorator(Console, ensure=True)(command)


def console_of(context: click.Context) -> Console:
    """Return the console of this call."""
    return context.find_root().ensure_object(Console)


class ConsoleCommand(click.Command):
    """A command that takes `--db` and `--utc` behind its name, too, has JSON for output, and ends with an example."""

    def __init__(self, name: str | None, *, example: str, has_output: bool = True, **attributes: Any) -> None:
        super().__init__(name, epilog=_epilog(example), **attributes)
        self.example = example
        self.params.extend(_options_behind(has_output))


class ConsoleSubgroup(click.Group):
    """The same for a command that has others below it."""

    def __init__(self, name: str | None, *, example: str, **attributes: Any) -> None:
        super().__init__(name, epilog=_epilog(example), **attributes)
        self.example = example
        self.params.extend(_options_behind(True))


def _epilog(example: str) -> str:
    return f"\b\nExample:\n  mission-control {example}"


def _options_behind(has_output: bool) -> list[click.Option]:
    return [*(_json_options() if has_output else ()), _database_option(), _utc_option()]


def options_of_all() -> list[click.Option]:
    """Return the options that may stand before a command's name."""
    return [_database_option("MISSION_CONTROL_DB"), _utc_option()]


def _database_option(variable: str | None = None) -> click.Option:
    return click.Option(
        ["--db"],
        metavar="PATH",
        type=click.Path(path_type=Path),
        envvar=variable,  # before the command alone: behind it, it would win over what is given before it
        expose_value=False,
        callback=_set("database"),
        help="The database file; also as MISSION_CONTROL_DB.",
    )


def _utc_option() -> click.Option:
    return click.Option(
        ["--utc"],
        is_flag=True,
        expose_value=False,
        callback=_set("is_utc"),
        help="Show times in UTC instead of local time.",
    )


def _json_options() -> list[click.Option]:
    document, lines = "Write one JSON document.", "Write JSON, a line for each item."
    return [
        click.Option([flag], is_flag=True, expose_value=False, callback=_set(name), help=about)
        for flag, name, about in (("--json", "is_json", document), ("--jsonl", "is_lines", lines))
    ]


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value:
            setattr(console_of(context), name, value)

    return callback


def by_option(command: C) -> C:
    """Add who asks for a change."""
    return click.option(
        "--by",
        metavar="NAME",
        expose_value=False,
        callback=_set("by"),
        help="Who asks for it, which is recorded; by default the system's user name.",
    )(command)
