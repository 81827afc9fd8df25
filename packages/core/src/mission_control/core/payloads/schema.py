"""Payloads: what a schema accepts at the border, what of it is stored, and what is given back.

`validate` is the border, `normalise` takes what user code returned, `restore` gives what was stored.
All three speak plain JSON on the stored side, and nothing that they return is shared with anyone,
so no one can tell a value that was stored in between from one that was not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, TypeVar

from attrs import frozen

from ..errors import MissionDefinitionError, MissionDefinitionMismatchError, MissionValidationError, PayloadError
from ..foreign import ENDS_THE_PROGRAM
from ..values import Shown
from .fidelity import UNTYPED, are_same_model, losses, says_equal
from .forms import ANY, Care, Form, UnsupportedTypeError, form_of, is_record
from .issues import MisfitError, Problem, class_name, field_step, found, misfit, one_line, problems_of
from .json_values import Json, check_depth, copy_json, decode_json, encode_json, kind_of, plain
from .models import is_model_class
from .type_names import type_name

__all__ = [
    "PLAIN",
    "Json",
    "PayloadType",
    "Schema",
    "copy_json",
    "decode_json",
    "encode_json",
    "payload_type",
    "same_json",
]

T_co = TypeVar("T_co", covariant=True)

_Change: TypeAlias = Callable[[Any], Any]


class Schema(Protocol[T_co]):
    """An object that decides by itself what it accepts.

    What `parse` returns is stored as JSON and passed through `parse` again whenever it is read back,
    so `parse` must accept the JSON form of its own result, and give the same value for it.
    """

    def parse(self, value: Any, /) -> T_co:
        """Return the value, checked and typed; raise any exception to refuse it."""
        ...


@frozen(eq=False)
class PayloadType(Shown):
    """A compiled schema. `description` names it for people and in the static form of a definition."""

    description: str
    _accept: _Change
    _restore: _Change
    _json_schema: Json = None
    _as_it_is: type | None = None
    """Values of exactly this class need no work."""

    @property
    def json_schema(self) -> dict[str, Any] | None:
        """The JSON Schema (2020-12) of what is accepted in JSON form; None where anything is, or `parse` decides."""
        schema: dict[str, Any] | None = copy_json(self._json_schema)
        return schema

    def to_static(self, key: str) -> dict[str, Any]:
        """Return the JSON Schema as an entry under `key`; nothing where there is none."""
        return {} if self._json_schema is None else {key: self.json_schema}

    def validate(self, value: object, *, event_name: str, subject: str) -> Json:
        """The plain JSON value of what came over the border, typed or in its JSON form.

        Raises `MissionValidationError` with one issue for each bad field.
        """
        if type(value) is self._as_it_is:
            return value
        try:
            return self._accept(value)
        except ENDS_THE_PROGRAM:
            raise
        except BaseException as error:  # validators, converters and parse are user code
            issues = _issues(error)
            raise MissionValidationError(
                f"{subject} {self._misfit}:{_listed(issues)}", event_name=event_name, issues=issues
            ) from _cause(error)

    def normalise(self, value: object, *, subject: object) -> Json:
        """The plain JSON value of what a step or an update, `subject`, returned, checked against its declared type.

        Raises `PayloadError` with a line for everything that has no JSON form or does not fit.
        """
        if type(value) is self._as_it_is:
            return value
        try:
            return self._accept(value)
        except ENDS_THE_PROGRAM:
            raise
        except BaseException as error:  # as above
            raise PayloadError(f"the output of {subject} {self._misfit}:{_listed(_issues(error))}") from _cause(error)

    def restore(self, value: Json, *, subject: str) -> Any:
        """The typed value of a stored one, fresh every time; unknown fields are ignored, defaults applied.

        Raises `MissionDefinitionMismatchError` with a line for every field that does not fit any more.
        """
        try:
            return self._restore(value)
        except ENDS_THE_PROGRAM:
            raise
        except BaseException as error:  # as above
            raise MissionDefinitionMismatchError(
                f"{subject}, as it is stored, {self._misfit}:{_listed(_issues(error))}\n"
                "register a definition whose type reads what is stored"
            ) from _cause(error)

    def reads(self, value: Json) -> bool:
        """Whether `restore` can give the typed value of a stored one."""
        try:
            self.restore(value, subject="it")
        except MissionDefinitionMismatchError:
            return False
        return True

    def canonical(self, value: Json) -> Json:
        """A stored value as it would be stored under this schema today; as it is, where it does not fit any more."""
        try:
            return self.normalise(self.restore(value, subject="it"), subject="it")
        except (MissionDefinitionMismatchError, PayloadError):
            return value

    @property
    def _misfit(self) -> str:
        return "has no JSON form" if self.description == PLAIN.description else f"does not fit {self.description}"


def payload_type(schema: object, *, subject: str) -> PayloadType:
    """Compile a type, a pydantic class or an object with `parse`.

    Raises `MissionDefinitionError`, beginning with `subject`, for what values could not be read back as.
    """
    if issubclass(type(schema), str):
        raise MissionDefinitionError(f"{subject}: the schema is a text, {found(schema)}; pass the type itself")
    try:
        parse = _own_parse(schema)
        return _formed(schema) if parse is None else _parsed(schema, parse)
    except UnsupportedTypeError as error:
        raise MissionDefinitionError(f"{subject}: {error}{_parse_hint(schema)}") from error
    except ENDS_THE_PROGRAM:
        raise
    except BaseException as error:  # a metaclass or an annotation may do anything
        raise MissionDefinitionError(f"{subject}: {_named(schema)} is no schema ({one_line(error)})") from error


def _named(schema: object) -> str:
    return class_name(schema) if issubclass(type(schema), type) else found(schema)


def same_json(payload: PayloadType, one: Json, other: Json) -> list[str]:
    """The paths where two stored values differ after today's schema; names in any order, sets as sets."""
    return list(_differences(payload.canonical(one), payload.canonical(other), "$"))


# --- the kinds of schema ------------------------------------------------------------------


def _form(schema: Any) -> tuple[Form, bool]:
    try:
        return _shared_form(schema, type_name(schema))
    except TypeError:  # an Annotated with something unhashable in it
        return form_of(schema)


@lru_cache(maxsize=1024)
def _shared_form(schema: Any, _: str) -> tuple[Form, bool]:
    """Shared by types that are the same and written alike: `int | str` equals `str | int`."""
    return form_of(schema)


_AS_THEY_ARE = ((str,), (bool,), (type(None),))


def _formed(schema: Any) -> PayloadType:
    form, recursive = _form(schema)
    if form is ANY:
        return PLAIN
    encode, strict, lenient = form.encode, form.strict, form.lenient
    is_exact, is_compared, is_converted = form.care is Care.NONE, form.care is Care.COMPARE, form.care >= Care.CONVERTED

    def accept(value: Any) -> Json:
        encoded = encode(value)
        if recursive:
            check_depth(encoded)
        typed = strict(encoded, None)
        return encoded if is_exact else written_again(value, encoded, typed)

    def written_again(value: Any, encoded: Any, typed: Any) -> Json:
        if is_compared and are_same_model(value, typed):
            return encoded
        again = encode(typed)
        is_changed = again != encoded  # by defaults and converters
        may_differ = is_compared or (is_changed and is_converted)
        if may_differ and not (kind_of(value) is dict and says_equal(value, encoded)):
            _refuse(losses(value, typed, UNTYPED))
        if is_changed:
            back = strict(again, None)
            if is_compared or (is_converted and encode(back) != again):
                _refuse(losses(typed, back, schema))
        return again

    as_it_is = form.typed[0] if form.typed in _AS_THEY_ARE else None
    return PayloadType(type_name(schema), accept, lambda value: lenient(value, None), form.schema or None, as_it_is)


def _own_parse(schema: Any) -> _Change | None:
    if isinstance(schema, type):
        static = inspect.getattr_static(schema, "parse", None)
        if is_record(schema) or is_model_class(schema) or not isinstance(static, (classmethod, staticmethod)):
            return None
    elif getattr(schema, "__origin__", None) is not None:  # list[int] answers for list
        return None
    parse = getattr(schema, "parse", None)
    return parse if callable(parse) else None


def _parse_hint(schema: Any) -> str:
    unbound = isinstance(schema, type) and callable(getattr(schema, "parse", None))
    return "; for its method parse, pass an instance of it" if unbound else ""


def _parsed(schema: Any, parse: _Change) -> PayloadType:
    description = type_name(schema if isinstance(schema, type) else type(schema))
    if inspect.iscoroutinefunction(parse):
        raise UnsupportedTypeError(f"{description}.parse is async; make it a plain function")

    def accept(value: Any) -> Json:
        parsed = parse(_json_if_any(value))
        stored = plain(parsed)
        try:
            again = parse(copy_json(stored))
        except ENDS_THE_PROGRAM:
            raise
        except BaseException as error:
            raise misfit(f"parse refuses the JSON of its own result: {one_line(error)}") from error
        _refuse(losses(parsed, again, Any))
        return stored

    return PayloadType(description, accept, lambda value: parse(copy_json(value)))


def _json_if_any(value: Any) -> Any:
    try:
        return plain(value)
    except ENDS_THE_PROGRAM:
        raise
    except BaseException:  # what has no JSON form is for parse to judge
        return value


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise MisfitError(problems)


PLAIN = PayloadType(ANY.name, plain, copy_json, None, str)
"""Whatever has a JSON form, as the plain JSON value: the type of what is not declared."""


# --- messages -----------------------------------------------------------------------------


def _issues(error: BaseException) -> list[str]:
    return [str(problem) for problem in problems_of(error)]


def _listed(issues: Iterable[str]) -> str:
    return "".join(f"\n  {issue}" for issue in issues)


def _cause(error: BaseException) -> BaseException | None:
    """What user code raised; our own bookkeeping would only be noise in a traceback."""
    from cattrs.errors import BaseValidationError

    if isinstance(error, MisfitError):
        return error.__cause__
    return None if issubclass(type(error), (BaseValidationError, RecursionError)) else error


# --- comparing ----------------------------------------------------------------------------


def _differences(one: Json, other: Json, path: str) -> Iterator[str]:
    kinds = kind_of(one), kind_of(other)
    if kinds == (dict, dict):
        for name in sorted({*one, *other}):
            step = path + field_step(name)
            if name in one and name in other:
                yield from _differences(one[name], other[name], step)
            else:
                yield step
    elif kinds == (list, list) and len(one) == len(other):
        for index, (item, counterpart) in enumerate(zip(one, other, strict=True)):
            yield from _differences(item, counterpart, f"{path}[{index}]")
    elif one != other or (bool in kinds and kinds != (bool, bool)):
        yield path
