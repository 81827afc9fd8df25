"""What is wrong with a value: one problem for each bad field, its path first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from attrs import Attribute, frozen

from .readable import shorten

if TYPE_CHECKING:
    from cattrs.errors import ClassValidationError

MOST_PROBLEMS = 100
"""How many problems one value is reported with; looking for more would only take time."""

_LONGEST_VALUE = 60
_LONGEST_TEXT = 300
_PLAIN_FIELD = re.compile(r"[^\W\d]\w*")


@frozen
class Problem:
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
class Refused:
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


def problems_of(error: Exception) -> list[Problem]:
    """Everything that an error says, by path: ours, cattrs', and what user code raises while it is called."""
    if isinstance(error, MisfitError):
        return list(error.problems)
    from cattrs.errors import BaseValidationError, ClassValidationError, ForbiddenExtraKeysError

    if isinstance(error, ClassValidationError):
        return _problems_of_class(error)
    if isinstance(error, BaseValidationError):
        return [problem for inner in error.exceptions for problem in problems_of(inner)]
    if isinstance(error, ForbiddenExtraKeysError):
        return [Problem(field_step(name), "unknown field") for name in sorted(error.extra_fields, key=field_step)]
    if isinstance(error, RecursionError):
        return [Problem("", "nested too deeply, or contains itself")]
    return [_problem_of_user_code(error)]


def one_line(error: BaseException) -> str:
    """An error's own words on one line; the name of its class where it has none."""
    try:
        words = " ".join(str(error)[: _LONGEST_TEXT * 4].split())
    except Exception:  # a user's __str__ may fail in any way
        words = ""
    return shorten(words, _LONGEST_TEXT) if words else type(error).__name__


def found(value: object) -> str:
    """Name a value in a message: its type, and what a reader needs to recognise it. Never calls user code."""
    kind = type(value)
    if kind in _FOUND:
        return _FOUND[kind](value)
    return kind.__qualname__


def _problems_of_class(error: ClassValidationError) -> list[Problem]:
    with_field, others = error.group_exceptions()
    problems: list[Problem] = []
    for inner, note in with_field:
        missing = type(inner) is KeyError and inner.args == (note.name,)
        step = field_step(note.name)
        problems += [Problem(step, "required field missing")] if missing else below(step, inner)
    for inner in others:
        problems += problems_of(inner)
    return problems


def _problem_of_user_code(error: Exception) -> Problem:
    """The validators of attrs hand over the attribute that they refuse: that is the exact path."""
    if len(error.args) > 1 and isinstance(error.args[1], Attribute):
        name: str = error.args[1].name
        return Problem(field_step(name), shorten(" ".join(str(error.args[0]).split()), _LONGEST_TEXT))
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
