"""Rule 52: repeats under one key that come at once, are held, wait, or meet storage that fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from approvals import APPROVE, Approval, Gate, begin, open_slow, turns
from flows import flow, path
from keyed import ANN, GO, ROUND, Notes, never, twice, waits_for
from mission_control.core import (
    MissionContext,
    MissionExecutionError,
    MissionSignalError,
    MissionStatus,
    PersistenceError,
    m,
)
from mission_control.testing import FaultInjectingAdapter, Life, crash_everywhere
from storages import NewStorage, OpenCommander

# Who waits


async def test_wait_is_each_callers_own(open_commander: OpenCommander) -> None:
    """Of two repeats while a step runs the one that does not wait returns at once, the other when the mission ends."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=begin).need_to(APPROVE).step("gate", gate).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="k", wait=False)
    await gate.entered.wait()

    await mission.signal(APPROVE, ANN, key="k", wait=False)
    waiting = asyncio.create_task(mission.signal(APPROVE, ANN, key="k"))
    await turns()
    assert not waiting.done()
    gate.may_end.set()
    await waiting

    assert await mission.status() == MissionStatus.COMPLETED


async def test_repeat_waits_for_its_own_line(open_commander: OpenCommander) -> None:
    """With `wait` it returns when the line that took the signal waits, has ended, or is joined; others may run on."""
    gates = {"a": Gate(), "b": Gate()}
    paths = {name: path().need_to(GO).step("gate", gate) for name, gate in gates.items()}
    definition = flow().parallel("p", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    for name in gates:
        await mission.signal(GO, 1, at=f"p/{name}", key=name, wait=False)
    again = {name: asyncio.create_task(mission.signal(GO, 1, at=f"p/{name}", key=name)) for name in gates}
    await turns()
    assert not again["a"].done()
    gates["a"].may_end.set()
    await again["a"]

    assert not again["b"].done()
    gates["b"].may_end.set()
    await again["b"]
    await mission.signal(GO, 1, at="p/a", key="a")
    assert await mission.status() == MissionStatus.COMPLETED


async def test_repeat_is_answered_while_an_update_runs(open_commander: OpenCommander) -> None:
    """What changes nothing waits for nothing."""
    notes = Notes()
    definition = twice(notes)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="k")
    notes.may_end.clear()
    update = asyncio.create_task(mission.update("note", "a"))
    await notes.entered.wait()

    await mission.signal(APPROVE, ANN, key="k")

    assert not update.done()
    notes.may_end.set()
    assert await update == "a 1"


# At once


async def test_of_two_concurrent_signals_with_one_key_one_is_applied(open_commander: OpenCommander) -> None:
    """The other one answers as a repeat once the first is durable, and not before."""
    definition = twice()
    commander, storage = await open_slow(open_commander, definition)
    mission = await commander.start(definition, 5)
    storage.gate.clear()
    both = [asyncio.create_task(mission.signal(APPROVE, ANN, key="k")) for _ in range(2)]
    await turns()
    assert not any(signal.done() for signal in both)
    storage.gate.set()
    await asyncio.gather(*both)

    assert len((await mission.inspect()).signals) == 1
    assert await waits_for(mission) == "ship"


async def test_of_two_concurrent_ones_that_differ_the_first_is_applied(open_commander: OpenCommander) -> None:
    """The other one is refused with what differs, and not with what the mission waits for."""
    definition = twice()
    commander, storage = await open_slow(open_commander, definition)
    mission = await commander.start(definition, 5)
    storage.gate.clear()
    first = asyncio.create_task(mission.signal(APPROVE, ANN, key="k"))
    other = asyncio.create_task(mission.signal(APPROVE, Approval(by="bob"), key="k"))
    await turns()
    storage.gate.set()
    await first

    with pytest.raises(MissionSignalError, match=r"in the payload at \$\.by;"):
        await other


async def test_of_two_held_signals_with_one_key_one_is_applied(open_commander: OpenCommander) -> None:
    """Both come before their wait; the second is no signal for the next wait of the name."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=gate).need_to(APPROVE).repeat("r", ROUND, until=never).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    held = [asyncio.create_task(mission.signal(APPROVE, ANN, key="k")) for _ in range(3)]
    await turns()
    assert not any(signal.done() for signal in held)
    gate.may_end.set()
    await asyncio.gather(*held)

    assert len((await mission.inspect()).signals) == 1
    assert await waits_for(mission) == "r[0]/approve"


async def test_held_signal_takes_the_place_of_one_that_was_withdrawn(open_commander: OpenCommander) -> None:
    """A caller that has gone away uses no key."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=gate).need_to(APPROVE).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    first = asyncio.create_task(mission.signal(APPROVE, ANN, key="k"))
    second = asyncio.create_task(mission.signal(APPROVE, Approval(by="bob"), key="k"))
    await turns()
    first.cancel()
    gate.may_end.set()
    await second

    assert [signal.payload["by"] for signal in (await mission.inspect()).signals] == ["bob"]


async def test_held_signals_whose_wait_never_comes_are_refused(open_commander: OpenCommander) -> None:
    """Neither was applied, so neither is a repeat."""
    gate = Gate()
    definition = m.define("it").start(input=int, run=gate).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, wait=False)
    await gate.entered.wait()
    held = [asyncio.create_task(mission.signal(APPROVE, ANN, key="k")) for _ in range(2)]
    await turns()
    gate.may_end.set()

    for signal in held:
        with pytest.raises(MissionSignalError, match="it is completed"):
            await signal


async def test_of_two_concurrent_updates_with_one_key_one_runs(open_commander: OpenCommander) -> None:
    """The other one returns what the first has recorded."""
    notes = Notes()
    definition = twice(notes)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    notes.may_end.clear()
    first = asyncio.create_task(mission.update("note", "a", key="k"))
    await notes.entered.wait()
    second = asyncio.create_task(mission.update("note", "a", key="k"))
    await turns()
    assert not second.done()
    notes.may_end.set()

    assert [await first, await second] == ["a 1", "a 1"]
    assert notes.runs == 1


async def test_concurrent_update_runs_where_the_first_one_fails(open_commander: OpenCommander) -> None:
    """What was not recorded has not used the key: it is the turn of the next."""
    failures = iter([True, False])

    async def sometimes(ctx: MissionContext[Any], text: str) -> str:
        await asyncio.sleep(0)
        if next(failures):
            raise ValueError("no")
        return text

    definition = twice(sometimes)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    first = asyncio.create_task(mission.update("note", "a", key="k"))
    second = asyncio.create_task(mission.update("note", "a", key="k"))

    with pytest.raises(MissionExecutionError):
        await first
    assert await second == "a"


# Storage that fails


@pytest.mark.parametrize("when", ["before", "after"])
async def test_repeat_of_what_is_unknown_is_safe(open_commander: OpenCommander, when: Any) -> None:
    """Where a commit failed nobody knows whether the signal was applied: once it is repeated it is, once."""
    definition = twice()
    commander = await open_commander(
        [definition], wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits={3}, when=when)
    )
    mission = await commander.start(definition, 5)
    with pytest.raises(PersistenceError):
        await mission.signal(APPROVE, ANN, key="k")

    await mission.signal(APPROVE, ANN, key="k")

    assert [signal.key for signal in (await mission.inspect()).signals] == ["k"]
    assert await waits_for(mission) == "ship"


async def test_sender_that_repeats_everything_is_safe_wherever_it_crashes(new_storage: NewStorage) -> None:
    """A crash before or after each commit: what is sent again under its key is applied once, and ends alike."""
    definition = (
        m.define("it")
        .update("note", str, lambda ctx, text: text.upper())
        .start(input=int, run=begin)
        .need_to(APPROVE)
        .each("e", lambda ctx: [1, 2], path().need_to(GO))
        .repeat("r", ROUND, until=lambda ctx: ctx.index == 1)
        .end()
    )

    async def sends(life: Life) -> None:
        mission = await life.commander.start(definition, 5, mission_id="x", if_exists="return")
        for _ in range(2):
            await mission.signal(APPROVE, ANN, key="first")
            for index in (1, 0):
                await mission.signal(GO, index, at=f"e[{index}]", key=f"go-{index}")
            await mission.signal(APPROVE, ANN, key="second")
            assert await mission.update("note", "a", key="note") == "A"
            await mission.signal(APPROVE, ANN, key="third")
        assert await mission.status() == MissionStatus.COMPLETED
        assert [signal.key for signal in (await mission.inspect()).signals] == [
            "first",
            "go-1",
            "go-0",
            "second",
            "third",
        ]

    report = await crash_everywhere(sends, definitions=[definition], new_storage=new_storage)

    assert len(report.crashes) > 10
