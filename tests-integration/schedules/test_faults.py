"""Storage that fails, and commanders that are closed or die, in the middle of a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mission_control.core import MissionCommit, MissionStatus, PersistenceAdapter, PersistenceError
from mission_control.core.schedules import StoredSchedule
from mission_control.core.storage import CommitOutcome
from mission_control.testing import FakeClock
from storages import Crashing, Forwarding, Kept, OpenCommander
from timetables import MINUTE, every, finish, fired, passed, quick, running, slot_id, summary


class Failing(Forwarding):
    """Fails some of its writes, before or after they take effect."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.passes = 0
        self.fails = 0
        self.reads_fail = 0
        self.takes_effect = False
        self.gate: asyncio.Event | None = None
        self.holds_reads = False
        self.is_read = asyncio.Event()
        self.failed = 0

    async def _fault(self) -> None:
        if self.passes:
            self.passes -= 1
        elif self.fails:
            self.fails -= 1
            self.failed += 1
            raise PersistenceError("made to fail")

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if self.gate is not None:
            await self.gate.wait()
        if self.takes_effect and self.fails and not self.passes:
            await super().commit(batch)
        await self._fault()
        return await super().commit(batch)

    async def list_schedules(self) -> Sequence[tuple[StoredSchedule, MissionStatus | None]]:
        if self.holds_reads:
            self.is_read.set()
            await asyncio.Event().wait()
        if self.reads_fail and self.failed:
            self.reads_fail -= 1
            raise PersistenceError("made to fail")
        return await super().list_schedules()

    async def record_schedules(self, rows: Sequence[StoredSchedule], /) -> None:
        if self.takes_effect and self.fails and not self.passes:
            await super().record_schedules(rows)
        await self._fault()
        await super().record_schedules(rows)


@pytest.mark.parametrize("takes_effect", [False, True])
async def test_a_write_that_fails(open_commander: OpenCommander, fake_clock: FakeClock, *, takes_effect: bool) -> None:
    """Whether or not it took effect, each slot starts once, and what was passed over is on record once."""
    kept = Kept(Failing)
    commander = await open_commander(schedules=[every(10, overlap="queue")], wrap=kept)
    kept.adapter.takes_effect = takes_effect
    for _ in range(4):
        kept.adapter.fails = 2
        await fake_clock.advance(10 * MINUTE)
        await commander.settled()
    assert await fired(commander) == [10]
    assert await passed(commander) == [(30, 40, 2, "overlap")]
    kept.adapter.passes, kept.adapter.fails = 1, 2  # the signal's own commit passes
    await finish(commander, 10)
    assert await running(commander) == [20]
    assert kept.adapter.failed > 5


async def test_reading_that_fails_too(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """What storage has is asked again until it says so; who asks for something meanwhile hears of it."""
    kept = Kept(Failing)
    commander = await open_commander(schedules=[every(10, definition=quick)], wrap=kept)
    kept.adapter.fails, kept.adapter.reads_fail = 1, 3
    moving = asyncio.ensure_future(fake_clock.advance(10 * MINUTE))
    async with asyncio.timeout(20):
        while kept.adapter.reads_fail > 2:
            await asyncio.sleep(0.01)
    with pytest.raises(PersistenceError):
        await commander.schedules.pause("s")
    await moving
    assert await fired(commander) == [10]
    assert kept.adapter.reads_fail == 0


async def test_closing_while_storage_is_asked_again(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A commander closes although storage does not say what it has; the next one fires the slot."""
    kept = Kept(Failing)
    schedules = [every(10, definition=quick)]
    await open_commander(schedules=schedules, wrap=kept)
    kept.adapter.fails, kept.adapter.holds_reads = 1, True
    moving = asyncio.ensure_future(fake_clock.advance(10 * MINUTE))
    await asyncio.wait_for(kept.adapter.is_read.wait(), 20)
    await open_commander.close()
    await moving
    commander = await open_commander(schedules=schedules)
    await commander.settled()
    assert await fired(commander) == [10]


async def test_an_id_whose_start_comes_to_nothing(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Where somebody else starts a slot's mission, and storage fails for that, the slot starts it."""
    kept = Kept(Failing)
    commander = await open_commander([quick], schedules=[every(10, definition=quick)], wrap=kept)
    kept.adapter.gate = asyncio.Event()
    kept.adapter.fails = 1
    starting = asyncio.ensure_future(commander.start(quick, 2, mission_id=slot_id(10)))
    await asyncio.sleep(0.01)
    moving = asyncio.ensure_future(fake_clock.advance(10 * MINUTE))
    await asyncio.sleep(0.01)
    kept.adapter.gate.set()
    with pytest.raises(PersistenceError):
        await starting
    await moving
    assert await fired(commander) == [10]


async def test_a_change_that_fails(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Its caller hears that nobody knows, and asking again does it."""
    kept = Kept(Failing)
    commander = await open_commander(schedules=[every(10, definition=quick)], wrap=kept)
    for takes_effect in (True, False):
        kept.adapter.takes_effect, kept.adapter.fails = takes_effect, 1
        with pytest.raises(PersistenceError):
            await commander.schedules.pause("s")
        await commander.schedules.pause("s")
        assert (await summary(commander)).status == "paused"
        await commander.schedules.resume("s")
    await fake_clock.advance(10 * MINUTE)
    assert await fired(commander) == [10]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 6))
async def test_a_process_that_dies(
    open_commander: OpenCommander, fake_clock: FakeClock, at: int, *, after: bool
) -> None:
    """At whichever commit: the next process goes on with what is on record, and fires nothing twice."""
    kept = Kept(lambda inner: Crashing(inner, at, after=after))
    schedules = [every(10, definition=quick)]
    await open_commander(schedules=schedules, wrap=kept)
    moving = asyncio.ensure_future(fake_clock.advance(30 * MINUTE))
    await asyncio.wait([moving, asyncio.ensure_future(kept.adapter.died.wait())], return_when=asyncio.FIRST_COMPLETED)
    await open_commander.crash()
    moving.cancel()
    await asyncio.wait([moving])
    commander = await open_commander(schedules=schedules)
    await fake_clock.advance_to(fake_clock.now() + 30 * MINUTE)
    slots = await fired(commander)
    assert slots == sorted(set(slots))
    over = [slot for first, last, _, _ in await passed(commander) for slot in range(int(first), int(last) + 1, 10)]
    last = int(slots[-1])
    assert sorted([*slots, *over]) == list(range(10, last + 1, 10))


async def test_closing_in_the_middle(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A commander that is closed while code makes an input leaves the slot to the next one."""
    begun, gate = asyncio.Event(), asyncio.Event()

    async def held(slot: object) -> int:
        begun.set()
        await gate.wait()
        return 1

    await open_commander(schedules=[every(10, definition=quick, input=held)])
    moving = asyncio.ensure_future(fake_clock.advance(10 * MINUTE))
    await begun.wait()
    await open_commander.close()
    await moving
    gate.set()
    commander = await open_commander(schedules=[every(10, definition=quick, input=held)])
    await commander.settled()
    assert await fired(commander) == [10]
