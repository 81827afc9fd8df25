"""The page, asked from within the process: whatever it raises is raised where it was asked for."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import field, frozen

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.console import create_app

from .world import owned

_LINK = re.compile(r'href="(/[^"]*)"')
_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_METHOD = re.compile(r'<form[^>]*method="post"', re.IGNORECASE)
_FIELD = re.compile(r'<(?:input|select|textarea|button)[^>]*name="([^"]+)"(?:[^>]*value="([^"]*)")?')
_MOST_PAGES = 150


@frozen
class PostedForm:
    """A form of a page: where it is sent, and what it sends untouched."""

    action: str
    fields: dict[str, str]

    @property
    def shape(self) -> tuple[str, ...]:
        """What it shares with the same form for another mission."""
        return (re.sub(r"[^/]+-1", "ID", self.action), *self.fields, self.fields.get("action", ""))

    @property
    def body(self) -> bytes:
        """What is sent where nothing was filled in."""
        return encoded(self.fields)


def encoded(fields: Mapping[str, str]) -> bytes:
    """Return the body of a form."""
    return urlencode(fields, errors="surrogatepass").encode()


@frozen
class Site:
    """The page with its client, and what a crawler finds there."""

    portal: BlockingPortal
    browser: httpx.AsyncClient
    database: Path
    addresses: list[str] = field(factory=list[str])
    forms: list[PostedForm] = field(factory=list[PostedForm])

    def ask(self, method: str, address: str, **options: Any) -> httpx.Response:
        """Send a request, and return what is answered; what the page raises is raised here."""

        async def ask() -> httpx.Response:
            session = dict(self.browser.cookies)
            try:
                return await self.browser.request(method, address, **options)
            finally:
                if session:  # what was sent in its place has got another one
                    self.browser.cookies = httpx.Cookies(session)

        return self.portal.call(ask)

    def crawl(self) -> None:
        """Find the pages that are linked to, the forms on them, and those that ask whether it shall be done."""
        waiting, seen, forms = ["/"], set[str](), dict[tuple[str, ...], PostedForm]()
        while waiting and len(seen) < _MOST_PAGES:
            address = waiting.pop(0)
            if address not in seen and not address.startswith(("/static", "/changes")):
                seen.add(address)
                page = self.ask("GET", address).text
                waiting += (unescape(link) for link in _LINK.findall(page))
                forms |= {form.shape: form for form in _forms(page)}
        asking = [form for form in forms.values() if form.action == "/act"]
        forms |= {form.shape: form for one in asking for form in _forms(self.send(one.action, one.body).text)}
        self.addresses.extend(sorted(seen))
        self.forms.extend(forms.values())

    def send(self, action: str, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a form as a browser does."""
        own = {"content-type": "application/x-www-form-urlencoded", "origin": "http://127.0.0.1"}
        return self.ask("POST", action, content=body, headers=own | dict(headers or {}))


def _forms(page: str) -> Iterator[PostedForm]:
    for match in _FORM.finditer(page):
        if _METHOD.match(match[0]):
            fields = {name: unescape(value) for name, value in _FIELD.findall(match[2])}
            yield PostedForm(unescape(match[1]), fields)


@contextmanager
def serving(database: Path, **options: Any) -> Generator[Site]:
    """Serve the missions of a file, which another commander of this process runs, to a browser without a cookie."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(owned(database)):

        async def open_client() -> Any:
            return create_commander_client(
                mailbox=sqlite_mailbox(database), answer_timeout=5, unowned_timeout=0, by="a person"
            )

        client = portal.call(open_client)
        app = create_app(client, **options)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        browser = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        try:
            yield Site(portal, browser, database)
        finally:
            portal.call(browser.aclose)
            portal.call(client.close)
