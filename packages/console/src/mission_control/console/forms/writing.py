"""A value as the texts that would have been filled in for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mission_control.core.readable import encodable

from .fields import Field, fields_of
from .kinds import is_list, is_object


def texts_of(schema: Mapping[str, Any] | None, value: Any) -> dict[str, str]:
    """Return what `value_of` reads the value from, by the names of the fields.

    Null, and an empty text or list, are as if nothing was entered. Where a value does not fit the form, what is around
    it is given as JSON under its own name.
    """
    field = fields_of(schema)
    texts = _texts(field, value)
    return {field.name: _json(value)} if texts is None else texts


def _texts(field: Field, value: Any) -> dict[str, str] | None:
    """Return the texts for a field; None where it cannot be entered there."""
    if value is None and (field.is_nullable or not field.is_required):
        return {}
    if field.kind == "object":
        return _object(field, value)
    if field.kind == "list":
        return _list(field, value)
    text = _text(field, value)
    return None if text is None else {field.name: text}


def _object(field: Field, value: Any) -> dict[str, str] | None:
    known = {child.steps[-1]: child for child in field.children}
    entries: Mapping[Any, Any]
    if is_list(value) and 0 in known:
        entries = dict(enumerate(value))
    elif is_object(value) and 0 not in known:
        entries = value
    else:
        return None
    if entries.keys() - known.keys():
        return None
    return _inside((known[name], inner) for name, inner in entries.items())


def _list(field: Field, value: Any) -> dict[str, str] | None:
    if not is_list(value):
        return None
    texts: dict[str, str] = {}
    for index, inner in enumerate(value):
        item = field.item(index)
        found = _inside([(item, inner)])
        if found is None:
            return None
        texts |= found or {item.name: "" if inner is None else _json(inner)}  # it has its place
    return texts


def _inside(entries: Iterable[tuple[Field, Any]]) -> dict[str, str] | None:
    """Return the texts for several fields; None where a value cannot be entered in one that has no other way."""
    texts: dict[str, str] = {}
    for child, inner in entries:
        found = _texts(child, inner)
        if found is None and not child.is_group:
            return None
        texts |= {child.name: _json(inner)} if found is None else found
    return texts


def _text(field: Field, value: Any) -> str | None:
    match field.kind:
        case "choice":
            choices = zip(field.choices, field.values, strict=True)
            return next((text for text, known in choices if known == value and type(known) is type(value)), None)
        case "boolean":
            return {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else None
        case "integer":
            return str(value) if type(value) is int else None
        case "number":
            return _json(value) if type(value) in (int, float, str) else None
        case "json":
            return _json(value)
        case _:
            return encodable(value) if isinstance(value, str) else None


def _json(value: Any) -> str:
    return encodable(json.dumps(value, ensure_ascii=False))
