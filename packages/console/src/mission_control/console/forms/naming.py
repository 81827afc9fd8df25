"""What a field is called: the path that core's issues have, and the name that a form or `--field` sends it under."""

from __future__ import annotations

import ast
import re
from typing import TypeAlias

from mission_control.core.payloads import field_step

Steps: TypeAlias = tuple[str | int, ...]
"""Where a value is in another: names of fields and numbers of items, from the outside in."""

ROOT = "$"
"""The whole value, as a path and as a name."""

_PLAIN = re.compile(r"[^\W\d]\w*")
_ESCAPE = r"""\\(?:[\\'"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5}|U0010[0-9a-f]{4})"""
_QUOTED = rf"""'(?:[^'\\\n\r\0]|{_ESCAPE})*'|"(?:[^"\\\n\r\0]|{_ESCAPE})*["]"""
_STEP = re.compile(rf"\.?([^\W\d]\w*)|\[([0-9]{{1,9}})\]|\[({_QUOTED})\]")


def path_of(steps: Steps) -> str:
    """Return the path as core writes it: `$.lines[0].n`; a name that is long is cut there."""
    return ROOT + "".join(f"[{step}]" if isinstance(step, int) else field_step(step) for step in steps)


def name_of(steps: Steps) -> str:
    """Return what the value at these steps is sent as: `lines[0].n`, `['odd name']`, `$` for the whole."""
    return "".join(map(_named, steps)).removeprefix(".") or ROOT


def _named(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN.fullmatch(step) else f"[{step!r}]"


def steps_of(name: str) -> Steps | None:
    """Return the steps that a name is of; None for a text that is no name."""
    read = _read(name)
    return read[0] if read is not None and read[1] == len(name) else None


def split_assignment(text: str) -> tuple[str, str] | None:
    """Return the name and the value of `name=value`, of which the name may have a `=` in quotes; None without one."""
    read = _read(text)
    if read is not None and text[read[1] : read[1] + 1] == "=":
        return text[: read[1]], text[read[1] + 1 :]
    name, separator, value = text.partition("=")
    return (name, value) if separator else None


def _read(text: str) -> tuple[Steps, int] | None:
    """Return the steps that a text begins with, and where they end."""
    if text.startswith(ROOT):
        return (), len(ROOT)
    steps: list[str | int] = []
    place = 0
    while match := _STEP.match(text, place):
        if text[place] not in ".[" and place:
            break
        plain, index, quoted = match.groups()
        steps.append(plain if plain is not None else int(index) if index is not None else ast.literal_eval(quoted))
        place = match.end()
    return (tuple(steps), place) if steps else None
