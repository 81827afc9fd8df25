"""A database of the page's own in each test, and the page over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .site import Site, open_site


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "missions.db"


@pytest.fixture
async def site(database: Path) -> AsyncIterator[Site]:
    async with open_site(database) as site:
        yield site
