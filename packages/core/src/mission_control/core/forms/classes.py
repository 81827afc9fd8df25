"""The forms of classes: attrs classes and dataclasses through cattrs, TypedDicts, NamedTuples, pydantic models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..issues import MisfitError, Problem, below, expected, field_step, found, misfit
from ..json_values import checked_copy, dump_model, encode_json, exact_name, is_mapping, kind_of, to_json
from .containers import fixed_tuple_form
from .form import EVERY_KIND, OBJECT, Decode, Encode, FieldShape, Form
from .shapes import origin_of

Shape = Mapping[str, FieldShape]
Forms = Mapping[str, Form]

_AS_OURS = {"missing": "required field missing", "extra_forbidden": "unknown field"}


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
        exact=False,
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
        exact=all(form.exact for form in forms.values()),
    )


def named_tuple_form(cls: Any, name: str, shape: Shape, forms: Forms) -> Form:
    """A NamedTuple is written as a list."""
    required = sum(field.required for field in shape.values())
    origin = origin_of(cls) or cls
    return fixed_tuple_form(
        tuple(forms.values()), name, typed=origin, build=lambda items: origin(*items), required=required
    )


def model_form(cls: Any, name: str) -> Form:
    """A pydantic model is written and read by its own rules, strictly; unknown fields are refused unless it says so."""

    def encode(value: Any) -> Any:
        if type(value) is cls:
            return dump_model(value)
        return value if isinstance(value, cls) else to_json(value)

    strict, lenient = _decode_model(cls, "forbid"), _decode_model(cls, "ignore")
    kinds = EVERY_KIND if getattr(cls, "__pydantic_root_model__", False) else frozenset({OBJECT})
    return Form(name, encode, strict, lenient, kinds, typed=(cls,), exact=False)


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


# --- pydantic -----------------------------------------------------------------------------


def _decode_model(cls: Any, extra: str) -> Decode:
    validate: Callable[..., Any] = cls.model_validate_json
    options: dict[str, Any] = {"strict": True}
    if "extra" in inspect.signature(validate).parameters and _may_set_extra(cls, extra):
        options["extra"] = extra

    def decode(value: Any, _: Any) -> Any:
        text = encode_json(checked_copy(value))
        try:
            return validate(text, **options)
        except ValueError as error:
            raise _model_misfit(error) from error

    return decode


def _may_set_extra(cls: Any, extra: str) -> bool:
    own_rule = cls.model_config.get("extra")
    return own_rule is None or (own_rule, extra) == ("forbid", "ignore")


def _model_misfit(error: Exception) -> MisfitError:
    errors: Callable[[], list[dict[str, Any]]] | None = getattr(error, "errors", None)
    if errors is None:
        return misfit(str(error))
    return MisfitError([Problem("".join(map(_step, problem["loc"])), _model_problem(problem)) for problem in errors()])


def _model_problem(problem: dict[str, Any]) -> str:
    return _AS_OURS.get(problem["type"]) or f"{problem['msg']}, got {found(problem['input'])}"


def _step(location: object) -> str:
    return f"[{location}]" if isinstance(location, int) else field_step(location)
