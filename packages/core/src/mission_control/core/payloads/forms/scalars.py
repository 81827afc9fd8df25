"""The forms of single values: numbers, text, times, choices."""

from __future__ import annotations

import binascii
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum, Flag
from functools import cache
from itertools import combinations
from typing import Any, cast

from ...readable import shorten
from ..issues import Refused, expected, found, misfit
from ..json_values import (
    TOO_BIG,
    checked_copy,
    copy_json,
    datetime_text,
    decimal_text,
    kind_of,
    seconds,
    time_text,
    to_json,
)
from .form import Decode, Encode, Form, JsonSchema, UnsupportedTypeError, choice_key

_DURATION_TEXT = re.compile(r"-?[1-9]\d{9,13}\.\d{6}", re.ASCII)


def _same(value: Any) -> Any:
    return value


def _both(name: str, schema: JsonSchema, encode: Encode, decode: Decode, typed: type) -> Form:
    return Form(name, schema, encode, decode, decode, typed=(typed,))


# --- JSON's own ---------------------------------------------------------------------------


def _encode_str(value: Any) -> Any:
    if type(value) is str:
        return value
    return str.__str__(value) if isinstance(value, str) else value


def _encode_int(value: Any) -> Any:
    if type(value) is int or not isinstance(value, int) or type(value) is bool:
        return value
    return int.__int__(value)


def _encode_float(value: Any) -> Any:
    if type(value) is float:
        return value
    return float.__float__(value) if isinstance(value, float) else _encode_int(value)


def _decode_none(value: Any, _: Any) -> None:
    if value is not None:
        raise expected("None", value)


def _decode_bool(value: Any, _: Any) -> bool:
    if type(value) is bool:
        return value
    raise expected("bool", value)


def _decode_str(value: Any, _: Any) -> str:
    if type(value) is str:
        return value
    raise expected("str", value)


def _decode_int(value: Any, _: Any) -> int:
    if type(value) is int and -TOO_BIG < value < TOO_BIG:
        return value
    raise expected("int" if type(value) is not int else "int of at most 4300 digits", value)


def _decode_float(value: Any, _: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise expected("float", value) from None
    raise expected("finite float" if type(value) is float else "float", value)


def _checked(value: Any, _: Any) -> Any:
    return checked_copy(value)


def _copied(value: Any, _: Any) -> Any:
    return copy_json(value)


ANY = Form("any", {}, to_json, _checked, _copied)
"""Whatever has a JSON form; it is read as the plain JSON value."""


# --- written as text ----------------------------------------------------------------------


def _text_form(
    kind: type, written: str, write: Callable[[Any], Any], read: Callable[[str], Any], **schema: str
) -> Form:
    def encode(value: Any) -> Any:
        if type(value) is kind:
            return write(value)
        return _encode_subclass(value, write(value), read) if isinstance(value, kind) else value

    def decode(value: Any, _: Any) -> Any:
        if type(value) is not str:
            raise expected(f"{kind.__name__} ({written})", value)
        try:
            return read(value)
        except (ValueError, ArithmeticError, binascii.Error):
            raise expected(f"{kind.__name__} ({written})", value) from None

    return _both(kind.__name__, {"type": "string", **schema}, encode, decode, kind)


def _encode_subclass(value: Any, text: Any, read: Callable[[str], Any]) -> Any:
    """The text of what may say more than its base class does, such as a time in nanoseconds."""
    return Refused(f"{found(value)}, which its text does not give back") if _differs(value, text, read) else text


def _differs(value: Any, text: Any, read: Callable[[str], Any]) -> bool:
    try:
        return type(text) is str and not read(text) == value  # noqa: SIM201 - a class may inherit its `!=`
    except Exception:  # the text is none of its kind, which decoding reports with its path
        return False


def _read_datetime(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise misfit(f"expected datetime with a time zone, got {found(text)}")
    return moment


def _write_date(value: date) -> Any:
    return value if isinstance(value, datetime) else date.isoformat(value)


def _write_bytes(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _read_bytes(text: str) -> bytes:
    return b64decode(text, validate=True)


# --- durations ----------------------------------------------------------------------------


def _encode_timedelta(value: Any) -> Any:
    if type(value) is timedelta:
        return seconds(value)
    if not isinstance(value, timedelta):
        return value
    plain = timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
    return seconds(plain) if plain == value else Refused(f"{found(value)}, which its seconds do not give back")


def _decode_timedelta(value: Any, _: Any) -> timedelta:
    if type(value) is int or type(value) is float:
        try:
            return timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise expected("timedelta (a finite number of seconds)", value) from None
    if type(value) is str and _DURATION_TEXT.fullmatch(value):
        return _duration_of_text(value)
    raise expected("timedelta (seconds)", value)


def _duration_of_text(text: str) -> timedelta:
    """What `seconds` writes for durations that are too long for a JSON number to hold exactly."""
    try:
        return timedelta(microseconds=int(text.replace(".", "")))
    except OverflowError:
        raise expected("timedelta (seconds)", text) from None


# --- choices ------------------------------------------------------------------------------


def enum_form(cls: type[Enum], name: str) -> Form:
    """An Enum is written as its value."""
    choices = {choice_key(_json_choice(member.value, name)): member for member in cls}
    if issubclass(cls, Flag):
        return _flag_form(cls, name)

    def encode(value: Any) -> Any:
        return _json_choice(value.value, name) if isinstance(value, cls) else value

    return _choice_form(name, encode, choices, (cls,))


def literal_form(values: tuple[Any, ...], name: str) -> Form:
    """A Literal is written as the value, a member of an Enum in it as the member's value."""
    choices: dict[tuple[type, Any], Any] = {}
    for value in values:
        key = choice_key(_json_choice(value.value if isinstance(value, Enum) else value, name))
        if key in choices:
            raise UnsupportedTypeError(f"{name} has two values that are both written as {key[1]!r}")
        choices[key] = value
    members = {member: key[1] for key, member in choices.items() if isinstance(member, Enum)}

    def encode(value: Any) -> Any:
        if isinstance(value, Enum):
            return members.get(value, value)
        return _encode_str(value)

    return _choice_form(name, encode, choices, tuple({type(member) for member in members}))


def _choice_form(name: str, encode: Encode, choices: Mapping[tuple[type, Any], Any], typed: tuple[type, ...]) -> Form:
    kinds = {kind for kind, _ in choices}
    listed = shorten(" | ".join(repr(value) for _, value in choices), 60)
    described = name if name.startswith("Literal") else f"{name} ({listed})"

    def decode(value: Any, _: Any) -> Any:
        kind = kind_of(value)
        if kind in kinds and (kind, value) in choices:
            return choices[kind, value]
        raise expected(described, value)

    schema = {"enum": [value for _, value in choices]}
    return Form(name, schema, encode, decode, decode, typed=typed, choices=choices)


def _flag_form(cls: type[Flag], name: str) -> Form:
    def encode(value: Any) -> Any:
        return value.value if isinstance(value, cls) else value

    def decode(value: Any, _: Any) -> Any:
        if type(value) is not int:
            raise expected(f"{name} (int)", value)
        try:
            return cls(value)
        except ValueError:
            raise expected(name, value) from None

    return _both(name, _flag_schema(cls), encode, decode, cls)


def _flag_schema(cls: type[Flag]) -> JsonSchema:
    bits: list[int] = [member.value for member in cls]
    if len(bits) > 8 or bits == [1 << place for place in range(len(bits))]:
        return {"type": "integer", "minimum": 0, "maximum": sum(bits)}
    return {"enum": sorted(sum(chosen) for number in range(len(bits) + 1) for chosen in combinations(bits, number))}


def _json_choice(value: Any, name: str) -> Any:
    for encode in (_encode_str, _encode_float):
        value = encode(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise UnsupportedTypeError(f"{name} has the value {found(value)}; use None, bool, int, float or str there")


# --- the table ----------------------------------------------------------------------------

_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
_OFFSET = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{6})?)?)"
_HEX = "[0-9a-fA-F]"
_UUID = f"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$"
_DECIMAL = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,17})?$"
_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_SECONDS: list[JsonSchema] = [
    {"type": "number", "minimum": -86399999913600, "maximum": 86399999999999},
    {"type": "string", "pattern": r"^-?([1-9][0-9]{9,12}|[1-7][0-9]{13}|8[0-5][0-9]{12})\.[0-9]{6}$"},
]
_MOMENT = {"format": "date-time", "pattern": f"^{_DATE}T{_TIME}{_OFFSET}$"}


def _text_forms() -> dict[Any, Form]:
    return {
        datetime: _text_form(datetime, "ISO text with a time zone", datetime_text, _read_datetime, **_MOMENT),
        date: _text_form(date, "ISO text", _write_date, date.fromisoformat, format="date", pattern=f"^{_DATE}$"),
        time: _text_form(time, "ISO text", time_text, time.fromisoformat, pattern=f"^{_TIME}{_OFFSET}?$"),
        bytes: _text_form(bytes, "base64 text", _write_bytes, _read_bytes, contentEncoding="base64", pattern=_BASE64),
    }


SCALARS: dict[Any, Form] = {
    Any: ANY,
    object: ANY,
    type(None): _both("None", {"type": "null"}, _same, _decode_none, type(None)),
    bool: _both("bool", {"type": "boolean"}, _same, _decode_bool, bool),
    int: _both("int", {"type": "integer"}, _encode_int, _decode_int, int),
    float: _both("float", {"type": "number"}, _encode_float, _decode_float, float),
    str: _both("str", {"type": "string"}, _encode_str, _decode_str, str),
    timedelta: _both("timedelta", {"anyOf": _SECONDS}, _encode_timedelta, _decode_timedelta, timedelta),
    **_text_forms(),
}


@cache
def _decimal_forms() -> Mapping[Any, Form]:
    from decimal import Decimal

    def read(text: str) -> Decimal:
        number = Decimal(text)
        if not number.is_finite():
            raise ValueError
        return number

    return {Decimal: _text_form(Decimal, "text of a finite number", decimal_text, read, pattern=_DECIMAL)}


@cache
def _path_forms() -> Mapping[Any, Form]:
    from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath

    paths = [Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath]
    return {path: _text_form(path, "text", str, cast("Callable[[str], Any]", path)) for path in paths}


@cache
def _uuid_forms() -> Mapping[Any, Form]:
    from uuid import UUID

    return {UUID: _text_form(UUID, "text", str, UUID, format="uuid", pattern=_UUID)}


_LATE = {"decimal": _decimal_forms, "pathlib": _path_forms, "uuid": _uuid_forms}
"""Of modules that are slow to import: whoever names one of their types has imported them."""


def scalar_form(annotation: Any) -> Form | None:
    """Return the form of a single value's type."""
    if annotation.__hash__ is None:
        return None
    late = _LATE.get(str(getattr(annotation, "__module__", "")).partition(".")[0])
    return SCALARS.get(annotation) if late is None else late().get(annotation)
