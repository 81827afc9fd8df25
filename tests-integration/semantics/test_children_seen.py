"""What is to be seen of a mission that waits for another one, and of what its code may do (rules 47 and 48)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from children import GO, begun, child_of, given, parent_of, patient, quick
from mission_control.core import (
    ChildWait,
    MissionContext,
    MissionDefinitionMismatchError,
    MissionNotFoundError,
    PersistenceAdapter,
    RetryPolicy,
    m,
)
from mission_control.core.storage.persistence import LoadOutcome
from mission_control.testing import FakeClock
from one_step import attempts_of, failure_of, found
from storages import Forwarding, Kept, OpenCommander, commits_pass


async def test_waiting_parent_is_listed_as_waiting_and_not_as_scheduled(open_commander: OpenCommander) -> None:
    """Its wait is for its child, on the main line and in a path, also in the next process."""
    path = m.path().mission("child", patient, given)
    definition = m.define("paths").start(input=int, run=given).parallel("all", {"one": path}).end()
    commander = await open_commander()
    await begun(commander, parent_of(patient))
    await commander.start(definition, 4, mission_id="q")
    for is_restarted in (False, True):
        if is_restarted:
            commander = await open_commander([definition, parent_of(patient)])
        await commander.settled()
        listed = {one.mission_id: one for one in await commander.list_waiting()}

        assert set(listed) == {"p", "p/child", "q", "q/all/one/child"}
        assert listed["p"].waiting == ChildWait(event_name="child", node_index=1, mission_id="p/child")
        wait = ChildWait(event_name="all/one/child", node_index=0, mission_id="q/all/one/child")
        assert listed["q"].waiting == listed["q"].next_wait == wait
        assert (listed["q"].cursor, listed["q"].next_due) == ("all", None)
        assert await commander.list_scheduled() == []
    (position,) = (await (await found(commander, "q")).snapshot()).positions
    assert (position.path, position.cursor, position.status) == ("all/one", "all/one/child", "waiting")


async def test_ends_of_children_are_on_record_with_what_came_out(open_commander: OpenCommander) -> None:
    """`child-started` has the id, and `child-ended` the status and the output beside it."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient))
    await (await child_of(commander)).signal(GO, "on")
    await mission.result()

    records = {record.type.value: record for record in await mission.history() if "child" in record.type.value}
    assert records["child-started"].details["id"] == "p/child"
    assert "wait" not in records["child-started"].details
    assert records["child-ended"].details == {"id": "p/child", "status": "completed", "output": "made"}


async def test_input_has_the_timeout_of_the_node(open_commander: OpenCommander) -> None:
    """It holds for the code that computes the input, not for the child."""

    async def never(ctx: MissionContext[int]) -> int:
        await asyncio.Event().wait()
        return 1

    clock = FakeClock(hang_patience=0.02)
    policy = RetryPolicy(max_attempts=2, initial_interval=0)
    definition = (
        m.define("slow").start(input=int, run=given).mission("child", quick, never, timeout=30, retry=policy).end()
    )
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 4, mission_id="s", wait=False)
    await clock.advance(100)

    assert (await failure_of(mission)).code == "STEP_TIMEOUT"
    assert [one.status for one in await attempts_of(mission, "child")] == ["failed", "failed"]
    assert await commander.inspect_mission("s/child") is None


async def test_child_may_take_longer_than_the_timeout_of_the_node(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The parent waits for as long as it takes."""
    commander = await open_commander()
    mission = await begun(commander, parent_of(patient, timeout=30))
    await fake_clock.advance(3600)
    assert await mission.status() == "waiting"
    await (await child_of(commander)).signal(GO, "on")

    assert await mission.output() == "made"


async def test_parent_that_does_not_fit_its_definition_is_told_when_it_does(open_commander: OpenCommander) -> None:
    """The child ends while the node that its parent stands on is gone: a later process with that node tells it."""
    definition = parent_of(patient)
    other = m.define("parent").start(input=int, run=given).mission("other", patient, given).end()
    commander = await open_commander([definition])
    await begun(commander, definition)
    commander = await open_commander([other])
    await (await child_of(commander)).signal(GO, "on")
    await commander.settled()
    with pytest.raises(MissionDefinitionMismatchError, match="'child'"):
        await (await found(commander, "p")).signal(GO, "on")
    assert await commander.inspect_mission("p/other") is None
    commander = await open_commander([definition])
    await commander.settled()

    assert await (await found(commander, "p")).output() == "made"


@pytest.mark.parametrize("wait", [True, False])
async def test_nothing_is_left_to_be_done_about_a_family_that_has_ended(
    open_commander: OpenCommander, wait: bool
) -> None:
    """No process reads it again: neither a child whose end is on record, nor one that nobody waits for."""
    kept = Kept(Forwarding)
    definition = parent_of(patient, wait=wait)
    commander = await open_commander([definition], wrap=kept)
    mission = await begun(commander, definition)
    child = await child_of(commander)
    (created, *_) = await child.history()
    assert created.details.get("awaited") == (True if wait else None)
    await child.signal(GO, "on")
    await commander.settled()

    assert (await mission.status(), await child.status()) == ("completed", "completed")
    assert list(await kept.adapter.list_strays(limit=9)) == []
    assert list(await kept.adapter.list_interrupted(limit=9)) == []


class LateAnswers(Forwarding):
    """Storage whose answers to reads come late, while the gate is closed: what they say was true before."""

    def __init__(self, inner: PersistenceAdapter) -> None:
        super().__init__(inner)
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers = asyncio.Event()

    async def load(self, mission_ids: Sequence[str], /) -> Sequence[LoadOutcome]:
        read = await super().load(mission_ids)
        self.answers.set()
        await self.gate.wait()
        return read


async def test_child_whose_id_was_just_said_to_be_free(open_commander: OpenCommander) -> None:
    """Who asked for it before it was there is told so, behind its beginning; it goes on all the same."""
    kept = Kept(LateAnswers)
    told = asyncio.Event()

    async def when_told(ctx: MissionContext[int]) -> int:
        await told.wait()
        return ctx.input

    definition = m.define("parent").start(input=int, run=given).mission("child", quick, when_told).end()
    commander = await open_commander([definition], wrap=kept)
    await commander.settled()
    mission = await commander.start(definition, 4, mission_id="p", wait=False)
    kept.adapter.gate.clear()
    asking = asyncio.create_task(commander.cancel_mission("p/child"))
    await kept.adapter.answers.wait()
    told.set()
    while await kept.adapter.load_summary("p/child") is None:
        await asyncio.sleep(0)
    await commits_pass(commander)
    kept.adapter.gate.set()

    with pytest.raises(MissionNotFoundError):
        await asking
    assert await asyncio.wait_for(mission.output(), 30) == 8
    assert (await attempts_of(await child_of(commander), "double"))[0].status == "succeeded"
