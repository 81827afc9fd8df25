"""The forms of classes: attrs classes and dataclasses through cattrs, TypedDicts, NamedTuples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..issues import MisfitError, Problem, below, expected, field_step
from ..json_values import exact_name, is_mapping, kind_of
from .containers import fixed_tuple_form
from .form import OBJECT, Care, Decode, Encode, FieldShape, Form, most_care
from .shapes import origin_of

Shape = Mapping[str, FieldShape]
Forms = Mapping[str, Form]


def record_form(cls: Any, name: str, shape: Shape, forms: Forms) -> Form:
    """An attrs class or dataclass is written as an object of its attributes' names."""
    origin = origin_of(cls) or cls
    return Form(
        name,
        _encode_record(cls, origin, forms),
        _decode_record(cls, name, forms, strict=True),
        _decode_record(cls, name, forms, strict=False),
        frozenset({OBJECT}),
        typed=(origin,),
        shape=shape,
        care=max(Care.REWRITE, most_care(forms.values())),
    )


def typed_dict_form(name: str, shape: Shape, forms: Forms) -> Form:
    """A TypedDict is written as it is, its fields by their types."""
    encoders = {field: form.encode for field, form in forms.items()}
    return Form(
        name,
        lambda value: _encode_fields(value, encoders),
        _decode_typed_dict(name, shape, {field: form.strict for field, form in forms.items()}, strict=True),
        _decode_typed_dict(name, shape, {field: form.lenient for field, form in forms.items()}, strict=False),
        frozenset({OBJECT}),
        shape=shape,
        care=most_care(forms.values()),
    )


def named_tuple_form(cls: Any, name: str, shape: Shape, forms: Forms) -> Form:
    """A NamedTuple is written as a list."""
    required = sum(field.required for field in shape.values())
    origin = origin_of(cls) or cls
    return fixed_tuple_form(
        tuple(forms.values()), name, typed=origin, build=lambda items: origin(*items), required=required
    )


# --- attrs classes and dataclasses --------------------------------------------------------


def _encode_record(cls: Any, origin: Any, forms: Forms) -> Encode:
    import cattrs.gen

    # cattrs' signatures leave parts untyped, and take the fields' overrides and their own options as keywords alike.
    gen: Any = cattrs.gen
    overrides = {field: gen.override(unstruct_hook=form.encode) for field, form in forms.items()}
    encode_instance = gen.make_dict_unstructure_fn(
        cls, cattrs.Converter(), _cattrs_include_init_false=True, _cattrs_use_linecache=False, **overrides
    )
    encoders = {field: form.encode for field, form in forms.items()}

    def encode(value: Any) -> Any:
        if type(value) is origin:
            return encode_instance(value)
        return _encode_fields(value, encoders)

    return encode


def _encode_fields(value: Any, encoders: Mapping[str, Encode]) -> Any:
    if not is_mapping(value):
        return value
    return {exact_name(field): encoders[field](item) if field in encoders else item for field, item in value.items()}


def _decode_record(cls: Any, name: str, forms: Forms, *, strict: bool) -> Decode:
    import cattrs.gen

    gen: Any = cattrs.gen  # as above
    decoders = {field: form.strict if strict else form.lenient for field, form in forms.items()}
    late = {field.name: decoders[field.name] for field in _fields(cls) if not field.init}
    overrides = {
        field: gen.override(omit=True) if field in late else gen.override(struct_hook=decoders[field])
        for field in forms
    }
    decode_fields = gen.make_dict_structure_fn(
        cls,
        cattrs.Converter(detailed_validation=True),
        _cattrs_forbid_extra_keys=strict,
        _cattrs_use_linecache=False,
        **overrides,
    )

    def decode(value: Any, _: Any) -> Any:
        if kind_of(value) is not dict:
            raise expected(f"{name} (an object)", value)
        return decode_fields(value, cls)

    return _and_late_fields(decode, late) if late else decode


def _and_late_fields(decode: Decode, late: Mapping[str, Decode]) -> Decode:
    """Set the fields that are no parameters of `__init__` afterwards, also where the class is frozen."""

    def decode_all(value: Any, _: Any) -> Any:
        if kind_of(value) is not dict:
            return decode(value, None)
        instance = decode({field: item for field, item in value.items() if field not in late}, None)
        problems: list[Problem] = []
        for field in value.keys() & late.keys():
            try:
                object.__setattr__(instance, field, late[field](value[field], None))
            except Exception as error:  # what a field's own code raises is a problem of this field
                problems += below(field_step(field), error)
        if problems:
            raise MisfitError(problems)
        return instance

    return decode_all


def _fields(cls: Any) -> Any:
    origin = origin_of(cls) or cls
    return attrs.fields(origin) if attrs.has(origin) else origin.__dataclass_fields__.values()


# --- TypedDict ----------------------------------------------------------------------------


def _decode_typed_dict(name: str, shape: Shape, decoders: Mapping[str, Decode], *, strict: bool) -> Decode:
    required = [field for field, declared in shape.items() if declared.required]

    def decode(value: Any, _: Any) -> Any:
        if kind_of(value) is not dict:
            raise expected(f"{name} (an object)", value)
        fields: dict[str, Any] = {}
        missing = [field for field in required if field not in value]
        problems = [Problem(field_step(field), "required field missing") for field in missing]
        for field, item in value.items():
            try:
                if field in decoders:
                    fields[field] = decoders[field](item, None)
                elif strict:
                    problems.append(Problem(field_step(field), "unknown field"))
            except Exception as error:  # what a field's own code raises is a problem of this field
                problems += below(field_step(field), error)
        if problems:
            raise MisfitError(problems)
        return fields

    return decode
