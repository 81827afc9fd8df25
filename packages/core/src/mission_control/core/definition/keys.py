"""What decisions are declared to return: the keys of a branch, and the items of an `each`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, Flag
from types import FrameType
from typing import Any, Literal, cast, get_args, get_origin

import attrs

from ..errors import MissionDefinitionError
from ..payloads import (
    PLAIN,
    PayloadType,
    copy_json,
    declared_return,
    encode_json,
    found,
    payload_type,
    return_type,
    type_name,
)
from ..values import Shown
from .constructs import OTHERWISE
from .names import checked_part, is_a

_UNDECLARED: tuple[Any, ...] = (Any, object)


@attrs.frozen(eq=False)
class Key(Shown):
    """A key of a branch, what its path is called, and its JSON text."""

    key: str | bool | Enum
    text: str
    json: str


def checked_keys(keys: Iterable[object], subject: str) -> list[Key]:
    """Return the keys of a branch. Raises `MissionDefinitionError`, naming `subject`, for what cannot be keys."""
    checked: list[Key] = []
    seen: set[str] = set()
    for given in keys:
        key = _key(given, subject)
        if checked and type(key.key) is not type(checked[0].key):
            raise MissionDefinitionError(
                f"{subject}: its keys are of several kinds, {found(checked[0].key)} and {found(given)}; "
                f"let all be str, or all bool, or all members of one Enum"
            )
        if key.json in seen:
            raise MissionDefinitionError(f"{subject}: the key {found(given)} is there twice; name each path once")
        seen.add(key.json)
        checked.append(key)
    return checked


def _key(key: object, subject: str) -> Key:
    if is_a(key, Enum):
        value = payload_type(type(key), subject=f"{subject}, its keys").normalise(key, subject="a key")
        return Key(key, _text(key.name, f"{subject}, key {found(key)}"), encode_json(value))
    if is_a(key, str):
        text = _text(key, f"{subject}, key {found(key)}")
        return Key(text, text, encode_json(text))
    if key is True or key is False:
        return Key(key, encode_json(key), encode_json(key))
    raise MissionDefinitionError(
        f"{subject}: expected keys that are str, bool or members of an Enum, found {found(key)}"
    )


def _text(name: object, subject: str) -> str:
    text = checked_part(name, subject=subject)
    if text == OTHERWISE:
        raise MissionDefinitionError(
            f"{subject}: this is what the path for every other key is called; give that with otherwise=, "
            f"or choose another key"
        )
    return text


def key_type(
    choose: Callable[..., object],
    keys: Sequence[Key],
    *,
    has_otherwise: bool,
    frame: FrameType | None,
    subject: str,
) -> PayloadType:
    """Return the type of what `choose` returns, which the keys must cover where it says what that can be.

    Raises `MissionDefinitionError`, naming `subject`, where they do not.
    """
    declared = declared_return(choose, caller=frame, subject=subject)
    if any(declared is nothing for nothing in _UNDECLARED):
        return _undeclared(keys[0].key, has_otherwise, subject)
    _check_cover(_possible(declared), keys, has_otherwise, subject)
    return return_type(choose, caller=frame, subject=subject)


def _undeclared(key: object, has_otherwise: bool, subject: str) -> PayloadType:
    """Return what keys are restored to where nothing is declared: members of their Enum."""
    if not isinstance(key, Enum):
        return PLAIN
    members = payload_type(type(key), subject=subject)
    return _members_or_plain(type(key), members) if has_otherwise else members


def _members_or_plain(kind: type[Enum], members: PayloadType) -> PayloadType:
    """Return the type of members of an Enum, and of what else a branch with an otherwise may be given."""

    def accept(value: object) -> Any:
        return (members if is_a(value, kind) else PLAIN).normalise(value, subject="a key")

    def restore(value: Any) -> Any:
        return members.restore(value, subject="a key") if members.reads(value) else copy_json(value)

    return PayloadType(members.description, accept, restore)


def _possible(declared: Any) -> tuple[object, ...]:
    """Return all that a return annotation allows, where it says so; nothing otherwise."""
    if declared is bool:
        return True, False
    if get_origin(declared) is Literal:
        return get_args(declared)
    if is_a(declared, type) and issubclass(declared, Enum) and not issubclass(declared, Flag):
        return tuple(cast("Iterable[Enum]", declared))
    return ()


def _check_cover(possible: Sequence[object], keys: Sequence[Key], has_otherwise: bool, subject: str) -> None:
    if not possible:
        return
    returned = {(type(value), value): value for value in possible}
    given = {(type(key.key), key.key): key.key for key in keys}
    strange = [value for key, value in given.items() if key not in returned]
    if strange:
        raise MissionDefinitionError(
            f"{subject}: there is a path for {_listed(strange)}, which is never chosen: what chooses is declared to "
            f"return {_listed(possible)}; correct the key or the annotation"
        )
    missing = [value for key, value in returned.items() if key not in given]
    if missing and not has_otherwise:
        raise MissionDefinitionError(
            f"{subject}: there is no path for {_listed(missing)}, which may be chosen; give it one, or give "
            f"otherwise=m.path() for all that have none"
        )


def _listed(values: Iterable[object]) -> str:
    return ", ".join(found(value) for value in values)


def item_type(items: Callable[..., object], *, frame: FrameType | None, subject: str) -> PayloadType:
    """Return the type of one of the items that code lists. Raises `MissionDefinitionError`, naming `subject`."""
    declared = declared_return(items, caller=frame, subject=subject)
    if any(declared is nothing for nothing in _UNDECLARED):
        return PLAIN
    origin, arguments = get_origin(declared) or declared, get_args(declared)
    is_list = origin is list or origin is Sequence
    if (is_list and len(arguments) == 1) or (origin is tuple and arguments[1:] == (...,)):
        return payload_type(arguments[0], subject=subject)
    if (is_list or origin is tuple) and not arguments:
        return PLAIN
    raise MissionDefinitionError(
        f"{subject}: what lists the items is declared to return {type_name(declared)}; declare a list, as in list[str] "
        f"(Sequence[str] and tuple[str, ...] are understood as well), or nothing"
    )
