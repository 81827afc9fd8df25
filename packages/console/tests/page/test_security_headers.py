"""Each answer says what a browser may do with it."""

from __future__ import annotations

import re

import pytest

from .site import Site


@pytest.mark.parametrize("path", ["/missions", "/missions/nothing", "/nowhere", "/static/0/nothing"])
async def test_every_answer_is_sealed(site: Site, path: str) -> None:
    """Pages and refusals alike: nothing inline, nothing of others, no frame, nothing guessed, nothing kept."""
    headers = (await site.get(path)).headers

    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


async def test_files_are_kept_for_good(site: Site) -> None:
    """A file's address says which content it has, so that a browser never asks again."""
    page = (await site.get("/missions")).text
    paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)

    assert len(paths) == 5
    for path in paths:
        answer = await site.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


async def test_a_file_of_another_version_is_not_there(site: Site) -> None:
    """What was asked for by an old page is not answered with another content."""
    assert (await site.get("/static/0123456789abcdef/console.css")).status_code == 404


@pytest.mark.parametrize("name", ["..%2fconsole.py", "..%2f..%2f..%2fpyproject.toml", "console.css%00", "htmx"])
async def test_nothing_but_the_files_is_there(site: Site, name: str) -> None:
    """No address leads out of the folder."""
    assert (await site.get(f"/static/0/{name}")).status_code == 404


async def test_pages_hold_nothing_inline(site: Site) -> None:
    """No page needs a script or a style of its own."""
    for path in ("/missions", "/inbox", "/definitions"):
        page = (await site.get(path)).text
        assert "<style" not in page
        assert " style=" not in page
        assert not re.search(r"<script(?! src=)", page)
        assert not re.search(r"\son\w+=", page)
