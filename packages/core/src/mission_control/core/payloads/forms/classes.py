"""The forms of classes: attrs classes and dataclasses through cattrs, TypedDicts, NamedTuples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic

import attrs
from attrs import evolve

from ..issues import Problem, expected, field_step, misfit
from ..json_values import exact_name, is_mapping, kind_of
from .containers import fixed_tuple_form
from .form import Care, Decode, Encode, FieldShape, Form, JsonSchema, decode_parts, most_care
from .shapes import origin_of

Shape = Mapping[str, FieldShape]
Forms = Mapping[str, Form]


def record_form(cls: Any, name: str, shape: Shape, forms: Forms) -> Form:
    """An attrs class or dataclass is written as an object of its attributes' names."""
    origin = origin_of(cls) or cls
    strict = _decode_record(cls, name, {field: form.strict for field, form in forms.items()}, forbid_unknown=True)
    lenient = _decode_record(cls, name, {field: form.lenient for field, form in forms.items()}, forbid_unknown=False)
    encode = _encode_record(cls, origin, forms)
    care = most_care(forms.values(), Care.REWRITE if _is_plain(origin) else Care.CONVERTED)
    return Form(name, _schema(name, shape, forms), encode, strict, lenient, typed=(origin,), shape=shape, care=care)


def typed_dict_form(name: str, shape: Shape, forms: Forms) -> Form:
    """A TypedDict is written as it is, its fields by their types.

    cattrs reads it as a copy that keeps unknown fields, and so not as it is needed here.
    """
    encoders = {field: form.encode for field, form in forms.items()}
    required = [field for field, declared in shape.items() if declared.required]

    def reader(decoders: Mapping[str, Decode], *, forbid_unknown: bool) -> Decode:
        def decode(value: Any, _: Any) -> Any:
            if kind_of(value) is not dict:
                raise expected(f"{name} (an object)", value)
            missing = [Problem(field_step(field), "required field missing") for field in required if field not in value]
            fields = [field for field in value if forbid_unknown or field in decoders]
            parts = ((field, decoders.get(field, _unknown), value[field]) for field in fields)
            return dict(zip(fields, decode_parts(parts, missing), strict=True))

        return decode

    return Form(
        name,
        _schema(name, shape, forms),
        lambda value: _encode_fields(value, encoders),
        reader({field: form.strict for field, form in forms.items()}, forbid_unknown=True),
        reader({field: form.lenient for field, form in forms.items()}, forbid_unknown=False),
        shape=shape,
        care=most_care(forms.values()),
    )


def named_tuple_form(cls: Any, name: str, shape: Shape, forms: Forms) -> Form:
    """A NamedTuple is written as a list; one that derives from another may have code of its own."""
    required = sum(field.required for field in shape.values())
    origin = origin_of(cls) or cls
    form = fixed_tuple_form(
        tuple(forms.values()), name, typed=origin, build=lambda items: origin(*items), required=required
    )
    is_plain = origin.__bases__ in ((tuple,), (tuple, Generic))
    return form if is_plain else evolve(form, care=max(Care.CONVERTED, form.care))


def _schema(name: str, shape: Shape, forms: Forms) -> JsonSchema:
    return {
        "title": name,
        "type": "object",
        "properties": {field: form.schema for field, form in forms.items()},
        "required": [field for field, declared in shape.items() if declared.required],
        "additionalProperties": False,
    }


def _unknown(value: Any, _: Any) -> Any:
    raise misfit("unknown field")


def _encode_fields(value: Any, encoders: Mapping[str, Encode]) -> Any:
    if not is_mapping(value):
        return value
    return {exact_name(field): encoders[field](item) if field in encoders else item for field, item in value.items()}


# --- attrs classes and dataclasses --------------------------------------------------------


def _encode_record(cls: Any, origin: Any, forms: Forms) -> Encode:
    import cattrs.gen

    # cattrs' signatures leave parts untyped, and take the fields' overrides and their own options as keywords alike.
    gen: Any = cattrs.gen
    encoders = {field: form.encode for field, form in forms.items()}
    overrides = {field: gen.override(unstruct_hook=encode) for field, encode in encoders.items()}
    encode_instance = gen.make_dict_unstructure_fn(
        cls, cattrs.Converter(), _cattrs_include_init_false=True, _cattrs_use_linecache=False, **overrides
    )
    return lambda value: encode_instance(value) if type(value) is origin else _encode_fields(value, encoders)


def _decode_record(cls: Any, name: str, decoders: Mapping[str, Decode], *, forbid_unknown: bool) -> Decode:
    import cattrs.gen

    gen: Any = cattrs.gen  # as above
    late = [field.name for field in _fields(cls) if not field.init]
    overrides = {
        field: gen.override(omit=True) if field in late else gen.override(struct_hook=decode)
        for field, decode in decoders.items()
    }
    decode_fields = gen.make_dict_structure_fn(
        cls,
        cattrs.Converter(detailed_validation=True),
        _cattrs_forbid_extra_keys=forbid_unknown,
        _cattrs_use_linecache=False,
        **overrides,
    )

    def decode(value: Any, _: Any) -> Any:
        if kind_of(value) is not dict:
            raise expected(f"{name} (an object)", value)
        return decode_fields(value, cls)

    def decode_late(value: Any, _: Any) -> Any:
        """Set the fields that are no parameters of `__init__` afterwards, also where the class is frozen."""
        if kind_of(value) is not dict:
            return decode(value, None)
        instance = decode({field: item for field, item in value.items() if field not in late}, None)
        given = [(field, decoders[field], value[field]) for field in late if field in value]
        for (field, *_), item in zip(given, decode_parts(given), strict=True):
            object.__setattr__(instance, field, item)
        return instance

    return decode_late if late else decode


def _is_plain(cls: Any) -> bool:
    """Whether no code of the class runs when an instance is made."""
    code = getattr(cls.__init__, "__code__", None)
    is_generated = code is not None and code.co_filename.startswith("<")  # it was compiled from a text
    makes_plainly = cls.__new__ is object.__new__ and type(cls).__call__ is type.__call__
    hooks = (getattr(cls, hook, None) for hook in ("__attrs_pre_init__", "__attrs_post_init__", "__post_init__"))
    parts = (getattr(field, part, None) for field in _fields(cls) for part in ("converter", "validator"))
    return is_generated and makes_plainly and all(own is None for own in (*hooks, *parts))


def _fields(cls: Any) -> Any:
    origin = origin_of(cls) or cls
    return attrs.fields(origin) if attrs.has(origin) else origin.__dataclass_fields__.values()
