"""The other pages: schedules, agenda, definitions, starting, and what is told where something is not there."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionContext, m

from .missions import MARKUP, Order, definitions
from .site import Site, open_site, shown

FORM = "/schedules/pause/nightly"


async def test_the_agenda_is_in_order_of_time(site: Site) -> None:
    """Deadlines, sleeps, retries and the next slots of schedules, until when is asked."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    await site.owner.start("retrying", Order("a", 1), mission_id="r-1")
    week, hour = await site.text("/agenda"), await site.text("/agenda?within=2h")

    assert "deadline approved order o-1" in week
    assert "schedule nightly plain" in week
    assert week.index("r-1") < week.index("o-1")
    assert "retry send retrying r-1" in hour
    assert "o-1" not in hour


@pytest.mark.parametrize("within", ["", "x", "1e9d", "99999999999999999999d", "0s"])
async def test_an_agenda_is_shown_whatever_is_asked(site: Site, within: str) -> None:
    """A length of time that is none is a week."""
    assert (await site.get(f"/agenda?within={within}")).status_code == 200


async def test_schedules_are_shown_with_what_can_be_done(site: Site) -> None:
    """When one fires, what it starts, and its buttons."""
    text = await site.text("/schedules")

    assert "nightly active Pause … Trigger … Backfill … Starts plain" in text


async def test_a_schedule_is_paused_and_resumed(site: Site) -> None:
    """Each is confirmed with what will happen, and done."""
    assert "starts nothing but what is triggered" in await site.text("/schedules/pause/nightly")
    paused = await site.post("/schedules/pause/nightly", {}, form=FORM)
    assert "nightly paused Resume …" in await site.text(paused.headers["location"])
    await site.post("/schedules/resume/nightly", {}, form=FORM)
    assert "nightly active" in await site.text("/schedules")


async def test_a_schedule_is_triggered_and_backfilled(site: Site) -> None:
    """Missions start, of now and of slots that were."""
    await site.post("/schedules/trigger/nightly", {}, form=FORM)
    await site.post("/schedules/backfill/nightly", {"since": "2026-01-01", "until": "2026-01-03"}, form=FORM)

    assert len(await site.client.list_missions(schedule="nightly")) == 3


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("x", "1d", "expected a date or time"),
        ("2026-01-02", "2026-01-01", "expected an instant that is not before since"),
        ("1990-01-01", "2026-01-01", "10,000"),
    ],
)
async def test_a_span_that_is_none_is_told(site: Site, since: str, until: str, message: str) -> None:
    """It is asked again, with what was entered."""
    answer = await site.post("/schedules/backfill/nightly", {"since": since, "until": until}, form=FORM)

    assert answer.status_code == 400
    assert message in shown(answer)
    assert f'value="{since}"' in answer.text


@pytest.mark.parametrize(
    "path", ["/schedules/pause/nothing", "/schedules/destroy/nightly", "/start/nothing", "/nothing"]
)
async def test_what_is_not_there_has_a_page_that_says_so(site: Site, path: str) -> None:
    """Each address that leads nowhere is answered 404."""
    assert (await site.get(path)).status_code == 404


async def test_a_mission_is_started_from_a_form(site: Site) -> None:
    """The form is that of the definition's input; what is wrong is told at its field."""
    await site.owner.start("plain", Order("a", 1))
    wrong = await site.post("/start/plain", {"v:customer": "bob", "v:amount": "many", "mission_id": "p-9"})
    right = await site.post("/start/plain", {"v:customer": "bob", "v:amount": "3", "mission_id": "p-9"})

    assert wrong.status_code == 400
    assert "expected an integer" in shown(wrong)
    assert right.headers["location"] == "/missions/p-9?told=started"
    assert "bob" in await site.text("/missions/p-9")


@pytest.mark.parametrize("name", ["..", "a/b", "ä ?#", MARKUP])
async def test_a_definition_of_any_name_has_its_pages(database: Path, name: str) -> None:
    """Whatever characters a name has, links lead to its form and its picture."""
    odd = m.define(name).start(input=Order, run=_same).end()
    async with (
        open_site(database, owned=False) as site,
        SQLiteCommander(database_path=database, definitions=[odd]) as one,
    ):
        await one.start(odd, Order("a", 1), mission_id="odd-1")
        page = (await site.get("/definitions")).text
        paths = [unescape(path) for path in re.findall(r'href="(/(?:start|definitions)/[^"]*)"', page)]

        assert len(paths) == 2
        for path in paths:
            assert (await site.get(path)).status_code == 200
        assert MARKUP not in page


async def test_an_id_that_is_in_use_is_told(site: Site) -> None:
    """Nothing is started twice."""
    await site.owner.start("plain", Order("a", 1), mission_id="p-1")
    answer = await site.post("/start/plain", {"v:customer": "bob", "v:amount": "3", "mission_id": "p-1"})

    assert answer.status_code == 409
    assert "p-1" in shown(answer)
    assert len(await site.client.list_missions()) == 1


async def test_a_form_that_is_sent_twice_starts_one_mission(site: Site) -> None:
    """The second time leads to the same page."""
    await site.owner.start("plain", Order("a", 1))
    page = (await site.get("/start/plain")).text
    own_id = page.partition('name="own_id" value="')[2].partition('"')[0]
    sent = {"v:customer": "bob", "v:amount": "3", "own_id": own_id}
    first, second = [await site.post("/start/plain", sent) for _ in range(2)]

    assert first.headers["location"] == second.headers["location"] == f"/missions/{own_id}?told=started"
    assert len(await site.client.list_missions()) == 2


async def test_a_mission_that_fails_at_once_has_started_too(site: Site) -> None:
    """Its page says why it failed."""
    await site.owner.start("order", Order("a", 1))
    answer = await site.post("/start/order", {"v:customer": "bob", "v:amount": "200", "mission_id": "o-9"})

    assert answer.headers["location"] == "/missions/o-9?told=started"
    assert "no credit for bob" in await site.text("/missions/o-9")


async def test_a_start_without_an_owner_is_accepted(site: Site) -> None:
    """It is durable, and told as such."""
    await site.owner.start("plain", Order("a", 1))
    await site.owner.close()
    answer = await site.post("/start/plain", {"v:customer": "bob", "v:amount": "3"})

    assert answer.headers["location"] == "/missions?told=accepted"
    assert "Accepted." in await site.text("/missions?told=accepted")


async def test_definitions_are_shown_with_who_stands_where(site: Site) -> None:
    """Each that ran is listed, drawn, and counted."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    page = (await site.get("/definitions")).text
    found = re.search(r'href="(/definitions/[0-9a-f]{32})"', page)
    assert found is not None
    one = await site.get(found[1])

    assert "<svg" in one.text
    assert "approved 1 o-1" in shown(one)


async def test_two_definitions_are_compared(database: Path, site: Site) -> None:
    """What was added, taken away and changed is told node by node."""
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    await site.owner.close()
    changed = m.define("order").start(input=Order, run=_same).step("check-credit", _same, timeout=5).step("ship", _same)
    async with SQLiteCommander(database_path=database, definitions=[changed.end(), *definitions()[1:]]) as owner:
        await owner.start("order", Order("a", 1), mission_id="o-2")
    found = await site.client.list_definitions(mission_name="order")
    text = await site.text(f"/definitions/compare?one={found[0].fingerprint}&other={found[1].fingerprint}")

    assert "approved need_to removed" in text
    assert "ship step added" in text
    assert "check-credit step changed" in text
    assert "timeout null 5.0" in text


def _same(ctx: MissionContext[Order]) -> dict[str, str]:
    return {}


@pytest.mark.parametrize("query", ["", "one=x&other=y", f"one={MARKUP}"])
async def test_unknown_definitions_are_told(site: Site, query: str) -> None:
    """Nothing is compared with nothing."""
    answer = await site.get(f"/definitions/compare?{query}")

    assert answer.status_code == 404
    assert MARKUP not in answer.text


async def test_a_file_that_is_not_ours_is_told(database: Path) -> None:
    """Every page says so, none fails."""
    await asyncio.to_thread(database.write_bytes, b"something else entirely, which is no database at all" * 100)
    async with open_site(database, owned=False) as site:
        for path in ("/", "/missions", "/missions/a", "/inbox", "/agenda", "/schedules", "/definitions"):
            answer = await site.get(path)
            assert answer.status_code == 503
            assert "The database cannot be read" in shown(answer)


async def test_a_file_of_a_newer_release_is_told(database: Path) -> None:
    """The page says which release is needed rather than guess."""
    async with open_site(database) as site:
        await site.get("/missions")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    async with open_site(database, owned=False) as site:
        answer = await site.get("/missions")

    assert answer.status_code == 503
    assert "newer" in shown(answer)


async def test_a_file_that_does_not_exist_yet_is_empty(database: Path) -> None:
    """Before the first owner there is nothing, which is no fault."""
    async with open_site(database, owned=False) as site:
        assert "There are no missions yet." in await site.text("/missions")
        assert "Nothing waits for an answer." in await site.text("/inbox")


async def test_a_file_that_goes_while_serving_is_told(database: Path, site: Site) -> None:
    """A page that finds the file gone says so, or shows that nothing is there, and never fails."""
    await site.owner.start("plain", Order("a", 1), mission_id="p-1")
    await site.get("/missions")
    await site.owner.close()
    shutil.rmtree(database.parent)
    for path in ("/", "/missions", "/missions/p-1", "/inbox", "/definitions"):
        assert (await site.get(path)).status_code in (200, 404, 503)


async def test_what_fails_is_told_and_logged(database: Path, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is a page without a traceback, which is in the log."""
    async with open_site(database, owned=False, by=_broken) as broken:
        await site.owner.start("order", Order("a", 1), mission_id="o-1")
        answer = await broken.post("/act/done", {"action": "pause", "mission": "o-1"})

    assert answer.status_code == 500
    assert "Something went wrong here" in shown(answer)
    assert "Traceback" not in answer.text
    assert "a secret" in caplog.text


def _broken(request: object) -> str:
    raise RuntimeError("a secret")
