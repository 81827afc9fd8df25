"""Only requests for a name of ours are answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.types import Message, Scope

from mission_control.adapter_sqlite import sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.console import create_app

from .site import Site, open_site


@pytest.mark.parametrize("host", ["localhost", "localhost:8321", "127.0.0.1:1", "127.9.9.9", "[::1]:8321"])
async def test_names_of_this_machine_are_answered(site: Site, host: str) -> None:
    """Whoever asks for loopback by whatever name and port gets the page."""
    assert (await site.get("/missions", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "0.0.0.0"])
async def test_other_names_are_not(site: Site, host: str, method: str) -> None:
    """A name that another site may have pointed here is answered 421, whatever the method, and shown nothing."""
    answer = await site.browser.request(method, "/missions", headers={"Host": host})

    assert answer.status_code == 421
    assert "Mission Control" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:80@evil.example", "localhost:evil", "[::1]evil.example", "localhost/x"])
async def test_a_host_that_is_not_well_formed_is_none_of_ours(site: Site, host: str) -> None:
    """It is refused, although it begins like one that is."""
    assert (await site.get("/missions", headers={"Host": host})).status_code == 421


async def test_nothing_but_requests_is_answered() -> None:
    """There is no socket to open."""
    app = create_app(create_commander_client(mailbox=sqlite_mailbox("nowhere.db")))
    sent = list[Message]()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "websocket", "path": "/changes", "root_path": "", "query_string": b"", "headers": []}
    await app(scope, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_two_names_are_none(site: Site) -> None:
    """A request that names two hosts is not one of ours, whatever they are."""
    answer = await site.get("/missions", headers=[("Host", "localhost"), ("Host", "localhost")])

    assert answer.status_code == 421


async def test_trusted_names_take_the_place_of_loopback(database: Path) -> None:
    """Who names the hosts of the page decides alone which these are."""
    async with open_site(database, trusted_hosts=["console.example"]) as site:
        assert (await site.get("/missions", headers={"Host": "Console.example:443"})).status_code == 200
        assert (await site.get("/missions")).status_code == 421


async def test_any_name_can_be_trusted(database: Path) -> None:
    """Behind a proxy that has checked the name, a star lets all of them through."""
    async with open_site(database, trusted_hosts=["*"]) as site:
        assert (await site.get("/missions", headers={"Host": "anything.example"})).status_code == 200
