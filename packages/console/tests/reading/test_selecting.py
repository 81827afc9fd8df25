"""Missions that fit a filter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.client import CommanderClient
from mission_control.console.reading import Selection, count_selected, iter_selected, list_selected
from mission_control.core import MissionStatus

from ..command.shop import Order
from .conftest import nap, order, survey


async def fill(commander: SQLiteCommander) -> None:
    """Start orders of two countries, surveys, and one that sleeps."""
    for number, country in enumerate(["DE", "AT", "FR"]):
        lamp = Order(item="a lamp", country=country)
        await commander.start(order, lamp, mission_id=f"order-{number}", labels={"country": country}, wait=False)
        await commander.settled()
    for number in range(3):
        await commander.start(survey, "Ada", mission_id=f"survey-{number}")
    await commander.start(nap, "Ada", mission_id="nap-0")


async def ids(client: CommanderClient, selection: Selection) -> list[str]:
    return [one.mission_id async for one in iter_selected(client, selection)]


async def test_missions_fit_all_that_is_given(commander: SQLiteCommander, client: CommanderClient) -> None:
    """The newest first; a selection says the same of each of them."""
    await fill(commander)
    for selection, expected in (
        (Selection(mission_name="order"), ["order-2", "order-1", "order-0"]),
        (Selection(statuses=(MissionStatus.FAILED,), error="STEP_FAILED"), ["order-1"]),
        (Selection(labels={"country": "FR"}), ["order-2"]),
        (Selection(id_prefix="nap"), ["nap-0"]),
        (Selection(since=datetime.now(UTC) - timedelta(hours=1), until=datetime.now(UTC), id_prefix="nap"), ["nap-0"]),
        (Selection(until=datetime.now(UTC) - timedelta(hours=1)), []),
        (Selection(schedule="nightly"), []),
        (Selection(parent_id="order-1"), []),
    ):
        assert await ids(client, selection) == expected
        listed = await client.list_missions(newest_first=True)
        assert [one.mission_id for one in listed if selection.fits(one)] == expected


async def test_nothing_asked_for_is_everything(client: CommanderClient) -> None:
    """And told from it."""
    assert Selection().is_everything
    assert not Selection(mission_name="order").is_everything


async def test_those_that_wait_are_listed_by_how_long_they_do(
    commander: SQLiteCommander, client: CommanderClient
) -> None:
    """Each once, however often it waits, and narrowed by the rest of the filter."""
    await fill(commander)

    assert await ids(client, Selection(waiting_for="rated")) == ["survey-0", "survey-1", "survey-2"]
    assert await ids(client, Selection(waiting_for="rated", id_prefix="survey-1")) == ["survey-1"]
    assert await ids(client, Selection(waiting_for="delivered", labels={"country": "FR"})) == ["order-2"]
    assert await ids(client, Selection(waiting_for="paid")) == []


@pytest.mark.parametrize("selection", [Selection(), Selection(waiting_for="rated")])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_follow_each_other(
    commander: SQLiteCommander, client: CommanderClient, selection: Selection, limit: int
) -> None:
    """None is missing; one that waits twice may come again."""
    await fill(commander)
    found, after = list[str](), None
    while True:
        page = await list_selected(client, selection, limit=limit, after=after)
        found += [one.mission_id for one in page.missions]
        after = page.after
        if after is None:
            break

    assert list(dict.fromkeys(found)) == await ids(client, selection)


@pytest.mark.parametrize("after", ["", "[]", "nonsense", '["soon", "a", "b"]', "1"])
async def test_a_place_that_is_none_is_refused(commander: SQLiteCommander, client: CommanderClient, after: str) -> None:
    """An address may have been cut."""
    with pytest.raises(ValueError, match="after: expected what the page before said"):
        await list_selected(client, Selection(waiting_for="rated"), limit=1, after=after)


async def test_missions_are_counted_up_to_a_thousand(commander: SQLiteCommander, client: CommanderClient) -> None:
    """Whether that is all is told."""
    await fill(commander)

    assert await count_selected(client, Selection(mission_name="survey")) == (3, True)
