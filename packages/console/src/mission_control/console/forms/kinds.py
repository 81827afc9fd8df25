"""The kinds of JSON value: what people call them, and what is one, so that checkers follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

KIND_NAMES: Mapping[str, str] = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
"""What people call the types of JSON Schema."""


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether a JSON value is an object."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether a JSON value is a list."""
    return isinstance(value, list)
