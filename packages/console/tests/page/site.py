"""The page as a browser without JavaScript sees it: cookies kept, forms sent with what they bear."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any

import attrs
import httpx

from mission_control.adapter_sqlite import SQLiteCommander, sqlite_mailbox
from mission_control.client import CommanderClient, create_commander_client
from mission_control.console import create_app
from mission_control.core import Commander

from .missions import definitions, nightly

HERE = "http://localhost"


@attrs.frozen
class Site:
    """The page over a database, and who runs the missions there: None where nobody does."""

    browser: httpx.AsyncClient
    client: CommanderClient
    commander: Commander | None

    @property
    def owner(self) -> Commander:
        """Who runs the missions."""
        assert self.commander is not None
        return self.commander

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask for a page."""
        return await self.browser.get(path, **options)

    async def text(self, path: str) -> str:
        """Return what a page shows, as text: without markup, and with single spaces."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return shown(answer)

    async def form_token(self, path: str = "/") -> str:
        """Return what the forms of a page bear."""
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', (await self.get(path)).text)
        assert found is not None
        return found[1]

    async def post(
        self, path: str, fields: Mapping[str, Any], *, form: str = "/missions", **options: Any
    ) -> httpx.Response:
        """Send a form as the page at `form` would."""
        sent = {"form_token": await self.form_token(form), **fields}
        return await self.browser.post(path, data=sent, headers={"Origin": HERE}, **options)


def shown(answer: httpx.Response) -> str:
    """Return what an answer shows, as text."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", answer.text)))


@asynccontextmanager
async def open_site(database: Path, *, owned: bool = True, **options: Any) -> AsyncGenerator[Site]:
    """Serve the missions of a file, which this process runs too, unless it is not `owned`."""
    client = create_commander_client(mailbox=sqlite_mailbox(database), unowned_timeout=0, by="the page")
    known = definitions()
    async with client:
        transport = httpx.ASGITransport(app=create_app(client, **options))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as browser:
            if not owned:
                yield Site(browser, client, None)
                return
            async with SQLiteCommander(
                database_path=database, definitions=known, schedules=[nightly(known)]
            ) as commander:
                yield Site(browser, client, commander)
