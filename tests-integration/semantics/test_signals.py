"""Rules 11 and 12: which signal is applied, to which wait, and when its sender hears of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from approvals import APPROVE, Approval, Gate, begin, fail, open_slow, signals_of, turns
from mission_control.core import (
    HistoryType,
    MissionContext,
    MissionHandle,
    MissionSignalError,
    MissionStatus,
    MissionValidationError,
    SignalWait,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

T = HistoryType


APPROVAL = m.define("approval").start(input=int, run=begin).need_to(APPROVE).end()


# 11. Exactly the signal that is waited for


async def test_signal_that_is_waited_for_is_applied(open_commander: OpenCommander) -> None:
    """Its payload is recorded once, under its name, and the mission goes on."""
    commander = await open_commander([APPROVAL])
    mission = await commander.start(APPROVAL, 5)

    await mission.signal(APPROVE, Approval(by="ann"))

    assert await mission.status() == MissionStatus.COMPLETED
    assert await signals_of(mission) == [("approve", {"by": "ann", "amount": 1})]


@pytest.mark.parametrize("payload", [Approval(by="ann"), {"by": "ann"}, {"by": "ann", "amount": 1}], ids=repr)
async def test_payload_may_be_typed_or_json(open_commander: OpenCommander, payload: Any) -> None:
    """A payload is taken as an instance or in its JSON form, by token or by name."""
    commander = await open_commander([APPROVAL])

    for name in (APPROVE, "approve"):
        mission = await commander.start(APPROVAL, 5)
        await mission.signal(name, payload)
        assert await signals_of(mission) == [("approve", {"by": "ann", "amount": 1})]


async def test_other_signal_is_refused(open_commander: OpenCommander) -> None:
    """A signal of another name is refused with what the mission waits for, and nothing has changed."""
    definition = m.define("it").start(input=int, run=begin).need_to(APPROVE, timeout=60).need_to("ship", str).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    before = await mission.history()

    for name in ("aprove", "ship", "APPROVE", "", "start"):
        with pytest.raises(MissionSignalError, match=r"waits for signal 'approve' until 1970-01-01T00:01:00"):
            await mission.signal(name, {"by": "ann"})

    assert await mission.history() == before


async def test_name_of_no_signal_is_told_apart_from_a_signal_out_of_turn(open_commander: OpenCommander) -> None:
    """A misspelt name is answered with the signals that the definition has, whether the mission waits or has ended."""
    definition = m.define("it").start(input=int, run=begin).need_to(APPROVE, timeout=60).need_to("ship", str).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)

    with pytest.raises(MissionSignalError, match=r"has no signal of this name, it has: 'approve', 'ship'$"):
        await mission.signal("aprove", {"by": "ann"})
    with pytest.raises(MissionSignalError, match=r"until 1970-01-01T00:01:00.000000\+00:00$"):
        await mission.signal("ship", "now")
    await mission.cancel()
    with pytest.raises(MissionSignalError, match=r"it is cancelled at 'approve'; .* it has: 'approve', 'ship'$"):
        await mission.signal("aprove", {"by": "ann"})


@pytest.mark.parametrize(
    "payload",
    [{}, {"by": 5}, {"by": "ann", "amount": "1"}, {"by": "ann", "note": "x"}, "ann", None, [], 5],
    ids=repr,
)
async def test_invalid_payload_leaves_the_mission_waiting(open_commander: OpenCommander, payload: Any) -> None:
    """A payload that does not fit is refused with its paths; the mission goes on waiting and takes a good one."""
    commander = await open_commander([APPROVAL])
    mission = await commander.start(APPROVAL, 5)
    before = await mission.snapshot()

    with pytest.raises(MissionValidationError) as raised:
        await mission.signal("approve", payload)

    assert raised.value.event_name == "approve"
    assert all(issue.startswith("$") for issue in raised.value.issues)
    assert await mission.snapshot() == before
    await mission.signal("approve", {"by": "ann"})
    assert await mission.status() == MissionStatus.COMPLETED


@pytest.mark.parametrize("ended", ["completed", "failed", "cancelled"])
async def test_mission_that_has_ended_takes_no_signal(open_commander: OpenCommander, ended: str) -> None:
    """A signal to a mission that ended is refused, naming its status, also after a restart."""
    failing = m.define("failing").start(input=int, run=begin).need_to(APPROVE).step("fail", fail).end()
    commander = await open_commander([failing, APPROVAL])
    mission = await commander.start(failing if ended == "failed" else APPROVAL, 5, mission_id="x")
    if ended == "cancelled":
        await mission.cancel()
    else:
        await mission.signal(APPROVE, Approval(by="ann"))
    again = await (await open_commander([failing, APPROVAL])).get_mission("x")
    assert again is not None

    for _ in range(2):
        with pytest.raises(MissionSignalError, match=rf"'x'.*it is {ended}"):
            await again.signal(APPROVE, Approval(by="bob"))


async def test_mission_that_was_never_started_takes_no_signal(open_commander: OpenCommander) -> None:
    """A signal through an idle handle is refused, and leaves no trace."""
    commander = await open_commander([APPROVAL])
    mission = commander.create_mission(APPROVAL, mission_id="x")

    with pytest.raises(MissionSignalError, match="'x'"):
        await mission.signal(APPROVE, Approval(by="ann"))

    assert await commander.get_mission("x") is None
    await mission.start(5)
    assert await mission.status() == MissionStatus.WAITING


async def test_signal_finds_a_parked_mission_after_a_restart(open_commander: OpenCommander) -> None:
    """A mission that an earlier process left waiting is signalled like any other."""
    await (await open_commander([APPROVAL])).start(APPROVAL, 5, mission_id="x")
    await open_commander.crash()
    mission = await (await open_commander([APPROVAL])).get_mission("x")
    assert mission is not None

    await mission.signal(APPROVE, Approval(by="ann"))

    assert await mission.status() == MissionStatus.COMPLETED


async def test_waiting_signal_returns_when_the_mission_next_waits(open_commander: OpenCommander) -> None:
    """With `wait=True` the steps behind the wait have run when the call returns, up to the next wait."""
    ran: list[str] = []

    async def work(ctx: MissionContext[int]) -> None:
        await asyncio.sleep(0.005)
        ran.append(ctx.step_name)

    definition = (
        m.define("it")
        .start(input=int, run=begin)
        .need_to("first", int)
        .step("a", work)
        .sleep("no-nap", 0)
        .step("b", work)
        .need_to("second", int)
        .step("c", work)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)

    assert await mission.signal("first", 1) is None  # type: ignore[func-returns-value]
    assert ran == ["a", "b"]
    waiting = (await mission.snapshot()).waiting
    assert isinstance(waiting, SignalWait)
    assert waiting.event_name == "second"
    await mission.signal("second", 2)
    assert ran == ["a", "b", "c"]
    assert await mission.status() == MissionStatus.COMPLETED


async def test_waiting_signal_does_not_raise_where_the_mission_fails(open_commander: OpenCommander) -> None:
    """A signal that was applied was applied, whatever the mission did with it; its result tells."""
    definition = m.define("it").start(input=int, run=begin).need_to("go", int).step("fail", fail).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)

    await mission.signal("go", 1)

    assert (await mission.result()).status == MissionStatus.FAILED


async def test_waiting_signal_returns_where_the_mission_is_cancelled(open_commander: OpenCommander) -> None:
    """A mission that is cancelled behind the wait has ended, and the sender is told no error."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=begin).need_to("go", int).step("gate", gate).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    signal = asyncio.create_task(mission.signal("go", 1))
    await gate.entered.wait()

    await mission.cancel()
    await signal

    assert await mission.status() == MissionStatus.CANCELLED


async def test_signal_without_waiting_returns_on_durability(open_commander: OpenCommander) -> None:
    """With `wait=False` the call returns while the next step runs, and the signal survives the process."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=begin).need_to("go", int).step("gate", gate).end()
    mission = await (await open_commander([definition])).start(definition, 5, mission_id="x")

    await mission.signal("go", 1, wait=False)
    assert await mission.status() == MissionStatus.RUNNING
    await open_commander.crash()
    gate.may_end.set()
    again = await (await open_commander([definition])).get_mission("x")

    assert again is not None
    assert await again.output() == "done"
    assert await signals_of(again) == [("go", 1)]


async def test_signal_is_not_answered_before_it_is_durable(open_commander: OpenCommander) -> None:
    """While the signal is on its way to storage its sender waits, and everybody else sees the mission waiting."""
    commander, storage = await open_slow(open_commander, APPROVAL)
    mission = await commander.start(APPROVAL, 5)
    storage.gate.clear()
    signal = asyncio.create_task(mission.signal(APPROVE, Approval(by="ann"), wait=False))
    await turns()

    assert not signal.done()
    assert await mission.status() == MissionStatus.WAITING
    storage.gate.set()
    await signal
    assert await mission.status() == MissionStatus.COMPLETED


# 12. One signal a wait


async def test_of_concurrent_signals_exactly_one_is_applied(open_commander: OpenCommander) -> None:
    """Twenty senders race for one wait: one payload is recorded, and the others are refused."""
    commander = await open_commander([APPROVAL])
    mission = await commander.start(APPROVAL, 5)
    names = [f"reviewer-{number}" for number in range(20)]

    outcomes = await asyncio.gather(
        *(mission.signal(APPROVE, Approval(by=name), wait=bool(len(name) % 2)) for name in names),
        return_exceptions=True,
    )

    winners = [name for name, outcome in zip(names, outcomes, strict=True) if outcome is None]
    assert await signals_of(mission) == [("approve", {"by": winner, "amount": 1}) for winner in winners]
    assert len(winners) == 1
    assert [type(it) for it in outcomes if it is not None] == [MissionSignalError] * 19


async def test_of_concurrent_signals_the_first_valid_one_is_applied(open_commander: OpenCommander) -> None:
    """Signals are taken in the order in which they arrived; one that is invalid does not use the wait up."""
    commander = await open_commander([APPROVAL])
    mission = await commander.start(APPROVAL, 5)
    payloads: list[Any] = [{"by": 5}, {"by": "ann"}, {"by": "bob"}]

    outcomes = await asyncio.gather(*(mission.signal("approve", it) for it in payloads), return_exceptions=True)

    assert [type(it) for it in outcomes] == [MissionValidationError, type(None), MissionSignalError]
    assert await signals_of(mission) == [("approve", {"by": "ann", "amount": 1})]


async def test_concurrent_signals_for_waits_in_a_row_are_each_applied(open_commander: OpenCommander) -> None:
    """A second signal that comes while the first is on its way is held, and finds the wait behind it."""
    definition = m.define("it").start(input=int, run=begin).need_to("a", int).need_to("b", int).need_to("c", int).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)

    await asyncio.gather(mission.signal("a", 1), mission.signal("b", 2), mission.signal("c", 3))

    assert await mission.status() == MissionStatus.COMPLETED
    assert await signals_of(mission) == [("a", 1), ("b", 2), ("c", 3)]


async def test_signal_that_is_durable_before_its_deadline_is_handled_wins(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """A signal at the last moment is applied, and the deadline that passes then finds nothing to end."""
    definition = m.define("it").start(input=int, run=begin).need_to("go", int, timeout=60).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await fake_clock.advance(timedelta(seconds=60) - timedelta(microseconds=1))

    await mission.signal("go", 1)
    await fake_clock.advance(60)

    assert await mission.status() == MissionStatus.COMPLETED


async def test_signal_after_the_deadline_is_refused(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """A mission whose deadline was handled has failed, and says so to whoever comes late."""
    definition = m.define("it").start(input=int, run=begin).need_to("go", int, timeout=60).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await fake_clock.advance(60)

    with pytest.raises(MissionSignalError, match="it is failed"):
        await mission.signal("go", 1)

    error = (await mission.result()).error
    assert error is not None
    assert error.code == "SIGNAL_TIMEOUT"


async def test_signal_that_races_its_deadline_is_applied_or_refused(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Of missions whose deadline passes while a signal arrives, each has one end, and its sender knows which."""
    definition = m.define("it").start(input=int, run=begin).need_to("go", int, timeout=60).end()
    commander = await open_commander([definition])
    missions = [await commander.start(definition, number) for number in range(20)]

    async def late(mission: MissionHandle[int], after: int) -> object:
        await turns(after)
        return await mission.signal("go", 1)  # type: ignore[func-returns-value]

    senders = [asyncio.create_task(late(mission, number)) for number, mission in enumerate(missions)]
    await fake_clock.advance(60)
    outcomes = await asyncio.gather(*senders, return_exceptions=True)

    for mission, outcome in zip(missions, outcomes, strict=True):
        types = [record.type for record in await mission.history()]
        if outcome is None:
            assert types[-2:] == [T.SIGNAL_RECEIVED, T.MISSION_COMPLETED]
        else:
            assert isinstance(outcome, MissionSignalError)
            assert types[-2:] == [T.SIGNAL_TIMED_OUT, T.MISSION_FAILED]
