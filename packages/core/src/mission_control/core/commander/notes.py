"""What is recorded with a command, where its sender gives it: the key that is used once, and who asks."""

from __future__ import annotations

from ..definition import checked_name


def checked_key(key: str | None) -> str | None:
    """Return a key, or None for none. Raises `MissionDefinitionError` for what cannot be one."""
    return None if key is None else checked_name(key, subject="key")


def noted(by: str | None, always: str | None) -> str | None:
    """Return who asks, or `always` where nobody is named. Raises `MissionDefinitionError` for what cannot be a note."""
    return always if by is None else checked_name(by, subject="by")
