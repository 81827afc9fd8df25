"""Where a mission stands is marked at each node, from real missions of every construct."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mission_control.console.drawing import END, Mark, PlaceState, places
from mission_control.core import MissionDefinition, Reminder, RetryPolicy, m
from mission_control.core.definition import static_sites
from mission_control.in_memory_commander import InMemoryCommander
from mission_control.testing import FakeClock
from random_flows import World, missions

from . import missions as flows
from .conftest import Begin
from .missions import DAY, line, work


def test_without_a_mission_all_wait_to_begin() -> None:
    """Every node of the definition has its mark."""
    static = flows.everything().to_static()

    marks = places(static, None)

    nodes = {name for name in static_sites(static) if not name.endswith("]")}
    assert marks == dict.fromkeys(nodes | {END}, Mark(state=PlaceState.AHEAD))


async def test_a_mission_is_followed_from_node_to_node(begin: Begin) -> None:
    """What is behind is done, what it stands on waits, what is ahead waits to begin."""
    flight = await begin(line().step("one", work).need_to("two", int).step("three", work).end())

    assert await flight.states() == {
        "start": "done",
        "one": "done",
        "two": "waiting",
        "three": "waiting-to-begin",
        END: "waiting-to-begin",
    }
    await flight.mission.signal("two", 5)
    assert set((await flight.states()).values()) == {"done"}


async def test_a_delayed_start_waits(begin: Begin) -> None:
    """At the start, which has not run."""
    from datetime import UTC, datetime

    flight = await begin(line().end(), start_at=datetime(1970, 1, 2, tzinfo=UTC))

    assert await flight.states("start") == {"start": "waiting"}


async def test_a_step_that_is_tried_again_waits_with_its_attempts(begin: Begin) -> None:
    """Its note says which attempt it was."""
    retry = RetryPolicy(max_attempts=None, initial_interval=DAY)
    flight = await begin(line().step("flaky", flows.flaky, retry=retry).end())
    await flight.passes(DAY)

    assert (await flight.marks())["flaky"] == Mark(state=PlaceState.WAITING, note="attempt 2")


async def test_a_mission_fails_at_a_node(begin: Begin) -> None:
    """What was ahead did not begin; what was undone is told beside the step."""
    flight = await begin(line().step("one", work, undo=flows.take_back).step("it-fails", work).step("two", work).end())

    marks = await flight.marks()
    assert marks["one"] == Mark(state=PlaceState.DONE, undo=PlaceState.DONE)
    assert await flight.states("it-fails", "two", END) == {
        "it-fails": "failed",
        "two": "waiting-to-begin",
        END: "waiting-to-begin",
    }


async def test_an_undo_that_is_tried_again_waits(begin: Begin) -> None:
    """Beside its step, which is done."""
    retry = RetryPolicy(max_attempts=None, initial_interval=DAY)
    flight = await begin(line().step("one", work, undo=flows.flaky, undo_retry=retry).step("it-fails", work).end())

    assert (await flight.marks())["one"] == Mark(state=PlaceState.DONE, undo=PlaceState.WAITING)


async def test_a_reminder_that_is_tried_again_leaves_its_wait(begin: Begin) -> None:
    """Which goes on."""
    retry = RetryPolicy(max_attempts=None, initial_interval=DAY)
    flight = await begin(line().need_to("a", int, reminder=Reminder(flows.flaky, DAY, retry=retry)).end())
    await flight.passes(2 * DAY)

    assert await flight.states("start", "a") == {"start": "done", "a": "waiting"}


async def test_a_cancelled_mission_was_stopped_where_it_stood(begin: Begin) -> None:
    """With the construct around."""
    paths = {"a": m.path().step("one", work), "b": m.path().need_to("two", int)}
    flight = await begin(line().parallel("both", paths).end())
    await flight.mission.cancel()

    assert await flight.states() == {
        "start": "done",
        "both": "stopped",
        "both/a/one": "done",
        "both/b/two": "stopped",
        END: "waiting-to-begin",
    }


async def test_a_wait_that_is_over_in_time_leaves_its_other_path(begin: Begin) -> None:
    """Until then it is ahead; reminders are counted."""
    late = m.path().step("call", work)
    flight = await begin(line().need_to("a", int, timeout=9 * DAY, on_timeout=late, reminder=Reminder(work, DAY)).end())
    assert await flight.states("a", "a/timeout/call") == {"a": "waiting", "a/timeout/call": "waiting-to-begin"}
    await flight.passes(DAY)
    assert (await flight.marks())["a"].note == "reminded once"
    await flight.passes(2 * DAY)
    await flight.mission.signal("a", 1)

    assert (await flight.marks())["a"] == Mark(state=PlaceState.DONE, note="reminded 3 times")
    assert await flight.states("a/timeout/call") == {"a/timeout/call": "skipped"}


async def test_a_wait_that_timed_out_goes_on_beside(begin: Begin) -> None:
    """The wait is done, and says so; what is behind it in the path is ahead."""
    late = m.path().need_to("call", int).step("note", work)
    flight = await begin(line().need_to("a", int, timeout=DAY, on_timeout=late).end())
    await flight.passes(DAY)

    assert (await flight.marks())["a"] == Mark(state=PlaceState.DONE, note="timed out")
    assert await flight.states("a/timeout/call", "a/timeout/note") == {
        "a/timeout/call": "waiting",
        "a/timeout/note": "waiting-to-begin",
    }


async def test_a_wait_that_timed_out_without_a_path_has_failed(begin: Begin) -> None:
    """The mission with it."""
    flight = await begin(line().need_to("a", int, timeout=DAY).end())
    await flight.passes(DAY)

    assert (await flight.marks())["a"] == Mark(state=PlaceState.FAILED, note="timed out")


async def test_the_losers_of_a_race_were_stopped(begin: Begin) -> None:
    """What they had not begun was left out."""
    slow = m.path().sleep("crawl", DAY).step("arrive", work)
    flight = await begin(line().race("first", {"quick": m.path().need_to("go", int), "slow": slow}).end())
    assert await flight.states("first", "first/slow/crawl") == {"first": "waiting", "first/slow/crawl": "waiting"}
    await flight.mission.signal("go", 1)

    assert await flight.states() == {
        "start": "done",
        "first": "done",
        "first/quick/go": "done",
        "first/slow/crawl": "stopped",
        "first/slow/arrive": "skipped",
        END: "done",
    }


async def test_a_branch_leaves_the_other_paths(begin: Begin) -> None:
    """Those that it has not chosen are left out at once, while it goes on in the other."""
    paths = {"left": m.path().need_to("l", int).step("then", work), "right": m.path().step("r", work)}
    flight = await begin(line().branch("way", flows.choose, paths).end())

    assert await flight.states("way", "way/left/l", "way/left/then", "way/right/r") == {
        "way": "waiting",
        "way/left/l": "waiting",
        "way/left/then": "waiting-to-begin",
        "way/right/r": "skipped",
    }


async def test_a_branch_that_finds_no_key_goes_otherwise(begin: Begin) -> None:
    """Also where keys are no texts."""
    paths = {True: m.path().step("one", work), False: m.path().step("two", work)}
    found = await begin(line().branch("way", flows.never, paths).end())
    other = await begin(line("on").branch("way", flows.other, paths, otherwise=m.path().step("o", work)).end())

    assert await found.states("way/true/one", "way/false/two") == {"way/true/one": "skipped", "way/false/two": "done"}
    assert await other.states("way", "way/true/one", "way/otherwise/o") == {
        "way": "done",
        "way/true/one": "skipped",
        "way/otherwise/o": "done",
    }


async def test_a_branch_and_a_repeat_fail_with_what_is_in_them(begin: Begin) -> None:
    """They have no paths of their own that others could outlive."""
    inner = m.path().repeat("again", m.path().step("it-fails", work), until=flows.over)
    flight = await begin(line().branch("way", flows.choose, {"left": inner, "right": m.path().step("r", work)}).end())

    assert await flight.states("way", "way/left/again", "way/left/again[]/it-fails", "way/right/r") == {
        "way": "failed",
        "way/left/again": "failed",
        "way/left/again[]/it-fails": "failed",
        "way/right/r": "skipped",
    }


async def test_a_branch_fails_with_what_is_behind_a_deadline_in_it(begin: Begin) -> None:
    """Whatever is between them."""
    late = m.path().step("it-fails", work)
    inner = m.path().need_to("a", int, timeout=DAY, on_timeout=late)
    flight = await begin(line().branch("way", flows.choose, {"left": inner, "right": m.path()}).end())
    await flight.passes(DAY)

    assert await flight.states("way", "way/left/a", "way/left/a/timeout/it-fails") == {
        "way": "failed",
        "way/left/a": "done",
        "way/left/a/timeout/it-fails": "failed",
    }


async def test_items_are_counted(begin: Begin) -> None:
    """Those of a list by how they ended, their nodes by how they stand."""
    each = m.path().step("one", work).need_to("two", int)
    flight = await begin(line().each("items", flows.items, each, max_concurrency=3, max_failures=None).end(), "abcde")
    await flight.mission.signal("items[0]/two", 1)

    marks = await flight.marks()
    assert marks["items"] == Mark(state=PlaceState.WAITING, note="1 of 5 done")
    assert marks["items[]/one"] == Mark(state=PlaceState.RUNNING, note="4 done")
    assert marks["items[]/two"] == Mark(state=PlaceState.WAITING, note="1 done, 3 waiting")


async def test_items_that_failed_are_counted_where_they_may(begin: Begin) -> None:
    """The list is done all the same; the node says how many failed."""
    each = m.path().step("one", work)
    flight = await begin(line().each("items", flows.items, each, max_failures=None).end(), ["good", "bad", "good"])

    marks = await flight.marks()
    assert marks["items"] == Mark(state=PlaceState.DONE, note="2 of 3 done, 1 failed")
    assert marks["items[]/one"] == Mark(state=PlaceState.FAILED, note="2 done, 1 failed")


async def test_a_list_fails_with_an_item_that_may_not(begin: Begin) -> None:
    """What ran beside it was stopped."""
    each = m.path().step("one", work).need_to("two", int)
    flight = await begin(line().each("items", flows.items, each).end(), ["good", "bad"])

    marks = await flight.marks()
    assert marks["items"] == Mark(state=PlaceState.FAILED, note="0 of 2 done, 1 failed, 1 stopped")
    assert marks["items[]/two"].state is PlaceState.STOPPED


async def test_a_list_of_nothing_is_done(begin: Begin) -> None:
    """Its nodes were left out."""
    flight = await begin(line().each("items", flows.items, m.path().step("one", work)).end())

    assert await flight.states("items", "items[]/one") == {"items": "done", "items[]/one": "skipped"}


async def test_of_a_repeat_the_latest_round_counts(begin: Begin) -> None:
    """What that has not come to waits to begin once more; between two rounds all of it is done."""
    turn = m.path().step("ask", work).need_to("answer", int)
    flight = await begin(line().repeat("again", turn, until=flows.over, every=DAY).end())
    await flight.mission.signal("answer", 1)
    assert (await flight.marks())["again"] == Mark(state=PlaceState.WAITING, note="round 1")
    assert await flight.states("again[]/ask", "again[]/answer") == {"again[]/ask": "done", "again[]/answer": "done"}
    await flight.passes(DAY)

    marks = await flight.marks()
    assert marks["again"] == Mark(state=PlaceState.WAITING, note="round 2")
    assert marks["again[]/answer"] == Mark(state=PlaceState.WAITING)


async def test_rounds_that_are_not_enough_end_elsewhere(begin: Begin) -> None:
    """In the path for that, or in a failure."""
    turn, late = m.path().step("turn", work), m.path().step("give-up", work)
    flight = await begin(line().repeat("again", turn, until=flows.never, max_rounds=2, on_exhausted=late).end())
    failing = await begin(line("failing").repeat("again", turn, until=flows.never, max_rounds=2).end())
    again = m.path().repeat("again", turn, until=flows.never, max_rounds=2)
    inside = m.path().branch("way", flows.choose, {"left": again, "right": m.path()})
    lost = await begin(line("lost").each("items", flows.items, inside, max_failures=None).end(), "a")

    assert await flight.states("again", "again/exhausted/give-up") == {
        "again": "done",
        "again/exhausted/give-up": "done",
    }
    assert (await failing.marks())["again"] == Mark(state=PlaceState.FAILED, note="round 2")
    assert (await lost.marks())["items[]/way/left/again"] == Mark(state=PlaceState.FAILED, note="round 2")


async def test_a_path_that_was_not_needed_was_left_out(begin: Begin) -> None:
    """As that for rounds that were enough."""
    turn, late = m.path().step("turn", work), m.path().step("give-up", work)
    flight = await begin(line().repeat("again", turn, until=flows.over, max_rounds=9, on_exhausted=late).end())

    assert (await flight.marks())["again"] == Mark(state=PlaceState.DONE, note="round 3")
    assert await flight.states("again/exhausted/give-up") == {"again/exhausted/give-up": "skipped"}


async def test_a_child_is_waited_for(begin: Begin) -> None:
    """Or not; one that fails fails its node."""
    failing = m.define("failing").start(input=str, run=flows.flaky).end()
    waits = await begin(line().mission("one", flows.child, flows.nothing).end())
    goes_on = await begin(line("on").mission("one", flows.child, flows.nothing, wait=False).end())
    fails = await begin(line("fails").mission("one", failing, flows.nothing).end())

    assert await waits.states("one") == {"one": "waiting"}
    assert await goes_on.states("one") == {"one": "done"}
    assert await fails.states("one") == {"one": "failed"}


async def test_a_child_that_completes_is_done(begin: Begin) -> None:
    """Its parent goes on."""
    flight = await begin(line().mission("one", flows.child, flows.nothing).end())
    child = await flight.commander.get_mission(f"{flight.mission.mission_id}/one")
    assert child is not None
    await child.signal("go", True)

    assert await flight.states("one", END) == {"one": "done", END: "done"}


async def test_what_a_reopened_mission_has_forgotten_does_not_count(begin: Begin) -> None:
    """It stands before its node once more."""
    flight = await begin(line().need_to("a", int).step("it-fails", work).end())
    await flight.mission.signal("a", 1)
    assert await flight.states("it-fails") == {"it-fails": "failed"}
    await flight.commander.operations.reopen_mission(flight.mission.mission_id, step="a")

    assert await flight.states() == {
        "start": "done",
        "a": "waiting",
        "it-fails": "waiting-to-begin",
        END: "waiting-to-begin",
    }


async def test_what_was_skipped_by_an_operator_is_done(begin: Begin) -> None:
    """Of a branch, too, which has then chosen."""
    flight = await begin(line().branch("way", flows.flaky, {"l": m.path().need_to("l", int), "r": m.path()}).end())
    assert await flight.states("way", "way/l/l") == {"way": "failed", "way/l/l": "waiting-to-begin"}
    await flight.commander.operations.skip_step(flight.mission.mission_id, output="l")

    assert await flight.states("way", "way/l/l") == {"way": "waiting", "way/l/l": "waiting"}


async def test_paths_wait_for_a_slot(begin: Begin) -> None:
    """What has no room to begin is ahead, in a construct that runs."""
    clock = FakeClock()
    paths = {name: m.path().step(f"step-{name}", work) for name in "ab"}
    definition = line().parallel("both", paths).end()
    async with InMemoryCommander(clock=clock, max_concurrency=1) as commander:
        mission = await commander.start(definition, [])
        seen = [places(definition.to_static(), await mission.inspect())["both"].state for _ in range(5)]
        await clock.advance(0)

    assert set(seen) <= {PlaceState.AHEAD, PlaceState.RUNNING, PlaceState.DONE}


async def test_a_paused_mission_stands_where_it_stands(begin: Begin) -> None:
    """What is due waits."""
    flight = await begin(line().sleep("nap", DAY).step("one", work).end())
    await flight.commander.operations.pause_mission(flight.mission.mission_id)
    await flight.passes(2 * DAY)

    assert await flight.states("nap", "one") == {"nap": "waiting", "one": "waiting-to-begin"}


async def test_a_computed_sleep_and_deadline_are_waits(begin: Begin) -> None:
    """As those that are fixed."""

    async def day(ctx: Any) -> Any:
        return DAY

    flight = await begin(line().sleep("nap", day).need_to("a", int, timeout=day).end())
    assert await flight.states("nap", "a") == {"nap": "waiting", "a": "waiting-to-begin"}
    await flight.passes(DAY)

    assert await flight.states("nap", "a") == {"nap": "done", "a": "waiting"}


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(missions(is_apart=False))
def test_any_mission_is_marked_at_any_time(drawn: tuple[World, MissionDefinition[Any]]) -> None:
    """Every node has a state; what is done and what runs agrees with the mission itself."""
    import asyncio

    asyncio.run(_follow(drawn[1]))


async def _follow(definition: MissionDefinition[Any]) -> None:
    clock, static = FakeClock(), definition.to_static()
    nodes = {name for name in static_sites(static) if not name.endswith("]")} | {END}
    async with InMemoryCommander(clock=clock) as commander:
        mission = await commander.start(definition, 7, wait=False)
        for _ in range(4):
            inspection = await mission.inspect()
            marks = places(static, inspection)
            assert marks.keys() == nodes
            states = {mark.state for mark in marks.values()}
            assert None not in states
            if inspection.snapshot.status.is_terminal:
                assert not states & {PlaceState.RUNNING, PlaceState.WAITING}
                assert (marks[END].state is PlaceState.DONE) == (inspection.snapshot.status == "completed")
            else:
                assert states & {PlaceState.RUNNING, PlaceState.WAITING} or inspection.snapshot.cursor is not None
            await clock.advance(5_000)


@pytest.mark.parametrize("static", [{}, {"nodes": 5}, {"nodes": [{"name": "a"}]}, {"nodes": [5]}])
def test_what_is_no_static_form_is_refused(static: Any) -> None:
    """With what is amiss."""
    with pytest.raises(ValueError, match="expected the static form of a definition"):
        places(static, None)
