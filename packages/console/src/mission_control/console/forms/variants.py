"""Objects of several classes, told apart by a field that has other values in each: one form for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import attrs

from mission_control.core.values import Value

from .kinds import is_list, is_object
from .schemas import JsonSchema, choices_of


@attrs.frozen(kw_only=True)
class Variant(Value):
    """One of the classes that an object may be of: which texts of the tag choose it, and which fields it has."""

    tag: str
    choices: tuple[str, ...]
    names: frozenset[str]
    required: frozenset[str]


def tag_of(members: Sequence[JsonSchema]) -> str | None:
    """Return the field that tells objects apart; None where no field does, or where not all are objects."""
    properties = [member.get("properties") for member in members if member.get("type") == "object"]
    if len(properties) != len(members) or not all(map(is_object, properties)):
        return None
    return next((name for name in properties[0] or () if _tells_apart(name, members)), None)


def _tells_apart(name: str, members: Sequence[JsonSchema]) -> bool:
    listed = [tags_of(member, name) for member in members]
    everything = list(chain.from_iterable(listed))
    return all(listed) and len(set(map(repr, everything))) == len(everything)


def tags_of(member: JsonSchema, name: str) -> list[object]:
    """Return the values that a field must have one of in a class; none where it need not be there, or may be others."""
    required, field = member.get("required"), member["properties"].get(name)
    if not is_list(required) or name not in required or not is_object(field):
        return []
    return choices_of(field) or []
