"""Code that is not ours: what users, loggers, hooks and clocks may raise, and how it is kept from harming a mission.

Whatever is called that somebody else wrote may raise anything, and so may looking at what it gave: its text, its
comparison, its class. Only what ends the program goes through.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

ENDS_THE_PROGRAM = (KeyboardInterrupt, SystemExit)
"""What is raised to end more than the code that raises it."""

LONGEST_WORDS = 10_000
"""Characters of an error's text that are kept."""


def must_pass(error: BaseException) -> bool:
    """True for what a task must not keep: the end of the program, and its own cancellation."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0  # else somebody's code raised it
    return isinstance(error, ENDS_THE_PROGRAM)


def carried(error: BaseException) -> BaseException:
    """Return what a future may carry in place of `error`: coroutines take two of them for something else."""
    return RuntimeError(described(error)) if isinstance(error, StopIteration | GeneratorExit) else error


def tried(call: Callable[[], T], otherwise: Callable[[BaseException], T]) -> T:
    """Return what `call` returns, or what `otherwise` makes of what it raises."""
    try:
        return call()
    except ENDS_THE_PROGRAM:
        raise
    except BaseException as error:
        return otherwise(error)


def full_name(kind: type[object]) -> str:
    """Return a class's name with its module, which a builtin has none of, whatever its metaclass does."""

    def name() -> str:
        module = kind.__module__
        return str(kind.__qualname__) if module == "builtins" else f"{module}.{kind.__qualname__}"

    return tried(name, lambda _: type.__repr__(kind))


def text_of(value: object) -> str:
    """Return a value's text, its class where it cannot say it."""
    return tried(lambda: str(value), lambda _: f"<{full_name(type(value))}>")


def words(error: BaseException) -> str:
    """Return an error's own words, its class where it has none or cannot say them."""
    kind = type(error).__name__
    return tried(
        lambda: str(error)[:LONGEST_WORDS] or kind,
        lambda broken: f"{kind} (its __str__ raised {type(broken).__name__})",
    )


def described(error: BaseException) -> str:
    """Return an error's class and its own words."""
    return f"{type(error).__name__}: {words(error)}"


def report_broken_logging(error: BaseException) -> None:
    """Say on stderr, as `logging` itself does, that a log line could not be written."""

    def report() -> None:
        sys.stderr.write("--- Logging error in mission_control ---\n")
        traceback.print_exception(error, file=sys.stderr)

    if logging.raiseExceptions:
        tried(report, lambda _: None)  # there is nobody left to tell
