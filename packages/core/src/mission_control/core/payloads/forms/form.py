"""A form: how the values of one type are written as JSON, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, TypeAlias

from attrs import Factory, frozen

from ...values import Shown, Value
from ..issues import MOST_PROBLEMS, MisfitError, Problem, below, field_step
from ..json_values import kind_of

Encode: TypeAlias = Callable[[Any], Any]
"""Turns a typed value into its JSON form and leaves alone what is not one: decoding reports that, with its path."""

Decode: TypeAlias = Callable[[Any, Any], Any]
"""Reads a JSON form; raises where it does not fit. The second argument is cattrs' and is not used."""

JsonSchema: TypeAlias = dict[str, Any]
"""A JSON Schema (2020-12). The forms of dates and times are to be asserted by whoever checks with it."""

NULL: type[None] = type(None)
BOOLEAN: type[bool] = bool
INTEGER: type[int] = int
NUMBER: type[float] = float
TEXT: type[str] = str
ARRAY: type[list[Any]] = list
OBJECT: type[dict[str, Any]] = dict
"""The kinds of JSON value, named by the Python class that `json` reads them into."""

_KINDS: dict[str, frozenset[type]] = {
    "null": frozenset({NULL}),
    "boolean": frozenset({BOOLEAN}),
    "integer": frozenset({INTEGER}),
    "number": frozenset({INTEGER, NUMBER}),
    "string": frozenset({TEXT}),
    "array": frozenset({ARRAY}),
    "object": frozenset({OBJECT}),
}
EVERY_KIND = frozenset[type]().union(*_KINDS.values())


class UnsupportedTypeError(Exception):
    """A type has no JSON form; the text says which part of it, and what to do."""


@frozen
class FieldShape(Value):
    """A field of a class as it is declared, before its own form is known."""

    type: Any
    required: bool


class Care(IntEnum):
    """What is to be done with a value that fits before its JSON form is stored."""

    NONE = 0
    """What was encoded is stored as it is."""
    REWRITE = 1
    """It is written once more from what was read: with the defaults, and sets without their duplicates."""
    CONVERTED = 2
    """Beside that, code of its class may change it when it is read: where it did, it is read and compared again."""
    COMPARE = 3
    """What was read is compared with what was given in any case: equal JSON does not mean equal values."""


def _kinds(schema: JsonSchema) -> frozenset[type]:
    if "anyOf" in schema:
        return frozenset[type]().union(*map(_kinds, schema["anyOf"]))
    if "enum" in schema:
        return frozenset(kind_of(value) for value in schema["enum"])
    return _KINDS.get(schema.get("type", ""), EVERY_KIND)


@frozen(eq=False)
class Form(Shown):
    """How one type is written and read.

    `strict` reads what crosses the border, `lenient` what was stored: only there unknown fields are ignored.
    """

    name: str
    schema: JsonSchema
    """What `strict` accepts."""
    encode: Encode
    strict: Decode
    lenient: Decode
    kinds: frozenset[type] = Factory(lambda self: _kinds(self.schema), takes_self=True)
    """The kinds of JSON value that the type is written as: what unions are told apart by."""
    typed: tuple[type, ...] = ()
    """The Python classes whose instances `encode` knows."""
    choices: Mapping[tuple[type, Any], Any] | None = None
    """For a type of a few values (Literal, Enum): each value by the class and value of its JSON form."""
    shape: Mapping[str, FieldShape] | None = None
    """For a class: its fields, which tell it from the other classes of a union."""
    care: Care = Care.NONE


def most_care(forms: Iterable[Form], least: Care = Care.NONE) -> Care:
    """The care that what is made of these forms needs."""
    return max([least, *(form.care for form in forms)])


def choice_key(value: Any) -> tuple[type, Any]:
    """What makes True, 1 and 1.0 different choices."""
    return kind_of(value), value


def decode_parts(parts: Iterable[tuple[Any, Decode, Any]], problems: Iterable[Problem] = ()) -> list[Any]:
    """Read every part by its own decoder; all that do not fit are told at once, each under its name or number.

    `problems` are those that are known already.
    """
    items: list[Any] = []
    misfits: list[Problem] = list(problems)
    for name, decode, part in parts:
        try:
            items.append(decode(part, None))
        except Exception as error:  # whatever the part's own code raises is a problem of this part
            misfits += below(field_step(name), error)
            if len(misfits) >= MOST_PROBLEMS:
                break
    if misfits:
        raise MisfitError(misfits)
    return items
