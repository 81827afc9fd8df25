"""A form: how the values of one type are written as JSON, and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from ..json_values import kind_of

Encode: TypeAlias = Callable[[Any], Any]
"""Turns a typed value into its JSON form and leaves alone what is not one: decoding reports that, with its path."""

Decode: TypeAlias = Callable[[Any, Any], Any]
"""Reads a JSON form; raises where it does not fit. The second argument is cattrs' and is not used."""

NULL: type[None] = type(None)
BOOLEAN: type[bool] = bool
INTEGER: type[int] = int
NUMBER: type[float] = float
TEXT: type[str] = str
ARRAY: type[list[Any]] = list
OBJECT: type[dict[str, Any]] = dict
"""The kinds of JSON value, named by the Python class that `json` reads them into."""

EVERY_KIND = frozenset({NULL, BOOLEAN, INTEGER, NUMBER, TEXT, ARRAY, OBJECT})


class UnsupportedTypeError(Exception):
    """A type has no JSON form; the text says which part of it, and what to do."""


@frozen
class FieldShape:
    """A field of a class as it is declared, before its own form is known."""

    type: Any
    required: bool


@frozen(eq=False)
class Form:
    """How one type is written and read.

    `strict` reads what crosses the border, `lenient` what was stored: only there unknown fields are ignored.
    """

    name: str
    encode: Encode
    strict: Decode
    lenient: Decode
    kinds: frozenset[type]
    """The kinds of JSON value that the type is written as: what unions are told apart by."""
    typed: tuple[type, ...] = ()
    """The Python classes whose instances `encode` knows."""
    choices: Mapping[tuple[type, Any], Any] | None = None
    """For a type of a few values (Literal, Enum): each value by the class and value of its JSON form."""
    shape: Mapping[str, FieldShape] | None = None
    """For a class: its fields, which tell it from the other classes of a union."""
    exact: bool = field(default=True)
    """Whether what was encoded and fits is stored as it is; else it is written once more from what was read:
    with the defaults, what converters made of it, and sets without their duplicates."""


def choice_key(value: Any) -> tuple[type, Any]:
    """What makes True, 1 and 1.0 different choices."""
    return kind_of(value), value
