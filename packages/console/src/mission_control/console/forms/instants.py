"""Dates, times and other texts of a form of their own, as strictly as core reads them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from mission_control.core.payloads import PayloadType, payload_type

_EXAMPLES: Mapping[str, str] = {
    "date": "a date, as 2026-01-31",
    "date-time": "a date and time, as 2026-01-31T09:30+01:00",
    "time": "a time, as 09:30",
    "uuid": "a UUID, as 018f6d5e-0c4b-7cc3-9d2a-5e0b6f1a2c3d",
}

FORMATS = tuple(_EXAMPLES)
"""The formats of JSON Schema that are checked."""


@cache
def _types() -> Mapping[str, PayloadType]:
    from datetime import date, datetime, time
    from uuid import UUID

    kinds = {"date": date, "date-time": datetime, "time": time, "uuid": UUID}
    return {name: payload_type(kind, subject=name) for name, kind in kinds.items()}


def is_of(form: str, text: str) -> bool:
    """Return whether core reads a text as that format of JSON Schema."""
    return _types()[form].reads(text)


def expected(form: str) -> str:
    """Return what a text of that format is, for a message."""
    return f"expected {_EXAMPLES[form]}"


def instant_text(form: str, text: str) -> str:
    """Return a text of that format. Raises `ValueError`, with the message for a person, for another one."""
    if is_of(form, text):
        return text
    raise ValueError(f"{expected(form)}, found {text!r}")
