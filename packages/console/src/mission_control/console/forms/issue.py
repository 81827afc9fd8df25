"""What is wrong with a value, and at which of its fields."""

from __future__ import annotations

import re

import attrs

from mission_control.core import MissionValidationError
from mission_control.core.values import Value

from .naming import ROOT

_STEP = re.compile(
    r"""\.[^\W\d]\w*|\[[^\]'"]*\]|\['(?:[^'\\]|\\.)*'\]|\["(?:[^"\\]|\\.)*"\]"""
    r"""|\[['"](?:(?!\.\.\.\][.\[:]).)*\.\.\.\](?=[.\[:])"""  # a name that was cut, with its closing quote
)


@attrs.frozen
class Issue(Value):
    """One thing that is wrong: `path` is where, as in `$.lines[0].n`, and `message` says it to a person."""

    path: str
    message: str


def issues_of(error: MissionValidationError) -> list[Issue]:
    """Return what an owner found wrong with a value, each at its field."""
    return [_issue(line) for line in error.issues]


def _issue(line: str) -> Issue:
    place = len(ROOT) if line.startswith(ROOT) else 0
    while match := _STEP.match(line, place):
        place = match.end()
    path, separator, message = line[:place], line[place : place + 2], line[place + 2 :]
    return Issue(path, message) if path and separator == ": " else Issue(ROOT, line)
