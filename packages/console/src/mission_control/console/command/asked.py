"""What a person is asked, and what led there, in the few words that fit into lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mission_control.core import MissionInspection

from ..forms import FieldKind, fields_of
from .tables import Column, table


def asked(schema: Mapping[str, Any] | None) -> str:
    """Return what a payload of this JSON Schema is, in a few words; nothing where anything goes."""
    if schema is None:
        return ""
    form = fields_of(schema)
    if form.kind == "object":
        return ", ".join(field.name for field in form.children)
    return " or ".join(form.choices) or _KINDS.get(form.kind, "")


_KINDS: Mapping[FieldKind, str] = {
    "text": "a text",
    "long text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "date": "a date",
    "datetime": "a date and time",
    "time": "a time",
    "list": "a list",
}


_LATELY = 5
"""How many outputs and payloads are shown of what came last."""


def led_here(inspection: MissionInspection, *, width: int | None) -> Iterator[str]:
    """Yield a line for what a mission was given, and for each of the last things that came of it."""
    told = [
        (record.event_name or "input", json.dumps(record.details[name], ensure_ascii=False))
        for record in inspection.history
        for name in ("input", "output", "payload")
        if record.details.get(name) is not None
    ]
    return table((Column("so far"), Column("")), [*told[:1], *told[1:][-_LATELY:]], width=width)
