"""The fields of a class as they are declared: names, types with their type variables filled in, which are required."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Generic, NotRequired, Protocol, Required, TypeVar, get_args, get_origin, get_type_hints

import attrs
from typing_extensions import ReadOnly, is_typeddict

from ..json_values import kind_of
from .form import FieldShape, UnsupportedTypeError

TypeVars = Mapping[Any, Any]


def origin_of(annotation: Any) -> Any:
    """`typing.get_origin`, whose own type is of no use."""
    return get_origin(annotation)


def is_record(cls: Any) -> bool:
    """Whether a class is an attrs class or a dataclass."""
    return isinstance(cls, type) and (attrs.has(cls) or dataclasses.is_dataclass(cls))


def is_named_tuple(cls: Any) -> bool:
    """Whether a class is a NamedTuple, typed or not."""
    return isinstance(cls, type) and hasattr(cls, "_fields") and issubclass(cls, tuple)


def shape_of(cls: Any) -> dict[str, FieldShape]:
    """The fields of an attrs class, a dataclass, a TypedDict or a NamedTuple, in order; `Box[int]` is understood."""
    origin = origin_of(cls) or cls
    variables = _type_variables(cls)
    declared = _declared(origin)
    return {name: FieldShape(_fill_in(field.type, variables), field.required) for name, field in declared.items()}


def _declared(cls: Any) -> dict[str, FieldShape]:
    try:
        if is_typeddict(cls):
            return _typed_dict_fields(cls)
        if is_named_tuple(cls):
            return _named_tuple_fields(cls)
        if attrs.has(cls):
            return _attrs_fields(cls)
        return _dataclass_fields(cls)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise UnsupportedTypeError(
            f"the annotations of {cls.__qualname__} do not resolve ({error}); "
            "define or import what they name where the class is defined, at run time"
        ) from error


def _attrs_fields(cls: Any) -> dict[str, FieldShape]:
    attrs.resolve_types(cls)
    return {
        field.name: FieldShape(_without_final(field.type, field.default), field.init and field.default is attrs.NOTHING)
        for field in attrs.fields(cls)
    }


def _dataclass_fields(cls: Any) -> dict[str, FieldShape]:
    hints = get_type_hints(cls, include_extras=True)
    fields: dict[str, FieldShape] = {}
    for name, hint in hints.items():
        if isinstance(hint, dataclasses.InitVar) and not hasattr(cls, name):
            raise UnsupportedTypeError(f"{cls.__qualname__}.{name} is an InitVar, which is not kept; give it a default")
    for field in dataclasses.fields(cls):
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        fields[field.name] = FieldShape(_without_final(hints[field.name], field.default), field.init and not optional)
    return fields


def _typed_dict_fields(cls: Any) -> dict[str, FieldShape]:
    fields: dict[str, FieldShape] = {}
    for name, annotation in get_type_hints(cls, include_extras=True).items():
        hint, required = annotation, name in cls.__required_keys__
        while origin_of(hint) in (Required, NotRequired, ReadOnly):
            required = required if origin_of(hint) is ReadOnly else origin_of(hint) is Required
            (hint,) = get_args(hint)
        fields[name] = FieldShape(hint, required)
    return fields


def _named_tuple_fields(cls: Any) -> dict[str, FieldShape]:
    hints = get_type_hints(cls, include_extras=True)
    return {name: FieldShape(hints.get(name, Any), name not in cls._field_defaults) for name in cls._fields}


def _without_final(annotation: Any, default: Any) -> Any:
    if annotation is None:
        return Any
    if annotation is Final:
        return Any if default is attrs.NOTHING or default is dataclasses.MISSING else kind_of(default)
    return get_args(annotation)[0] if origin_of(annotation) is Final else annotation


# --- generic classes ----------------------------------------------------------------------


def _type_variables(cls: Any) -> TypeVars:
    """What the type variables of a class and of its generic bases stand for."""
    origin = origin_of(cls) or cls
    parameters = getattr(origin, "__parameters__", ())
    variables: dict[Any, Any] = dict(zip(parameters, get_args(cls), strict=False))
    for base in getattr(origin, "__orig_bases__", ()):
        if origin_of(base) not in (None, Generic, Protocol):
            inherited = _type_variables(_fill_in(base, variables))
            variables = {**inherited, **variables}
    return variables


def _fill_in(annotation: Any, variables: TypeVars) -> Any:
    if isinstance(annotation, TypeVar):
        return variables.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ()) if origin_of(annotation) is not None else ()
    if not parameters or not variables:
        return annotation
    return annotation[tuple(variables.get(parameter, parameter) for parameter in parameters)]
