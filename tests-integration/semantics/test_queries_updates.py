"""Queries and updates (rule 18)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from attrs import define

from mission_control.core import (
    CommanderClosedError,
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionExecutionError,
    MissionSignalError,
    MissionTerminalError,
    MissionValidationError,
    m,
)
from mission_control.testing import FakeClock
from storages import Gate, Gated, Kept, OpenCommander, ThreadGate


@define
class Note:
    text: str
    stars: int = 0


class Handed:
    """Something that has no JSON form."""


HANDED = Handed()


async def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


async def handed(ctx: MissionContext[Any]) -> Handed:
    return HANDED


def seen(ctx: MissionContext[Any]) -> list[str]:
    return list(ctx.events)


async def annotate(ctx: MissionContext[Any], note: Note) -> Note:
    return Note(text=note.text.upper(), stars=note.stars + int(ctx.input))


def annotate_on_thread(ctx: MissionContext[Any], note: Note) -> Note:
    return Note(text=note.text.lower())


async def broken(ctx: MissionContext[Any], note: Note) -> Note:
    raise LookupError("nothing to annotate")


async def lying(ctx: MissionContext[Any], note: Note) -> Note:
    return {"unknown": 1}  # type: ignore[return-value]


async def broken_query(ctx: MissionContext[Any]) -> None:
    raise LookupError("nothing to see")


def draft() -> Any:
    return (
        m.define("noted")
        .query("handed", handed)
        .query("seen", seen)
        .query("broken-query", broken_query)
        .update("annotate", Note, annotate)
        .update("on-thread", Note, annotate_on_thread)
        .update("broken", Note, broken)
        .update("lying", Note, lying)
    )


NOTED: MissionDefinition[int] = draft().start(input=int, run=begin).need_to("go", str, timeout=60).end()


async def turns(number: int = 50) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


# Queries


async def test_query_hands_its_value_over_as_it_is(open_commander: OpenCommander) -> None:
    """What a query returns is not turned into JSON, nor copied."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1)

    assert await mission.query("handed") is HANDED
    assert await mission.query(handed) is HANDED


async def test_query_runs_on_the_last_durable_state_while_a_step_runs(open_commander: OpenCommander) -> None:
    """A query is answered at once while an async step, or a thread, runs, and needs no slot."""
    gate, thread = Gate(), ThreadGate()
    definition: MissionDefinition[int] = (
        draft().start(input=int, run=begin).step("gate", gate).step("thread", thread).end()
    )
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(definition, 1, wait=False)
    async with asyncio.timeout(30):
        await gate.begun.wait()
        assert await mission.query("seen") == ["start"]
        gate.opened.set()
        await thread.begun.wait()
        assert await mission.query(seen) == ["start", "gate"]
        thread.opened.set()
        await mission.result()


async def test_query_answers_for_missions_that_have_ended_and_after_a_restart(open_commander: OpenCommander) -> None:
    """A terminal mission can be queried, in a later process too."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1, mission_id="over")
    await mission.cancel()
    assert await mission.query("seen") == ["start"]
    commander = await open_commander([NOTED])
    later = await commander.get_mission("over")
    assert later is not None

    assert await later.query("seen") == ["start"]


async def test_query_records_nothing_and_cannot_change_the_mission(open_commander: OpenCommander) -> None:
    """A query's context is a copy: changing it changes nothing."""

    def meddle(ctx: MissionContext[Any]) -> None:
        events: Any = ctx.events
        events["start"].input["list"].append("more")

    definition = (
        m.define("d").query("meddle", meddle).start(input=dict[str, Any], run=lambda ctx: None).need_to("go", str).end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, {"list": []})
    history = await mission.history()
    await mission.query("meddle")

    assert await mission.history() == history
    assert (await mission.snapshot()).events["start"].input == {"list": []}


async def test_query_that_raises_is_an_execution_error_with_its_cause(open_commander: OpenCommander) -> None:
    """What a query's code raises is the cause of a `MissionExecutionError`."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1)

    with pytest.raises(MissionExecutionError, match="broken-query") as caught:
        await mission.query("broken-query")
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize(
    "error", [LookupError("nothing to see"), StopIteration("over")], ids=lambda it: type(it).__name__
)
async def test_synchronous_query_that_raises_is_an_execution_error_too(
    open_commander: OpenCommander, error: Exception
) -> None:
    """What is raised on a thread comes to the caller, a `StopIteration` too, which no future takes."""

    def broken_on_thread(ctx: MissionContext[Any]) -> None:
        raise error

    definition = m.define("d").query("broken", broken_on_thread).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)

    with pytest.raises(MissionExecutionError, match=str(error)):
        await mission.query("broken")


async def test_query_whose_caller_went_away_ends_quietly(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that nobody waits for any more is no error of anybody's."""
    thread = ThreadGate()
    definition = m.define("d").query("slow", thread).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    query = asyncio.create_task(mission.query("slow"))
    await thread.begun.wait()
    query.cancel()
    await asyncio.gather(query, return_exceptions=True)
    thread.opened.set()
    await thread.ended.wait()
    await asyncio.sleep(0.05)  # the thread tells its answer after the step has ended

    assert caplog.records == []
    await mission.signal("go", "on")


async def test_unknown_names_list_the_known_ones(open_commander: OpenCommander) -> None:
    """A query or update that the definition does not have is an error that lists those it has."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1)

    with pytest.raises(MissionExecutionError, match=r"has no query 'nothing'; .* it has: 'handed', .*'seen'"):
        await mission.query("nothing")
    with pytest.raises(MissionExecutionError, match=r"has no update 'nothing'; .* it has: 'annotate', .*'broken'"):
        await mission.update("nothing", {"text": "x"})


async def test_idle_handle_has_nothing_to_query_or_update(open_commander: OpenCommander) -> None:
    """A mission that was never started answers neither."""
    commander = await open_commander([NOTED])
    handle = commander.create_mission(NOTED)

    with pytest.raises(MissionExecutionError, match=handle.mission_id):
        await handle.query("seen")
    with pytest.raises(MissionExecutionError, match=handle.mission_id):
        await handle.update("annotate", Note("x"))


async def test_close_does_not_wait_for_a_query_for_ever(open_commander: OpenCommander) -> None:
    """A query that hangs keeps neither the commander from closing nor a step from being stopped."""
    gate, step = Gate(), Gate()
    definition = m.define("d").query("hang", gate).start(input=int, run=begin).step("step", step).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, wait=False)
    await step.begun.wait()
    query = asyncio.create_task(mission.query("hang"))
    await gate.begun.wait()
    try:
        async with asyncio.timeout(30):
            await commander.close()
    finally:
        gate.opened.set()
        with contextlib.suppress(Exception):
            await query


# Updates


@pytest.mark.parametrize(("name", "output"), [("annotate", Note("HI", 3)), ("on-thread", Note("hi", 0))])
async def test_update_is_recorded_and_returned_as_its_declared_type(
    open_commander: OpenCommander, name: str, output: Note
) -> None:
    """An update validates its input, records input and output under its name, and hands back its declared type."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1, mission_id="noted")
    assert await mission.update(name, {"text": "Hi", "stars": 2}) == output
    event = (await mission.snapshot()).events[name]
    assert (event.input, event.output) == ({"text": "Hi", "stars": 2}, {"text": output.text, "stars": output.stars})
    await open_commander.crash()
    commander = await open_commander([NOTED])
    later = await commander.get_mission("noted")
    assert later is not None

    assert (await later.snapshot()).events[name] == event
    assert (await later.history())[-1].type == "mission-update"


async def test_update_by_its_function_and_again(open_commander: OpenCommander) -> None:
    """The last of several updates is what `events` shows; history has them all."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1)
    await mission.update(annotate, Note("one"))
    await mission.update(annotate, Note("two"))

    assert (await mission.snapshot()).events["annotate"].output == {"text": "TWO", "stars": 1}
    assert [record.type.value for record in await mission.history()].count("mission-update") == 2


async def test_update_with_invalid_input_records_nothing(open_commander: OpenCommander) -> None:
    """Bad input is a `MissionValidationError`, and the mission stays as it is."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1)
    history = await mission.history()
    with pytest.raises(MissionValidationError, match=r"\$\.stars"):
        await mission.update("annotate", {"text": "x", "stars": "many"})

    assert await mission.history() == history


@pytest.mark.parametrize("name", ["broken", "lying"])
async def test_update_whose_code_fails_records_nothing(open_commander: OpenCommander, name: str) -> None:
    """Code that raises, or returns what is not its type, is a `MissionExecutionError` with its cause."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1)
    history = await mission.history()
    with pytest.raises(MissionExecutionError, match=name) as caught:
        await mission.update(name, Note("x"))

    assert caught.value.__cause__ is not None
    assert await mission.history() == history
    await mission.signal("go", "on")
    assert (await mission.result()).status == "completed"


async def test_update_on_a_mission_that_has_ended_is_refused(open_commander: OpenCommander) -> None:
    """A terminal mission takes no update, and its code does not run."""
    commander = await open_commander([NOTED])
    mission = await commander.start(NOTED, 1)
    await mission.signal("go", "on")

    with pytest.raises(MissionTerminalError, match="completed"):
        await mission.update("broken", Note("x"))


@pytest.mark.parametrize("wait", ["sleep", "retry"])
async def test_update_during_a_timer_wait_leaves_the_wait_as_it_is(
    open_commander: OpenCommander, fake_clock: FakeClock, wait: str
) -> None:
    """A mission that sleeps or waits to retry takes updates, and goes on when it is due."""
    from mission_control.core import RetryPolicy

    async def once(ctx: MissionContext[int]) -> None:
        if ctx.attempt == 1:
            raise ValueError("no")

    builder = draft().start(input=int, run=begin)
    policy = RetryPolicy(max_attempts=2, initial_interval=60)
    builder = builder.sleep("pause", 60) if wait == "sleep" else builder.step("pause", once, retry=policy)
    definition: MissionDefinition[int] = builder.end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    before = (await mission.snapshot()).waiting
    await fake_clock.advance(30)
    await mission.update("annotate", Note("x"))
    assert (await mission.snapshot()).waiting == before
    await fake_clock.advance(30)

    assert await mission.status() == "completed"


async def test_update_is_held_while_the_mission_runs(open_commander: OpenCommander) -> None:
    """An update that comes while a step runs is applied when the mission next waits."""
    gate = Gate()
    definition: MissionDefinition[int] = draft().start(input=int, run=gate).need_to("go", str).end()
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    update = asyncio.create_task(mission.update("annotate", Note("x")))
    await turns()
    assert not update.done()
    gate.opened.set()
    await update

    assert [record.type.value for record in await mission.history()][-2:] == ["waiting-for-signal", "mission-update"]


async def test_updates_and_signals_are_taken_one_after_another(open_commander: OpenCommander) -> None:
    """A signal that comes while an update's code runs is applied after it."""
    gate = Gate()

    async def slow(ctx: MissionContext[Any], text: str) -> str:
        return await gate(ctx)

    definition = m.define("d").update("slow", str, slow).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    update = asyncio.create_task(mission.update("slow", "x"))
    await gate.begun.wait()
    signal = asyncio.create_task(mission.signal("go", "on"))
    late = asyncio.create_task(mission.update("slow", "late"))
    await turns()
    assert not signal.done()
    gate.opened.set()
    await asyncio.gather(update, signal)
    with pytest.raises(MissionTerminalError):
        await late

    assert [record.type.value for record in await mission.history()][-3:] == [
        "mission-update",
        "signal-received",
        "mission-completed",
    ]


async def test_deadline_waits_for_an_update(open_commander: OpenCommander) -> None:
    """A deadline that passes while an update's code runs is handled after it; a signal that was held before wins."""
    gate = Gate()

    async def slow(ctx: MissionContext[Any], text: str) -> str:
        return await gate(ctx)

    clock = FakeClock(hang_patience=0.02)
    definition = (
        m.define("d").update("slow", str, slow).start(input=int, run=begin).need_to("go", str, timeout=60).end()
    )
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 1)
    update = asyncio.create_task(mission.update("slow", "x", timeout=3600))
    await gate.begun.wait()
    await clock.advance(61)
    assert await mission.status() == "waiting"
    gate.opened.set()
    assert await update == "passed"
    await commander.settled()

    history = [record.type.value for record in await mission.history()]
    assert history[-3:] == ["mission-update", "signal-timed-out", "mission-failed"]


async def test_cancel_wins_over_an_update(open_commander: OpenCommander) -> None:
    """A mission is cancelled while its update's code runs; the update is not recorded, and its caller is told."""
    gate = Gate()

    async def slow(ctx: MissionContext[Any], text: str) -> str:
        return await gate(ctx)

    definition = m.define("d").update("slow", str, slow).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander(max_concurrency=1)
    mission = await commander.start(definition, 1)
    update = asyncio.create_task(mission.update("slow", "x"))
    await gate.begun.wait()
    assert (await mission.cancel("enough")).status == "cancelled"
    with pytest.raises(MissionTerminalError):
        await update

    assert "mission-update" not in {record.type.value for record in await mission.history()}


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_update_that_takes_too_long_is_given_up(open_commander: OpenCommander, kind: str) -> None:
    """The timeout runs on the injected clock from when the code begins; nothing is recorded; the mission goes on."""
    gate, thread = Gate(), ThreadGate()

    async def slow(ctx: MissionContext[Any], text: str) -> str:
        return await gate(ctx)

    def slow_on_thread(ctx: MissionContext[Any], text: str) -> str:
        return thread(ctx)

    clock = FakeClock(hang_patience=0.02)
    definition = (
        m.define("d")
        .update("async", str, slow)
        .update("sync", str, slow_on_thread)
        .start(input=int, run=begin)
        .need_to("go", str)
        .end()
    )
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 1)
    history = await mission.history()
    update = asyncio.create_task(mission.update(kind, "x"))
    await (gate if kind == "async" else thread).begun.wait()
    await clock.advance(29.9)
    await turns()
    assert not update.done()
    await clock.advance(0.1)
    with pytest.raises(MissionExecutionError, match="30 s") as caught:
        await update

    assert isinstance(caught.value.__cause__, TimeoutError)
    assert await mission.history() == history
    await mission.signal("go", "on")
    assert (await mission.result()).status == "completed"
    thread.opened.set()


async def test_timeout_of_an_update_does_not_count_what_it_waited_for(open_commander: OpenCommander) -> None:
    """An update that was held behind a long step has its whole time once its code begins."""
    gate = Gate()
    clock = FakeClock(hang_patience=0.02)
    definition: MissionDefinition[int] = draft().start(input=int, run=gate, timeout=3600).need_to("go", str).end()
    commander = await open_commander(clock=clock)
    mission = await commander.start(definition, 1, wait=False)
    await gate.begun.wait()
    update = asyncio.create_task(mission.update("annotate", Note("x"), timeout=1))
    await clock.advance(600)
    gate.opened.set()

    assert await update == Note("X", 1)


async def test_update_takes_a_slot(open_commander: OpenCommander) -> None:
    """With every slot taken, an update's code waits; a withdrawn one leaves no trace."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    commander = await open_commander([NOTED], max_concurrency=1)
    mission = await commander.start(NOTED, 1)
    await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    kept = asyncio.create_task(mission.update("annotate", Note("kept")))
    withdrawn = asyncio.create_task(mission.update("annotate", Note("withdrawn")))
    await turns()
    assert not kept.done()
    withdrawn.cancel()
    await asyncio.gather(withdrawn, return_exceptions=True)
    gate.opened.set()
    await kept
    await commander.settled()

    updates = [record for record in await mission.history() if record.type == "mission-update"]
    assert [update.details["input"]["text"] for update in updates] == ["kept"]


async def test_withdrawn_update_that_alone_waited_for_a_slot_lets_its_mission_rest(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """Cancelling the caller of an update that waits for a slot leaves the mission waiting, and its deadline working."""
    gate = Gate()
    blocker = m.define("blocker").start(input=int, run=gate).end()
    commander = await open_commander([NOTED], max_concurrency=1)
    mission = await commander.start(NOTED, 1)
    blocking = await commander.start(blocker, 1, wait=False)
    await gate.begun.wait()
    withdrawn = asyncio.create_task(mission.update("annotate", Note("withdrawn")))
    await turns()
    withdrawn.cancel()
    await asyncio.gather(withdrawn, return_exceptions=True)
    gate.opened.set()
    await blocking.result()
    await fake_clock.advance(60)

    assert await mission.status() == "failed"
    assert "mission-update" not in {record.type.value for record in await mission.history()}


async def test_update_that_runs_at_close_is_refused_and_not_recorded(open_commander: OpenCommander) -> None:
    """Close stops an update's code; its caller is told, and the mission waits on under the next commander."""
    gate = Gate()

    async def slow(ctx: MissionContext[Any], text: str) -> str:
        return await gate(ctx)

    definition = m.define("d").update("slow", str, slow).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1, mission_id="mine")
    update = asyncio.create_task(mission.update("slow", "x"))
    await gate.begun.wait()
    await commander.close()
    with pytest.raises(CommanderClosedError):
        await update
    commander = await open_commander()

    inspection = await commander.inspect_mission("mine")
    assert inspection is not None
    assert inspection.snapshot.status == "waiting"
    assert "slow" not in inspection.snapshot.events


async def test_update_may_be_cancelled_by_its_caller_while_it_runs(open_commander: OpenCommander) -> None:
    """A caller that goes away does not take the update along: it is recorded or not, and the mission goes on."""
    gate = Gate()

    async def slow(ctx: MissionContext[Any], text: str) -> str:
        return await gate(ctx)

    definition = m.define("d").update("slow", str, slow).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    update = asyncio.create_task(mission.update("slow", "x"))
    await gate.begun.wait()
    update.cancel()
    await asyncio.gather(update, return_exceptions=True)
    gate.opened.set()
    await commander.settled()
    await mission.signal("go", "on")

    assert (await mission.result()).status == "completed"


async def test_signal_and_update_of_a_mission_that_no_longer_fits_are_refused(open_commander: OpenCommander) -> None:
    """The first operation that needs a definition that does not fit says which node, and changes nothing."""
    changed: MissionDefinition[int] = draft().start(input=int, run=begin).need_to("other", str).end()
    commander = await open_commander([NOTED])
    await commander.start(NOTED, 1, mission_id="stranded")
    commander = await open_commander([changed])
    mission = await commander.get_mission("stranded")
    assert mission is not None
    history = await mission.history()
    for call in (
        mission.signal("go", "on"),
        mission.update("annotate", Note("x")),
        mission.query("seen"),
    ):
        with pytest.raises(MissionDefinitionMismatchError, match="'go'"):
            await call

    assert await mission.history() == history


async def test_events_of_updates_are_there_for_steps(open_commander: OpenCommander) -> None:
    """A step sees what updates recorded."""

    async def last(ctx: MissionContext[int]) -> Any:
        return [ctx.events["annotate"].input, ctx.events["annotate"].output]

    definition: MissionDefinition[int] = draft().start(input=int, run=begin).need_to("go", str).step("last", last).end()
    commander = await open_commander()
    mission = await commander.start(definition, 1)
    await mission.update("annotate", Note("x"))
    with pytest.raises(MissionSignalError):
        await mission.signal("annotate", "x")
    await mission.signal("go", "on")

    assert await mission.output() == [{"text": "x", "stars": 0}, {"text": "X", "stars": 1}]


async def test_update_that_ends_while_its_mission_is_being_cancelled_is_refused(open_commander: OpenCommander) -> None:
    """The cancellation is on its way to storage and wins; the update is answered, and nothing of it recorded."""
    gate, storage = Gate(), Kept(Gated)

    async def change(ctx: MissionContext[int], value: int) -> int:
        await gate(ctx)
        return value

    definition = m.define("d").update("change", int, change).start(input=int, run=begin).need_to("go", str).end()
    commander = await open_commander([definition], wrap=storage)
    mission = await commander.start(definition, 1)
    update = asyncio.create_task(mission.update("change", 2))
    await gate.begun.wait()
    storage.adapter.gate.clear()
    storage.adapter.arrived.clear()
    cancelling = asyncio.create_task(mission.cancel())
    await storage.adapter.arrived.wait()
    gate.opened.set()
    for _ in range(20):
        await asyncio.sleep(0)
    storage.adapter.gate.set()

    async with asyncio.timeout(30):
        assert (await cancelling).status == "cancelled"
        with pytest.raises(MissionTerminalError):
            await update
    assert "change" not in (await mission.snapshot()).events
