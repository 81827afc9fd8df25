"""Missions that are exported here and taken in there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mended import GO, Shop, begin, found, recorded
from mission_control.core import (
    Commander,
    MissionAlreadyExistsError,
    MissionDefinition,
    MissionNotFoundError,
    MissionStatus,
    PersistenceAdapter,
    RetryPolicy,
    create_commander,
    m,
)
from mission_control.testing import FakeClock
from storages import NewStorage, OpenCommander

ODD = {"lone": "caf\udce9", "nul": "a\0b", "big": 10**40}


def order(shop: Shop) -> MissionDefinition[int]:
    return (
        m.define("order")
        .update("note", dict[str, str | int], lambda ctx, note: note)
        .start(input=int, run=begin)
        .step("pack", shop.work, retry=RetryPolicy(max_attempts=3, initial_interval=60))
        .need_to(GO, timeout=3600)
        .step("ship", shop.work)
        .end()
    )


async def exported(commander: Commander, mission_id: str = "x") -> dict[str, Any]:
    """Return the form of a mission, as it is behind a file."""
    form: dict[str, Any] = json.loads(json.dumps(await commander.operations.export_mission(mission_id)))
    return form


async def test_mission_goes_on_elsewhere_as_it_would_have_here(
    open_commander: OpenCommander, new_storage: NewStorage, fake_clock: FakeClock
) -> None:
    """Every record of it is the same, payloads of any kind too; it is paused until somebody lets it go on."""
    definition = order(Shop())
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x", labels={"shop": "7"})
    await mission.update("note", ODD)
    form, history = await exported(commander), await mission.history()

    async with create_commander(definitions=[definition], persistence=new_storage(), clock=fake_clock) as other:
        taken = await other.operations.import_mission(form)
        assert (taken.status, taken.paused, taken.cursor) == (MissionStatus.WAITING, True, "go")
        assert dict(taken.labels) == {"shop": "7"}
        copy = await found(other)
        assert (await copy.history())[:-1] == history
        assert (await copy.history())[-1].details == {"reason": "imported"}
        assert (await copy.snapshot()).events["note"].output == ODD
        assert (await other.load_definition(definition.fingerprint)) == definition.to_static()

        await copy.signal(GO, 1)
        assert await copy.status() is not MissionStatus.COMPLETED
        await other.operations.resume_mission("x", by="eve")
        assert (await copy.wait_for_completion()).output == 5
    assert await mission.status() is MissionStatus.WAITING


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_mission_that_has_ended_is_taken_in_as_it_is(
    open_commander: OpenCommander, new_storage: NewStorage, fake_clock: FakeClock, end: str
) -> None:
    """Nothing is added to its history; one that failed can be reopened there."""
    shop = Shop(broken={"ship"} if end == "failed" else set())
    definition = order(shop)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    if end == "cancelled":
        await mission.cancel("no more")
    else:
        await mission.signal(GO, 1)
    form, history = await exported(commander), await mission.history()

    async with create_commander(definitions=[definition], persistence=new_storage(), clock=fake_clock) as other:
        taken = await other.operations.import_mission(form)
        copy = await found(other)
        assert (taken.status, taken.paused) == (end, False)
        assert await copy.history() == history
        if end == "failed":
            shop.broken.clear()
            await other.operations.reopen_mission("x")
            assert (await copy.wait_for_completion()).output == 5


async def test_deadline_that_has_passed_elsewhere_waits_for_the_resuming(
    open_commander: OpenCommander, new_storage: NewStorage, fake_clock: FakeClock
) -> None:
    """Then it happens at once; also after a restart, since what is paused is not due."""
    definition = order(Shop())
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    form = await exported(commander)
    storage = new_storage()
    async with create_commander(definitions=[definition], persistence=storage, clock=fake_clock) as other:
        await other.operations.import_mission(form)
        await fake_clock.advance(timedelta(days=1))
        assert (await (await found(other)).snapshot()).paused
        await other.operations.resume_mission("x")
        await other.settled()
        assert (await recorded(await found(other)))[-3:] == [
            "mission-resumed",
            "signal-timed-out go",
            "mission-failed go",
        ]


async def test_attempt_that_ran_there_is_interrupted_here(
    open_commander: OpenCommander, new_storage: NewStorage, fake_clock: FakeClock
) -> None:
    """Nobody knows what became of it: it is made again when the mission is resumed."""
    forms: list[Any] = []

    async def pack(ctx: Any) -> int:
        if not forms:
            forms.append(await exported(commander))
        return 5

    definition = m.define("order").start(input=int, run=begin).step("pack", pack).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")

    async with create_commander(definitions=[definition], persistence=new_storage(), clock=fake_clock) as other:
        await other.operations.import_mission(forms[0])
        await other.operations.resume_mission("x")
        copy = await found(other)
        assert (await copy.wait_for_completion()).output == 5
        attempts = [(one.step_name, one.status) for one in (await copy.inspect()).step_attempts]
        assert attempts == [("start", "succeeded"), ("pack", "interrupted"), ("pack", "succeeded")]


async def test_mission_is_taken_in_beside_itself_under_another_id(open_commander: OpenCommander) -> None:
    """Under its own it is refused, and nothing is written."""
    definition = order(Shop())
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    form = await exported(commander)

    with pytest.raises(MissionAlreadyExistsError, match="'x'"):
        await commander.operations.import_mission(form)
    taken = await commander.operations.import_mission(form, mission_id="y")
    await commander.operations.resume_mission("y")
    copy = await found(commander, "y")
    await copy.signal(GO, 1)

    assert taken.mission_id == "y"
    assert (await copy.wait_for_completion()).output == 5
    assert await mission.status() is MissionStatus.WAITING
    assert len(await mission.history()) == len(form["history"])


async def test_children_are_exported_by_themselves(
    open_commander: OpenCommander, new_storage: NewStorage, fake_clock: FakeClock
) -> None:
    """A family that is taken in, child first or last, goes on as one."""
    shop = Shop()
    child = m.define("child").start(input=int, run=begin).need_to(GO).step("work", shop.work).end()
    parent = m.define("parent").start(input=int, run=begin).mission("pay", child, begin).end()
    commander = await open_commander([parent])
    await commander.start(parent, 5, mission_id="x")
    await commander.settled()
    forms = {mission_id: await exported(commander, mission_id) for mission_id in ("x", "x/pay")}

    for order_of_import in (("x", "x/pay"), ("x/pay", "x")):
        async with create_commander(definitions=[parent], persistence=new_storage(), clock=fake_clock) as other:
            for mission_id in order_of_import:
                await other.operations.import_mission(forms[mission_id])
            for mission_id in order_of_import:
                await other.operations.resume_mission(mission_id)
            await (await found(other, "x/pay")).signal(GO, 1)
            assert (await (await found(other)).wait_for_completion()).output == 5


async def test_mission_that_is_not_there_cannot_be_exported(open_commander: OpenCommander) -> None:
    """Nor can one whose id nothing could bear."""
    commander = await open_commander()
    for mission_id in ("nobody", "\ud800"):
        with pytest.raises(MissionNotFoundError):
            await commander.operations.export_mission(mission_id)


async def test_form_that_is_none_leaves_no_trace(
    open_commander: OpenCommander, adapter_factory: Callable[[], PersistenceAdapter]
) -> None:
    """The error says what is wrong with it."""
    definition = order(Shop())
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    form = await exported(commander)

    changes: list[dict[str, Any]] = [{"format": 2}, {"history": form["history"][1:]}, {"definitions": {}}]
    wrong: object
    for wrong in ("x", *({**form, **change} for change in changes)):
        with pytest.raises(ValueError, match="the form of a mission"):
            await commander.operations.import_mission(wrong, mission_id="y")
    assert await commander.get_mission("y") is None
