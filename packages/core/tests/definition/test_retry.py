"""Retry policies: what they accept, the delays they give, and what they retry."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core import MissionDefinitionError, RetryPolicy
from mission_control.core.definition.retry import LONGEST_DURATION, seconds

LONGEST = LONGEST_DURATION.total_seconds()


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(0, 0.0), (5, 5.0), (0.5, 0.5), (timedelta(minutes=2), 120.0), (timedelta(0), 0.0), (LONGEST_DURATION, LONGEST)],
)
def test_duration_is_seconds_or_a_timedelta(duration: timedelta | float, expected: float) -> None:
    """Both forms come out as seconds."""
    value = seconds(duration, subject="it")

    assert value == expected
    assert type(value) is float


@pytest.mark.parametrize(
    "duration",
    [
        -1,
        -0.001,
        timedelta(microseconds=-1),
        LONGEST + 1,
        timedelta.max,
        10**400,
        math.nan,
        math.inf,
        -math.inf,
        True,
        "5",
        None,
        Decimal(5),
        [5],
    ],
    ids=str,
)
def test_duration_that_makes_no_sense_is_refused(duration: Any) -> None:
    """Negative, endless and foreign durations raise, naming what they are for."""
    with pytest.raises(MissionDefinitionError, match=r"^step 'x', timeout: expected "):
        seconds(duration, subject="step 'x', timeout")


def test_defaults() -> None:
    """Without arguments a step is tried once, and survives ten ends of its process in a row."""
    policy = RetryPolicy()

    assert attrs.asdict(policy) == {
        "max_attempts": 1,
        "initial_interval": 0.0,
        "backoff_multiplier": 1.0,
        "max_interval": None,
        "jitter": 0.0,
        "retry_on": (Exception,),
        "give_up_on": (),
        "max_interruptions": 10,
    }


def test_policy_is_a_value() -> None:
    """Equal policies are equal, hash alike and do not change."""
    policy = RetryPolicy(max_attempts=3, initial_interval=timedelta(minutes=1))

    assert policy == RetryPolicy(3, 60)
    assert hash(policy) == hash(RetryPolicy(3, 60))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.max_attempts = 4  # type: ignore[misc]


WRONG: list[tuple[str, Any]] = [
    *(("max_attempts", value) for value in (0, -1, 1.0, True, "3", math.inf)),
    *(("max_interruptions", value) for value in (0, -1, None, 2.5, False)),
    *(("initial_interval", value) for value in (-1, math.nan, math.inf, "1", None, timedelta(-1), True)),
    *(("max_interval", value) for value in (-1, math.nan, math.inf, "1", timedelta(-1))),
    *(("backoff_multiplier", value) for value in (0.5, 0, -2, math.nan, math.inf, "2", None, True)),
    *(("jitter", value) for value in (-0.1, 1.1, math.nan, "0.5", None, True)),
    *(("retry_on", value) for value in (ValueError(), "ValueError", (int,), None, 5, (ValueError, None), ["x"])),
    *(("give_up_on", value) for value in (ValueError(), "ValueError", (int,), None, 5)),
]


@pytest.mark.parametrize(("argument", "value"), WRONG, ids=repr)
def test_argument_that_makes_no_sense_is_refused(argument: str, value: Any) -> None:
    """Every argument is checked when the policy is made, with a message that says what was expected and found."""
    arguments: dict[str, Any] = {argument: value}

    with pytest.raises(MissionDefinitionError, match=r"expected .* found "):
        RetryPolicy(**arguments)


@pytest.mark.parametrize("classes", [KeyError, (KeyError,), [KeyError]], ids=repr)
def test_classes_may_be_one_or_several(classes: Any) -> None:
    """A single class and a list are taken for the tuple that they mean."""
    assert RetryPolicy(retry_on=classes).retry_on == (KeyError,)
    assert RetryPolicy(give_up_on=classes).give_up_on == (KeyError,)


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(), [0, 0, 0]),
        (RetryPolicy(initial_interval=5), [0, 5, 5, 5]),
        (RetryPolicy(initial_interval=5, backoff_multiplier=2), [0, 5, 10, 20, 40]),
        (RetryPolicy(initial_interval=5, backoff_multiplier=2, max_interval=12), [0, 5, 10, 12, 12]),
        (RetryPolicy(initial_interval=5, max_interval=1), [0, 1, 1]),
        (RetryPolicy(initial_interval=5, max_interval=0), [0, 0, 0]),
    ],
)
def test_delay_before_each_attempt(policy: RetryPolicy, delays: list[float]) -> None:
    """`delay(n)` is what precedes attempt n: nothing before the first, the initial interval before the second."""
    assert [policy.delay(number) for number in range(1, len(delays) + 1)] == delays


@pytest.mark.parametrize("attempt", [100, 10_000, 10**9, 10**30])
def test_delay_saturates(attempt: int) -> None:
    """However many failures there were, a delay is a number, at most the limit, and zero stays zero."""
    growing = RetryPolicy(initial_interval=1, backoff_multiplier=10)

    assert growing.delay(attempt) == LONGEST
    assert RetryPolicy(initial_interval=1, backoff_multiplier=10, max_interval=60).delay(attempt) == 60
    assert RetryPolicy(initial_interval=0, backoff_multiplier=10).delay(attempt) == 0


@settings(deadline=None)
@given(
    st.floats(0, LONGEST),
    st.floats(1, 1e300),
    st.none() | st.floats(0, LONGEST),
    st.integers(1, 10**6),
)
def test_delays_never_decrease_and_stay_in_bounds(
    initial: float, multiplier: float, limit: float | None, attempt: int
) -> None:
    """Whatever the policy, a later attempt never waits shorter, and never longer than allowed."""
    policy = RetryPolicy(initial_interval=initial, backoff_multiplier=multiplier, max_interval=limit)

    one, other = policy.delay(attempt), policy.delay(attempt + 1)

    assert 0 <= one <= other <= (LONGEST if limit is None else limit)


def test_attempts_are_allowed_up_to_the_limit() -> None:
    """`max_attempts` counts failures; None allows any number."""
    assert [RetryPolicy(max_attempts=2).allows_another(failures) for failures in (1, 2, 3)] == [True, False, False]
    assert RetryPolicy(max_attempts=None).allows_another(10**9)


@pytest.mark.parametrize(
    ("policy", "error", "expected"),
    [
        (RetryPolicy(), ValueError(), True),
        (RetryPolicy(), KeyboardInterrupt(), False),
        (RetryPolicy(retry_on=(OSError,)), TimeoutError(), True),
        (RetryPolicy(retry_on=(OSError,)), ValueError(), False),
        (RetryPolicy(retry_on=()), ValueError(), False),
        (RetryPolicy(give_up_on=(OSError,)), TimeoutError(), False),
        (RetryPolicy(retry_on=(TimeoutError,), give_up_on=(OSError,)), TimeoutError(), False),
    ],
)
def test_errors_are_retryable_by_their_class(policy: RetryPolicy, error: BaseException, expected: bool) -> None:
    """Subclasses count, and giving up wins."""
    assert policy.is_retryable(error) is expected
