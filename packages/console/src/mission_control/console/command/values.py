"""Times and labels as options give them."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from ..reading import read_span
from .options import console_of


def moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Return the instant that an option says: a date, a time, or how long ago."""
    if value is None:
        return None
    try:
        return console_of(context).times.read(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def span(context: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    """Return the length of time that an option says."""
    if value is None:
        return None
    try:
        return read_span(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def labels(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Return the labels that an option says, each as `name=value`."""
    found: dict[str, str] = {}
    for one in value:
        name, separator, text = one.partition("=")
        if not (name and separator):
            raise click.BadParameter(f"expected name=value, found {one!r}")
        found[name] = text
    return found
