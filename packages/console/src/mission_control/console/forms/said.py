"""What a text says that was entered: an integer, yes or no, a time, JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from mission_control.core.payloads import decode_json
from mission_control.core.readable import shorten

from .fields import Field, FieldKind
from .instants import instant_text, is_of

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_YES = frozenset({"yes", "true", "on", "1"})
_NO = frozenset({"no", "false", "off", "0"})
_SHOWN = 60
"""How many characters of a text a message repeats."""


def said(field: Field, text: str) -> Any:
    """Return what a text says in a field. Raises `ValueError`, with a message for a person, for what cannot be read."""
    return _choice(field, text) if field.kind == "choice" else _READ[field.kind](text)


def _choice(field: Field, text: str) -> Any:
    if text in field.choices:
        return field.values[field.choices.index(text)]
    raise ValueError(f"expected one of {', '.join(map(repr, field.choices))}, found {text!r}")


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text.strip()):
        with suppress(ValueError):  # of more digits than Python reads
            return int(text)
    raise ValueError(f"expected an integer, found {text!r}")


def _number(text: str) -> Any:
    stripped = text.strip()
    if _INTEGER.fullmatch(stripped):
        return _integer(text)
    if stripped.startswith('"'):  # a duration that no JSON number can hold is a text
        return _json(stripped)
    if _NUMBER.fullmatch(stripped) and math.isfinite(float(stripped)):
        return float(stripped)
    raise ValueError(f"expected a number, found {text!r}")


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError(f"expected yes or no, found {text!r}")


def _json(text: str) -> Any:
    try:
        return decode_json(text)
    except (ValueError, RecursionError):
        raise ValueError(f"expected JSON, found {shorten(text, _SHOWN)!r}") from None


def _moment(text: str) -> str:
    """Return a date and time as core reads it: with a `T`, and of UTC where no zone is given."""
    moment = text.strip().replace(" ", "T", 1)
    of_utc = f"{moment}Z"
    return of_utc if is_of("date-time", of_utc) else instant_text("date-time", moment)


_READ: Mapping[FieldKind, Callable[[str], Any]] = {
    "text": lambda text: text,
    "long text": lambda text: text.replace("\r\n", "\n"),
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": lambda text: instant_text("date", text.strip()),
    "datetime": _moment,
    "time": lambda text: instant_text("time", text.strip()),
    "object": _json,
    "list": _json,
    "json": _json,
}
