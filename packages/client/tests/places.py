"""Where missions are kept, seen from both sides: by the commander that owns them, and by those who use its mailbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.core import Clock, Commander, Mailbox, MissionDefinition, PersistenceAdapter, create_commander
from mission_control.in_memory_commander import create_in_memory_persistence_adapter, in_memory_mailbox

from .missions import order


class Place:
    """A storage for one owner after another, and the mailbox of it."""

    def __init__(self, database: Path | None) -> None:
        self._database = database
        self._in_memory = create_in_memory_persistence_adapter()

    def storage(self) -> PersistenceAdapter:
        """Return the storage for the next owner."""
        return self._in_memory if self._database is None else create_sqlite_persistence_adapter(self._database)

    def mailbox(self) -> Mailbox:
        """Return the mailbox, for a client."""
        if self._database is not None:
            return sqlite_mailbox(self._database)
        return in_memory_mailbox(self._in_memory)

    @asynccontextmanager
    async def owned(
        self, *definitions: MissionDefinition[Any], clock: Clock | None = None
    ) -> AsyncGenerator[Commander]:
        """Let a commander own the storage, with the order's definition unless others are given."""
        storage = self.storage()
        async with create_commander(definitions=definitions or [order], persistence=storage, clock=clock) as owner:
            yield owner
