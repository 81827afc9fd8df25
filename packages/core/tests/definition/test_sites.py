"""Where the nodes of a definition are: sites, what runs at an instance, and what goes in and comes out there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mission_control.core import MissionContext, MissionDefinition, Reminder, Signal, m
from mission_control.core.definition import Site, template


@attrs.frozen
class Order:
    count: int


def run(ctx: MissionContext[Any]) -> int:
    return 1


def undo(ctx: MissionContext[Any]) -> float:
    return 1.0


def remind(ctx: MissionContext[Any]) -> Order:
    return Order(1)


def choose(ctx: MissionContext[Any]) -> bool:
    return True


def items(ctx: MissionContext[Any]) -> list[str]:
    return []


def is_over(ctx: MissionContext[Any]) -> bool:
    return True


def give(ctx: MissionContext[Any]) -> Order:
    return Order(1)


def when(ctx: MissionContext[Any]) -> float:
    return 5.0


def change(ctx: MissionContext[Any], input: bytes) -> str:
    return ""


PATH: Any = m.path()
STEP: Any = m.path().step("a", run, undo=undo)
GO = Signal("go", bool)
CHILD = m.define("child").start(input=Order, run=remind).end()


def whole() -> MissionDefinition[int]:
    wait: Any = m.path().need_to(GO, timeout=when, on_timeout=STEP, reminder=Reminder(remind, 5))
    draft: Any = m.define("whole").query("q", run).update("u", bytes, change)
    definition: MissionDefinition[int] = (
        draft.start(input=int, run=run, undo=undo)
        .parallel("all", {"wait": wait, "step": STEP})
        .branch("way", choose, {True: STEP, False: PATH.need_to("near", str)}, otherwise=PATH.sleep("nap", 5))
        .each("list", items, PATH.race("first", {"s": STEP, "z": PATH.sleep("z", when)}))
        .repeat("loop", STEP, until=is_over, on_exhausted=STEP, max_rounds=5)
        .mission("child", CHILD, give)
        .mission("left", CHILD, give, wait=False)
        .need_to("late", str)
        .end()
    )
    return definition


WHOLE = whole()

SITES: list[tuple[str, str, str | None, str | None, int]] = [
    ("start", "start", None, None, 0),
    ("all", "parallel", None, None, 1),
    ("all/wait/go", "need_to", "all", "path", 0),
    ("all/wait/go/reminder[]", "need_to", "all", "path", 0),
    ("all/wait/go/timeout/a", "step", "go", "timeout", 0),
    ("all/step/a", "step", "all", "path", 0),
    ("way", "branch", None, None, 2),
    ("way/true/a", "step", "way", "branch", 0),
    ("way/false/near", "need_to", "way", "branch", 0),
    ("way/otherwise/nap", "sleep", "way", "branch", 0),
    ("list", "each", None, None, 3),
    ("list[]/first", "race", "list", "item", 0),
    ("list[]/first/s/a", "step", "first", "path", 0),
    ("list[]/first/z/z", "sleep", "first", "path", 0),
    ("loop", "repeat", None, None, 4),
    ("loop[]", "repeat", None, None, 4),
    ("loop[]/a", "step", "loop", "round", 0),
    ("loop/exhausted/a", "step", "loop", "exhausted", 0),
    ("child", "mission", None, None, 5),
    ("left", "mission", None, None, 6),
    ("late", "need_to", None, None, 7),
]


def test_sites_are_all_nodes_in_order() -> None:
    """By template, those of paths where they are used, with what is around them and what their line is there."""
    found = [
        (text, site.node.kind, site.around and site.around.node.name, site.role, site.index)
        for text, site in WHOLE.sites.items()
    ]

    assert found == SITES


def test_site_knows_its_line() -> None:
    """The main line has its start and its end, a path only its nodes."""
    for site in WHOLE.sites.values():
        assert site.nodes[site.index] is site.node
    assert WHOLE.sites["way"].nodes is WHOLE.nodes
    assert [node.name for node in WHOLE.sites["loop[]/a"].nodes] == ["a"]


def test_second_name_of_a_node_is_the_same_site() -> None:
    """A repeat's decision and a reminder stand where their node does."""
    assert WHOLE.sites["loop[]"] is WHOLE.sites["loop"]
    assert WHOLE.sites["all/wait/go/reminder[]"] is WHOLE.sites["all/wait/go"]


def test_wait_without_a_reminder_has_no_site_for_one() -> None:
    """Nothing runs there."""
    assert "late/reminder[]" not in WHOLE.sites
    assert WHOLE.site("late/reminder[0]") is None


@pytest.mark.parametrize(
    ("instance", "text"),
    [
        ("a", "a"),
        ("devices[3]/configure", "devices[]/configure"),
        ("a[0]/b[12]/c", "a[]/b[]/c"),
        ("signed/reminder[2]", "signed/reminder[]"),
        ("undo:survey[0]/ask", "undo:survey[]/ask"),
        ("a[x]", "a[x]"),
        ("a[]", "a[]"),
    ],
)
def test_template_leaves_the_numbers_out(instance: str, text: str) -> None:
    """What is in brackets and no number stays."""
    assert template(instance) == text


@pytest.mark.parametrize(
    ("instance", "text"),
    [
        ("start", "start"),
        ("list[99999]/first/s/a", "list[]/first/s/a"),
        ("loop[3]", "loop[]"),
        ("all/wait/go/reminder[7]", "all/wait/go/reminder[]"),
        ("undo:list[5]/first/s/a", "list[]/first/s/a"),
        ("undo:start", "start"),
    ],
)
def test_instance_finds_its_site(instance: str, text: str) -> None:
    """Whatever item, round or reminder it is, and with its undo too."""
    assert WHOLE.site(instance) is WHOLE.sites[text]


@pytest.mark.parametrize("instance", ["", "end", "a", "q", "u", "all/a", "list[x]/first", "way/true", "list[0]"])
def test_what_no_node_bears_has_no_site(instance: str) -> None:
    """Neither do ends, queries, updates, paths and items."""
    site: Site | None = WHOLE.site(instance)

    assert site is None


WORKS: list[tuple[str, Any]] = [
    ("start", run),
    ("all/step/a", run),
    ("list[3]/first/s/a", run),
    ("loop/exhausted/a", run),
    ("way", choose),
    ("list", items),
    ("loop[3]", is_over),
    ("child", give),
    ("left", give),
    ("list[3]/first/z/z", when),
    ("all/wait/go", when),
    ("all/wait/go/reminder[3]", remind),
    ("undo:start", undo),
    ("undo:all/step/a", undo),
    ("undo:list[3]/first/s/a", undo),
]


@pytest.mark.parametrize(("instance", "code"), WORKS)
def test_attempt_runs_the_code_of_its_place(instance: str, code: Any) -> None:
    """Steps, decisions, computed times, reminders and undos."""
    assert WHOLE.work(instance).run is code


@pytest.mark.parametrize(
    "instance", ["all", "late", "nowhere", "way/otherwise/nap", "undo:way", "undo:nowhere", "late/reminder[0]", "end"]
)
def test_where_nothing_runs_there_is_no_work(instance: str) -> None:
    """Forks, waits and plain sleeps run nothing, and only steps are undone."""
    with pytest.raises(LookupError, match=rf"nothing of mission 'whole' runs at '{instance}'".replace("[", r"\[")):
        WHOLE.work(instance)


def test_step_without_an_undo_is_not_undone() -> None:
    """There is no work for it."""
    with pytest.raises(LookupError):
        CHILD.work("undo:start")


def test_reminder_may_be_the_name_of_a_repeat() -> None:
    """What runs in a round after a deadline is told from a reminder of the wait."""
    path: Any = m.path().repeat("reminder", STEP, until=is_over)
    definition: Any = CHILD_BUILDER.need_to("timeout", int, timeout=5, on_timeout=path, reminder=Reminder(remind, 5))

    assert definition.end().work("timeout/timeout/reminder[0]").run is is_over
    assert definition.end().work("timeout/reminder[0]").run is remind


CHILD_BUILDER: Any = m.define("it").start(input=int, run=run)

TYPES: list[tuple[str, str | None, str | None]] = [
    ("start", "int", "int"),
    ("u", "bytes", "str"),
    ("q", None, None),
    ("nowhere", None, None),
    ("all", None, None),
    ("all/wait/go", "bool", None),
    ("all/wait/go/reminder[3]", None, "Order"),
    ("all/step/a", None, "int"),
    ("undo:all/step/a", None, "float"),
    ("undo:list[3]/first/s/a", None, "float"),
    ("undo:start", None, "float"),
    ("way", None, "bool"),
    ("way/false/near", "str", None),
    ("way/otherwise/nap", None, None),
    ("list", None, "list[str]"),
    ("list[3]/first", None, "str"),
    ("list[3]/first/z/z", None, None),
    ("loop", None, None),
    ("loop[3]", None, "bool"),
    ("child", "Order", "Order"),
    ("left", "Order", "str"),
]


@pytest.mark.parametrize(("instance", "given", "gives"), TYPES)
def test_types_of_what_goes_in_and_comes_out(instance: str, given: str | None, gives: str | None) -> None:
    """By instance: of nodes at any depth, of updates, of reminders and of undos."""
    types = WHOLE.input_type(instance), WHOLE.output_type(instance)

    assert tuple(payload and payload.description for payload in types) == (given, gives)


LAST: dict[str, tuple[Callable[[Any], Any], str]] = {
    "start": (lambda line: line.sleep("z", 5).need_to("n", int), "int"),
    "step": (lambda line: line.step("s", remind).parallel("p", {"a": STEP}).race("f", {"a": STEP}), "Order"),
    "each": (lambda line: line.step("s", remind).each("e", items, STEP), "Order"),
    "child": (lambda line: line.step("s", run).mission("c", CHILD, give), "Order"),
    "child that is left": (lambda line: line.mission("c", CHILD, give, wait=False), "int"),
    "branch": (lambda line: line.branch("b", choose, {True: STEP}, otherwise=PATH), "any"),
    "branch without steps": (lambda line: line.branch("b", choose, {True: PATH}, otherwise=PATH), "int"),
    "repeat": (lambda line: line.repeat("r", STEP, until=is_over), "any"),
    "deadline": (lambda line: line.need_to("n", int, timeout=5, on_timeout=STEP), "any"),
    "nested": (
        lambda line: line.repeat("r", PATH.branch("b", choose, {True: STEP}, otherwise=PATH), until=is_over),
        "any",
    ),
}


@pytest.mark.parametrize("case", LAST)
def test_output_of_a_child_is_that_of_its_last_step(case: str) -> None:
    """Where it depends on what happens, it is plain JSON; steps in live paths do not count."""
    build, described = LAST[case]
    child = build(CHILD_BUILDER).end()
    output = m.define("parent").start(input=int, run=run).mission("c", child, run).end().output_type("c")

    assert output is not None
    assert output.description == described


def test_signals_are_those_of_all_paths() -> None:
    """Each name once, in order."""
    path: Any = PATH.need_to(GO).need_to("more", int)
    definition = CHILD_BUILDER.need_to("first", int).each("e", items, path).race("r", {"a": path}).need_to(GO).end()

    assert definition.signals == ["first", "go", "more"]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            run,
            [
                "start",
                "all/wait/go/timeout/a",
                "all/step/a",
                "way/true/a",
                "list[]/first/s/a",
                "loop[]/a",
                "loop/exhausted/a",
            ],
        ),
        (remind, []),
        (choose, ["way"]),
        (items, ["list"]),
        (is_over, ["loop[]"]),
        (change, ["u"]),
        (give, []),
        (when, []),
        (undo, []),
        (None, []),
    ],
)
def test_names_of_code_are_where_its_output_is(code: Any, names: list[str]) -> None:
    """What a child is given, a computed time, a reminder and an undo are not what comes out at their node."""
    spots = WHOLE.scope.of_code(code)

    assert ([] if spots is None else [spot.template for spot in spots.all]) == names
