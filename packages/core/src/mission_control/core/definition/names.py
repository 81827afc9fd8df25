"""What may be a name or an id."""

from __future__ import annotations

import os
import time
import unicodedata
from typing import TypeGuard, TypeVar

from ..errors import MissionDefinitionError
from ..history import START_AT
from ..payloads import found

T = TypeVar("T")

LONGEST_NAME = 255

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
    """Return an id or a name to look for, as a plain str. Raises `TypeError`, naming `subject`, for what is none.

    What nothing can bear, and storage may not even be able to compare, becomes the empty name: nothing bears that.
    """
    plain = exact_text(name, subject=subject)
    is_borne = len(plain) <= LONGEST_NAME and not any("\ud800" <= character <= "\udfff" for character in plain)
    return plain if is_borne else ""


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
