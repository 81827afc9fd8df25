"""Open pages hear that something has changed: one look for all of them, none where nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from mission_control.console import create_app
from mission_control.console.page import changes as changes_module
from mission_control.console.page.changes import MOST_STREAMS, Changes
from mission_control.core import PersistenceError

from .site import HERE, Site


class Counted:
    """What differs whenever something has changed, and how often that was looked at."""

    def __init__(self) -> None:
        self.value: int | None = 0
        self.looks = 0

    async def __call__(self) -> int:
        self.looks += 1
        if self.value is None:
            raise PersistenceError("it is gone")
        return self.value


@pytest.fixture
def token() -> Counted:
    return Counted()


async def opened(changes: Changes) -> tuple[AsyncIterator[bytes], bytes]:
    """Return a stream, and the first that it said."""
    stream = changes.stream()
    return stream, await anext(stream)


async def closed(stream: AsyncIterator[bytes]) -> None:
    await stream.aclose()  # type: ignore[attr-defined]  # a generator's


async def test_the_first_event_comes_at_once(token: Counted) -> None:
    """What changed before a page listened is not lost."""
    stream, first = await opened(Changes(token))

    assert b"event: changed" in first
    await closed(stream)


async def test_a_change_is_told_to_all(token: Counted) -> None:
    """Each stream hears of it."""
    changes = Changes(token)
    streams = [(await opened(changes))[0] for _ in range(3)]
    await asyncio.sleep(0)
    token.value = 1

    assert await asyncio.gather(*map(anext, streams)) == [b"event: changed\ndata:\n\n"] * 3
    for stream in streams:
        await closed(stream)


async def test_a_file_that_is_gone_is_a_change(token: Counted) -> None:
    """The page is asked for then, and says so."""
    changes = Changes(token)
    stream, _ = await opened(changes)
    await asyncio.sleep(0)
    token.value = None

    assert await anext(stream) == b"event: changed\ndata:\n\n"
    await closed(stream)


async def test_nobody_looks_where_nobody_listens(token: Counted) -> None:
    """When the last stream has closed, the looking ends."""
    changes = Changes(token)
    one, _ = await opened(changes)
    other, _ = await opened(changes)
    await closed(one)
    seen = [changes.is_looking]
    await closed(other)
    await asyncio.sleep(0)
    seen.append(changes.is_looking)

    assert seen == [True, False]


async def test_streams_are_bounded(token: Counted) -> None:
    """There is room for so many, and for one more when one has closed."""
    changes = Changes(token)
    streams = [(await opened(changes))[0] for _ in range(MOST_STREAMS)]

    seen = [changes.has_room]
    await closed(streams.pop())
    seen.append(changes.has_room)
    assert seen == [False, True]
    for stream in streams:
        await closed(stream)


async def test_who_asks_for_the_headers_alone_opens_no_stream(site: Site) -> None:
    """They are answered at once."""
    answer = await site.browser.head("/changes")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_quiet_stream_says_that_it_is_alive(token: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a browser that has gone is noticed."""
    monkeypatch.setattr(changes_module, "_ALIVE_SECONDS", 0.01)
    stream, _ = await opened(Changes(token))

    assert await anext(stream) == b": alive\n\n"
    await closed(stream)


async def test_too_many_streams_are_refused(site: Site) -> None:
    """The page is shown all the same, as it was when it was loaded."""
    app = create_app(site.client)
    streams = [(await opened(app.state.changes))[0] for _ in range(MOST_STREAMS)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE) as browser:
        answer = await browser.get("/changes")
    for stream in streams:
        await closed(stream)

    assert answer.status_code == 503


async def test_streams_that_are_asked_for_in_one_moment_are_bounded(token: Counted) -> None:
    """Those that found room, and have none when they begin, end at once."""
    changes = Changes(token)
    asked = [changes.stream() for _ in range(MOST_STREAMS + 5)]

    first = [await anext(stream, None) for stream in asked]
    for stream in asked:
        await closed(stream)

    assert first.count(None) == 5


async def test_closing_ends_all_streams(token: Counted) -> None:
    """So that a server can stop."""
    changes = Changes(token)
    stream, _ = await opened(changes)
    changes.close()

    assert [event async for event in stream] == []
    assert not changes.has_room
