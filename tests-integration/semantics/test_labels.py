"""`labels`: what a mission is started with to be found by, its children's too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from children import begun, given, parent_of, patient, quick
from mission_control.client import create_commander_client
from mission_control.core import Commander, Mailbox, MissionDefinitionError, m
from one_step import found
from storages import OpenCommander

EMPLOYEE = {"employee": "e-17", "Größe": "4'2\""}


class Failing(Mapping[str, str]):
    """A mapping that fails to say what it has."""

    def __getitem__(self, name: str) -> str:
        raise RuntimeError("it cannot be read")

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


async def shown(commander: Commander) -> dict[str, dict[str, str]]:
    """Return the labels of each mission, as they are listed; its snapshot has the same."""
    rows = [one async for one in commander.iter_missions()]
    for row in rows:
        inspection = await commander.inspect_mission(row.mission_id)
        assert inspection is not None
        assert inspection.snapshot.labels == row.labels
    return {row.mission_id: dict(row.labels) for row in rows}


async def test_mission_has_the_labels_of_its_start(open_commander: OpenCommander) -> None:
    """In its summary and snapshot, its first record and its timeline, whatever it does, and after a restart."""
    commander = await open_commander([patient])
    mission = await commander.start(patient, 4, mission_id="x", labels=MappingProxyType(EMPLOYEE))
    assert await shown(commander) == {"x": EMPLOYEE}
    assert (await mission.snapshot()).labels == EMPLOYEE
    commander = await open_commander([patient])
    assert await shown(commander) == {"x": EMPLOYEE}
    mission = await found(commander, "x")
    await mission.signal("go", "now")

    assert await shown(commander) == {"x": EMPLOYEE}
    inspection = await mission.inspect()
    assert inspection.history[0].details["labels"] == EMPLOYEE
    assert "labels employee=e-17, Größe=4'2\"" in str(inspection)


async def test_mission_without_labels_has_none(open_commander: OpenCommander) -> None:
    """Its records are what they were before there was a place for them."""
    commander = await open_commander([patient])
    started = [
        await commander.start(patient, 4, mission_id="x"),
        await commander.start(patient, 4, mission_id="y", labels={}),
    ]

    for mission in started:
        assert "labels" not in (await mission.history())[0].details
    assert await shown(commander) == {"x": {}, "y": {}}


async def test_idle_handle_takes_them_too(open_commander: OpenCommander) -> None:
    """`handle.start` gives the mission its labels as `start` does."""
    commander = await open_commander([patient])
    await commander.create_mission(patient, mission_id="x").start(4, labels=EMPLOYEE)

    assert await shown(commander) == {"x": EMPLOYEE}


@pytest.mark.parametrize("wait", [True, False])
async def test_children_and_their_children_have_the_labels_of_their_parent(
    open_commander: OpenCommander, wait: bool
) -> None:
    """Whether they are waited for or not; those of a mission without labels have none."""
    child = parent_of(quick, wait=wait)
    parent = m.define("family").start(input=int, run=given).mission("child", child, given, wait=wait).end()
    commander = await open_commander([parent])
    await commander.start(parent, 4, mission_id="p", labels=EMPLOYEE)
    await commander.start(parent, 4, mission_id="q")
    await commander.settled()

    labels = {"p": EMPLOYEE, "p/child": EMPLOYEE, "p/child/child": EMPLOYEE, "q": {}, "q/child": {}}
    assert await shown(commander) == {**labels, "q/child/child": {}}


async def test_child_that_begins_after_a_restart(open_commander: OpenCommander) -> None:
    """It has the labels that are on record of its parent."""
    parent = m.define("parent").start(input=int, run=given).need_to("go", str).mission("child", quick, given).end()
    await (await open_commander([parent])).start(parent, 4, mission_id="p", labels=EMPLOYEE)
    commander = await open_commander([parent])
    await (await found(commander, "p")).signal("go", "now")

    assert await shown(commander) == {"p": EMPLOYEE, "p/child": EMPLOYEE}


async def test_mission_that_is_there_keeps_its_own(open_commander: OpenCommander) -> None:
    """Where a start returns it, the labels that came with that are ignored."""
    commander = await open_commander([patient])
    mission = await begun(commander, patient)
    again = await commander.start(patient, 4, mission_id="p", if_exists="return", labels=EMPLOYEE)

    assert again.mission_id == mission.mission_id
    assert await shown(commander) == {"p": {}}


REFUSED: dict[str, tuple[Any, str]] = {
    "text": ("employee", "labels: expected a mapping of text to text, found str 'employee'"),
    "pairs": ([("a", "b")], "labels: expected a mapping of text to text, found list"),
    "number": (5, "labels: expected a mapping of text to text, found int 5"),
    "name that is no text": ({5: "a"}, "labels, a label's name: expected a str, found int 5"),
    "no name": ({"": "a"}, "labels, a label's name: expected 1 to 255 characters, found 0"),
    "long name": ({"a" * 256: "a"}, "labels, a label's name: expected 1 to 255 characters, found 256"),
    "name with control characters": ({"a\n": "a"}, "labels, a label's name: control characters"),
    "value that is no text": ({"a": None}, "labels, 'a': expected a str, found None"),
    "empty value": ({"a": ""}, "labels, 'a': expected 1 to 255 characters, found 0"),
    "long value": ({"a": "b" * 256}, "labels, 'a': expected 1 to 255 characters, found 256"),
    "value with a surrogate": ({"a": "\udce9"}, "labels, 'a': control characters and surrogates"),
    "too many": ({str(number): "a" for number in range(17)}, "labels: expected up to 16, found more"),
    "what fails": (Failing(), "labels: they cannot be read, of a Failing"),
}


@pytest.mark.parametrize(("labels", "problem"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_labels_is_refused(
    open_commander: OpenCommander, mailbox: Mailbox, labels: Any, problem: str
) -> None:
    """Wherever a mission is started from; there is no mission then, and an idle handle is still idle."""
    commander = await open_commander([patient])
    idle = commander.create_mission(patient, mission_id="x")
    async with create_commander_client(mailbox=mailbox, definitions=[patient]) as client:
        for start in (commander.start, client.start_mission):
            with pytest.raises(MissionDefinitionError, match=f"^{problem}"):
                await start(patient, 4, mission_id="x", labels=labels)
    with pytest.raises(MissionDefinitionError, match=f"^{problem}"):
        await idle.start(4, labels=labels)

    assert await shown(commander) == {}
    await idle.start(4)


async def test_as_many_and_as_long_as_there_may_be(open_commander: OpenCommander, mailbox: Mailbox) -> None:
    """16 labels of 255 characters are kept, from another process too."""
    labels = {f"{number:x}" * 255: "🚀" * 255 for number in range(16)}
    commander = await open_commander([patient])
    await commander.start(patient, 4, mission_id="x", labels=labels)
    async with create_commander_client(mailbox=mailbox) as client:
        await client.start_mission("patient", 4, mission_id="y", labels=labels)
        found = [one async for one in client.iter_missions()]

    assert await shown(commander) == {"x": labels, "y": labels}
    assert [one.labels for one in found] == [labels, labels]
