"""A form: how the values of one type are written as JSON, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, TypeAlias

from attrs import frozen

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


class Care(IntEnum):
    """What is to be done with a value that fits before its JSON form is stored."""

    NONE = 0
    """What was encoded is stored as it is."""
    REWRITE = 1
    """It is written once more from what was read: with the defaults, what converters made of it, and sets without
    their duplicates."""
    COMPARE = 2
    """Beside that, what was read is compared with what was given: equal JSON does not mean equal values."""


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
    care: Care = Care.NONE


def most_care(forms: Iterable[Form]) -> Care:
    """The care that what is made of these forms needs."""
    return max((form.care for form in forms), default=Care.NONE)


def choice_key(value: Any) -> tuple[type, Any]:
    """What makes True, 1 and 1.0 different choices."""
    return kind_of(value), value
