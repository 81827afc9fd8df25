"""The list of missions: filters in the address, pages, and what is shown of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .missions import MARKUP, Order
from .site import Site, open_site, shown


@pytest.fixture
async def filled(site: Site) -> Site:
    for number in range(3):
        await site.owner.start("order", Order("a", 1), mission_id=f"o-{number}", labels={"team": f"t{number}"})
    await site.owner.start("order", Order("b", 200), mission_id="bad", wait=False)
    await site.owner.start("plain", Order("c", 1), mission_id="done")
    await site.owner.settled()
    return site


def ids(page: str) -> list[str]:
    """Return the ids of the missions that a page lists, in its order."""
    return re.findall(r'<a class="id" href="[^"]*">([^<]*)</a>', page)


async def listed(site: Site, query: str) -> list[str]:
    answer = await site.get(f"/missions?{query}")
    assert answer.status_code == 200
    return ids(answer.text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["done", "bad", "o-2", "o-1", "o-0"]),
        ("status=failed", ["bad"]),
        ("status=failed&status=completed", ["done", "bad"]),
        ("name=plain", ["done"]),
        ("error=STEP_FAILED", ["bad"]),
        ("id=o-", ["o-2", "o-1", "o-0"]),
        ("label=team%3Dt1", ["o-1"]),
        ("waiting=approved", ["o-0", "o-1", "o-2"]),
        ("since=1h&name=plain", ["done"]),
        ("until=1h", []),
        ("schedule=nightly", []),
        ("parent=o-1", []),
    ],
)
async def test_filters_are_in_the_address(filled: Site, query: str, expected: list[str]) -> None:
    """Each filter narrows the list, the newest first; those that wait, by how long they do."""
    assert await listed(filled, query) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("since=yesterday", "expected a date or time"),
        ("label=team", "expected a label such as"),
        ("status=lost", "expected one of idle"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_told_at_its_field(filled: Site, query: str, message: str) -> None:
    """Nothing is listed then, and what was entered is kept."""
    answer = await filled.get(f"/missions?{query}")

    assert answer.status_code == 400
    assert message in shown(answer)
    assert ids(answer.text) == []


async def test_pages_are_by_index(site: Site) -> None:
    """Older and newer lead to and fro over all missions, each once."""
    for number in range(120):
        await site.owner.start("plain", Order("a", 1), mission_id=f"p-{number:03}", wait=False)
    await site.owner.settled()
    expected = [f"p-{number:03}" for number in range(119, -1, -1)]

    first = (await site.get("/missions")).text
    second = (await site.get(_link(first, "next"))).text
    third = (await site.get(_link(second, "next"))).text

    assert ids(first) + ids(second) + ids(third) == expected
    assert 'rel="next"' not in third
    back = (await site.get(_link(third, "prev"))).text
    assert ids(back) == ids(second)
    assert ids((await site.get(_link(back, "prev"))).text) == ids(first)


def _link(page: str, rel: str) -> str:
    found = re.search(rf'<a href="([^"]*)" rel="{rel}"', page)
    assert found is not None
    return found[1].replace("&amp;", "&")


async def test_a_place_that_is_none_is_told(filled: Site) -> None:
    """An address that was made up is answered, with nothing listed twice."""
    assert (await filled.get("/missions?waiting=approved&after=nonsense")).status_code == 400


async def test_what_missions_are_called_is_text(site: Site) -> None:
    """A name of markup is shown as what it is, and leads to its mission."""
    await site.owner.start("plain", Order(MARKUP, 1), mission_id=MARKUP, labels={"of": MARKUP})
    page = (await site.get("/missions")).text

    assert MARKUP not in page
    assert "&lt;script&gt;" in page
    found = re.search(r'<a class="id" href="([^"]*)">', page)
    assert found is not None
    answer = await site.get(found[1])
    assert answer.status_code == 200
    assert MARKUP not in answer.text


async def test_all_are_listed_without_an_owner(database: Path, site: Site) -> None:
    """A page beside nobody shows what the file says."""
    await site.owner.start("plain", Order("a", 1), mission_id="p-1")
    await site.owner.close()

    async with open_site(database, owned=False) as alone:
        assert await listed(alone, "") == ["p-1"]
