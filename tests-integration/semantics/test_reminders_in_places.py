"""Reminders where waits stand: items, rounds, computed deadlines, listings, changed definitions, crashes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows import Stage, T, begin, ended, flow, names_of, path, places, recovered
from mission_control.core import MissionContext, MissionSignalError, MissionStatus, Reminder, RetryPolicy, m
from mission_control.testing import FakeClock, Life, crash_everywhere
from storages import Gate, NewStorage, OpenCommander, Undriven, commits_pass

START = datetime(1970, 1, 1, tzinfo=UTC)


async def test_reminders_of_items_are_their_own(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Each item's wait has its own reminders, which see the item; those of an item that went on have ended."""
    seen: list[tuple[str, Any, int | None]] = []

    def items(ctx: MissionContext[int]) -> list[str]:
        return ["ann", "bob"]

    def remind(ctx: MissionContext[int]) -> None:
        seen.append((ctx.step_name, ctx.item(items), ctx.index))

    one = path().need_to("go", int, reminder=Reminder(remind, every=10))
    definition = flow().each("e", items, one).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await mission.signal("go", 1, at="e[0]")
    await fake_clock.advance(10)

    assert sorted(seen) == [
        ("e[0]/go/reminder[0]", "ann", 0),
        ("e[1]/go/reminder[0]", "bob", 0),
        ("e[1]/go/reminder[1]", "bob", 1),
    ]


async def test_path_that_is_stopped_stops_its_reminder(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A race that another path wins ends the loser's wait and what reminds of it."""
    stage = Stage()
    paths = {
        "wait": path().need_to("go", int, reminder=Reminder(stage, every=10)),
        "nap": path().sleep("nap", 15),
    }
    definition = flow().race("r", paths).need_to("last", int).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1)
    await fake_clock.advance(10)
    await stage.entered("r/wait/go/reminder[0]")
    await fake_clock.advance(5)
    async with asyncio.timeout(30):
        while not await names_of(mission, T.PATHS_JOINED):
            await asyncio.sleep(0.001)
    await commander.settled()

    assert stage.unwound == ["r/wait/go/reminder[0]"]
    assert (await mission.snapshot()).next_due is None
    assert await places(mission) == [(None, "last", "waiting")]
    await fake_clock.advance(100)
    assert stage.begun == ["r/wait/go/reminder[0]"]


async def test_each_round_reminds_anew(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The wait of a round has reminders of its own, counted from its own beginning; `at_most` is of each."""
    seen: list[tuple[str, int | None, float]] = []

    def remind(ctx: MissionContext[int]) -> None:
        seen.append((ctx.step_name, ctx.index, (ctx.now() - START).total_seconds()))

    one = path().need_to("answered", int, reminder=Reminder(remind, every=10, at_most=2))
    definition = flow().repeat("survey", one, until=lambda ctx: ctx.received("answered") > 1).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(13)
    await mission.signal("answered", 1)
    await fake_clock.advance(100)
    await mission.signal("answered", 2)

    assert await ended(mission) == "completed"
    assert seen == [
        ("survey[0]/answered/reminder[0]", 0, 10.0),
        ("survey[1]/answered/reminder[0]", 0, 23.0),
        ("survey[1]/answered/reminder[1]", 1, 33.0),
    ]


async def test_reminder_sees_what_its_wait_sees(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """The outputs of its place, of what is around it, and what was recorded since; its key is that of the reminder."""
    seen: list[Any] = []

    def draft(ctx: MissionContext[int]) -> str:
        return f"draft of {ctx.step_name}"

    def remind(ctx: MissionContext[int]) -> None:
        seen.append((ctx.output("draft"), ctx.output(begin), ctx.received("note", default=None), ctx.idempotency_key))

    one = path().step("draft", draft).need_to("go", int, reminder=Reminder(remind, every=10))
    other = path().step("draft", draft).need_to("note", str)
    definition = flow().parallel("all", {"one": one, "other": other}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 7, mission_id="x")
    await fake_clock.advance(10)
    await mission.signal("note", "late")
    await fake_clock.advance(10)

    place = "all/one/go/reminder"
    assert seen == [
        ("draft of all/one/draft", 7, None, f"x:{place}[0]"),
        ("draft of all/one/draft", 7, "late", f"x:{place}[1]"),
    ]


async def test_wait_with_a_computed_deadline_is_reminded_of(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """From the beginning of the wait, which is when the deadline was computed; the deadline ends both."""
    stage = Stage(holds=False)
    definition = (
        flow()
        .sleep("nap", 5)
        .need_to("go", int, timeout=lambda ctx: 25, on_timeout=path(), reminder=Reminder(stage, every=10))
        .need_to("last", int)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await fake_clock.advance(100)
    started = [it for it in await mission.history() if it.event_name in stage.begun and it.type == "step-started"]

    assert stage.begun == ["go/reminder[0]", "go/reminder[1]"]
    assert [(it.at - START).total_seconds() for it in started] == [15.0, 25.0]
    assert (await mission.snapshot()).cursor == "last"


async def test_those_that_were_missed_count_as_one_of_at_most(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """After a downtime of several intervals, as many are left as had not run."""
    stage = Stage(holds=False)
    reminder = Reminder(stage, every=10, at_most=3)
    definition = flow().need_to("go", int, reminder=reminder).end()
    commander = await open_commander([definition])
    await commander.start(definition, 1, mission_id="x")
    await fake_clock.advance(10)
    await open_commander.close()
    await fake_clock.advance(500)
    commander = await open_commander([definition])
    await commander.settled()
    assert stage.begun == ["go/reminder[0]", "go/reminder[1]"]
    await fake_clock.advance(500)

    assert stage.begun == ["go/reminder[0]", "go/reminder[1]", "go/reminder[2]"]
    assert await (await recovered(commander)).status() == "waiting"


async def test_mission_is_listed_by_its_wait_and_never_by_its_reminder(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Also while one backs off: as waiting for the signal, and not as scheduled; while one runs, as running."""
    gate = Gate()

    async def remind(ctx: MissionContext[int]) -> str:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")
        return await gate(ctx)

    reminder = Reminder(remind, every=10, retry=RetryPolicy(max_attempts=2, initial_interval=3, jitter=0))
    definition = flow().need_to("go", int, reminder=reminder).end()
    commander = await open_commander([definition], clock=Undriven(fake_clock))
    await commander.start(definition, 1, mission_id="x")
    await fake_clock.advance(10)
    await commander.settled()
    (listed,) = await commander.list_waiting()
    assert (listed.waiting and listed.waiting.event_name, listed.next_due) == ("go", START + timedelta(seconds=13))
    assert await commander.list_scheduled() == []
    await fake_clock.advance(3)
    await gate.begun.wait()

    assert await commander.list_waiting() == []
    (listed,) = await commander.list_missions(status=MissionStatus.RUNNING)
    assert (listed.cursor, listed.waiting) == ("go", None)
    assert (listed.next_wait and listed.next_wait.event_name) == "go"
    gate.opened.set()
    await commander.settled()
    assert [it.mission_id for it in await commander.list_waiting()] == ["x"]


async def test_reminder_waits_for_a_slot_beside_a_step_of_its_mission(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """It comes when another mission gives one back, though nothing else happens to its own."""
    work, busy, remind = Stage(), Stage(), Stage(holds=False)
    paths = {"work": path().step("s", work), "wait": path().need_to("go", int, reminder=Reminder(remind, every=10))}
    definition = flow().parallel("p", paths).end()
    other = flow("other").step("s", busy).end()
    commander = await open_commander([definition, other], max_concurrency=2, clock=Undriven(fake_clock))
    mission = await commander.start(definition, 1, wait=False)
    await commander.start(other, 1, wait=False)
    await work.entered("p/work/s")
    await busy.entered("s")
    await fake_clock.advance(10)
    await commits_pass(commander)
    assert remind.begun == []
    busy.let_all_go()
    await remind.entered("p/wait/go/reminder[0]")

    assert work.running == 1
    work.let_all_go()
    await mission.signal("go", 1)
    assert await ended(mission) == "completed"


async def test_signal_that_does_not_fit_is_told_of_the_wait_alone(open_commander: OpenCommander) -> None:
    """A reminder is nothing that a mission waits for."""
    definition = flow().need_to("go", int, reminder=Reminder(begin, every=10)).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)

    with pytest.raises(MissionSignalError) as raised:
        await mission.signal("stop", 1)
    assert "it waits for signal 'go'; " in str(raised.value)
    assert "reminder" not in str(raised.value)


@pytest.mark.parametrize("change", ["fewer", "more often", "none before"])
async def test_next_reminders_are_those_of_todays_definition(
    open_commander: OpenCommander, fake_clock: FakeClock, change: str
) -> None:
    """The one that is due stays; `at_most` and `every` hold for those behind it, and no reminder comes in later."""
    stage = Stage(holds=False)

    def define(reminder: Reminder | None) -> Any:
        return flow().need_to("go", int, reminder=reminder).end()

    before = None if change == "none before" else Reminder(stage, every=20)
    after = Reminder(stage, every=20, at_most=1) if change == "fewer" else Reminder(stage, every=10)
    commander = await open_commander([define(before)])
    await commander.start("flow", 1, mission_id="x")
    commander = await open_commander([define(after)])
    await fake_clock.advance(45)
    begun = [it for it in await (await recovered(commander)).history() if it.type == "step-started"][1:]

    expected = {"fewer": [20.0], "more often": [20.0, 30.0, 40.0], "none before": []}
    assert [(it.at - START).total_seconds() for it in begun] == expected[change]


async def reminds_and_goes_on(life: Life) -> None:
    """Reminders that are tried again, of two waits beside one another, and one that fails for good."""

    async def remind(ctx: MissionContext[int]) -> int:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")
        return ctx.attempt

    async def fail(ctx: MissionContext[int]) -> None:
        raise ValueError("no")

    policy = RetryPolicy(max_attempts=3, initial_interval=2, jitter=0)
    paths = {
        "one": m.path().need_to("one", int, reminder=Reminder(remind, every=10, at_most=2, retry=policy)),
        "two": m.path().need_to("two", int, reminder=Reminder(fail, every=15), timeout=40, on_timeout=m.path()),
    }
    definition = m.define("d").start(input=int, run=begin).parallel("both", paths).end()
    mission = await life.commander.start(definition, 1, mission_id="x", if_exists="return")
    await life.advance(60)
    await life.signal(mission, "one", 1)
    assert (await mission.result()).status == "completed"
    done = [it.event_name for it in await mission.history() if it.type == "step-succeeded"]
    assert done == ["start", "both/one/one/reminder[0]", "both/one/one/reminder[1]"]
    failed = {it.event_name for it in await mission.history() if it.type == "step-failed" and it.details.get("final")}
    assert failed == {"both/two/two/reminder[0]", "both/two/two/reminder[1]"}


async def test_reminders_survive_a_crash_at_every_commit(new_storage: NewStorage) -> None:
    """Each comes once, whenever the process dies, and none after the wait."""
    report = await crash_everywhere(reminds_and_goes_on, new_storage=new_storage)

    assert len(report.crashes) >= 20
