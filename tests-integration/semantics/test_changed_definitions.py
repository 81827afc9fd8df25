"""Definitions that change while their missions are in flight (rule 22)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import define

from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionExecutionError,
    MissionFailedError,
    MissionHandle,
    MissionValidationError,
    RetryPolicy,
    m,
)
from mission_control.testing import FakeClock
from storages import Gate, OpenCommander

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Definition = MissionDefinition[int]


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def one(ctx: MissionContext[int]) -> str:
    return "one"


async def two(ctx: MissionContext[int]) -> str:
    return "two"


def start() -> Any:
    return m.define("d").start(input=int, run=begin)


async def handle(commander: Commander, mission_id: str = "mine") -> MissionHandle[Any]:
    found = await commander.get_mission(mission_id)
    assert found is not None
    return found


async def restart(open_commander: OpenCommander, before: Definition, after: Definition) -> MissionHandle[Any]:
    """Start a mission under one definition, and return its handle under another."""
    commander = await open_commander([before])
    await commander.start(before, 7, mission_id="mine")
    await open_commander.crash()
    commander = await open_commander([after])
    await commander.settled()
    return await handle(commander)


BEFORE: Definition = start().step("one", one).need_to("go", str, timeout=60).step("two", two).end()


async def completed(mission: MissionHandle[Any]) -> list[str]:
    """Signal the mission, and return the names of its steps when it has completed."""
    await mission.signal("go", "on")
    assert (await mission.result()).status == "completed"
    return [attempt.step_name for attempt in (await mission.inspect()).step_attempts]


@pytest.mark.parametrize(
    ("after", "steps"),
    [
        pytest.param(
            start().step("one", one).need_to("go", str).step("new", one).step("two", two).end(),
            ["start", "one", "new", "two"],
            id="a step added ahead",
        ),
        pytest.param(start().step("one", one).need_to("go", str).end(), ["start", "one"], id="a step removed ahead"),
        pytest.param(
            start().step("one", one).need_to("go", str).step("zwei", two).end(),
            ["start", "one", "zwei"],
            id="a step renamed ahead",
        ),
        pytest.param(
            start().step("one", one).need_to("go", str).sleep("two", 0).step("last", two).end(),
            ["start", "one", "last"],
            id="a kind changed ahead",
        ),
        pytest.param(
            start().step("new", one).step("one", one).need_to("go", str).step("two", two).end(),
            ["start", "one", "two"],
            id="a step added behind",
        ),
        pytest.param(
            start().need_to("go", str).step("two", two).end(), ["start", "one", "two"], id="one removed behind"
        ),
        pytest.param(
            start().step("eins", one).need_to("go", str).step("two", two).end(),
            ["start", "one", "two"],
            id="a step renamed behind",
        ),
        pytest.param(
            start().sleep("one", 5).need_to("go", str).step("two", two).end(),
            ["start", "one", "two"],
            id="a kind changed behind",
        ),
    ],
)
async def test_no_edit_elsewhere_strands_a_mission(
    open_commander: OpenCommander, after: Definition, steps: list[str]
) -> None:
    """A mission whose own node stays goes on: what lies ahead is the new definition's, what lies behind is history."""
    mission = await restart(open_commander, BEFORE, after)

    assert await completed(mission) == steps


STRANDING = [
    pytest.param(start().step("one", one).step("two", two).end(), "'go'", id="its node is gone"),
    pytest.param(start().step("one", one).need_to("come", str).end(), "'go'", id="its node is renamed"),
    pytest.param(start().step("one", one).step("go", two).end(), "'go'", id="its node is a step now"),
    pytest.param(start().step("one", one).sleep("go", 5).end(), "'go'", id="its node is a sleep now"),
    pytest.param(start().need_to("go", str).step("one", one).end(), "'one'", id="a node ahead has run already"),
]


@pytest.mark.parametrize(("after", "node"), STRANDING)
async def test_mission_whose_place_is_gone_is_not_touched_and_resumes_under_a_matching_definition(
    open_commander: OpenCommander, fake_clock: FakeClock, after: Definition, node: str
) -> None:
    """Its handle is returned, what needs the definition is refused with the node's name, and nothing is written."""
    mission = await restart(open_commander, BEFORE, after)
    history = await mission.history()
    with pytest.raises(MissionDefinitionMismatchError, match=node) as caught:
        await mission.signal("go", "on")
    assert "mine" in str(caught.value)
    assert "register" in str(caught.value)
    assert await mission.status() == "waiting"
    await fake_clock.advance(3600)
    assert await mission.history() == history

    commander = await open_commander([BEFORE])
    await commander.settled()
    snapshot = await (await handle(commander)).result()
    assert snapshot.error is not None
    assert snapshot.error.code == "SIGNAL_TIMEOUT"


async def test_stranded_mission_does_not_hold_up_those_that_wait_for_its_result(open_commander: OpenCommander) -> None:
    """Waiting for a stranded mission's end is no error, and the wait is over when it is cancelled."""
    mission = await restart(open_commander, BEFORE, start().end())
    waiting = asyncio.create_task(mission.result())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await mission.cancel()

    assert (await waiting).status == "cancelled"


async def test_interrupted_step_whose_node_is_gone_is_not_touched(open_commander: OpenCommander) -> None:
    """An attempt that was running when its process ended stays on record until a definition has its step again."""
    gate = Gate()
    before: Definition = start().step("gate", gate).end()
    after: Definition = start().step("other", one).end()
    commander = await open_commander([before])
    await commander.start(before, 7, mission_id="mine", wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    commander = await open_commander([after])
    await commander.settled()
    mission = await handle(commander)
    assert [record.type.value for record in await mission.history()][-1] == "step-started"
    gate.opened.set()
    commander = await open_commander([before])
    await commander.settled()

    assert (await (await handle(commander)).result()).status == "completed"


async def test_interrupted_step_goes_on_with_its_new_code_and_policy(open_commander: OpenCommander) -> None:
    """The step that was running runs as the new definition has it."""
    gate = Gate()

    async def better(ctx: MissionContext[int]) -> str:
        return f"better {ctx.attempt}"

    before: Definition = start().step("work", gate).end()
    after: Definition = start().step("work", better).end()
    commander = await open_commander([before])
    await commander.start(before, 7, mission_id="mine", wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    gate.opened.set()
    commander = await open_commander([after])

    assert await (await handle(commander)).output() == "better 2"


# What was fixed when a wait began, and what was not


async def test_deadline_stays_and_schema_and_message_are_the_new_definitions(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A signal's deadline is that of the definition under which the wait began; its schema and message are today's."""
    after: Definition = (
        start().step("one", one).need_to("go", int, timeout=5, timeout_message="too late, says today").end()
    )
    mission = await restart(open_commander, BEFORE, after)
    with pytest.raises(MissionValidationError):
        await mission.signal("go", "on")
    await fake_clock.advance(59)
    assert await mission.status() == "waiting"
    await fake_clock.advance(1)

    with pytest.raises(MissionFailedError, match="too late, says today"):
        await mission.output()


async def test_due_time_of_a_sleep_stays(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A sleep that is shorter now still ends when it was to end."""
    mission = await restart(open_commander, start().sleep("nap", 60).end(), start().sleep("nap", 5).end())
    await fake_clock.advance(59)
    assert await mission.status() == "waiting"
    await fake_clock.advance(1)

    assert await mission.status() == "completed"


async def test_retry_that_was_promised_is_kept_and_the_policy_after_it_is_new(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The attempt that was promised is made when it was promised, although the new policy would not; then it counts."""
    attempts: list[int] = []

    async def fail(ctx: MissionContext[int]) -> None:
        attempts.append(ctx.attempt)
        raise ValueError("no")

    before: Definition = start().step("try", fail, retry=RetryPolicy(max_attempts=9, initial_interval=60)).end()
    after: Definition = start().step("try", fail).end()
    mission = await restart(open_commander, before, after)
    waiting = (await mission.snapshot()).waiting
    assert waiting is not None
    assert waiting.kind == "retry"
    assert (waiting.due_at, waiting.attempt_number) == (EPOCH + timedelta(seconds=60), 2)
    await fake_clock.advance(60)

    assert await mission.status() == "failed"
    assert attempts == [1, 2]


async def test_timeout_of_a_step_that_runs_again_is_the_new_definitions(open_commander: OpenCommander) -> None:
    """A policy takes effect with the next attempt."""
    clock = FakeClock(hang_patience=0.02)
    gate = Gate()
    before: Definition = start().step("hang", gate).end()
    after: Definition = start().step("hang", gate, timeout=5).end()
    commander = await open_commander([before], clock=clock)
    await commander.start(before, 7, mission_id="mine", wait=False)
    await gate.begun.wait()
    await open_commander.crash()
    gate.begun.clear()
    clock = FakeClock(hang_patience=0.02)
    commander = await open_commander([after], clock=clock)
    await gate.begun.wait()
    await clock.advance(6)

    snapshot = await (await handle(commander)).result()
    assert snapshot.error is not None
    assert snapshot.error.code == "STEP_TIMEOUT"


# What is recorded


async def test_recorded_outputs_stay_readable_by_name(open_commander: OpenCommander) -> None:
    """Outputs of steps that were renamed or removed behind the mission's place can still be had by name."""

    async def last(ctx: MissionContext[int]) -> list[Any]:
        return [ctx.output("one"), ctx.output("start")]

    after: Definition = start().need_to("go", str).step("last", last).end()
    mission = await restart(open_commander, BEFORE, after)
    await mission.signal("go", "on")

    assert await mission.output() == ["one", 7]


@pytest.mark.parametrize("with_default", [True, False])
async def test_output_of_a_node_that_was_added_behind_fails_without_retry_unless_there_is_a_default(
    open_commander: OpenCommander, with_default: bool
) -> None:
    """A step that asks for what was never recorded fails its mission at once, or gets the default."""
    runs: list[int] = []

    async def last(ctx: MissionContext[int]) -> str:
        runs.append(ctx.attempt)
        return ctx.output(two, default="none") if with_default else ctx.output(two)

    policy = RetryPolicy(max_attempts=5)
    after: Definition = start().step("added", two).need_to("go", str).step("last", last, retry=policy).end()
    before: Definition = start().need_to("go", str).step("last", last, retry=policy).end()
    mission = await restart(open_commander, before, after)
    await mission.signal("go", "on", wait=False)
    snapshot = await mission.result()

    assert runs == [1]
    if with_default:
        assert snapshot.output == "none"
    else:
        assert snapshot.error is not None
        assert snapshot.status == "failed"
        assert "'added'" in snapshot.error.message


@define
class Old:
    name: str
    extra: int = 0


@define
class New:
    name: str
    added: str = "default"


@define
class Unfit:
    name: int


async def old(ctx: MissionContext[int]) -> Old:
    return Old("x", 1)


async def test_output_type_may_lose_fields_and_gain_ones_with_defaults(open_commander: OpenCommander) -> None:
    """Restoring ignores unknown fields and applies defaults."""

    async def new(ctx: MissionContext[int]) -> New:
        return New("never")

    async def last(ctx: MissionContext[int]) -> list[str]:
        restored = ctx.output(new)
        return [restored.name, restored.added]

    before: Definition = start().step("s", old).need_to("go", str).end()
    after: Definition = start().step("s", new).need_to("go", str).step("last", last).end()
    mission = await restart(open_commander, before, after)
    await mission.signal("go", "on")

    assert await mission.output() == ["x", "default"]


async def test_output_that_no_longer_fits_its_type_leaves_the_mission_as_it_is(
    open_commander: OpenCommander,
) -> None:
    """A stored value that today's type does not read is a mismatch that names event and field."""

    async def unfit(ctx: MissionContext[int]) -> Unfit:
        return Unfit(1)

    before: Definition = start().step("s", old).need_to("go", str).end()
    after: Definition = start().step("s", unfit).need_to("go", str).end()
    mission = await restart(open_commander, before, after)
    history = await mission.history()
    with pytest.raises(MissionDefinitionMismatchError, match=r"(?s)'s'.*\$\.name"):
        await mission.signal("go", "on")

    assert await mission.history() == history


async def test_query_of_a_query_that_was_added_works(open_commander: OpenCommander) -> None:
    """Queries and updates are today's definition's."""
    after: Definition = (
        m.define("d").query("new", lambda ctx: ctx.output("one")).start(input=int, run=begin).need_to("go", str).end()
    )
    mission = await restart(open_commander, BEFORE, after)

    assert await mission.query("new") == "one"
    with pytest.raises(MissionExecutionError, match="'new'"):
        await mission.query("old")


# Fingerprints (rule 31)


async def test_definition_last_run_is_that_of_the_last_step_begun(open_commander: OpenCommander) -> None:
    """A mission names the definition it was created with and the one it last ran under; both are stored."""
    after: Definition = start().step("one", one).need_to("go", str, timeout=60).step("two", two).step("more", two).end()
    mission = await restart(open_commander, BEFORE, after)
    waiting = await mission.snapshot()
    assert waiting.definition_created_with == waiting.definition_last_run == BEFORE.fingerprint
    await mission.signal("go", "on")
    done = await mission.result()
    assert (done.definition_created_with, done.definition_last_run) == (BEFORE.fingerprint, after.fingerprint)
    started = [r for r in await mission.history() if r.type == "step-started"]
    assert [r.details.get("definition") for r in started] == [None, None, after.fingerprint, None]

    commander = await open_commander([])
    assert await commander.load_definition(BEFORE.fingerprint) == BEFORE.to_static()
    assert await commander.load_definition(after.fingerprint) == after.to_static()
    assert await commander.load_definition("unheard of") is None


async def test_definition_that_did_not_run_anything_is_not_the_last_run(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A mission whose wait merely ends under a new definition has not run under it."""
    after: Definition = start().step("one", one).need_to("go", str).end()
    mission = await restart(open_commander, BEFORE, after)
    await mission.signal("go", "on")

    assert (await mission.result()).definition_last_run == BEFORE.fingerprint


async def test_definitions_change_again_and_again(open_commander: OpenCommander) -> None:
    """A mission that lives through ten releases runs each step once, under the release of its time."""
    names = [f"wait-{number}" for number in range(10)]

    def release(number: int) -> Definition:
        builder = start()
        for name in names[number : number + 2]:
            builder = builder.need_to(name, int)
            builder = builder.step(f"after-{name}", begin)
        built: Definition = builder.end()
        return built

    commander = await open_commander([release(0)])
    await commander.start("d", 7, mission_id="mine")
    for number in range(9):
        commander = await open_commander([release(number)])
        await (await handle(commander)).signal(names[number], number)
    commander = await open_commander([release(9)])
    mission = await handle(commander)
    await mission.signal(names[9], 9)

    snapshot = await mission.result()
    assert snapshot.status == "completed"
    assert [attempt.step_name for attempt in (await mission.inspect()).step_attempts] == [
        "start",
        *(f"after-{name}" for name in names),
    ]
