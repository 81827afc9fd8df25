"""The way in: a browser keeps the session, also when it comes from another site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.console import create_app

from .conftest import served

TOKEN = "a token that nobody guesses"


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[str]:
    """Where a page is that needs a token."""
    async with create_commander_client(mailbox=sqlite_mailbox(tmp_path / "missions.db")) as client:
        app = create_app(client, token=TOKEN)
        async with served(app) as address:
            yield address
            app.state.changes.close()


async def test_a_person_logs_in_and_out(browser: Browser, closed: str) -> None:
    """A wrong token is told at its field; the right one leads to what was wanted; the checker finds nothing."""
    context = await browser.new_context(base_url=closed, bypass_csp=True)
    page = await context.new_page()
    await page.goto("/missions?status=failed")
    await page.get_by_label("Token").fill("a guess")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("That is not the token.")).to_be_visible()
    await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    assert await page.evaluate("async () => (await axe.run()).violations.length") == 0
    await page.get_by_label("Token").fill(TOKEN)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{closed}/missions?status=failed")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    await context.close()


async def test_a_link_of_another_site_keeps_the_session(browser: Browser, closed: str) -> None:
    """Who is logged in and follows a link from a chat is shown the page, not the login."""

    async def chat(request: Request) -> Response:
        return HTMLResponse(f'<a href="{closed}/agenda">look</a>')

    context = await browser.new_context(base_url=closed)
    page = await context.new_page()
    await page.goto("/login")
    await page.get_by_label("Token").fill(TOKEN)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    async with served(Starlette(routes=[Route("/", chat)])) as elsewhere:
        await page.goto(elsewhere.replace("127.0.0.1", "localhost"))  # another site, to a browser
        await page.get_by_text("look").click()
        await expect(page.get_by_role("heading", name="Agenda")).to_be_visible()
    await context.close()
