"""Sleeps and deadlines that code computes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from flows import T, begin, ended, flow, names_of, path, places, recovered
from mission_control.core import MissionContext, MissionFailedError, MissionHandle, SignalWait, TimerWait
from mission_control.testing import FakeClock
from storages import Gate, OpenCommander, Undriven

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOON = EPOCH + timedelta(seconds=90)


def computes(value: Any) -> Any:
    def duration(ctx: MissionContext[int]) -> Any:
        return value

    return duration


async def sleep_of(mission: MissionHandle[Any]) -> TimerWait:
    waiting = (await mission.snapshot()).waiting
    assert isinstance(waiting, TimerWait)
    return waiting


async def deadline_of(mission: MissionHandle[Any]) -> datetime | None:
    waiting = (await mission.snapshot()).waiting
    assert isinstance(waiting, SignalWait)
    return waiting.timeout_at


@pytest.mark.parametrize(
    "value", [timedelta(seconds=90), 90, 90.0, SOON, SOON.astimezone(timezone(timedelta(hours=5)))]
)
async def test_computed_sleep_ends_when_it_says(
    open_commander: OpenCommander, fake_clock: FakeClock, value: Any
) -> None:
    """A timedelta, seconds, or an aware datetime of any zone: the sleep ends then, and not before."""
    definition = flow().sleep("nap", computes(value)).step("behind", begin).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert (await sleep_of(mission)).due_at == SOON
    await fake_clock.advance(89)
    assert await mission.status() == "waiting"
    await fake_clock.advance(1)
    assert await ended(mission) == "completed"


@pytest.mark.parametrize("value", [0, 0.0, timedelta(0), EPOCH, EPOCH - timedelta(days=400)])
async def test_computed_sleep_that_is_over_takes_no_time(open_commander: OpenCommander, value: Any) -> None:
    """No duration, and an instant in the past, are now: scheduled and fired in one commit."""
    definition = flow().sleep("nap", computes(value)).step("behind", begin).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await mission.status() == "completed"
    assert await names_of(mission, T.TIMER_FIRED) == ["nap"]


async def test_duration_counts_from_the_commit_in_which_the_wait_begins(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A duration that took its code 10 s to compute counts from its end."""
    computing = Gate()

    async def duration(ctx: MissionContext[int]) -> timedelta:
        await computing(ctx)
        return timedelta(minutes=1)

    definition = flow().sleep("nap", duration).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await computing.begun.wait()
    await fake_clock.advance(10)
    computing.opened.set()
    await commander.settled()

    assert (await sleep_of(mission)).due_at == EPOCH + timedelta(seconds=70)


async def test_what_a_computed_sleep_returned_is_history_and_no_event(open_commander: OpenCommander) -> None:
    """The value is in the record of its attempt, and not among the events; its output is not the mission's."""
    definition = flow().step("s", begin).sleep("nap", computes(timedelta(0))).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 7)

    snapshot = await mission.snapshot()
    assert "nap" not in snapshot.events
    assert snapshot.output == 7
    record = next(it for it in await mission.history() if (it.type, it.event_name) == (T.STEP_SUCCEEDED, "nap"))
    assert record.details == {"output": 0.0}


async def test_computed_sleep_is_computed_once(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The due time is fixed when the sleep begins: after a crash it is not computed anew."""
    runs: list[str] = []

    def duration(ctx: MissionContext[int]) -> float:
        runs.append(ctx.step_name)
        return 60

    definition = flow().sleep("nap", duration).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await open_commander.crash()
    await fake_clock.advance(30)
    commander = await open_commander([definition])
    await commander.settled()
    await fake_clock.advance(30)

    assert await ended(await recovered(commander)) == "completed"
    assert runs == ["nap"]


@pytest.mark.parametrize(("value", "until"), [(None, None), (90, SOON), (timedelta(seconds=90), SOON), (SOON, SOON)])
async def test_computed_deadline(open_commander: OpenCommander, value: Any, until: datetime | None) -> None:
    """A timeout may be computed likewise, or be None for no deadline."""
    definition = flow().need_to("go", int, timeout=computes(value)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await deadline_of(mission) == until
    await mission.signal("go", 1)
    assert await mission.status() == "completed"
    assert (await mission.snapshot()).events["go"].input == 1


@pytest.mark.parametrize("value", [0, EPOCH - timedelta(days=1)])
async def test_computed_deadline_that_is_over_passes_at_once(open_commander: OpenCommander, value: Any) -> None:
    """No time at all, or an instant in the past, is a wait that has timed out."""
    definition = flow().need_to("go", int, timeout=computes(value)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await commander.settled()

    assert await ended(mission) == "failed"
    assert await names_of(mission, T.SIGNAL_TIMED_OUT) == ["go"]


async def test_computed_deadline_passes(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A deadline that code computed leads to `on_timeout` as any."""
    late = path().step("s", begin)
    definition = flow().need_to("go", int, timeout=computes(SOON), on_timeout=late).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(90)

    assert await ended(mission) == "completed"
    assert await names_of(mission, T.STEP_STARTED) == ["start", "go", "go/timeout/s"]


BAD = [
    -1,
    timedelta(seconds=-1),
    float("nan"),
    float("inf"),
    True,
    "60",
    [60],
    datetime(1970, 1, 2),  # noqa: DTZ001 - a naive one is what is refused
    timedelta(days=366_000),
    datetime(3000, 1, 1, tzinfo=UTC),
]


@pytest.mark.parametrize("value", [*BAD, None])
async def test_sleep_that_cannot_be_fails_the_mission(open_commander: OpenCommander, value: Any) -> None:
    """Negative, naive, beyond 1,000 years, or anything else: MISSION_PAYLOAD_ERROR, without another attempt."""
    await fails(open_commander, flow().sleep("nap", computes(value)).end(), "nap")


@pytest.mark.parametrize("value", BAD)
async def test_deadline_that_cannot_be_fails_the_mission(open_commander: OpenCommander, value: Any) -> None:
    """The same goes for a computed timeout; a signal for it is then never waited for."""
    await fails(open_commander, flow().need_to("go", int, timeout=computes(value)).end(), "go")


async def fails(open_commander: OpenCommander, definition: Any, cursor: str) -> None:
    commander = await open_commander([definition])
    with pytest.raises(MissionFailedError, match="MISSION_PAYLOAD_ERROR") as caught:
        await commander.start(definition, 1)
    assert caught.value.snapshot is not None
    assert caught.value.snapshot.cursor == cursor


async def test_computed_times_of_items_are_their_own(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Each item computes its own sleep, from its item, and they end in their order."""

    def items(ctx: MissionContext[int]) -> list[int]:
        return [30, 10, 20]

    def duration(ctx: MissionContext[int]) -> int:
        return ctx.item(items)

    definition = flow().each("e", items, path().sleep("nap", duration)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    assert await places(mission) == [(f"e[{index}]", f"e[{index}]/nap", "waiting") for index in range(3)]
    await fake_clock.advance(60)

    assert await ended(mission) == "completed"
    assert await names_of(mission, T.PATH_COMPLETED) == ["e[1]", "e[2]", "e[0]"]
