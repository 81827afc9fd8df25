"""The form of a union: its members are told apart by what they are written as, never by trying one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Literal, get_args

from ..issues import expected
from ..json_values import kind_of
from .form import INTEGER, OBJECT, Decode, Encode, Form, UnsupportedTypeError, choice_key, most_care
from .scalars import ANY
from .shapes import origin_of

Choose = Callable[[Any], Form | None]
"""Which member a JSON value of one kind is written by; None if it is none."""

_OPEN = frozenset({"str", "int", "float", "bool", "None"})
"""The types that may stand beside a Literal of theirs: whichever reads the value, it is the same."""

_REMEDY = "; give each class a Literal field with values of its own, or make them one class"


def union_form(members: Sequence[Form], name: str) -> Form:
    """A union of members that differ in the kind of their JSON, in their choices, or in their fields."""
    if ANY in members:
        return ANY
    kinds = {kind for member in members for kind in member.kinds}
    choosers = {kind: _chooser(kind, members, name) for kind in kinds}
    return Form(
        name,
        {"anyOf": [member.schema for member in members]},
        _encode_union(members, choosers),
        _decode_union(name, choosers, lambda form: form.strict),
        _decode_union(name, choosers, lambda form: form.lenient),
        typed=tuple(kind for member in members for kind in member.typed),
        choices=_shared_choices(members),
        care=most_care(members),
    )


def _encode_union(members: Sequence[Form], choosers: Mapping[type, Choose]) -> Encode:
    by_class = {kind: member for member in reversed(members) for kind in member.typed}

    def encode(value: Any) -> Any:
        member = by_class.get(kind_of(value))
        if member is None:
            member = _chosen(choosers, value) or next((form for form in members if isinstance(value, form.typed)), None)
        return value if member is None else member.encode(value)

    return encode


def _decode_union(name: str, choosers: Mapping[type, Choose], decoder: Callable[[Form], Decode]) -> Decode:
    def decode(value: Any, _: Any) -> Any:
        member = _chosen(choosers, value)
        if member is None:
            raise expected(name, value)
        return decoder(member)(value, None)

    return decode


def _chosen(choosers: Mapping[type, Choose], value: Any) -> Form | None:
    choose = choosers.get(kind_of(value))
    return choose(value) if choose is not None else None


def _shared_choices(members: Sequence[Form]) -> dict[tuple[type, Any], Any] | None:
    if any(member.choices is None for member in members):
        return None
    return {key: typed for member in members for key, typed in (member.choices or {}).items()}


# --- telling members apart ----------------------------------------------------------------


def _chooser(kind: type, members: Sequence[Form], name: str) -> Choose:
    able = [member for member in members if kind in member.kinds]
    if kind is INTEGER and any(member.name == "int" for member in able):
        able = [member for member in able if member.name != "float"]
    if len(able) == 1:
        return lambda value: able[0]
    if kind is OBJECT:
        return _choose_class(able, name)
    return _choose_choice(able, name)


def _choose_choice(members: Sequence[Form], name: str) -> Choose:
    """Literals and Enums by their values, beside at most one type that takes every other value as it is."""
    others = [member for member in members if member.choices is None]
    by_key: dict[tuple[type, Any], Form] = {}
    for member in members:
        for key, typed in (member.choices or {}).items():
            if key in by_key or (others and isinstance(typed, Enum)):
                raise _ambiguous(name, members)
            by_key[key] = member
    if len(others) > 1 or (by_key and not all(other.name in _OPEN for other in others)):
        raise _ambiguous(name, members)
    rest = others[0] if others else None
    return lambda value: by_key.get(choice_key(value), rest)


def _choose_class(members: Sequence[Form], name: str) -> Choose:
    if any(member.shape is None for member in members):
        raise _ambiguous(name, members)
    return _by_tag(members) or _by_fields(members, name)


def _by_tag(members: Sequence[Form]) -> Choose | None:
    """By a field that is a Literal in every class, with values of its own in each."""
    shapes = [member.shape or {} for member in members]
    for tag in shapes[0]:
        values = [_literal_values(shape, tag) for shape in shapes]
        tags = {choice_key(value): member for member, own in zip(members, values, strict=True) for value in own}
        if all(values) and len(tags) == sum(map(len, values)):
            return partial(_tagged, tag, tags)
    return None


def _tagged(tag: str, members: Mapping[tuple[type, Any], Form], value: Any) -> Form | None:
    if tag not in value:
        return None
    given = value[tag]
    written = given.value if isinstance(given, Enum) else given
    return members.get(choice_key(written)) if isinstance(written, (str, int, type(None))) else None


def _literal_values(shape: Mapping[str, Any], tag: str) -> list[Any]:
    declared = shape[tag].type if tag in shape else None
    if origin_of(declared) is not Literal:
        return []
    return [value.value if isinstance(value, Enum) else value for value in get_args(declared)]


def _by_fields(members: Sequence[Form], name: str) -> Choose:
    """By required fields that no other class has; one class may have none, it is what is left."""
    own: list[tuple[frozenset[str], Form]] = []
    rest: Form | None = None
    for member in members:
        elsewhere = {field for other in members if other is not member for field in other.shape or {}}
        required = {field for field, declared in (member.shape or {}).items() if declared.required}
        unique = frozenset(required - elsewhere)
        if unique:
            own.append((unique, member))
        elif rest is None:
            rest = member
        else:
            raise _ambiguous(name, members)
    return lambda value: next((member for unique, member in own if unique & value.keys()), rest)


def _ambiguous(name: str, members: Sequence[Form]) -> UnsupportedTypeError:
    listed = " and ".join(member.name for member in members)
    remedy = _REMEDY if any(member.shape is not None for member in members) else ""
    return UnsupportedTypeError(f"{name} is ambiguous: {listed} cannot be told apart in JSON{remedy}")
