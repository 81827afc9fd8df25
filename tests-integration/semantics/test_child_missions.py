"""Missions that a mission starts as nodes of its own (rules 47 to 50)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    ChildWait,
    Commander,
    MissionContext,
    MissionDefinition,
    MissionFailedError,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    Signal,
    m,
)
from mission_control.core.storage.persistence import CommitOutcome, LoadOutcome, MissionCommit
from mission_control.in_memory_commander import create_in_memory_persistence_adapter
from mission_control.testing import FakeClock, FaultInjectingAdapter, Life, crash_everywhere
from one_step import failure_of, found
from storages import Forwarding, Gate, Gated, Kept, OpenCommander

GO = Signal("go", str)


async def given(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


async def make(ctx: MissionContext[int]) -> str:
    return "made"


async def three(ctx: MissionContext[int]) -> list[int]:
    return [10, 20, 30]


async def nth(ctx: MissionContext[int]) -> int:
    return ctx.item(three)


async def round_of(ctx: MissionContext[int]) -> int:
    return ctx.index or 0


async def four(ctx: MissionContext[int]) -> Any:
    return "four"


async def twice(ctx: MissionContext[int]) -> bool:
    return ctx.index == 1


class Undos:
    """Undoes steps, and keeps in which order, over all missions."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def __call__(self, ctx: MissionContext[int]) -> None:
        self.steps.append(f"{ctx.mission_id} {ctx.step_name}")


quick = m.define("quick").start(input=int, run=given).step("double", lambda ctx: ctx.input * 2).end()
patient = m.define("patient").start(input=int, run=given).need_to(GO).step("made", make).end()
failing = m.define("failing").start(input=int, run=given).need_to(GO).step("fail", fail).end()


def parent_of(child: MissionDefinition[int], **options: Any) -> MissionDefinition[int]:
    """Return a mission that starts `child` behind a step."""
    return m.define("parent").start(input=int, run=given).mission("child", child, given, **options).end()


async def child_of(commander: Commander, child_id: str = "p/child") -> MissionHandle[Any]:
    return await found(commander, child_id)


async def begun(commander: Commander, definition: MissionDefinition[Any]) -> MissionHandle[Any]:
    """Start a mission as `p`, and let it and its children come to where they wait."""
    mission = await commander.start(definition, 4, mission_id="p")
    await commander.settled()
    return mission


def types_of(history: Sequence[Any]) -> list[str]:
    return [f"{record.type.value} {record.event_name or ''}".rstrip() for record in history]


class Watched(Forwarding):
    """Storage that keeps what was committed, and how often something was read."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.commits: list[MissionCommit] = []
        self.reads = 0

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        self.commits += batch
        return await super().commit(batch)

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        self.reads += 1
        return await super().load(mission_ids)


# A child comes into being: rule 47


async def test_child_is_a_mission_of_its_own(open_commander: OpenCommander) -> None:
    """Its id says whose it is and where; it runs with the input that was computed, and its output is the node's."""
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .mission("child", quick, lambda ctx: ctx.input + 1)
        .step("last", lambda ctx: (ctx.output("child"), ctx.output("start")))
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert await mission.output() == [10, 4]
    child = await child_of(commander)
    snapshot = await child.snapshot()
    assert (snapshot.mission_name, snapshot.parent_id) == ("quick", "p")
    assert (snapshot.status, snapshot.output) == ("completed", 10)
    assert snapshot.events["start"].input == 5
    assert (await mission.snapshot()).parent_id is None


async def test_output_of_the_child_is_that_of_its_parent_where_nothing_follows(open_commander: OpenCommander) -> None:
    """As a last step's would be."""
    commander = await open_commander()
    mission = await commander.start(parent_of(quick), 4, mission_id="p", wait=False)

    assert await mission.output() == 8


async def test_children_are_listed_by_their_parent(open_commander: OpenCommander) -> None:
    """And nobody else's children are; also together with the other filters."""
    path = m.path().mission("child", patient, nth)
    definition = m.define("parent").start(input=int, run=given).each("all", three, path).end()
    commander = await open_commander()
    for mission_id in ("p", "q"):
        await commander.start(definition, 1, mission_id=mission_id)
    listed = await commander.list_missions(parent_id="p")

    assert [one.mission_id for one in listed] == [f"p/all[{index}]/child" for index in range(3)]
    assert {one.parent_id for one in listed} == {"p"}
    assert await commander.list_missions(parent_id="p", status=MissionStatus.COMPLETED) == []
    assert await commander.list_missions(parent_id="p/all[0]/child") == []


async def test_inspections_link_both_ways(open_commander: OpenCommander) -> None:
    """The parent's names its children and how they ended; the child's names its parent."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    (record,) = (await mission.inspect()).children
    assert (record.event_name, record.mission_id, record.is_awaited) == ("child", "p/child", True)
    assert (record.status, record.ended_at) == ("running", None)
    assert "p/child" in str(await mission.inspect()).partition("\n")[0]
    child = await child_of(commander)
    assert (await child.inspect()).snapshot.parent_id == "p"
    assert "child of p" in str(await child.inspect()).partition("\n")[0]
    await child.signal(GO, "on")
    await mission.result()

    (record,) = (await mission.inspect()).children
    assert (record.status, record.ended_at is None) == ("completed", False)


async def test_child_comes_into_being_with_the_record_of_it(open_commander: OpenCommander) -> None:
    """One member of one batch carries both, so that no crash leaves one without the other."""
    kept = Kept(Watched)
    commander = await open_commander(wrap=kept)
    mission = await begun(commander, parent_of(patient))
    (starting,) = [one for one in kept.adapter.commits if one.children]

    assert starting.mission_id == "p"
    assert types_of(starting.records) == ["step-succeeded child", "child-started child"]
    (child,) = starting.children
    assert (child.mission_id, child.expected_version, child.is_awaited) == ("p/child", 0, True)
    assert types_of(child.records) == ["mission-created", "mission-started"]
    assert child.records[0].details["parent"] == "p"
    assert child.summary.parent_id == "p"
    (started,) = [record for record in await mission.history() if record.type == "child-started"]
    assert started.details["id"] == "p/child"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_commit_that_fails_writes_neither_or_both(open_commander: OpenCommander, when: Any) -> None:
    """Where storage fails as the child is started, it is started once, whether the commit took effect or not."""
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits={3}, when=when))
    runs: list[int] = []

    async def run(ctx: MissionContext[int]) -> int:
        runs.append(ctx.input)
        return ctx.input

    child = m.define("once").start(input=int, run=run).end()
    commander = await open_commander(wrap=kept)
    mission = await commander.start(parent_of(child), 4, mission_id="p", wait=False)

    assert await mission.output() == 4
    assert runs == [4]
    assert types_of(await mission.history()).count("child-started child") == 1


async def test_commit_that_fails_before_it_takes_effect_leaves_no_child(
    open_commander: OpenCommander, adapter_factory: Callable[[], PersistenceAdapter]
) -> None:
    """A process that dies there leaves a parent whose child is neither recorded nor there."""
    commander = await open_commander(wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda n: n >= 3))
    mission = await commander.start(parent_of(patient), 4, mission_id="p", wait=False)
    while "step-started child" not in types_of(await mission.history()):
        await asyncio.sleep(0)
    for _ in range(30):
        await asyncio.sleep(0)
    assert await commander.inspect_mission("p/child") is None
    assert "child-started child" not in types_of(await mission.history())
    await open_commander.crash()
    commander = await open_commander([parent_of(patient)])
    await commander.settled()

    assert await commander.inspect_mission("p/child") is not None


async def test_id_that_is_taken_fails_the_node(open_commander: OpenCommander) -> None:
    """By whatever mission; it is not retried, and that mission is left alone."""
    commander = await open_commander()
    other = await commander.start(patient, 1, mission_id="p/child")
    policy = RetryPolicy(max_attempts=5, initial_interval=0)
    mission = await commander.start(parent_of(quick, retry=policy), 4, mission_id="p", wait=False)
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert "'p/child'" in failure.message
    assert "taken" in failure.message
    assert (await mission.snapshot()).cursor == "child"
    assert len([one for one in (await mission.inspect()).step_attempts if one.step_name == "child"]) == 1
    assert (await other.status()) == "waiting"
    assert await commander.list_missions(parent_id="p") == []


async def test_id_that_is_taken_fails_its_item_alone(open_commander: OpenCommander) -> None:
    """Children of the others come into being as if nothing had happened."""
    path = m.path().mission("child", quick, nth)
    definition = m.define("parent").start(input=int, run=given).each("all", three, path, max_failures=1).end()
    commander = await open_commander()
    await commander.start(patient, 1, mission_id="p/all[1]/child")
    mission = await commander.start(definition, 1, mission_id="p", wait=False)

    assert (await mission.result()).status == "completed"
    children = await commander.list_missions(parent_id="p")
    assert [one.mission_id for one in children] == ["p/all[0]/child", "p/all[2]/child"]


async def test_ids_of_children_may_be_of_any_length(open_commander: OpenCommander) -> None:
    """Deep nesting makes them longer than any id that a caller may choose, and they work as all do."""
    definition: MissionDefinition[int] = patient
    for level in range(4):
        definition = m.define(f"level-{level}").start(input=int, run=given).mission("n" * 250, definition, given).end()
    commander = await open_commander([definition])
    mission = await begun(commander, definition)
    child_id = "p" + ("/" + "n" * 250) * 4
    child = await found(commander, child_id)
    assert (await child.snapshot()).parent_id == child_id.rpartition("/")[0]
    commander = await open_commander([definition])
    await (await found(commander, child_id)).signal(GO, "on")
    mission = await found(commander, "p")

    assert (await mission.output()) == "made"
    listed = await commander.list_missions(parent_id=child_id.rpartition("/")[0])
    assert [one.mission_id for one in listed] == [child_id]


async def test_registering_a_mission_registers_its_children(open_commander: OpenCommander) -> None:
    """Also those of its children; a child is started by a commander that was given the parent only."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", quick, given).end()
    commander = await open_commander([parent_of(middle)])

    assert await (await commander.start("parent", 4, wait=False)).output() == 8
    assert await (await commander.start("quick", 4, wait=False)).output() == 8


async def test_input_that_does_not_validate_fails_the_node(open_commander: OpenCommander) -> None:
    """It is not retried, code MISSION_PAYLOAD_ERROR, and there is no child."""
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .mission("child", quick, four, retry=RetryPolicy(max_attempts=3, initial_interval=0))
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 4, mission_id="p", wait=False)
    failure = await failure_of(mission)

    assert failure.code == "MISSION_PAYLOAD_ERROR"
    assert "child" in failure.message
    assert len([one for one in (await mission.inspect()).step_attempts if one.step_name == "child"]) == 1
    assert await commander.list_missions(parent_id="p") == []


async def test_input_has_the_retry_and_timeout_of_the_node(open_commander: OpenCommander) -> None:
    """They are for the code that computes it: the child is started once."""

    async def once_more(ctx: MissionContext[int]) -> int:
        if ctx.attempt == 1:
            raise ConnectionError("no answer")
        return ctx.attempt

    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .mission("child", quick, once_more, retry=RetryPolicy(max_attempts=2, initial_interval=0))
        .end()
    )
    commander = await open_commander()

    assert await (await commander.start(definition, 4, wait=False)).output() == 4


# The parent waits: rule 48


async def test_parent_waits_for_its_child(open_commander: OpenCommander) -> None:
    """The wait names it, is listed, and is no timer."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    snapshot = await mission.snapshot()

    wait = ChildWait(event_name="child", node_index=1, mission_id="p/child")
    assert (snapshot.status, snapshot.cursor, snapshot.waiting, snapshot.next_due) == ("waiting", "child", wait, None)
    assert [one.mission_id for one in await commander.list_missions(status=MissionStatus.WAITING)] == ["p", "p/child"]
    assert await commander.list_scheduled() == []
    with pytest.raises(MissionSignalError, match="waits for the child mission 'p/child'"):
        await mission.signal(GO, "on")


@pytest.mark.parametrize("nesting", ["one level", "three levels"])
async def test_parent_waits_without_a_slot(open_commander: OpenCommander, nesting: str) -> None:
    """With a bound of one the child runs all the same, and its children too: nothing waits for itself."""
    definition: MissionDefinition[int] = quick
    if nesting == "three levels":
        for level in range(2):
            path = m.path().mission("child", definition, nth)
            definition = m.define(f"level-{level}").start(input=int, run=given).each("all", three, path).end()
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(parent_of(definition), 4, mission_id="p", wait=False)

    assert (await mission.result()).status == "completed"
    others = [one async for one in commander.iter_missions()]
    assert {one.status for one in others} == {MissionStatus.COMPLETED}
    assert len(others) == (2 if nesting == "one level" else 1 + 1 + 3 + 9)


async def test_parent_waits_without_a_task(open_commander: OpenCommander) -> None:
    """However many there are: nothing runs for them, and nothing polls."""
    commander = await open_commander([parent_of(patient)])
    await commander.settled()
    before = len(asyncio.all_tasks())
    for number in range(50):
        await commander.start("parent", 1, mission_id=f"p-{number}")
    await commander.settled()

    assert len(asyncio.all_tasks()) == before


async def test_nothing_polls(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """While a parent waits, storage is neither read nor written, whatever time passes."""
    kept = Kept(Watched)
    commander = await open_commander(wrap=kept)
    mission = await commander.start(parent_of(patient), 1, mission_id="p")
    await commander.settled()
    before = (kept.adapter.reads, len(kept.adapter.commits))
    await fake_clock.advance(86_400 * 365)

    assert (kept.adapter.reads, len(kept.adapter.commits)) == before
    assert await mission.status() == "waiting"


async def test_clock_that_is_driven_treats_a_waiting_parent_as_at_rest(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Time moves on while a child sleeps, and its end wakes the parent at that instant."""
    sleeper = m.define("sleeper").start(input=int, run=given).sleep("nap", 3600).end()
    definition = m.define("parent").start(input=int, run=given).mission("child", sleeper, given).step("last", now).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await fake_clock.advance(7200)

    assert await mission.status() == "completed"
    assert await mission.output() == 3600


async def now(ctx: MissionContext[int]) -> float:
    return ctx.now().timestamp()


async def test_childs_end_wakes_a_parent_that_was_read_from_storage(open_commander: OpenCommander) -> None:
    """Neither is in memory in the new process; the signal brings the child there, and its end the parent."""
    definition = parent_of(patient)
    commander = await open_commander([definition])
    await begun(commander, definition)
    await open_commander.crash()
    commander = await open_commander([definition])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()

    assert await (await found(commander, "p")).status() == "completed"


async def test_end_of_a_child_that_its_parent_was_not_told_of(open_commander: OpenCommander) -> None:
    """The process dies with the end durable and the parent asleep: the next one tells it."""
    definition = parent_of(patient)
    kept = Kept(Gated)
    commander = await open_commander([definition], wrap=kept)
    await begun(commander, definition)
    child = await child_of(commander)
    signalling = asyncio.create_task(child.signal(GO, "on"))
    while await child.status() != "completed":
        kept.adapter.gate.set()
        await asyncio.sleep(0)
        kept.adapter.gate.clear()
    kept.adapter.gate.clear()
    await open_commander.crash()
    kept.adapter.gate.set()
    with contextlib.suppress(Exception):
        await signalling
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await found(commander, "p")).output() == "made"


def storages(kind: str, folder: Path) -> Callable[[], PersistenceAdapter]:
    """Return a function that gives new storages."""
    numbers = count()
    if kind == "memory":
        return create_in_memory_persistence_adapter
    return lambda: create_sqlite_persistence_adapter(folder / f"{next(numbers)}.db")


@pytest.fixture(params=["memory", "sqlite"])
def new_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], PersistenceAdapter]:
    """What gives new storages, of each kind."""
    return storages(request.param, tmp_path)


async def family_lives(life: Life) -> None:
    """Two children beside one another, one of which has a child, and one of which nobody waits for."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    paths = {"deep": m.path().mission("child", middle, given), "flat": m.path().mission("child", quick, given)}
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .parallel("both", paths)
        .mission("free", quick, given, wait=False)
        .step("last", lambda ctx: [ctx.output("both/deep/child"), ctx.output("both/flat/child"), ctx.output("free")])
        .end()
    )
    mission = await life.commander.start(definition, 4, mission_id="p", if_exists="return")
    await life.commander.settled()
    leaf = await life.commander.get_mission("p/both/deep/child/leaf")
    assert leaf is not None
    await life.signal(leaf, GO, "on")
    await life.commander.settled()
    assert await mission.output() == ["made", 8, "p/free"]


async def test_family_survives_a_crash_at_every_commit(new_storage: Callable[[], PersistenceAdapter]) -> None:
    """Whenever the process dies, each child is there once, and its parent is told of its end once."""
    report = await crash_everywhere(family_lives, new_storage=new_storage)

    assert len(report.crashes) >= 20


async def family_is_undone(life: Life) -> None:
    """A parent and its child have something to undo, and the parent fails beside it."""

    async def unmake(ctx: MissionContext[int]) -> str:
        return ctx.step_name

    child = m.define("child").start(input=int, run=given).step("make", make, undo=unmake).need_to("never", str).end()
    paths = {
        "child": m.path().step("make", make, undo=unmake).mission("child", child, given),
        "fails": m.path().need_to(GO).step("fail", fail),
    }
    definition = m.define("parent").start(input=int, run=given).parallel("both", paths).end()
    mission = await life.commander.start(definition, 4, mission_id="p", if_exists="return")
    await life.commander.settled()
    with contextlib.suppress(MissionSignalError):
        await mission.signal(GO, "on")
    with contextlib.suppress(MissionFailedError):
        await mission.output()
    await life.commander.settled()
    history = await mission.history()
    types = types_of(history)
    assert types[-1] == "mission-failed both/fails/fail"
    assert types.count("child-ended both/child/child") == 1
    child_history = await (await child_of(life.commander, "p/both/child/child")).history()
    assert types_of(child_history)[-1].startswith("mission-cancelled")
    assert child_history[-1].at <= history[-1].at


async def test_undoing_of_a_family_survives_a_crash_at_every_commit(
    new_storage: Callable[[], PersistenceAdapter],
) -> None:
    """The child is cancelled and undone before its parent is, whenever the process dies."""
    report = await crash_everywhere(family_is_undone, new_storage=new_storage)

    assert len(report.crashes) >= 20


async def family_is_cancelled(life: Life) -> None:
    """A parent without anything to undo is cancelled: what it waits for is cancelled behind it."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    mission = await life.commander.start(parent_of(middle), 4, mission_id="p", if_exists="return")
    await life.commander.settled()
    await mission.cancel("enough")
    await life.commander.settled()
    for mission_id in ("p", "p/child", "p/child/leaf"):
        assert await (await found(life.commander, mission_id)).status() == "cancelled"


async def test_cancelling_of_a_family_survives_a_crash_at_every_commit(
    new_storage: Callable[[], PersistenceAdapter],
) -> None:
    """No child is left behind that its parent waited for, whenever the process dies."""
    report = await crash_everywhere(family_is_cancelled, new_storage=new_storage)

    assert len(report.crashes) >= 12


async def test_parent_that_cannot_run_here_is_told_when_it_can(open_commander: OpenCommander) -> None:
    """A child ends while its parent's definition is not registered: registering it tells the parent."""
    definition = parent_of(patient)
    commander = await open_commander([definition])
    await begun(commander, definition)
    commander = await open_commander([patient])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()
    inspection = await commander.inspect_mission("p")
    assert inspection is not None
    assert inspection.snapshot.status == "waiting"
    commander.register(definition)
    await commander.settled()

    assert await (await found(commander, "p")).status() == "completed"


async def test_childs_end_is_told_once_storage_works_again(open_commander: OpenCommander) -> None:
    """The commit of what the end leads to fails: the parent is told all the same, without a restart."""
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=failing_once))
    fails: list[int] = []

    def failing_once(number: int) -> bool:
        return bool(fails) and number == fails[0]

    commander = await open_commander(wrap=kept)
    mission = await begun(commander, parent_of(patient))
    fails.append(kept.adapter.commits + 3)  # signal-received, step-succeeded, and then the parent's
    await (await child_of(commander)).signal(GO, "on")

    assert (await mission.result()).status == "completed"
    assert types_of(await mission.history()).count("child-ended child") == 1


@pytest.mark.parametrize(("when", "expected"), [("before", "waiting"), ("after", "cancelled")])
async def test_child_is_cancelled_where_the_commit_that_let_it_go_took_effect(
    open_commander: OpenCommander, when: Any, expected: str
) -> None:
    """Its answer was lost: what the commit did is found when the parent is read again, without a restart."""
    fails: list[int] = []
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda n: n in fails, when=when))
    paths = {"child": m.path().mission("child", patient, given), "other": m.path().need_to("other", int)}
    definition = m.define("parent").start(input=int, run=given).race("r", paths).need_to("end", int).end()
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    child = await child_of(commander, "p/r/child/child")
    fails.append(kept.adapter.commits + 1)
    with pytest.raises(PersistenceError):
        await mission.signal("other", 1)
    with contextlib.suppress(MissionSignalError):
        await mission.signal("end", 1)  # which has the parent read again
    await commander.settled()

    assert await child.status() == expected


async def test_child_that_somebody_asked_for_before_it_was_there(open_commander: OpenCommander) -> None:
    """A read of its id that is under way when it comes into being neither stops nor doubles it."""
    kept = Kept(Gated)
    gate = Gate()

    async def when_told(ctx: MissionContext[int]) -> int:
        await gate(ctx)
        return ctx.input

    definition = m.define("parent").start(input=int, run=given).mission("child", quick, when_told).end()
    commander = await open_commander(wrap=kept)
    mission = await commander.start(definition, 4, mission_id="p", wait=False)
    await gate.begun.wait()
    kept.adapter.read_gate.clear()
    asking = asyncio.create_task(commander.cancel_mission("p/child"))
    await kept.adapter.arrived.wait()
    gate.opened.set()
    while "child-started child" not in types_of(await mission_history(commander, kept.adapter, "p")):
        await asyncio.sleep(0)
    kept.adapter.read_gate.set()
    with contextlib.suppress(Exception):
        await asking

    assert (await asyncio.wait_for(mission.result(), 5)).status in ("completed", "failed")
    child = await child_of(commander)
    assert (await child.snapshot()).status.is_terminal


async def mission_history(commander: Commander, adapter: Forwarding, mission_id: str) -> Sequence[Any]:
    (outcome,) = await adapter.inner.load([mission_id])
    return outcome if isinstance(outcome, tuple) else ()


# How children end, and what that is to their parents


async def test_child_that_failed_fails_its_node(open_commander: OpenCommander) -> None:
    """Code CHILD_FAILED, with the child's id and message; it is not started again."""
    policy = RetryPolicy(max_attempts=3, initial_interval=0)
    commander = await open_commander()
    mission = await begun(commander, parent_of(failing, retry=policy))
    await (await child_of(commander)).signal(GO, "on")
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert failure.message == "child mission 'p/child': no"
    assert (await mission.snapshot()).cursor == "child"
    (ended,) = [record for record in await mission.history() if record.type == "child-ended"]
    assert (ended.details["id"], ended.details["status"]) == ("p/child", "failed")
    assert ended.details["error"]["message"] == "no"


async def test_child_that_somebody_cancelled_fails_its_node(open_commander: OpenCommander) -> None:
    """A person may cancel it as any mission."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    await (await child_of(commander)).cancel("wrong address")
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert "the mission was cancelled: wrong address" in failure.message


async def test_parent_of_a_failed_child_undoes_what_it_did(open_commander: OpenCommander) -> None:
    """The end of the child is on record once, and nothing waits for it again."""
    undo = Undos()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=undo).need_to(GO).step("f", fail).end()
    definition = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    await (await child_of(commander)).signal(GO, "on")
    failure = await failure_of(mission)

    assert failure.code == "CHILD_FAILED"
    assert undo.steps == ["p/child undo:make", "p undo:start"]
    types = types_of(await mission.history())
    assert types.count("child-ended child") == 1
    (record,) = [record for record in await mission.history() if record.type == "mission-undoing"]
    assert "children" not in record.details


async def test_grandchildren_fail_their_grandparents(open_commander: OpenCommander) -> None:
    """One after another, each with the message of the one below."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", failing, given).end()
    commander = await open_commander()
    mission = await begun(commander, parent_of(middle))
    await (await child_of(commander, "p/child/leaf")).signal(GO, "on")
    failure = await failure_of(mission)

    assert failure.message == "child mission 'p/child': child mission 'p/child/leaf': no"


# Cancelling, failing and stopping: rule 49


async def test_cancelling_the_parent_cancels_the_child(open_commander: OpenCommander) -> None:
    """And the child's children; all of that is durable."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    commander = await open_commander()
    mission = await begun(commander, parent_of(middle))
    assert (await mission.cancel("enough")).status == "cancelled"
    await commander.settled()

    for mission_id in ("p/child", "p/child/leaf"):
        snapshot = await (await found(commander, mission_id)).snapshot()
        assert snapshot.status == "cancelled"
    child = (await (await found(commander, "p/child")).snapshot()).error
    assert child is not None
    assert "'p'" in child.message
    assert await commander.list_missions(status=MissionStatus.WAITING) == []


async def test_cancelling_the_parent_takes_no_definitions(open_commander: OpenCommander) -> None:
    """Where nothing has to be undone, neither its own nor its children's."""
    middle = m.define("middle").start(input=int, run=given).mission("leaf", patient, given).end()
    commander = await open_commander()
    await begun(commander, parent_of(middle))
    commander = await open_commander()
    assert (await commander.cancel_mission("p")).status == "cancelled"
    await commander.settled()

    assert {one.status async for one in commander.iter_missions()} == {MissionStatus.CANCELLED}
    assert len(await commander.list_missions(status=MissionStatus.CANCELLED)) == 3


async def test_children_have_ended_before_their_parent_is_undone(open_commander: OpenCommander) -> None:
    """Their own undo included; the parent's history names whom it waits for, and their ends."""
    undo, gate = Undos(), Gate()

    async def slowly(ctx: MissionContext[int]) -> None:
        await gate(ctx)
        await undo(ctx)

    child = m.define("sub").start(input=int, run=given).step("make", make, undo=slowly).need_to(GO).end()
    path = m.path().mission("child", child, nth)
    definition = m.define("parent").start(input=int, run=given, undo=undo).each("all", three, path).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    await commander.inspect_mission("p")
    snapshot = await mission.snapshot()
    assert (snapshot.status, snapshot.cursor) == ("running", "undo:start")
    assert undo.steps == []
    gate.opened.set()
    assert (await cancelling).status == "cancelled"

    assert undo.steps[-1] == "p undo:start"
    assert sorted(undo.steps[:-1]) == [f"p/all[{index}]/child undo:make" for index in range(3)]
    (record,) = [record for record in await mission.history() if record.type == "mission-undoing"]
    assert sorted(record.details["children"]) == [f"p/all[{index}]/child" for index in range(3)]
    types = types_of(await mission.history())
    ends = [types.index(f"child-ended all[{index}]/child") for index in range(3)]
    assert types.index("mission-undoing") < min(ends)
    assert max(ends) < types.index("step-started undo:start")


async def test_failing_parent_cancels_its_children(open_commander: OpenCommander) -> None:
    """Of whatever path."""
    paths = {"child": m.path().mission("child", patient, given), "fails": m.path().need_to(GO).step("fail", fail)}
    definition = m.define("parent").start(input=int, run=given).parallel("both", paths).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    await mission.signal(GO, "on", wait=False)
    assert (await failure_of(mission)).message == "no"
    await commander.settled()

    assert await (await child_of(commander, "p/both/child/child")).status() == "cancelled"


async def test_stopping_a_path_cancels_its_child_and_does_not_wait_for_it(open_commander: OpenCommander) -> None:
    """The race is over when it is won; the child undoes what it did beside what follows."""
    gate = Gate()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=gate).need_to(GO).end()
    paths = {"child": m.path().mission("child", child, given), "wins": m.path().need_to("win", str)}
    definition = m.define("parent").start(input=int, run=given).race("first", paths).step("last", make).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    await mission.signal("win", "on")
    assert (await mission.result()).status == "completed"
    await gate.begun.wait()
    loser = await child_of(commander, "p/first/child/child")
    assert await loser.status() == "running"
    gate.opened.set()
    await loser.result()

    assert await loser.status() == "cancelled"
    assert not [record for record in await mission.history() if record.type == "child-ended"]


async def test_child_that_ended_as_its_path_was_stopped_is_no_problem(open_commander: OpenCommander) -> None:
    """Both at once: the race is won by one, and the other's end is nobody's business any more."""
    paths = {"a": m.path().mission("child", patient, given), "b": m.path().mission("child", patient, given)}
    definition = m.define("parent").start(input=int, run=given).race("first", paths).need_to("rest", str).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    children = [await child_of(commander, f"p/first/{name}/child") for name in "ab"]
    await asyncio.gather(*(child.signal(GO, "on") for child in children), return_exceptions=True)
    await commander.settled()

    assert (await mission.snapshot()).events["first"].output in ("a", "b")
    assert all([(await child.status()).is_terminal for child in children])
    await mission.signal("rest", "on")
    assert await mission.status() == "completed"


@pytest.mark.parametrize("how", ["cancelled", "failed", "stopped"])
async def test_children_that_nobody_waits_for_are_left_alone(open_commander: OpenCommander, how: str) -> None:
    """With `wait=False` the flow goes on at once, `ctx.output` is the id, and the child lives on by itself."""
    path = m.path().mission("free", patient, given, wait=False).step("know", lambda ctx: ctx.output("free"))
    paths = {"starts": path.need_to("never", str), "ends": m.path().need_to("end", str)}
    draft = m.define("parent").start(input=int, run=given).race("first", paths)
    definition = (draft.step("fail", fail) if how == "failed" else draft.need_to("rest", str)).end()
    commander = await open_commander()
    mission = await begun(commander, definition)
    assert (await mission.snapshot()).events["first/starts/know"].output == "p/first/starts/free"
    if how == "cancelled":
        await mission.cancel()
    else:
        await mission.signal("end", "on", wait=False)
    await commander.settled()
    assert await mission.status() == {"stopped": "waiting"}.get(how, how)
    child = await child_of(commander, "p/first/starts/free")
    assert await child.status() == "waiting"
    assert (await child.snapshot()).parent_id == "p"
    (record,) = (await mission.inspect()).children
    assert (record.is_awaited, record.status) == (False, "running")
    commander = await open_commander([definition])
    await commander.settled()
    child = await child_of(commander, "p/first/starts/free")
    await child.signal(GO, "on")

    assert await child.status() == "completed"


async def test_child_that_was_let_go_is_cancelled_after_a_crash(open_commander: OpenCommander) -> None:
    """The parent's end is durable, and its process dies before the child was told."""
    definition = parent_of(patient)
    kept = Kept(Gated)
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    cancelling = asyncio.create_task(mission.cancel())
    while await mission.status() != "cancelled":
        kept.adapter.gate.set()
        await asyncio.sleep(0)
        kept.adapter.gate.clear()
    await open_commander.crash()
    kept.adapter.gate.set()
    with contextlib.suppress(Exception):
        await cancelling
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await child_of(commander)).status() == "cancelled"


@pytest.mark.parametrize("has_undo", [False, True], ids=["without an undo", "with one"])
async def test_child_is_cancelled_once_storage_works_again(open_commander: OpenCommander, has_undo: bool) -> None:
    """A commit that fails as it is told to end leaves neither it running nor its parent waiting."""
    fails: list[int] = []

    def failing_once(number: int) -> bool:
        return number in fails

    undo = Undos()
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=failing_once))
    draft = m.define("parent").start(input=int, run=given, undo=undo if has_undo else None)
    commander = await open_commander(wrap=kept)
    mission = await begun(commander, draft.mission("child", patient, given).end())
    fails.append(kept.adapter.commits + 2)  # the parent's, and then the child's
    assert (await asyncio.wait_for(mission.cancel(), 5)).status == "cancelled"
    child = await child_of(commander)

    assert (await asyncio.wait_for(child.result(), 5)).status == "cancelled"
    assert undo.steps == (["p undo:start"] if has_undo else [])


async def test_parent_waits_with_undoing_for_a_child_that_cannot_be_cancelled_yet(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """A child with something to undo, and without its definition: a warning says so, and registering it helps."""
    undo = Undos()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=undo).need_to(GO).end()
    commander = await open_commander()
    before = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()
    await begun(commander, before)
    other = m.define("other").start(input=int, run=given).end()
    after = m.define("parent").start(input=int, run=given, undo=undo).mission("child", other, given).end()
    with caplog.at_level(logging.WARNING):
        commander = await open_commander([after])
        cancelling = asyncio.create_task((await found(commander, "p")).cancel("enough"))
        await asyncio.sleep(0)
        await commander.settled()
    assert not cancelling.done()
    assert undo.steps == []
    assert any("'p/child'" in line or "p/child" in line for line in caplog.messages)
    commander.register(child)

    assert (await asyncio.wait_for(cancelling, 5)).status == "cancelled"
    assert undo.steps == ["p/child undo:make", "p undo:start"]


async def test_child_that_was_let_go_and_cannot_be_cancelled_yet(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """Its parent has ended; a warning says that it stays, and it is cancelled when its definition is registered."""
    undo = Undos()
    child = m.define("sub").start(input=int, run=given).step("make", make, undo=undo).need_to(GO).end()
    commander = await open_commander()
    await begun(commander, parent_of(child))
    commander = await open_commander()
    with caplog.at_level(logging.WARNING):
        assert (await commander.cancel_mission("p")).status == "cancelled"
        await commander.settled()
    assert any("p/child, a child of p, was to be cancelled and cannot be" in line for line in caplog.messages)
    commander.register(child)
    await commander.settled()

    assert await (await child_of(commander)).status() == "cancelled"
    assert undo.steps == ["p/child undo:make"]


async def test_child_that_is_gone_counts_as_ended(open_commander: OpenCommander) -> None:
    """Somebody has deleted it from storage: its parent is undone all the same."""
    undo = Undos()

    class Without(Forwarding):
        is_gone = False

        async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
            found = await super().load(mission_ids)
            return [
                None if self.is_gone and one == "p/child" else it for one, it in zip(mission_ids, found, strict=True)
            ]

    definition = m.define("parent").start(input=int, run=given, undo=undo).mission("child", patient, given).end()
    commander = await open_commander([definition])
    await begun(commander, definition)
    kept = Kept(Without)
    commander = await open_commander([definition], wrap=kept)
    kept.adapter.is_gone = True

    assert (await asyncio.wait_for(commander.cancel_mission("p"), 5)).status == "cancelled"
    assert undo.steps == ["p undo:start"]


async def test_closing_while_a_child_cannot_be_cancelled_leaves_it_to_the_next_process(
    open_commander: OpenCommander,
) -> None:
    """It is a stray, and nothing tries again after the end."""
    fails: list[int] = []
    kept = Kept(lambda inner: FaultInjectingAdapter(inner, fail_commits=lambda n: bool(fails) and n >= fails[0]))
    definition = parent_of(patient)
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    fails.append(kept.adapter.commits + 2)
    await mission.cancel()
    while kept.adapter.commits < fails[0]:
        await asyncio.sleep(0)
    await commander.settled()
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await child_of(commander)).status() == "cancelled"


async def test_closing_while_children_are_cancelled_loses_nothing(open_commander: OpenCommander) -> None:
    """The next process goes on with the child's undo, and then with the parent's."""
    undo, gate = Undos(), Gate()

    async def slowly(ctx: MissionContext[int]) -> None:
        await gate(ctx)
        await undo(ctx)

    child = m.define("sub").start(input=int, run=given).step("make", make, undo=slowly).need_to(GO).end()
    definition = m.define("parent").start(input=int, run=given, undo=undo).mission("child", child, given).end()
    commander = await open_commander([definition])
    mission = await begun(commander, definition)
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await gate.begun.wait()
    gate.begun.clear()
    commander = await open_commander([definition])
    with contextlib.suppress(Exception):
        await cancelling
    await gate.begun.wait()
    assert undo.steps == []
    gate.opened.set()
    await (await found(commander, "p")).result()

    assert undo.steps == ["p/child undo:make", "p undo:start"]


# Children in constructs


async def test_children_in_every_construct(open_commander: OpenCommander) -> None:
    """Items, rounds, branches, paths and time-outs have children of their own, each under its instance's id."""
    definition = (
        m.define("parent")
        .start(input=int, run=given)
        .each("all", three, m.path().mission("child", quick, nth), max_concurrency=2)
        .parallel("both", {"a": m.path().mission("child", quick, given), "b": m.path()})
        .repeat("rounds", m.path().mission("child", quick, round_of), until=twice)
        .branch("kind", lambda ctx: "x", {"x": m.path().mission("child", quick, given)})
        .need_to(GO, timeout=0, on_timeout=m.path().mission("child", quick, given))
        .step("last", outputs)
        .end()
    )
    commander = await open_commander()
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert await mission.output() == [[20, 40, 60], 8, [0, 2], 8, 8]
    children = [one.mission_id.removeprefix("p/") for one in await commander.list_missions(parent_id="p")]
    assert children == [
        *(f"all[{index}]/child" for index in range(3)),
        "both/a/child",
        *(f"rounds[{index}]/child" for index in range(2)),
        "kind/x/child",
        "go/timeout/child",
    ]


async def outputs(ctx: MissionContext[int]) -> Any:
    return [
        [ctx.output(f"all[{index}]/child") for index in range(3)],
        ctx.output("both/a/child"),
        [ctx.output(f"rounds[{index}]/child") for index in range(2)],
        ctx.output("kind/x/child"),
        ctx.output("go/timeout/child"),
    ]


async def test_items_wait_for_their_children_as_for_anything(open_commander: OpenCommander) -> None:
    """With a bound of two, the third child is started when one has ended; its failure is that of its item."""
    path = m.path().mission("child", failing, nth)
    definition = (
        m.define("parent").start(input=int, run=given).each("all", three, path, max_concurrency=2, max_failures=1).end()
    )
    commander = await open_commander()
    mission = await begun(commander, definition)
    assert len(await commander.list_missions(parent_id="p")) == 2
    await (await child_of(commander, "p/all[0]/child")).signal(GO, "on")
    await commander.settled()
    assert len(await commander.list_missions(parent_id="p")) == 3
    await (await child_of(commander, "p/all[2]/child")).signal(GO, "on")
    failure = await failure_of(mission)
    await commander.settled()

    assert failure.code == "CHILD_FAILED"
    assert "p/all[2]/child" in failure.message
    assert await (await child_of(commander, "p/all[1]/child")).status() == "cancelled"


async def test_hundreds_of_children_at_once(open_commander: OpenCommander) -> None:
    """They come into being, run and end as fast as there are slots, and their parent goes on once."""

    async def many(ctx: MissionContext[int]) -> list[int]:
        return list(range(300))

    async def mine(ctx: MissionContext[int]) -> int:
        return ctx.item(many)

    path = m.path().mission("child", quick, mine)
    definition = m.define("parent").start(input=int, run=given).each("all", many, path).end()
    commander = await open_commander(max_concurrency=8)
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert (await mission.result()).status == "completed"
    types = types_of(await mission.history())
    assert sum(line.startswith("child-ended") for line in types) == 300


# Changed definitions, and the way of before: rule 50


async def test_parent_goes_on_under_a_changed_definition(open_commander: OpenCommander) -> None:
    """What follows the child is taken from the new one; the child keeps its id and is not started again."""
    before = parent_of(patient)
    after = m.define("parent").start(input=int, run=given).mission("child", patient, given).step("more", make).end()
    commander = await open_commander([before])
    await begun(commander, before)
    commander = await open_commander([after])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()

    assert "more" in (await (await found(commander, "p")).snapshot()).events
    assert len(await commander.list_missions(parent_id="p")) == 1


async def test_step_that_awaits_another_mission_stays_possible(open_commander: OpenCommander) -> None:
    """It starts a mission by hand, which is nobody's child."""

    async def by_hand(ctx: MissionContext[int]) -> Any:
        other = await commander.start(quick, ctx.input, mission_id="by-hand", if_exists="return", wait=False)
        return await other.output()

    definition = m.define("d").start(input=int, run=given).step("by-hand", by_hand).end()
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(definition, 4, mission_id="p", wait=False)

    assert await mission.output() == 8
    assert (await (await found(commander, "by-hand")).snapshot()).parent_id is None
