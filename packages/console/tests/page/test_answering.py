"""Answers: wrong ones are told at their fields, right ones taken, late and repeated ones harmless."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from mission_control.core import MissionStatus, SignalRecord

from .missions import MARKUP, Order
from .site import HERE, Site, open_site, shown

PATH = "/waits/o-1?wait=approved"
RIGHT = {"v:approved": "yes", "v:reason": "good customer"}


@pytest.fixture
async def waiting(site: Site) -> Site:
    await site.owner.start("order", Order("bob", 7), mission_id="o-1")
    return site


async def fields(site: Site, path: str = PATH) -> dict[str, str]:
    """Return what the form of a wait bears before anything is filled in."""
    page = (await site.get(path)).text
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page))


async def send(site: Site, entered: dict[str, str], path: str = PATH) -> httpx.Response:
    sent = {**await fields(site, path), **entered}
    return await site.browser.post(path, data=sent, headers={"Origin": HERE})


async def taken(site: Site) -> list[SignalRecord]:
    inspection = await site.client.inspect_mission("o-1")
    assert inspection is not None
    return list(inspection.signals)


async def test_a_wait_is_shown_with_what_it_is_about(waiting: Site) -> None:
    """The input is beside the form, which has a control for each field."""
    page = (await waiting.get(PATH)).text

    assert "&#34;customer&#34;: &#34;bob&#34;" in page
    assert 'type="radio" name="v:approved" value="yes"' in page
    assert 'name="v:reason"' in page
    assert 'inputmode="numeric"' in page


async def test_a_right_answer_is_taken(waiting: Site) -> None:
    """It leads to the mission, which has gone on, and bears who gave it."""
    answer = await send(waiting, RIGHT)

    assert (answer.status_code, answer.headers["location"]) == (303, "/missions/o-1?told=answered")
    (signal,) = await taken(waiting)
    assert (signal.payload, signal.by) == ({"approved": True, "reason": "good customer", "level": 1}, "the page")
    assert "The answer was taken." in await waiting.text(answer.headers["location"])


async def test_what_is_wrong_is_told_at_its_field(waiting: Site) -> None:
    """What was entered is kept, the first wrong field gets the focus, and nothing is sent."""
    answer = await send(waiting, {"v:approved": "yes", "v:reason": "keep me", "v:level": "high"})

    assert answer.status_code == 400
    assert "keep me" in answer.text
    wrong = re.search(r'<input id="([^"]*)" name="v:level"[^>]*>', answer.text)
    assert wrong is not None
    assert 'aria-invalid="true"' in wrong[0]
    assert f'aria-describedby="{wrong[1]}-error"' in wrong[0]
    assert "autofocus" in wrong[0]
    assert "expected an integer" in shown(answer)
    assert await taken(waiting) == []


async def test_what_the_owner_refuses_is_told_too(waiting: Site) -> None:
    """What no schema says is found wrong by who runs the mission, and told on the form."""
    answer = await send(waiting, {**RIGHT, "v:level": "9"})

    assert answer.status_code == 400
    assert "good customer" in answer.text
    assert "must be <= 3" in shown(answer)
    assert await taken(waiting) == []


@pytest.mark.parametrize("path", ["/waits/o-1?wait=nothing", "/waits/o-1", "/waits/nothing?wait=approved"])
async def test_a_wait_that_is_none_has_a_page_that_says_so(waiting: Site, path: str) -> None:
    """A link to what was answered long ago leads to no failure."""
    assert (await waiting.get(path)).status_code == 404


async def test_what_is_missing_is_told(waiting: Site) -> None:
    """An empty form is answered with what it needs."""
    answer = await send(waiting, {})

    assert answer.status_code == 400
    assert shown(answer).count("is missing") == 2


async def test_a_repeated_answer_is_harmless(waiting: Site) -> None:
    """The same form sent twice is taken once, and told as taken both times."""
    sent = {**await fields(waiting), **RIGHT}
    first = await waiting.browser.post(PATH, data=sent, headers={"Origin": HERE})
    second = await waiting.browser.post(PATH, data=sent, headers={"Origin": HERE})

    assert first.headers["location"] == second.headers["location"] == "/missions/o-1?told=answered"
    assert len(await taken(waiting)) == 1


async def test_a_late_answer_is_told_kindly(waiting: Site) -> None:
    """Who, when and what is said of the answer that was taken instead."""
    sent = {**await fields(waiting), **RIGHT}
    mission = await waiting.client.get_mission("o-1")
    assert mission is not None
    await mission.signal("approved", {"approved": False, "reason": MARKUP}, by="kim")
    answer = await waiting.browser.post(PATH, data=sent, headers={"Origin": HERE})

    assert answer.status_code == 409
    text = shown(answer)
    assert "Somebody else was faster" in text
    assert "by kim at 20" in text
    assert '"approved": false' in text
    assert MARKUP not in answer.text
    assert len(await taken(waiting)) == 1


async def test_a_wait_that_ended_otherwise_is_told(waiting: Site) -> None:
    """Where nobody answered, the wait is over all the same."""
    sent = {**await fields(waiting), **RIGHT}
    await waiting.client.cancel_mission("o-1")
    answer = await waiting.browser.post(PATH, data=sent, headers={"Origin": HERE})

    assert answer.status_code == 409
    assert "The wait is over" in shown(answer)


async def test_an_answer_without_an_owner_is_accepted(database: Path, waiting: Site) -> None:
    """It is durable, told as such, and applied by the next process that owns the file."""
    await waiting.owner.close()
    answer = await send(waiting, RIGHT)

    assert answer.headers["location"] == "/missions/o-1?told=accepted"
    assert "Accepted. It is durable, and will be applied once" in await waiting.text(answer.headers["location"])
    async with open_site(database) as later:
        await later.owner.settled()
        assert len(await taken(later)) == 1


async def test_each_line_of_a_mission_has_its_own_form(site: Site) -> None:
    """Waits of one name in several paths are told apart, and one for a plain text has one field."""
    await site.owner.start("forked", Order("a", 1), mission_id="o-1")
    answer = await send(site, {"v:$": "here they are"}, "/waits/o-1?wait=both/right/papers")

    assert answer.status_code == 303
    (signal,) = await taken(site)
    assert signal.payload == "here they are"
    assert "both/left/approved waits for this signal" in await site.text("/missions/o-1")


@pytest.mark.parametrize(
    "changed", [{"since": ""}, {"since": "2020-01-01T00:00:00+00:00"}, {"since": "x"}, {"since": "2020-01-01"}]
)
async def test_a_form_that_was_made_up_is_refused(waiting: Site, changed: dict[str, str]) -> None:
    """An answer is to a wait that was."""
    answer = await send(waiting, {**RIGHT, **changed})

    assert answer.status_code == 404
    assert await taken(waiting) == []


async def test_the_inbox_shows_the_oldest_first(site: Site) -> None:
    """The first has its form and its context; another one has where that is asked for."""
    for number in range(3):
        await site.owner.start("order", Order(f"customer {number}", 1), mission_id=f"o-{number}")
    first = await site.get("/inbox")
    other = await site.get("/inbox?mission=o-2&wait=approved")

    assert re.findall(r'id="card-(o-.)', first.text) == ["o-0", "o-1", "o-2"]
    for page, number in ((first, 0), (other, 2)):
        assert page.text.count('class="main">Answer') == 1
        assert f"customer {number}" in page.text


async def test_the_inbox_is_narrowed_to_a_signal(site: Site) -> None:
    """Each signal that anything can wait for is offered."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    await site.owner.start("forked", Order("a", 1), mission_id="f-1")
    whole, papers = await site.get("/inbox"), await site.get("/inbox?signal=papers")

    assert "all approved papers" in shown(whole)
    assert whole.text.count('id="card-') == 3
    assert papers.text.count('id="card-') == 1


async def test_an_answer_from_the_inbox_leads_back_to_it(waiting: Site) -> None:
    """So that the next one can be answered."""
    answer = await send(waiting, {**RIGHT, "back": "inbox"})

    assert answer.headers["location"] == "/inbox?told=answered"
    assert "Nothing waits for an answer." in await waiting.text("/inbox")


async def test_the_inbox_has_pages(site: Site) -> None:
    """More than fit one page are on the next."""
    for number in range(30):
        await site.owner.start("order", Order("a", 1), mission_id=f"o-{number:02}")
    page = (await site.get("/inbox")).text
    found = re.search(r'<a href="([^"]*)" rel="next"', page)
    assert found is not None
    following = await site.get(unescape(found[1]))

    assert page.count('id="card-') == 25
    assert following.text.count('id="card-') == 5


@pytest.mark.parametrize("place", ["x", "[]", "[1,2,3]", '["2020-01-01","a","b"]', "null", '{"a":1}', "[" * 5_000])
async def test_a_place_in_the_inbox_that_is_none_is_told(waiting: Site, place: str) -> None:
    """An address that was made up is refused, not a failure."""
    assert (await waiting.get("/inbox", params={"after": place})).status_code == 400


async def status_of(site: Site) -> Any:
    mission = await site.client.get_summary("o-1")
    return None if mission is None else mission.status


async def test_one_more_item_is_asked_for_without_sending(waiting: Site) -> None:
    """The button of a list shows the form again, with what was entered."""
    answer = await send(waiting, {**RIGHT, "more": "lines"})

    assert answer.status_code == 200
    assert "good customer" in answer.text
    assert await status_of(waiting) is MissionStatus.WAITING
