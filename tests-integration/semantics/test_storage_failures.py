"""Commits and reads that fail, before and after they take effect (rule 24), and a second writer (rule 25)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import pytest
from attrs import evolve

from mission_control.core import (
    Commander,
    HistoryType,
    MissionContext,
    MissionHandle,
    MissionSignalError,
    MissionSnapshot,
    MissionSummary,
    MissionTerminalError,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    StaleMissionError,
    m,
)
from mission_control.core.engine import bell, recorder
from mission_control.core.engine.clock import Driven
from mission_control.core.storage import CommitOutcome, LoadOutcome, MissionCommit
from mission_control.testing import FakeClock, FaultInjectingAdapter
from storages import Forwarding, Gate, Kept, OpenCommander, ThreadGate, Undriven

T = TypeVar("T")
When = Literal["before", "after"]
BOTH: Sequence[When] = ("before", "after")


@pytest.fixture(autouse=True)
def _short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_FIRST_BACKOFF", 0.01)


class Faults:
    """Commits (by number, after `arm`) and loads (the next so many) that fail."""

    def __init__(self, when: When = "before") -> None:
        self.when: When = when
        self.armed: set[int] = set()
        self.failing_loads = 0
        self.adapter: FaultInjectingAdapter | None = None

    def wrap(self, inner: PersistenceAdapter) -> PersistenceAdapter:
        faults = self

        class FailingLoads(Forwarding):
            async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
                if faults.failing_loads > 0:
                    faults.failing_loads -= 1
                    raise PersistenceError("this read was made to fail")
                return await super().load(mission_ids)

        self.adapter = FaultInjectingAdapter(FailingLoads(inner), fail_commits=self.armed, when=self.when)
        return self.adapter

    def arm(self, *, loads: int = 0) -> None:
        """Let the next commit fail, and so many loads."""
        assert self.adapter is not None
        self.armed.add(self.adapter.commits + 1)
        self.failing_loads = loads


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await check():
            await asyncio.sleep(0.001)


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


# The whole life of two missions, with every commit failing in turn


class Life:
    """One mission that meets everything, and one that is cancelled; counts the runs of each piece of user code."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        life = self

        async def start(ctx: MissionContext[int]) -> int:
            life.runs["start"] += 1
            return ctx.input + 1

        def on_thread(ctx: MissionContext[int]) -> int:
            life.runs["on-thread"] += 1
            return ctx.output(start) + 1

        async def flaky(ctx: MissionContext[int]) -> int:
            life.runs["flaky"] += 1
            if ctx.attempt == 1:
                raise ValueError("the first attempt fails")
            return 10

        async def last(ctx: MissionContext[int]) -> int:
            life.runs["last"] += 1
            return ctx.output(start) + int(ctx.output("on-thread")) + ctx.output(flaky)

        async def note(ctx: MissionContext[Any], text: str) -> str:
            return text.upper()

        self.definition = (
            m.define("life")
            .update("note", str, note)
            .start(input=int, run=start)
            .step("on-thread", on_thread)
            .step("flaky", flaky, retry=RetryPolicy(max_attempts=2, initial_interval=5))
            .need_to("go", str, timeout=3600)
            .sleep("nap", 60)
            .sleep("none", 0)
            .step("last", last)
            .end()
        )

    async def drive(self, commander: Commander, clock: FakeClock) -> tuple[MissionHandle[Any], MissionHandle[Any]]:
        """Bring both missions to their ends as a careful caller would, who repeats what is unknown."""
        mission = await repeat(lambda: commander.start(self.definition, 1, mission_id="life", if_exists="return"))
        doomed = await repeat(lambda: commander.start(self.definition, 1, mission_id="doomed", if_exists="return"))

        async def moved_on() -> bool:
            await clock.advance(5)
            waiting = (await mission.snapshot()).waiting
            return waiting is not None and waiting.kind == "signal"

        await eventually(moved_on)
        await repeat(lambda: mission.update("note", "written"))
        await eventually(lambda: self.delivered(mission))
        await repeat(lambda: doomed.cancel("doomed"))

        async def ended() -> bool:
            await clock.advance(60)
            return (await mission.status()).is_terminal

        await eventually(ended)
        return mission, doomed

    async def delivered(self, mission: MissionHandle[Any]) -> bool:
        try:
            await mission.signal("go", "now")
        except (PersistenceError, MissionSignalError, MissionTerminalError):
            return "go" in (await mission.snapshot()).events
        return True


async def repeat(call: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(30):
        while True:
            try:
                return await call()
            except PersistenceError:
                continue


def essence(snapshot: MissionSnapshot) -> dict[str, object]:
    return {"status": snapshot.status, "events": snapshot.events, "output": snapshot.output, "cursor": snapshot.cursor}


async def test_life_has_no_more_commits_than_are_failed_in_turn(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The next test fails every commit of the life that it drives."""
    life, faults = Life(), Faults()
    commander = await open_commander([life.definition], wrap=faults.wrap)
    await life.drive(commander, fake_clock)

    assert faults.adapter is not None
    assert 10 <= faults.adapter.commits <= COMMITS


COMMITS = 20


@pytest.mark.parametrize("when", BOTH)
@pytest.mark.parametrize("number", range(1, COMMITS + 1))
async def test_every_commit_may_fail_and_the_end_is_the_same(
    open_commander: OpenCommander, fake_clock: FakeClock, number: int, when: When
) -> None:
    """Whichever commit fails, before or after it took effect, both missions end as ever, and no code runs once more."""
    life = Life()
    commander = await open_commander(
        [life.definition], wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits={number}, when=when)
    )
    mission, doomed = await life.drive(commander, fake_clock)

    snapshot = await mission.result()
    assert (snapshot.status, snapshot.output) == ("completed", 15)
    assert snapshot.events["note"].output == "WRITTEN"
    assert (await doomed.result()).status == "cancelled"
    history = await mission.history()
    succeeded = Counter(record.event_name for record in history if record.type == "step-succeeded")
    assert set(succeeded.values()) == {1}
    received = [record for record in history if record.type == "signal-received"]
    assert len(received) == 1
    assert [record.seq for record in history] == list(range(1, len(history) + 1))
    assert not [record for record in history if record.type == "step-interrupted"]
    assert life.runs["last"] == 1
    assert life.runs["start"] == life.runs["on-thread"] == 2  # once for each of the two missions
    assert life.runs["flaky"] <= 4


@pytest.mark.parametrize("when", BOTH)
async def test_a_third_of_all_commits_fail(open_commander: OpenCommander, fake_clock: FakeClock, when: When) -> None:
    """Storage that fails again and again delays missions, and changes nothing else."""
    life = Life()
    commander = await open_commander(
        [life.definition],
        wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda number: number % 3 == 0, when=when),
    )
    mission, doomed = await life.drive(commander, fake_clock)

    assert (await mission.result()).output == 15
    assert (await doomed.result()).status == "cancelled"
    assert life.runs["last"] == 1


# What callers get


@pytest.mark.parametrize("when", BOTH)
async def test_start_whose_commit_fails_is_unknown_and_may_be_repeated(
    open_commander: OpenCommander, when: When
) -> None:
    """The caller gets the error once, the handle stays idle to it, and a repetition settles which it was."""
    faults = Faults(when)
    commander = await open_commander(wrap=faults.wrap)
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    handle = commander.create_mission(definition, mission_id="unsure")
    faults.arm()
    with pytest.raises(PersistenceError, match="made to fail"):
        await handle.start(1)

    mission = await commander.start(definition, 1, mission_id="unsure", if_exists="return")
    await commander.settled()
    assert (await mission.snapshot()).waiting is not None
    assert [record.type for record in await mission.history()].count(HistoryType.STEP_STARTED) == 1


@pytest.mark.parametrize("when", BOTH)
async def test_result_goes_on_waiting_over_a_failed_commit(open_commander: OpenCommander, when: When) -> None:
    """Those who wait for the end are not told of a fault on the way."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=begin).step("gate", gate).end()
    faults = Faults(when)
    commander = await open_commander(wrap=faults.wrap)
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    result = asyncio.create_task(mission.result())
    output = asyncio.create_task(mission.output())
    await asyncio.sleep(0)
    faults.arm(loads=2)
    gate.opened.set()

    async with asyncio.timeout(30):
        assert (await result).status == "completed"
        assert await output == "passed"
    assert gate.runs == 1


async def test_signal_whose_commit_fails_is_refused_once_and_may_be_repeated(open_commander: OpenCommander) -> None:
    """A signal that did not take effect can be sent again."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    faults = Faults("before")
    commander = await open_commander(wrap=faults.wrap)
    mission = await commander.start(definition, 1)
    faults.arm()
    with pytest.raises(PersistenceError):
        await mission.signal("go", "now")
    await mission.signal("go", "again")

    assert (await mission.result()).events["go"].input == "again"


@pytest.mark.parametrize("loads", [0, 1])
async def test_timer_that_a_lost_answer_hid_fires(
    open_commander: OpenCommander, fake_clock: FakeClock, loads: int
) -> None:
    """A sleep that was scheduled by a commit whose answer was lost, and could not be read back at once, still ends."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).sleep("nap", 60).end()
    faults = Faults("after")
    commander = await open_commander(wrap=faults.wrap)
    mission = await commander.start(definition, 1)
    faults.arm(loads=loads)
    with pytest.raises(PersistenceError):
        await mission.signal("go", "now")

    async def fired() -> bool:
        await fake_clock.advance(60)
        (summary,) = await commander.list_missions()
        return summary.status == "completed"

    await eventually(fired)


@pytest.mark.parametrize("loads", [0, 1])
async def test_end_that_a_lost_answer_hid_is_told_to_those_who_wait(open_commander: OpenCommander, loads: int) -> None:
    """A mission that ended in a commit whose answer was lost has ended for `result()` too."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    faults = Faults("after")
    commander = await open_commander(wrap=faults.wrap)
    mission = await commander.start(definition, 1)
    result = asyncio.create_task(mission.result())
    await asyncio.sleep(0)
    faults.arm(loads=loads)
    with pytest.raises(PersistenceError):
        await mission.signal("go", "now")

    async with asyncio.timeout(30):
        assert (await result).status == "completed"


@pytest.mark.parametrize("loads", [0, 1])
async def test_step_that_a_lost_answer_hid_is_begun(open_commander: OpenCommander, loads: int) -> None:
    """A mission that was left before a step, for want of a slot, in a commit whose answer was lost goes on."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).step("last", begin).end()
    faults = Faults("after")
    commander = await open_commander(wrap=faults.wrap, max_concurrency=1)
    mission = await commander.start(definition, 1)
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    faults.arm(loads=loads)
    with pytest.raises(PersistenceError):
        await mission.signal("go", "now")
    await asyncio.sleep(0.05)
    gate.opened.set()

    async def ended() -> bool:
        (summary, _) = await commander.list_missions()
        return summary.status == "completed"

    await eventually(ended)


async def test_cancel_whose_commit_fails_is_refused_once_and_may_be_repeated(open_commander: OpenCommander) -> None:
    """A cancellation that took effect although its answer was lost is found, with its reason."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    faults = Faults("after")
    commander = await open_commander(wrap=faults.wrap)
    mission = await commander.start(definition, 1)
    faults.arm()
    with pytest.raises(PersistenceError):
        await mission.cancel("the first reason")
    snapshot = await mission.cancel("another")

    assert snapshot.error is not None
    assert "the first reason" in snapshot.error.message


async def test_attempt_that_was_recorded_and_not_launched_is_launched_under_its_number(
    open_commander: OpenCommander,
) -> None:
    """After a lost answer the attempt on record runs, and none is interrupted."""
    numbers: list[int] = []

    async def step(ctx: MissionContext[int]) -> None:
        numbers.append(ctx.attempt)

    definition = m.define("d").start(input=int, run=begin).step("step", step).end()
    faults = Faults("after")
    commander = await open_commander(wrap=faults.wrap)
    assert faults.adapter is not None
    faults.armed.add(2)  # the start's success, and with it the attempt
    mission = await commander.start(definition, 1)

    assert numbers == [1]
    assert not [record for record in await mission.history() if record.type == "step-interrupted"]


@pytest.mark.parametrize("when", BOTH)
async def test_storage_fault_never_fails_a_mission(
    open_commander: OpenCommander, when: When, caplog: pytest.LogCaptureFixture
) -> None:
    """A mission whose commits fail for a while completes, and what happened is logged."""
    definition = m.define("d").start(input=int, run=begin).step("one", begin).step("two", begin).end()
    faults = Faults(when)
    commander = await open_commander(wrap=faults.wrap)
    faults.armed.update({2, 3, 4})
    with caplog.at_level(logging.WARNING):
        mission = await commander.start(definition, 1)

    assert await mission.status() == "completed"
    assert "made to fail" in caplog.text


async def test_fault_that_many_missions_meet_is_one_warning(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred missions in a commit that fails are one line for people, and a line each for those who look closer."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    faults = Faults()
    commander = await open_commander(wrap=faults.wrap)
    missions = [await commander.start(definition, number) for number in range(100)]
    faults.arm()
    with caplog.at_level(logging.DEBUG, "mission_control"):
        signals = [mission.signal("go", "now") for mission in missions]
        outcomes = await asyncio.gather(*signals, return_exceptions=True)
        await commander.settled()

    assert {type(outcome) for outcome in outcomes} == {PersistenceError}
    told = [record.levelname for record in caplog.records if "trying again" in record.message]
    assert (told.count("WARNING"), told.count("DEBUG")) == (1, 99)


async def test_other_errors_of_an_adapter_are_persistence_errors(open_commander: OpenCommander) -> None:
    """Whatever an adapter raises, callers get one kind of error with its cause."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    fails = {1}
    commander = await open_commander(
        wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits=fails, error=OSError("no space left"))
    )
    with pytest.raises(PersistenceError, match="no space left") as caught:
        await commander.start(definition, 1)

    assert isinstance(caught.value.__cause__, OSError)


async def test_recovery_that_cannot_read_is_tried_again_before_settled_returns(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing first look at what was interrupted is repeated, and `settled` waits for it."""
    monkeypatch.setattr(bell, "_FIRST_BACKOFF", 0.01)
    gate = Gate()
    definition = m.define("d").start(input=int, run=begin).step("gate", gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="torn", wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    gate.opened.set()

    class FailingOnce(Forwarding):
        fails = 1

        async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
            if self.fails:
                self.fails -= 1
                raise PersistenceError("not yet")
            return await super().list_interrupted(limit=limit, after=after)

    commander = await open_commander([definition], wrap=FailingOnce)
    await commander.settled()

    (summary,) = await commander.list_missions()
    assert summary.status == "completed"


async def test_due_missions_that_cannot_be_read_are_tried_again_before_settled_returns(
    open_commander: OpenCommander, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timer whose look at storage failed has fired when `settled` returns, and so when a clock was moved."""
    monkeypatch.setattr(bell, "_FIRST_BACKOFF", 0.01)

    class Failing(Forwarding):
        fails = 0

        async def due(
            self, before: datetime, /, *, limit: int, after: tuple[datetime, str] | None = None
        ) -> Sequence[MissionSummary]:
            if self.fails:
                self.fails -= 1
                raise PersistenceError("not yet")
            return await super().due(before, limit=limit, after=after)

    storages = Kept(Failing)
    definition = m.define("d").start(input=int, run=begin).sleep("nap", 60).end()
    commander = await open_commander(wrap=storages)
    mission = await commander.start(definition, 1)
    storages.adapter.fails = 2
    await fake_clock.advance(60)

    assert storages.adapter.fails == 0
    assert await mission.status() == "completed"


async def test_reading_that_fails_in_any_other_way_is_tried_again_too(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An adapter's own error is logged with its trace, and due missions are looked for again."""
    monkeypatch.setattr(bell, "_LONGEST_BACKOFF", 0.01)
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    gate.opened.set()

    class BrokenOnce(Forwarding):
        fails = 1

        async def list_interrupted(self, *, limit: int, after: str | None = None) -> Sequence[MissionSummary]:
            if self.fails:
                self.fails -= 1
                raise LookupError("a bug of the adapter")
            return await super().list_interrupted(limit=limit, after=after)

    commander = await open_commander([definition], wrap=BrokenOnce)
    await commander.settled()

    (summary,) = await commander.list_missions()
    assert summary.status == "completed"
    assert "a bug of the adapter" in caplog.text


async def test_clock_that_fails_does_not_cost_an_outcome(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A clock that fails costs a log line; the mission backs off, and what its step returned is offered again."""

    class Breaking(Undriven):
        is_broken = False

        def now(self) -> datetime:
            if self.is_broken:
                raise LookupError("no time")
            return super().now()

    gate, clock = Gate(), Breaking(fake_clock)
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    clock.is_broken = True
    gate.opened.set()
    async with asyncio.timeout(30):
        while "could not be driven" not in caplog.text:
            await asyncio.sleep(0.001)
        clock.is_broken = False
        assert await mission.output() == "passed"
    assert gate.runs == 1


async def test_operation_on_a_mission_that_backs_off_is_answered_at_once(
    open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next operation does not wait for the commander's own next try."""
    monkeypatch.setattr(recorder, "_FIRST_BACKOFF", 3600.0)
    monkeypatch.setattr(recorder, "_LONGEST_BACKOFF", 3600.0)
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    faults = Faults("before")
    commander = await open_commander(wrap=faults.wrap)
    mission = await commander.start(definition, 1)
    faults.arm()
    with pytest.raises(PersistenceError):
        await mission.signal("go", "now")

    async with asyncio.timeout(30):
        await mission.signal("go", "again")
        assert (await mission.result()).status == "completed"


async def test_operation_whose_mission_cannot_be_read_is_refused_and_may_be_repeated(
    open_commander: OpenCommander,
) -> None:
    """A read that fails is its caller's alone: nobody else waits, so nothing is tried again."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="stored")
    faults = Faults()
    commander = await open_commander([definition], wrap=faults.wrap)
    faults.failing_loads = 1
    with pytest.raises(PersistenceError, match="made to fail"):
        await commander.cancel_mission("stored")
    await commander.settled()
    assert faults.failing_loads == 0
    mission = await commander.get_mission("stored")
    assert mission is not None

    assert await mission.status() == "waiting"
    await mission.signal("go", "again")
    assert (await mission.result()).status == "completed"


@pytest.mark.usefixtures("endless_grace")
async def test_close_gives_up_on_failing_storage_after_one_try(open_commander: OpenCommander) -> None:
    """A commander whose storage is gone closes all the same, and what it could not write is recovered later."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=begin).step("gate", gate).end()
    gone = False
    commander = await open_commander(
        [definition], wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda _: gone)
    )
    await commander.start(definition, 1, mission_id="torn", wait=False)
    await gate.begun.wait()
    gone = True
    async with asyncio.timeout(30):
        await commander.close()
    gate.opened.set()
    commander = await open_commander([definition])
    await commander.settled()

    mission = await commander.get_mission("torn")
    assert mission is not None
    assert await mission.status() == "completed"
    interrupted = [record for record in await mission.history() if record.type == "step-interrupted"]
    assert [record.details["reason"] for record in interrupted] == ["process ended"]


# A second writer


class Intruder(Forwarding):
    """Lets another writer in first: before a chosen commit it appends a cancellation by somebody else."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.intrusion: Callable[[MissionCommit], MissionCommit] | None = None

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        if self.intrusion is not None:
            intrusion, self.intrusion = self.intrusion, None
            await super().commit([intrusion(batch[0])])
        return await super().commit(batch)


def replaced(member: MissionCommit, **details: Any) -> MissionCommit:
    """Return a commit like `member` in which the first record has other details."""
    first, *rest = member.records
    return evolve(member, records=(evolve(first, details={**first.details, **details}), *rest))


async def test_second_writer_is_a_stale_mission_error_and_nothing_is_lost(open_commander: OpenCommander) -> None:
    """A commit on top of what somebody else wrote meanwhile writes nothing, and says so."""
    definition = m.define("d").start(input=int, run=begin).need_to("go", str).end()
    intruders = Kept(Intruder)
    commander = await open_commander(wrap=intruders)
    mission = await commander.start(definition, 1)
    intruders.adapter.intrusion = lambda member: replaced(member, payload="theirs")
    with pytest.raises(StaleMissionError, match=mission.mission_id):
        await mission.signal("go", "mine")

    snapshot = await mission.result()
    assert snapshot.events["go"].input == "theirs"
    history = await mission.history()
    assert [record.seq for record in history] == list(range(1, len(history) + 1))


async def test_outcome_that_a_second_writer_recorded_first_stands(open_commander: OpenCommander) -> None:
    """A step's success that is on record already is not recorded again, and the mission goes on from it."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=begin).step("gate", gate).step("last", begin).end()
    intruders = Kept(Intruder)
    commander = await open_commander(wrap=intruders)
    mission = await commander.start(definition, 7, wait=False)
    await gate.begun.wait()
    intruders.adapter.intrusion = lambda member: replaced(member, output="theirs")
    gate.opened.set()
    async with asyncio.timeout(30):
        snapshot = await mission.result()

    assert (snapshot.status, snapshot.events["gate"].output) == ("completed", "theirs")
    assert [record.type for record in await mission.history()].count(HistoryType.STEP_SUCCEEDED) == 3


async def test_attempt_of_another_writers_mission_is_not_taken_for_our_own(open_commander: OpenCommander) -> None:
    """A start whose outcome is unknown finds another's mission under its id, and interrupts that one's attempt."""

    class Overtaken(Forwarding):
        is_overtaken = False

        async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
            if self.is_overtaken:
                return await super().commit(batch)
            self.is_overtaken = True
            earlier = tuple(evolve(record, at=record.at - timedelta(seconds=1)) for record in batch[0].records)
            await super().commit([evolve(batch[0], records=earlier)])
            raise PersistenceError("no answer")

    runs: list[int] = []

    async def count(ctx: MissionContext[int]) -> None:
        runs.append(ctx.attempt)

    definition = m.define("d").start(input=int, run=count).end()
    commander = await open_commander(wrap=Overtaken)
    with pytest.raises(PersistenceError, match="no answer"):
        await commander.start(definition, 1, mission_id="mine")
    mission = await commander.get_mission("mine")
    assert mission is not None
    async with asyncio.timeout(30):
        await mission.result()

    assert runs == [2]


async def test_outcome_of_a_mission_that_was_cancelled_unseen_does_not_count(
    open_commander: OpenCommander, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The cancellation took effect, its answer was lost, and the thread failed meanwhile: that is told to nobody."""
    gate, faults = ThreadGate(), Faults("after")

    class Watching(Undriven):
        driven: Driven

        def join(self, driven: Driven, /) -> Callable[[], None]:
            self.driven = driven
            return lambda: None

    def fail(ctx: MissionContext[int]) -> None:
        gate(ctx)
        raise ValueError("too late")

    clock = Watching(fake_clock)
    definition = m.define("d").start(input=int, run=fail).end()
    commander = await open_commander(wrap=faults.wrap, clock=clock)
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    faults.arm()
    with pytest.raises(PersistenceError):
        await mission.cancel()
    gate.opened.set()
    while clock.driven.running():
        await asyncio.sleep(0)

    assert (await mission.cancel()).status == "cancelled"
    assert "failed at" not in caplog.text
