"""The page answers whatever is sent to it, and writes nothing for who has not shown the token (R8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .hostile import EXAMPLES, TEXTS
from .site import PostedForm, Site, encoded, serving
from .world import MARKUP

TOKEN = "a token that nobody guesses"
HEADERS = st.dictionaries(
    st.sampled_from(["origin", "referer", "sec-fetch-site", "host", "cookie", "hx-request", "content-type", "accept"]),
    st.one_of(
        st.sampled_from(["null", "cross-site", "https://example.com", "127.0.0.1", "application/json", "text/html"]),
        st.text("abc;=,:/ <>\"'%\\", max_size=30),
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("open") / "missions.db") as site:
        site.crawl()
        assert len(site.addresses) > 20
        assert len(site.forms) > 5
        yield site


@pytest.fixture(scope="module")
def behind_a_token(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Site]:
    """The same behind a token, which this browser has not shown."""
    with serving(tmp_path_factory.mktemp("closed") / "missions.db", token=TOKEN) as behind:
        behind.addresses.extend(site.addresses)
        behind.forms.extend(site.forms)
        yield behind


def escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def written(database: Path) -> tuple[int, str]:
    """Return what a change of anything would add to, and what it would change."""
    with closing(sqlite3.connect(database)) as connection:
        (records,) = connection.execute("SELECT count(*) FROM mission_history").fetchone()
        (schedules,) = connection.execute("SELECT group_concat(schedule) FROM schedules").fetchone()
    return records, schedules


def address_of(data: st.DataObject, addresses: list[str]) -> str:
    """Return a page's address, with parts that are replaced."""
    parts = urlsplit(data.draw(st.sampled_from(addresses)))
    segments = parts.path.split("/")
    query = parse_qsl(parts.query, keep_blank_values=True)
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(segments) - 1))
        segments[place] = escaped(data.draw(TEXTS))
    for place in data.draw(st.sets(st.integers(0, len(query)), max_size=2)):
        text = data.draw(TEXTS)
        name = query[place][0] if place < len(query) else data.draw(st.sampled_from(["after", "status", "zone", "q"]))
        query[place : place + 1] = [(name, text)]
    path = "/" + "/".join(segments).lstrip("/")
    asked = urlencode(query, errors="surrogatepass")
    return f"{path}?{asked}" if asked else path


def body_of(data: st.DataObject, form: PostedForm) -> bytes:
    """Return a form's body, with fields that are replaced, left out and added; mostly with the token of its page."""
    fields = dict(form.fields)
    touched = ["extra", *(name for name in fields if name != "form_token" or not data.draw(st.integers(0, 9)))]
    for name in data.draw(st.sets(st.sampled_from(touched), max_size=3)):
        if data.draw(st.integers(0, 3)):
            fields[name] = data.draw(TEXTS)
        else:
            fields.pop(name, None)
    return encoded(fields)


def check(answer: httpx.Response) -> None:
    """Hold an answer to what every answer keeps: no failure of ours, and nothing of a mission as markup."""
    assert answer.status_code < 500, (answer.request.method, answer.request.url, answer.request.headers)
    assert MARKUP not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe-inline" not in answer.headers["content-security-policy"]


@EXAMPLES
@given(data=st.data(), method=st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]))
def test_any_address_is_answered(site: Site, data: st.DataObject, method: str) -> None:
    """Whatever stands in an address, and whatever method asks for it."""
    address = address_of(data, site.addresses)
    if "/changes" not in address:
        check(site.ask(method, address, headers=data.draw(HEADERS)))


@EXAMPLES
@given(data=st.data())
def test_any_form_is_answered(site: Site, data: st.DataObject) -> None:
    """Whatever is filled in, left out, or sent by another site."""
    form = data.draw(st.sampled_from(site.forms))
    headers = {} if data.draw(st.integers(0, 3)) else data.draw(HEADERS)
    check(site.send(form.action, body_of(data, form), headers))


@EXAMPLES
@given(data=st.data())
def test_nothing_is_shown_or_written_without_the_token(behind_a_token: Site, data: st.DataObject) -> None:
    """Who has not logged in is sent to the login, whatever else is sent, and no record is added."""
    before = written(behind_a_token.database)
    form, headers = data.draw(st.sampled_from(behind_a_token.forms)), data.draw(HEADERS)
    address = address_of(data, behind_a_token.addresses)
    if data.draw(st.booleans()):
        answer = behind_a_token.send(form.action, body_of(data, form), headers)
    else:
        answer = behind_a_token.ask("GET", address, headers=headers)
    check(answer)
    assert "approval" not in answer.text

    assert written(behind_a_token.database) == before
