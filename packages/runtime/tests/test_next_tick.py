"""The tick that is set for later."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mission_control.core import CommanderClosedError, MissionStatus
from mission_control.testing import FakeClock

from .harness import Runtimes, sleeping


async def test_earliest_start_at_becomes_the_next_tick(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """On start the first mission that waits for its start sets the next tick; sleeps and deadlines do not."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", mission_id="asleep")
    for seconds in (300, 200):
        instant = fake_clock.now() + timedelta(seconds=seconds)
        await first.commander.start("sleeping", "x", mission_id=f"in-{seconds}", start_at=instant)

    second = await runtimes([sleeping()])

    assert second.next_tick_at == fake_clock.now() + timedelta(seconds=200)
    assert runtimes.names == ["runtime-started", "tick-scheduled", "tick-started", "tick-completed"]


async def test_start_at_tick_starts_the_mission(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """The tick at `start_at` reports the mission that it starts, and sets no further tick."""
    first = await runtimes([sleeping()])
    for seconds in (100, 200):
        instant = fake_clock.now() + timedelta(seconds=seconds)
        await first.commander.start("sleeping", "x", mission_id=f"in-{seconds}", start_at=instant)
    second = await runtimes([sleeping()])
    runtimes.clear()

    await fake_clock.advance(100)

    assert runtimes.names == ["tick-started", "mission-resume-started", "tick-completed"]
    assert runtimes.ids("mission-resume-started") == ["in-100"]
    assert second.next_tick_at is None


async def test_overdue_start_at_is_left_to_the_startup_tick(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """A start that was missed needs no tick of its own."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", mission_id="late", start_at=fake_clock.now() + timedelta(seconds=9))
    await first.stop()
    await fake_clock.advance(10)

    second = await runtimes([sleeping()])

    assert second.next_tick_at is None
    assert runtimes.ids("mission-resume-started") == ["late"]


async def test_earlier_tick_that_was_set_before_start_stays(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """A `start_at` does not put off a tick that is set already."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", start_at=fake_clock.now() + timedelta(seconds=200))
    second = await runtimes([sleeping()], start=False)
    second.set_next_tick_in(100)

    await second.start()

    assert second.next_tick_at == fake_clock.now() + timedelta(seconds=100)


async def test_earlier_start_at_replaces_a_later_tick(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """Of a `start_at` and a later tick that was set before start, the `start_at` wins."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", start_at=fake_clock.now() + timedelta(seconds=200))
    second = await runtimes([sleeping()], start=False)
    second.set_next_tick_in(300)

    await second.start()

    assert second.next_tick_at == fake_clock.now() + timedelta(seconds=200)


async def test_next_tick_replaces_the_one_before(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """Only the tick that was set last comes, at its instant, and is forgotten then."""
    runtime = await runtimes()
    runtime.set_next_tick_in(10)
    runtime.set_next_tick_in(timedelta(seconds=20))
    runtimes.clear()

    await fake_clock.advance(19)
    assert runtimes.names == []
    await fake_clock.advance(1)

    assert runtimes.names == ["tick-started", "tick-completed"]
    assert runtime.next_tick_at is None


async def test_next_tick_is_in_utc(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """An instant of any zone is kept in UTC, and setting it is reported."""
    runtime = await runtimes()
    runtimes.clear()

    runtime.set_next_tick_at(datetime(1970, 1, 1, 2, 30, tzinfo=timezone(timedelta(hours=2))))

    assert repr(runtime.next_tick_at) == repr(datetime(1970, 1, 1, 0, 30, tzinfo=UTC))
    assert runtimes.names == ["tick-scheduled"]


async def test_past_time_means_now(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """A tick that is set for the past comes at once."""
    await fake_clock.advance(100)
    runtime = await runtimes()
    runtimes.clear()

    runtime.set_next_tick_at(datetime(1970, 1, 1, tzinfo=UTC))
    assert runtime.next_tick_at == fake_clock.now()
    await fake_clock.advance(0)

    assert runtimes.names == ["tick-scheduled", "tick-started", "tick-completed"]
    assert runtime.next_tick_at is None


async def test_next_tick_before_start_waits_for_it(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """A tick that falls due before the start comes after the startup tick."""
    runtime = await runtimes(start=False)
    runtime.set_next_tick_in(10)
    await fake_clock.advance(20)
    assert runtimes.names == ["tick-scheduled"]

    await runtime.start()
    await fake_clock.advance(0)

    assert runtimes.names.count("tick-started") == 2
    assert "tick-skipped" not in runtimes.names


async def test_naive_datetime_is_refused(runtimes: Runtimes) -> None:
    """A time without a zone is an error, and what was set stays."""
    runtime = await runtimes()
    runtime.set_next_tick_in(10)
    before = runtime.next_tick_at

    with pytest.raises(ValueError, match="aware"):
        runtime.set_next_tick_at(datetime(2030, 1, 1))  # noqa: DTZ001 (a naive one is the test)

    assert runtime.next_tick_at == before


@pytest.mark.parametrize("delay", [math.nan, math.inf, 1e300, timedelta.max])
async def test_delay_that_is_no_time_is_refused(runtimes: Runtimes, delay: timedelta | float) -> None:
    """What no clock will ever show is an error."""
    runtime = await runtimes()

    with pytest.raises(ValueError, match="the next tick"):
        runtime.set_next_tick_in(delay)

    assert runtime.next_tick_at is None


async def test_stopped_runtime_takes_no_next_tick(runtimes: Runtimes) -> None:
    """After stop there is no next tick, and none can be set."""
    runtime = await runtimes()
    runtime.set_next_tick_in(10)

    await runtime.stop()

    assert runtime.next_tick_at is None
    with pytest.raises(CommanderClosedError):
        runtime.set_next_tick_in(10)


async def test_timers_fire_without_any_tick(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """The commander wakes what is due by itself; the runtime reports it."""
    runtime = await runtimes([sleeping()])
    mission = await runtime.commander.start("sleeping", "x", mission_id="asleep")
    runtimes.clear()

    await fake_clock.advance(60)

    assert (await mission.status()) == MissionStatus.COMPLETED
    assert runtimes.names == ["mission-resume-started", "mission-completed"]
