"""What another process asks is done as if it had been asked here, with an owner or before there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from mission_control.client.patience import is_heard
from mission_control.core import (
    HistoryType,
    MissionContext,
    MissionExecutionError,
    MissionStatus,
    MissionValidationError,
    NotAnsweredError,
    m,
)
from mission_control.core.storage import AnsweredError, Request, StartRequest
from sending import Sender, cancel, code, end, signal, start, update
from storages import OpenCommander


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def fail(ctx: MissionContext[int]) -> None:
    raise ValueError("no")


def double(ctx: MissionContext[int], input: int) -> int:
    return 2 * input


order = (
    m.define("order")
    .update("double", int, double)
    .start(input=int, run=begin)
    .need_to("approve", int)
    .step("pack", begin)
    .need_to("ship", int, early=True)
    .end()
)
failing = m.define("failing").start(input=int, run=fail).end()


async def test_a_mission_lives_by_requests(open_commander: OpenCommander, sender: Sender) -> None:
    """Started, signalled, updated and ended by another process, each answered when a local caller would be."""
    commander = await open_commander([order])
    assert code(await sender.ask(start("o-1", "order", by="ops", labels={"employee": "e-17"}))) is None
    assert await commander.inspect_mission("o-1") is not None
    approved = await sender.ask(signal("o-1", "approve", key="k", by="reviewer"))
    assert (approved.error, approved.value) == (None, None)
    assert (await sender.ask(update("o-1", "double", 4))).value == 8
    ended = await sender.post(end("o-1"))
    assert code(await sender.ask(signal("o-1", "ship"))) is None
    assert code(await sender.answer(ended)) is None
    inspection = await sender.outbox.inspect("o-1")
    assert inspection is not None
    assert inspection.snapshot.status is MissionStatus.COMPLETED
    assert [(one.event_name, one.key) for one in inspection.signals] == [("approve", "k"), ("ship", None)]
    assert inspection.history[0].details["by"] == "ops"
    assert inspection.snapshot.labels == {"employee": "e-17"}
    assert await sender.refusals() == []


async def test_what_came_before_the_first_owner(open_commander: OpenCommander, sender: Sender) -> None:
    """It is handed over before the owner is ready, and answered; until then reads are of nothing."""
    assert not await is_heard(sender.outbox)
    assert await sender.outbox.load_summary("o-1") is None
    started = await sender.post(start("o-1", "order"))
    approved = await sender.post(signal("o-1", "approve"))
    assert await sender.outbox.answers([started, approved]) == {}
    commander = await open_commander([order])
    await commander.settled()
    assert await commander.get_mission("o-1") is not None
    assert code(await sender.answer(started)) is None
    assert code(await sender.answer(approved)) is None
    assert await is_heard(sender.outbox)
    summary = await sender.outbox.load_summary("o-1")
    assert summary is not None
    assert summary.cursor == "ship"


async def test_without_waiting(open_commander: OpenCommander, sender: Sender) -> None:
    """What nobody waits for is done all the same, in order."""
    commander = await open_commander([order])
    await sender.post(start("o-1", "order"), wait=False)
    await sender.post(signal("o-1", "approve"), wait=False)
    await sender.post(signal("o-1", "ship"), wait=False)
    await sender.ask(end("o-1"))
    mission = await commander.get_mission("o-1")
    assert mission is not None
    assert await mission.status() is MissionStatus.COMPLETED


async def test_refusals_are_answered_and_kept(open_commander: OpenCommander, sender: Sender) -> None:
    """Each with the code that a local caller would get, also where nobody waits for it; the newest first."""
    await open_commander([order, failing])
    await sender.ask(start("o-1", "order"))
    asked: list[Request] = [
        start("o-1", "order"),
        start("o-2", "nothing"),
        start("o-3", "order", "no int"),
        start("o-4", "order", if_exists="sometimes"),
        start("", "order"),
        signal("o-9", "approve"),
        signal("o-1", "ship-it"),
        signal("o-1", "approve", "no int"),
        signal("o-1", "approve", key=""),
        update("o-1", "nothing"),
        update("\ud800", "double"),
        cancel("o-9"),
        end("o-9"),
    ]
    codes = [code(await sender.ask(one)) for one in asked]
    assert codes == [
        "MISSION_ALREADY_EXISTS",
        "MISSION_NOT_REGISTERED",
        "MISSION_VALIDATION_ERROR",
        "VALUE_ERROR",
        "MISSION_DEFINITION_ERROR",
        "MISSION_NOT_FOUND",
        "MISSION_SIGNAL_ERROR",
        "MISSION_VALIDATION_ERROR",
        "MISSION_DEFINITION_ERROR",
        "MISSION_EXECUTION_ERROR",
        "MISSION_NOT_FOUND",
        "MISSION_NOT_FOUND",
        "MISSION_NOT_FOUND",
    ]
    refused = [(one.kind, one_code) for one, one_code in zip(asked, codes, strict=True) if one.kind != "end"]
    assert await sender.refusals() == refused[::-1]  # nobody has asked for an end
    (last,) = await sender.outbox.list_refused(limit=1, after=None)
    assert (last.mission_id, last.name) == ("o-9", None)
    assert "no mission has the id 'o-9'" in last.message
    following = await sender.outbox.list_refused(limit=2, after=last.request_id)
    assert [one.kind for one in following] == ["update", "update"]
    assert await sender.outbox.list_refused(limit=2, after="never") == []


async def test_a_refusal_becomes_the_same_error(open_commander: OpenCommander, sender: Sender) -> None:
    """Class, text and issues are those that a local caller gets."""
    commander = await open_commander([order])
    with pytest.raises(MissionValidationError) as local:
        await commander.start("order", "no int", mission_id="o-1")
    answer = await sender.ask(start("o-1", "order", "no int"))
    assert answer.error is not None
    error = answer.error.to_error()
    assert isinstance(error, MissionValidationError)
    assert (str(error), error.event_name, error.issues) == (str(local.value), "start", local.value.issues)


async def test_a_start_that_fails_within_the_call(open_commander: OpenCommander, sender: Sender) -> None:
    """Its sender hears of it, and it was no refusal: the mission is there."""
    await open_commander([failing])
    answer = await sender.ask(start("f-1", "failing"))
    assert code(answer) == "MISSION_FAILED"
    assert not answer.is_refused
    assert answer.error is not None
    assert answer.error.needs_snapshot
    inspection = await sender.outbox.inspect("f-1")
    assert inspection is not None
    error = answer.error.to_error(inspection.snapshot)
    assert getattr(error, "failure", None) == inspection.snapshot.error
    assert await sender.refusals() == []


async def test_the_same_again_is_safe(open_commander: OpenCommander, sender: Sender) -> None:
    """A start that returns what exists, a key that is used, a cancellation that has been: nothing changes."""
    commander = await open_commander([order])
    for _ in range(2):
        assert code(await sender.ask(start("o-1", "order", if_exists="return"))) is None
        assert code(await sender.ask(signal("o-1", "approve", key="k"))) is None
        assert (await sender.ask(update("o-1", "double", 3, key="u"))).value == 6
    for _ in range(2):
        assert code(await sender.ask(cancel("o-1", reason="enough", by="ops"))) is None
    inspection = await commander.inspect_mission("o-1")
    assert inspection is not None
    types = [record.type for record in inspection.history]
    assert types.count(HistoryType.SIGNAL_RECEIVED) == types.count(HistoryType.MISSION_UPDATE) == 1
    assert types.count(HistoryType.MISSION_CANCELLED) == 1


async def test_a_later_start(open_commander: OpenCommander, sender: Sender) -> None:
    """An instant comes through as it was."""
    commander = await open_commander([order])
    later = datetime(2030, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
    await sender.ask(StartRequest(mission_id="o-1", mission_name="order", input=1, start_at=later))
    (summary,) = await commander.list_scheduled()
    assert summary.next_due == later


async def test_senders_do_not_get_one_anothers_answers(
    open_commander: OpenCommander, open_sender: Callable[[], Awaitable[Sender]]
) -> None:
    """Two that ask at once are both served, in whatever order."""
    await open_commander([order])
    one, other = await open_sender(), await open_sender()
    answers = await asyncio.gather(one.ask(start("o-1", "order")), other.ask(start("o-1", "order")))
    assert sorted(map(code, answers), key=str) == ["MISSION_ALREADY_EXISTS", None]


async def test_clients_are_rung_when_an_owner_starts(open_commander: OpenCommander, sender: Sender) -> None:
    """So that they ask again."""
    await open_commander([order])
    await asyncio.wait_for(sender.rung.wait(), 5)


@pytest.mark.parametrize("kind", [ValueError, TypeError, OSError])
def test_errors_of_the_language_come_back(kind: type[Exception]) -> None:
    """An argument that none can be is the same error; a fault that nobody foresaw is one of execution."""
    answered = AnsweredError.of(kind("no"))
    expected = MissionExecutionError if kind is OSError else kind
    assert type(answered.to_error()) is expected


def test_not_answered_is_a_timeout() -> None:
    """It says which request it was, and whether anybody could have answered."""
    error = NotAnsweredError("not yet", request_id="r-1", has_owner=False)
    assert isinstance(error, TimeoutError)
    assert (error.code, error.request_id, error.has_owner) == ("NOT_ANSWERED", "r-1", False)
