"""What becomes of a slot whose predecessor has not ended: skip, allow, queue, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from mission_control.core import Commander, MissionContext, MissionStatus, m
from mission_control.core.schedules import StoredSchedule
from mission_control.testing import FakeClock
from storages import Forwarding, Kept, OpenCommander
from timetables import MINUTE, every, finish, fired, passed, quick, run, running, slot_id, slow, statuses


class Lives:
    """Commanders with one schedule: the same one all the time, or a new one after a crash wherever a test asks."""

    def __init__(self, opener: OpenCommander, *, is_crashing: bool) -> None:
        self._opener = opener
        self._is_crashing = is_crashing
        self._commander: Commander | None = None

    async def __call__(self, overlap: str) -> Commander:
        """Return the commander to go on with."""
        if self._commander is not None and self._is_crashing:
            await self._opener.crash()
            self._commander = None
        if self._commander is None:
            self._commander = await self._opener(schedules=[every(10, overlap=overlap)])
        await self._commander.settled()
        return self._commander


@pytest.fixture(params=[False, True], ids=["in one life", "after crashes"])
def next_life(request: pytest.FixtureRequest, open_commander: OpenCommander) -> Lives:
    """Opens commanders, one after a crash of the other or only one."""
    return Lives(open_commander, is_crashing=request.param)


async def test_skip(next_life: Lives, fake_clock: FakeClock) -> None:
    """The slot is passed over, and on record."""
    commander = await next_life("skip")
    await fake_clock.advance(30 * MINUTE)
    commander = await next_life("skip")
    assert await fired(commander) == [10]
    assert await passed(commander) == [(20, 30, 2, "overlap")]
    await finish(commander, 10)
    commander = await next_life("skip")
    await fake_clock.advance(10 * MINUTE)
    assert await fired(commander) == [10, 40]


async def test_allow(next_life: Lives, fake_clock: FakeClock) -> None:
    """All run beside one another."""
    commander = await next_life("allow")
    await fake_clock.advance(20 * MINUTE)
    commander = await next_life("allow")
    await fake_clock.advance(10 * MINUTE)
    assert await running(commander) == [10, 20, 30]
    assert await passed(commander) == []


async def test_queue(next_life: Lives, fake_clock: FakeClock) -> None:
    """One waits, durably, and later ones are passed over; it starts when the one before has ended."""
    commander = await next_life("queue")
    await fake_clock.advance(40 * MINUTE)
    commander = await next_life("queue")
    assert await fired(commander) == [10]
    assert await passed(commander) == [(30, 40, 2, "overlap")]
    await finish(commander, 10)
    assert await running(commander) == [20]
    commander = await next_life("queue")
    await fake_clock.advance(10 * MINUTE)
    commander = await next_life("queue")
    await finish(commander, 20)
    assert await running(commander) == [50]
    assert await passed(commander) == [(30, 40, 2, "overlap")]


async def test_cancel(next_life: Lives, fake_clock: FakeClock) -> None:
    """The one before is cancelled, and then this one starts."""
    commander = await next_life("cancel")
    await fake_clock.advance(20 * MINUTE)
    commander = await next_life("cancel")
    assert await statuses(commander) == {slot_id(10): MissionStatus.CANCELLED, slot_id(20): MissionStatus.WAITING}
    await fake_clock.advance(10 * MINUTE)
    assert await running(commander) == [30]
    found = await commander.inspect_mission(slot_id(20))
    assert found is not None
    assert "schedule 's' takes its place" in str(found.snapshot.error)


async def test_cancel_waits_for_undoing(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """What was done is undone before the new one starts; a newer one takes the place of one that waits for it."""
    is_undone = asyncio.Event()

    async def undo(ctx: MissionContext[int]) -> None:
        await other.wait_for_end()

    class Other:
        """A mission that the undoing waits for, so that it is at rest meanwhile."""

        async def wait_for_end(self) -> None:
            mission = await commander.get_mission("other")
            assert mission is not None
            await mission.result()
            is_undone.set()

    other = Other()
    definition = m.define("undone").start(input=int, run=run).step("a", run, undo=undo).need_to("finish", str).end()
    commander = await open_commander([slow], schedules=[every(10, overlap="cancel", definition=definition)])
    await commander.start(slow, 1, mission_id="other")
    await fake_clock.advance(30 * MINUTE)
    assert await fired(commander) == [10]
    assert await passed(commander) == [(20, 20, 1, "replaced")]
    mission = await commander.get_mission("other")
    assert mission is not None
    await mission.signal("finish", "now")
    await commander.settled()
    assert is_undone.is_set()
    assert await running(commander) == [30]


async def test_a_cancellation_that_is_refused(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, the slot waits, and the next one tries it again."""

    async def undo(ctx: MissionContext[int]) -> None: ...

    with_undo = m.define("with undo").start(input=int, run=run).step("a", run, undo=undo).need_to("finish", str).end()
    await open_commander(schedules=[every(10, definition=with_undo)])
    await fake_clock.advance(10 * MINUTE)
    commander = await open_commander(schedules=[every(10, overlap="cancel")])
    await fake_clock.advance(10 * MINUTE)
    assert await running(commander) == [10]
    assert "mission s@1970-01-01T00:10:00Z could not be cancelled" in caplog.text
    commander.register(with_undo)
    await fake_clock.advance(10 * MINUTE)
    assert await running(commander) == [30]
    assert await passed(commander) == [(20, 20, 1, "replaced")]


async def test_what_was_triggered_does_not_count(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Neither a triggered nor a backfilled mission keeps a slot from starting, nor is it kept back by any."""
    commander = await open_commander(schedules=[every(10)])
    triggered = await commander.schedules.trigger("s")
    assert triggered == "s@1970-01-01T00:00:00.000000Z+manual"
    epoch = fake_clock.now()
    backfilled = await commander.schedules.backfill("s", since=epoch - 20 * MINUTE, until=epoch)
    assert backfilled == ["s@1969-12-31T23:40:00Z", "s@1969-12-31T23:50:00Z"]
    await fake_clock.advance(10 * MINUTE)
    assert await running(commander) == [-20, -10, 10]
    assert list((await statuses(commander)).values()) == [MissionStatus.WAITING] * 4


async def test_another_policy_in_the_next_process(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Missions count that were started under another policy, and a slot that waits starts all the same."""
    await open_commander(schedules=[every(10, overlap="allow")])
    await fake_clock.advance(20 * MINUTE)
    commander = await open_commander(schedules=[every(10, overlap="queue")])
    await fake_clock.advance(10 * MINUTE)
    assert await running(commander) == [10, 20]
    commander = await open_commander(schedules=[every(10, overlap="skip")])
    await finish(commander, 10)
    assert await running(commander) == [20]
    await finish(commander, 20)
    assert await running(commander) == [30]


@pytest.mark.parametrize(
    ("overlap", "started", "over"),
    [
        ("skip", [10], [(20, 30, 2, "overlap")]),
        ("allow", [10, 20, 30], []),
        ("queue", [10], [(30, 30, 1, "overlap")]),
        ("cancel", [10, 30], [(20, 20, 1, "replaced")]),
    ],
)
async def test_missed_slots_go_by_the_policy(
    open_commander: OpenCommander,
    fake_clock: FakeClock,
    overlap: str,
    started: list[float],
    over: list[tuple[float, float, int, str]],
) -> None:
    """All of them are decided in one go, the oldest first, also where a mission has ended at once."""
    schedules = [every(10, overlap=overlap, catch_up=timedelta(days=1))]
    await open_commander(schedules=schedules)
    await open_commander.close()
    await fake_clock.advance(35 * MINUTE)
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert await fired(commander) == started
    assert await passed(commander) == over


class Slow(Forwarding):
    """Records schedules when the first slot's mission has ended, where a test says so."""

    waits = False

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        while self.waits:
            summary = await self.load_summary(slot_id(10))
            if summary is not None and summary.status.is_terminal:
                break
            await asyncio.sleep(0)
        await super().record_schedules(rows)


async def test_a_mission_ends_while_it_is_put_on_record_who_waits(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """It makes room for that one."""
    schedules = [every(10, definition=quick, overlap="queue", catch_up=timedelta(days=1))]
    await open_commander(schedules=schedules)
    await open_commander.close()
    await fake_clock.advance(25 * MINUTE)
    kept = Kept(Slow)
    commander = await open_commander(schedules=schedules, wrap=kept)
    kept.adapter.waits = True
    await commander.settled()
    assert await fired(commander) == [10, 20]


async def test_a_mission_that_ends_at_once_makes_room(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """For the one that was to wait for it in the same go."""
    schedules = [every(10, definition=quick, overlap="queue", catch_up=timedelta(days=1))]
    await open_commander(schedules=schedules)
    await open_commander.close()
    await fake_clock.advance(35 * MINUTE)
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert await fired(commander) == [10, 20]
    assert await passed(commander) == [(30, 30, 1, "overlap")]
