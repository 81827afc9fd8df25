"""The pytest plugin: fixtures for code that runs missions.

`fake_clock` is a `FakeClock`, `mission_id_sequence` gives `mission-1`, `mission-2`, ... and `in_memory_commander` is a
commander in memory that uses both; `crash` ends any commander as SIGKILL would. All are plain fixtures of function
scope: they work under any asyncio plugin and mode, under anyio, and without any.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # at run time on first use: this module is imported in every project where the package is installed
    from mission_control.core import Commander

    from .clock import FakeClock

pytest.register_assert_rewrite("mission_control.testing.conformance")


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands at 1970-01-01 until the test moves it."""
    from .clock import FakeClock

    return FakeClock()


@pytest.fixture
def mission_id_sequence() -> Callable[[], str]:
    """A function that gives `mission-1`, `mission-2`, ... from call to call."""
    numbers = count(1)
    return lambda: f"mission-{next(numbers)}"


@pytest.fixture
def crash() -> Callable[[Commander], Awaitable[None]]:
    """What ends a commander, which it is called and awaited with, as SIGKILL would end its process."""
    from .crashing import crash

    return crash


@pytest.fixture
def in_memory_commander(
    request: pytest.FixtureRequest, fake_clock: FakeClock, mission_id_sequence: Callable[[], str]
) -> Commander:
    """A commander in memory, on `fake_clock`, whose missions are called `mission-1`, `mission-2` and so on.

    It becomes ready with its first operation, on the loop of that operation. A test that is a coroutine function
    has it closed when it ends, on its own loop. A plain test that runs a loop of its own closes it there:
    `async with in_memory_commander: ...`.
    """
    from mission_control.core import create_commander

    commander = create_commander(clock=fake_clock, create_mission_id=mission_id_sequence)
    test = getattr(request.node, "obj", None)
    if inspect.iscoroutinefunction(test):
        request.node.obj = _closing(commander, test)
    return commander


def _closing(commander: Commander, test: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """Return `test`, which closes the commander when it ends; an asyncio fixture would need a plugin to run it."""

    @functools.wraps(test)
    async def run(*arguments: Any, **fixtures: Any) -> object:
        try:
            return await test(*arguments, **fixtures)
        finally:
            await commander.close()

    return run
