"""What definitions would do to the missions that are under way, by where these stand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from mission_control.core import (
    HistoryRecord,
    HistoryType,
    MissionContext,
    MissionDefinition,
    MissionDefinitionError,
    RetryPolicy,
    m,
)
from mission_control.core.machine import Start, Update
from mission_control.core.operations import DeployPlan, PlannedGroup, make_plan

from ..machine.conftest import Driver
from ..machine.unrun import items, run, until
from .judged import Missions

Definition = MissionDefinition[Any]


def start(name: str = "order") -> Any:
    return m.define(name).start(input=int, run=run)


def choose(ctx: MissionContext[Any]) -> bool:
    return True


def take(ctx: MissionContext[Any], value: Any) -> Any:
    return value


BEFORE: Definition = start().step("pack", run).need_to("paid", int, timeout=60).step("ship", run).end()
CHANGED: Definition = (
    start()
    .need_to("paid", int, timeout=90)
    .step("ship", run, retry=RetryPolicy(max_attempts=3), timeout=30)
    .step("thank", run)
    .end()
)
RENAMED: Definition = start().step("pack", run).need_to("arrived", int).step("ship", run).end()


def begun(definition: Definition, *steps: str) -> Driver:
    """Return a mission whose start and steps have succeeded."""
    it = Driver(definition)
    it.begin()
    for step in steps:
        it.succeed(step)
    return it


def stored(*missions: Driver) -> Missions:
    """Return storage with missions `x0`, `x1` and so on."""
    known = Missions()
    for number, it in enumerate(missions):
        assert it.definition is not None
        known.add(f"x{number}", it.history, it.definition)
    return known


def planned(missions: Missions, *definitions: Definition) -> DeployPlan:
    return asyncio.run(make_plan(missions.port(), definitions))


def only_group(missions: Missions, *definitions: Definition) -> PlannedGroup:
    (group,) = planned(missions, *definitions).groups
    return group


def test_missions_of_one_place_are_one_group() -> None:
    """It has their count and examples of them, and no history is read for it."""
    missions = stored(*(begun(BEFORE, "pack") for _ in range(7)), begun(BEFORE))

    plan = planned(missions, BEFORE)

    assert plan.is_safe
    assert missions.read == []
    assert [(group.node, group.count, group.effect) for group in plan.groups] == [
        ("paid", 7, "unaffected"),
        ("pack", 1, "unaffected"),
    ]
    assert plan.groups[0].examples == ("x0", "x1", "x2", "x3", "x4")
    assert plan.groups[0].fingerprint == BEFORE.fingerprint


def test_what_is_different_ahead_is_told() -> None:
    """What lies behind is not, nor what was fixed when the wait began."""
    group = only_group(stored(begun(BEFORE, "pack")), CHANGED)

    assert (group.effect, group.problem) == ("carried over", None)
    assert group.differences == (
        "step 'ship': timeout none -> 30.0, retry.max_attempts 1 -> 3",
        "step 'thank' is new",
    )


def test_change_behind_affects_nobody() -> None:
    """The fingerprint is another one, and all that is ahead is the same."""
    group = only_group(stored(begun(BEFORE, "pack")), start().need_to("paid", int).step("ship", run).end())

    assert (group.effect, group.differences) == ("unaffected", ())


@pytest.mark.parametrize(
    ("before", "after", "differences"),
    [
        pytest.param(
            start().need_to("paid", int).step("a", run).step("b", run).end(),
            start().need_to("paid", int).step("b", run).step("a", run).end(),
            ("the order is now 'b', 'a'",),
            id="another order",
        ),
        pytest.param(
            start().need_to("paid", int).step("a", run).end(),
            start().need_to("paid", int).sleep("a", 5).end(),
            ("step 'a' is now a sleep",),
            id="another kind",
        ),
        pytest.param(
            start().need_to("paid", int).step("a", run).end(),
            start().need_to("paid", int).end(),
            ("step 'a' is gone",),
            id="one that is gone",
        ),
        pytest.param(
            start().need_to("paid", int).branch("b", choose, {True: m.path().step("a", run), False: m.path()}).end(),
            start().need_to("paid", int).branch("b", choose, {True: m.path(), False: m.path().step("c", run)}).end(),
            ("step 'b/true/a' is gone", "step 'b/false/c' is new"),
            id="inside of a construct",
        ),
        pytest.param(
            start().need_to("paid", int).parallel("p", {"one": m.path(), "two": m.path()}).end(),
            start().need_to("paid", int).parallel("p", {"one": m.path(), "three": m.path()}).end(),
            ("the path 'p/two' is gone", "the path 'p/three' is new"),
            id="paths",
        ),
        pytest.param(
            start().need_to("paid", int).end(),
            start().need_to("paid", str).end(),
            ("need_to 'paid': schema int -> str, the fields of its input are others",),
            id="what it waits for",
        ),
        pytest.param(
            m.define("order")
            .query("q", run)
            .update("u", int, take)
            .start(input=int, run=run)
            .need_to("paid", int)
            .end(),
            m.define("order")
            .update("u", str, take)
            .update("v", int, take)
            .start(input=int, run=run)
            .need_to("paid", int)
            .end(),
            (
                "query 'q' is gone",
                "update 'u': schema int -> str, the fields of its input are others",
                "update 'v' is new",
            ),
            id="queries and updates",
        ),
        pytest.param(
            start().need_to("paid", int).mission("child", start("one").end(), run).end(),
            start().need_to("paid", int).mission("child", start("other").end(), run).end(),
            ("mission 'child': definition one -> other",),
            id="another child",
        ),
    ],
)
def test_differences_are_said_in_words(before: Definition, after: Definition, differences: tuple[str, ...]) -> None:
    """Each names the node, as it stands in the definition."""
    assert only_group(stored(begun(before)), after).differences == differences


def test_next_rounds_lie_ahead() -> None:
    """Of a repeat also what is before the node in its round is different, and rounds are one node."""
    path = m.path().step("ask", run).need_to("answer", int)
    wider = m.path().step("ask", run, timeout=5).need_to("answer", int).step("note", run)
    before: Definition = start().repeat("survey", path, until=until).end()
    first, second = begun(before, "survey[0]/ask"), begun(before, "survey[0]/ask")
    second.receive("survey[0]/answer", 1)
    second.succeed("survey[0]", False)
    second.succeed("survey[1]/ask")

    group = only_group(stored(first, second), start().repeat("survey", wider, until=until, max_rounds=5).end())

    assert (group.node, group.count, group.effect) == ("survey[]/answer", 2, "carried over")
    assert set(group.differences) == {
        "step 'survey[]/note' is new",
        "repeat 'survey': max_rounds none -> 5",
        "step 'survey[]/ask': timeout none -> 5.0",
    }


@pytest.mark.parametrize(
    ("after", "problem", "remedy"),
    [
        (
            RENAMED,
            "it stands on the need_to 'paid', and the definition has no node of that name",
            "register a definition in which that node stands where it stood, or cancel them",
        ),
        (
            start().sleep("paid", 5).end(),
            "it stands on the need_to 'paid', and the definition has a sleep of that name",
            "register a definition in which that node stands where it stood, or cancel them",
        ),
        (
            start().need_to("paid", int).step("pack", run).end(),
            "the node 'pack' lies ahead, and the mission has passed that name",
            "register a definition in which the node ahead has another name, or cancel them",
        ),
        (
            start("refund").end(),
            "no definition of the name 'order' is among those given",
            "give one of that name too, for as long as such missions are under way, or cancel them",
        ),
    ],
)
def test_stranded_missions_say_why_and_what_would_help(after: Definition, problem: str, remedy: str) -> None:
    """The plan is not safe then."""
    plan = planned(stored(begun(BEFORE, "pack")), after)

    assert not plan.is_safe
    assert [(group.effect, group.problem, group.remedy) for group in plan.groups] == [("stranded", problem, remedy)]


def test_children_of_what_is_given_are_given() -> None:
    """Registering a mission registers the definitions of those that it begins."""
    child: Definition = start("child").need_to("go", int).end()
    parent: Definition = start().mission("child", child, run).end()

    assert only_group(stored(begun(child)), parent).effect == "unaffected"


def test_each_history_is_read_where_rows_do_not_tell() -> None:
    """On live paths, and after another definition: there each mission is judged by itself."""
    two = start().each("e", items, m.path().need_to("go", int)).end()
    forked = begun(two)
    forked.succeed("e", [1, 2])
    carried = begun(BEFORE, "pack")
    carried.definition = CHANGED
    carried.receive("paid", 1)
    missions = stored(forked, carried)
    missions.add("x1", carried.history, BEFORE, CHANGED)

    plan = planned(missions, start().each("e", items, m.path().sleep("go", 5)).end())

    assert missions.read == ["x0", "x1"]
    assert [(group.node, group.effect, group.fingerprint) for group in plan.groups] == [
        ("e", "stranded", two.fingerprint),
        ("ship", "stranded", CHANGED.fingerprint),
    ]
    assert plan.groups[0].problem == "it stands on the need_to 'e[]/go', and the definition has a sleep of that name"


def test_lines_of_one_node_have_the_same_ahead() -> None:
    """What is different there is said once, however many items stand on it."""
    it = begun(start().each("e", items, m.path().need_to("go", int)).end())
    it.succeed("e", [1, 2, 3])

    group = only_group(stored(it), start().each("e", items, m.path().need_to("go", int).step("thank", run)).end())

    assert (group.effect, group.differences) == ("carried over", ("step 'e[]/thank' is new",))


def test_mission_on_live_paths_needs_a_definition_too() -> None:
    """As the others: without one of its name it is stranded."""
    it = begun(start().each("e", items, m.path().need_to("go", int)).end())
    it.succeed("e", [1, 2])

    group = only_group(stored(it), start("refund").end())

    assert (group.node, group.effect, group.examples) == ("e", "stranded", ("x0",))
    assert group.problem == "no definition of the name 'order' is among those given"


def test_mission_that_stands_on_no_node_of_the_stored_form_is_read() -> None:
    """It went on under another definition, under which it has begun no step yet."""
    first: Definition = start().need_to("paid", int).step("ship", run).end()
    middle: Definition = start().need_to("paid", int).need_to("weighed", int).step("ship", run).end()
    it = begun(first)
    it.definition = middle
    it.receive("paid", 1)
    missions = stored(it)
    missions.add("x0", it.history, first, middle)

    assert only_group(missions, first).effect == "stranded"
    assert only_group(missions, middle).differences == (
        "need_to 'weighed' is none of the definition that they began their last step under",
    )
    assert missions.read == ["x0", "x0"]


def test_name_of_an_update_ahead_depends_on_whether_that_was_taken() -> None:
    """Rows do not tell it: the missions at that place are read, and no others."""
    begins = m.define("order").update("note", int, take).start(input=int, run=run)
    before: Definition = begins.step("pack", run).need_to("paid", int).end()
    after: Definition = start().need_to("paid", int).step("note", run).end()
    with_note, without, elsewhere = begun(before, "pack"), begun(before, "pack"), begun(before)
    with_note.go(Update("note", 1, 2))
    missions = stored(with_note, without, elsewhere)

    plan = planned(missions, after)

    assert missions.read == ["x0", "x1"]
    assert [(group.node, group.effect, group.examples) for group in plan.groups] == [
        ("pack", "stranded", ("x2",)),
        ("paid", "stranded", ("x0",)),
        ("paid", "carried over", ("x1",)),
    ]


def test_missions_of_one_node_are_counted_once() -> None:
    """Those that are read are listed with others that stand there, which ran under another definition."""
    noted: Definition = m.define("order").update("note", int, take).start(input=int, run=run).need_to("paid", int).end()
    plain: Definition = start().need_to("paid", int).end()
    missions = stored(begun(noted), begun(plain))

    plan = planned(missions, start().need_to("paid", int).step("note", run).end())

    assert missions.read == ["x0", "x1"]
    assert {(group.fingerprint, group.count, group.examples) for group in plan.groups} == {
        (noted.fingerprint, 1, ("x0",)),
        (plain.fingerprint, 1, ("x1",)),
    }


def test_mission_that_undoes_goes_on_under_any_definition() -> None:
    """What has no undo any more is told, since it is not undone; what still has one is not."""
    before: Definition = start().step("hold", run, undo=run).step("book", run, undo=run).step("pay", run).end()
    it = begun(before, "hold", "book")
    it.fail("pay")

    group = only_group(stored(it), start().step("hold", run, undo=run).step("book", run).step("pay", run).end())

    assert (group.node, group.effect) == ("undo:book", "carried over")
    assert group.differences == ("step 'book' has no undo any more",)


def test_history_that_does_not_fold_is_nothing_that_a_definition_changes() -> None:
    """It is counted, and said to be what it is."""
    missions = stored(begun(BEFORE, "pack"))
    missions.hide_rows("x0")
    history = missions.histories["x0"]
    missions.histories["x0"] = (*history, HistoryRecord(seq=1, type=HistoryType.MISSION_STARTED, at=history[0].at))

    group = only_group(missions, BEFORE)

    assert (group.node, group.effect, group.fingerprint) == ("paid", "unaffected", None)
    assert group.problem == "their stored histories do not fold, whatever is registered"


@pytest.mark.parametrize("form", [None, {}, {"nodes": [{"kind": "step"}], "updates": []}, {"nodes": 5}])
def test_form_that_is_not_stored_leaves_the_reading(form: Any) -> None:
    """Nor one that is damaged: then histories alone say where missions have been."""
    missions = stored(begun(BEFORE, "pack"))
    missions.forms[BEFORE.fingerprint] = form

    group = only_group(missions, CHANGED)

    assert missions.read == ["x0"]
    assert (group.effect, group.differences) == ("carried over", ("what they ran under is not stored",))


def raising() -> Iterable[Definition]:
    yield BEFORE
    raise RuntimeError("no more")


@pytest.mark.parametrize(
    ("definitions", "error", "message"),
    [
        (5, TypeError, "definitions: expected a list of MissionDefinition, found int 5"),
        (BEFORE, TypeError, "definitions: expected a list of MissionDefinition"),
        ("order", MissionDefinitionError, "expected a MissionDefinition, found str 'o'"),
        ([start()], MissionDefinitionError, "a definition is complete after"),
        ([BEFORE, CHANGED], MissionDefinitionError, "another definition of the name 'order'"),
        (raising(), TypeError, "definitions: expected a list of MissionDefinition, found generator"),
    ],
)
def test_what_is_no_list_of_definitions_is_refused(definitions: Any, error: type[Exception], message: str) -> None:
    """Before anything is read."""
    with pytest.raises(error, match=message):
        asyncio.run(make_plan(Missions().port(), definitions))


def test_generator_of_definitions_is_taken() -> None:
    """And the same definition twice is one."""
    missions = stored(begun(BEFORE))

    assert asyncio.run(make_plan(missions.port(), (one for one in (BEFORE, BEFORE)))).is_safe


def test_plan_is_a_page_for_people() -> None:
    """The worst comes first, in columns, with what would help and what is ahead."""
    other: Definition = start("refund").need_to("agreed", int).end()
    missions = stored(*(begun(BEFORE, "pack") for _ in range(2)), begun(other), begun(BEFORE, "pack"))
    missions.add("x1", begun(RENAMED, "pack").history, RENAMED)

    assert str(planned(missions, CHANGED)) == (
        "not safe: 2 stranded, 2 carried over\n"
        "stranded      1  order   arrived\n"
        "              it stands on the need_to 'arrived', and the definition has no node of that name: register a "
        "definition in which that node stands where it stood, or cancel them\n"
        "              missions x1\n"
        "stranded      1  refund  agreed\n"
        "              no definition of the name 'refund' is among those given: give one of that name too, for as long "
        "as such missions are under way, or cancel them\n"
        "              missions x2\n"
        "carried over  2  order   paid\n"
        "              - step 'ship': timeout none -> 30.0, retry.max_attempts 1 -> 3\n"
        "              - step 'thank' is new"
    )
    assert str(planned(Missions(), CHANGED)) == "safe: no mission is under way"


def test_plan_is_json_for_machines() -> None:
    """It says whether it is safe, too."""
    form = planned(stored(begun(BEFORE, "pack")), RENAMED).to_dict()

    assert json.loads(json.dumps(form)) == form
    assert form["is_safe"] is False
    assert form["groups"][0]["examples"] == ["x0"]


def test_mission_that_has_not_begun_stands_on_its_start() -> None:
    """A delayed one too."""
    it = Driver(BEFORE)
    it.go(Start("order", 5, it.now + timedelta(days=3)))

    assert only_group(stored(it), CHANGED).node == "start"
