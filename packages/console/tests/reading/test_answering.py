"""Open waits of one mission, and their answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.client import CommanderClient
from mission_control.console.reading import (
    AnsweredMeanwhileError,
    Outcome,
    answer,
    answer_key,
    answer_to,
    find_wait,
    given_before,
    is_open,
    last_wait,
    open_waits,
    recorded_wait,
    static_of,
)
from mission_control.core import MissionInspection, MissionSignalError, MissionValidationError, OpenWait

from ..command.shop import delivered
from .conftest import DEFINITIONS, nap, order, rated, rounds, survey
from .test_actions import lamp


async def seen(client: CommanderClient, mission_id: str) -> MissionInspection:
    inspection = await client.inspect_mission(mission_id)
    assert inspection is not None
    return inspection


async def waits_of(client: CommanderClient, mission_id: str) -> list[OpenWait]:
    inspection = await seen(client, mission_id)
    return open_waits(inspection, await static_of(client, inspection.snapshot))


async def the_wait(client: CommanderClient, mission_id: str, signal: str, at: str | None = None) -> OpenWait:
    return find_wait(await waits_of(client, mission_id), signal, at)


async def test_waits_are_those_of_the_inbox(commander: SQLiteCommander, client: CommanderClient) -> None:
    """With their schemas; those of timers are none."""
    await commander.start(survey, "Ada", mission_id="survey")
    await commander.start(nap, "Ada", mission_id="asleep")
    await lamp(commander, "waiting")

    for mission_id in ("survey", "waiting"):
        found = await waits_of(client, mission_id)
        listed = [one for one in await client.list_waits() if one.mission_id == mission_id]
        assert sorted(found, key=lambda one: one.event_name) == listed
    assert await waits_of(client, "asleep") == []


async def test_a_wait_is_found_by_its_name_and_its_place(commander: SQLiteCommander, client: CommanderClient) -> None:
    """What is not clear is not guessed."""
    await commander.start(survey, "Ada", mission_id="survey")
    waits = await waits_of(client, "survey")

    assert find_wait(waits, "rated", "both/shop").event_name == "both/shop/rated"
    assert find_wait(waits, "both/courier/rated").path == "both/courier"
    with pytest.raises(LookupError, match="several waits are open for signal 'rated'"):
        find_wait(waits, "rated")
    with pytest.raises(LookupError, match="no wait is open for signal 'paid'; the mission waits for: both/"):
        find_wait(waits, "paid")
    with pytest.raises(LookupError, match="the mission waits for: nothing"):
        find_wait([], "paid")


async def test_an_answer_is_taken_once(commander: SQLiteCommander, client: CommanderClient) -> None:
    """Whoever gives it again hears that it was."""
    await lamp(commander, "waiting")
    wait = await the_wait(client, "waiting", "delivered")

    assert (await answer(client, wait, "reception", by="Dan")).message == "answered"
    assert (await answer(client, wait, "reception", by="Dan")).message == "answered already"

    (signal,) = (await seen(client, "waiting")).signals
    assert (signal.payload, signal.by, signal.key) == ("reception", "Dan", answer_key(wait, "reception"))


async def test_a_key_of_ones_own_makes_answers_the_same(commander: SQLiteCommander, client: CommanderClient) -> None:
    """Also when the wait is over."""
    await lamp(commander, "waiting")
    wait = await the_wait(client, "waiting", "delivered")

    for _ in range(2):
        assert (await answer(client, wait, "reception", by=None, key="parcel-7")).state == "done"


async def test_who_comes_too_late_hears_what_was_taken(commander: SQLiteCommander, client: CommanderClient) -> None:
    """Or that the wait ended otherwise."""
    for mission_id in ("answered", "cancelled"):
        await lamp(commander, mission_id)
    first, second = await the_wait(client, "answered", "delivered"), await the_wait(client, "cancelled", "delivered")
    mission = await commander.get_mission("answered")
    assert mission is not None
    await mission.signal(delivered, "door", by="Eve")
    await commander.cancel_mission("cancelled")

    with pytest.raises(AnsweredMeanwhileError, match="delivered of mission answered waits no more") as answered:
        await answer(client, first, "reception", by=None)
    with pytest.raises(AnsweredMeanwhileError) as cancelled:
        await answer(client, second, "reception", by=None)

    assert answered.value.answer is not None
    assert (answered.value.answer.by, answered.value.answer.payload) == ("Eve", "door")
    assert cancelled.value.answer is None


async def test_of_two_answers_at_a_time_one_is_taken(commander: SQLiteCommander, client: CommanderClient) -> None:
    """The other one is told."""
    await lamp(commander, "waiting")
    wait = await the_wait(client, "waiting", "delivered")

    both = [answer(client, wait, text, by=None) for text in ("door", "reception")]
    outcomes = await asyncio.gather(*both, return_exceptions=True)

    assert {type(one) for one in outcomes} == {Outcome, AnsweredMeanwhileError}


async def test_a_key_of_another_answer_is_refused(commander: SQLiteCommander, client: CommanderClient) -> None:
    """The wait stays open."""
    await commander.start(survey, "Ada", mission_id="survey")
    shop = await the_wait(client, "survey", "rated", "both/shop")
    courier = await the_wait(client, "survey", "rated", "both/courier")
    await answer(client, shop, 5, by=None, key="one")

    with pytest.raises(MissionSignalError):
        await answer(client, courier, 4, by=None, key="one")

    assert is_open(await seen(client, "survey"), courier)


async def test_an_answer_that_was_given_before_is_known(commander: SQLiteCommander, client: CommanderClient) -> None:
    """By what it is, and by who gave it: the next wait for that signal may not be meant."""
    await commander.start(rounds, "Ada", mission_id="rounds")
    first = await the_wait(client, "rounds", "rated")
    await answer(client, first, 5, by="Dan")
    await commander.settled()
    inspection, second = await seen(client, "rounds"), await the_wait(client, "rounds", "rated")

    assert second != first
    before = given_before(inspection, second, 5, by="Dan")
    assert before is not None
    assert before.event_name == first.event_name
    assert given_before(inspection, second, 4, by="Dan") is None
    assert given_before(inspection, second, 5, by="Eve") is None


async def test_a_wait_is_found_by_when_it_began(commander: SQLiteCommander, client: CommanderClient) -> None:
    """Also when it is over."""
    await lamp(commander, "waiting")
    wait = await the_wait(client, "waiting", "delivered")
    await answer(client, wait, "reception", by=None)
    inspection = await seen(client, "waiting")

    static = await static_of(client, inspection.snapshot)

    assert recorded_wait(inspection, static, "delivered", wait.since) == wait
    with pytest.raises(LookupError, match="did not begin to wait at delivered then"):
        recorded_wait(inspection, static, "delivered", wait.since + timedelta(seconds=1))


async def test_a_wait_that_begins_anew_is_another_one(commander: SQLiteCommander, client: CommanderClient) -> None:
    """An answer to the one before is not taken for it."""
    await lamp(commander, "waiting")
    before = await the_wait(client, "waiting", "delivered")
    await commander.cancel_mission("waiting")
    await commander.operations.reopen_mission("waiting")
    await commander.settled()
    inspection = await seen(client, "waiting")

    assert not is_open(inspection, before)
    assert is_open(inspection, await the_wait(client, "waiting", "delivered"))
    with pytest.raises(AnsweredMeanwhileError):
        await answer(client, before, "reception", by=None)


async def test_the_last_wait_is_known_when_it_is_over(commander: SQLiteCommander, client: CommanderClient) -> None:
    """With what was answered to it."""
    await commander.start(survey, "Ada", mission_id="survey")
    wait = await the_wait(client, "survey", "rated", "both/shop")
    mission = await commander.get_mission("survey")
    assert mission is not None
    await mission.signal(rated, 5, at="both/shop")
    inspection = await seen(client, "survey")

    static = await static_of(client, inspection.snapshot)

    assert last_wait(inspection, static, "rated", "both/shop") == wait
    assert last_wait(inspection, static, "paid") is None
    taken = answer_to(inspection, wait)
    assert taken is not None
    assert taken.payload == 5


async def test_an_answer_that_does_not_fit_is_refused(commander: SQLiteCommander, client: CommanderClient) -> None:
    """By who runs the missions."""
    await lamp(commander, "waiting")
    wait = await the_wait(client, "waiting", "delivered")

    with pytest.raises(MissionValidationError):
        await answer(client, wait, 5, by=None)


async def test_an_answer_is_accepted_where_nobody_runs_the_missions(database: Path, client: CommanderClient) -> None:
    """Once."""
    async with SQLiteCommander(database_path=database, definitions=DEFINITIONS) as commander:
        await lamp(commander, "waiting")
    wait = await the_wait(client, "waiting", "delivered")

    for _ in range(2):
        assert (await answer(client, wait, "reception", by=None)).state == "accepted"

    async with SQLiteCommander(database_path=database, definitions=[order]) as commander:
        await commander.settled()
        assert len((await seen(client, "waiting")).signals) == 1


async def test_an_answer_to_a_mission_that_was_purged_comes_too_late(
    commander: SQLiteCommander, client: CommanderClient
) -> None:
    """Nothing is left of it."""
    await lamp(commander, "waiting")
    wait = await the_wait(client, "waiting", "delivered")
    gone = OpenWait(mission_id="gone", mission_name="order", event_name="delivered", path=None, since=wait.since)

    with pytest.raises(AnsweredMeanwhileError):
        await answer(client, gone, "reception", by=None)
