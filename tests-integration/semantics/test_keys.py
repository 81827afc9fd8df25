"""Rule 52: of the signals and updates with one key one is applied, for as long as a mission's history is kept."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define

from approvals import APPROVE, Approval, begin, fail
from flows import flow, path
from keyed import ANN, GO, ROUND, Notes, found, never, twice, waits_for
from mission_control.core import (
    HistoryType,
    MissionContext,
    MissionDefinitionError,
    MissionExecutionError,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    MissionValidationError,
    Signal,
    m,
)
from mission_control.testing import FakeClock
from storages import OpenCommander

T = HistoryType

# Signals


async def test_repeated_signal_returns_and_changes_nothing(open_commander: OpenCommander) -> None:
    """It is not taken for the wait that is open by then, and no record is added."""
    definition = m.define("it").start(input=int, run=begin).need_to(APPROVE).repeat("again", ROUND, until=never).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="k1")
    before = await mission.history()

    for _ in range(2):
        await mission.signal(APPROVE, ANN, key="k1")

    assert await mission.history() == before
    assert await waits_for(mission) == "again[0]/approve"
    await mission.signal(APPROVE, ANN, key="k2")
    assert await waits_for(mission) == "again[1]/approve"


async def test_record_and_inspection_bear_the_key(open_commander: OpenCommander) -> None:
    """The key is in the details of the record, and in the view of signals; one without has none."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="webhook-7")
    await mission.signal("ship", ANN)
    inspection = await mission.inspect()

    received = [record for record in inspection.history if record.type is T.SIGNAL_RECEIVED]
    assert [record.details.get("key") for record in received] == ["webhook-7", None]
    assert [signal.key for signal in inspection.signals] == ["webhook-7", None]
    assert "key" not in received[1].details
    assert '{"by": "ann", "amount": 1}, key webhook-7\n' in str(inspection)


@pytest.mark.parametrize("crashes", [True, False], ids=["crash", "close"])
async def test_key_is_remembered_after_a_restart(open_commander: OpenCommander, *, crashes: bool) -> None:
    """While the mission waits for something else, and when it has ended."""
    definition = twice()
    mission = await (await open_commander([definition])).start(definition, 5, mission_id="x")
    await mission.signal(APPROVE, ANN, key="k1")
    for name, key in (("ship", "k2"), (None, None)):
        if crashes:
            await open_commander.crash()
        mission = await found(await open_commander([definition]))
        before = await mission.history()
        await mission.signal(APPROVE, ANN, key="k1")
        assert await mission.history() == before
        if name is not None:
            await mission.signal(name, ANN, key=key)
    await mission.signal("ship", ANN, key="k2")

    assert await mission.status() == MissionStatus.COMPLETED


@pytest.mark.parametrize("ended", ["completed", "failed", "cancelled"])
async def test_key_is_remembered_after_the_end(open_commander: OpenCommander, ended: str) -> None:
    """A repeat returns where any other signal is refused."""
    builder = m.define("it").update("note", str, Notes()).start(input=int, run=begin).need_to(APPROVE)
    builder = builder.step("fail", fail) if ended == "failed" else builder
    definition = (builder.need_to("ship", Approval) if ended == "cancelled" else builder).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    output = await mission.update("note", "a", key="k0")
    await mission.signal(APPROVE, ANN, key="k1")
    if ended == "cancelled":
        await mission.cancel()
    assert await mission.status() == ended
    before = await mission.history()

    await mission.signal(APPROVE, ANN, key="k1")
    assert await mission.update("note", "a", key="k0") == output == "a 1"

    assert await mission.history() == before
    with pytest.raises(MissionSignalError):
        await mission.signal(APPROVE, ANN, key="k2")
    with pytest.raises(MissionTerminalError):
        await mission.update("note", "a", key="k3")


async def test_key_is_remembered_without_the_definition(open_commander: OpenCommander) -> None:
    """A mission that has ended answers a repeat also where its definition is gone: it is compared as plain JSON."""
    definition = m.define("it").start(input=int, run=begin).need_to(APPROVE).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5, mission_id="x")
    await mission.signal(APPROVE, ANN, key="k1")
    changed = m.define("it").start(input=int, run=begin).need_to("approve", int).end()
    mission = await found(await open_commander([changed]))

    await mission.signal("approve", {"amount": 1, "by": "ann"}, key="k1")
    with pytest.raises(MissionSignalError, match=r"differs from what bears it in the payload at \$\.by;"):
        await mission.signal("approve", {"amount": 1, "by": "bob"}, key="k1")


async def test_key_of_a_mission_that_no_longer_fits_is_answered(open_commander: OpenCommander) -> None:
    """A repeat changes nothing, so nothing keeps it from being answered."""
    definition = twice()
    mission = await (await open_commander([definition])).start(definition, 5, mission_id="x")
    await mission.signal(APPROVE, ANN, key="k1")
    misfit = m.define("twice").start(input=int, run=begin).need_to(APPROVE).end()
    mission = await found(await open_commander([misfit]))
    before = await mission.history()

    await mission.signal(APPROVE, ANN, key="k1")

    assert await mission.history() == before


async def test_refused_signal_does_not_use_its_key(open_commander: OpenCommander) -> None:
    """Neither one that came too early, nor one whose payload did not fit."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    with pytest.raises(MissionSignalError):
        await mission.signal("ship", ANN, key="k")
    with pytest.raises(MissionValidationError):
        await mission.signal("approve", {"by": 5}, key="k")

    await mission.signal(APPROVE, Approval(by="bob", amount=3), key="k")

    assert [signal.key for signal in (await mission.inspect()).signals] == ["k"]
    assert await waits_for(mission) == "ship"


async def test_keys_of_missions_are_apart(open_commander: OpenCommander) -> None:
    """The same key in another mission is another one."""
    definition = twice()
    commander = await open_commander([definition])
    for number in range(2):
        mission = await commander.start(definition, number)
        await mission.signal(APPROVE, Approval(by=str(number)), key="k")
        assert await waits_for(mission) == "ship"


# What differs


@pytest.mark.parametrize(
    ("name", "payload", "at", "differing"),
    [
        ("ship", {"by": "ann"}, None, "its name"),
        ("nothing", {"by": "ann"}, None, "its name"),
        ("approve", {"by": "ann"}, "p/a", "at"),
        ("approve", {"by": "bob-7"}, None, "the payload at $.by"),
        ("approve", {"by": "bob-7", "amount": 4711}, None, "the payload at $.amount, the payload at $.by"),
        ("approve", {"by": 4711}, None, "the payload at $.amount, the payload at $.by"),
        ("approve", "bob-7", None, "the payload at $"),
        ("approve", {"by": "bob-7"}, "p/a", "at, the payload at $.by"),
    ],
)
async def test_other_signal_under_a_used_key_is_refused(
    open_commander: OpenCommander, name: str, payload: Any, at: str | None, differing: str
) -> None:
    """The error names what differs, and not the values; nothing has changed, before the mission's end and after."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="k")
    for _ in range(2):
        before = await mission.history()
        with pytest.raises(MissionSignalError) as raised:
            await mission.signal(name, payload, key="k", at=at)
        assert f"'k' is used, and this signal differs from what bears it in {differing};" in str(raised.value)
        assert "4711" not in str(raised.value)
        assert "bob-7" not in str(raised.value)
        assert await mission.history() == before
        await mission.cancel()


@pytest.mark.parametrize(
    "payload", [ANN, Approval(by="ann", amount=1), {"amount": 1, "by": "ann"}, {"by": "ann"}], ids=repr
)
async def test_same_payload_may_be_written_in_another_way(open_commander: OpenCommander, payload: Any) -> None:
    """It is compared as JSON after today's schema: typed or not, in any order, with defaults or without."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="k")
    before = await mission.history()

    await mission.signal("approve", payload, key="k")

    assert await mission.history() == before


async def test_sets_are_compared_as_sets(open_commander: OpenCommander) -> None:
    """As those of inputs are, whatever order they are written in."""
    tags = Signal("tags", set[str])
    definition = m.define("it").start(input=int, run=begin).need_to(tags).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(tags, {"a", "b"}, key="k")

    await mission.signal("tags", ["b", "a"], key="k")
    with pytest.raises(MissionSignalError, match=r"the payload at \$;"):
        await mission.signal("tags", ["b"], key="k")


@define
class Sized:
    by: str
    size: int = 0


async def test_payload_is_compared_after_todays_schema(open_commander: OpenCommander) -> None:
    """A field that a deploy has added, with a default, or taken away, does not make a repeat something else."""
    definition = twice()
    mission = await (await open_commander([definition])).start(definition, 5, mission_id="x")
    await mission.signal(APPROVE, ANN, key="k")
    today = m.define("twice").start(input=int, run=begin).need_to("approve", Sized).need_to("ship", Approval).end()
    mission = await found(await open_commander([today]))
    before = await mission.history()

    for payload in ({"by": "ann"}, {"by": "ann", "size": 0}, {"by": "ann", "amount": 1}):
        await mission.signal("approve", payload, key="k")
    with pytest.raises(MissionSignalError, match=r"the payload at \$.size;"):
        await mission.signal("approve", {"by": "ann", "size": 1}, key="k")

    assert await mission.history() == before


async def test_payload_without_json_form_is_still_no_payload(open_commander: OpenCommander) -> None:
    """There is nothing to compare: the caller is told what is wrong with it."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="k")

    with pytest.raises(MissionValidationError, match="the payload has no JSON form"):
        await mission.signal("approve", object(), key="k")


async def test_note_of_who_sends_it_may_differ(open_commander: OpenCommander) -> None:
    """It is a note: what was recorded stays."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.signal(APPROVE, ANN, key="k", by="worker-1")
    before = await mission.history()

    await mission.signal(APPROVE, ANN, key="k", by="worker-2")

    assert await mission.history() == before


# Places


async def test_repeat_in_a_place_is_known_by_it(open_commander: OpenCommander) -> None:
    """`at` and the whole instance name are the same, and another item is another signal."""
    definition = flow().each("e", lambda ctx: [1, 2, 3], path().need_to(GO)).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1)
    await mission.signal(GO, 1, at="e[1]", key="k")
    before = await mission.history()

    await mission.signal(GO, 1, at="e[1]", key="k")
    await mission.signal("e[1]/go", 1, key="k")
    for at in ("e[0]", "e[2]", "e[9]", None):
        with pytest.raises(MissionSignalError, match=r"differs from what bears it in at;"):
            await mission.signal(GO, 1, at=at, key="k")

    assert await mission.history() == before


async def test_repeat_of_a_bare_name_is_not_taken_for_another_wait(open_commander: OpenCommander) -> None:
    """The bare name went to the one wait that was open; another one of the name, open by then, stays open."""
    definition = flow().each("e", lambda ctx: [1, 2], path().need_to(GO), max_concurrency=1).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 1, mission_id="x")
    await mission.signal(GO, 1, key="k")
    await open_commander.crash()
    mission = await found(await open_commander([definition]))
    before = await mission.history()

    await mission.signal(GO, 1, key="k")
    with pytest.raises(MissionSignalError, match=r"in at;"):
        await mission.signal(GO, 1, at="e[0]", key="k")

    assert await mission.history() == before
    assert await waits_for(mission) == "e[1]/go"


# Updates


async def test_repeated_update_returns_the_recorded_output(open_commander: OpenCommander) -> None:
    """Its code does not run again, also when the update was run since under other keys, and after a restart."""
    notes = Notes()
    definition = twice(notes)
    mission = await (await open_commander([definition])).start(definition, 5, mission_id="x")
    assert await mission.update("note", "a", key="k1") == "a 1"
    assert await mission.update("note", "b", key="k2") == "b 2"
    assert await mission.update("note", "c") == "c 3"
    await open_commander.crash()
    mission = await found(await open_commander([definition]))
    before = await mission.history()

    assert await mission.update(notes, "a", key="k1") == "a 1"
    assert await mission.update("note", "b", key="k2") == "b 2"

    assert notes.runs == 3
    assert await mission.history() == before
    assert [record.details.get("key") for record in before if record.type is T.MISSION_UPDATE] == ["k1", "k2", None]


async def test_repeated_update_gives_the_declared_type(open_commander: OpenCommander) -> None:
    """The output is restored as that of the first call is, fresh every time."""

    def double(ctx: MissionContext[Any], approval: Approval) -> Approval:
        return Approval(by=approval.by, amount=approval.amount * 2)

    definition = m.define("it").update("double", Approval, double).start(input=int, run=begin).need_to(GO).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    first = await mission.update(double, ANN, key="k")
    first.amount = 99

    assert await mission.update(double, {"by": "ann"}, key="k") == Approval(by="ann", amount=2)


async def test_other_update_under_a_used_key_is_refused(open_commander: OpenCommander) -> None:
    """Another name or input, or a signal, under the key of an update, and an update under the key of a signal."""
    notes = Notes()
    definition = twice(notes)
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    await mission.update("note", "a", key="k1")
    await mission.signal(APPROVE, ANN, key="k2")
    before = await mission.history()

    with pytest.raises(MissionSignalError, match=r"this update differs from what bears it in the input at \$;"):
        await mission.update("note", "b", key="k1")
    with pytest.raises(MissionSignalError, match="in its name;"):
        await mission.update("other", "a", key="k1")
    with pytest.raises(MissionSignalError, match=r"this signal differs .* in its kind: that was an update;"):
        await mission.signal("ship", ANN, key="k1")
    with pytest.raises(MissionSignalError, match=r"this update differs .* in its kind: that was a signal;"):
        await mission.update("note", "a", key="k2")

    assert (await mission.history(), notes.runs) == (before, 1)


async def test_refused_update_does_not_use_its_key(open_commander: OpenCommander) -> None:
    """Neither one whose code raised, nor one whose input did not fit."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    with pytest.raises(MissionExecutionError):
        await mission.update("note", "bad", key="k")
    with pytest.raises(MissionValidationError):
        await mission.update("note", 5, key="k")

    assert await mission.update("note", "a", key="k") == "a 2"


# What can be a key


@pytest.mark.parametrize("key", ["", "k" * 256, "a\nb", "\ud800", 5, b"k"], ids=repr)
async def test_what_cannot_be_a_key_is_refused(open_commander: OpenCommander, key: Any) -> None:
    """It has 1 to 255 characters, as ids have; nothing was asked of the mission."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    before = await mission.history()

    with pytest.raises(MissionDefinitionError, match=r"^key: "):
        await mission.signal(APPROVE, ANN, key=key)
    with pytest.raises(MissionDefinitionError, match=r"^key: "):
        await mission.update("note", "a", key=key)

    assert await mission.history() == before


@pytest.mark.parametrize("key", ["k", "é" * 255, "a/b [c] undo:d", "start"], ids=len)
async def test_any_other_text_is_a_key(open_commander: OpenCommander, fake_clock: FakeClock, key: str) -> None:
    """Keys are the senders' own: no name is reserved among them."""
    definition = twice()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)

    for _ in range(2):
        await mission.signal(APPROVE, ANN, key=key)

    assert [signal.key for signal in (await mission.inspect()).signals] == [key]
