"""What the end of a step's attempt means: the command that tells the machine."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from ..definition import LONGEST_DURATION, Work
from ..errors import NonRetryableError, PayloadError, RetryAfterError
from ..foreign import ENDS_THE_PROGRAM, described, full_name, tried, words
from ..history import MissionFailure
from ..machine import PROCESS_ENDED, Fail, Interrupt, Succeed
from ..making import maker
from .attempt import Attempt
from .runner import Stop

Outcome: TypeAlias = Succeed | Fail | Interrupt

_succeed = maker(Succeed)

_LONGEST_TRACEBACK = 20_000


def attempt_outcome(attempt: Attempt, work: Work, at: datetime) -> Outcome:
    """Return the command for how `attempt` ended; `at` is when it was recorded.

    Whatever user code returned or raised, and however that behaves when it is
    looked at, there is an outcome.
    """

    def unseen(broken: BaseException) -> Outcome:
        message = f"what {attempt} returned or raised cannot be looked at: {described(broken)}"
        failure = MissionFailure(message=message, at=at, code="STEP_FAILED", type=full_name(type(broken)))
        return _final(attempt, failure)

    return tried(lambda: _outcome(attempt, work, at), unseen)


def _outcome(attempt: Attempt, work: Work, at: datetime) -> Outcome:
    if attempt.error is None and attempt.stopped is None:
        return _returned(attempt, work, at)
    if isinstance(attempt.error, ENDS_THE_PROGRAM):
        return Interrupt(attempt.name, number_of(attempt), PROCESS_ENDED)  # it was to end, whatever became of that
    if attempt.stopped is Stop.TIMEOUT:
        error: BaseException = TimeoutError(f"{attempt} did not end within {work.timeout:g} s")
        return _failed(attempt, error, work, at, code="STEP_TIMEOUT")
    if attempt.stopped is not None and (attempt.is_abandoned or attempt.error is not None):
        return Interrupt(attempt.name, number_of(attempt), "closed")
    if attempt.error is not None:
        return _failed(attempt, attempt.error, work, at, code="STEP_FAILED")
    return _returned(attempt, work, at)


def _returned(attempt: Attempt, work: Work, at: datetime) -> Outcome:
    try:
        return _succeed(attempt.name, number_of(attempt), work.recorded(attempt.value, subject=attempt, now=at))
    except PayloadError as error:
        return _final(attempt, _failure(error, at, "MISSION_PAYLOAD_ERROR"))


def _failed(attempt: Attempt, error: BaseException, work: Work, at: datetime, code: str) -> Fail:
    policy = work.retry
    if isinstance(error, NonRetryableError):
        is_retryable = False
    elif isinstance(error, RetryAfterError):
        is_retryable = not isinstance(error, policy.give_up_on)
    else:
        is_retryable = policy.is_retryable(error)
    failure = _failure(error, at, code)
    return Fail(
        attempt.name, number_of(attempt), failure, is_retryable=is_retryable, delay=_own_delay(error), chance=_chance()
    )


def _final(attempt: Attempt, failure: MissionFailure) -> Fail:
    return Fail(attempt.name, number_of(attempt), failure, is_retryable=False, delay=None, chance=_chance())


def number_of(attempt: Attempt) -> int:
    """Return which attempt of its step it is."""
    assert attempt.number is not None  # it is no update's
    return attempt.number


def _chance() -> float:
    from random import random  # slow to import

    return random()


def _own_delay(error: BaseException) -> float | None:
    """Return the delay that the error asks for, in seconds, if it asks for one that makes sense."""
    if not isinstance(error, RetryAfterError):
        return None

    def own() -> float | None:
        delay: Any = error.delay
        if isinstance(delay, timedelta):
            delay = delay.total_seconds()
        return float(max(0, min(delay, LONGEST_DURATION.total_seconds()))) if delay == delay else None

    return tried(own, lambda _: None)


def _failure(error: BaseException, at: datetime, code: str) -> MissionFailure:
    return MissionFailure(
        message=words(error),
        at=at,
        code=code,
        type=full_name(type(error)),
        traceback=_traceback(error)[-_LONGEST_TRACEBACK:],
    )


def _traceback(error: BaseException) -> str:
    return "".join(tried(lambda: traceback.format_exception(error), lambda _: traceback.format_tb(error.__traceback__)))
