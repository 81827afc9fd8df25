"""What may be a name or an id."""

from __future__ import annotations

import unicodedata

from .errors import MissionDefinitionError
from .records import START_AT

LONGEST_NAME = 255
RESERVED = frozenset({"start", START_AT})


def checked_name(name: object, *, subject: str) -> str:
    """Return `name` if it can be stored and read: 1 to 255 characters, no control characters, no surrogates.

    Raises `MissionDefinitionError`, naming `subject`, otherwise.
    """
    if not isinstance(name, str):
        raise MissionDefinitionError(f"{subject}: expected a str, found {type(name).__name__}")
    if not 1 <= len(name) <= LONGEST_NAME:
        raise MissionDefinitionError(f"{subject}: expected 1 to {LONGEST_NAME} characters, found {len(name)}")
    if not name.isprintable():
        _refuse_control_characters(name, subject)
    return str.__str__(name)


def _refuse_control_characters(name: str, subject: str) -> None:
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise MissionDefinitionError(
                f"{subject}: control characters and surrogates are not allowed, found {character!r} in {name!r}"
            )
