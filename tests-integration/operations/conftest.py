"""Who is asked of the missions of a place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ways import WAYS, Place


@pytest.fixture(params=WAYS)
async def asked(request: pytest.FixtureRequest, place: Place) -> AsyncIterator[Any]:
    """Who is asked, in each way."""
    async with WAYS[request.param](place) as asked:
        yield asked
