"""Payloads as a command line gives them: JSON, a file, fields one by one, or answers to questions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import IO, Any, NamedTuple, NoReturn

import click

from ..forms import Issue, check, read_assignments, value_of
from .asking import ask_for
from .console import Console
from .failures import Refused
from .options import C
from .tables import printable

JsonSchema = Mapping[str, Any]


class Given(NamedTuple):
    """What a command line says of a payload: at most one of these."""

    data: str | None
    file: IO[str] | None
    fields: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        """True where nothing was given."""
        return self == Given(None, None, ())


_OPTIONS = (
    click.option("--data", metavar="JSON", help="It, as JSON."),
    click.option(
        "--file",
        type=click.File(encoding="utf-8", lazy=True),
        help="A file that holds it as JSON; - is what is piped in.",
    ),
    click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="One of its fields, as lines[0].n=3."),
)


def payload_options(command: C) -> C:
    """Add the options of a payload."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def read_payload(console: Console, schema: JsonSchema | None, given: Given) -> Any:
    """Return the payload, which fits its schema, asking a person for it where nothing is given.

    Raises `UsageError` for more than one way of giving it, or none, and `Refused` with what is wrong at which field.
    """
    if sum((given.data is not None, given.file is not None, bool(given.fields))) > 1:
        raise click.UsageError("give --data, --file, or --field: one of them")
    payload = _payload(console, schema, given)
    if issues := check(schema, payload):
        raise refused(issues)
    return payload


def _payload(console: Console, schema: JsonSchema | None, given: Given) -> Any:
    if given.data is not None:
        return decoded(given.data, "--data")
    if given.file is not None:
        return decoded(text_of(given.file), given.file.name)
    if given.fields:
        return _from_fields(schema, given.fields)
    if console.is_asked_by_a_person:
        return ask_for(schema)
    raise click.UsageError("what is it? Give --data JSON, --file FILE, or --field NAME=VALUE.")


def text_of(file: IO[str]) -> str:
    """Return what is in a file. Raises `Refused` for what is no text."""
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise Refused(f"{file.name}: expected text in UTF-8: {error.reason} at byte {error.start}") from error


def decoded(text: str, where: str) -> Any:
    """Return the value of a JSON text. Raises `Refused`, which says where it is none."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        message = f"{where}: expected JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise Refused(message) from error
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where}: expected JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _from_fields(schema: JsonSchema | None, fields: Iterable[str]) -> Any:
    try:
        texts = read_assignments(fields, schema)
    except ValueError as error:
        raise click.UsageError(f"--field: {error}") from error
    payload, issues = value_of(schema, texts)
    if issues:
        raise refused(issues)
    return payload


def refused(issues: Iterable[Issue]) -> Refused:
    """Return the error that says what is wrong at which field."""
    return Refused("it does not fit:\n" + "\n".join(f"  {printable(f'{one.path}: {one.message}')}" for one in issues))
