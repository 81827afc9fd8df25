"""A page that is read only has nothing that changes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from .missions import Order
from .site import HERE, open_site


@pytest.mark.parametrize("path", ["/act", "/act/done", "/waits/o-1", "/schedules/pause/nightly", "/start/order"])
async def test_there_is_no_route_that_changes(database: Path, path: str) -> None:
    """What would change something is not there, rather than refused."""
    async with open_site(database, read_only=True) as site:
        answer = await site.browser.post(path, data={"mission": "o-1"}, headers={"Origin": HERE})

        assert answer.status_code in (404, 405)


async def test_there_is_no_button(database: Path) -> None:
    """No page has a form that is sent."""
    async with open_site(database, read_only=True) as site:
        await site.owner.start("order", Order("a", 1), mission_id="o-1")
        for path in (
            "/",
            "/missions",
            "/missions/o-1",
            "/inbox",
            "/schedules",
            "/definitions",
            "/waits/o-1?wait=approved",
        ):
            assert 'method="post"' not in (await site.get(path)).text
