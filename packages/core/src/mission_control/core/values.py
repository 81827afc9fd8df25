"""Classes that share what attrs would compile for each of them on import: how they are shown, compared and hashed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import eq
from reprlib import recursive_repr
from typing import Any, ClassVar, cast

import attrs


class Shown:
    """The base of attrs classes that are shown as attrs would show them.

    attrs writes no method that it finds in a class itself, and does not look at the bases: so each class is given what
    it shares with all others.
    """

    __slots__ = ()

    _shared: ClassVar[tuple[str, ...]] = ("__repr__",)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in cls._shared:
            if name not in vars(cls):
                setattr(cls, name, getattr(cls, name))

    @recursive_repr()
    def __repr__(self) -> str:
        shown = (f"{field.name}={_text(field, getattr(self, field.name))}" for field in _fields(self) if field.repr)
        return f"{type(self).__qualname__.rpartition('>.')[2]}({', '.join(shown)})"


class Value(Shown):
    """The base of frozen attrs classes that are equal, and have one hash, where class and fields are equal."""

    __slots__ = ()

    _shared: ClassVar[tuple[str, ...]] = ("__repr__", "__eq__", "__hash__")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(map(eq, _compared(self), _compared(other)))

    def __hash__(self) -> int:
        return hash((type(self), *_compared(self)))


def _fields(value: object) -> Iterable[Any]:
    return cast("Iterable[Any]", attrs.fields(cast("Any", type(value))))


def _text(field: Any, value: object) -> object:
    return field.repr(value) if callable(field.repr) else repr(value)


def _compared(value: object) -> Iterator[object]:
    for field in _fields(value):
        if field.eq:
            found = getattr(value, field.name)
            yield field.eq_key(found) if field.eq_key else found
