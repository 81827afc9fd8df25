"""What an undo sees, where its step stood and of what was recorded since, and what it returns (rule 44)."""

from __future__ import annotations

from typing import Any

from mission_control.core import MissionContext, m
from one_step import failure_of
from storages import OpenCommander
from undone import GO, attempts_of, begin, fail, items, make, records_of, twice, waiting

Seen = dict[str, Any]


async def test_undo_sees_what_its_step_saw_and_what_was_recorded_since(open_commander: OpenCommander) -> None:
    """The item, the index, outputs and signals of its place; and that its own step had succeeded."""
    seen: dict[str, object] = {}

    async def configure(ctx: MissionContext[int]) -> str:
        return f"{ctx.item(items)} configured"

    async def check(ctx: MissionContext[int]) -> str:
        return f"{ctx.item(items)} checked"

    async def wipe(ctx: MissionContext[int]) -> None:
        seen[ctx.step_name] = (
            ctx.index,
            ctx.item(items),
            ctx.output(configure, default=None),
            ctx.output(check, default=None),
            ctx.received(GO, default=None),
            ctx.output(begin),
            ctx.attempt,
            ctx.idempotency_key,
        )

    path = m.path().step("configure", configure, undo=wipe).need_to(GO).step("check", check)
    definition = m.define("d").start(input=int, run=begin).each("devices", items, path).end()
    commander = await open_commander()
    mission = await commander.start(definition, 7, mission_id="x")
    await mission.signal(GO, "on", at="devices[1]")
    await mission.cancel()

    key = "x:undo:devices[{}]/configure"
    assert seen == {
        "undo:devices[2]/configure": (2, "c", "c configured", None, None, 7, 1, key.format(2)),
        "undo:devices[1]/configure": (1, "b", "b configured", "b checked", "on", 7, 1, key.format(1)),
        "undo:devices[0]/configure": (0, "a", "a configured", None, None, 7, 1, key.format(0)),
    }


async def test_undo_is_told_whether_its_step_had_succeeded(open_commander: OpenCommander) -> None:
    """`ctx.output(step, default=None)` is None for one that began and did not."""
    seen: list[object] = []

    async def undo(ctx: MissionContext[int]) -> None:
        seen.append(ctx.output(fail, default=None))
        seen.append(ctx.output(make, default=None))

    definition = m.define("d").start(input=int, run=begin).step("make", make).step("fail", fail, undo=undo).end()
    commander = await open_commander()
    await failure_of(await commander.start(definition, 1, wait=False))

    assert seen == [None, "made make"]


async def test_undo_in_a_round_sees_that_round(open_commander: OpenCommander) -> None:
    """Its index, and the output that its own round has; a whole name gives that of any."""
    seen: Seen = {}

    async def undo(ctx: MissionContext[int]) -> None:
        seen[ctx.step_name] = (ctx.index, ctx.output(make), ctx.output("survey[1]/ask", default=None))

    path = m.path().step("ask", make, undo=undo)
    definition = m.define("d").start(input=int, run=begin).repeat("survey", path, until=twice).step("fail", fail).end()
    commander = await open_commander()
    await failure_of(await commander.start(definition, 1, wait=False))

    assert seen == {
        "undo:survey[1]/ask": (1, "made survey[1]/ask", "made survey[1]/ask"),
        "undo:survey[0]/ask": (0, "made survey[0]/ask", "made survey[1]/ask"),
    }


async def test_undo_sees_the_path_of_its_step(open_commander: OpenCommander) -> None:
    """One path that is used in several places is undone in each with what was recorded there."""
    seen: Seen = {}

    async def undo(ctx: MissionContext[int]) -> None:
        seen[ctx.step_name] = (ctx.output("make"), ctx.output("more", default=None), ctx.index)

    path = m.path().step("make", make, undo=undo).step("more", make)
    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .branch("kind", lambda ctx: "a", {"a": path}, otherwise=m.path())
        .parallel("both", {"one": path, "two": path.need_to(GO, timeout=0, on_timeout=path)})
        .step("fail", fail)
        .end()
    )
    commander = await open_commander()
    await failure_of(await commander.start(definition, 1, wait=False))

    places = ("kind/a", "both/one", "both/two", "both/two/go/timeout")
    assert seen == {f"undo:{place}/make": (f"made {place}/make", f"made {place}/more", None) for place in places}


async def test_what_an_undo_returns_is_recorded_and_no_output_of_the_mission(open_commander: OpenCommander) -> None:
    """Neither `events` nor `output` change by it."""

    async def undo(ctx: MissionContext[int]) -> dict[str, int]:
        return {"deleted": 3}

    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)
    before = await mission.snapshot()
    after = await mission.cancel()

    assert (after.events, after.output) == (before.events, before.output)
    (attempt,) = await attempts_of(mission, "undo:make")
    assert attempt.status == "succeeded"
    record = records_of(await mission.history(), "step-succeeded")[-1]
    assert record.event_name == "undo:make"
    assert record.details["output"] == {"deleted": 3}


async def test_records_of_an_undo_bear_the_path_of_its_step(open_commander: OpenCommander) -> None:
    """`path` is the instance without `undo:`, the timeline has it in its column; what is given up is named by it."""
    definition = (
        m.define("d")
        .start(input=int, run=begin)
        .each("devices", items, m.path().step("configure", make, undo=fail))
        .step("fail", fail)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    failure = await failure_of(mission)

    assert failure.undo_failed == ("devices[2]/configure", "devices[1]/configure", "devices[0]/configure")
    undos = [record for record in await mission.history() if (record.event_name or "").startswith("undo:")]
    assert {record.event_name: record.path for record in undos} == {
        f"undo:devices[{index}]/configure": f"devices[{index}]" for index in range(3)
    }
    lines = str(await mission.inspect()).splitlines()
    assert any("devices[1]  undo:configure #1" in line for line in lines)
    assert "undo failed: devices[2]/configure, devices[1]/configure" in lines[0]
    assert [one.status for one in await attempts_of(mission, "undo:devices[1]/configure")] == ["failed"]


async def test_undo_may_be_a_plain_function(open_commander: OpenCommander) -> None:
    """It runs on a thread, as a step does."""
    seen: list[str] = []

    def undo(ctx: MissionContext[int]) -> None:
        seen.append(ctx.step_name)

    commander = await open_commander()
    mission = await commander.start(waiting(undo), 1)

    assert (await mission.cancel()).status == "cancelled"
    assert seen == ["undo:make"]
