"""JSON Schemas as forms read them: what they refer to put in place, and what may be null told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from mission_control.core.values import Shown

from .kinds import is_list, is_object

JsonSchema: TypeAlias = Mapping[str, Any]

_NULL: JsonSchema = {"type": "null"}
_MOST_STEPS = 100
"""How many schemas may refer to each other, or say no more than another, before nobody looks any further."""


@attrs.frozen(eq=False)
class Seen(Shown):
    """One schema of a document, as far as a form can follow it.

    `members` are the schemas that a value may fit, those for null left out; `refers` are the names that led here.
    """

    members: tuple[JsonSchema, ...]
    is_nullable: bool
    refers: frozenset[str]


def seen(schema: object, root: JsonSchema, refers: frozenset[str] = frozenset()) -> Seen | None:
    """Return what a schema means; None for one that refers to itself, to nothing, or that is none."""
    members: list[JsonSchema] = []
    is_nullable = False
    left: list[object] = [schema]
    for _ in range(_MOST_STEPS):
        if not left:
            return Seen(tuple(members), is_nullable, refers)
        one = _mapping(left.pop(0))
        if one is None:
            return None
        if "$ref" in one:
            reference = str(one["$ref"])
            target = None if reference in refers else _referred(reference, root)
            if target is None:
                return None
            refers |= {reference}
            left.insert(0, {**target, **_without(one, "$ref")})
        elif _alternatives(one) is not None:
            said = {key: one[key] for key in ("description", "default") if key in one}
            left[:0] = [None if part is None else {**part, **said} for part in map(_mapping, _alternatives(one) or ())]
        elif one.get("type") == "null":
            is_nullable = True
        else:
            may_be_null, rest = _without_null(one)
            is_nullable = is_nullable or may_be_null
            members.append(rest)
    return None


def _mapping(schema: object) -> JsonSchema | None:
    if schema is True:
        return {}
    return schema if is_object(schema) else None


def _alternatives(schema: JsonSchema) -> list[object] | None:
    for key in ("anyOf", "oneOf"):
        listed = schema.get(key)
        if is_list(listed) and listed:
            return listed
    parts = schema.get("allOf")
    if not is_list(parts) or len(parts) != 1:
        return None
    part = _mapping(parts[0])
    return [None if part is None else {**part, **_without(schema, "allOf")}]


def _referred(reference: str, root: JsonSchema) -> JsonSchema | None:
    """Return what a reference within the document refers to."""
    if not reference.startswith("#"):
        return None
    found: object = root
    for step in reference.removeprefix("#").removeprefix("/").split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if is_object(found) else None
    return _mapping(found)


def _without(schema: JsonSchema, key: str) -> JsonSchema:
    return {name: part for name, part in schema.items() if name != key}


def _without_null(schema: JsonSchema) -> tuple[bool, JsonSchema]:
    """Return whether a value may be null, and the schema for all others."""
    kinds, choices = schema.get("type"), choices_of(schema)
    if choices is not None and None in choices:
        return True, {**_without(schema, "const"), "enum": [choice for choice in choices if choice is not None]}
    if is_list(kinds):
        others = [name for name in kinds if name != "null"]
        return "null" in kinds, {**schema, "type": others[0] if len(others) == 1 else others}
    return False, schema


def choices_of(schema: JsonSchema) -> list[Any] | None:
    """Return the values that a schema lists; None where it lists none."""
    if "const" in schema:
        return [schema["const"]]
    listed = schema.get("enum")
    return listed if is_list(listed) else None


def merged_choices(members: Iterable[JsonSchema]) -> list[Any] | None:
    """Return the values that several schemas list between them; None where one of them lists none."""
    listed = [choices_of(member) for member in members]
    if not listed or any(choices is None for choices in listed):
        return None
    return [choice for choices in listed for choice in choices or ()]
