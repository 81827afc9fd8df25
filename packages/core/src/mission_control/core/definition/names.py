"""What may be a name or an id."""

from __future__ import annotations

import os
import time
import unicodedata
from typing import TypeGuard, TypeVar

from ..errors import MissionDefinitionError
from ..history import START_AT, UNDO
from ..payloads import found

T = TypeVar("T")

LONGEST_NAME = 255

_VOWELS = ("update", "each")

RESERVED = frozenset({"start", START_AT})


def checked_name(name: object, *, subject: str) -> str:
    """Return `name` if it can be stored and read: 1 to 255 characters, no control characters, no surrogates.

    Raises `MissionDefinitionError`, naming `subject`, otherwise.
    """
    if not is_a(name, str):
        raise MissionDefinitionError(f"{subject}: expected a str, found {found(name)}")
    plain = str.__str__(name)
    if not 1 <= len(plain) <= LONGEST_NAME:
        raise MissionDefinitionError(f"{subject}: expected 1 to {LONGEST_NAME} characters, found {len(plain)}")
    if not plain.isprintable():
        _refuse_control_characters(plain, subject)
    return plain


def checked_part(name: object, *, subject: str) -> str:
    """Return `name` if it can be a part of an instance name. Raises `MissionDefinitionError`, naming `subject`."""
    checked = checked_name(name, subject=subject)
    for character in "/[]":
        if character in checked:
            raise MissionDefinitionError(
                f"{subject}: the characters / [ ] say where in a mission something is, and cannot be part of a name, "
                f"found {checked!r}; choose another one"
            )
    if checked.startswith(UNDO):
        raise MissionDefinitionError(
            f"{subject}: {UNDO!r} begins the names of undone steps, found {checked!r}; choose another one"
        )
    return checked


def with_article(what: str) -> str:
    """Return the word for a kind of node, query or update, as in "a step" and "an each"."""
    return f"{'an' if what in _VOWELS else 'a'} {what}"


def node_name(name: object, *, what: str) -> str:
    """Return a name that a node, query or update may bear. Raises `MissionDefinitionError`."""
    checked = checked_part(name, subject=f"the name of {with_article(what)}")
    if checked in RESERVED:
        raise MissionDefinitionError(f"{what} {checked!r}: this name is reserved, choose another one")
    return checked


def _refuse_control_characters(name: str, subject: str) -> None:
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise MissionDefinitionError(
                f"{subject}: control characters and surrogates are not allowed, found {character!r} in {name!r}"
            )


def is_a(value: object, kind: type[T]) -> TypeGuard[T]:
    """True where `value` is of that class by birth: `isinstance` asks the value, which may say anything, or raise."""
    return issubclass(type(value), kind)


def exact_text(text: object, *, subject: str) -> str:
    """Return `text` as a plain str. Raises `TypeError`, naming `subject`, for what is none."""
    if not is_a(text, str):
        raise TypeError(f"{subject}: expected a str, found {found(text)}")
    return str.__str__(text)


def sought(name: object, *, subject: str) -> str:
    """Return a name to look for, as a plain str. Raises `TypeError`, naming `subject`, for what is none.

    What nothing can bear, and storage may not even be able to compare, becomes the empty name: nothing bears that.
    """
    plain = sought_id(name, subject=subject)
    return plain if len(plain) <= LONGEST_NAME else ""


def sought_id(mission_id: object, *, subject: str) -> str:
    """Return the id of a mission to look for likewise; that of a child is as long as it has to be."""
    plain = exact_text(mission_id, subject=subject)
    try:
        plain.encode()
    except UnicodeEncodeError:  # it has surrogates
        return ""
    return plain


def flag(value: object, *, subject: str) -> bool:
    """Return `value` where it is True or False. Raises `TypeError`, naming `subject`, otherwise."""
    if value is True or value is False:
        return value
    raise TypeError(f"{subject}: expected True or False, found {found(value)}")


def new_mission_id() -> str:
    """Return an id that no other has, and that sorts by the time it was made: a UUID of version 7 (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000
    chance = int.from_bytes(os.urandom(10)) >> 6
    value = milliseconds << 80 | 7 << 76 | (chance >> 62) << 64 | 2 << 62 | chance & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
