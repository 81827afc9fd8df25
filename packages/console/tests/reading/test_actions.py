"""What people do to missions, and how it went."""

from __future__ import annotations

from pathlib import Path

import pytest

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.client import CommanderClient
from mission_control.console.reading import (
    ACTIONS,
    CANCEL,
    PAUSE,
    REOPEN,
    RESUME,
    SKIP,
    WAKE,
    carry_out,
    carry_out_all,
    outcome_of,
)
from mission_control.core import MissionNotFoundError, MissionStatus, NotAnsweredError, PersistenceError

from ..command.shop import Order
from .conftest import DEFINITIONS, errand, nap, order


async def lamp(commander: SQLiteCommander, mission_id: str, country: str = "DE") -> str:
    await commander.start(order, Order(item="a lamp", country=country), mission_id=mission_id, wait=False)
    await commander.settled()
    return mission_id


async def test_each_action_does_what_it_says(commander: SQLiteCommander, client: CommanderClient) -> None:
    """With its options; who asked is in the history."""
    failed, waiting = await lamp(commander, "failed", "AT"), await lamp(commander, "waiting")
    asleep = (await commander.start(nap, "Ada")).mission_id
    for action, mission_id, options, status in (
        (SKIP, failed, {"output": "by hand"}, MissionStatus.WAITING),
        (PAUSE, waiting, {}, MissionStatus.WAITING),
        (RESUME, waiting, {}, MissionStatus.WAITING),
        (CANCEL, waiting, {"reason": "twice"}, MissionStatus.CANCELLED),
        (REOPEN, waiting, {"step": "invoice"}, MissionStatus.WAITING),
        (WAKE, asleep, {}, MissionStatus.COMPLETED),
    ):
        outcome = await carry_out(client, action, mission_id, by="Dan", **options)
        await commander.settled()
        assert (outcome.state, outcome.message, outcome.is_well) == ("done", action.done, True)
        summary = await client.get_summary(mission_id)
        assert summary is not None
        assert summary.status is status
    inspection = await client.inspect_mission(waiting)
    assert inspection is not None
    assert [one.details.get("by") for one in inspection.history if "by" in one.details] == ["Dan"] * 4


async def test_an_action_fits_what_it_makes_sense_for(commander: SQLiteCommander, client: CommanderClient) -> None:
    """A mission that ended is not cancelled, and one that is not paused is not resumed."""
    for mission_id, country in (("failed", "AT"), ("waiting", "DE")):
        await lamp(commander, mission_id, country)
    await commander.start(nap, "Ada", mission_id="asleep")

    def fitting(mission_id: str) -> set[str]:
        (summary,) = [one for one in found if one.mission_id == mission_id]
        return {name for name, action in ACTIONS.items() if action.fits(summary)}

    found = await client.list_missions()
    assert fitting("failed") == {"reopen", "skip"}
    assert fitting("waiting") == {"cancel", "pause"}
    assert fitting("asleep") == {"cancel", "pause", "wake"}


async def test_a_time_is_ended_on_any_line(commander: SQLiteCommander, client: CommanderClient) -> None:
    """Also on one that is not the next to go on, where all of a mission is looked at."""
    await commander.start(errand, "Ada", mission_id="errand")
    found = await client.inspect_mission("errand")

    assert found is not None
    assert WAKE.fits(found.snapshot)
    (outcome,) = [one async for one in carry_out_all(client, WAKE, ["errand"], by=None)]
    assert outcome.state == "done"


async def test_what_is_refused_says_why(commander: SQLiteCommander, client: CommanderClient) -> None:
    """What is not there is told from it."""
    waiting = await lamp(commander, "waiting")

    refused = await carry_out(client, REOPEN, waiting, by=None)
    missing = await carry_out(client, CANCEL, "missing", by=None)

    assert (refused.state, refused.is_well) == ("refused", False)
    assert (missing.state, missing.is_well) == ("not there", False)


async def test_what_nobody_answers_is_accepted(database: Path, client: CommanderClient) -> None:
    """And applied by who comes."""
    async with SQLiteCommander(database_path=database, definitions=DEFINITIONS) as commander:
        await lamp(commander, "waiting")

    outcome = await carry_out(client, CANCEL, "waiting", by=None)

    assert (outcome.state, outcome.is_well) == ("accepted", True)
    async with SQLiteCommander(database_path=database, definitions=DEFINITIONS) as commander:
        await commander.settled()
        assert (await commander.list_missions())[0].status is MissionStatus.CANCELLED


async def test_many_are_done_some_at_a_time(commander: SQLiteCommander, client: CommanderClient) -> None:
    """Each has an outcome, whatever became of the others."""
    ids = [(await commander.start(nap, "Ada")).mission_id for _ in range(70)]

    outcomes = {one.mission_id: one.state async for one in carry_out_all(client, PAUSE, [*ids, "missing"], by=None)}

    assert outcomes == {**dict.fromkeys(ids, "done"), "missing": "not there"}


async def _raised(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (MissionNotFoundError("gone"), "not there"),
        (ValueError("wrong"), "refused"),
        (NotAnsweredError("later", request_id="1", has_owner=True), "accepted"),
    ],
)
async def test_how_it_went_is_told_by_what_was_raised(error: Exception, state: str) -> None:
    """An owner that has not answered yet is told from none."""
    outcome = await outcome_of("one", _raised(error), done="done")

    assert outcome.state == state
    assert outcome.message == {"accepted": "accepted: the process that runs the missions has not finished it yet"}.get(
        state, str(error)
    )


async def test_what_is_not_known_is_raised() -> None:
    """Nobody may take it for refused."""
    with pytest.raises(PersistenceError):
        await outcome_of("one", _raised(PersistenceError("no disk")), done="done")


def test_actions_say_what_will_happen() -> None:
    """In a sentence, before they are done."""
    assert all(one.effect.endswith(".") and one.done for one in ACTIONS.values())
