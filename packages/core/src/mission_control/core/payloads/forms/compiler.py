"""From a type to its form: the walk over everything that the type is made of."""

from __future__ import annotations

import re
import types
import typing
from collections import Counter
from collections.abc import Callable
from enum import Enum
from itertools import chain, count
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args

from attrs import evolve
from typing_extensions import TypeAliasType, is_typeddict

from ..issues import found
from ..models import is_model_class
from ..type_names import type_name
from .classes import named_tuple_form, record_form, typed_dict_form
from .containers import LISTS, MAPPINGS, SETS, fixed_tuple_form, list_form, mapping_form, set_form
from .form import OBJECT, Care, FieldShape, Form, JsonSchema, UnsupportedTypeError
from .models import model_form
from .scalars import SCALARS, enum_form, literal_form, scalar_form
from .shapes import is_named_tuple, is_record, origin_of, shape_of
from .unions import union_form

_REFERENCE = "#/$defs/"
_ALIASES: tuple[Any, ...] = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))
_MOST_ALIASES = 1_000


def form_of(annotation: Any) -> tuple[Form, bool]:
    """The form of a type, and whether the type contains itself; `UnsupportedTypeError` if it has none."""
    compiler = _Compiler()
    try:
        form = compiler.form(annotation)
    except RecursionError:
        raise UnsupportedTypeError(f"{type_name(annotation)} is nested too deeply") from None
    schema = compiler.schema(form.schema)
    return form if schema is form.schema else evolve(form, schema=schema), bool(compiler.recursive)


class _Compiler:
    """One walk; it remembers the classes it is inside of, since a class may contain itself."""

    def __init__(self) -> None:
        self._done: dict[Any, Form] = {}
        self._open: dict[Any, Form] = {}
        self._names: set[str] = set()
        self._defs: dict[str, JsonSchema] = {}
        """The JSON Schemas of classes, which others refer to."""
        self.recursive: set[str] = set()
        """What refers to those of classes that contain themselves."""

    def schema(self, schema: JsonSchema) -> JsonSchema:
        """What stands by itself: with all that it refers to."""
        reference = schema.get("$ref", "")
        defs = dict(self._defs)
        if reference and reference not in self.recursive:
            schema = defs.pop(reference.removeprefix(_REFERENCE))
        return {**schema, "$defs": defs} if defs else schema

    def form(self, annotation: Any) -> Form:
        annotation = _bare(annotation)
        if isinstance(annotation, (str, ForwardRef)):
            raise UnsupportedTypeError(f"{type_name(annotation)} is only the text of a type; name the type itself")
        if isinstance(annotation, TypeVar):
            raise UnsupportedTypeError(f"{type_name(annotation)} is a type variable; say which type, as in Box[int]")
        scalar = scalar_form(annotation)
        if scalar is not None:
            return scalar
        origin = origin_of(annotation)
        if origin is Union or origin is types.UnionType:
            return union_form([self.form(member) for member in get_args(annotation)], type_name(annotation))
        if origin is Literal:
            return literal_form(get_args(annotation), type_name(annotation))
        if _is_alias(annotation):
            return self._once(annotation, None, lambda _: self.form(_alias_value(annotation)))
        return self._collection(annotation, origin or annotation) or self._class(annotation, origin or annotation)

    def _collection(self, annotation: Any, origin: Any) -> Form | None:
        name, arguments = type_name(annotation), get_args(annotation)
        if not isinstance(origin, type):
            return None
        if origin is tuple:
            return self._tuple(arguments, name)
        if origin in LISTS:
            return list_form(origin, self._argument(arguments, 0), name)
        if origin in SETS:
            return set_form(origin, self._argument(arguments, 0), name)
        if origin in MAPPINGS:
            return self._mapping(origin, arguments, name)
        return None

    def _mapping(self, origin: Any, arguments: tuple[Any, ...], name: str) -> Form:
        key = self._argument(arguments, 0) if arguments else SCALARS[str]
        value = SCALARS[int] if origin is Counter else self._argument(arguments, 1)
        default = origin_of(arguments[-1]) or arguments[-1] if arguments else None
        return mapping_form(origin, key, value, name, default=default if isinstance(default, type) else None)

    def _argument(self, arguments: tuple[Any, ...], place: int) -> Form:
        return self.form(arguments[place]) if arguments else SCALARS[Any]

    def _tuple(self, arguments: tuple[Any, ...], name: str) -> Form:
        if (not arguments and name != "tuple[()]") or (len(arguments) == 2 and arguments[1] is Ellipsis):
            return list_form(tuple, self._argument(arguments, 0), name)
        return fixed_tuple_form(tuple(self.form(argument) for argument in arguments), name)

    def _class(self, annotation: Any, cls: Any) -> Form:
        name = type_name(annotation)
        if isinstance(cls, type) and issubclass(cls, Enum):
            return enum_form(cls, name)
        if isinstance(cls, type) and is_model_class(cls):
            return self._once(cls, None, lambda unique: model_form(cls, name, self._defs, unique))
        if is_record(cls) or is_typeddict(cls) or is_named_tuple(cls):
            shape = shape_of(annotation)
            return self._once(annotation, shape, lambda _: self._with_fields(annotation, cls, name, shape))
        raise UnsupportedTypeError(
            f"{_full_name(annotation)} has no JSON form; use an attrs class, a dataclass, a pydantic class, "
            "or types such as int and list[str]"
        )

    def _with_fields(self, annotation: Any, cls: Any, name: str, shape: dict[str, FieldShape]) -> Form:
        forms = {field: self._field(name, field, declared) for field, declared in shape.items()}
        if is_typeddict(cls):
            return typed_dict_form(name, shape, forms)
        if is_named_tuple(cls):
            return named_tuple_form(annotation, name, shape, forms)
        return record_form(annotation, name, shape, forms)

    def _field(self, name: str, field: str, declared: FieldShape) -> Form:
        try:
            return self.form(declared.type)
        except UnsupportedTypeError as error:
            raise UnsupportedTypeError(f"{name}.{field}: {error}") from error

    def _once(self, key: Any, shape: Any, build: Callable[[str], Form]) -> Form:
        """Build the form of a class; where it is met again inside itself, a stand-in that uses the finished one."""
        if key in self._done:
            return self._done[key]
        if key in self._open:
            stand_in = self._open[key]
            self.recursive.add(stand_in.schema["$ref"])
            return stand_in
        name, finished = self._def_name(type_name(key)), dict[str, Form]()
        stand_in = self._open[key] = _stand_in(key, shape, {"$ref": _REFERENCE + name}, finished)
        try:
            form = finished["form"] = build(name)
        finally:
            del self._open[key]
        self._defs[name] = form.schema
        self._done[key] = evolve(form, schema=stand_in.schema)
        return self._done[key]

    def _def_name(self, name: str) -> str:
        """A name of its own for a JSON Schema that others refer to, the same in every process."""
        plain = re.sub(r"\W+", "_", name).strip("_")
        numbered = (f"{plain}_{number}" for number in count(2))
        unique = next(name for name in chain([plain], numbered) if name not in self._names)
        self._names.add(unique)
        return unique


def _stand_in(annotation: Any, shape: Any, schema: JsonSchema, finished: dict[str, Form]) -> Form:
    cls = origin_of(annotation) or annotation
    return Form(
        type_name(annotation),
        schema,
        lambda value: finished["form"].encode(value),  # noqa: PLW0108 - there is no finished form yet
        lambda value, _: finished["form"].strict(value, None),
        lambda value, _: finished["form"].lenient(value, None),
        frozenset({OBJECT}),
        typed=(cls,) if is_record(cls) else (),
        shape=shape,
        care=Care.REWRITE,
    )


def _bare(annotation: Any) -> Any:
    """The type below Annotated, NewType and the names for None."""
    while True:
        if annotation is None:
            return type(None)
        if origin_of(annotation) is Annotated:
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            return annotation


def unaliased(annotation: Any) -> Any:
    """The type below aliases, Annotated and NewType."""
    for _ in range(_MOST_ALIASES):
        annotation = _bare(annotation)
        if not _is_alias(annotation):
            return annotation
        annotation = _alias_value(annotation)
    raise UnsupportedTypeError(f"{type_name(annotation)} is an alias of itself")


def _is_alias(annotation: Any) -> bool:
    return isinstance(annotation, _ALIASES) or isinstance(origin_of(annotation), _ALIASES)


def _alias_value(annotation: Any) -> Any:
    origin = origin_of(annotation)
    if origin is None:
        return annotation.__value__
    return origin.__value__[get_args(annotation)]


def _full_name(annotation: Any) -> str:
    if not isinstance(annotation, type):
        return type_name(annotation) if origin_of(annotation) is not None else f"{found(annotation)}, which is no type,"
    name = type_name(annotation)
    return name if annotation.__module__ == "builtins" else f"{annotation.__module__}.{name}"
