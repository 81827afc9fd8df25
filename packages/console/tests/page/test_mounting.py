"""The page below a path of another application, behind that one's login."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.console import create_app
from mission_control.runtime import create_commander_runtime

from .missions import Order, definitions
from .site import Site


async def test_every_link_stays_below_the_path(database: Path, site: Site) -> None:
    """Whatever page is asked for, no link, form or file leads out of where it is mounted."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    async with create_commander_client(mailbox=sqlite_mailbox(database)) as client:
        outer = Starlette(routes=[Mount("/ops/missions page", create_app(client, token="a token for this test"))])
        transport = httpx.ASGITransport(app=outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
            below = Site(browser, client, None)
            login = await browser.get("/ops/missions%20page/missions")
            assert login.headers["location"].startswith("/ops/missions%20page/login?next=%2Fmissions")
            answer = await below.post(
                "/ops/missions%20page/login",
                {"token": "a token for this test", "next": "/missions"},
                form="/ops/missions%20page/login",
            )
            assert answer.headers["location"] == "/ops/missions%20page/missions"
            assert "Path=/ops/missions%20page;" in answer.headers["set-cookie"]
            for path in ("/", "/missions", "/missions/o-1", "/inbox", "/agenda", "/schedules", "/definitions"):
                page = await browser.get(f"/ops/missions%20page{path}")
                assert page.status_code == 200
                links = re.findall(r'(?:href|src|action|data-changes)="([^"#][^"]*)"', page.text)
                assert len(links) > 5
                assert [one for one in links if not one.startswith("/ops/missions%20page")] == []


async def test_the_page_over_a_runtime_of_the_same_process() -> None:
    """Who runs the missions may serve the page beside them, without a mailbox, and without a file."""
    known = definitions()
    runtime = create_commander_runtime(definitions=known)
    async with runtime:
        client = create_commander_client(runtime=runtime, by="kim")
        transport = httpx.ASGITransport(app=create_app(client))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
            site = Site(browser, client, runtime.commander)
            await runtime.commander.start("order", Order("a", 1), mission_id="o-1")
            await runtime.commander.start("order", Order("a", 200), mission_id="bad", wait=False)
            await runtime.commander.settled()
            for path in ("/", "/missions", "/missions/o-1", "/missions/bad", "/inbox", "/agenda", "/definitions"):
                assert (await browser.get(path)).status_code == 200
            await site.post("/act/done", {"action": "pause", "mission": "o-1"})

            assert "by kim" in await site.text("/missions/o-1")
