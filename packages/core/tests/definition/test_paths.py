"""Paths and constructs: what the builder accepts, what it refuses and how it says so."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionError,
    MissionPath,
    Reminder,
    RetryPolicy,
    Signal,
    m,
)
from mission_control.core.definition import BranchNode, EachNode, ForkNode, RepeatNode, SignalNode


def run(ctx: MissionContext[Any]) -> None:
    pass


def names(ctx: MissionContext[Any]) -> list[str]:
    return []


def is_over(ctx: MissionContext[Any]) -> bool:
    return True


def stream(ctx: MissionContext[Any]) -> Any:
    yield 1


DRAFT: Any = m.define("it")
BUILDER: Any = DRAFT.start(input=int, run=run)
PATH: Any = m.path()
ONE: Any = m.path().step("a", run)
CHILD = m.define("child").start(input=int, run=run).end()
GO = Signal("go", int)


def parallel(line: Any, name: Any = "n", path: Any = ONE) -> Any:
    return line.parallel(name, {"p": path})


def race(line: Any, name: Any = "n", path: Any = ONE) -> Any:
    return line.race(name, {"p": path})


def branch(line: Any, name: Any = "n", path: Any = ONE) -> Any:
    return line.branch(name, run, {"p": path})


def each(line: Any, name: Any = "n", path: Any = ONE) -> Any:
    return line.each(name, names, path)


def repeat(line: Any, name: Any = "n", path: Any = ONE) -> Any:
    return line.repeat(name, path, until=is_over)


def mission(line: Any, name: Any = "n") -> Any:
    return line.mission(name, CHILD, run)


Build = Callable[..., Any]
CONSTRUCTS: dict[str, Build] = {
    "parallel": parallel,
    "race": race,
    "branch": branch,
    "each": each,
    "repeat": repeat,
}
NAMED: dict[str, Build] = {**CONSTRUCTS, "mission": mission}


# Building


def test_path_takes_what_a_mission_takes() -> None:
    """A path has the methods of a mission behind its start, but its end."""
    ours = {name for name in dir(m.path()) if not name.startswith("_")}
    theirs = {name for name in dir(BUILDER) if not name.startswith("_")}

    assert theirs - ours == {"end"}
    assert ours - theirs == {"nodes", "depth", "size"}


def test_every_call_gives_a_new_path() -> None:
    """A path can be forked, and used in several places."""
    base = m.path(int).step("a", run)
    one, other = base.step("b", run), base.sleep("z", 5)

    assert [[node.name for node in path.nodes] for path in (base, one, other)] == [["a"], ["a", "b"], ["a", "z"]]
    assert isinstance(one, MissionPath)
    assert BUILDER.parallel("all", {"one": base, "other": base}).end().nodes[1].paths["one"] is base


@pytest.mark.parametrize("kind", CONSTRUCTS)
def test_path_may_be_empty(kind: str) -> None:
    """Nothing to do is a path as well."""
    CONSTRUCTS[kind](BUILDER, path=m.path()).end()


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("line", [BUILDER, PATH], ids=["mission", "path"])
def test_construct_stands_in_missions_and_in_paths(kind: str, line: Any) -> None:
    """Constructs nest."""
    node = NAMED[kind](line)._parts.nodes[-1]

    assert (node.kind, node.name) == (kind, "n")


def test_text_is_no_input_of_a_path() -> None:
    """A path is named where it is used; a text, which a checker takes for a type, is told so."""
    path: Any = m.path

    with pytest.raises(MissionDefinitionError, match=r"no name of its own, found str 'it'; say m\.path\(\)"):
        path("it")


def test_definition_holds_what_was_said_of_its_constructs() -> None:
    """Limits, policies and durations are in the nodes, durations in seconds."""
    retry = RetryPolicy(3)
    definition: MissionDefinition[int] = (
        BUILDER.each("e", names, ONE, max_concurrency=2, max_failures=None, retry=retry, timeout=5)
        .repeat("r", ONE, until=is_over, every=timedelta(minutes=1), max_rounds=3, on_exhausted=ONE, retry=retry)
        .branch("b", run, {"p": ONE}, otherwise=PATH, retry=retry, timeout=timedelta(seconds=2))
        .race("f", {"p": ONE, "q": PATH})
        .mission("c", CHILD, run, wait=False, retry=retry, timeout=7)
        .end()
    )
    each, repeat, branch, race, child = definition.nodes[1:-1]

    assert isinstance(each, EachNode)
    assert (each.max_concurrency, each.max_failures, each.path) == (2, None, ONE)
    assert (each.items.retry, each.items.timeout, each.item.description) == (retry, 5, "str")
    assert isinstance(repeat, RepeatNode)
    assert (repeat.every, repeat.max_rounds, repeat.on_exhausted, repeat.until.retry) == (60, 3, ONE, retry)
    assert isinstance(branch, BranchNode)
    assert (branch.otherwise, branch.choose.retry, branch.choose.timeout) == (PATH, retry, 2)
    assert isinstance(race, ForkNode)
    assert dict(race.paths) == {"p": ONE, "q": PATH}
    assert child.kind == "mission"
    assert (child.definition, child.wait, child.input.retry, child.input.timeout) == (CHILD, False, retry, 7)


def test_paths_of_a_construct_cannot_be_changed() -> None:
    """What a construct was given is copied, and its copy is frozen."""
    paths = {"p": ONE}
    node: Any = BUILDER.parallel("n", paths).end().nodes[1]
    paths["q"] = PATH

    assert list(node.paths) == ["p"]
    assert not hasattr(node.paths, "__setitem__")


# Names


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["", "a/b", "a[0]", "undo:a", "a\n", "start", "start_at", 5], ids=ascii)
def test_name_that_no_construct_may_bear_is_refused(kind: str, name: Any) -> None:
    """Constructs are named as all nodes are."""
    with pytest.raises(MissionDefinitionError, match=kind):
        NAMED[kind](BUILDER, name)


@pytest.mark.parametrize("kind", ["parallel", "race"])
@pytest.mark.parametrize("name", ["", "a/b", "a[0]", "]", "undo:a", "a\n", "x" * 256, 5, None], ids=ascii)
def test_name_that_no_path_may_bear_is_refused(kind: str, name: Any) -> None:
    """Paths are named as nodes are; the error names the construct."""
    with pytest.raises(MissionDefinitionError, match=rf"^{kind} 'n' of mission 'it', the name of a path: "):
        getattr(BUILDER, kind)("n", {name: ONE})


def test_path_may_be_called_start() -> None:
    """What is reserved is reserved for nodes."""
    BUILDER.parallel("n", {"start": ONE, "start_at": ONE, "otherwise": ONE}).end()


class Text(str):
    """Texts that are equal to none."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def test_path_of_the_same_name_is_refused() -> None:
    """Two keys of a mapping may be the same text all the same."""
    with pytest.raises(MissionDefinitionError, match=r"^race 'n' of a path: the path 'a' is there twice"):
        PATH.race("n", {Text("a"): ONE, Text("a"): ONE})


@pytest.mark.parametrize("kind", NAMED)
def test_name_that_is_used_twice_is_refused(kind: str) -> None:
    """Names are unique in a path, and in the main line over nodes, queries and updates."""
    with pytest.raises(MissionDefinitionError, match=rf"^a path: the name 'a' is used twice, .* an? {kind}; choose"):
        NAMED[kind](ONE, "a")
    with pytest.raises(MissionDefinitionError, match=r"^mission 'it': the name 'q' is used twice"):
        NAMED[kind](DRAFT.query("q", run).start(input=int, run=run), "q")


def test_name_may_be_borne_again_in_a_path() -> None:
    """A path has names of its own: those of nodes around it, of other paths and of queries among them."""
    builder: Any = DRAFT.query("a", run).start(input=int, run=run)

    definition = builder.parallel("n", {"n": ONE, "other": ONE}).step("other", run).end()

    assert [*definition.sites] == ["start", "n", "n/n/a", "n/other/a", "other"]


# Paths


@pytest.mark.parametrize("kind", CONSTRUCTS)
@pytest.mark.parametrize(
    "path", [None, run, CHILD, BUILDER, (), "a"], ids=["None", "function", "mission", "builder", "tuple", "str"]
)
def test_what_is_no_path_is_refused(kind: str, path: Any) -> None:
    """The error names the construct, its path, and the remedy."""
    with pytest.raises(
        MissionDefinitionError, match=rf"path.* of {kind} 'n' of mission 'it': expected a path, found .*m\.path\(\)"
    ):
        CONSTRUCTS[kind](BUILDER, path=path)


OTHER_PATHS: dict[str, Callable[[Any], Any]] = {
    "signal 'n' of mission 'it', on_timeout": lambda path: BUILDER.need_to("n", int, timeout=5, on_timeout=path),
    "branch 'n' of mission 'it', otherwise": lambda path: BUILDER.branch("n", run, {"p": ONE}, otherwise=path),
    "repeat 'n' of mission 'it', on_exhausted": lambda path: BUILDER.repeat(
        "n", ONE, until=is_over, max_rounds=3, on_exhausted=path
    ),
}


@pytest.mark.parametrize("place", OTHER_PATHS)
def test_what_is_no_path_is_refused_wherever_one_goes(place: str) -> None:
    """So are those for what else may happen."""
    with pytest.raises(MissionDefinitionError, match=rf"^{place}: expected a path, found int 5; begin one with"):
        OTHER_PATHS[place](5)


WITH_PATHS: dict[str, Callable[[Any], Any]] = {
    "parallel": lambda paths: BUILDER.parallel("n", paths),
    "race": lambda paths: BUILDER.race("n", paths),
    "branch": lambda paths: BUILDER.branch("n", run, paths, otherwise=PATH),
}


@pytest.mark.parametrize("kind", WITH_PATHS)
@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({}, "it has no path at all; give it one"),
        ([ONE], "expected its paths by name"),
        (None, "expected its paths by name"),
        (ONE, "expected its paths by name"),
        ({str(number): ONE for number in range(1_001)}, r"it has 1,001 paths, and may have 1,000"),
    ],
    ids=["none", "list", "None", "path", "too many"],
)
def test_paths_that_are_none_or_too_many_are_refused(kind: str, paths: Any, message: str) -> None:
    """A construct has from one to a thousand paths."""
    with pytest.raises(MissionDefinitionError, match=rf"^{kind} 'n' of mission 'it': {message}"):
        WITH_PATHS[kind](paths)


@pytest.mark.parametrize("kind", WITH_PATHS)
def test_thousand_paths_are_not_too_many(kind: str) -> None:
    """The bound itself is inside."""
    WITH_PATHS[kind]({str(number): PATH for number in range(1_000)})


# Bounds


def nested(kind: str, depth: int) -> Any:
    path = ONE
    for _ in range(depth):
        path = CONSTRUCTS[kind](m.path(), path=path)
    return path


@pytest.mark.parametrize("kind", CONSTRUCTS)
def test_sixteen_places_may_be_around_a_node(kind: str) -> None:
    """One more is an error that names the construct and the remedy."""
    deep = CONSTRUCTS[kind](BUILDER, path=nested(kind, 15)).end()

    assert max(text.count("/") for text in deep.sites) >= 16
    with pytest.raises(MissionDefinitionError, match=rf"^{kind} 'n' of mission 'it': .* more than 16 places .*mission"):
        CONSTRUCTS[kind](BUILDER, path=nested(kind, 16))


def test_paths_for_what_else_happens_are_places_too() -> None:
    """What runs after a deadline, or for lack of a True, is one further in."""
    path: Any = m.path().need_to("s", int, timeout=1, on_timeout=ONE)
    exhausted: Any = m.path().repeat("r", PATH, until=is_over, max_rounds=1, on_exhausted=path)

    assert (path.depth, exhausted.depth) == (1, 2)


def test_depth_is_that_of_the_deepest_path() -> None:
    """What follows a deep construct does not make the path shallow again."""
    path: Any = m.path().parallel("n", {"flat": ONE, "deep": nested("each", 3), "last": ONE}).step("a", run)

    assert path.depth == 4


def test_definition_has_a_hundred_thousand_nodes_at_most() -> None:
    """Paths that are used in many places count in each: their use multiplies before anybody sees it."""
    path: Any = m.path().step("a", run)
    for level in range(4):
        path = m.path().parallel("n", {str(number): path for number in range(10)})
        assert path.size == sum(10**power for power in range(level + 2))

    with pytest.raises(MissionDefinitionError, match=r"^race 'n' of mission 'it': .*111,112 nodes.*100,000 may be"):
        BUILDER.race("n", {str(number): path for number in range(10)})


# Limits

LIMITS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "each 'n' of mission 'it', max_concurrency": (1, lambda x: BUILDER.each("n", names, ONE, max_concurrency=x)),
    "each 'n' of mission 'it', max_failures": (0, lambda x: BUILDER.each("n", names, ONE, max_failures=x)),
    "repeat 'n' of mission 'it', max_rounds": (1, lambda x: BUILDER.repeat("n", ONE, until=is_over, max_rounds=x)),
    "Reminder.at_most": (1, lambda x: Reminder(run, 5, at_most=x)),
}


@pytest.mark.parametrize("place", LIMITS)
@pytest.mark.parametrize("limit", [-1, 1.5, True, "3", sys.maxsize + 1], ids=str)
def test_limit_that_makes_no_sense_is_refused(place: str, limit: Any) -> None:
    """The error names the construct, the limit and what it may be."""
    low, build = LIMITS[place]

    with pytest.raises(MissionDefinitionError, match=rf"^{place}: expected an int from {low} to .*or None"):
        build(limit)
    with pytest.raises(MissionDefinitionError):
        build(low - 1)


@pytest.mark.parametrize("place", LIMITS)
def test_limit_may_be_low_or_none(place: str) -> None:
    """None is no limit."""
    low, build = LIMITS[place]
    build(low)
    build(None)


CONTRADICTIONS: dict[str, Callable[[], Any]] = {
    "signal 'n' of mission 'it': on_timeout without a timeout": lambda: BUILDER.need_to("n", int, on_timeout=ONE),
    "signal 'n' of mission 'it': with on_timeout the mission goes on": lambda: BUILDER.need_to(
        "n", int, timeout=5, on_timeout=ONE, timeout_message="late"
    ),
    "repeat 'n' of mission 'it': on_exhausted without max_rounds": lambda: BUILDER.repeat(
        "n", ONE, until=is_over, on_exhausted=ONE
    ),
    "step 'n' of mission 'it': undo_retry without undo": lambda: BUILDER.step("n", run, undo_retry=RetryPolicy()),
    "start of mission 'it': undo_retry without undo": lambda: DRAFT.start(input=int, run=run, undo_retry=RetryPolicy()),
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_what_contradicts_itself_is_refused(contradiction: str) -> None:
    """What could never have an effect is a mistake."""
    with pytest.raises(MissionDefinitionError, match=f"^{contradiction}"):
        CONTRADICTIONS[contradiction]()


# Code


def two(ctx: MissionContext[Any], more: int) -> None:
    pass


WITH_CODE: dict[str, Callable[[Any], Any]] = {
    "branch 'n' of a path": lambda fn: PATH.branch("n", fn, {"p": ONE}),
    "each 'n' of a path": lambda fn: PATH.each("n", fn, ONE),
    "repeat 'n' of a path, until": lambda fn: PATH.repeat("n", ONE, until=fn),
    "mission 'n' of a path, input": lambda fn: PATH.mission("n", CHILD, fn),
    "undo of step 'n' of a path": lambda fn: PATH.step("n", run, undo=fn),
    "undo of start of mission 'it'": lambda fn: DRAFT.start(input=int, run=run, undo=fn),
    "reminder of signal 'n' of a path": lambda fn: PATH.need_to("n", int, reminder=Reminder(fn, 5)),
    "sleep 'n' of a path": lambda fn: PATH.sleep("n", fn),
    "signal 'n' of a path, timeout": lambda fn: PATH.need_to("n", int, timeout=fn),
}
DURATIONS = ("sleep 'n' of a path", "signal 'n' of a path, timeout")


@pytest.mark.parametrize("place", [place for place in WITH_CODE if place not in DURATIONS])
@pytest.mark.parametrize("fn", ["run", 5, object()], ids=["str", "int", "object"])
def test_what_cannot_be_called_is_refused(place: str, fn: Any) -> None:
    """Code is a callable; the error names what it was for."""
    where = "Reminder.run" if place.startswith("reminder") else place

    with pytest.raises(MissionDefinitionError, match=rf"^{where}: expected a function, found"):
        WITH_CODE[place](fn)


@pytest.mark.parametrize("place", DURATIONS)
def test_duration_is_one_or_is_computed(place: str) -> None:
    """What is neither a duration nor code is refused as a duration."""
    with pytest.raises(MissionDefinitionError, match=rf"^{place}: expected a timedelta or a number of seconds"):
        WITH_CODE[place]("tomorrow")


@pytest.mark.parametrize("place", WITH_CODE)
def test_code_with_other_parameters_is_refused(place: str) -> None:
    """All of it is called with the context alone."""
    with pytest.raises(MissionDefinitionError, match=rf"^{place}: it is called with \(ctx\), and that fails"):
        WITH_CODE[place](two)


@pytest.mark.parametrize("place", WITH_CODE)
def test_generator_is_refused(place: str) -> None:
    """Code returns one value, also where no annotation is asked for."""
    with pytest.raises(MissionDefinitionError, match=rf"^{place}: 'stream' is a generator"):
        WITH_CODE[place](stream)


@pytest.mark.parametrize("kind", ["branch", "each", "repeat", "mission"])
@pytest.mark.parametrize(
    ("more", "message"),
    [({"retry": 3}, "retry: expected a RetryPolicy, found int 3"), ({"timeout": -1}, "timeout: expected a duration")],
    ids=["retry", "timeout"],
)
def test_policy_of_a_decision_is_checked(kind: str, more: dict[str, Any], message: str) -> None:
    """A decision has retry and timeout as a step has."""
    build: dict[str, Callable[[dict[str, Any]], Any]] = {
        "branch": lambda more: BUILDER.branch("n", run, {"p": ONE}, **more),
        "each": lambda more: BUILDER.each("n", names, ONE, **more),
        "repeat": lambda more: BUILDER.repeat("n", ONE, until=is_over, **more),
        "mission": lambda more: BUILDER.mission("n", CHILD, run, **more),
    }

    with pytest.raises(MissionDefinitionError, match=rf"^{kind} 'n' of mission 'it'.*, {message}"):
        build[kind](more)


@pytest.mark.parametrize("every", [-1, timedelta(days=365_251), math.nan, "5", True], ids=str)
def test_time_between_rounds_is_a_duration(every: Any) -> None:
    """A repeat sleeps from 0 to 1,000 years."""
    with pytest.raises(MissionDefinitionError, match=r"^repeat 'n' of mission 'it', every: expected"):
        BUILDER.repeat("n", ONE, until=is_over, every=every)


# Reminders and undoing


def test_reminder_is_part_of_its_wait() -> None:
    """What runs, how often and with which policy; the time between in seconds."""
    retry = RetryPolicy(2)
    node: Any = PATH.need_to(GO, reminder=Reminder(names, timedelta(days=3), at_most=4, retry=retry)).nodes[0]

    assert isinstance(node, SignalNode)
    assert node.reminder is not None
    assert (node.reminder.every, node.reminder.at_most) == (259_200, 4)
    assert (node.reminder.work.run, node.reminder.work.retry, node.reminder.work.timeout) == (names, retry, None)
    assert node.reminder.work.output.description == "list[str]"


@pytest.mark.parametrize("every", [0, timedelta(0), -1, "5", None, math.inf], ids=str)
def test_reminder_comes_after_some_time(every: Any) -> None:
    """Without any it would come without an end."""
    with pytest.raises(MissionDefinitionError, match=r"^Reminder\.every: expected"):
        Reminder(run, every)


def test_policy_of_a_reminder_is_one() -> None:
    """As that of a step."""
    policy: Any = 3
    with pytest.raises(MissionDefinitionError, match=r"^Reminder\.retry: expected a RetryPolicy, found int 3"):
        Reminder(run, 5, retry=policy)


def test_what_is_no_reminder_is_refused() -> None:
    """The error says how one is made."""
    with pytest.raises(MissionDefinitionError, match=r"^reminder of signal 'go' of a path: .*reminder=Reminder\("):
        PATH.need_to(GO, reminder=run)


def test_undo_has_the_policy_of_its_step() -> None:
    """Unless it is given one of its own; the timeout is the step's."""
    retry, other = RetryPolicy(2), RetryPolicy(5)
    one, two, start = (
        PATH.step("a", run, retry=retry, timeout=5, undo=names)
        .step("b", run, retry=retry, timeout=5, undo=names, undo_retry=other)
        .nodes
    ) + DRAFT.start(input=int, run=run, retry=retry, undo=names).end().nodes[:1]

    assert [(node.undo.run, node.undo.retry, node.undo.timeout) for node in (one, two, start)] == [
        (names, retry, 5),
        (names, other, 5),
        (names, retry, None),
    ]
    assert PATH.step("a", run).nodes[0].undo is None


def test_policy_of_an_undo_is_one() -> None:
    """As that of a step."""
    with pytest.raises(MissionDefinitionError, match=r"^undo of step 'a' of a path, retry: expected a RetryPolicy"):
        PATH.step("a", run, undo=run, undo_retry=3)


# Children


@pytest.mark.parametrize("definition", [None, "child", BUILDER, ONE], ids=["None", "str", "builder", "path"])
def test_child_is_a_definition(definition: Any) -> None:
    """The error says when a definition is one."""
    with pytest.raises(MissionDefinitionError, match=r"^mission 'n' of a path: expected a MissionDefinition, .*\.end"):
        PATH.mission("n", definition, run)


def test_waiting_for_a_child_is_true_or_false() -> None:
    """Nothing else is taken for one of them."""
    with pytest.raises(MissionDefinitionError, match=r"^mission 'n' of a path, wait: expected True or False"):
        PATH.mission("n", CHILD, run, wait=1)


def test_children_are_those_of_all_paths() -> None:
    """A definition knows the missions that it begins anywhere, one that it begins twice once."""
    path: Any = PATH.mission("c", CHILD, run)
    definition = BUILDER.parallel("n", {"p": path, "q": path}).mission("c", CHILD, run).end()

    assert dict(definition.children) == {"child": CHILD}


def test_children_of_one_name_are_one_definition() -> None:
    """Two of a name could not be registered together, nor one with its parent's."""
    other = m.define("child").start(input=int, run=run).end()
    parent = m.define("it").start(input=int, run=run).end()
    path: Any = PATH.mission("d", other, run)

    with pytest.raises(MissionDefinitionError, match=r"^mission 'd' of mission 'it': another definition .* 'child'"):
        BUILDER.mission("c", CHILD, run).each("n", names, path).end()
    with pytest.raises(MissionDefinitionError, match=r"^mission 'c' of mission 'it': another definition .* 'it'"):
        BUILDER.mission("c", parent, run).end()
