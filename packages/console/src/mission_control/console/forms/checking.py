"""What is wrong with a value by its JSON Schema, said before its owner is asked; the owner's own check decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from mission_control.core.readable import shorten

from .instants import FORMATS, expected, is_of
from .issue import Issue
from .kinds import KIND_NAMES, is_list, is_object
from .naming import Steps, path_of
from .reading import MISSING

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_MOST_ISSUES = 100
_SHOWN = 60


def check(schema: Mapping[str, Any] | None, value: Any) -> list[Issue]:
    """Return what is wrong with a JSON value, one issue a place at most.

    Nothing is fetched that a schema refers to. A schema that cannot be used finds nothing wrong.
    """
    if schema is None:
        return []
    try:
        errors = list(_maker()(schema).iter_errors(value))
    except Exception:  # it is no schema, or refers to what is not in it
        return []
    found: dict[str, Issue] = {}
    for issue in _issues(errors):
        found.setdefault(issue.path, issue)
        if len(found) == _MOST_ISSUES:
            break
    return list(found.values())


@cache
def _maker() -> Callable[[Mapping[str, Any]], Validator]:
    """Return what makes validators that take integers as core does, check its formats, and fetch nothing."""
    from importlib import import_module

    validators: Any = import_module("jsonschema.validators")  # these two say nothing of their types
    referencing: Any = import_module("referencing")
    kinds = validators.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    make = validators.extend(validators.Draft202012Validator, type_checker=kinds)
    return partial(make, registry=referencing.Registry(), format_checker=_formats())


def _formats() -> Any:
    from jsonschema import FormatChecker

    formats = FormatChecker(formats=())
    for form in FORMATS:
        formats.checks(form)(_checker(form))
    return formats


def _is_integer(_: object, value: object) -> bool:
    return type(value) is int


def _checker(form: str) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or is_of(form, value)


def _issues(errors: Iterable[ValidationError], around: Steps = ()) -> Iterator[Issue]:
    for error in errors:
        steps: Steps = (*around, *error.relative_path)
        keyword: object = error.validator
        if keyword in ("anyOf", "oneOf") and error.context:
            yield from _alternatives(error, steps)
        elif keyword == "required":
            yield from (
                Issue(path_of((*steps, name)), MISSING) for name in _keyword(error) if name not in _instance(error)
            )
        elif keyword == "additionalProperties":
            yield from (Issue(path_of((*steps, name)), "is not known") for name in _extras(error))
        else:
            yield Issue(path_of(steps), _message(error, str(keyword)))


def _alternatives(error: ValidationError, steps: Steps) -> Iterator[Issue]:
    """Yield what is wrong with a value as the alternative that it is most like."""
    branches: dict[object, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    if all(any(map(_is_of_another_kind, branch)) for branch in branches.values()):
        yield Issue(path_of(steps), f"expected {_either(branches.values())}, found {_found(error.instance)}")
        return
    nearest = min(branches.values(), key=_distance)
    yield from _issues(nearest, steps)


def _is_of_another_kind(error: ValidationError) -> bool:
    return not error.relative_path and error.validator in ("type", "enum", "const")


def _either(branches: Iterable[Sequence[ValidationError]]) -> str:
    names = dict.fromkeys(_wanted(error) for branch in branches for error in branch if _is_of_another_kind(error))
    return " or ".join(names)


def _wanted(error: ValidationError) -> str:
    if error.validator == "type":
        wanted = _keyword(error)
        return " or ".join(
            KIND_NAMES.get(kind, str(kind)) for kind in ([wanted] if isinstance(wanted, str) else wanted)
        )
    listed = _keyword(error) if error.validator == "enum" else [_keyword(error)]
    shown = ", ".join(map(_found, listed))
    return shown if len(listed) == 1 else f"one of {shorten(shown, 4 * _SHOWN)}"


def _distance(branch: Iterable[ValidationError]) -> tuple[bool, bool, int]:
    """Return how little a value is like an alternative: its kind first, then what tells it from the others."""
    errors: list[Any] = list(branch)
    keywords = {str(error.validator) for error in errors}
    return any(map(_is_of_another_kind, errors)), not keywords.isdisjoint({"const", "enum"}), len(errors)


def _extras(error: ValidationError) -> list[str]:
    schema = cast("Mapping[str, Any]", error.schema)
    patterns: Iterable[str] = schema.get("patternProperties", ())
    return [
        name
        for name in _instance(error)
        if name not in schema.get("properties", ()) and not any(re.search(pattern, name) for pattern in patterns)
    ]


def _keyword(error: ValidationError) -> Any:
    return error.validator_value


def _instance(error: ValidationError) -> Any:
    return error.instance


def _message(error: ValidationError, keyword: str) -> str:
    value = _instance(error)
    said = _SAID.get(keyword)
    if keyword in ("type", "enum", "const"):
        return f"expected {_wanted(error)}, found {_found(value)}"
    if keyword == "format":
        return f"{expected(str(_keyword(error)))}, found {_found(value)}"
    if keyword == "pattern":
        form: object = cast("Mapping[str, Any]", error.schema).get("format")
        what = expected(form) if isinstance(form, str) and form in FORMATS else _patterned(_keyword(error))
        return f"{what}, found {_found(value)}"
    return "does not fit its schema" if said is None else said(_keyword(error), value)


def _patterned(pattern: object) -> str:
    return f"expected text of the form {shorten(str(pattern), 2 * _SHOWN)}"


_Said: TypeAlias = Callable[[Any, Any], str]

_SAID: Mapping[str, _Said] = {
    "minimum": lambda least, value: f"expected {least} or more, found {_found(value)}",
    "maximum": lambda most, value: f"expected {most} or less, found {_found(value)}",
    "exclusiveMinimum": lambda least, value: f"expected more than {least}, found {_found(value)}",
    "exclusiveMaximum": lambda most, value: f"expected less than {most}, found {_found(value)}",
    "multipleOf": lambda unit, value: f"expected a multiple of {unit}, found {_found(value)}",
    "minLength": lambda fewest, value: f"expected {_count(fewest, 'character')} or more, found {len(value)}",
    "maxLength": lambda most, value: f"expected {_count(most, 'character')} or less, found {len(value)}",
    "minItems": lambda fewest, value: f"expected {_count(fewest, 'item')} or more, found {len(value)}",
    "maxItems": lambda most, value: f"expected {_count(most, 'item')} or less, found {len(value)}",
    "uniqueItems": lambda _, value: "expected items that are all different",
}


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _found(value: Any) -> str:
    """Return a value as messages show it."""
    if is_list(value):
        return f"a list of {len(value)}"
    if is_object(value):
        return "an object"
    named = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return named[value]
    return shorten(repr(value), _SHOWN)
