"""A database file for each test, and the adapter that owns it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import PersistenceAdapter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "missions.db"


@pytest.fixture
async def adapter(path: Path) -> AsyncIterator[PersistenceAdapter]:
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    yield adapter
    await adapter.close()
