"""Definitions: what the builder accepts, what it refuses and how it says so, and what a definition tells of itself."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionError,
    MissionStatus,
    RetryPolicy,
    Signal,
    create_commander,
    m,
)

if TYPE_CHECKING:
    from decimal import Decimal


def run(ctx: MissionContext[Any]) -> None:
    pass


def change(ctx: MissionContext[Any], input: int) -> int:
    return input


DRAFT: Any = m.define("it")
BUILDER: Any = DRAFT.start(input=int, run=run)
GO = Signal("go", int)


# Names

ADDING: dict[str, Callable[[Any], Any]] = {
    "mission": lambda name: m.define(name),
    "query": lambda name: DRAFT.query(name, run),
    "update": lambda name: DRAFT.update(name, int, change),
    "step": lambda name: BUILDER.step(name, run),
    "signal": lambda name: BUILDER.need_to(name, int),
    "token": lambda name: Signal(name, int),
    "sleep": lambda name: BUILDER.sleep(name, 5),
}
NODES = sorted(set(ADDING) - {"mission"})


@pytest.mark.parametrize("kind", ADDING)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "expected 1 to 255 characters, found 0"),
        ("x" * 256, "expected 1 to 255 characters, found 256"),
        ("a\nb", "control characters"),
        ("a\x00", "control characters"),
        ("\x7f", "control characters"),
        ("\ud800", "surrogates"),
        (None, "expected a str"),
        (5, "expected a str"),
        (b"work", "expected a str"),
    ],
    ids=ascii,
)
def test_malformed_name_is_refused(kind: str, name: Any, message: str) -> None:
    """Names are 1 to 255 characters without control characters and surrogates, whatever bears them."""
    with pytest.raises(MissionDefinitionError, match=message):
        ADDING[kind](name)


@pytest.mark.parametrize("kind", ADDING)
@pytest.mark.parametrize("name", ["x" * 255, " ", "süß 🚀", "a.b:c", "end", "a\u200db"])
def test_odd_name_is_a_name(kind: str, name: str) -> None:
    """Everything else is a name."""
    ADDING[kind](name)


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("name", ["a/b", "a[0]", "a]", "undo:a"])
def test_name_that_would_be_a_place_is_refused(kind: str, name: str) -> None:
    """Places in a mission are written with / and [ ], and what undoes a step begins with undo:."""
    what = "signal" if kind == "token" else kind

    with pytest.raises(MissionDefinitionError, match=rf"name of an? {what}: .*choose another"):
        ADDING[kind](name)


def test_mission_may_bear_what_a_node_may_not() -> None:
    """The name of a mission is part of no instance name."""
    assert m.define("a/b[0]").start(input=int, run=run).end().name == "a/b[0]"


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("name", ["start", "start_at"])
def test_reserved_name_is_refused(kind: str, name: str) -> None:
    """`start` and `start_at` belong to the start."""
    with pytest.raises(MissionDefinitionError, match=f"'{name}'.*reserved"):
        ADDING[kind](name)


@pytest.mark.parametrize("name", ["start", "start_at"])
def test_mission_may_be_called_as_a_node_may_not(name: str) -> None:
    """The names of missions are of another kind."""
    assert m.define(name).start(input=int, run=run).end().name == name


TWICE: dict[str, Callable[[], Any]] = {
    "two queries": lambda: DRAFT.query("a", run).query("a", run),
    "two updates": lambda: DRAFT.update("a", int, change).update("a", int, change),
    "query and update": lambda: DRAFT.query("a", run).update("a", int, change),
    "query and step": lambda: DRAFT.query("a", run).start(input=int, run=run).step("a", run),
    "update and signal": lambda: DRAFT.update("a", int, change).start(input=int, run=run).need_to("a", int),
    "two steps": lambda: BUILDER.step("a", run).step("a", run),
    "step and signal": lambda: BUILDER.step("go", run).need_to(GO),
    "signal and sleep": lambda: BUILDER.need_to("a", int).sleep("a", 5),
    "two tokens": lambda: BUILDER.need_to(GO).need_to(GO),
}


@pytest.mark.parametrize("kind", TWICE)
def test_name_that_is_used_twice_is_refused(kind: str) -> None:
    """Names are unique over nodes, queries and updates; the error names mission and name."""
    with pytest.raises(MissionDefinitionError, match=r"mission 'it'.*'(a|go)' is used twice"):
        TWICE[kind]()


# Code

WITH_CODE: dict[str, Callable[[Any], Any]] = {
    "query": lambda fn: DRAFT.query("q", fn),
    "update": lambda fn: DRAFT.update("u", int, fn),
    "start": lambda fn: DRAFT.start(input=int, run=fn),
    "step": lambda fn: BUILDER.step("s", fn),
}


@pytest.mark.parametrize("kind", WITH_CODE)
@pytest.mark.parametrize("fn", [None, "run", 5, pytest.param(object(), id="object")], ids=repr)
def test_what_cannot_be_called_is_refused(kind: str, fn: Any) -> None:
    """Code is a callable; the error names what it was for and the mission."""
    with pytest.raises(MissionDefinitionError, match=rf"{kind} .*mission 'it'.*expected a function"):
        WITH_CODE[kind](fn)


def too_many(ctx: Any, input: Any, more: Any) -> None:
    pass


def too_few() -> None:
    pass


@pytest.mark.parametrize("kind", WITH_CODE)
@pytest.mark.parametrize("fn", [too_many, too_few])
def test_code_with_other_parameters_is_refused(kind: str, fn: Any) -> None:
    """A function that cannot be called with what it will be called with is told so when it is added."""
    expected = r"\(ctx, input\)" if kind == "update" else r"\(ctx\)"

    with pytest.raises(MissionDefinitionError, match=rf"{kind} .*it is called with {expected}"):
        WITH_CODE[kind](fn)


def generating(ctx: MissionContext[int]) -> Iterator[int]:
    yield 1


async def generating_async(ctx: MissionContext[int]) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("fn", [generating, generating_async])
def test_generator_is_refused(fn: Any) -> None:
    """A step returns one value."""
    with pytest.raises(MissionDefinitionError, match=r"step 's' of mission 'it'.*is a generator"):
        BUILDER.step("s", fn)


# Types


def returns_unimported(ctx: MissionContext[int]) -> Decimal:
    raise NotImplementedError


def returns_socket(ctx: MissionContext[int]) -> socket.socket:
    raise NotImplementedError


def returns_optional_socket(ctx: MissionContext[int]) -> dict[str, socket.socket | None]:
    raise NotImplementedError


def takes_unimported(ctx: MissionContext[Decimal]) -> int:
    return 5


@pytest.mark.parametrize("kind", ["start", "step"])
@pytest.mark.parametrize("fn", [returns_unimported, returns_socket, returns_optional_socket])
def test_return_type_that_cannot_be_restored_is_refused(kind: str, fn: Any) -> None:
    """The error names the function and the remedy; stating the type is one."""
    with pytest.raises(MissionDefinitionError, match=rf"'{fn.__name__}'(.|\n)*output=Type"):
        WITH_CODE[kind](fn)

    BUILDER.step("s", fn, output=int)
    DRAFT.start(input=int, run=fn, output=int)


def test_other_annotations_do_not_matter() -> None:
    """Only return annotations are resolved."""
    BUILDER.step("s", takes_unimported)


def test_return_type_may_be_local_to_the_caller() -> None:
    """A class that is defined beside the definition is found."""

    @attrs.define
    class Local:
        x: int

    def give(ctx: MissionContext[int]) -> Local:
        return Local(5)

    definition = m.define("it").start(input=int, run=run).step("s", give).end()

    assert definition.to_static()["nodes"][1]["output"] == "Local"


WITH_SCHEMA: dict[str, Callable[[Any], Any]] = {
    "start": lambda schema: DRAFT.start(input=schema, run=run),
    "output": lambda schema: BUILDER.step("s", run, output=schema),
    "signal": lambda schema: BUILDER.need_to("n", schema),
    "token": lambda schema: Signal("n", schema),
    "update": lambda schema: DRAFT.update("u", schema, change),
}


@pytest.mark.parametrize("kind", WITH_SCHEMA)
@pytest.mark.parametrize(
    "schema",
    ["Request", 5, pytest.param(object(), id="object"), socket.socket, list[socket.socket], Callable[[], int]],
    ids=repr,
)
def test_schema_that_is_none_is_refused(kind: str, schema: Any) -> None:
    """Texts, values, and types that no JSON can be read as, are no schema."""
    with pytest.raises(MissionDefinitionError):
        WITH_SCHEMA[kind](schema)


def test_signal_without_a_schema_is_refused() -> None:
    """A name alone does not say what the signal carries."""
    with pytest.raises(MissionDefinitionError, match=r"'go' has no schema; say \.need_to"):
        BUILDER.need_to("go")


def test_token_brings_its_own_schema() -> None:
    """A token with another schema beside it is a contradiction."""
    with pytest.raises(MissionDefinitionError, match="schema of its own"):
        BUILDER.need_to(GO, str)


# Policies and durations

WITH_DURATION: dict[str, Callable[[Any], Any]] = {
    "start": lambda value: DRAFT.start(input=int, run=run, timeout=value),
    "step": lambda value: BUILDER.step("s", run, timeout=value),
    "signal": lambda value: BUILDER.need_to("n", int, timeout=value),
    "sleep": lambda value: BUILDER.sleep("n", value),
}


@pytest.mark.parametrize("kind", WITH_DURATION)
@pytest.mark.parametrize(
    "duration",
    [-1, timedelta(seconds=-1), timedelta(days=365_251), 1e12, math.nan, math.inf, "5", True, [5]],
    ids=str,
)
def test_duration_that_makes_no_sense_is_refused(kind: str, duration: Any) -> None:
    """Durations are 0 to 1,000 years; the error names node and mission."""
    with pytest.raises(MissionDefinitionError, match=rf"^{kind} .*of mission 'it'.*expected|^start of mission 'it'"):
        WITH_DURATION[kind](duration)


@pytest.mark.parametrize("kind", WITH_DURATION)
@pytest.mark.parametrize("duration", [0, 0.5, timedelta(0), timedelta(days=365_250)], ids=str)
def test_duration_up_to_a_thousand_years_is_one(kind: str, duration: Any) -> None:
    """Nothing and a thousand years are durations."""
    WITH_DURATION[kind](duration)


@pytest.mark.parametrize("retry", [3, {"max_attempts": 3}, RetryPolicy], ids=str)
def test_policy_that_is_none_is_refused(retry: Any) -> None:
    """A retry policy is a `RetryPolicy`."""
    with pytest.raises(MissionDefinitionError, match=r"start .*retry: expected a RetryPolicy"):
        DRAFT.start(input=int, run=run, retry=retry)
    with pytest.raises(MissionDefinitionError, match=r"step 's' .*retry: expected a RetryPolicy"):
        BUILDER.step("s", run, retry=retry)


def test_static_form_can_be_sent_whatever_its_message_is() -> None:
    """A lone surrogate in the message of a deadline is its escape for those who draw the definition."""
    definition = BUILDER.need_to("n", int, timeout=5, timeout_message="no caf\udce9").end()

    form = json.dumps(definition.to_static(), ensure_ascii=False).encode()

    assert json.loads(form)["nodes"][-2]["timeout_message"] == r"no caf\udce9"


@pytest.mark.parametrize("message", [5, b"late", ["late"]], ids=repr)
def test_timeout_message_that_is_no_text_is_refused(message: Any) -> None:
    """A message is text."""
    with pytest.raises(MissionDefinitionError, match="timeout_message: expected a str"):
        BUILDER.need_to("n", int, timeout=5, timeout_message=message)


def test_unfinished_definition_is_refused() -> None:
    """What has no end cannot be registered, and the error says so."""
    candidates: list[Any] = [DRAFT, BUILDER, None, "it"]
    for unfinished in candidates:
        with pytest.raises(MissionDefinitionError, match=r"\.end\(\)"):
            create_commander(definitions=[unfinished])


# What a definition is


def whole() -> MissionDefinition[int]:
    return (
        m.define("whole")
        .query("q", run)
        .update("u", int, change)
        .start(input=int, run=run, timeout=5)
        .step("s", run, output=list[int], retry=RetryPolicy(3, retry_on=(OSError,)), timeout=timedelta(minutes=1))
        .need_to("n", dict[str, int], timeout=60, timeout_message="too late")
        .sleep("z", timedelta(hours=1))
        .end()
    )


def test_builders_can_be_forked() -> None:
    """Every call gives a new builder, and leaves the one before it alone."""
    draft = m.define("it").query("q", run)
    builder = draft.start(input=int, run=run)
    one, other = builder.step("a", run), builder.step("b", run).sleep("z", 5)

    assert [node.name for node in one.end().nodes] == ["start", "a", "end"]
    assert [node.name for node in other.end().nodes] == ["start", "b", "z", "end"]
    assert [node.name for node in builder.end().nodes] == ["start", "end"]
    assert list(draft.query("p", run).start(input=int, run=run).end().queries) == ["q", "p"]
    assert list(one.end().queries) == ["q"]


def test_definition_is_frozen_and_compared_by_identity() -> None:
    """Neither a definition nor what it holds can be changed; two that were built alike are two."""
    definition = whole()
    changes: list[tuple[Any, str]] = [(definition, "name"), (definition, "nodes"), (definition.nodes[1], "run")]

    for holder, name in changes:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(holder, name, None)
    assert not hasattr(definition.queries, "__setitem__")
    assert not hasattr(definition.updates, "__setitem__")
    assert definition != whole()
    assert hash(definition) != hash(whole())


def test_definition_shows_its_nodes() -> None:
    """What is printed of a definition is its name and its way."""
    definition = m.define("it").start(input=int, run=run).need_to("go", str).end()

    assert repr(definition) == "<MissionDefinition 'it': start -> go -> end>"


def test_static_form_tells_the_structure_without_code() -> None:
    """Kinds, names, policies, durations and types, JSON-ready."""
    static = whole().to_static()

    assert json.loads(json.dumps(static)) == static
    assert static["name"] == "whole"
    assert (static["queries"], [update["name"] for update in static["updates"]]) == (["q"], ["u"])
    assert [(node["kind"], node["name"]) for node in static["nodes"]] == [
        ("start", "start"),
        ("step", "s"),
        ("need_to", "n"),
        ("sleep", "z"),
        ("end", "end"),
    ]
    start, step, wait, sleep, _ = static["nodes"]
    assert (start["input"], start["timeout"], start["retry"]["max_attempts"]) == ("int", 5.0, 1)
    assert (step["output"], step["timeout"]) == ("list[int]", 60.0)
    assert (step["retry"]["max_attempts"], step["retry"]["retry_on"]) == (3, ["OSError"])
    assert (wait["schema"], wait["timeout"], wait["timeout_message"]) == ("dict[str, int]", 60.0, "too late")
    assert sleep["duration"] == 3600.0


def test_static_form_is_the_callers() -> None:
    """Changing it changes neither the definition nor its fingerprint."""
    definition = whole()
    definition.to_static()["nodes"].clear()

    assert len(definition.to_static()["nodes"]) == 5
    assert definition.fingerprint == whole().fingerprint


CHANGED: dict[str, Callable[[], MissionDefinition[Any]]] = {
    "name": lambda: m.define("other").start(input=int, run=run).end(),
    "input": lambda: m.define("it").start(input=str, run=run).end(),
    "query": lambda: m.define("it").query("q", run).start(input=int, run=run).end(),
    "update": lambda: m.define("it").update("u", int, change).start(input=int, run=run).end(),
    "timeout": lambda: m.define("it").start(input=int, run=run, timeout=5).end(),
    "retry": lambda: m.define("it").start(input=int, run=run, retry=RetryPolicy(2)).end(),
    "output": lambda: m.define("it").start(input=int, run=run, output=int).end(),
    "step": lambda: BUILDER.step("a", run).end(),
    "step's name": lambda: BUILDER.step("b", run).end(),
    "signal": lambda: BUILDER.need_to("a", int).end(),
    "schema": lambda: BUILDER.need_to("a", str).end(),
    "sleep": lambda: BUILDER.sleep("a", 5).end(),
    "duration": lambda: BUILDER.sleep("a", 6).end(),
    "order": lambda: BUILDER.step("a", run).step("b", run).end(),
    "other order": lambda: BUILDER.step("b", run).step("a", run).end(),
}


def test_fingerprint_changes_with_the_structure() -> None:
    """Every difference in structure is a different fingerprint."""
    fingerprints = {BUILDER.end().fingerprint, *(build().fingerprint for build in CHANGED.values())}

    assert len(fingerprints) == len(CHANGED) + 1


def test_fingerprint_does_not_change_with_the_code() -> None:
    """The same structure around other functions has the same fingerprint."""

    def other(ctx: MissionContext[Any]) -> None:
        raise NotImplementedError

    assert m.define("it").start(input=int, run=other).end().fingerprint == BUILDER.end().fingerprint


PROGRAM = """
from typing import Literal
from mission_control.core import RetryPolicy, m
policy = RetryPolicy(2, retry_on=(OSError, KeyError))
builder = m.define("it").start(input=dict[str, set[int]], run=lambda ctx: None, retry=policy)
print(builder.need_to("n", Literal["a", "b"] | None).end().fingerprint)
"""


def test_fingerprint_is_the_same_in_every_process() -> None:
    """Neither hashes nor ids of a process go into it."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(printed) == 1
    assert len(printed.pop().strip()) == 32


async def test_definition_of_any_length_runs() -> None:
    """A thousand nodes are a definition like any other."""
    builder = m.define("long").start(input=int, run=run)
    for number in range(1_000):
        builder = builder.sleep(f"nap-{number}", 0)
    definition = builder.end()

    async with create_commander(definitions=[definition]) as commander:
        mission = await commander.start(definition, 5)
        assert await mission.status() == MissionStatus.COMPLETED
