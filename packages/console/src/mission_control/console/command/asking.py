"""Asks a person on a terminal for a payload, field by field, and again for what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..forms import Field, check, fields_of, texts_of, value_of
from .tables import printable


def ask_for(schema: Mapping[str, Any] | None) -> Any:
    """Return what a person enters."""
    questions = _Questions(schema)
    form = fields_of(schema)
    questions.ask(form, depth=0)
    return value_of(schema, questions.texts)[0]


class _Questions:
    """What has been entered so far."""

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        self._schema = schema
        self.texts: dict[str, str] = {}

    def ask(self, field: Field, *, depth: int) -> None:
        """Ask for a field, or for those that it has."""
        if not field.is_group:
            self._ask_leaf(field, depth)
        elif field.kind == "list":
            self._ask_items(field, depth)
        elif _is_needed(field) or self._confirm(f"{_label(field)}: fill it in?", depth):
            if field.steps:
                click.echo(_indent(depth) + _label(field) + _hint(field), err=True)
            for child in field.children:
                self.ask(child, depth=depth + bool(field.steps))

    def _ask_items(self, field: Field, depth: int) -> None:
        index = 0
        while self._confirm(f"{_label(field)}{_hint(field)}: {'another' if index else 'an'} item?", depth):
            self.ask(field.item(index), depth=depth + 1)
            index += 1

    def _ask_leaf(self, field: Field, depth: int) -> None:
        default = _default(field)
        while True:
            text: str = click.prompt(
                _indent(depth) + _label(field) + _hint(field),
                default="" if default is None and not _is_needed(field) else default,
                show_default=bool(default),
                err=True,
            )
            wrong = self._wrong(field, text)
            if wrong is None:
                self.texts[field.name] = text
                return
            click.echo(f"{_indent(depth)}  {printable(wrong)}", err=True)

    def _wrong(self, field: Field, text: str) -> str | None:
        """Return what is wrong with a text, alone and among what was entered before."""
        texts = {**self.texts, field.name: text}
        value, unread = value_of(self._schema, texts)
        issues = [*unread, *check(self._schema, value)]
        return next((one.message for one in issues if one.path == field.path), None)

    def _confirm(self, question: str, depth: int) -> bool:
        return click.confirm(_indent(depth) + question, default=False, err=True)


def _is_needed(field: Field) -> bool:
    return field.is_required and not field.is_nullable


def _label(field: Field) -> str:
    return printable(field.label)


def _hint(field: Field) -> str:
    """Return what a person needs to know to answer, in brackets."""
    kinds = {"boolean": "yes or no", "json": "JSON", "date": "YYYY-MM-DD", "datetime": "YYYY-MM-DD HH:MM"}
    parts = [" | ".join(field.choices) or kinds.get(field.kind, ""), field.help]
    parts.append("" if field.is_required or field.is_group else "may be empty")
    said = "; ".join(filter(None, parts))
    return f" ({printable(said)})" if said else ""


def _default(field: Field) -> str | None:
    """Return the text of the default, where the schema has one."""
    if field.default is None:
        return None
    return value_text(field, field.default)


def value_text(field: Field, value: object) -> str | None:
    """Return the text that a value is entered as."""
    if field.kind == "boolean":
        return "yes" if value else "no"
    if field.kind == "choice" and value in field.values:
        return field.choices[field.values.index(value)]
    return next(iter(texts_of(None, value).values()), None) if not isinstance(value, str) else value


def _indent(depth: int) -> str:
    return "  " * depth
