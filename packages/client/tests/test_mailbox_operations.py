"""What an operator asks through a mailbox: what is checked here, what is sent, and what those who wait get."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.client import CommanderClient, create_blocking_client, create_commander_client
from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionExecutionError,
    MissionStatus,
    MissionValidationError,
    NotAnsweredError,
    Operations,
    RetryPolicy,
    m,
)

from .missions import noted, order
from .places import Place

FOR_EVER = RetryPolicy(max_attempts=2, initial_interval=timedelta(days=400 * 365))


@define
class Parcel:
    weight: float


def fail_to_pack(ctx: MissionContext[str]) -> Parcel:
    raise ValueError("no paper")


def fail_to_count(ctx: MissionContext[str]) -> int:
    raise ValueError("too many")


def begin(ctx: MissionContext[str]) -> str:
    return ctx.input


late = m.define("late").start(input=str, run=begin).step("pack", fail_to_pack, retry=FOR_EVER).end()
packing = m.path().step("pack", fail_to_pack, retry=FOR_EVER)
counting = m.path().step("count", fail_to_count, retry=FOR_EVER)
forked = m.define("forked").start(input=str, run=begin).parallel("all", {"p": packing, "c": counting}).end()
DEFINITIONS: list[MissionDefinition[Any]] = [order, late, forked]


@pytest.fixture(params=["in memory", "a file"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A mission of each kind, under the name of its definition, and no owner."""
    place = Place(None if request.param == "in memory" else tmp_path / "missions.db")
    async with place.owned(*DEFINITIONS) as commander:
        await commander.start(order, {"item": "tea"}, mission_id="order")
        await commander.start(late, "x", mission_id="late")
        await commander.start(forked, "x", mission_id="forked")
    return place


@pytest.fixture
async def client(place: Place) -> AsyncIterator[CommanderClient]:
    async with create_commander_client(mailbox=place.mailbox(), definitions=DEFINITIONS) as client:
        yield client


Ask = Callable[[Operations], Awaitable[Any]]

UNANSWERED: list[tuple[Ask, str]] = [
    (lambda on: on.pause_mission("order"), "asking again is safe"),
    (lambda on: on.resume_mission("order"), "asking again is safe"),
    (lambda on: on.wake_mission("late"), "that ends what it waits for then"),
    (lambda on: on.skip_step("late", output=Parcel(1.0)), "that skips what has failed then"),
    (lambda on: on.reopen_mission("order"), "that reopens it once more"),
    (lambda on: on.purge_missions(ended_before=datetime(1970, 1, 2, tzinfo=UTC)), "asking again is safe"),
]


async def test_nobody_answers_in_time(place: Place) -> None:
    """The error says what becomes of the request, and what asking again would do."""
    async with create_commander_client(mailbox=place.mailbox(), definitions=DEFINITIONS, answer_timeout=0.01) as client:
        for ask, again in UNANSWERED:
            with pytest.raises(NotAnsweredError, match=rf"it will be applied when a process owns.*{again}"):
                await ask(client.operations)
        form = await client.operations.export_mission("late")
        with pytest.raises(NotAnsweredError, match="then it exists already"):
            await client.operations.import_mission(form, mission_id="again")


async def test_what_was_accepted_without_an_owner_is_done_by_the_next(place: Place) -> None:
    """As if it had been asked then, with who asked."""
    async with create_commander_client(mailbox=place.mailbox(), answer_timeout=0.01, by="night shift") as hasty:
        with pytest.raises(NotAnsweredError):
            await hasty.operations.pause_mission("order")
        with pytest.raises(NotAnsweredError):
            await hasty.operations.skip_step("late", output={"weight": 1}, by="ada")
    async with place.owned(*DEFINITIONS) as commander:
        await commander.settled()
        skipped = await commander.get_mission("late")
        assert skipped is not None
        assert (await skipped.result()).output == {"weight": 1.0}
        assert [one.mission_id for one in await commander.list_missions() if one.paused] == ["order"]
        assert noted(await commander.inspect_mission("order")) == ["night shift"]
        assert set(noted(await commander.inspect_mission("late"))) == {"ada"}


async def test_an_output_that_does_not_fit_is_not_sent(place: Place, client: CommanderClient) -> None:
    """With the definition at hand nobody has to be asked, and no owner needs to be there."""
    operations = client.operations
    with pytest.raises(MissionValidationError, match="the output of step 'pack' of mission 'late'") as caught:
        await operations.skip_step("late", output={"weight": "heavy"})
    assert (caught.value.event_name, caught.value.issues) == ("pack", ("$.weight: expected float, got str 'heavy'",))
    with pytest.raises(MissionValidationError, match="the output of step 'all/c/count' of mission 'forked'"):
        await operations.skip_step("forked", output="many", step="all/c/count")
    with pytest.raises(MissionValidationError, match="the output of step 'all/p/pack' of mission 'forked'"):
        await operations.skip_step("forked", output="many")
    with pytest.raises(MissionValidationError, match="has no JSON form"):
        await operations.skip_step("order", output=object())
    async with place.owned(*DEFINITIONS):
        assert await client.list_refused() == []


async def test_a_form_that_is_none_is_not_sent(place: Place, client: CommanderClient) -> None:
    """It is read here before anything is sent, and so is its id."""
    form = await client.operations.export_mission("late")
    wrong_forms: list[object] = [None, [], {"format": 1}, {**form, "history": []}, {**form, "more": object()}]
    for wrong in wrong_forms:
        with pytest.raises(ValueError, match="form"):
            await client.operations.import_mission(wrong, mission_id="new")
    with pytest.raises(ValueError, match="mission_id"):
        await client.operations.import_mission(form, mission_id="")
    async with place.owned(*DEFINITIONS):
        assert await client.list_refused() == []


async def test_what_one_of_the_steps_returns_is_sent(place: Place, client: CommanderClient) -> None:
    """Where it is not said which of those that stand is meant, the owner asks for that; said, it is done."""
    async with place.owned(*DEFINITIONS):
        with pytest.raises(MissionExecutionError, match=r"several steps.*say which"):
            await client.operations.skip_step("forked", output=5)
        await client.operations.skip_step("forked", output=5, step="all/c/count")
        await client.operations.skip_step("forked", output=Parcel(2.0))
        mission = await client.get_mission("forked")
        assert mission is not None
        assert (await mission.result()).status is MissionStatus.COMPLETED


async def test_what_is_not_known_here_is_checked_by_the_owner(place: Place) -> None:
    """A client without definitions sends what has a JSON form."""
    async with place.owned(*DEFINITIONS), create_commander_client(mailbox=place.mailbox()) as stranger:
        with pytest.raises(MissionValidationError, match="the output of step 'pack'") as caught:
            await stranger.operations.skip_step("late", output={"weight": "heavy"})
        assert caught.value.issues == ("$.weight: expected float, got str 'heavy'",)
        with pytest.raises(MissionValidationError, match="has no JSON form"):
            await stranger.operations.skip_step("late", output=object())
        await stranger.operations.skip_step("late", output=Parcel(1.0))
        assert [one.kind for one in await stranger.list_refused()] == ["skip"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_blocking_client_tells_how_far_it_is_on_its_own_thread(is_there: bool, tmp_path: Path) -> None:
    """The caller's waits meanwhile; whether the client has missions of its own or asks by a mailbox."""
    database = tmp_path / "missions.db"
    told: list[tuple[int, int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total, threading.get_ident()))

    with create_blocking_client(definitions=[order], persistence=create_sqlite_persistence_adapter(database)) as owner:
        for name in ("a", "b"):
            owner.start_mission(order, {"item": "tea"}, mission_id=name)
        if is_there:
            assert owner.operations.doctor(progress=progress) == []
        with create_blocking_client(mailbox=sqlite_mailbox(database), definitions=[order]) as client:
            if not is_there:
                assert client.operations.doctor(progress=progress) == []
    assert told[-1][:2] == (2, 2)
    assert len({thread for _, _, thread in told}) == 1
    assert told[-1][2] != threading.get_ident()
