"""What the builder is given, checked: code, policies, durations, limits and paths."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..errors import MissionDefinitionError
from ..foreign import tried
from ..payloads import (
    PLAIN,
    PayloadType,
    found,
    is_coroutine_function,
    payload_type,
    refuse_generator,
    return_type,
)
from .names import is_a
from .reminders import Reminder, ReminderPlan
from .retry import RetryPolicy, seconds
from .work import Timing, UserCode, Work

if TYPE_CHECKING:
    from .flow import MissionPath

W = TypeVar("W", bound=Work)

MOST_PATHS = 1_000
"""How many paths one construct may have."""


def checked_code(run: object, *arguments: str, subject: str) -> UserCode:
    """Return code that can be called with these arguments. Raises `MissionDefinitionError`, naming `subject`."""
    if not callable(run):
        raise MissionDefinitionError(f"{subject}: expected a function, found {found(run)}")
    problem = tried(lambda: _bind(run, len(arguments)), lambda error: error)
    if isinstance(problem, TypeError):
        raise MissionDefinitionError(
            f"{subject}: it is called with ({', '.join(arguments)}), and that fails: {problem}"
        )
    if problem is not None and not isinstance(problem, ValueError):  # which a built-in without a signature raises
        raise MissionDefinitionError(f"{subject}: the signature of {found(run)} cannot be read") from problem
    return run


def _bind(run: Callable[..., object], arguments: int) -> BaseException | None:
    inspect.signature(run).bind(*(None,) * arguments)
    return None


def caller() -> FrameType | None:
    """Return the frame of whoever calls the builder: names in its annotations may be local there."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    return frame


# --- code ---------------------------------------------------------------------------------


def made(
    kind: type[W],
    run: object,
    /,
    *,
    output: object = None,
    frame: FrameType | None = None,
    retry: object = None,
    timeout: timedelta | float | None = None,
    subject: str,
    **more: Any,
) -> W:
    """Return code with its policy. Raises `MissionDefinitionError`, naming `subject`.

    `output` is the type of what it returns; without one its annotation says it, which may name locals of `frame`.
    """
    code = checked_code(run, "ctx", subject=subject)
    if output is None:
        output = return_type(code, caller=frame, subject=subject)
    elif not is_a(output, PayloadType):
        output = payload_type(output, subject=f"{subject}, output=")
    policy, limit = checked_policy(retry, f"{subject}, retry"), checked_timeout(timeout, subject)
    return kind(run=code, is_async=is_coroutine_function(code), output=output, retry=policy, timeout=limit, **more)


def decision(
    kind: type[W],
    run: object,
    output: PayloadType,
    retry: object,
    timeout: timedelta | float | None,
    subject: str,
    **more: Any,
) -> W:
    """Return code whose answer is read as `output`, whatever its annotation says. Raises `MissionDefinitionError`."""
    work = made(kind, run, output=output, retry=retry, timeout=timeout, subject=subject, **more)
    refuse_generator(work.run, subject=subject)
    return work


def undo_work(
    undo: object,
    undo_retry: object,
    *,
    retry: object,
    timeout: timedelta | float | None,
    frame: FrameType | None,
    subject: str,
) -> Work | None:
    """Return what undoes a step, with a policy of its own or the step's. Raises `MissionDefinitionError`."""
    if undo is None:
        if undo_retry is not None:
            raise MissionDefinitionError(f"{subject}: undo_retry without undo says nothing; give it an undo= as well")
        return None
    subject = f"undo of {subject}"
    policy = retry if undo_retry is None else undo_retry
    return made(Work, undo, frame=frame, retry=policy, timeout=timeout, subject=subject)


def timing(duration: object, subject: str, *, may_be_none: bool) -> float | Timing:
    """Return a duration in seconds, or the code that computes it. Raises `MissionDefinitionError`."""
    if callable(duration):
        return decision(Timing, duration, PLAIN, None, None, subject, may_be_none=may_be_none)
    return seconds(cast("Any", duration), subject=subject)


def reminder_plan(reminder: object, frame: FrameType | None, subject: str) -> ReminderPlan | None:
    """Return the reminder of a wait, ready to run. Raises `MissionDefinitionError`, naming `subject`."""
    if reminder is None:
        return None
    subject = f"reminder of {subject}"
    if not is_a(reminder, Reminder):
        raise MissionDefinitionError(
            f"{subject}: expected a Reminder, found {found(reminder)}; say reminder=Reminder(run, every=...)"
        )
    work = made(Work, reminder.run, frame=frame, retry=reminder.retry, subject=subject)
    return ReminderPlan(work=work, every=reminder.every, at_most=reminder.at_most)


# --- values -------------------------------------------------------------------------------


def checked_timeout(timeout: timedelta | float | None, subject: str) -> float | None:
    """Return a timeout in seconds. Raises `MissionDefinitionError`, naming `subject`."""
    return None if timeout is None else seconds(timeout, subject=f"{subject}, timeout")


def checked_policy(retry: object, subject: str) -> RetryPolicy:
    """Return a policy, that of no retry where none is given. Raises `MissionDefinitionError`, naming `subject`."""
    if retry is None:
        return RetryPolicy()
    if not is_a(retry, RetryPolicy):
        raise MissionDefinitionError(f"{subject}: expected a RetryPolicy, found {found(retry)}")
    return retry


def checked_limit(limit: object, low: int, subject: str) -> int | None:
    """Return a limit that is None or at least `low`. Raises `MissionDefinitionError`, naming `subject`."""
    if limit is not None and (type(limit) is not int or not low <= limit <= sys.maxsize):
        raise MissionDefinitionError(
            f"{subject}: expected an int from {low} to {sys.maxsize}, or None for no limit, found {found(limit)}"
        )
    return limit


def checked_flag(value: object, subject: str) -> bool:
    """Return True or False. Raises `MissionDefinitionError`, naming `subject`, for anything else."""
    if value is True or value is False:
        return value
    raise MissionDefinitionError(f"{subject}: expected True or False, found {found(value)}")


def checked_message(message: object, subject: str) -> str | None:
    """Return the message of a deadline. Raises `MissionDefinitionError`, naming `subject`, for what is no text."""
    if message is None:
        return None
    if not is_a(message, str):
        raise MissionDefinitionError(f"{subject}, timeout_message: expected a str, found {found(message)}")
    return str.__str__(message)


# --- paths --------------------------------------------------------------------------------


def checked_path(path: object, subject: str) -> MissionPath[Any]:
    """Return a path. Raises `MissionDefinitionError`, naming `subject`, for what is none."""
    from .flow import MissionPath  # which is built with what is checked here

    if is_a(path, MissionPath):
        return path
    raise MissionDefinitionError(
        f"{subject}: expected a path, found {found(path)}; begin one with m.path(), as in m.path().step(...); "
        f"a whole definition is a child, for .mission(...)"
    )


def checked_on_timeout(path: object, timeout: object, message: object, subject: str) -> MissionPath[Any] | None:
    """Return what runs after a deadline. Raises `MissionDefinitionError`, naming `subject`, where that cannot be."""
    if path is None:
        return None
    if timeout is None:
        raise MissionDefinitionError(f"{subject}: on_timeout without a timeout never runs; say timeout=")
    if message is not None:
        raise MissionDefinitionError(
            f"{subject}: with on_timeout the mission goes on, and nobody sees the timeout_message; leave one out"
        )
    return checked_path(path, f"{subject}, on_timeout")


def items_of(paths: object, subject: str) -> Iterable[tuple[object, object]]:
    """Return the names or keys of a construct's paths, each with what is to be its path.

    Raises `MissionDefinitionError`, naming `subject`, where there are none or too many.
    """
    if not issubclass(type(paths), Mapping):
        raise MissionDefinitionError(
            f'{subject}: expected its paths by name, as in {{"name": m.path().step(...)}}, found {found(paths)}'
        )
    items = list(cast("Mapping[object, object]", paths).items())
    if not items:
        raise MissionDefinitionError(
            f'{subject}: it has no path at all; give it one at least, as in {{"name": m.path().step(...)}}'
        )
    if len(items) > MOST_PATHS:
        raise MissionDefinitionError(
            f"{subject}: it has {len(items):,} paths, and may have {MOST_PATHS:,}; go over a list with .each(...)"
        )
    return items
