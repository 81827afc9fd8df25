"""What an operator of another process asks is done once, whatever fails or dies between its coming and its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import attrs
import pytest

from faulty_mailbox import Failing, Faulty
from mission_control.core import (
    Commander,
    HistoryType,
    MissionContext,
    MissionStatus,
    PersistenceAdapter,
    RetryPolicy,
    m,
)
from mission_control.core.storage import (
    ChangeRequest,
    ImportRequest,
    OperatorRequest,
    PauseRequest,
    PurgeRequest,
    ReopenRequest,
    ResumeRequest,
    SkipRequest,
    WakeRequest,
)
from mission_control.testing import FakeClock, FaultInjectingAdapter
from sending import Sender, code, start
from storages import OpenCommander

T = HistoryType


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> int:
    raise ValueError("no")


nap = m.define("nap").start(input=int, run=begin).sleep("first", 3600).sleep("second", 3600).end()
failing = m.define("failing").start(input=int, run=begin).step("fail", fail).end()
late = (
    m.define("late")
    .start(input=int, run=begin)
    .step("fail", fail, retry=RetryPolicy(max_attempts=9, initial_interval=3600))
    .need_to("approve", int)
    .end()
)
quick = m.define("quick").start(input=int, run=begin).end()
DEFINITIONS = [nap, failing, late, quick]
DAY = datetime(1970, 1, 2, tzinfo=UTC)

NAPPING = [T.MISSION_CREATED, T.MISSION_STARTED, T.STEP_STARTED, T.STEP_SUCCEEDED, T.TIMER_SCHEDULED]

CHANGES: Sequence[tuple[str, ChangeRequest, HistoryType]] = [
    ("nap", PauseRequest(mission_id="m-1", by="ops"), T.MISSION_PAUSED),
    ("nap", WakeRequest(mission_id="m-1", by="ops"), T.TIMER_FIRED),
    ("nap", WakeRequest(mission_id="m-1", path="first", by="ops"), T.TIMER_FIRED),
    ("late", WakeRequest(mission_id="m-1", by="ops"), T.TIMER_FIRED),
    ("failing", ReopenRequest(mission_id="m-1", by="ops"), T.MISSION_REOPENED),
    ("failing", ReopenRequest(mission_id="m-1", step="start", by="ops"), T.MISSION_REOPENED),
    ("late", SkipRequest(mission_id="m-1", output=5, by="ops"), T.STEP_SKIPPED),
    ("failing", SkipRequest(mission_id="m-1", output=5, step="fail", by="ops"), T.STEP_SKIPPED),
]


def silent(inner: PersistenceAdapter) -> Faulty:
    """Storage whose owner does not come to answering."""
    return Faulty(inner, record=Failing(1_000_000), end=Failing(1_000_000))


async def begun(commander: Commander, name: str) -> None:
    """Start the mission, and let it come to where it rests."""
    await commander.start(name, 1, mission_id="m-1", wait=False)
    await commander.settled()


async def counted(sender: Sender, kind: HistoryType) -> list[Any]:
    """Return who is noted in the records of that kind."""
    inspection = await sender.outbox.inspect("m-1")
    assert inspection is not None
    return [record.details.get("by") for record in inspection.history if record.type is kind]


@pytest.mark.parametrize(("name", "asked", "kind"), CHANGES)
async def test_the_owner_dies_between_applying_and_answering(
    open_commander: OpenCommander, sender: Sender, name: str, asked: ChangeRequest, kind: HistoryType
) -> None:
    """The next owner finds that it was applied, answers, and applies nothing again."""
    commander = await open_commander(DEFINITIONS, wrap=silent)
    await begun(commander, name)
    posted = await sender.post(asked)
    await commander.settled()
    assert await counted(sender, kind) == ["ops"]
    await open_commander.crash()
    await open_commander(DEFINITIONS)
    answer = await sender.answer(posted)
    assert (answer.error, answer.value, answer.is_final) == (None, None, True)
    assert await counted(sender, kind) == ["ops"]
    assert await sender.refusals() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("name", "asked", "kind"), CHANGES)
async def test_its_commit_fails(
    open_commander: OpenCommander,
    sender: Sender,
    name: str,
    asked: ChangeRequest,
    kind: HistoryType,
    when: Literal["before", "after"],
) -> None:
    """Before it takes effect or after: the owner goes on by itself, and it is there once."""
    await begun(await open_commander(DEFINITIONS), name)
    await open_commander.close()
    posted = await sender.post(asked)
    await open_commander(DEFINITIONS, wrap=partial(FaultInjectingAdapter, fail_commits={1}, when=when))
    assert code(await sender.answer(posted)) is None
    assert await counted(sender, kind) == ["ops"]
    assert await sender.refusals() == []


async def test_a_pause_is_ended_once(open_commander: OpenCommander, sender: Sender, fake_clock: FakeClock) -> None:
    """What was overdue happens when it is resumed, and the owner that dies before the answer is not missed."""
    await begun(await open_commander(DEFINITIONS), "nap")
    assert code(await sender.ask(PauseRequest(mission_id="m-1"))) is None
    await fake_clock.advance(4_000)
    assert await sender.types("m-1") == [*NAPPING, T.MISSION_PAUSED]
    commander = await open_commander(DEFINITIONS, wrap=silent)
    posted = await sender.post(ResumeRequest(mission_id="m-1", by="ops"))
    await commander.settled()
    resumed = [*NAPPING, T.MISSION_PAUSED, T.MISSION_RESUMED, T.TIMER_FIRED, T.TIMER_SCHEDULED]
    assert await sender.types("m-1") == resumed
    await open_commander.crash()
    await open_commander(DEFINITIONS)
    assert code(await sender.answer(posted)) is None
    assert await sender.types("m-1") == resumed


@pytest.mark.parametrize("when", ["before", "after", "silent"])
async def test_a_mission_is_taken_in_once(open_commander: OpenCommander, sender: Sender, when: Any) -> None:
    """Whether its commit fails, or its owner dies between that and the answer: no other owner finds the id in use."""
    commander = await open_commander(DEFINITIONS)
    await begun(commander, "nap")
    form = await commander.operations.export_mission("m-1")
    await open_commander.close()
    posted = await sender.post(ImportRequest(mission_id="m-2", form=form, by="ops"))
    failing = silent if when == "silent" else partial(FaultInjectingAdapter, fail_commits={1}, when=when)
    commander = await open_commander(DEFINITIONS, wrap=failing)
    if when == "silent":
        await commander.settled()
        await open_commander.crash()
        await open_commander(DEFINITIONS)
    answer = await sender.answer(posted)
    assert (answer.error, answer.value) == (None, None)
    assert await sender.types("m-2") == [*NAPPING, T.MISSION_PAUSED]
    assert await sender.refusals() == []
    again = await sender.ask(ImportRequest(mission_id="m-2", form=form))
    assert code(again) == "MISSION_ALREADY_EXISTS"


async def ended_missions(commander: Commander, count: int) -> None:
    """Have so many missions that have ended before the first day was over."""
    for number in range(count):
        await commander.start("quick", 1, mission_id=f"q-{number}", wait=False)
    await commander.settled()


def purge(limit: int) -> PurgeRequest:
    """Return a request to delete what has ended on the first day."""
    return PurgeRequest(ended_before=DAY, statuses=(MissionStatus.COMPLETED,), limit=limit, by="ops")


async def test_a_purge_is_done_once(open_commander: OpenCommander, sender: Sender) -> None:
    """Its owner dies before the answer is durable: the next one deletes no more, and answers how many it was."""
    commander = await open_commander(DEFINITIONS, wrap=silent)
    await ended_missions(commander, 5)
    posted = await sender.post(purge(2))
    await commander.settled()
    assert [one.mission_id async for one in commander.iter_missions()] == ["q-2", "q-3", "q-4"]
    await open_commander.crash()
    commander = await open_commander(DEFINITIONS)
    answer = await sender.answer(posted)
    assert (answer.error, answer.value, answer.is_final) == (None, 2, True)
    assert [one.mission_id async for one in commander.iter_missions()] == ["q-2", "q-3", "q-4"]
    assert (await sender.ask(purge(1_000))).value == 3
    assert (await sender.ask(purge(1_000))).value == 0
    assert await sender.refusals() == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_storage_fails_at_a_purge(
    open_commander: OpenCommander, sender: Sender, when: Literal["before", "after"]
) -> None:
    """Before it takes effect or after: the owner asks for it again by itself, and as many are gone as were to be."""
    await ended_missions(await open_commander(DEFINITIONS), 5)
    await open_commander.close()
    posted = await sender.post(purge(2))
    commander = await open_commander(DEFINITIONS, wrap=partial(FaultInjectingAdapter, fail_commits={1}, when=when))
    answer = await sender.answer(posted)
    assert (answer.error, answer.value) == (None, 2)
    assert [one.mission_id async for one in commander.iter_missions()] == ["q-2", "q-3", "q-4"]


async def test_a_purge_goes_on_where_it_was_left(
    open_commander: OpenCommander, adapter_factory: Callable[[], PersistenceAdapter]
) -> None:
    """By the id of the request: how many were deleted for it counts, however often it is asked for."""
    await ended_missions(await open_commander(DEFINITIONS), 9)
    await open_commander.close()
    adapter = adapter_factory()
    await adapter.bootstrap()
    ends = partial(adapter.purge, DAY, statuses=[MissionStatus.COMPLETED])
    assert [await ends(limit=limit, request_id="r-1") for limit in (2, 2, 3)] == [2, 2, 3]
    assert [await ends(limit=2, request_id="r-2"), await ends(limit=1)] == [2, 1]
    assert [one.mission_id for one in await adapter.list_missions(limit=9)] == ["q-6", "q-7", "q-8"]
    assert [await ends(limit=9, request_id="r-1"), await ends(limit=9, request_id="r-2")] == [6, 2]
    await adapter.close()


async def test_the_same_again_changes_nothing(open_commander: OpenCommander, sender: Sender) -> None:
    """Pausing what is paused, and resuming what is not, are answered without a record."""
    await begun(await open_commander(DEFINITIONS), "nap")
    for asked in (PauseRequest(mission_id="m-1"), ResumeRequest(mission_id="m-1")):
        for _ in range(2):
            assert code(await sender.ask(asked)) is None
    assert await sender.types("m-1") == [*NAPPING, T.MISSION_PAUSED, T.MISSION_RESUMED]


async def test_refusals_are_those_of_a_local_caller(open_commander: OpenCommander, sender: Sender) -> None:
    """Each with its code, and kept; nothing of it is on record of the mission."""
    commander = await open_commander(DEFINITIONS)
    await begun(commander, "failing")
    await commander.start("late", 1, mission_id="m-2", wait=False)
    await commander.settled()
    before = await sender.types("m-1"), await sender.types("m-2")
    form = await commander.operations.export_mission("m-1")
    asked: list[tuple[OperatorRequest, str]] = [
        (PauseRequest(mission_id="m-1"), "MISSION_TERMINAL"),
        (ResumeRequest(mission_id="m-1"), "MISSION_TERMINAL"),
        (PauseRequest(mission_id="m-9"), "MISSION_NOT_FOUND"),
        (PauseRequest(mission_id="\ud800"), "MISSION_NOT_FOUND"),
        (PauseRequest(mission_id="m-2", by=""), "MISSION_DEFINITION_ERROR"),
        (WakeRequest(mission_id="m-2", path="approve"), "MISSION_EXECUTION_ERROR"),
        (ReopenRequest(mission_id="m-2"), "MISSION_EXECUTION_ERROR"),
        (ReopenRequest(mission_id="m-1", step="approve"), "MISSION_EXECUTION_ERROR"),
        (SkipRequest(mission_id="m-2", output="no int"), "MISSION_VALIDATION_ERROR"),
        (SkipRequest(mission_id="m-2", output=5, step="approve"), "MISSION_EXECUTION_ERROR"),
        (ImportRequest(mission_id="m-3", form={"format": 1}), "VALUE_ERROR"),
        (ImportRequest(mission_id="m-3", form=[]), "VALUE_ERROR"),
        (ImportRequest(mission_id="", form=form), "MISSION_DEFINITION_ERROR"),
        (ImportRequest(mission_id="m-2", form=form), "MISSION_ALREADY_EXISTS"),
        (ImportRequest(mission_id="m-3", form=form, by=""), "MISSION_DEFINITION_ERROR"),
    ]
    assert [code(await sender.ask(one)) for one, _ in asked] == [expected for _, expected in asked]
    assert await sender.refusals() == [(one.kind, expected) for one, expected in reversed(asked)]
    assert (await sender.types("m-1"), await sender.types("m-2")) == before


async def test_a_purge_that_is_refused_is_kept_with_the_name_of_its_missions(
    open_commander: OpenCommander, sender: Sender
) -> None:
    """It concerns no mission of one id; nothing is deleted."""
    commander = await open_commander(DEFINITIONS)
    await ended_missions(commander, 1)
    asked = attrs.evolve(purge(9), mission_name="quick", by="")
    assert code(await sender.ask(asked)) == "MISSION_DEFINITION_ERROR"
    (refused,) = await sender.outbox.list_refused(limit=9, after=None)
    assert (refused.kind, refused.mission_id, refused.name) == ("purge", "*", "quick")
    assert [one.mission_id async for one in commander.iter_missions()] == ["q-0"]


async def test_what_comes_before_the_first_owner_is_done_in_order(
    open_commander: OpenCommander, sender: Sender
) -> None:
    """A mission that is started, paused, resumed and paused again rests."""
    asked = (
        start("m-1", "nap"),
        PauseRequest(mission_id="m-1"),
        ResumeRequest(mission_id="m-1"),
        PauseRequest(mission_id="m-1"),
    )
    posted = [await sender.post(one) for one in asked]
    commander = await open_commander(DEFINITIONS)
    assert [code(await sender.answer(one)) for one in posted] == [None] * len(asked)
    await commander.settled()
    paused = [one for one in await sender.types("m-1") if one in (T.MISSION_PAUSED, T.MISSION_RESUMED)]
    assert paused == [T.MISSION_PAUSED, T.MISSION_RESUMED, T.MISSION_PAUSED]
    (summary,) = await commander.list_missions()
    assert summary.paused
