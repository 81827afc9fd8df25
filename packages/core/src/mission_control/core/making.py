"""What is made for each commit, made in half the time: functions that are written for one class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import attrs

T = TypeVar("T")


def maker(kind: type[T]) -> Callable[..., T]:
    """Return a function that makes a frozen attrs class with slots from a value for each of its fields, in their order.

    A class that is called by keywords has them collected, and each attribute of a frozen one is set by its name; this
    calls the slots themselves. Converters, validators and defaults are not for it, nor `__attrs_post_init__`.
    """
    fields = _fields(kind)
    setters = {f"_set_{name}": getattr(kind, name).__set__ for name in fields}
    body = (f"_set_{name}(made, {name})" for name in fields)
    return _written(kind, ", ".join(fields), body, setters)


def copier(kind: type[T]) -> Callable[[T], T]:
    """Return a function that copies an attrs class with slots that is not frozen."""
    return _written(kind, "it", (f"made.{name} = it.{name}" for name in _fields(kind)), {})


def _fields(kind: type[Any]) -> list[str]:
    return [field.name for field in attrs.fields(kind)]


def _written(kind: type[T], parameters: str, body: Iterable[str], names: dict[str, Any]) -> Callable[..., T]:
    lines = (f"def make({parameters}):", "made = _new(_kind)", *body, "return made")
    names = {"_kind": kind, "_new": object.__new__, **names}  # no field is called so
    exec("\n    ".join(lines), names)
    return cast("Callable[..., T]", names["make"])
