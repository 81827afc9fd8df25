"""Waits that end before their time, and steps that are skipped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import define

from mended import GO, Shop, begin, found, recorded
from mission_control.core import (
    MissionContext,
    MissionExecutionError,
    MissionNotFoundError,
    MissionNotRegisteredError,
    MissionStatus,
    MissionTerminalError,
    MissionValidationError,
    RetryPolicy,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

START = m.define("it").start(input=int, run=begin)
SLOWLY = RetryPolicy(max_attempts=3, initial_interval=3600)


@define
class Paid:
    amount: int


async def pay(ctx: MissionContext[int]) -> Paid:
    raise ValueError("no")


async def test_sleep_backoff_and_delayed_start_end_now(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Each by a timer that fired because it was woken, and says by whom."""
    shop = Shop(broken={"a"})
    definition = START.sleep("z", 3600).step("a", shop.work, retry=SLOWLY).end()
    commander = await open_commander([definition])
    due = fake_clock.now() + timedelta(days=1)
    mission = await commander.start(definition, 5, mission_id="x", start_at=due)
    for _ in range(3):
        shop.broken = {"a"} if not shop.ran else set()
        await commander.operations.wake_mission("x", by="eve")
        await commander.settled()

    assert await mission.status() is MissionStatus.COMPLETED
    fired = [record for record in await mission.history() if record.type == "timer-fired"]
    assert [record.event_name for record in fired] == ["start_at", "z", "a"]
    assert [dict(record.details) for record in fired] == [{"reason": "woken", "by": "eve"}] * 3
    assert {timer.status for timer in (await mission.inspect()).timers} == {"completed"}


async def test_woken_wait_is_named_by_its_path(open_commander: OpenCommander) -> None:
    """Where several wait; what waits for a signal is not woken."""
    paths = {"a": m.path().sleep("z", 60), "b": m.path().sleep("z", 60), "c": m.path().need_to(GO, timeout=60)}
    definition = START.parallel("p", paths).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")
    operations = commander.operations

    with pytest.raises(MissionExecutionError, match="waits for several times: 'p/a/z', 'p/b/z'"):
        await operations.wake_mission("x")
    await operations.wake_mission("x", path="p/a")
    with pytest.raises(MissionExecutionError, match="no time at 'p/c' that could be over: it sleeps in 'p/b/z'"):
        await operations.wake_mission("x", path="p/c")
    await operations.wake_mission("x")
    with pytest.raises(MissionExecutionError, match="it waits for signal 'p/c/go'"):
        await operations.wake_mission("x")
    with pytest.raises(MissionNotFoundError):
        await operations.wake_mission("y")


async def test_paused_mission_goes_on_from_what_was_woken_when_it_is_resumed(open_commander: OpenCommander) -> None:
    """And from what was skipped; nothing runs before."""
    shop = Shop(broken={"b"})
    definition = START.sleep("z", 60).step("a", shop.work).step("b", shop.work, retry=SLOWLY).step("c", shop.work).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await commander.operations.pause_mission("x")
    await commander.operations.wake_mission("x")
    await commander.settled()
    assert shop.ran == []
    await commander.operations.resume_mission("x")
    await commander.settled()
    await commander.operations.pause_mission("x")
    await commander.operations.skip_step("x", output=7)
    await commander.settled()

    assert shop.ran == ["a", "b"]
    await commander.operations.resume_mission("x")
    await commander.settled()
    assert (shop.ran, await mission.status()) == (["a", "b", "c"], MissionStatus.COMPLETED)


async def test_skipped_step_has_its_output_as_if_it_had_returned_it(open_commander: OpenCommander) -> None:
    """Typed, or in its JSON form, and checked; the history says who did it, also after a restart."""
    definition = START.step("pay", pay).need_to(GO).step("amount", lambda ctx: ctx.output(pay).amount).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()
    with pytest.raises(MissionValidationError, match=r"the output of step 'pay' of mission 'x' \(it\)") as error:
        await commander.operations.skip_step("x", output={"amount": "all"})
    assert error.value.issues == ("$.amount: expected int, got str 'all'",)
    assert await mission.status() is MissionStatus.FAILED
    skipped = await commander.operations.skip_step("x", output=Paid(40), by="eve")
    assert (skipped.status, skipped.error, skipped.events["pay"].output) == ("waiting", None, {"amount": 40})

    commander = await open_commander([definition])
    mission = await found(commander)
    await mission.signal(GO, 1)
    assert await mission.output() == 40
    assert (await recorded(mission))[6:9] == ["mission-failed pay", "mission-reopened", "step-skipped pay"]
    by = [record.details for record in await mission.history() if record.type == "step-skipped"]
    assert by == [{"output": {"amount": 40}, "by": "eve"}]


async def test_one_of_several_that_stand_is_skipped(open_commander: OpenCommander) -> None:
    """The others are tried again."""
    shop = Shop(broken={"s"})
    path = m.path().step("s", shop.work)
    definition = START.parallel("p", {"a": path, "b": path}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.settled()

    with pytest.raises(MissionExecutionError, match=r"several steps of mission 'x' .* stand: 'p/a/s', 'p/b/s'; say"):
        await commander.operations.skip_step("x", output=1)
    shop.broken.clear()
    await commander.operations.skip_step("x", output=1, step="p/a/s")
    await commander.settled()
    assert await mission.status() is MissionStatus.COMPLETED
    assert shop.ran[-1] == "p/b/s"
    with pytest.raises(MissionTerminalError, match="can be skipped: it is completed"):
        await commander.operations.skip_step("x", output=1)


async def test_wait_is_not_skipped(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Neither an open one, nor one that was not answered in time."""
    definition = START.need_to(GO, timeout=60).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x")

    with pytest.raises(MissionExecutionError, match="no step has failed, and stands; there are: none"):
        await commander.operations.skip_step("x", output=1)
    await fake_clock.advance(60)
    with pytest.raises(MissionExecutionError, match="'go' is a wait, and no step has failed"):
        await commander.operations.skip_step("x", output=1)


async def test_what_needs_the_definition_says_so(open_commander: OpenCommander) -> None:
    """Of missions that have ended, and of those that wait."""
    shop = Shop(broken={"a"})
    definition = START.sleep("z", 60).step("a", shop.work).end()
    commander = await open_commander([definition])
    await commander.start(definition, 5, mission_id="x", wait=False)
    await commander.start(definition, 5, mission_id="y")
    await commander.operations.wake_mission("x")
    await commander.settled()
    commander = await open_commander([])
    operations = commander.operations

    for refused in (
        operations.reopen_mission("x"),
        operations.skip_step("x", output=1),
        operations.wake_mission("y"),
        operations.skip_step("y", output=1),
    ):
        with pytest.raises(MissionNotRegisteredError, match="no definition of that name is registered"):
            await refused
