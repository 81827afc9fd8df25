"""Mailboxes over every storage, and processes that send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.core import Mailbox, PersistenceAdapter
from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.in_memory_commander import in_memory_mailbox
from sending import Sender


@pytest.fixture
def mailbox(adapter_factory: Callable[[], PersistenceAdapter], database_path: Path) -> Mailbox:
    """The mailbox of the storage of `open_commander`."""
    adapter = adapter_factory()
    return in_memory_mailbox(adapter) if isinstance(adapter, InMemoryAdapter) else sqlite_mailbox(database_path)


@pytest.fixture
async def open_sender(mailbox: Mailbox) -> AsyncIterator[Callable[[], Awaitable[Sender]]]:
    """Opens senders, each like a process of its own."""
    opened: list[Sender] = []

    async def open_one() -> Sender:
        opened.append(await Sender.of(mailbox))
        return opened[-1]

    yield open_one
    for sender in opened:
        await sender.outbox.close()


@pytest.fixture
async def sender(open_sender: Callable[[], Awaitable[Sender]]) -> Sender:
    """A process that sends."""
    return await open_sender()
