"""What is done to missions: confirmed with what will happen, done, and told of each."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from mission_control.core import MissionStatus

from .missions import Order, credit
from .site import HERE, Site, open_site, shown


@pytest.fixture
async def filled(site: Site) -> Site:
    for number in range(3):
        await site.owner.start("order", Order("a", 1), mission_id=f"o-{number}")
        await site.owner.start("order", Order("a", 200), mission_id=f"bad-{number}", wait=False)
    await site.owner.start("retrying", Order("a", 1), mission_id="r-1")
    await site.owner.settled()
    return site


async def status(site: Site, mission_id: str) -> MissionStatus:
    mission = await site.client.get_summary(mission_id)
    assert mission is not None
    return mission.status


async def test_a_cancellation_is_confirmed_before_it_is_done(filled: Site) -> None:
    """The first page says what will happen, and does nothing."""
    answer = await filled.post("/act", {"action": "cancel", "mission": "o-1"})

    assert "Cancel o-1?" in shown(answer)
    assert "The mission ends as cancelled." in shown(answer)
    assert await status(filled, "o-1") is MissionStatus.WAITING


async def test_a_confirmed_cancellation_is_done(filled: Site) -> None:
    """The mission is cancelled, with the reason, by whom the client names."""
    answer = await filled.post("/act/done", {"action": "cancel", "mission": "o-1", "reason": "not wanted"})

    assert "Cancel: 1 of 1" in shown(answer)
    assert await status(filled, "o-1") is MissionStatus.CANCELLED
    assert "not wanted" in await filled.text("/missions/o-1")
    assert "by the page" in await filled.text("/missions/o-1")


async def test_a_failed_mission_goes_on(filled: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reopened where it ended, it does what failed anew."""
    monkeypatch.setitem(credit, "is_given", True)
    await filled.post("/act/done", {"action": "reopen", "mission": "bad-1", "step": ""})
    await filled.owner.settled()

    assert await status(filled, "bad-1") is MissionStatus.WAITING


async def test_a_failed_step_is_skipped_with_an_output(filled: Site) -> None:
    """The output is entered in a form of what the step returns, and checked against it."""
    page = shown(await filled.post("/act", {"action": "skip", "mission": "bad-1"}))
    wrong = await filled.post("/act/done", {"action": "skip", "mission": "bad-1", "v:$": "{"})
    right = await filled.post("/act/done", {"action": "skip", "mission": "bad-1", "v:$": '{"is_good": true}'})

    assert "The output that it is to have returned" in page
    assert wrong.status_code == 400
    assert "expected JSON" in shown(wrong)
    assert "Skip: 1 of 1" in shown(right)
    assert await status(filled, "bad-1") is MissionStatus.WAITING


async def test_a_backoff_is_ended(filled: Site) -> None:
    """What waits for a time goes on at once."""
    answer = await filled.post("/act/done", {"action": "wake", "mission": "r-1"})
    await filled.owner.settled()

    assert "Wake: 1 of 1" in shown(answer)
    assert "attempt 3" in await filled.text("/missions/r-1")


async def test_several_are_told_of_one_by_one(filled: Site) -> None:
    """Those that are refused come first, with why, and hold up nobody else."""
    answer = await filled.post("/act/done", {"action": "pause", "mission": ["o-0", "bad-1", "nothing", "o-1"]})
    text = shown(answer)

    assert "Pause: 2 of 4" in text
    assert text.index("bad-1 refused") < text.index("o-0 done")
    assert text.index("nothing not there") < text.index("o-0 done")


async def test_all_that_fit_a_filter_are_meant(filled: Site) -> None:
    """The number is named before, and after."""
    fields = {"action": "reopen", "of": "all", "status": "failed"}
    confirmation = shown(await filled.post("/act", fields))
    answer = shown(await filled.post("/act/done", fields))

    assert "Reopen 3 missions?" in confirmation
    assert "status failed" in confirmation
    assert "Reopen: 3 of 3" in answer


async def test_more_than_a_thousand_are_said_to_be_more(site: Site) -> None:
    """The number is capped, and what is done is said to be as many."""
    for number in range(1_001):
        await site.owner.start("plain", Order("a", 1), mission_id=f"p-{number:04}", wait=False)
    await site.owner.settled()
    text = shown(await site.post("/act", {"action": "reopen", "of": "all", "name": "plain"}))

    assert "Reopen 1,000+ missions?" in text
    assert "More than 1,000 missions fit." in text


async def test_without_an_owner_it_is_accepted(filled: Site) -> None:
    """That is a success, with a note."""
    await filled.owner.close()
    answer = await filled.post("/act/done", {"action": "cancel", "mission": "o-1"})

    assert "Cancel: 1 of 1" in shown(answer)
    assert "accepted: it will be applied when a process runs the missions" in shown(answer)


async def test_what_became_of_each_is_told_though_storage_fails(database: Path, filled: Site) -> None:
    """Where nothing can be posted any more, what was done is told with what is not known."""
    await filled.owner.close()
    fields = {"action": "pause", "mission": "o-1", "form_token": await filled.form_token("/missions")}
    await asyncio.to_thread(break_mailbox, database)
    answer = await filled.browser.post("/act/done", data=fields, headers={"Origin": HERE})

    assert answer.status_code == 200
    assert "Then the database failed" in shown(answer)


def break_mailbox(database: Path) -> None:
    mailbox = database.with_name(f"{database.name}-mailbox")
    shutil.rmtree(mailbox)
    mailbox.touch()


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "destroy", "mission": "o-1"},
        {"action": "", "mission": "o-1"},
        {"action": "cancel"},
        {"action": "skip", "mission": ["o-1", "o-2"]},
        {"action": "wake", "of": "all"},
        {"action": "cancel", "of": "all", "since": "nonsense"},
    ],
)
@pytest.mark.parametrize("path", ["/act", "/act/done"])
async def test_what_cannot_be_asked_is_refused(filled: Site, path: str, fields: dict[str, Any]) -> None:
    """It is told why, and nothing is done."""
    answer = await filled.post(path, fields)

    assert answer.status_code == 400
    assert await status(filled, "o-1") is MissionStatus.WAITING


async def test_who_asks_is_noted(database: Path) -> None:
    """A function of the request says who it is, as one's own login knows it."""
    async with open_site(database, by=_user) as site:
        await site.owner.start("order", Order("a", 1), mission_id="o-1")
        site.browser.headers["x-user"] = "kim"
        await site.post("/act/done", {"action": "pause", "mission": "o-1"})

        assert "by kim" in await site.text("/missions/o-1")


def _user(request: Request) -> str:
    return request.headers["x-user"]
