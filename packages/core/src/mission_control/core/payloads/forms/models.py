"""The forms of pydantic classes: written and read by their own rules, strictly."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...foreign import ENDS_THE_PROGRAM
from ..issues import MOST_PROBLEMS, MisfitError, Problem, field_step, found, misfit
from ..json_values import checked_copy, encode_json, kind_of, to_json
from ..models import ModelField, dump_model, model_facts
from .form import EVERY_KIND, OBJECT, Care, Decode, Form, JsonSchema, UnsupportedTypeError

_AS_OURS = {"missing": "required field missing", "extra_forbidden": "unknown field"}


def model_form(cls: Any, name: str, defs: dict[str, JsonSchema], prefix: str) -> Form:
    """A pydantic model; unknown fields are refused unless it says so.

    What its JSON Schema refers to is put into `defs`, each name after `prefix`.
    """
    facts = model_facts(cls)
    _check_readable(cls, name, facts.fields)
    by_alias = facts.by_alias

    def encode(value: Any) -> Any:
        if type(value) is cls:
            return dump_model(value, by_alias=by_alias)
        return value if isinstance(value, cls) else to_json(value)

    schema, parts = _schema(cls, prefix, by_alias=by_alias)
    defs.update(parts)
    strict = _decode_model(cls, "forbid", by_alias=by_alias)
    lenient = _decode_model(cls, "ignore", by_alias=by_alias)
    kinds = EVERY_KIND if getattr(cls, "__pydantic_root_model__", False) else frozenset({OBJECT})
    return Form(name, schema, encode, strict, lenient, kinds, typed=(cls,), care=Care.COMPARE)


def _check_readable(cls: Any, name: str, fields: Iterable[ModelField]) -> None:
    for field in fields:
        if field.is_lost:
            raise UnsupportedTypeError(
                f"{name}: its field {field.name!r} is required, and excluded from its JSON form; "
                "take exclude=True away, or give it a default"
            )
        if not field.reads_alias and "by_name" not in inspect.signature(cls.model_validate_json).parameters:
            raise UnsupportedTypeError(
                f"{name}: its field {field.name!r} is written with an alias that it is not read by; "
                "give it one alias for both, or install pydantic 2.11 or later"
            )


# --- reading ------------------------------------------------------------------------------


def _decode_model(cls: Any, extra: str, *, by_alias: bool) -> Decode:
    validate: Callable[..., Any] = cls.model_validate_json
    options: dict[str, Any] = {"strict": True}
    if _may_set_extra(cls, extra):
        options["extra"] = extra
    if not by_alias:
        options |= {"by_alias": True, "by_name": True}

    def decode(value: Any, _: Any) -> Any:
        text = encode_json(checked_copy(value))
        try:
            return validate(text, **options)
        except ValueError as error:
            raise _model_misfit(error) from error

    return decode


def _may_set_extra(cls: Any, extra: str) -> bool:
    own_rule = cls.model_config.get("extra")
    may_set = own_rule is None or (own_rule, extra) == ("forbid", "ignore")
    return may_set and "extra" in inspect.signature(cls.model_validate_json).parameters


def _model_misfit(error: Exception) -> MisfitError:
    errors: Callable[[], list[dict[str, Any]]] | None = getattr(error, "errors", None)
    if errors is None:
        return misfit(str(error))
    problems = errors()[:MOST_PROBLEMS]
    return MisfitError([Problem("".join(map(_step, problem["loc"])), _model_problem(problem)) for problem in problems])


def _model_problem(problem: Mapping[str, Any]) -> str:
    return _AS_OURS.get(problem["type"]) or f"{problem['msg']}, got {found(problem['input'])}"


def _step(location: object) -> str:
    return f"[{location}]" if isinstance(location, int) else field_step(location)


# --- JSON Schema --------------------------------------------------------------------------


def _schema(cls: Any, prefix: str, *, by_alias: bool) -> tuple[JsonSchema, dict[str, JsonSchema]]:
    """What the class says of itself, and of its parts; nothing where it does not know."""
    try:
        told = cls.model_json_schema(by_alias=by_alias, ref_template=f"#/$defs/{prefix}.{{model}}", mode="validation")
        schema: JsonSchema = checked_copy(_stable(told, forbid_unknown=_may_set_extra(cls, "forbid")))
    except ENDS_THE_PROGRAM:
        raise
    except BaseException:  # a field may be of a type that pydantic cannot describe, and a class describe itself
        return {}, {}
    return schema, {f"{prefix}.{name}": part for name, part in schema.pop("$defs", {}).items()}


def _stable(schema: Any, *, forbid_unknown: bool) -> Any:
    """Without defaults, which may read otherwise in the next process; with the rule for unknown fields."""
    if kind_of(schema) is list:
        return [_stable(part, forbid_unknown=forbid_unknown) for part in schema]
    if kind_of(schema) is not dict:
        return schema
    stable = {
        key: {name: _stable(part, forbid_unknown=forbid_unknown) for name, part in content.items()}
        if key in ("properties", "$defs")
        else _stable(content, forbid_unknown=forbid_unknown)
        for key, content in schema.items()
        if key != "default"
    }
    if forbid_unknown and "properties" in stable:
        stable["additionalProperties"] = False
    return stable
