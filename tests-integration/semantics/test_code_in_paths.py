"""What user code sees of its mission from where it stands: items, rounds, paths, and what was there when it began."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define

from flows import Stage, begin, ended, flow, path, turns
from mission_control.core import (
    MissionContext,
    MissionExecutionError,
    MissionFailedError,
    Reminder,
    RetryPolicy,
    Signal,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander, ThreadGate


@define
class Device:
    name: str
    tags: list[str]


APPROVED = Signal("approved", str)


def devices(ctx: MissionContext[Any]) -> list[Device]:
    return [Device("a", []), Device("b", []), Device("c", [])]


def name(ctx: MissionContext[Any]) -> str:
    return ctx.item(devices).name


def twice(ctx: MissionContext[Any]) -> bool:
    return ctx.index == 1


async def test_attempt_sees_what_was_recorded_when_it_began(open_commander: OpenCommander) -> None:
    """What other lines record meanwhile is there for the next attempt, and not for this one."""
    stage, seen = Stage(), list[Any]()

    async def look(ctx: MissionContext[Any]) -> None:
        def see() -> Any:
            results = [(it.path, it.status) for it in ctx.results("all")]
            return ctx.output("quick", default=None), results, sorted(ctx.events)

        before = see()
        await stage(ctx)
        seen.append((before, see()))
        if ctx.attempt == 1:
            raise ValueError("again")

    looks = path().step("look", look, retry=RetryPolicy(max_attempts=2))
    definition = flow().parallel("all", {"a": looks, "b": path().step("quick", name_of)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await stage.entered("all/a/look")
    while "all/b/quick" not in (await mission.snapshot()).events:
        await turns()
    stage.let_all_go()

    assert await ended(mission) == "completed"
    (first, first_later), (second, _) = seen
    running = [("all/a", "running"), ("all/b", "running")]
    assert first == first_later == (None, running, ["start"])
    assert second == ("all/b/quick", [("all/a", "running"), ("all/b", "completed")], ["all/b/quick", "start"])


async def name_of(ctx: MissionContext[Any]) -> str:
    return ctx.step_name


@pytest.mark.parametrize("kind", ["choose", "items", "input", "sleep", "timeout", "reminder", "undo", "until"])
async def test_all_code_of_an_item_stands_in_it(
    open_commander: OpenCommander, fake_clock: FakeClock, kind: str
) -> None:
    """Decisions, computed times, reminders and undos see the item, its outputs and its number, as its steps do."""
    seen: dict[str, Any] = {}

    def look(ctx: MissionContext[Any]) -> Any:
        innermost = ctx.index if kind in ("reminder", "until") else None
        number = ctx.index if innermost is None else ctx.item(devices).name
        seen[ctx.step_name] = (ctx.item(devices).name, number, ctx.output("mine"), ctx.outputs("mine"), innermost)
        returned: dict[str, Any] = {"choose": "x", "items": [], "input": 1, "sleep": 0, "timeout": 0, "until": True}
        return returned.get(kind)

    def fails(ctx: MissionContext[Any]) -> None:
        raise ValueError("undo it")

    child = m.define("child").start(input=int, run=begin).end()
    line = path().step("mine", name)
    following: dict[str, Any] = {
        "choose": line.branch("n", look, {"x": path()}),
        "items": line.each("n", look, path()),
        "input": line.mission("n", child, look),
        "sleep": line.sleep("n", look),
        "timeout": line.need_to("n", int, timeout=look, on_timeout=path()),
        "reminder": line.need_to("n", int, timeout=15, on_timeout=path(), reminder=Reminder(look, every=10)),
        "undo": line.step("n", name, undo=look),
        "until": line.repeat("n", path(), until=look),
    }
    builder = flow().each("e", devices, following[kind])
    definition = (builder.step("fails", fails) if kind == "undo" else builder).end()
    commander = await open_commander([definition, child])
    mission = await commander.start(definition, 1, wait=False)
    await fake_clock.advance(60)

    assert await ended(mission) == ("failed" if kind == "undo" else "completed")
    place = {"reminder": "{}/n/reminder[0]", "undo": "undo:{}/n", "until": "{}/n[0]"}.get(kind, "{}/n")
    inner = 0 if kind in ("reminder", "until") else None
    assert seen == {
        place.format(f"e[{index}]"): (text, index if inner is None else text, text, [text], inner)
        for index, text in enumerate("abc")
    }


async def test_item_is_a_copy_for_each_attempt(open_commander: OpenCommander) -> None:
    """What an attempt changes in its item nobody else sees: not the next attempt, another item, or a later step."""
    seen: list[Any] = []

    def changes(ctx: MissionContext[Any]) -> None:
        item = ctx.item(devices)
        seen.append((item.name, list(item.tags)))
        item.tags.append("changed")
        assert ctx.item(devices) is item
        if ctx.attempt == 1:
            raise ValueError("again")

    item = path().step("one", changes, retry=RetryPolicy(max_attempts=2)).step("two", changes, retry=RetryPolicy(2))
    definition = flow().each("e", devices, item, max_concurrency=1).step("list", begin).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await ended(mission) == "completed"
    assert seen == [(text, []) for text in "aaaabbbbcccc"]
    assert (await mission.snapshot()).events["e"].output == [{"name": text, "tags": []} for text in "abc"]


async def test_outputs_leave_out_what_failed_and_what_was_stopped(open_commander: OpenCommander) -> None:
    """Of items and paths that ended otherwise there is no output, though a step of theirs succeeded."""
    seen: dict[str, Any] = {}

    def breaks(ctx: MissionContext[Any]) -> None:
        if ctx.item(devices).name == "b":
            raise ValueError("b")

    def look(ctx: MissionContext[Any]) -> None:
        seen["items"] = ctx.outputs(name)
        seen["whole"] = ctx.output("e[1]/mine")
        seen["race"] = ctx.outputs(name_of)
        seen["results"] = [(it.path, it.index, it.status, it.error and it.error.message) for it in ctx.results("e")]
        seen["paths"] = [(it.path, it.index, it.status) for it in ctx.results("first")]

    paths = {
        "lost": path().step("s", name_of).need_to("never", int),
        "won": path().step("s", name_of).need_to("go", int),
        "late": path().sleep("long", 1_000).step("s", name_of),
    }
    item = path().step("mine", name).step("breaks", breaks)
    definition = flow().each("e", devices, item, max_failures=1).race("first", paths).step("look", look).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"
    assert seen == {
        "items": ["a", "c"],
        "whole": "b",
        "race": ["first/won/s"],
        "results": [
            ("e[0]", 0, "completed", None),
            ("e[1]", 1, "failed", "b"),
            ("e[2]", 2, "completed", None),
        ],
        "paths": [("first/lost", 0, "stopped"), ("first/won", 1, "completed"), ("first/late", 2, "stopped")],
    }


async def test_outputs_of_a_reused_path_are_in_the_order_of_the_definition(open_commander: OpenCommander) -> None:
    """Then of the indices, whatever the order in which they came."""
    seen: list[Any] = []
    rounds = path().repeat("r", path().step("s", name_of), until=twice)

    def look(ctx: MissionContext[Any]) -> None:
        seen.extend((ctx.outputs(name_of), ctx.outputs("s"), ctx.outputs("r")))

    paths = {"z": path().need_to("go", int).parallel("in", {"p": rounds}), "a": rounds}
    definition = flow().parallel("all", paths).step("look", look).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal("go", 1)

    assert await ended(mission) == "completed"
    expected = ["all/z/in/p/r[0]/s", "all/z/in/p/r[1]/s", "all/a/r[0]/s", "all/a/r[1]/s"]
    assert seen == [expected, expected, [False, True] * 2]


async def test_signals_of_items_are_looked_up_as_outputs_are(open_commander: OpenCommander) -> None:
    """Each item receives its own; behind them there are all, in order, typed, and none alone."""
    seen: list[Any] = []

    def mine(ctx: MissionContext[Any]) -> None:
        seen.append((ctx.index, ctx.received(APPROVED), ctx.received("approved", default="none")))

    def look(ctx: MissionContext[Any]) -> None:
        seen.extend((ctx.all_received(APPROVED), ctx.all_received("approved"), ctx.received("e[1]/approved")))
        ctx.received(APPROVED)

    item = path().need_to(APPROVED).step("mine", mine)
    definition = flow().each("e", devices, item).step("look", look, retry=RetryPolicy(max_attempts=3)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    for index in (2, 0, 1):
        await mission.signal(APPROVED, f"by {index}", at=f"e[{index}]")

    with pytest.raises(MissionFailedError, match=r"ctx.all_received\('approved'\) has all of them"):
        await mission.output()
    assert seen[:3] == [(index, f"by {index}", f"by {index}") for index in (2, 0, 1)]
    assert seen[3:] == [["by 0", "by 1", "by 2"], ["by 0", "by 1", "by 2"], "by 1"]


async def test_what_several_bear_is_not_guessed(open_commander: OpenCommander) -> None:
    """Two that are equally near fail the step, without another attempt and also with a default; both are named."""

    def look(ctx: MissionContext[Any]) -> None:
        ctx.output("s", default="guess")

    step = path().step("s", name_of)
    definition = flow().parallel("all", {"a": step, "b": step}).step("look", look, retry=RetryPolicy(3)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)

    with pytest.raises(MissionFailedError, match=r"'all/a/s' and 'all/b/s'"):
        await mission.output()
    attempts = [it.step_name for it in (await mission.inspect()).step_attempts]
    assert attempts.count("look") == 1


async def test_queries_and_updates_stand_on_the_main_line(open_commander: OpenCommander) -> None:
    """They see all items as the main line does, by instance too, have no index, and are in no item."""

    def see(ctx: MissionContext[Any]) -> Any:
        return [ctx.index, ctx.outputs("mine"), ctx.output("e[2]/mine"), [it.status for it in ctx.results("e")]]

    def see_too(ctx: MissionContext[Any], number: int) -> Any:
        return see(ctx)

    item = path().step("mine", name).need_to(APPROVED)
    draft = m.define("flow").query("see", see).query("item", name).update("see-too", int, see_too)
    definition = draft.start(input=int, run=begin).each("e", devices, item).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal(APPROVED, "yes", at="e[1]")

    expected = [None, ["a", "b", "c"], "c", ["running", "completed", "running"]]
    assert await mission.query("see") == expected
    assert await mission.update("see-too", 1) == expected
    with pytest.raises(MissionExecutionError, match="no item of devices"):
        await mission.query("item")


async def test_code_on_a_thread_sees_the_same(open_commander: OpenCommander) -> None:
    """What a synchronous step sees does not change while it runs either."""
    gate, seen = ThreadGate(), list[Any]()

    def look(ctx: MissionContext[Any]) -> None:
        gate(ctx)
        seen.extend((ctx.output("quick", default=None), [it.status for it in ctx.results("all")]))

    paths = {"a": path().step("look", look), "b": path().step("quick", name_of)}
    definition = flow().parallel("all", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    while "all/b/quick" not in (await mission.snapshot()).events:
        await turns()
    gate.opened.set()

    assert await ended(mission) == "completed"
    assert seen == [None, ["running", "running"]]
