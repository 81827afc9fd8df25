"""A change is asked for by a form of this page, sent from this page."""

from __future__ import annotations

import pytest

from mission_control.core import MissionStatus

from .missions import Order
from .site import HERE, Site, shown

CANCEL = {"action": "cancel", "mission": "o-1"}


@pytest.fixture
async def waiting(site: Site) -> Site:
    await site.owner.start("order", Order("a", 1), mission_id="o-1")
    return site


async def is_untouched(site: Site) -> bool:
    mission = await site.client.get_summary("o-1")
    return mission is not None and mission.status is MissionStatus.WAITING


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://["},
        {"Origin": "file://localhost"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
        {"Origin": HERE, "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_other_sites_change_nothing(waiting: Site, headers: dict[str, str]) -> None:
    """Whatever a form bears, one that another site sends is refused."""
    fields = {**CANCEL, "form_token": await waiting.form_token("/missions")}
    answer = await waiting.browser.post("/act/done", data=fields, headers=headers)

    assert answer.status_code == 403
    assert await is_untouched(waiting)


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_forms_of_others_change_nothing(waiting: Site, token: str) -> None:
    """A form without this session's token is refused."""
    await waiting.get("/missions")
    answer = await waiting.browser.post("/act/done", data={**CANCEL, "form_token": token}, headers={"Origin": HERE})

    assert answer.status_code == 403
    assert await is_untouched(waiting)


async def test_a_form_is_worth_nothing_in_another_session(waiting: Site) -> None:
    """A token goes with its cookie."""
    fields = {**CANCEL, "form_token": await waiting.form_token("/missions")}
    waiting.browser.cookies.clear()
    answer = await waiting.browser.post("/act/done", data=fields, headers={"Origin": HERE})

    assert answer.status_code == 403
    assert await is_untouched(waiting)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nothing_but_a_post_changes_anything(waiting: Site, method: str) -> None:
    """A link cannot change anything."""
    answer = await waiting.browser.request(method, "/act/done", params=CANCEL)

    assert answer.status_code == 405
    assert "Not that way" in shown(answer)
    assert await is_untouched(waiting)


async def test_a_form_is_bounded(waiting: Site) -> None:
    """What is longer than a form can be is not read."""
    answer = await waiting.post("/act/done", {**CANCEL, "reason": "x" * 2_100_000})

    assert answer.status_code == 413
    assert await is_untouched(waiting)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "", 415),
        (b"a=b", "multipart/form-data", 415),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=b"] * 6_000), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form_is_refused(waiting: Site, content: bytes, kind: str, status: int) -> None:
    """Each has an answer of its own, and none is a failure of ours."""
    headers = {"Origin": HERE, "Content-Type": kind}
    answer = await waiting.browser.post("/act/done", content=content, headers=headers)

    assert answer.status_code == status
