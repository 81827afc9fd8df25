"""Instants, users' texts and lists of names as they are shown on a line of their own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..readable import encodable, shorten


def shown_time(instant: datetime) -> str:
    """Return an instant in UTC, to the millisecond."""
    return instant.strftime("%Y-%m-%d %H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def shown_text(text: str, width: int | None) -> str:
    """Return a text that stays on its line, cut to `width` characters where that is not None."""
    text = " ".join("".join(c if c.isprintable() else " " for c in encodable(text)).split())
    return text if width is None else shorten(text, width)


def shown_names(names: Iterable[str], width: int | None) -> str:
    """Return names beside one another, as `shown_text` shows them."""
    return shown_text(", ".join(names), width)
