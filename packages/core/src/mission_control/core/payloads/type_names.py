"""The readable, stable name of a type: the same in every process, without modules and addresses."""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from .json_values import kind_of


def type_name(annotation: Any) -> str:
    """Name a type as it is written: `Request`, `list[str]`, `int | None`, `any` for what is not declared."""
    if annotation is Any or annotation is object:
        return "any"
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, (str, ForwardRef)):
        return repr(annotation if isinstance(annotation, str) else annotation.__forward_arg__)
    origin: Any = get_origin(annotation)
    return _class_name(annotation) if origin is None else _generic_name(annotation, origin)


def _generic_name(annotation: Any, origin: Any) -> str:
    arguments = get_args(annotation)
    if origin is Annotated:
        return type_name(annotation.__origin__)
    if origin is Union or origin is types.UnionType:
        return " | ".join(type_name(member) for member in arguments)
    if origin is Literal:
        return f"Literal[{', '.join(_literal_name(value) for value in arguments)}]"
    if not arguments:
        return f"{_class_name(origin)}[()]" if annotation == tuple[()] else _class_name(origin)
    return f"{_class_name(origin)}[{', '.join(_argument_name(argument) for argument in arguments)}]"


def _argument_name(argument: Any) -> str:
    if kind_of(argument) is list:  # the parameters of a Callable
        return f"[{', '.join(map(type_name, argument))}]"
    return type_name(argument)


def _literal_name(value: Any) -> str:
    return f"{_class_name(type(value))}.{value.name}" if isinstance(value, Enum) else repr(value)


def _class_name(cls: Any) -> str:
    if isinstance(cls, TypeVar):
        return cls.__name__
    name = getattr(cls, "__qualname__", None) or getattr(cls, "__name__", None) or type(cls).__name__
    return str(name).rsplit("<locals>.", 1)[-1]
