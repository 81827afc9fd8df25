"""Rules 1 and 4: what a start accepts, what it refuses without a trace, and what starts later."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import define

from mission_control.core import (
    Commander,
    HistoryType,
    MissionContext,
    MissionDefinition,
    MissionDefinitionError,
    MissionNotFoundError,
    MissionNotRegisteredError,
    MissionStatus,
    MissionValidationError,
    RetryPolicy,
    TimerWait,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

NOON = datetime(1970, 1, 1, 12, tzinfo=UTC)


@define
class Order:
    item: str
    amount: int = 1


async def nothing(ctx: MissionContext[Any]) -> None:
    pass


ORDER = m.define("order").start(input=Order, run=nothing).end()


def blocked_on(gate: asyncio.Event, runs: list[str] | None = None) -> MissionDefinition[Order]:
    """Return a mission whose step waits for `gate`, and notes that it ran."""

    async def block(ctx: MissionContext[Order]) -> str:
        if runs is not None:
            runs.append(ctx.mission_id)
        await gate.wait()
        return ctx.input.item

    return m.define("blocked").start(input=Order, run=nothing).step("block", block).end()


async def status_of(commander: Commander, mission_id: str) -> MissionStatus | None:
    inspection = await commander.inspect_mission(mission_id)
    return None if inspection is None else inspection.snapshot.status


# 1. Input is validated first


@pytest.mark.parametrize(
    "input",
    [{}, {"item": 5}, {"item": "pen", "amount": "2"}, {"item": "pen", "colour": "red"}, [], None, "pen", Order(item=5)],  # type: ignore[arg-type]
    ids=repr,
)
async def test_bad_input_leaves_no_trace(open_commander: OpenCommander, input: Any) -> None:
    """Input that does not fit raises, and neither a mission nor a definition is stored."""
    commander = await open_commander([ORDER])

    with pytest.raises(MissionValidationError) as raised:
        await commander.start(ORDER, input, mission_id="o-1")

    assert raised.value.event_name == "start"
    assert raised.value.issues
    assert all(issue.startswith("$") for issue in raised.value.issues)
    assert await commander.get_mission("o-1") is None
    assert await commander.inspect_mission("o-1") is None
    assert await commander.list_missions() == []
    assert await commander.load_definition(ORDER.fingerprint) is None


async def test_id_is_free_after_bad_input(open_commander: OpenCommander) -> None:
    """The id of a refused start can be used by the next one."""
    commander = await open_commander([ORDER])
    with pytest.raises(MissionValidationError):
        await commander.start(ORDER, {"item": 5}, mission_id="o-1")

    mission = await commander.start(ORDER, {"item": "pen"}, mission_id="o-1")

    assert await mission.status() == MissionStatus.COMPLETED


async def test_idle_handle_stays_idle_after_bad_input(open_commander: OpenCommander) -> None:
    """A handle whose start was refused is as it was, and can be started."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="o-1")
    with pytest.raises(MissionValidationError):
        await mission.start({"item": 5})
    assert await mission.status() == MissionStatus.IDLE

    await mission.start({"item": "pen"})

    assert await mission.status() == MissionStatus.COMPLETED


async def test_bad_input_is_told_before_the_id_is_looked_at(open_commander: OpenCommander) -> None:
    """Bad input for an id in use is a validation error, with `if_exists` too."""
    commander = await open_commander([ORDER])
    await commander.start(ORDER, {"item": "pen"}, mission_id="o-1")

    with pytest.raises(MissionValidationError):
        await commander.start(ORDER, {"item": 5}, mission_id="o-1")
    with pytest.raises(MissionValidationError):
        await commander.start(ORDER, {"item": 5}, mission_id="o-1", if_exists="return")


@pytest.mark.parametrize("mission_id", ["", "x" * 256, "a\nb", "a\x00b", "\ud800", 5], ids=ascii)
async def test_malformed_id_is_refused(open_commander: OpenCommander, mission_id: Any) -> None:
    """What cannot be an id raises before anything is stored, from `start` and from `create_mission`."""
    commander = await open_commander([ORDER])

    with pytest.raises(MissionDefinitionError, match="a mission id"):
        await commander.start(ORDER, {"item": "pen"}, mission_id=mission_id)
    with pytest.raises(MissionDefinitionError, match="a mission id"):
        commander.create_mission(ORDER, mission_id=mission_id)
    assert await commander.list_missions() == []


@pytest.mark.parametrize("mission_id", ["x" * 255, "'; DROP TABLE missions; --", "🚀 ünï", " ", "%_\\"])
async def test_odd_id_is_an_id_like_any_other(open_commander: OpenCommander, mission_id: str) -> None:
    """Every id that is allowed finds its own mission again."""
    commander = await open_commander([ORDER])
    await commander.start(ORDER, {"item": "pen"}, mission_id=mission_id)

    found = await commander.get_mission(mission_id)

    assert found is not None
    assert found.mission_id == mission_id
    assert await commander.get_mission(mission_id[:-1] + "y") is None


async def test_ids_are_made_where_none_is_given(open_commander: OpenCommander) -> None:
    """Without an id each mission gets one of its own, from `create_mission_id` where that is given."""
    ids = iter(["first", "second"])
    commander = await open_commander([ORDER], create_mission_id=lambda: next(ids))

    missions = [await commander.start(ORDER, {"item": "pen"}) for _ in range(2)]

    assert [mission.mission_id for mission in missions] == ["first", "second"]


async def test_unknown_name_is_refused(open_commander: OpenCommander) -> None:
    """Starting a definition by a name that is not registered says which are, and stores nothing."""
    commander = await open_commander([ORDER])

    with pytest.raises(MissionNotRegisteredError, match=r"'odrer'.*registered: 'order'"):
        await commander.start("odrer", {"item": "pen"})

    assert await commander.list_missions() == []


async def test_start_by_name(open_commander: OpenCommander) -> None:
    """A registered definition can be started by its name."""
    commander = await open_commander([ORDER])

    mission = await commander.start("order", {"item": "pen"})

    assert (await mission.snapshot()).events["start"].input == {"item": "pen", "amount": 1}


async def test_definition_handed_to_start_is_registered(open_commander: OpenCommander) -> None:
    """A definition that was started is known by its name from then on, and only that object may bear it."""
    commander = await open_commander()
    await commander.start(ORDER, {"item": "pen"}, mission_id="o-1")

    await commander.start("order", {"item": "pen"}, mission_id="o-2")

    with pytest.raises(MissionDefinitionError, match="'order'"):
        await commander.start(m.define("order").start(input=int, run=nothing).end(), 5, mission_id="o-3")
    assert await commander.get_mission("o-3") is None


async def test_unknown_if_exists_is_refused(open_commander: OpenCommander) -> None:
    """A misspelt `if_exists` is an error, not a default."""
    commander = await open_commander([ORDER])
    misspelt: Any = "ignore"

    with pytest.raises(ValueError, match="if_exists"):
        await commander.start(ORDER, {"item": "pen"}, mission_id="o-1", if_exists=misspelt)

    assert await commander.get_mission("o-1") is None


# 4. Starting later


async def test_nothing_runs_before_its_time(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A delayed mission waits on the timer `start_at`, standing on its start, and runs when its time has come."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"), start_at=NOON)
    snapshot = await mission.snapshot()
    assert snapshot.status == MissionStatus.WAITING
    assert snapshot.waiting == TimerWait(event_name="start_at", node_index=0, due_at=NOON)
    assert snapshot.cursor == "start"
    await fake_clock.advance_to(NOON - timedelta(microseconds=1))
    assert runs == []
    assert [record.type for record in await mission.history()] == [
        HistoryType.MISSION_CREATED,
        HistoryType.TIMER_SCHEDULED,
    ]
    await fake_clock.advance_to(NOON)

    inspection = await mission.inspect()
    assert inspection.snapshot.status == MissionStatus.COMPLETED
    assert [(timer.kind, timer.event_name, timer.status) for timer in inspection.timers] == [
        ("start_at", "start_at", "completed")
    ]
    assert inspection.timers[0].resumed_at == NOON


async def test_delayed_start_survives_restarts(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission whose time comes while nothing runs starts when the next process does."""
    await (await open_commander([ORDER])).start(ORDER, Order(item="pen"), mission_id="x", start_at=NOON)
    await open_commander.crash()
    await fake_clock.advance_to(NOON + timedelta(hours=1))

    commander = await open_commander([ORDER])
    await commander.settled()

    assert await status_of(commander, "x") == MissionStatus.COMPLETED


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=1), timedelta(days=400)])
async def test_start_at_that_has_passed_means_now(
    open_commander: OpenCommander, fake_clock: FakeClock, ago: timedelta
) -> None:
    """A start time that lies behind is no wait: the mission runs within the call, and its timer is on record."""
    commander = await open_commander([ORDER])

    mission = await commander.start(ORDER, Order(item="pen"), start_at=fake_clock.now() - ago)

    assert await mission.status() == MissionStatus.COMPLETED
    assert [(timer.kind, timer.status) for timer in (await mission.inspect()).timers] == [("start_at", "completed")]


async def test_naive_start_at_is_refused(open_commander: OpenCommander) -> None:
    """A start time without a zone raises `ValueError` and stores nothing."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")
    naive = NOON.replace(tzinfo=None)

    with pytest.raises(ValueError, match="aware"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=naive)
    with pytest.raises(ValueError, match="aware"):
        await mission.start(Order(item="pen"), start_at=naive)

    assert await mission.status() == MissionStatus.IDLE


@pytest.mark.parametrize("wrong", ["2030-01-01T00:00:00Z", 5, timedelta(1)], ids=repr)
async def test_start_at_that_is_no_time_is_refused(open_commander: OpenCommander, wrong: Any) -> None:
    """Text, numbers and durations are no start time, through a handle either."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")

    with pytest.raises(ValueError, match="start_at"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=wrong)
    with pytest.raises(ValueError, match="start_at"):
        await mission.start(Order(item="pen"), start_at=wrong)

    assert await mission.status() == MissionStatus.IDLE


async def test_start_at_of_another_zone_is_the_same_instant(open_commander: OpenCommander) -> None:
    """Start times are kept in UTC, through a handle too."""
    commander = await open_commander([ORDER])
    there = NOON.astimezone(timezone(timedelta(hours=-7)))

    missions = [await commander.start(ORDER, Order(item="pen"), start_at=there), commander.create_mission(ORDER)]
    await missions[1].start(Order(item="pen"), start_at=there)

    for mission in missions:
        waiting = (await mission.snapshot()).waiting
        assert isinstance(waiting, TimerWait)
        assert waiting.due_at == NOON
        assert waiting.due_at.tzinfo is UTC


@pytest.mark.parametrize(
    "start_at",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
    ],
)
async def test_start_at_beyond_all_times_is_refused(open_commander: OpenCommander, start_at: datetime) -> None:
    """An instant that does not exist in UTC raises `ValueError` and stores nothing."""
    commander = await open_commander([ORDER])

    with pytest.raises(ValueError, match="start_at"):
        await commander.start(ORDER, Order(item="pen"), mission_id="x", start_at=start_at)

    assert await commander.get_mission("x") is None


async def test_start_at_the_end_of_time_is_a_wait_like_any_other(open_commander: OpenCommander) -> None:
    """The last instant there is can be waited for, cancelled, and survives a restart."""
    end_of_time = datetime.max.replace(tzinfo=UTC)
    await (await open_commander([ORDER])).start(ORDER, Order(item="pen"), mission_id="x", start_at=end_of_time)

    commander = await open_commander([ORDER])
    await commander.settled()

    assert await status_of(commander, "x") == MissionStatus.WAITING
    assert (await commander.cancel_mission("x")).status == MissionStatus.CANCELLED


async def test_delayed_mission_that_is_cancelled_never_runs(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Cancelling before the start time ends the mission; its time passes without effect."""
    gate, runs = asyncio.Event(), list[str]()
    gate.set()
    definition = blocked_on(gate, runs)
    commander = await open_commander([definition])
    mission = await commander.start(definition, Order(item="pen"), start_at=NOON)

    await mission.cancel()
    await fake_clock.advance_to(NOON + timedelta(hours=1))

    assert runs == []
    assert (await mission.snapshot()).status == MissionStatus.CANCELLED
    assert (await mission.inspect()).timers[0].status == "cancelled"


async def test_run_of_start_is_tried_again_like_a_step(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The run of `start` has attempts, a retry policy and a durable backoff, and is listed as "start"."""
    seen: list[tuple[int, str]] = []

    async def third_time(ctx: MissionContext[Order]) -> str:
        seen.append((ctx.attempt, ctx.step_name))
        if ctx.attempt < 3:
            raise ValueError("not yet")
        return "opened"

    policy = RetryPolicy(max_attempts=3, initial_interval=60)
    definition = m.define("it").start(input=Order, run=third_time, retry=policy).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, Order(item="pen"))
    await fake_clock.advance(120)

    assert seen == [(1, "start"), (2, "start"), (3, "start")]
    inspection = await mission.inspect()
    assert [(it.step_name, it.attempt_number, it.status) for it in inspection.step_attempts] == [
        ("start", 1, "failed"),
        ("start", 2, "failed"),
        ("start", 3, "succeeded"),
    ]
    assert await mission.output() == "opened"
    assert inspection.snapshot.events["start"].input == {"item": "pen", "amount": 1}
    assert inspection.snapshot.events["start"].output == "opened"


async def test_run_of_start_has_a_timeout_like_a_step(open_commander: OpenCommander) -> None:
    """`timeout=` of `start` bounds its run."""
    clock = FakeClock(hang_patience=0.02)

    async def hang(ctx: MissionContext[Order]) -> None:
        await asyncio.Event().wait()

    definition = m.define("it").start(input=Order, run=hang, timeout=30).end()
    commander = await open_commander([definition], clock=clock)
    mission = await commander.start(definition, Order(item="pen"), wait=False)
    await clock.advance(30)

    error = (await mission.result()).error
    assert error is not None
    assert error.code == "STEP_TIMEOUT"


async def test_idle_handle_answers_as_idle(open_commander: OpenCommander) -> None:
    """Before its start a handle has a status, an empty history and a snapshot, and nothing to cancel."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER, mission_id="x")

    assert await mission.status() == MissionStatus.IDLE
    assert await mission.history() == ()
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor, snapshot.mission_name) == (MissionStatus.IDLE, None, "order")
    with pytest.raises(MissionNotFoundError):
        await mission.cancel()


async def test_handle_shows_which_mission_it_is(open_commander: OpenCommander) -> None:
    """What is printed of a handle is the mission's id and name."""
    commander = await open_commander()
    definition = m.define("order").start(input=int, run=nothing).end()

    assert repr(commander.create_mission(definition, mission_id="mine")) == "<MissionHandle 'mine' (order)>"


async def test_result_of_an_idle_handle_waits_for_its_start(open_commander: OpenCommander) -> None:
    """Whoever waits for the end before the start gets it."""
    commander = await open_commander([ORDER])
    mission = commander.create_mission(ORDER)
    result = asyncio.create_task(mission.result())
    await asyncio.sleep(0.01)

    await mission.start(Order(item="pen"))

    assert (await result).status == MissionStatus.COMPLETED
