"""Plain JSON values: what they are, copying them, and their text.

Plain means exactly None, bool, int, float, str, list and dict with str keys, no subclasses:
the value reads the same before it was stored and after.
"""

from __future__ import annotations

import dataclasses
import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from enum import Enum
from itertools import islice
from typing import Any, NoReturn, TypeAlias, TypeGuard

import attrs

from .issues import MOST_PROBLEMS, MisfitError, Problem, Refused, field_step, found
from .models import dump_model, is_model_class

Json: TypeAlias = Any
"""A plain JSON value: None, bool, int, float, str, list[Json] or dict[str, Json]."""

DEEPEST = 200
"""How many lists and objects may be nested in one value; deeper ones would exhaust the stack somewhere later."""

TOO_BIG: int = 10**4300
"""Integers from here on have no text: Python refuses to convert them."""

_TOO_DEEP = f"nested more than {DEEPEST} levels deep, or contains itself"

kind_of: Callable[[object], type[Any]] = type
"""The class of a value; for type checkers `type`, but without narrowing what is known of the value."""

_ATOMS = frozenset({type(None), bool, int, float, str})
_MICROSECOND = timedelta(microseconds=1)


# --- text ---------------------------------------------------------------------------------


def _refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"{token} is not JSON")


_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"), check_circular=False)
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def encode_json(value: Json) -> str:
    """The text of a plain JSON value, in ASCII; `ValueError` or `TypeError` if it is not one."""
    return _encoder.encode(value)


def decode_json(text: str) -> Json:
    """The value of a JSON text; `ValueError` if it is not one. NaN and Infinity are not JSON."""
    return _decoder.decode(text)


# --- copies -------------------------------------------------------------------------------


def copy_json(value: Json) -> Json:
    """A deep copy of a plain JSON value, which is not checked again."""
    kind = kind_of(value)
    if kind is dict:
        return {name: item if type(item) in _ATOMS else copy_json(item) for name, item in value.items()}
    if kind is list:
        return [item if type(item) in _ATOMS else copy_json(item) for item in value]
    return value


def checked_copy(value: object, /) -> Json:
    """A deep copy of a value that must be plain JSON already; `MisfitError` with every bad path otherwise."""
    try:
        return _copy(value, DEEPEST)
    except _NotPlainError:
        raise MisfitError(islice(_problems(value, "", DEEPEST), MOST_PROBLEMS)) from None


def plain(value: object) -> Json:
    """A fresh plain JSON value of anything that has a JSON form; `MisfitError` with every path that has none."""
    try:
        return _copy(value, DEEPEST)
    except _NotPlainError:
        return checked_copy(to_json(value))


def check_depth(value: object) -> None:
    """Raise `MisfitError` for a value that is nested too deeply, whatever else it is."""
    level: list[Any] = [value]
    for _ in range(DEEPEST + 1):
        level = [item for container in level for item in _contained(container)]
        if not level:
            return
    raise MisfitError([Problem("", _TOO_DEEP)])


def _contained(value: Any) -> Iterable[Any]:
    kind = kind_of(value)
    return value.values() if kind is dict else value if kind is list else ()


class _NotPlainError(Exception):
    """Something in a value is not plain; what and where is found out afterwards."""


_ALWAYS_PLAIN = frozenset({str, bool, type(None)})


def _copy(value: Any, deeper: int) -> Json:
    kind = kind_of(value)
    if kind is dict and deeper:
        fields: dict[str, Json] = {}
        for name, item in value.items():
            if type(name) is not str:
                raise _NotPlainError
            fields[name] = item if type(item) in _ALWAYS_PLAIN else _copy(item, deeper - 1)
        return fields
    if kind is list and deeper:
        return [item if type(item) in _ALWAYS_PLAIN else _copy(item, deeper - 1) for item in value]
    if (kind is int and -TOO_BIG < value < TOO_BIG) or _is_atom(value):
        return value
    raise _NotPlainError


def _is_atom(value: Any) -> bool:
    kind = kind_of(value)
    if kind is int:
        return bool(-TOO_BIG < value < TOO_BIG)
    if kind is float:
        return math.isfinite(value)
    return kind is str or kind is bool or value is None


def _problems(value: Any, path: str, deeper: int) -> Iterator[Problem]:
    kind = kind_of(value)
    if kind in (dict, list) and not deeper:
        yield Problem(path, _TOO_DEEP)
    elif kind is dict:
        for name, item in value.items():
            if type(name) is str:
                yield from _problems(item, path + field_step(name), deeper - 1)
            else:
                yield Problem(path + field_step(name), f"a JSON object's names are str, got {found(name)}")
    elif kind is list:
        for index, item in enumerate(value):
            yield from _problems(item, f"{path}[{index}]", deeper - 1)
    elif not _is_atom(value):
        yield Problem(path, _why_no_json(value))


def _why_no_json(value: object) -> str:
    kind = kind_of(value)
    if kind is float:
        return f"{value!r} has no JSON form"
    if kind is int:
        return "an integer of more than 4300 digits has no JSON form"
    if isinstance(value, Refused):
        return f"{value.reason} has no JSON form"
    return f"{kind.__module__}.{kind.__qualname__} has no JSON form"


# --- typed values -------------------------------------------------------------------------


def to_json(value: Any) -> Any:
    """The JSON form of a value by the class that it has; what has none is left in place, for the check to report."""
    kind = kind_of(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return {exact_name(name): to_json(item) for name, item in value.items()}
    if kind is list or kind is tuple:
        return [to_json(item) for item in value]
    encode = _ENCODERS.get(kind)
    return encode(value) if encode is not None else _by_ancestry(value)


def seconds(value: timedelta) -> int | float | str:
    """A duration in seconds; exact to the microsecond, as text where a JSON number could not be."""
    if not value.microseconds:
        return value.days * 86_400 + value.seconds
    number = value.total_seconds()
    if _duration(number) == value:
        return number
    whole, rest = divmod(abs(value) // _MICROSECOND, 1_000_000)
    return f"{'-' if value.days < 0 else ''}{whole}.{rest:06d}"


def _duration(number: float) -> timedelta | None:
    try:
        return timedelta(seconds=number)
    except OverflowError:  # rounded past the longest duration
        return None


def sorted_items(items: Iterable[Any]) -> list[Any]:
    """The items of a set in an order that does not depend on the process: by their JSON text."""
    listed = list(items)
    try:
        return sorted(listed, key=encode_json)
    except (TypeError, ValueError):
        return listed  # an item has no JSON form, which the check reports


def datetime_text(value: datetime) -> str | Refused:
    """The ISO text of an aware datetime."""
    if value.utcoffset() is None:
        return Refused("a datetime without a time zone (say which, as in datetime.now(UTC))")
    return datetime.isoformat(value)


def time_text(value: time) -> str | Refused:
    """The ISO text of a time; the name of a zone has no place in it, so its offset must be known."""
    if value.tzinfo is not None and value.utcoffset() is None:
        return Refused("a time whose zone has no fixed offset")
    return time.isoformat(value)


def decimal_text(value: Any) -> str | Refused:
    """The text of a finite number, every digit kept."""
    return str(value) if value.is_finite() else Refused(f"the Decimal {value}")


_LATE_ENCODERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("decimal", "Decimal"): decimal_text,
    ("pathlib", "PurePath"): str,
    ("uuid", "UUID"): str,
}
"""Of modules that are slow to import: whoever has one of their values has imported them."""


def _late_encoder(kind: type) -> Callable[[Any], Any] | None:
    names = ((part.__module__.partition(".")[0], part.__qualname__) for part in kind.__mro__)
    return next((_LATE_ENCODERS[name] for name in names if name in _LATE_ENCODERS), None)


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether a value may stand for a JSON object."""
    return isinstance(value, Mapping)


def exact_name(name: Any) -> Any:
    """An object's name as a plain str, where it is one."""
    return str.__str__(name) if isinstance(name, str) else name


def _by_ancestry(value: Any) -> Any:
    """The JSON form of what is of no class with a form of its own: subclasses, records, collections."""
    kind = kind_of(value)
    late = _late_encoder(kind)
    if late is not None:
        return late(value)
    if isinstance(value, Enum):
        return to_json(value.value)
    if attrs.has(kind):
        return {field.name: to_json(getattr(value, field.name)) for field in attrs.fields(kind)}
    if dataclasses.is_dataclass(kind):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(kind)}
    if is_model_class(kind):
        return to_json(dump_model(value))
    for ancestor, encode in _ENCODERS.items():
        if isinstance(value, ancestor):
            return encode(value)
    return value


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    datetime: datetime_text,
    date: date.isoformat,
    time: time_text,
    timedelta: seconds,
    bytes: lambda value: b64encode(value).decode("ascii"),
    Mapping: lambda value: {exact_name(name): to_json(item) for name, item in value.items()},
    AbstractSet: lambda value: sorted_items(to_json(item) for item in value),
    list: lambda value: [to_json(item) for item in value],
    tuple: lambda value: [to_json(item) for item in value],
}
