"""A mission as one JSON form: exactly what was recorded, or a refusal that says what is wrong with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.core import HistoryType, MissionDefinition, MissionNotFoundError, MissionStatus, m
from mission_control.core.machine import Cancel, Pause, Start, load
from mission_control.core.operations import export_form, form_id, read_form

from ..machine.conftest import NOW, Driver
from ..machine.unrun import run
from .judged import Missions

CHILD: MissionDefinition[Any] = m.define("child").start(input=int, run=run).end()
ORDER: MissionDefinition[Any] = (
    m.define("order").start(input=int, run=run).step("pack", run).mission("pay", CHILD, run).need_to("go", int).end()
)
LATER: MissionDefinition[Any] = (
    m.define("order").start(input=int, run=run).step("pack", run).mission("pay", CHILD, run).step("new", run).end()
)
ODD = {"lone": "caf\udce9", "nul": "a\0b", "big": 10**40, "small": 0.1, "deep": [[{"": None}]]}


def packed(output: Any = None) -> Driver:
    it = Driver(ORDER)
    it.begin()
    it.succeed("pack", output)
    return it


def exported(it: Driver, *definitions: MissionDefinition[Any]) -> dict[str, Any]:
    missions = Missions()
    missions.add("x", it.history, *definitions)
    return asyncio.run(export_form(missions.port(), "x"))


def test_form_has_all_that_is_stored() -> None:
    """The definitions that the mission ran under, and its records as storage has them."""
    it = packed()

    form = exported(it, ORDER, LATER)

    assert list(form) == ["format", "mission_id", "mission_name", "definitions", "history"]
    assert (form["format"], form["mission_id"], form["mission_name"]) == (1, "x", "order")
    assert form["definitions"] == {ORDER.fingerprint: ORDER.to_static()}
    assert form["history"] == [record.to_dict(exact=True) for record in it.history]
    assert form_id(form) == "x"


def test_form_is_exact_behind_its_text() -> None:
    """Lone surrogates, NUL, and integers of any size come back as they were."""
    it = packed(ODD)

    imported = read_form(json.loads(json.dumps(exported(it, ORDER))), mission_id=None)

    assert imported.records == tuple(it.history)
    assert imported.state == it.state
    assert imported.state.events["pack"].output == ODD
    assert imported.definitions == (ORDER.stored,)


def test_payloads_may_be_as_deep_as_payloads_are() -> None:
    """What a record tells is one value, whatever is around it."""
    deep: Any = 1
    for _ in range(200):
        deep = [deep]

    assert read_form(exported(packed(deep), ORDER), mission_id=None).state.events["pack"].output == deep


def test_every_definition_that_it_ran_under_goes_along() -> None:
    """Each is named by a record."""
    it = packed()
    it.definition = LATER
    it.succeed("pay", 7)
    it.child_ended("x/pay", MissionStatus.COMPLETED)

    assert set(exported(it, ORDER, LATER, CHILD)["definitions"]) == {ORDER.fingerprint, LATER.fingerprint}


def test_form_is_nobody_elses() -> None:
    """Changing it afterwards changes nothing of what was read."""
    form = exported(packed({"a": [1]}), ORDER)
    imported = read_form(form, mission_id=None)
    before = json.dumps([record.to_dict() for record in imported.records])

    form["history"][-2]["details"]["output"]["a"].append(2)
    form["definitions"][ORDER.fingerprint]["nodes"].clear()

    assert json.dumps([record.to_dict() for record in imported.records]) == before
    assert imported.definitions == (ORDER.stored,)


def test_mission_that_is_not_there_has_no_form() -> None:
    """The error names it."""
    with pytest.raises(MissionNotFoundError, match="there is no mission 'x'"):
        asyncio.run(export_form(Missions().port(), "x"))


# Another id


def test_children_follow_where_the_id_is_another_one() -> None:
    """Their ids begin with that of their mission."""
    it = packed()
    it.succeed("pay", 7)
    imported = read_form(exported(it, ORDER), mission_id="y")

    started = [record for record in imported.records if record.type is HistoryType.CHILD_STARTED]
    assert [record.details["id"] for record in started] == ["y/pay"]
    assert imported.state.mission_id == "y"
    assert imported.state.waiting is not None
    assert imported.state.waiting.to_dict()["mission_id"] == "y/pay"


def test_ids_of_children_that_have_to_end_before_undoing_follow() -> None:
    """The record of the undoing lists them."""
    begun = m.define("order").start(input=int, run=run, undo=run)
    it = Driver(begun.mission("pay", CHILD, run).end())
    it.begin()
    it.succeed("pay", 7)
    it.go(Cancel(None, at_once=True))
    assert it.state.is_undoing
    assert it.definition is not None

    undoing = read_form(exported(it, it.definition), mission_id="y").records[-1]

    assert undoing.type is HistoryType.MISSION_UNDOING
    assert undoing.details["children"] == ["y/pay"]


def child_of_x() -> dict[str, Any]:
    it = Driver(CHILD)
    it.go(Start("child", 5, None, parent_id="x", is_awaited=True))
    return {**exported(it, CHILD), "mission_id": "x/pay"}


def test_child_under_another_id_is_nobodys() -> None:
    """Under its own it is still its parent's."""
    assert read_form(child_of_x(), mission_id=None).state.origin.parent_id == "x"

    origin = read_form(child_of_x(), mission_id="copy").state.origin

    assert (origin.parent_id, origin.is_awaited) == (None, False)


def test_ids_of_children_may_be_long() -> None:
    """As long as they have to be."""
    long = "/".join(["x", *["n" * 255] * 3])

    assert form_id({**child_of_x(), "mission_id": long}) == long


# Paused


def test_mission_that_has_not_ended_is_paused_as_it_is_taken_in() -> None:
    """The record says why, and who did it; time never goes back."""
    imported = read_form(exported(packed(), ORDER), mission_id=None)

    paused = imported.paused(NOW - timedelta(days=1), "ops")

    assert paused.records[:-1] == imported.records
    assert paused.records[-1].to_dict() == {
        "seq": len(imported.records) + 1,
        "type": "mission-paused",
        "at": imported.records[-1].to_dict()["at"],
        "event_name": None,
        "attempt_number": None,
        "details": {"reason": "imported", "by": "ops"},
    }
    assert paused.state == load("x", paused.records)
    assert paused.state.is_paused


def test_mission_that_rests_anyway_stays_as_it_is() -> None:
    """One that has ended, and one that was paused already."""
    ended, paused = packed(), packed()
    ended.go(Cancel("no more", at_once=True))
    paused.go(Pause())

    for it in (ended, paused):
        imported = read_form(exported(it, ORDER), mission_id=None)
        assert imported.paused(NOW, None) is imported


# What is none


def edited(edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    form: dict[str, Any] = json.loads(json.dumps(exported(packed(), ORDER)))
    edit(form)
    return form


def record(index: int, **fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda form: form["history"][index].update(fields)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (None, "expected an object, as export_mission returns it, found None"),
        ([], "expected an object"),
        ({}, "format: expected 1, found None"),
        (edited(lambda form: form.update(format=2)), "format: 2 is of a newer release, and this one reads 1"),
        (edited(lambda form: form.update(format=True)), "format: expected 1, found bool True"),
        (edited(lambda form: form.pop("mission_id")), "mission_id: expected a str, found None"),
        (edited(lambda form: form.update(mission_id="")), "mission_id: expected 1 to 255 characters, found 0"),
        (edited(lambda form: form.update(mission_id="a\0")), "mission_id: control characters"),
        (edited(lambda form: form.update(mission_id="\ud800")), "mission_id: control characters and surrogates"),
        (edited(lambda form: form.pop("mission_name")), "mission_name: expected a str, found None"),
        (edited(lambda form: form.update(mission_name="other")), "it says 'other', and its history 'order'"),
        (edited(lambda form: form.pop("history")), "history: expected a list of records, found None"),
        (edited(lambda form: form.update(history=[])), "history: expected a list of records"),
        (edited(lambda form: form["history"].insert(1, 5)), r"history\[1\]: expected an object, found int 5"),
        (edited(lambda form: form["history"].pop(1)), r"history\[1\]: seq: expected 2, found int 3"),
        (edited(record(0, seq="1")), r"history\[0\]: seq: expected 1, found"),
        (edited(record(0, seq=True)), r"history\[0\]: seq: expected 1, found"),
        (edited(record(1, type="mission-teleported")), r"history\[1\]: 'mission-teleported' is not a valid"),
        (edited(record(1, at="yesterday")), r"history\[1\]: Invalid isoformat"),
        (edited(record(1, at=5)), r"history\[1\]: "),
        (edited(record(1, at="2000-01-01T00:00:00+00:00")), r"history\[1\]: at: 2000-.* is before that of the record"),
        (edited(record(1, at="0001-01-01T00:00:00+14:00")), r"history\[1\]: .* is beyond what a datetime"),
        (edited(record(1, event_name=5)), r"history\[1\]: event_name: expected str or null, found int 5"),
        (edited(record(1, attempt_number="1")), r"history\[1\]: attempt_number: expected int or null"),
        (edited(record(1, details=[])), r"history\[1\]: details: expected an object, found"),
        (edited(record(1, details={5: 5})), r"history\[1\]: details: expected texts as keys, found int 5"),
        (edited(record(1, details={"a": object()})), r"history\[1\]: details\['a'\] has no JSON form"),
        (
            edited(lambda form: form["history"][1].pop("details")),
            r"history\[1\]: details: expected an object, found None",
        ),
        (edited(lambda form: form["history"][1].pop("at")), r"history\[1\]: 'at' is missing"),
        (edited(lambda form: form["history"].pop()), None),
        (edited(record(-1, attempt_number=9)), "does not fold at record"),
        (edited(record(2, details={"definition": [5]})), "expected a definition's fingerprint, found list"),
        (edited(lambda form: form.pop("definitions")), "definitions: expected an object, found None"),
        (
            edited(lambda form: form["definitions"].clear()),
            f"definitions: '{ORDER.fingerprint}', which its history names",
        ),
        (
            edited(lambda form: form["definitions"].update({ORDER.fingerprint: LATER.to_static()})),
            f"its fingerprint is '{LATER.fingerprint}'",
        ),
        (
            edited(lambda form: form["definitions"].update({ORDER.fingerprint: 5})),
            "expected the static form of a definition, found int 5",
        ),
    ],
)
def test_what_is_no_form_of_ours_is_refused(form: Any, problem: str | None) -> None:
    """Before anything is taken in; what is merely an earlier state of the mission is none the worse."""
    if problem is None:
        assert read_form(form, mission_id=None).state.version == len(form["history"])
        return
    with pytest.raises(ValueError, match=problem) as caught:
        read_form(form, mission_id=None)
    assert "the form of a mission: " in str(caught.value)


def test_other_id_has_to_be_one() -> None:
    """As every mission's."""
    with pytest.raises(ValueError, match="mission_id: expected 1 to 255 characters, found 0"):
        read_form(exported(packed(), ORDER), mission_id="")


@settings(deadline=None, derandomize=True, max_examples=400)
@given(st.data())
def test_whatever_is_in_a_form_it_is_read_or_refused(data: st.DataObject) -> None:
    """With a `ValueError`, and with nothing else."""
    it = Driver(ORDER)
    it.begin()
    it.succeed("pack", ODD)
    it.succeed("pay", 7)
    it.go(Pause())
    form: dict[str, Any] = exported(it, ORDER)
    at: Any = form
    key: Any = data.draw(st.sampled_from(keys_of(at)))
    while keys_of(at[key]) and data.draw(st.sampled_from(DEEPER)):
        at = at[key]
        key = data.draw(st.sampled_from(keys_of(at)))
    at[key] = data.draw(VALUES)

    with suppress(ValueError):
        read_form(form, mission_id=data.draw(st.sampled_from([None, "y"])))


def keys_of(value: Any) -> list[Any]:
    if hasattr(value, "keys"):
        return list(value.keys())
    return list(range(len(value))) if hasattr(value, "append") else []


DEEPER: list[Any] = [True, True, False]


ODDS: list[Any] = [None, True, 0, -1, 10**30, 0.5, "", "x", "start", [], [[]], {}, {"a": 1}, {5: 5}, {1}, object()]
VALUES = st.sampled_from(ODDS)
