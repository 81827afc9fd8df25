"""A database file for each test, and the adapter that owns it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import PersistenceAdapter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "missions.db"


@pytest.fixture
def shared_path() -> Iterator[Path]:
    """A file in a folder that any user may enter; those of `tmp_path` are closed whenever a pytest begins."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder, "missions.db")


@pytest.fixture
async def adapter(path: Path) -> AsyncIterator[PersistenceAdapter]:
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    yield adapter
    await adapter.close()
