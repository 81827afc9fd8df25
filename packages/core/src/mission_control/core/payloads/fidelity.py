"""Whether a value comes back from its JSON form as it went in.

What came typed must come back the same: equal values, of the same classes. What came in its JSON form has no type yet,
so only the typed values inside it are looked at. Classes that are compared by identity count by their class alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, TypeVar, get_args

import attrs

from ..foreign import ENDS_THE_PROGRAM
from .issues import MOST_PROBLEMS, Problem, field_step, found, type_of
from .json_values import encode_json, is_mapping, kind_of, plain
from .models import is_model_class, model_facts

UNTYPED: Any = object()
"""What declares a value that came in its JSON form."""

_ABSENT: Any = object()
_BY_IDENTITY: Any = object.__eq__
_JSON = frozenset({type(None), bool, int, float, str, list, dict})
_SEQUENCES: Any = (list, tuple, deque)
_OPEN = (Any, object, list, dict, tuple, set, frozenset)

_READ_BACK = "see to what validates, converts or serializes it: what it writes must be read back the same"


def losses(given: object, back: object, declared: Any) -> list[Problem]:
    """Where `back`, which was read from the JSON form of `given`, is not the same; `declared` is the type of both."""
    return list(islice(_losses(given, back, "", declared), MOST_PROBLEMS))


def _losses(given: Any, back: Any, path: str, declared: Any) -> Iterator[Problem]:
    if given is back:
        return
    if declared is UNTYPED and hasattr(kind_of(given), "_fields"):
        declared = Any  # a NamedTuple is typed
    is_typed = declared is not UNTYPED
    if _is_record(kind_of(given)):
        yield from _record_losses(given, back, path, declared)
    elif is_mapping(given):
        yield from _mapping_losses(given, back, path, declared)
    elif isinstance(given, _SEQUENCES) and isinstance(back, _SEQUENCES):
        if len(given) != len(back) and is_typed:
            yield Problem(path, _changed(given, back))
        for index, (item, counterpart) in enumerate(zip(given, back, strict=False)):
            yield from _losses(item, counterpart, f"{path}[{index}]", declared)
    elif isinstance(given, AbstractSet) and isinstance(back, AbstractSet):
        if not _are_equal(given, back):
            yield from _losses(_in_order(given), _in_order(back), path, declared)
    elif is_typed and not _may_stand_for(given, back, declared):
        yield Problem(path, _changed(given, back))


def _may_stand_for(given: Any, back: Any, declared: Any) -> bool:
    kind, other = kind_of(given), kind_of(back)
    if kind is other or (kind in _JSON and other in _JSON):
        return _are_equal(given, back)
    return kind in _JSON or (other in _JSON and _is_open(declared)) or (other not in _JSON and _are_equal(given, back))


def _are_equal(one: Any, other: Any) -> bool:
    """True also where nothing can be said: of classes that are compared by identity, or whose `__eq__` raises."""
    kind = kind_of(one)
    if kind is kind_of(other) and (kind.__eq__ is _BY_IDENTITY or (kind is float and math.isnan(one))):
        return True
    return says_equal(one, other) is not False


def says_equal(one: Any, other: Any) -> bool | None:
    """What `==` says; None where it raises."""
    try:
        return bool(one == other)
    except ENDS_THE_PROGRAM:
        raise
    except BaseException:  # a user's __eq__ may do anything
        return None


def _in_order(items: Any) -> list[Any]:
    return sorted(items, key=lambda item: encode_json(plain(item)))


def _is_open(declared: Any) -> bool:
    """Whether a type leaves a part of itself undeclared, which is read as plain JSON."""
    if any(declared is kind for kind in _OPEN) or isinstance(declared, TypeVar):
        return True
    return any(_is_open(argument) for argument in get_args(declared))


def _changed(given: Any, back: Any) -> str:
    one, other = found(given), found(back)
    return f"{one} comes back as {'another one' if one == other else other}; {_READ_BACK}"


# --- mappings -----------------------------------------------------------------------------


def _mapping_losses(given: Mapping[Any, Any], back: Any, path: str, declared: Any) -> Iterator[Problem]:
    counterparts: Mapping[Any, Any] = back if is_mapping(back) else _state(back)
    if counterparts is not back:
        declared = UNTYPED
    elif declared is not UNTYPED and not _have_same_names(given, back):
        yield Problem(path, _changed(given, back))
    for name, item in given.items():
        if name in counterparts:
            yield from _losses(item, counterparts[name], path + field_step(name), declared)


def _have_same_names(given: Mapping[Any, Any], back: Mapping[Any, Any]) -> bool:
    """True also where the names of the one are in their JSON form."""
    are_alike = {kind_of(name) for name in given} == {kind_of(name) for name in back}
    return len(given) == len(back) and (not are_alike or all(name in back for name in given))


# --- classes ------------------------------------------------------------------------------


def _is_record(kind: Any) -> bool:
    return attrs.has(kind) or dataclasses.is_dataclass(kind) or is_model_class(kind)


def _record_losses(given: Any, back: Any, path: str, declared: Any) -> Iterator[Problem]:
    kind, other = kind_of(given), kind_of(back)
    if are_same_model(given, back):
        return
    if _origin(kind) is not _origin(other):
        if other is not dict or not (declared is UNTYPED or _is_open(declared)):
            yield Problem(path, f"{type_of(given)} comes back as {type_of(back)}; declare {type_of(given)} there")
        return
    types, hidden = _types(kind), _hidden(kind)
    state, other_state = _state(given), _state(back)
    for name in {**other_state, **state}:
        item, counterpart, step = state.get(name, _ABSENT), other_state.get(name, _ABSENT), path + field_step(name)
        problems = _losses(item, counterpart, step, types.get(name, Any))
        if name in hidden:
            if kind_of(item) is not kind_of(counterpart) or any(problems):
                yield Problem(step, hidden[name])
        elif item is _ABSENT or counterpart is _ABSENT:
            yield Problem(step, f"is {'lost' if counterpart is _ABSENT else 'new'} when it is read back; {_READ_BACK}")
        else:
            yield from problems


def are_same_model(given: Any, back: Any) -> bool:
    """What is told by a glance at most pydantic models."""
    kind: Any = kind_of(given)
    return is_model_class(kind) and model_facts(kind).is_compared_by_value and says_equal(given, back) is True


def _origin(kind: Any) -> Any:
    """The class itself; for pydantic's `Box[int]` it is `Box`."""
    return (kind.__pydantic_generic_metadata__["origin"] or kind) if is_model_class(kind) else kind


def _state(value: Any) -> dict[str, Any]:
    """Everything that makes a value of a class what it is, by name."""
    kind = kind_of(value)
    if is_model_class(kind):
        fields = {name: value.__dict__[name] for name in kind.model_fields if name in value.__dict__}
        return {**fields, **(value.__pydantic_extra__ or {}), **(value.__pydantic_private__ or {})}
    return {name: getattr(value, name) for name in _types(kind)}


def _types(kind: Any) -> dict[str, Any]:
    if is_model_class(kind):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    fields: Any = attrs.fields(kind) if attrs.has(kind) else getattr(kind, "__dataclass_fields__", {}).values()
    return {field.name: field.type for field in fields}


def _hidden(kind: Any) -> dict[str, str]:
    """The parts of a pydantic class that are not written, and what to do about each."""
    if not is_model_class(kind):
        return {}
    private = "is a private attribute, which has no JSON form, and would be lost; make it a field"
    excluded = "is excluded from the JSON form, and would be lost; take exclude=True away, or leave it at its default"
    return {
        **dict.fromkeys(kind.__private_attributes__, private),
        **{name: excluded for name, field in kind.model_fields.items() if field.exclude},
    }
