"""What a command line names as MODULE:NAME, imported from the current directory as `python -m` does."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import click

from mission_control.core import MissionDefinition

from .failures import Refused


def named(place: str) -> Any:
    """Return what MODULE:NAME is. Raises `UsageError` for another text, and `Refused` where there is nothing."""
    module_name, separator, name = place.partition(":")
    if not (module_name and separator and name):
        raise click.UsageError(f"expected MODULE:NAME, found {place!r}")
    module = _module(module_name)
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError:
        public = ", ".join(one for one in vars(module) if not one.startswith("_")) or "nothing"
        raise Refused(f"module {module_name!r} has no {name!r}; it has {public}") from None


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise Refused(f"there is no module {name!r}, neither here nor among what is installed") from error
        raise Refused(f"module {name!r} cannot be imported: {raised(error)}") from error
    except Exception as error:
        raise Refused(f"module {name!r} cannot be imported: {raised(error)}") from error


def raised(error: BaseException) -> str:
    """Return what was raised by somebody's code, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    what = "".join(traceback.format_exception_only(error)).strip()
    return f"{what} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else what


def called(place: str, function: Any) -> Any:
    """Return what a function without arguments returns, which may be to be awaited. Raises `Refused`."""
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        raise Refused(f"{place}: expected a function that takes no arguments") from None
    try:
        return function()
    except Exception as error:
        raise Refused(f"{place}: {raised(error)}") from error


def definitions_in(place: str) -> list[MissionDefinition[Any]]:
    """Return the definitions that MODULE:NAME is: one, or a collection. Raises `Refused` for others."""
    found = named(place)
    listed = list(cast("Iterable[object]", found)) if isinstance(found, Iterable) else [found]
    for one in listed:
        if not isinstance(one, MissionDefinition):
            raise Refused(
                f"{place}: expected a mission definition, or a collection of them, found {type(one).__name__}"
            )
    return cast("list[MissionDefinition[Any]]", listed)
