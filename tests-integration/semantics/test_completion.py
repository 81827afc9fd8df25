"""Waiting for a mission's end: `result`, `output` and `wait_for_completion` (rule 19)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mission_control.core import (
    Commander,
    MissionCancelledError,
    MissionContext,
    MissionDefinition,
    MissionFailedError,
    MissionHandle,
    MissionSummary,
    PersistenceAdapter,
    m,
)
from mission_control.core.engine import ends
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit
from storages import Forwarding, Gate, Kept, OpenCommander


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise LookupError("nothing there")


ENDS: dict[str, MissionDefinition[int]] = {
    "completed": m.define("completed").start(input=int, run=begin).need_to("go", str).step("last", begin).end(),
    "failed": m.define("failed").start(input=int, run=begin).need_to("go", str).step("last", fail).end(),
    "cancelled": m.define("cancelled").start(input=int, run=begin).need_to("go", str).end(),
}
DEFINITIONS = list(ENDS.values())


async def bring_to_its_end(mission: MissionHandle[Any], end: str) -> None:
    if end == "cancelled":
        await mission.cancel("enough")
    else:
        await mission.signal("go", "on")


async def handle(commander: Commander, mission_id: str) -> MissionHandle[Any]:
    found = await commander.get_mission(mission_id)
    assert found is not None
    return found


async def check(mission: MissionHandle[Any], end: str) -> None:
    """Check all three methods on a mission that has ended, or is about to."""
    result = asyncio.create_task(mission.result())
    completion = asyncio.create_task(mission.wait_for_completion())
    output = asyncio.create_task(mission.output())
    await asyncio.wait([result, completion, output], timeout=5)

    snapshot = result.result()
    assert snapshot.status == end
    if end == "completed":
        assert (completion.result(), output.result(), snapshot.output) == (snapshot, 7, 7)
    elif end == "failed":
        for task in (completion, output):
            error = task.exception()
            assert isinstance(error, MissionFailedError)
            assert (error.snapshot, error.failure) == (snapshot, snapshot.error)
            assert "nothing there" in str(error)
            assert mission.mission_id in str(error)
    else:
        assert completion.result() == snapshot
        error = output.exception()
        assert isinstance(error, MissionCancelledError)
        assert (error.snapshot, error.failure) == (snapshot, snapshot.error)
        assert "enough" in str(error)


@pytest.mark.parametrize("end", list(ENDS))
async def test_those_who_wait_are_told_when_the_mission_ends(open_commander: OpenCommander, end: str) -> None:
    """All three methods, called while the mission waits, return or raise when it ends."""
    commander = await open_commander()
    mission = await commander.start(ENDS[end], 7)
    checking = asyncio.create_task(check(mission, end))
    await asyncio.sleep(0)
    await bring_to_its_end(mission, end)

    await checking


@pytest.mark.parametrize("end", list(ENDS))
async def test_those_who_ask_later_are_told_at_once(open_commander: OpenCommander, end: str) -> None:
    """All three methods, called on a mission that has ended, return or raise at once, again and again."""
    commander = await open_commander()
    mission = await commander.start(ENDS[end], 7)
    await bring_to_its_end(mission, end)

    await check(mission, end)
    await check(mission, end)


@pytest.mark.parametrize("end", list(ENDS))
async def test_missions_that_ended_in_an_earlier_process_are_told_of(open_commander: OpenCommander, end: str) -> None:
    """All three methods work on a mission that was over before this commander opened."""
    commander = await open_commander()
    mission = await commander.start(ENDS[end], 7, mission_id="over")
    await bring_to_its_end(mission, end)
    await open_commander.crash()
    commander = await open_commander(DEFINITIONS)

    await check(await handle(commander, "over"), end)


@pytest.mark.parametrize("end", list(ENDS))
async def test_missions_that_end_after_a_restart_are_told_of(open_commander: OpenCommander, end: str) -> None:
    """All three methods, called after a restart, return or raise when the mission ends then."""
    commander = await open_commander()
    await commander.start(ENDS[end], 7, mission_id="later")
    await open_commander.crash()
    commander = await open_commander(DEFINITIONS)
    mission = await handle(commander, "later")
    checking = asyncio.create_task(check(mission, end))
    await asyncio.sleep(0)
    await bring_to_its_end(await handle(commander, "later"), end)

    await checking


async def test_idle_handle_waits_for_the_end_of_a_mission_that_is_still_to_start(open_commander: OpenCommander) -> None:
    """`result` of an idle handle waits; it is told when the mission, started later, ends."""
    definition = ENDS["completed"]
    commander = await open_commander()
    mission = commander.create_mission(definition)
    checking = asyncio.create_task(check(mission, "completed"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not checking.done()
    await mission.start(7)
    await mission.signal("go", "on")

    await checking


async def test_handle_of_an_id_that_somebody_else_starts_is_told(open_commander: OpenCommander) -> None:
    """Waiting is for the id: it does not matter which handle the mission was started by."""
    definition = m.define("d").start(input=int, run=begin).end()
    commander = await open_commander()
    idle = commander.create_mission(definition, mission_id="mine")
    waiting = asyncio.create_task(idle.result())
    await asyncio.sleep(0)
    await commander.start(definition, 7, mission_id="mine")

    async with asyncio.timeout(30):
        assert (await waiting).status == "completed"


async def test_cause_of_a_failure_here_is_the_steps_exception(open_commander: OpenCommander) -> None:
    """A failure in this process has the exception itself as its cause; one of an earlier process has none."""
    commander = await open_commander()
    mission = await commander.start(ENDS["failed"], 7, mission_id="failed")
    await mission.signal("go", "on")
    with pytest.raises(MissionFailedError) as caught:
        await mission.output()
    assert isinstance(caught.value.__cause__, LookupError)
    commander = await open_commander(DEFINITIONS)
    with pytest.raises(MissionFailedError) as caught:
        await (await handle(commander, "failed")).output()

    assert caught.value.__cause__ is None


async def test_causes_of_long_ago_are_forgotten(open_commander: OpenCommander, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commander keeps the exceptions of the latest failures only; the error's record stays."""
    monkeypatch.setattr(ends, "_MOST_CAUSES", 1)
    commander = await open_commander(DEFINITIONS)
    first = await commander.start(ENDS["failed"], 7)
    second = await commander.start(ENDS["failed"], 7)
    causes: list[BaseException | None] = []
    for mission in (first, second):
        await bring_to_its_end(mission, "failed")
    for mission in (first, second):
        with pytest.raises(MissionFailedError, match="nothing there") as caught:
            await mission.wait_for_completion()
        causes.append(caught.value.__cause__)

    assert [type(cause) for cause in causes] == [type(None), LookupError]


async def test_cancelling_one_who_waits_neither_ends_the_mission_nor_the_others_wait(
    open_commander: OpenCommander,
) -> None:
    """A waiter with a time-out of its own goes away alone."""
    gate = Gate()
    definition = m.define("d").start(input=int, run=gate).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    staying = asyncio.create_task(mission.result())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mission.result(), 0.01)
    gate.opened.set()

    assert (await staying).status == "completed"


async def test_many_who_wait_are_all_told(open_commander: OpenCommander) -> None:
    """A thousand waiters of one mission get the same end."""
    commander = await open_commander()
    mission = await commander.start(ENDS["completed"], 7)
    waiting = [asyncio.create_task(mission.output()) for _ in range(1000)]
    await asyncio.sleep(0)
    await mission.signal("go", "on")

    assert set(await asyncio.gather(*waiting)) == {7}


async def test_end_and_question_at_the_same_moment(open_commander: OpenCommander) -> None:
    """Whenever the question comes, before, at or after the end, it is answered."""
    definition = m.define("d").start(input=int, run=begin).step("last", begin).end()
    commander = await open_commander()
    for delay in range(40):
        mission = await commander.start(definition, 7, wait=False)
        for _ in range(delay):
            await asyncio.sleep(0)
        async with asyncio.timeout(30):
            assert await mission.output() == 7


async def test_output_of_a_mission_whose_last_step_returns_nothing_is_none(open_commander: OpenCommander) -> None:
    """`output` is the last step's, not the last that was not None."""

    async def nothing(ctx: MissionContext[int]) -> None:
        return None

    definition = m.define("d").start(input=int, run=begin).step("last", nothing).sleep("nap", 0).end()
    commander = await open_commander()
    mission = await commander.start(definition, 7)

    assert await mission.output() is None


async def test_what_callers_get_is_theirs_to_change(open_commander: OpenCommander) -> None:
    """Changing a snapshot's payloads changes nobody else's."""

    async def payload(ctx: MissionContext[int]) -> dict[str, list[int]]:
        return {"list": [1]}

    definition = m.define("d").start(input=int, run=payload).end()
    commander = await open_commander()
    mission = await commander.start(definition, 7)
    output = await mission.output()
    output["list"].append(2)
    snapshot = await mission.result()
    snapshot.output["list"].append(3)

    assert await mission.output() == {"list": [1]}


class Untold(Forwarding):
    """Storage in which a commit is done some time before the engine is told, and is seen there by who looks."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.is_ahead = False
        self.asked = asyncio.Event()
        self.done = asyncio.Event()
        self.told = asyncio.Event()

    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        outcomes = await super().commit(batch)
        if self.is_ahead:
            self.done.set()
            await self.told.wait()
        return outcomes

    async def load_summary(self, mission_id: str, /) -> MissionSummary | None:
        if self.is_ahead:
            self.asked.set()
            await self.done.wait()
        return await super().load_summary(mission_id)


@pytest.mark.usefixtures("endless_grace")
async def test_end_that_storage_knows_first_is_waited_for(open_commander: OpenCommander) -> None:
    """The state that is handed out is that of the end, also where the memory is a commit behind."""
    commander = await open_commander(DEFINITIONS)
    await commander.start(ENDS["cancelled"], 5, mission_id="x", wait=False)
    await commander.settled()
    untold = Kept(Untold)
    mission = await handle(await open_commander(DEFINITIONS, wrap=untold), "x")  # which is in no memory
    untold.adapter.is_ahead = True

    result = asyncio.create_task(mission.result())
    await untold.adapter.asked.wait()
    cancelling = asyncio.create_task(mission.cancel("enough"))
    await untold.adapter.done.wait()
    await asyncio.sleep(0.05)  # for the answer of the look into storage
    assert not result.done()
    untold.adapter.told.set()

    async with asyncio.timeout(30):
        assert (await result).status == "cancelled"
        await cancelling
