"""What a form says of its fields: their labels, how much or how long a value may be, and the texts of choices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .kinds import KIND_NAMES
from .naming import Steps
from .schemas import JsonSchema, choices_of


def texts_for(choices: Sequence[Any]) -> tuple[str, ...]:
    """Return a text for each choice: its own, or its JSON where two would be alike."""
    texts = tuple(choice if isinstance(choice, str) else json.dumps(choice) for choice in choices)
    return texts if len(set(texts)) == len(texts) else tuple(json.dumps(choice) for choice in choices)


def label_of(steps: Steps) -> str:
    """Return a field's own name as words, an item's as its number from 1."""
    if not steps:
        return "Value"
    step = steps[-1]
    if isinstance(step, int):
        return f"{step + 1}"
    words = step.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] if words else step


def help_for(schema: JsonSchema) -> str:
    """Return what a schema says of its value: its description, and its limits."""
    description: object = schema.get("description")
    parts = [description.strip()] if isinstance(description, str) and description.strip() else []
    return "; ".join([*parts, *_limits(schema)])


def help_for_either(members: Sequence[JsonSchema]) -> str:
    """Return what a value may be that is one of several kinds."""
    names = [str(member.get("title") or KIND_NAMES.get(str(member.get("type")), "")) for member in members]
    listed = [help_for(members[0])] if members and "description" in members[0] else []
    return "; ".join([*listed, f"{' or '.join(dict.fromkeys(names))}, as JSON"] if all(names) and names else listed)


def _limits(schema: JsonSchema) -> list[str]:
    """Return what is said of how much or how long a value may be."""
    limits = [
        _span(schema.get("minimum"), schema.get("maximum"), ""),
        _span(schema.get("minLength"), schema.get("maxLength"), " characters"),
        _span(schema.get("minItems"), schema.get("maxItems"), " items") if "prefixItems" not in schema else "",
    ]
    if "exclusiveMinimum" in schema:
        limits.append(f"more than {schema['exclusiveMinimum']}")
    if "exclusiveMaximum" in schema:
        limits.append(f"less than {schema['exclusiveMaximum']}")
    if schema.get("contentEncoding") == "base64":
        limits.append("base64")
    if schema.get("type") == "object" and choices_of(schema) is None and not schema.get("properties"):
        limits.append("a JSON object")
    return [limit for limit in limits if limit]


def _span(fewest: object, most: object, unit: str) -> str:
    if fewest is not None and most is not None:
        return f"{fewest} to {most}{unit}"
    if fewest is not None:
        return f"{fewest} or more{unit}"
    return "" if most is None else f"up to {most}{unit}"
