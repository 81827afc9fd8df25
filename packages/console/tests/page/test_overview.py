"""The first page: who runs the missions, how many there are, and what needs a person now."""

from __future__ import annotations

import os
import re
from html import unescape

import pytest

from .missions import MARKUP, Order
from .site import Site, shown


@pytest.fixture
async def filled(site: Site) -> Site:
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    await site.owner.start("order", Order(MARKUP, 200), mission_id="bad", wait=False)
    await site.owner.start("retrying", Order("a", 1), mission_id="r-1")
    await site.owner.start("plain", Order("a", 1), mission_id=MARKUP)
    await site.owner.settled()
    return site


async def test_it_says_who_runs_the_missions(filled: Site) -> None:
    """The process, and since when; or that nobody does."""
    assert f"Process {os.getpid()} runs the missions since 20" in await filled.text("/")
    await filled.owner.close()
    text = await filled.text("/")

    assert "Nobody runs the missions of this file" in text
    assert "2 missions are live, and no process runs the missions of this database" in text


async def test_counts_lead_to_lists(filled: Site) -> None:
    """Each number is a link to the missions that it counts."""
    page = (await filled.get("/")).text
    links = {unescape(path) for path in re.findall(r'href="(/missions\?[^"]*)"', page)}

    assert {"/missions?status=failed", "/missions?name=order&status=waiting", "/missions?name=plain"} <= links
    for path in links:
        answer = await filled.get(path)
        assert answer.status_code == 200
    assert "running 0 waiting 2 completed 1 failed 1 cancelled 0" in shown(await filled.get("/"))


async def test_it_says_what_needs_a_person(filled: Site) -> None:
    """What failed lately is there, with where to look."""
    text = await filled.text("/")

    assert "Needs a person now 1 mission failed within 24 hours" in text
    assert "Open waits Signal Open The oldest approved 1" in text
    assert "Failed in the last 24 hours, by cause Cause Where Missions STEP_FAILED ValueError check-credit 1" in text
    assert "nightly active in" in text


async def test_hours_are_drawn_and_told(filled: Site) -> None:
    """What the chart shows is in a table too."""
    answer = await filled.get("/")

    assert answer.text.count('<rect class="started" x=') == 1
    assert "As a table" in shown(answer)
    assert " 4 1 1 " in shown(answer)
    assert MARKUP not in answer.text


async def test_an_empty_file_has_an_overview(site: Site) -> None:
    """Before there is anything, each part says so."""
    text = await site.text("/")

    for words in ("No missions yet.", "Nothing waits for an answer.", "Nothing started or ended", "None."):
        assert words in text
