"""What is made for each commit, made in half the time: functions that are written for one class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import attrs

T = TypeVar("T")


def maker(kind: type[T]) -> Callable[..., T]:
    """Return a function that makes a frozen attrs class with slots from a value for each of its fields, in their order.

    A class that is called by keywords has them collected, and each attribute of a frozen one is set by its name; this
    fills an object of a class that is not frozen, and changes its class then. Converters, validators and defaults are
    not for it, nor `__attrs_post_init__`.
    """
    fields = _fields(kind)
    body = (*(f"made.{name} = {name}" for name in fields), "made.__class__ = _frozen")
    return _written(_thawed(kind), ", ".join(fields), body, {"_frozen": kind})


def copier(kind: type[T]) -> Callable[[T], T]:
    """Return a function that copies an attrs class with slots that is not frozen."""
    return _written(kind, "it", (f"made.{name} = it.{name}" for name in _fields(kind)), {})


def _thawed(kind: type[T]) -> type[T]:
    """Return a class that is not frozen, whose objects can become those of `kind`: they are laid out alike."""
    # Both of them: where one is not Python's own, it calls a function for each attribute that is set.
    names = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return cast("type[T]", type(kind.__name__, (kind,), names))


def _fields(kind: type[Any]) -> list[str]:
    return [field.name for field in attrs.fields(kind)]


def _written(kind: type[T], parameters: str, body: Iterable[str], names: dict[str, Any]) -> Callable[..., T]:
    lines = (f"def make({parameters}):", "made = _new(_kind)", *body, "return made")
    names = {"_kind": kind, "_new": object.__new__, **names}  # no field is called so
    exec("\n    ".join(lines), names)
    return cast("Callable[..., T]", names["make"])
