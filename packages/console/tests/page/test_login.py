"""Who has not shown the token sees nothing, and who guesses has to wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mission_control.console.page.guards import Attempts

from .site import HERE, Site, open_site, shown

TOKEN = "a token that nobody guesses"


@pytest.fixture
async def closed(database: Path) -> AsyncIterator[Site]:
    async with open_site(database, token=TOKEN) as site:
        yield site


async def log_in(site: Site, token: str = TOKEN, wanted: str = "/missions") -> str:
    """Send the token, and return where that leads to."""
    answer = await site.post("/login", {"token": token, "next": wanted}, form="/login")
    return str(answer.headers.get("location", ""))


@pytest.mark.parametrize("path", ["/", "/missions", "/missions/a", "/inbox", "/export/a", "/nowhere"])
async def test_every_page_asks_for_the_token(closed: Site, path: str) -> None:
    """Without it there is a login, and nothing that says what exists."""
    answer = await closed.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")
    assert answer.text == ""


async def test_who_shows_it_is_let_in(closed: Site) -> None:
    """The login leads to the page that was wanted, with a cookie that scripts cannot read nor other sites send."""
    answer = await closed.post("/login", {"token": TOKEN, "next": "/missions?status=failed"}, form="/login")

    assert answer.headers["location"] == "/missions?status=failed"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert (await closed.get("/missions")).status_code == 200


async def test_the_cookie_is_secure_over_https(database: Path) -> None:
    """A cookie that came encrypted is never sent otherwise."""
    async with open_site(database, token=TOKEN) as site:
        answer = await site.get("https://localhost/login")

    assert "; Secure" in answer.headers["set-cookie"]


async def test_a_wrong_token_is_refused(closed: Site) -> None:
    """It is said at the field, and nothing else is told."""
    answer = await closed.post("/login", {"token": "a guess", "next": ""}, form="/login")

    assert answer.status_code == 403
    assert "That is not the token" in shown(answer)
    assert (await closed.get("/missions")).status_code == 303


async def test_who_guesses_has_to_wait(closed: Site) -> None:
    """After five wrong tokens even the right one is not looked at for a while."""
    for _ in range(5):
        await log_in(closed, "a guess")
    answer = await closed.post("/login", {"token": TOKEN, "next": ""}, form="/login")

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:1"])
async def test_a_login_leads_nowhere_else(closed: Site, wanted: str) -> None:
    """What is wanted is a path of this page, whatever an address says."""
    assert await log_in(closed, wanted=wanted) == "/"


async def test_logging_out_ends_the_session(closed: Site) -> None:
    """The cookie is worth nothing then, even where somebody kept a copy."""
    await log_in(closed)
    await closed.post("/logout", {})

    assert (await closed.get("/missions")).status_code == 303


async def test_a_cookie_of_another_token_opens_nothing(database: Path) -> None:
    """When the token changes, all sessions end."""
    async with open_site(database, token=TOKEN) as site:
        await log_in(site)
        kept = dict(site.browser.cookies)
    async with open_site(database, token="another token than before") as site:
        for value in kept.values():
            name = (await site.get("/login")).headers["set-cookie"].partition("=")[0]
            answer = await site.get("/missions", headers={"Cookie": f"{name}={value}"})
            assert answer.status_code == 303


async def test_changes_without_the_token_are_refused(closed: Site) -> None:
    """A change is not sent to the login, which would forget it, but refused."""
    answer = await closed.browser.post("/act/done", data={"action": "cancel"}, headers={"Origin": HERE})

    assert answer.status_code == 401


async def test_the_token_is_long(database: Path) -> None:
    """One that can be guessed is refused when the page is made."""
    with pytest.raises(ValueError, match="at least 16 characters"):
        async with open_site(database, token="short"):
            pass


async def test_a_link_from_elsewhere_keeps_the_session(closed: Site) -> None:
    """A browser sends a strict cookie with no link of another site, so the page asks for itself again, from here."""
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = await closed.get("/missions/a", headers=followed)

    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_who_guesses_from_many_addresses_is_forgotten_in_turn() -> None:
    """What is remembered of addresses is bounded."""
    attempts = Attempts()
    for number in range(1_100):
        for _ in range(6):
            attempts.failed(f"10.0.0.{number}")

    assert attempts.seconds_to_wait("10.0.0.0") == 0
    assert attempts.seconds_to_wait("10.0.0.1099") > 0
