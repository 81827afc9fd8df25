"""What an undo sees where its step stood: rounds, branches, races, deadlines, and steps that have one function."""

from __future__ import annotations

import asyncio
from typing import Any

from mission_control.core import MissionContext, m
from one_step import failure_of
from storages import OpenCommander
from undone import GO, attempts_of, begin, fail, items, make, twice, types_of

Seen = dict[str, Any]


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
