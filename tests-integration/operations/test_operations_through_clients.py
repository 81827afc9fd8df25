"""An operator does the same by a commander, by each client, and through the mailbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import define

from mission_control.adapter_sqlite import open_mission_reader
from mission_control.core import (
    Finding,
    HistoryType,
    Mailbox,
    MissionAlreadyExistsError,
    MissionContext,
    MissionDefinitionError,
    MissionExecutionError,
    MissionNotFoundError,
    MissionRows,
    MissionSnapshot,
    MissionStatus,
    MissionTerminalError,
    MissionValidationError,
    PersistenceAdapter,
    PersistenceError,
    RetryPolicy,
    m,
)
from storages import OpenCommander
from ways import OnAThread, Place

T = HistoryType
START = datetime(1970, 1, 1, tzinfo=UTC)
DAY = START + timedelta(days=1)
FOR_EVER = timedelta(days=400 * 365)


@define
class Parcel:
    weight: float


async def given(ctx: MissionContext[int]) -> int:
    return ctx.input


async def pack(ctx: MissionContext[int]) -> Parcel:
    raise ValueError("no paper")


nap = m.define("nap").start(input=int, run=given).sleep("sleep", FOR_EVER).end()
late = (
    m.define("late")
    .start(input=int, run=given)
    .step("pack", pack, retry=RetryPolicy(max_attempts=2, initial_interval=FOR_EVER))
    .end()
)
failing = m.define("failing").start(input=int, run=given).step("pack", pack).end()
order = m.define("order").start(input=int, run=given).need_to("approve", int).end()
quick = m.define("quick").start(input=int, run=given).end()
DEFINITIONS = [nap, late, failing, order, quick]


@pytest.fixture
async def place(
    open_commander: OpenCommander,
    adapter_factory: Callable[[], PersistenceAdapter],
    mailbox: Mailbox,
    database_path: Path,
) -> Place:
    """A mission of each kind, under the name of its definition, and no owner."""
    commander = await open_commander(DEFINITIONS)
    for definition in DEFINITIONS:
        await commander.start(definition, 1, mission_id=definition.name, wait=False)
    await commander.settled()
    await open_commander.close()
    return Place(adapter_factory, mailbox, database_path, DEFINITIONS)


async def types(asked: Any, mission_id: str) -> list[HistoryType]:
    """Return what is on record of a mission."""
    return [record.type for record in (await asked.inspect_mission(mission_id)).history]


async def noted(asked: Any, mission_id: str) -> list[str]:
    """Return who is noted in the records of a mission."""
    history = (await asked.inspect_mission(mission_id)).history
    return [record.details["by"] for record in history if "by" in record.details]


async def ended(asked: Any, mission_id: str) -> MissionSnapshot:
    """Return the state of a mission when it has ended."""
    mission = await asked.get_mission(mission_id)
    result: MissionSnapshot = await (OnAThread(mission) if isinstance(asked, OnAThread) else mission).result()
    return result


async def test_a_mission_is_paused_and_resumed(asked: Any) -> None:
    """Its row says so, and a second time changes nothing."""
    for _ in range(2):
        paused = await asked.operations.pause_mission("order", by="ops")
        assert (paused.mission_id, paused.paused, paused.status) == ("order", True, MissionStatus.WAITING)
    assert [one.mission_id for one in await asked.list_missions() if one.paused] == ["order"]
    for _ in range(2):
        resumed = await asked.operations.resume_mission("order", by="ada")
        assert (resumed.mission_id, resumed.paused, resumed.status) == ("order", False, MissionStatus.WAITING)
    assert [one.mission_id for one in await asked.list_missions() if one.paused] == []
    assert (await types(asked, "order"))[-2:] == [T.MISSION_PAUSED, T.MISSION_RESUMED]
    assert await noted(asked, "order") == ["ops", "ada"]


@pytest.mark.parametrize("path", [None, "sleep"])
async def test_a_mission_is_woken(asked: Any, path: str | None) -> None:
    """It goes on at once, and the record of its timer says why."""
    assert (await asked.operations.wake_mission("nap", path=path, by="ops")).mission_id == "nap"
    assert (await ended(asked, "nap")).status is MissionStatus.COMPLETED
    assert await noted(asked, "nap") == ["ops"]


@pytest.mark.parametrize("step", [None, "pack"])
@pytest.mark.parametrize("mission_id", ["late", "failing"])
async def test_a_step_is_skipped(asked: Any, mission_id: str, step: str | None) -> None:
    """The mission goes on with what is given in place of what it would have returned."""
    skipped = await asked.operations.skip_step(mission_id, output={"weight": 2}, step=step, by="ops")
    assert skipped.mission_id == mission_id
    snapshot = await ended(asked, mission_id)
    assert (snapshot.status, snapshot.output) == (MissionStatus.COMPLETED, {"weight": 2.0})
    assert T.STEP_SKIPPED in await types(asked, mission_id)
    assert set(await noted(asked, mission_id)) == {"ops"}


async def test_a_typed_output_is_given(asked: Any) -> None:
    """By whoever has the class, also where the step is not named, and its definition not known."""
    await asked.operations.skip_step("late", output=Parcel(2.0))
    assert (await ended(asked, "late")).output == {"weight": 2.0}


async def test_an_output_that_does_not_fit_is_refused(asked: Any) -> None:
    """By the type of the step, with what is wrong, and nothing is on record."""
    before = await types(asked, "late")
    with pytest.raises(MissionValidationError, match="the output of step 'pack' of mission 'late'") as raised:
        await asked.operations.skip_step("late", output={"weight": "heavy"})
    assert (raised.value.event_name, raised.value.issues) == ("pack", ("$.weight: expected float, got str 'heavy'",))
    with pytest.raises(MissionValidationError):
        await asked.operations.skip_step("late", output=object(), step="pack")
    assert await types(asked, "late") == before


@pytest.mark.parametrize("step", [None, "pack", "start"])
async def test_a_mission_is_reopened(asked: Any, step: str | None) -> None:
    """It goes on, fails as it did before, and both are on record."""
    assert (await asked.operations.reopen_mission("failing", step=step, by="ops")).mission_id == "failing"
    assert (await ended(asked, "failing")).status is MissionStatus.FAILED
    kinds = await types(asked, "failing")
    assert (kinds.count(T.MISSION_REOPENED), kinds.count(T.MISSION_FAILED)) == (1, 2)
    assert await noted(asked, "failing") == ["ops"]


async def test_a_mission_is_exported_and_taken_in(asked: Any) -> None:
    """Under another id, paused unless it has ended; the form is JSON, and what is resumed goes on."""
    for name, is_paused in (("late", True), ("quick", False)):
        form = json.loads(json.dumps(await asked.operations.export_mission(name)))
        taken_in = await asked.operations.import_mission(form, mission_id=f"{name} again")
        assert (taken_in.mission_id, taken_in.mission_name, taken_in.paused) == (f"{name} again", name, is_paused)
        known, again = [(await asked.inspect_mission(one)).history for one in (name, f"{name} again")]
        assert again[: len(known)] == known
    await asked.operations.resume_mission("late again")
    await asked.operations.skip_step("late again", output={"weight": 1})
    assert (await ended(asked, "late again")).status is MissionStatus.COMPLETED
    assert not (await asked.inspect_mission("late")).snapshot.status.is_terminal


async def test_what_cannot_be_taken_in_is_refused(asked: Any) -> None:
    """A form that is none is a `ValueError`, and nothing is there of it."""
    form = await asked.operations.export_mission("late")
    with pytest.raises(MissionAlreadyExistsError, match="'late'"):
        await asked.operations.import_mission(form)
    with pytest.raises(ValueError, match="newer release"):
        await asked.operations.import_mission({**form, "format": 99}, mission_id="new")
    cut = {**form, "history": form["history"][1:]}
    wrong_forms: list[object] = [None, "late", [], {}, {**form, "history": []}, cut, object()]
    for wrong in wrong_forms:
        with pytest.raises(ValueError, match="form"):
            await asked.operations.import_mission(wrong, mission_id="new")
    with pytest.raises(ValueError, match="control characters"):
        await asked.operations.import_mission(form, mission_id="a\nb")
    with pytest.raises(TypeError, match="a mission id"):
        await asked.operations.import_mission(form, mission_id=5)
    with pytest.raises(MissionNotFoundError):
        await asked.operations.export_mission("nobody")
    with pytest.raises(TypeError, match="a mission id"):
        await asked.operations.export_mission(5)
    assert len(await asked.list_missions()) == len(DEFINITIONS)


async def test_what_cannot_be_done_is_refused(asked: Any) -> None:
    """With the class that says why, and nothing is on record."""
    operations = asked.operations
    before = {name: await types(asked, name) for name in ("nap", "late", "failing", "order", "quick")}
    refused = [
        (MissionTerminalError, operations.pause_mission("quick")),
        (MissionTerminalError, operations.resume_mission("quick")),
        (MissionTerminalError, operations.reopen_mission("quick")),
        (MissionTerminalError, operations.wake_mission("failing")),
        (MissionTerminalError, operations.skip_step("quick", output=1)),
        (MissionExecutionError, operations.wake_mission("order")),
        (MissionExecutionError, operations.wake_mission("nap", path="nap")),
        (MissionExecutionError, operations.reopen_mission("order")),
        (MissionExecutionError, operations.reopen_mission("failing", step="sail")),
        (MissionExecutionError, operations.skip_step("order", output=1)),
        (MissionExecutionError, operations.skip_step("late", output=1, step="start")),
        (MissionNotFoundError, operations.pause_mission("nobody")),
        (MissionNotFoundError, operations.resume_mission("")),
        (MissionNotFoundError, operations.wake_mission("\ud800")),
        (MissionNotFoundError, operations.reopen_mission("x" * 10_000)),
        (MissionNotFoundError, operations.skip_step("nobody", output=1)),
        (MissionDefinitionError, operations.pause_mission("order", by="")),
        (TypeError, operations.pause_mission(b"order")),
        (TypeError, operations.wake_mission("nap", path=5)),
        (TypeError, operations.reopen_mission("failing", step=5)),
    ]
    for kind, asking in refused:
        with pytest.raises(kind):
            await asking
    assert {name: await types(asked, name) for name in before} == before


# All missions


async def test_missions_are_purged(asked: Any) -> None:
    """Those alone that are asked for, and it is said how many; what has not ended stays."""
    assert await asked.operations.purge_missions(ended_before=DAY, status="cancelled") == 0
    assert await asked.operations.purge_missions(ended_before=START, status=[MissionStatus.COMPLETED]) == 0
    assert await asked.operations.purge_missions(ended_before=DAY, mission_name="nap") == 0
    assert await asked.operations.purge_missions(ended_before=DAY, status="completed", limit=5) == 1
    assert await asked.inspect_mission("quick") is None
    assert await asked.operations.purge_missions(ended_before=DAY) == 1
    assert [one.mission_id for one in await asked.list_missions()] == ["nap", "late", "order"]


async def test_a_purge_is_as_large_as_it_is_said(asked: Any) -> None:
    """The first to have ended go first."""
    assert await asked.operations.purge_missions(ended_before=DAY, limit=1) == 1
    assert await asked.operations.purge_missions(ended_before=DAY, limit=1) == 1
    assert await asked.operations.purge_missions(ended_before=DAY, limit=1) == 0


async def test_what_cannot_be_purged_is_refused(asked: Any) -> None:
    """Before anything is asked for."""
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ValueError, "ended_before: .*naive", {"ended_before": DAY.replace(tzinfo=None)}),
        (ValueError, "expected completed, failed or cancelled", {"status": "waiting"}),
        (ValueError, "expected completed, failed or cancelled", {"status": ["failed", "idle"]}),
        (ValueError, "status: expected one or several", {"status": []}),
        (ValueError, "limit: expected an int of 1 or more", {"limit": 0}),
        (TypeError, "mission_name: expected a str", {"mission_name": 5}),
    ]
    for kind, message, options in refused:
        with pytest.raises(kind, match=message):
            await asked.operations.purge_missions(**{"ended_before": DAY, **options})
    assert len(await asked.list_missions()) == len(DEFINITIONS)


async def test_a_plan_is_made(asked: Any) -> None:
    """Of missions that stand anywhere; nothing is registered by it."""
    shorter = m.define("order").start(input=int, run=given).end()
    plan = await asked.operations.plan([shorter])
    assert not plan.is_safe
    (group,) = [group for group in plan.groups if group.mission_name == "order"]
    assert (group.effect, group.node, group.count, group.examples) == ("stranded", "approve", 1, ("order",))
    assert (await asked.operations.plan(DEFINITIONS)).is_safe
    assert not (await asked.operations.pause_mission("order")).status.is_terminal


async def test_missions_are_counted(asked: Any) -> None:
    """By name and status, and what is open and has failed."""
    statistics = await asked.operations.statistics()
    counts = {(one.mission_name, one.status): one.count for one in statistics.missions}
    assert counts == {
        ("failing", MissionStatus.FAILED): 1,
        ("late", MissionStatus.WAITING): 1,
        ("nap", MissionStatus.WAITING): 1,
        ("order", MissionStatus.WAITING): 1,
        ("quick", MissionStatus.COMPLETED): 1,
    }
    assert [(one.signal, one.count) for one in statistics.waits] == [("approve", 1)]
    assert [(one.code, one.type, one.node) for one in statistics.failures] == [("STEP_FAILED", "ValueError", "pack")]


@pytest.fixture
async def wrong(place: Place) -> None:
    """Have what is stored beside a history say something else than that."""
    adapter = place.adapter()
    await adapter.bootstrap()
    (stored,) = await adapter.audit(limit=1, mission_id="order")
    assert isinstance(stored.rows, MissionRows)
    summary = attrs.evolve(stored.rows.summary, cursor="somewhere")
    assert await adapter.rewrite(attrs.evolve(stored.rows, summary=summary))
    await adapter.close()


@pytest.mark.usefixtures("wrong")
async def test_what_is_wrong_is_found_and_put_right(asked: Any) -> None:
    """By who runs the missions; who asked is told what was done, and how far it is."""
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    (found,) = await wrong_rows(asked, progress=progress)
    assert (found.mission_id, found.repaired) == ("order", False)
    assert seen[-1] == (len(DEFINITIONS), len(DEFINITIONS))
    (repaired,) = await wrong_rows(asked, repair=True)
    assert (repaired.mission_id, repaired.repaired) == ("order", True)
    assert await wrong_rows(asked) == []
    assert [one.cursor for one in await asked.list_missions(mission_name="order")] == ["approve"]


async def test_what_no_doctor_can_be_told_is_refused(asked: Any) -> None:
    """Before anything is read."""
    with pytest.raises(TypeError, match="repair: expected True or False, found str 'yes'"):
        await asked.operations.doctor(repair="yes")
    with pytest.raises(TypeError, match="progress: expected a function of two numbers, found int 5"):
        await asked.operations.doctor(progress=5)


async def test_who_is_told_how_far_it_is_may_fail(asked: Any) -> None:
    """What it raises comes out."""

    def progress(done: int, total: int) -> None:
        raise ZeroDivisionError(f"{done} of {total}")

    with pytest.raises(ZeroDivisionError):
        await asked.operations.doctor(progress=progress)


async def wrong_rows(asked: Any, **options: Any) -> list[Finding]:
    """Return what is found wrong in what is stored; who knows no definition finds them missing besides."""
    found: list[Finding] = await asked.operations.doctor(**options)
    assert {one.kind for one in found} <= {"wrong rows", "not registered", "old wait"}
    return [one for one in found if one.kind == "wrong rows"]


@pytest.mark.parametrize("adapter_factory", ["sqlite"], indirect=True)
async def test_a_copy_of_a_file_is_made(asked: Any, tmp_path: Path) -> None:
    """It has what was there, and nothing that is at its place is written over."""
    path = tmp_path / "copy.db"
    await asked.operations.backup(path)
    async with open_mission_reader(path) as reader:
        assert await reader.list_missions() == await asked.list_missions()
    with pytest.raises(PersistenceError, match=r"copy\.db"):
        await asked.operations.backup(str(path))
    with pytest.raises(TypeError, match="path: expected"):
        await asked.operations.backup(5)


@pytest.mark.parametrize("adapter_factory", ["memory"], indirect=True)
async def test_there_is_no_copy_of_a_memory(asked: Any, tmp_path: Path) -> None:
    """Who asks for one is told."""
    with pytest.raises(PersistenceError, match="memory"):
        await asked.operations.backup(tmp_path / "copy.db")
