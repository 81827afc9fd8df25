"""Lines of one mission run side by side, each step on a slot of its own, and are joined (rules 34 and 35)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from flows import Stage, T, Watched, begin, ended, flow, free_slots, history_of, names_of, path, places, turns, until
from mission_control.core import Commander, MissionContext, MissionDefinition, MissionHandle, RetryPolicy, m
from mission_control.testing import FakeClock
from storages import Gate, Gated, Kept, OpenCommander, ThreadGate, Undriven

TEN = tuple("abcdefghij")


def parallel(stage: Any, *names: str, steps: int = 1) -> MissionDefinition[int]:
    """Return a mission of a parallel whose paths have so many steps, and of a step behind it."""
    one = path()
    for number in range(steps):
        one = one.step(f"s{number}", stage)
    return flow().parallel("p", dict.fromkeys(names, one)).step("behind", begin).end()


def each(stage: Any, count: int, **limits: Any) -> MissionDefinition[int]:
    """Return a mission that goes over so many items, with one step for each."""
    return flow("items").each("e", lambda ctx: list(range(count)), path().step("s", stage), **limits).end()


async def started(commander: Commander, definition: MissionDefinition[int]) -> MissionHandle[Any]:
    return await commander.start(definition, 1, wait=False, mission_id="x")


# 34. Side by side


async def test_steps_of_all_paths_run_at_once_and_begin_in_one_commit(open_commander: OpenCommander) -> None:
    """Ten paths are opened and their first steps begun in one commit, in order, and all of them run."""
    stage, watched = Stage(), Kept(Watched)
    definition = parallel(stage, *TEN)
    commander = await open_commander([definition], wrap=watched)
    mission = await started(commander, definition)
    await stage.entered(*(f"p/{name}/s0" for name in TEN))

    opening = watched.adapter.with_(T.PATHS_OPENED)
    assert opening[-11:] == [("paths-opened", "p"), *(("step-started", f"p/{name}/s0") for name in TEN)]
    assert stage.begun == [f"p/{name}/s0" for name in TEN]
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_paths_that_wait_for_a_slot_begin_in_the_order_of_opening(open_commander: OpenCommander) -> None:
    """With two slots, two paths begin, and each that ends lets the next one begin; the others have no cursor yet."""
    stage = Stage()
    definition = parallel(stage, *"abcd")
    commander = await open_commander([definition], max_concurrency=2)
    mission = await started(commander, definition)
    await stage.entered("p/a/s0", "p/b/s0")

    assert await places(mission) == [
        ("p/a", "p/a/s0", "running"),
        ("p/b", "p/b/s0", "running"),
        ("p/c", None, "running"),
        ("p/d", None, "running"),
    ]
    stage.let_go("p/b/s0")
    await stage.entered("p/c/s0")
    stage.let_go("p/a/s0")
    await stage.entered("p/d/s0")
    assert stage.begun == ["p/a/s0", "p/b/s0", "p/c/s0", "p/d/s0"]
    assert stage.most == 2
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_each_step_takes_a_slot_of_its_own(open_commander: OpenCommander) -> None:
    """Three slots, of which a mission's two paths take two, leave one to other missions, and all three come back."""
    stage, other = Stage(), Stage()
    definition = parallel(stage, "a", "b")
    plain = m.define("plain").start(input=int, run=other).end()
    commander = await open_commander([definition, plain], max_concurrency=3)
    mission = await started(commander, definition)
    await stage.entered("p/a/s0", "p/b/s0")
    others = [await commander.start(plain, 1, wait=False) for _ in range(3)]
    await turns()

    assert other.running == 1
    stage.let_go("p/a/s0")
    await until(lambda: other.running == 2)
    stage.let_all_go()
    assert await ended(mission) == "completed"
    await until(lambda: other.running == 3)
    other.let_all_go()
    assert [await ended(it) for it in others] == ["completed"] * 3
    await commander.settled()


async def test_no_more_user_code_than_slots_whatever_the_paths(open_commander: OpenCommander) -> None:
    """Missions of paths of paths never run more steps at once than there are slots, and leave all slots free."""
    running = most = 0

    async def step(ctx: MissionContext[int]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await turns(3)
        running -= 1

    inner = path().each("items", lambda ctx: [1, 2, 3], path().step("one", step).step("two", step))
    definition = flow().parallel("p", dict.fromkeys(TEN, inner)).step("end", step).end()
    commander = await open_commander([definition], max_concurrency=4)
    handles = [await commander.start(definition, 1, wait=False) for _ in range(5)]

    assert [await ended(it) for it in handles] == ["completed"] * 5
    assert 1 < most <= 4
    await free_slots(commander, 4)


async def test_outcomes_that_arrive_during_a_commit_are_decided_together(open_commander: OpenCommander) -> None:
    """What ended while a commit was under way is in the next one, in the order of arrival, and what it begins too."""
    stage, slow = Stage(), Kept(lambda inner: Gated(Watched(inner)))
    definition = parallel(stage, *"abcd", steps=2)
    commander = await open_commander([definition], wrap=slow)
    mission = await started(commander, definition)
    await stage.entered(*(f"p/{name}/s0" for name in "abcd"))
    slow.adapter.gate.clear()
    stage.let_go("p/b/s0")
    await turns()
    for name in "dac":
        stage.let_go(f"p/{name}/s0")
        await turns(5)
    slow.adapter.gate.set()
    await stage.entered(*(f"p/{name}/s1" for name in "abcd"))

    watched = slow.adapter.inner
    assert isinstance(watched, Watched)
    assert watched.commits[-2] == [("step-succeeded", "p/b/s0"), ("step-started", "p/b/s1")]
    assert watched.commits[-1] == [
        it for name in "dac" for it in [("step-succeeded", f"p/{name}/s0"), ("step-started", f"p/{name}/s1")]
    ]
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_what_one_commit_begins_runs_though_more_ends_meanwhile(open_commander: OpenCommander) -> None:
    """A step that a commit begins is not forgotten where others ended while it was under way, and begin more."""
    stage, slow = Stage(), Kept(Gated)
    definition = parallel(stage, "a", "b", steps=2)
    commander = await open_commander([definition], wrap=slow)
    mission = await started(commander, definition)
    await stage.entered("p/a/s0", "p/b/s0")
    slow.adapter.gate.clear()
    for name in "ab":
        stage.let_go(f"p/{name}/s0")
        await turns()
    slow.adapter.gate.set()

    await stage.entered("p/a/s1", "p/b/s1")
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_timers_that_are_due_are_decided_together_by_due_time(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Timers of several lines that came due while the process was down fire in one commit, the earliest first."""
    watched = Kept(Watched)
    naps = {name: path().sleep("nap", seconds) for name, seconds in [("late", 30), ("soon", 10), ("then", 20)]}
    definition = flow().parallel("p", naps).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")
    await open_commander.close()
    await fake_clock.advance(60)
    commander = await open_commander([definition], wrap=watched)
    await commander.settled()

    (fired,) = watched.adapter.commits
    assert [name for kind, name in fired if kind == "timer-fired"] == ["p/soon/nap", "p/then/nap", "p/late/nap"]
    assert fired[-2:] == [("paths-joined", "p"), ("mission-completed", None)]
    found = await commander.get_mission("x")
    assert found is not None
    assert await ended(found) == "completed"
    assert mission.mission_id == "x"


@pytest.mark.parametrize("first", ["step", "nap"])
async def test_timer_and_outcome_are_decided_in_the_order_of_their_times(
    open_commander: OpenCommander, fake_clock: FakeClock, first: str
) -> None:
    """Of a step that ended and a timer that came due during one commit, what came first in time is recorded first."""
    stage, slow = Stage(), Kept(Gated)
    racing = path().race("r", {"nap": path().sleep("nap", 10), "step": path().step("s", stage)})
    definition = flow().parallel("p", {"a": path().step("s", stage).step("t", stage), "b": racing}).end()
    commander = await open_commander([definition], wrap=slow, clock=Undriven(fake_clock))
    mission = await started(commander, definition)
    await stage.entered("p/a/s", "p/b/r/step/s")
    slow.adapter.gate.clear()
    stage.let_go("p/a/s")
    await turns()
    if first == "nap":
        await fake_clock.advance(10)
        await fake_clock.advance(1)
    stage.let_go("p/b/r/step/s")
    await turns()
    await fake_clock.advance(15)
    slow.adapter.gate.set()
    await stage.entered("p/a/t")
    stage.let_all_go()

    assert await ended(mission) == "completed"
    assert (await mission.snapshot()).events["p/b/r"].output == first


async def test_slot_is_kept_from_step_to_step_within_a_path(open_commander: OpenCommander) -> None:
    """With one slot that others wait for, a path goes through its steps before another path or mission begins."""
    order: list[str] = []

    async def note(ctx: MissionContext[int]) -> None:
        order.append(f"{ctx.mission_id}:{ctx.step_name}")

    first = Gate()
    one = path().step("one", note).step("two", note)
    definition = (
        flow().step("gate", first).parallel("p", {"a": one, "b": path().step("one", note)}).step("behind", note).end()
    )
    other = m.define("other").start(input=int, run=note).end()
    commander = await open_commander([definition, other], max_concurrency=1)
    mission = await started(commander, definition)
    await first.begun.wait()
    waiting = await commander.start(other, 1, wait=False, mission_id="o")
    first.opened.set()
    assert await ended(mission) == "completed"
    assert await ended(waiting) == "completed"

    assert order[:2] == ["x:p/a/one", "x:p/a/two"]


async def test_line_behind_a_join_keeps_the_slot(open_commander: OpenCommander) -> None:
    """With one slot that another mission waits for, what follows a join begins before that mission does."""
    order: list[str] = []
    gate = Gate()

    async def note(ctx: MissionContext[int]) -> None:
        order.append(f"{ctx.mission_id}:{ctx.step_name}")

    definition = flow().parallel("p", {"a": path().step("s", gate)}).step("behind", note).end()
    other = m.define("other").start(input=int, run=note).end()
    commander = await open_commander([definition, other], max_concurrency=1)
    mission = await started(commander, definition)
    await gate.begun.wait()
    waiting = await commander.start(other, 1, wait=False, mission_id="o")
    gate.opened.set()
    assert await ended(mission) == "completed"
    assert await ended(waiting) == "completed"

    assert order == ["x:behind", "o:start"]


async def test_items_take_turns_with_other_missions(open_commander: OpenCommander) -> None:
    """An item does not begin on the slot of one that ended while another mission waits for it."""
    stage, order = Stage(), list[str]()

    async def note(ctx: MissionContext[int]) -> None:
        order.append(f"other after {len(stage.ended)}")

    definition = each(stage, 4)
    other = m.define("other").start(input=int, run=note).end()
    commander = await open_commander([definition, other], max_concurrency=1)
    mission = await started(commander, definition)
    await stage.entered("e[0]/s")
    waiting = await commander.start(other, 1, wait=False)
    stage.let_all_go()

    assert await ended(waiting) == "completed"
    assert await ended(mission) == "completed"
    assert order == ["other after 1"]


async def test_two_long_lists_take_turns(open_commander: OpenCommander) -> None:
    """With one slot, the items of two missions come in turns."""
    order: list[str] = []

    async def note(ctx: MissionContext[int]) -> None:
        order.append(ctx.mission_id)
        await turns(3)

    definition = each(note, 5)
    commander = await open_commander([definition], max_concurrency=1)
    handles = [await commander.start(definition, 1, wait=False, mission_id=it) for it in ("one", "two")]
    assert [await ended(it) for it in handles] == ["completed"] * 2

    assert order == ["one", "two"] * 5


async def test_items_that_nobody_waits_behind_begin_on_the_slots_of_earlier_ones(open_commander: OpenCommander) -> None:
    """Where no mission waits, the end of an item and the start of the next are one commit."""
    watched = Kept(Watched)
    definition = each(begin, 3)
    commander = await open_commander([definition], max_concurrency=1, wrap=watched)
    assert await ended(await started(commander, definition)) == "completed"

    assert [("step-succeeded", "e[0]/s"), ("path-completed", "e[0]"), ("step-started", "e[1]/s")] in (
        watched.adapter.commits
    )


async def test_one_commit_begins_at_most_1000_items(open_commander: OpenCommander) -> None:
    """2,500 items that wait are begun in commits of 1,000 each, one after another."""
    watched = Kept(Watched)
    definition = flow().each("e", lambda ctx: list(range(2_500)), path().need_to("go", int)).end()
    commander = await open_commander([definition], wrap=watched)
    mission = await commander.start(definition, 1)

    begun = [sum(kind == "waiting-for-signal" for kind, _ in commit) for commit in watched.adapter.commits]
    assert [count for count in begun if count] == [1_000, 1_000, 500]
    assert len((await mission.snapshot()).positions) == 2_500
    await mission.cancel()


async def test_items_that_take_no_time_come_in_commits_of_1000_too(open_commander: OpenCommander) -> None:
    """2,500 items that end at once are begun and ended in commits of 1,000 each, and joined in the last one."""
    watched = Kept(Watched)
    definition = flow().each("e", lambda ctx: list(range(2_500)), path().sleep("no", 0)).end()
    commander = await open_commander([definition], wrap=watched)
    mission = await commander.start(definition, 1)

    completed = [sum(kind == "path-completed" for kind, _ in commit) for commit in watched.adapter.commits]
    assert [count for count in completed if count] == [1_000, 1_000, 500]
    assert await ended(mission) == "completed"


async def test_steps_on_threads_run_side_by_side(open_commander: OpenCommander) -> None:
    """Synchronous steps of several paths run at once, each on a thread."""
    gates = {name: ThreadGate() for name in "abc"}
    definition = flow().parallel("p", {name: path().step("s", gate) for name, gate in gates.items()}).end()
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    for gate in gates.values():
        await gate.begun.wait()
    for gate in gates.values():
        gate.opened.set()

    assert await ended(mission) == "completed"


async def test_retries_are_counted_for_each_line(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Attempts and backoffs of one path are its own: another path's step is at its first attempt."""
    tries: list[str] = []

    def flaky(ctx: MissionContext[int]) -> None:
        tries.append(f"{ctx.step_name}#{ctx.attempt}")
        if ctx.attempt < 3:
            raise ValueError("again")

    retry = RetryPolicy(max_attempts=3, initial_interval=10)
    paths = {name: path().step("s", flaky, retry=retry) for name in "ab"}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    positions = (await mission.snapshot()).positions
    assert [(it.cursor, it.status, it.attempt_number) for it in positions] == [
        ("p/a/s", "waiting", 2),
        ("p/b/s", "waiting", 2),
    ]
    await fake_clock.advance(timedelta(minutes=5))

    assert await ended(mission) == "completed"
    assert sorted(tries) == [f"p/{name}/s#{number}" for name in "ab" for number in (1, 2, 3)]


# 35. Joins


async def test_last_path_join_and_what_follows_are_one_commit(open_commander: OpenCommander) -> None:
    """The end of the last path, the join, and the start of the step behind it are durable together."""
    stage, watched = Stage(), Kept(Watched)
    definition = flow().parallel("p", {"a": path().step("s", stage), "b": path()}).step("behind", stage).end()
    commander = await open_commander([definition], wrap=watched)
    mission = await started(commander, definition)
    stage.let_go("p/a/s")
    await stage.entered("behind")

    assert watched.adapter.commits[-1] == [
        ("step-succeeded", "p/a/s"),
        ("path-completed", "p/a"),
        ("paths-joined", "p"),
        ("step-started", "behind"),
    ]
    stage.let_all_go()
    assert await ended(mission) == "completed"


async def test_last_item_join_and_what_follows_are_one_commit(open_commander: OpenCommander) -> None:
    """The end of the last item, the join, and the wait behind it are durable together."""
    watched = Kept(Watched)
    definition = flow().each("e", lambda ctx: ["one"], path().step("s", begin)).need_to("go", int).end()
    commander = await open_commander([definition], wrap=watched)
    await commander.start(definition, 1)

    assert watched.adapter.commits[-1] == [
        ("step-succeeded", "e[0]/s"),
        ("path-completed", "e[0]"),
        ("paths-joined", "e"),
        ("waiting-for-signal", "go"),
    ]


async def test_join_without_a_slot_names_what_follows(open_commander: OpenCommander) -> None:
    """Joins of joins are one commit: the innermost end goes up as far as it leads."""
    watched = Kept(Watched)
    inner = path().parallel("q", {"x": path().need_to("go", int)})
    definition = flow().parallel("p", {"a": inner}).step("behind", begin).end()
    commander = await open_commander([definition], wrap=watched)
    mission = await commander.start(definition, 1)
    await mission.signal("go", 1)

    assert watched.adapter.with_(T.SIGNAL_RECEIVED) == [
        ("signal-received", "p/a/q/x/go"),
        ("path-completed", "p/a/q/x"),
        ("paths-joined", "p/a/q"),
        ("path-completed", "p/a"),
        ("paths-joined", "p"),
        ("step-started", "behind"),
    ]
    assert await mission.status() == "completed"


async def test_each_over_nothing_is_opened_and_joined_in_one_commit(open_commander: OpenCommander) -> None:
    """An empty list records that no paths were opened, and the join, and goes on."""
    watched = Kept(Watched)
    definition = each(begin, 0)
    commander = await open_commander([definition], wrap=watched)
    mission = await commander.start(definition, 1)

    assert watched.adapter.with_(T.PATHS_OPENED) == [
        ("step-succeeded", "e"),
        ("paths-opened", "e"),
        ("paths-joined", "e"),
        ("mission-completed", None),
    ]
    opened = next(record for record in await mission.history() if record.type == T.PATHS_OPENED)
    assert opened.details == {"kind": "each", "count": 0}


async def test_empty_paths_complete_at_once(open_commander: OpenCommander) -> None:
    """Paths without nodes complete in the commit that opens them."""
    definition = flow().parallel("p", {"a": path(), "b": path()}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert (await history_of(mission))[4:] == [
        ("paths-opened", "p"),
        ("path-completed", "p/a"),
        ("path-completed", "p/b"),
        ("paths-joined", "p"),
        ("mission-completed", None),
    ]


async def test_one_path_in_several_places(open_commander: OpenCommander) -> None:
    """A path that is used twice runs at each place under the names of that place."""
    shared = path().step("s", begin).sleep("nap", 0)
    definition = flow().parallel("p", {"a": shared, "b": shared}).parallel("q", {"a": shared}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await names_of(mission, T.STEP_STARTED) == ["start", "p/a/s", "p/b/s", "q/a/s"]


async def test_main_line_has_the_cursor_of_the_construct(open_commander: OpenCommander) -> None:
    """While paths live, the mission's cursor is their construct, which has no position of its own."""
    definition = flow().parallel("p", {"a": path().need_to("go", int)}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    snapshot = await mission.snapshot()

    assert snapshot.cursor == "p"
    assert [(it.path, it.cursor, it.status) for it in snapshot.positions] == [("p/a", "p/a/go", "waiting")]


@pytest.mark.parametrize("depth", [16])
async def test_sixteen_places_around_a_node(open_commander: OpenCommander, depth: int) -> None:
    """A node may be as deep as sixteen places; the main line goes on when the innermost path has completed."""
    inner = path().step("s", begin)
    for _ in range(depth - 1):
        inner = path().parallel("p", {"a": inner, "b": path()})
    definition = flow().parallel("p", {"a": inner, "b": path()}).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)

    assert await mission.status() == "completed"
    assert "p/a/" * depth + "s" in (await mission.snapshot()).events


async def test_mission_settles_only_when_all_of_its_lines_do(open_commander: OpenCommander) -> None:
    """`settled()` waits for the code of every path."""
    stage = Stage()
    definition = parallel(stage, "a", "b")
    commander = await open_commander([definition])
    mission = await started(commander, definition)
    await stage.entered("p/a/s0", "p/b/s0")
    settling = asyncio.create_task(commander.settled())
    stage.let_go("p/a/s0")
    await turns()
    assert not settling.done()
    stage.let_go("p/b/s0")
    await settling

    assert await mission.status() == "completed"
