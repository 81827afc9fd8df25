"""Both sides of the mailbox of a database, and its directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.core import OwnedMailbox, PersistenceAdapter
from mission_control.core.storage import Outbox


@pytest.fixture
def folder(path: Path) -> Path:
    """Where the mailbox is."""
    return path.with_name("missions.db-mailbox")


@pytest.fixture
def rung() -> asyncio.Event:
    """Is set when the owner is rung."""
    return asyncio.Event()


@pytest.fixture
def answered() -> asyncio.Event:
    """Is set when the client is rung."""
    return asyncio.Event()


@pytest.fixture
async def outbox(path: Path, answered: asyncio.Event) -> AsyncIterator[Outbox]:
    """The sender's side."""
    outbox = await sqlite_mailbox(path).open(answered.set)
    yield outbox
    await outbox.close()


@pytest.fixture
async def owned(adapter: PersistenceAdapter, rung: asyncio.Event) -> AsyncIterator[OwnedMailbox]:
    """The owner's side."""
    mailbox = adapter.mailbox()
    assert mailbox is not None
    await mailbox.open(rung.set)
    yield mailbox
    await mailbox.close()
