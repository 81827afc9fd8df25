"""Sessions that need no memory."""

from __future__ import annotations

import time

import pytest

from mission_control.console.page.guards import Sessions, form_token, is_form_token
from mission_control.console.page.guards.sessions import LIFETIME, is_session, new_session

TOKEN = "a token that nobody guesses"


def test_a_session_is_open_to_every_process_with_the_token() -> None:
    """Workers share nothing but the token, and a restart ends no session."""
    assert Sessions(TOKEN).is_open(Sessions(TOKEN).begin())


def test_a_session_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its lifetime it is closed."""
    sessions = Sessions(TOKEN)
    session, now = sessions.begin(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME + 1)

    assert not sessions.is_open(session)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_session_is_closed(part: int) -> None:
    """Neither its nonce, its end nor its signature can be another."""
    sessions = Sessions(TOKEN)
    parts = sessions.begin().split(".")
    last = parts[part][-1]
    parts[part] = parts[part][:-1] + ("0" if last != "0" else "1")

    assert not sessions.is_open(".".join(parts))


@pytest.mark.parametrize("session", ["", "x", "A" * 43, "é" * 43, "a.b.c"])
def test_what_nobody_began_is_closed(session: str) -> None:
    """A session of who has not shown the token opens nothing."""
    assert not Sessions(TOKEN).is_open(session)


def test_an_ended_session_is_closed() -> None:
    """Though its time is not over."""
    sessions = Sessions(TOKEN)
    session = sessions.begin()
    sessions.end(session)

    assert not sessions.is_open(session)


def test_without_a_token_every_session_is_open() -> None:
    """There is nothing to show then."""
    assert Sessions(None).is_open(new_session())
    assert not Sessions(None).is_token("")


def test_a_form_goes_with_its_session() -> None:
    """What one session's forms bear is worth nothing in another."""
    one, other = new_session(), new_session()

    assert is_form_token(one, form_token(one))
    assert not is_form_token(other, form_token(one))
    assert not is_form_token(one, "\udce9")


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "x" * 43 + "\n", "x" * 43 + ".1.2"])
def test_a_cookie_holds_nothing_else(text: str) -> None:
    """What a browser sends is a session, or nothing."""
    assert not is_session(text)
