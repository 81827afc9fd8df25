"""The page in a real browser, which must not complain of anything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright
from starlette.types import ASGIApp

from mission_control.adapter_sqlite import SQLiteCommander, sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.console import create_app
from mission_control.core import Commander

from ..missions import definitions, nightly

BROWSER = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium-headless-shell"))
_MISSING = (
    f"there is no browser at {BROWSER}: apt-get install -y --no-install-recommends chromium-headless-shell "
    "fonts-dejavu-core, or let CHROMIUM name another one"
)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncGenerator[str]:
    """Serve an application on a free port, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, timeout_graceful_shutdown=1)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Commander]:
    """Who runs the missions."""
    known = definitions()
    async with SQLiteCommander(
        database_path=tmp_path / "missions.db", definitions=known, schedules=[nightly(known)]
    ) as commander:
        yield commander


@pytest.fixture
async def address(tmp_path: Path, owner: Commander) -> AsyncIterator[str]:
    """Where the page is."""
    async with create_commander_client(mailbox=sqlite_mailbox(tmp_path / "missions.db"), by="the page") as client:
        app = create_app(client)
        async with served(app) as address:
            yield address
            app.state.changes.close()


@pytest.fixture
def executable() -> Path:
    """The program of the browser."""
    if not BROWSER.exists():
        pytest.fail(_MISSING)
    return BROWSER


@pytest.fixture
async def browser(executable: Path) -> AsyncIterator[Browser]:
    """A browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def page(browser: Browser, address: str) -> AsyncIterator[Page]:
    """An empty tab; what the browser complains of in it is an error of the test."""
    context = await browser.new_context(base_url=address)
    context.set_default_timeout(10_000)
    page = await context.new_page()
    complaints = complaints_of(page)
    yield page
    await context.close()
    assert complaints == []


def complaints_of(page: Page) -> list[str]:
    """Return what the browser will complain of, as it comes: scripts that fail, and what the policy forbids."""
    complaints = list[str]()

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints
