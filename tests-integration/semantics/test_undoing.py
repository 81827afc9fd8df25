"""What a mission did is undone when it fails or is cancelled, and in which order (rule 44)."""

from __future__ import annotations

import asyncio

from mission_control.core import MissionContext, m
from mission_control.testing import FakeClock
from one_step import failure_of
from storages import OpenCommander
from undone import (
    EAGER,
    GO,
    Undos,
    attempts_of,
    begin,
    fail,
    items,
    make,
    records_of,
    twice,
    types_of,
    undoing_of,
    waiting,
)


async def test_failed_mission_undoes_what_began_in_reverse_order(open_commander: OpenCommander) -> None:
    """Also the start and the step that failed; steps without an undo, and those that have not begun, are left out."""
    undo = Undos()
    definition = (
        m.define("d")
        .start(input=int, run=begin, undo=undo)
        .step("first", make, undo=undo)
        .step("plain", make)
        .step("second", make, undo=undo)
        .step("failing", fail, undo=undo)
        .step("never", make, undo=undo)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    failure = await failure_of(mission)

    assert undo.steps == ["undo:failing", "undo:second", "undo:first", "undo:start"]
    assert (failure.message, failure.code, failure.undo_failed) == ("no", "STEP_FAILED", ())
    record = await undoing_of(mission)
    assert record.event_name == "failing"
    assert record.details["steps"] == ["failing", "second", "first", "start"]
    assert record.details["error"]["message"] == "no"
    assert "cancellation" not in record.details
    history = types_of(await mission.history())
    assert history[history.index("mission-undoing failing") :] == [
        "mission-undoing failing",
        *(
            f"{kind} undo:{step}"
            for step in ("failing", "second", "first", "start")
            for kind in ("step-started", "step-succeeded")
        ),
        "mission-failed failing",
    ]
    assert (await mission.snapshot()).cursor == "failing"


async def test_cancelled_mission_undoes_what_began(open_commander: OpenCommander) -> None:
    """It is told apart by the record that begins the undoing, and by the end; `cancel` returns when it is done."""
    undo = Undos()
    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)
    snapshot = await mission.cancel("enough")

    assert undo.steps == ["undo:make"]
    assert snapshot.status == "cancelled"
    assert snapshot.error is not None
    assert (snapshot.error.code, snapshot.error.message) == ("MISSION_CANCELLED", "the mission was cancelled: enough")
    record = await undoing_of(mission)
    assert record.event_name is None
    assert record.details == {"cancellation": "enough", "steps": ["make"]}


async def test_completed_mission_undoes_nothing(open_commander: OpenCommander) -> None:
    """Undoing is for missions that fail or are cancelled."""
    undo = Undos()
    definition = m.define("d").start(input=int, run=begin, undo=undo).step("make", make, undo=undo).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)

    assert (await mission.result()).status == "completed"
    assert undo.steps == []
    assert records_of(await mission.history(), "mission-undoing") == []


async def test_where_nothing_can_be_undone_nothing_is_recorded_of_it(open_commander: OpenCommander) -> None:
    """A mission whose steps have no undo, or have not begun, fails and is cancelled as it ever was."""
    undo = Undos()
    definition = (
        m.define("d").start(input=int, run=begin).need_to(GO).step("fail", fail).step("made", make, undo=undo).end()
    )
    commander = await open_commander()
    failed = await commander.start(definition, 1)
    await failed.signal(GO, "on")
    cancelled = await commander.start(definition, 1)
    await cancelled.cancel()

    assert types_of(await failed.history())[-2:] == ["step-failed fail", "mission-failed fail"]
    assert types_of(await cancelled.history())[-2:] == ["mission-cancellation-requested", "mission-cancelled go"]
    assert all("undo" not in record.details for record in await failed.history())
    assert undo.steps == []


async def test_start_of_a_step_says_whether_it_can_be_undone(open_commander: OpenCommander) -> None:
    """So the history alone tells what there is to undo; the start of an undo does not say so of itself."""
    commander = await open_commander()
    mission = await commander.start(waiting(Undos()), 1)
    await mission.cancel()

    starts = records_of(await mission.history(), "step-started")
    started = {record.event_name: record.details.get("undo") for record in starts}
    assert started == {"start": None, "make": True, "undo:make": None}


async def test_step_that_was_tried_several_times_is_undone_once(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Its place in the order is that of its first attempt."""
    undo = Undos()
    slow = m.path().step("slow", fail, retry=EAGER, undo=undo)
    quick = m.path().sleep("nap", 30).step("quick", make, undo=undo)
    definition = m.define("d").start(input=int, run=begin).parallel("both", {"slow": slow, "quick": quick}).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    await fake_clock.advance(600)

    assert (await mission.result()).status == "failed"
    assert len(await attempts_of(mission, "both/slow/slow")) == 3
    assert undo.steps == ["undo:both/quick/quick", "undo:both/slow/slow"]


async def kind(ctx: MissionContext[int]) -> str:
    return "office"


async def test_paths_that_lost_and_items_that_failed_are_undone_with_the_rest(open_commander: OpenCommander) -> None:
    """And only when the mission as a whole fails or is cancelled."""
    undo = Undos()

    async def configure(ctx: MissionContext[int]) -> str:
        if ctx.index == 1:
            raise ValueError("broken")
        return "configured"

    come, win = (m.path().step(name, make, undo=undo) for name in ("come", "win"))
    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .each("devices", items, m.path().step("configure", configure, undo=undo), max_failures=1)
        .race("first", {"a": come.need_to(GO), "b": win})
        .repeat("survey", m.path().step("ask", make, undo=undo), until=twice)
        .branch("kind", kind, {"office": m.path().step("desk", make, undo=undo)}, otherwise=m.path())
        .need_to("last", str)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    assert (await mission.snapshot()).status == "waiting"
    assert undo.steps == []
    await mission.cancel()

    began = [record.event_name or "" for record in await mission.history() if record.details.get("undo") is True]
    assert sorted(began) == sorted(
        [
            *(f"devices[{index}]/configure" for index in range(3)),
            *("first/a/come", "first/b/win"),
            *("survey[0]/ask", "survey[1]/ask"),
            "kind/office/desk",
        ]
    )
    assert undo.steps == [f"undo:{step}" for step in reversed(began)]


async def test_undos_run_one_after_another(open_commander: OpenCommander) -> None:
    """Also those of steps that ran side by side, however many slots there are."""
    running = most = 0

    async def undo(ctx: MissionContext[int]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    paths = {name: m.path().step("make", make, undo=undo) for name in "abcde"}
    definition = m.define("d").start(input=int, run=begin).parallel("all", paths).step("fail", fail).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await failure_of(mission)

    assert most == 1
    assert sum(line.startswith("step-succeeded undo:") for line in types_of(await mission.history())) == 5


async def test_undoing_takes_one_slot(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """With a bound of one the undos run one after another, and the next mission after them."""
    undo = Undos()
    definition = (
        m.define("d")
        .start(input=int, run=begin, undo=undo)
        .each("devices", items, m.path().step("configure", make, undo=undo))
        .step("fail", fail)
        .end()
    )
    commander = await open_commander(max_concurrency=1)
    missions = [await commander.start(definition, 1, wait=False) for _ in range(2)]
    for mission in missions:
        await failure_of(mission)

    steps = ["undo:devices[2]/configure", "undo:devices[1]/configure", "undo:devices[0]/configure", "undo:start"]
    assert sorted(undo.steps) == sorted(steps * 2)


async def test_hundreds_of_items_are_undone(open_commander: OpenCommander) -> None:
    """One after another, all of them."""
    undo = Undos()

    async def many(ctx: MissionContext[int]) -> list[int]:
        return list(range(300))

    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .each("devices", many, m.path().step("configure", make, undo=undo))
        .step("fail", fail)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await failure_of(mission)

    assert len(undo.steps) == 300
