"""The ways by which the missions of one storage are asked for: a commander, clients, the mailbox; all are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from mission_control.adapter_sqlite import open_mission_reader
from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import Mailbox, MissionDefinition, MissionSummary, PersistenceAdapter, create_commander
from mission_control.runtime import create_commander_runtime


@attrs.frozen
class Place:
    """A storage without an owner, and what is known of its missions."""

    adapter: Callable[[], PersistenceAdapter]
    mailbox: Mailbox
    database_path: Path
    definitions: Sequence[MissionDefinition[Any]]


class OnAThread:
    """Asks for callers that wait, on a thread of its own, so that all that is asked can be awaited."""

    def __init__(self, asked: object) -> None:
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._asked, name)
        if not callable(found):
            return OnAThread(found)
        return partial(asyncio.to_thread, found)


@asynccontextmanager
async def _commander(place: Place) -> AsyncGenerator[Any]:
    async with create_commander(definitions=place.definitions, persistence=place.adapter()) as commander:
        yield commander


@asynccontextmanager
async def _client(place: Place) -> AsyncGenerator[Any]:
    async with create_commander_runtime(definitions=place.definitions, persistence=place.adapter()) as runtime:
        yield create_commander_client(runtime=runtime)


@asynccontextmanager
async def _blocking_client(place: Place) -> AsyncGenerator[Any]:
    client = await asyncio.to_thread(create_blocking_client, definitions=place.definitions, persistence=place.adapter())
    try:
        yield OnAThread(client)
    finally:
        await asyncio.to_thread(client.close)


@asynccontextmanager
async def _mailbox_client(place: Place) -> AsyncGenerator[Any]:
    async with (
        _commander(place),
        create_commander_client(mailbox=place.mailbox, definitions=place.definitions) as client,
    ):
        yield client


@asynccontextmanager
async def _mailbox_client_that_knows_nothing(place: Place) -> AsyncGenerator[Any]:
    async with _commander(place), create_commander_client(mailbox=place.mailbox) as client:
        yield client


@asynccontextmanager
async def _blocking_mailbox_client(place: Place) -> AsyncGenerator[Any]:
    client = create_blocking_client(mailbox=place.mailbox, definitions=place.definitions)
    async with _commander(place):
        try:
            yield OnAThread(client)
        finally:
            await asyncio.to_thread(client.close)


@asynccontextmanager
async def _reader(place: Place) -> AsyncGenerator[Any]:
    async with open_mission_reader(place.database_path) as reader:
        yield reader


Way: TypeAlias = Callable[[Place], AbstractAsyncContextManager[Any]]

WAYS: Mapping[str, Way] = {
    "commander": _commander,
    "client": _client,
    "blocking client": _blocking_client,
    "mailbox client": _mailbox_client,
    "mailbox client that knows nothing": _mailbox_client_that_knows_nothing,
    "blocking mailbox client": _blocking_mailbox_client,
}
"""Those by which missions are operated."""
READ = _reader
"""By the file alone, where there is one."""


async def each(asked: Any, **filters: Any) -> list[MissionSummary]:
    """Return what iterating over missions gives."""
    if not isinstance(asked, OnAThread):
        return [summary async for summary in asked.iter_missions(**filters)]
    found = await asked.iter_missions(**filters)
    return await asyncio.to_thread(list, found)
