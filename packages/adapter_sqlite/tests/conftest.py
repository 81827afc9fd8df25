"""A database file for each test, and the adapter that owns it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import PersistenceAdapter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "missions.db"


@pytest.fixture
def shared_path(path: Path) -> Path:
    """The same file, in folders that any user may enter."""
    temporary = Path(tempfile.gettempdir())
    for folder in path.parents:
        if temporary in folder.parents:
            folder.chmod(0o755)
    return path


@pytest.fixture
async def adapter(path: Path) -> AsyncIterator[PersistenceAdapter]:
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    yield adapter
    await adapter.close()
