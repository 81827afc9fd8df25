"""What is handed in, checked before anything else is done about it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, cast

from ..definition import is_a
from ..engine import checked_instant
from ..payloads import found


def checked_if_exists(if_exists: Literal["raise", "return"]) -> Literal["raise", "return"]:
    """Return what to do where the id is in use. Raises `ValueError` for what is neither."""
    if type(cast("object", if_exists)) is not str or if_exists not in ("raise", "return"):
        raise ValueError(f'if_exists: expected "raise" or "return", found {found(if_exists)}')
    return if_exists


def checked_start_at(start_at: datetime | None) -> datetime | None:
    """Return an instant in UTC. Raises `ValueError` for a naive one, and for one that is none there."""
    return None if start_at is None else checked_instant(start_at, subject="start_at")


def check_has(value: object, method: str, expected: str) -> None:
    """Raise `TypeError` for what cannot be what is expected: an adapter's class, say, instead of an adapter."""
    try:
        fits = value is None or (not is_a(value, type) and callable(getattr(value, method, None)))
    except Exception:  # it may do anything when it is asked
        fits = False
    if not fits:
        raise TypeError(f"{expected}, found {found(value)}")
