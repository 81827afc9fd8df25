"""The event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from mission_control.client.background import BackgroundLoop
from mission_control.core import CommanderClosedError


@pytest.fixture
def background() -> Iterator[BackgroundLoop]:
    background = BackgroundLoop("background test")
    yield background
    background.end()


async def forever() -> None:
    await asyncio.Event().wait()


async def leave() -> None:
    asyncio.get_running_loop().call_soon(sys.exit, 3)
    await forever()


async def give_up() -> None:
    raise asyncio.CancelledError


def test_call_returns_what_the_coroutine_returns(background: BackgroundLoop) -> None:
    """It runs on the thread, and not where it is called."""

    async def where() -> str:
        return threading.current_thread().name

    assert background.call(where) == "background test"


def test_thread_begins_with_the_first_call() -> None:
    """What was made and not used has no thread that a fork would lose, and ends all the same."""

    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate()]

    async def nothing() -> None:
        pass

    used, unused = BackgroundLoop("used test"), BackgroundLoop("unused test")
    assert "used test" not in threads()
    used.call(nothing)
    assert "used test" in threads()

    used.end()
    unused.end()

    with pytest.raises(CommanderClosedError):
        unused.call(forever)
    assert not unused.is_inherited


def test_call_that_takes_too_long_is_cancelled(background: BackgroundLoop) -> None:
    """After the time-out nothing of it goes on."""
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await forever()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        background.call(wait, timeout=0.01)

    assert cancelled.wait(20)


def test_end_leaves_nobody_waiting(background: BackgroundLoop) -> None:
    """Whoever still waits gets an error, and so does whoever comes later; a second end does nothing."""
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        await forever()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(background.call, wait)
        assert begun.wait(20)
        background.end()
        background.end()

        with pytest.raises(CommanderClosedError):
            waiting.result(timeout=20)
    with pytest.raises(CommanderClosedError):
        background.call(forever)


def test_loop_that_is_left_leaves_nobody_waiting(background: BackgroundLoop, caplog: pytest.LogCaptureFixture) -> None:
    """Code that exits ends the loop, which is logged; whoever waits gets an error."""
    with pytest.raises(CommanderClosedError):
        background.call(leave)

    with pytest.raises(CommanderClosedError):
        background.call(forever)
    background.end()
    assert "ended the event loop of background test" in caplog.text


def test_cancellation_of_its_own_is_no_end(background: BackgroundLoop) -> None:
    """A coroutine that cancels itself says so to its caller, and the loop goes on."""
    with pytest.raises(CancelledError):
        background.call(give_up)

    assert not background.has_ended
