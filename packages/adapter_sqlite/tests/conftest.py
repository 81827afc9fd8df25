"""A database file for each test, and the adapter that owns it."""

from __future__ import annotations

import itertools
import stat
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
    for folder in itertools.takewhile(lambda folder: not folder.stat().st_mode & stat.S_IXOTH, path.parents):
        folder.chmod(0o755)
    return path


@pytest.fixture
async def adapter(path: Path) -> AsyncIterator[PersistenceAdapter]:
    adapter = create_sqlite_persistence_adapter(path)
    await adapter.bootstrap()
    yield adapter
    await adapter.close()
