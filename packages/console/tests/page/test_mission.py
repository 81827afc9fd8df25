"""A mission's page: where it stands and why, what failed, what happened, and where it leads."""

from __future__ import annotations

import json
import re
from html import unescape

import httpx
import pytest

from .missions import MARKUP, Order
from .site import Site, shown


async def test_it_says_what_it_waits_for(site: Site) -> None:
    """An open wait is told with its deadline, and how long it has been open."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    text = await site.text("/missions/o-1")

    assert "approved waits for this signal, deadline 20" in text
    assert "(in 48 h)" in text or "(in 47 h)" in text or "(in 2 d)" in text


async def test_it_says_why_it_failed(site: Site) -> None:
    """Code, class, node, message and traceback are there."""
    await site.owner.start("order", Order("bob", 200), mission_id="bad", wait=False)
    await site.owner.settled()
    text = await site.text("/missions/bad")

    assert "STEP_FAILED: ValueError at check-credit" in text
    assert "no credit for bob" in text
    assert "Traceback (most recent call last)" in text


async def test_it_says_when_it_tries_again(site: Site) -> None:
    """A mission that backs off tells of the failure, and of the next attempt."""
    await site.owner.start("retrying", Order("a", 1), mission_id="r-1")
    text = await site.text("/missions/r-1")

    assert "send failed, and is tried again (attempt 2), at 20" in text
    assert "Why it is tried again STEP_FAILED: ConnectionError" in text


async def test_it_says_that_nobody_runs_it(site: Site) -> None:
    """Where no process owns the file, that is why nothing moves."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    await site.owner.close()

    assert "no process runs the missions of this database" in await site.text("/missions/o-1")


async def test_it_says_that_it_is_paused(site: Site) -> None:
    """A pause is told first."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    await site.owner.operations.pause_mission("o-1")

    assert "paused nothing begins or fires until it is resumed" in await site.text("/missions/o-1")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("waiting", {"cancel", "pause"}),
        ("retrying", {"cancel", "pause", "wake", "skip"}),
        ("bad", {"reopen", "skip"}),
        ("done", set[str]()),
    ],
)
async def test_it_offers_what_applies(site: Site, state: str, expected: set[str]) -> None:
    """Only what makes sense for the mission as it is has a button."""
    await site.owner.start("order", Order("a", 1), mission_id="waiting")
    await site.owner.start("retrying", Order("a", 1), mission_id="retrying")
    await site.owner.start("order", Order("a", 200), mission_id="bad", wait=False)
    await site.owner.start("plain", Order("a", 1), mission_id="done")
    await site.owner.settled()
    page = (await site.get(f"/missions/{state}")).text

    names = ("cancel", "pause", "resume", "reopen", "skip", "wake")
    assert {name for name in names if f'name="action" value="{name}"' in page} == expected


async def test_what_cannot_be_encoded_is_shown_escaped(site: Site) -> None:
    """A lone surrogate in a payload is no reason to show nothing."""
    await site.owner.start("plain", Order("a\ud800b", 1), mission_id="p-1")

    assert "a\\ud800b" in await site.text("/missions/p-1")
    assert (await site.get("/export/p-1")).status_code == 200


async def test_a_long_payload_is_cut(site: Site) -> None:
    """A page stays small whatever missions hold, and says how much there is."""
    await site.owner.start("plain", Order("x" * 1_000_000, 1), mission_id="p-1")
    page = await site.get("/missions/p-1")

    assert len(page.text) < 150_000
    assert "1,000,0" in shown(page)


async def test_many_open_waits_lead_to_their_forms(site: Site) -> None:
    """Ten have theirs on the page, and the others a link."""
    await site.owner.start("asking", {"people": [f"p-{number}" for number in range(12)]}, mission_id="a-1")
    page = await site.get("/missions/a-1")

    assert page.text.count('class="main">Answer') == 10
    assert "2 other open waits" in shown(page)
    assert (await site.get("/waits/a-1?wait=people[11]/approved")).status_code == 200


async def test_the_timeline_is_filtered_by_path(site: Site) -> None:
    """Only what happened in a path is left, in either order."""
    await site.owner.start("forked", Order("a", 1), mission_id="f-1")
    whole, left = await site.get("/missions/f-1"), await site.get("/missions/f-1?path=both/left")

    assert whole.text.count('id="record-') > 5
    assert "1 records" in shown(left)
    newest = (await site.get("/missions/f-1")).text
    oldest = (await site.get("/missions/f-1?order=oldest")).text
    assert newest.index('id="record-2"') < newest.index('id="record-1"')
    assert oldest.index('id="record-1"') < oldest.index('id="record-2"')


@pytest.mark.parametrize("page", ["0", "-1", "99999999999", "x", "\uff11"])
async def test_a_page_that_is_none_is_the_nearest(site: Site, page: str) -> None:
    """A made-up page of the timeline is answered with one that there is."""
    await site.owner.start("plain", Order("a", 1), mission_id="p-1")

    assert (await site.get(f"/missions/p-1?page={page}")).status_code == 200


@pytest.mark.parametrize("mission_id", ["a/b", "a/../b", "..", ".", "a//b", "/a", "a b", "ä?#&%2F", "a/cancel", "'\""])
async def test_any_id_has_a_page(site: Site, mission_id: str) -> None:
    """Whatever characters an id has, the list leads to its page, and that to its export."""
    await site.owner.start("plain", Order("a", 1), mission_id=mission_id)
    (path,) = _links(await site.get("/missions"), "/missions/")
    page = await site.get(path)

    assert page.status_code == 200
    (export,) = _links(page, "/export/")
    assert json.loads((await site.get(export)).text)["mission_id"] == mission_id


def _links(answer: httpx.Response, beginning: str) -> list[str]:
    found = re.findall(r'href="([^"]*)"', answer.text)
    return sorted({unescape(one) for one in found if unescape(one).startswith(beginning)})


async def test_no_id_leads_to_the_list(site: Site) -> None:
    """An address without an id is not of a mission."""
    assert (await site.get("/missions/")).headers["location"] == "/missions"


async def test_an_unknown_mission_has_a_page_that_says_so(site: Site) -> None:
    """Nothing is there, and that is told with the id."""
    answer = await site.get(f"/missions/{MARKUP}")

    assert answer.status_code == 404
    assert "No mission has the id" in shown(answer)
    assert MARKUP not in answer.text


async def test_payloads_and_errors_are_text(site: Site) -> None:
    """What missions hold is never markup, in the timeline neither."""
    await site.owner.start("order", Order(MARKUP, 200), mission_id="bad", wait=False)
    await site.owner.settled()
    page = (await site.get("/missions/bad")).text

    assert MARKUP not in page
    assert page.count("&lt;script&gt;") > 2
