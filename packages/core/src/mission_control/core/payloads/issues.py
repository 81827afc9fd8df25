"""What is wrong with a value: one problem for each bad field, its path first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import Attribute, frozen

from ..foreign import tried
from ..readable import shorten
from ..values import Value

if TYPE_CHECKING:
    from cattrs.errors import ClassValidationError

MOST_PROBLEMS = 100
"""How many problems one value is reported with; looking for more would only take time."""

_LONGEST_VALUE = 60
_LONGEST_TEXT = 300
_QUALNAME: Any = vars(type)["__qualname__"]
_ARGS: Any = vars(BaseException)["args"]
_PLAIN_FIELD = re.compile(r"[^\W\d]\w*")


@frozen
class Problem(Value):
    """One thing that is wrong, and where: `path` starts below the value that was looked at."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"${self.path}: {self.text}"


class MisfitError(Exception):
    """A value does not fit. Only ever seen inside this package: callers get a public error."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__()
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __str__(self) -> str:
        return "; ".join(str(problem) for problem in self.problems)


@frozen
class Refused(Value):
    """Stands in for a value that could not be encoded, so that decoding reports it with its path."""

    reason: str


def misfit(text: str) -> MisfitError:
    """The error for the value that is being looked at."""
    return MisfitError([Problem("", text)])


def expected(what: str, value: object) -> MisfitError:
    """The error that says what was expected here and what was found."""
    return misfit(f"expected {what}, got {found(value)}")


def field_step(name: object) -> str:
    """The path step to an object's field: `.email`, or `['e mail']` where that would not be readable."""
    if isinstance(name, str) and len(name) <= _LONGEST_VALUE and _PLAIN_FIELD.fullmatch(name):
        return f".{name}"
    return f"[{_literal(name)}]"


def below(step: str, error: Exception) -> list[Problem]:
    """The problems of an error that came up one step further down."""
    return [Problem(step + problem.path, problem.text) for problem in problems_of(error)]


def problems_of(error: BaseException) -> list[Problem]:
    """Everything that an error says, by path: ours, cattrs', and what user code raises while it is called."""
    if isinstance(error, MisfitError):
        return list(error.problems)
    from cattrs.errors import BaseValidationError, ClassValidationError, ForbiddenExtraKeysError

    if isinstance(error, ClassValidationError):
        return _problems_of_class(error)
    if isinstance(error, BaseValidationError):
        return [problem for inner in error.exceptions for problem in problems_of(inner)]
    if isinstance(error, ForbiddenExtraKeysError):
        names = islice(error.extra_fields, MOST_PROBLEMS)
        return [Problem(step, "unknown field") for step in sorted(map(field_step, names))]
    if isinstance(error, RecursionError):
        return [Problem("", "nested too deeply, or contains itself")]
    return [_problem_of_user_code(error)]


def one_line(error: BaseException) -> str:
    """An error's own words on one line; the name of its class where it has none."""
    return _words(error) or type_of(error).rpartition(".")[2]


def found(value: object) -> str:
    """Name a value in a message: its type, and what a reader needs to recognise it. Never calls user code."""
    kind = type(value)
    describe = next((describe for known, describe in _FOUND.items() if known is kind), type_of)
    return describe(value)


def type_of(value: object) -> str:
    """The name of a value's class. Never calls user code."""
    return class_name(type(value))


def class_name(cls: object) -> str:
    """The qualified name of a class, whatever its metaclass would say."""
    name: str = _QUALNAME.__get__(cls)
    return name


def code_name(code: object) -> str:
    """The qualified name of a function, or what else a user has for one."""
    return tried(lambda: str(getattr(code, "__qualname__", found(code))), lambda _: found(code))


def _words(value: object) -> str:
    """What a value says of itself, on one line; nothing where it fails to."""
    return tried(lambda: shorten(" ".join(str(value)[: _LONGEST_TEXT * 4].split()), _LONGEST_TEXT), lambda _: "")


def _problems_of_class(error: ClassValidationError) -> list[Problem]:
    with_field, others = error.group_exceptions()
    problems: list[Problem] = []
    for inner, note in with_field:
        step = field_step(note.name)
        problems += [Problem(step, "required field missing")] if _is_missing(inner, note.name) else below(step, inner)
    for inner in others:
        problems += problems_of(inner)
    return problems


def _is_missing(error: Exception, name: str) -> bool:
    return type(error) is KeyError and [type(argument) for argument in error.args] == [str] and error.args[0] == name


def _problem_of_user_code(error: BaseException) -> Problem:
    """The validators of attrs hand over the attribute that they refuse: that is the exact path."""
    arguments: tuple[Any, ...] = _ARGS.__get__(error)
    if len(arguments) > 1 and type(arguments[1]) is Attribute:
        return Problem(field_step(arguments[1].name), _words(arguments[0]) or one_line(error))
    return Problem("", one_line(error))


def _literal(value: object) -> str:
    if isinstance(value, str):
        return shorten(repr(str.__str__(value)[:_LONGEST_VALUE]), _LONGEST_VALUE)
    if type(value) is int:
        return shorten(str(value), _LONGEST_VALUE) if abs(value) < 10**_LONGEST_VALUE else "a huge number"
    return found(value)


def _count(value: Any) -> str:
    return f"{type(value).__name__} of {len(value)}"


_FOUND: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "None",
    bool: lambda value: f"bool {value}",
    int: lambda value: f"int {_literal(value)}",
    float: lambda value: f"float {value!r}",
    str: lambda value: f"str {_literal(value)}",
    list: _count,
    dict: _count,
    tuple: _count,
    set: _count,
    frozenset: _count,
    Refused: lambda value: str(value.reason),
}
