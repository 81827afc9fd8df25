"""What `create_deferred` hands out: a future that is settled once, from anywhere."""

from __future__ import annotations

import asyncio
import threading
from typing import assert_type

import pytest

from mission_control.testing import Deferred, create_deferred


async def test_the_value_reaches_who_awaits_it() -> None:
    """`resolve` ends the wait with its value."""
    deferred: Deferred[int] = create_deferred()
    waiting = asyncio.ensure_future(deferred.future)
    await asyncio.sleep(0)
    assert not waiting.done()
    deferred.resolve(5)
    assert_type(await deferred.future, int)
    assert await waiting == 5


async def test_the_error_reaches_who_awaits_it() -> None:
    """`reject` ends the wait with its error."""
    deferred: Deferred[None] = create_deferred()
    deferred.reject(KeyError("no"))
    with pytest.raises(KeyError, match="no"):
        await deferred.future


async def test_without_an_annotation_anything_goes() -> None:
    """A deferred that says nothing of its values takes all of them."""
    deferred = create_deferred()
    deferred.resolve({"a": 1})
    assert (await deferred.future)["a"] == 1


async def test_the_first_settlement_wins() -> None:
    """What comes after the first `resolve`, `reject` or cancellation does nothing."""
    deferred: Deferred[int] = create_deferred()
    deferred.resolve(1)
    deferred.resolve(2)
    deferred.reject(ValueError("late"))
    assert await deferred.future == 1

    refused: Deferred[int] = create_deferred()
    refused.reject(ValueError("first"))
    refused.resolve(2)
    with pytest.raises(ValueError, match="first"):
        await refused.future

    cancelled: Deferred[int] = create_deferred()
    cancelled.future.cancel()
    cancelled.resolve(2)
    assert cancelled.future.cancelled()


async def test_a_thread_may_settle_it() -> None:
    """Of many threads that settle at once exactly one is heard, and the loop wakes up for it."""
    deferred: Deferred[int] = create_deferred()
    threads = [threading.Thread(target=deferred.resolve, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    first = await asyncio.wait_for(deferred.future, 10)
    for thread in threads:
        thread.join()
    await asyncio.sleep(0)
    assert first in range(8)
    assert await deferred.future == first


async def test_another_loop_may_settle_it() -> None:
    """A call from a second loop is handed over to the first."""
    deferred: Deferred[str] = create_deferred()

    async def elsewhere() -> None:
        deferred.resolve("from afar")

    await asyncio.to_thread(asyncio.run, elsewhere())
    assert await asyncio.wait_for(deferred.future, 10) == "from afar"
