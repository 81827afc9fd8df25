"""Rule 10: payloads are JSON, are read back typed, the same before a restart and after, and belong to nobody else."""

from __future__ import annotations

import asyncio
import copy
import json
import math
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar
from uuid import UUID

import pytest
from attrs import define, field
from pydantic import BaseModel

from mission_control.core import (
    EventRecord,
    HistoryType,
    MissionContext,
    MissionDefinitionMismatchError,
    MissionFailedError,
    MissionFailure,
    MissionHandle,
    MissionStatus,
    MissionValidationError,
    RetryPolicy,
    Signal,
    m,
)
from storages import OpenCommander

T = TypeVar("T")

Look = Callable[[MissionContext[int]], object]


def begin(ctx: MissionContext[Any]) -> None:
    pass


async def found(open_commander: OpenCommander, definition: Any) -> MissionHandle[Any]:
    """Return the mission `x` as a new process finds it."""
    mission = await (await open_commander([definition])).get_mission("x")
    assert mission is not None
    return mission


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


@define
class Point:
    x: int
    y: float = 0.5


@define
class Tree:
    name: str
    children: list[Tree] = field(factory=list["Tree"])
    seen: datetime | None = None


@define
class Box(Generic[T]):
    content: T


@dataclass
class Pair:
    left: Point
    right: tuple[int, str]


class Row(TypedDict, total=False):
    id: int
    labels: set[str]


class Model(BaseModel):
    id: int
    tags: list[str] = []


class Even:
    """A schema that decides by itself."""

    def parse(self, value: Any, /) -> int:
        if type(value) is not int or value % 2:
            raise ValueError("expected an even number")
        return value


UserId = NewType("UserId", int)

TYPED: list[tuple[Any, Any]] = [
    (int, 2**70),
    (float, 1e-300),
    (bool, True),
    (str, "\x00\ud800 \U0001f680 \u2028"),
    (None, None),
    (bytes, b"\x00\xff"),
    (datetime, datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
    (date, date(2024, 2, 29)),
    (time, time(1, 2, 3, 4)),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (UUID, UUID(int=5)),
    (Decimal, Decimal("1.10")),
    (Colour, Colour.RED),
    (Size, Size.SMALL),
    (Literal["a", 1], 1),
    (Annotated[int, "metres"], 5),
    (UserId, 5),
    (int | None, None),
    (list[Point], [Point(1), Point(2, 3.5)]),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (set[int], {1, 2}),
    (frozenset[str], frozenset({"a"})),
    (dict[str, Point], {"a": Point(1)}),
    (dict[int, date], {1: date(2024, 2, 29)}),
    (Point, Point(1, 2.5)),
    (Tree, Tree("root", [Tree("leaf", [], datetime(2024, 2, 29, tzinfo=UTC))])),
    (Box[int], Box(5)),
    (Pair, Pair(Point(1), (2, "b"))),
    (Row, {"id": 5, "labels": {"a"}}),
    (Point | Pair, Pair(Point(1), (2, "b"))),
    (Model, Model(id=5, tags=["a"])),
    (Even(), 4),
    (Any, {"a": [1, None, 2.5, "x", True]}),
]


@pytest.mark.parametrize(("schema", "value"), TYPED, ids=lambda it: repr(it)[:40].replace("\x00", "0"))
async def test_every_kind_of_type_is_given_back_typed(open_commander: OpenCommander, schema: Any, value: Any) -> None:
    """Input, output and signal of every kind of type are what they were, before a restart and after."""
    seen: list[tuple[Any, Any, Any]] = []
    signal: Signal[Any] = Signal("signal", schema)

    def give(ctx: MissionContext[Any]) -> Any:
        return copy.deepcopy(value)

    def look(ctx: MissionContext[Any]) -> None:
        seen.append((ctx.input, ctx.output(give), ctx.received(signal)))

    definition = (
        m.define("it")
        .start(input=schema, run=begin)
        .step("give", give, output=schema)
        .need_to(signal)
        .step("before", look)
        .need_to("go-on", None)
        .step("after", look)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, copy.deepcopy(value), mission_id="x")
    await mission.signal(signal, copy.deepcopy(value))
    await open_commander.crash()
    mission = await found(open_commander, definition)
    await mission.signal("go-on", None)

    assert await mission.status() == MissionStatus.COMPLETED
    assert seen == [(value, value, value)] * 2
    assert {type(it) for values in seen for it in values} == {type(value)}
    events = (await mission.snapshot()).events
    assert json.dumps(events["start"].input) == json.dumps(events["give"].output) == json.dumps(events["signal"].input)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, (2,)), [1, [2]]),
        ({"at": datetime(2024, 2, 29, tzinfo=UTC)}, {"at": "2024-02-29T00:00:00+00:00"}),
        (Point(1), {"x": 1, "y": 0.5}),
        ({Colour.RED}, ["red"]),
        (Size.SMALL, 1),
        (None, None),
    ],
    ids=repr,
)
async def test_undeclared_output_is_plain_json_at_once(open_commander: OpenCommander, value: Any, plain: Any) -> None:
    """A step without a return annotation gives the plain JSON value, in the same process and in the next one."""
    seen: list[Any] = []

    give: Look = lambda ctx: value  # noqa: E731 - a function that declares nothing

    def look(ctx: MissionContext[Any]) -> None:
        seen.append(ctx.output("give"))

    definition = (
        m.define("it")
        .start(input=int, run=begin)
        .step("give", give)
        .step("before", look)
        .need_to("go-on", None)
        .step("after", look)
        .end()
    )
    await (await open_commander([definition])).start(definition, 5, mission_id="x")
    mission = await found(open_commander, definition)
    await mission.signal("go-on", None)

    assert seen == [plain, plain]
    assert [type(it) for it in seen] == [type(plain)] * 2


async def test_what_a_step_returns_is_normalised_when_it_is_recorded(open_commander: OpenCommander) -> None:
    """Nobody sees the object that a step returned, only the value that will be read back."""
    kept: list[Point] = []
    seen: list[Point] = []

    def give(ctx: MissionContext[int]) -> Point:
        kept.append(Point(1, 2))
        return kept[0]

    def look(ctx: MissionContext[int]) -> None:
        kept[0].x = 99
        seen.append(ctx.output(give))

    definition = m.define("it").start(input=int, run=give).step("look", look).step("again", look).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, 5)

    assert seen == [Point(1, 2.0), Point(1, 2.0)]
    assert type(seen[0].y) is float
    assert seen[0] is not seen[1]
    assert seen[0] is not kept[0]
    assert (await mission.snapshot()).events["start"].output == {"x": 1, "y": 2.0}


# What is refused


def cyclic() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


NO_JSON: dict[str, tuple[Callable[[], Any], str]] = {
    "socket": (lambda: socket.socket, "$"),
    "object": (lambda: {"a": [1, object()]}, "$.a[1]: builtins.object"),
    "generator": (lambda: (it for it in "abc"), "generator"),
    "function": (lambda: begin, "function"),
    "nan": (lambda: {"rate": math.nan}, "$.rate: nan"),
    "infinity": (lambda: [math.inf], "$[0]: inf"),
    "huge int": (lambda: {"n": 10**5000}, "$.n"),
    "cyclic": (cyclic, "contains itself"),
    "deep": (lambda: deep(5000), "nested"),
    "int key": (lambda: {"a": {5: 1}}, "$.a"),
    "naive datetime": (lambda: [datetime(2024, 2, 29)], "$[0]"),  # noqa: DTZ001 - that it is naive is the point
    "exception": (lambda: ValueError("no"), "ValueError"),
    "awaitable within": (lambda: {"task": asyncio.Event()}, "$.task"),
}


async def failure_without_retry(open_commander: OpenCommander, run: Look, **options: Any) -> MissionFailure:
    """Return how a mission fails whose step returns what it must not, and check that it was tried once."""
    policy = RetryPolicy(max_attempts=3, retry_on=(BaseException,))
    definition = m.define("it").start(input=int, run=begin).step("work", run, retry=policy, **options).end()
    commander = await open_commander([definition])
    async with asyncio.timeout(30):
        with pytest.raises(MissionFailedError) as raised:
            await commander.start(definition, 5, mission_id="x")
    mission = await found(open_commander, definition)
    inspection = await mission.inspect()
    attempts = [attempt for attempt in inspection.step_attempts if attempt.step_name == "work"]
    assert [attempt.status for attempt in attempts] == ["failed"]
    assert inspection.snapshot.error == raised.value.failure
    return raised.value.failure


@pytest.mark.parametrize("kind", NO_JSON)
async def test_output_without_json_form_fails_the_mission(open_commander: OpenCommander, kind: str) -> None:
    """What cannot be stored is a `PayloadError` that names step and path, and is not tried again."""
    make, where = NO_JSON[kind]

    failure = await failure_without_retry(open_commander, lambda ctx: make())

    assert failure.code == "MISSION_PAYLOAD_ERROR"
    assert failure.type is not None
    assert failure.type.endswith("PayloadError")
    assert "'work'" in failure.message
    assert where in failure.message


def returns(declared: Any, value: Any) -> Look:
    def run(ctx: MissionContext[int]) -> object:
        return value

    run.__annotations__["return"] = declared
    return run


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        (str, None, "$: expected str, got None"),
        (int, True, "$: expected int, got bool"),
        (int, 5.0, "$: expected int, got float"),
        (float, math.nan, "$"),
        (Point, {"x": "1"}, "$.x: expected int"),
        (Point, {"x": 1, "z": 1}, "$.z: unknown field"),
        (Point, {}, "$.x: required field missing"),
        (list[int], (it for it in (1, 2)), "$"),
        (list[int], "12", "$"),
        (dict[str, int], {"a": None}, "$.a"),
        (None, 5, "$"),
        (Literal[1], True, "$"),
        (datetime, "2024-02-29T00:00:00", "$"),
    ],
)
async def test_output_that_does_not_fit_its_declared_type_fails_the_mission(
    open_commander: OpenCommander, declared: Any, value: Any, message: str
) -> None:
    """A lying annotation is a `PayloadError` that names step, path and type, and is not tried again."""
    failure = await failure_without_retry(open_commander, returns(declared, value))

    assert failure.code == "MISSION_PAYLOAD_ERROR"
    assert "'work'" in failure.message
    assert message in failure.message


async def test_stated_output_type_is_the_one_that_counts(open_commander: OpenCommander) -> None:
    """`output=` stands where an annotation cannot, and is checked like one."""
    failure = await failure_without_retry(open_commander, lambda ctx: "five", output=int)

    assert failure.code == "MISSION_PAYLOAD_ERROR"
    assert "expected int, got str 'five'" in failure.message


async def test_payload_of_ten_megabytes_is_a_payload(open_commander: OpenCommander) -> None:
    """Large inputs and outputs come back whole after a restart."""
    large = "x\x00" * 5_000_000

    def give(ctx: MissionContext[str]) -> str:
        return ctx.input

    definition = m.define("it").start(input=str, run=give).end()
    await (await open_commander([definition])).start(definition, large, mission_id="x")

    mission = await found(open_commander, definition)

    assert await mission.output() == large


# What belongs to whom


async def test_input_belongs_to_the_mission(open_commander: OpenCommander) -> None:
    """Changing what was handed to `start`, or what `ctx.input` gave, changes nothing for anyone."""
    seen: list[Any] = []
    handed: dict[str, Any] = {"name": "root", "children": [{"name": "leaf"}]}

    def spoil(ctx: MissionContext[Tree]) -> None:
        seen.append(ctx.input)
        ctx.input.children.clear()
        seen[0].name = "spoilt"

    def look(ctx: MissionContext[Tree]) -> None:
        seen.append(ctx.input)

    definition = m.define("it").start(input=Tree, run=spoil).need_to("go", None).step("look", look).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, handed)
    handed["children"].append("spoilt")
    await mission.signal("go", None)

    assert seen[1] == Tree("root", [Tree("leaf")])
    assert (await mission.snapshot()).events["start"].input["name"] == "root"


async def test_signal_payload_belongs_to_the_mission(open_commander: OpenCommander) -> None:
    """Changing what was sent, or what `ctx.received` gave, changes nothing."""
    seen: list[Any] = []
    sent = {"items": [1]}

    def spoil(ctx: MissionContext[int]) -> None:
        ctx.received("go")["items"].append(2)

    def look(ctx: MissionContext[int]) -> None:
        seen.append(ctx.received("go"))

    go = Signal("go", dict[str, Any])
    definition = m.define("it").start(input=int, run=begin).need_to(go).step("spoil", spoil).step("look", look).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, 5)
    signal = asyncio.create_task(mission.signal(go, sent))
    await asyncio.sleep(0)
    await signal
    sent["items"].append(3)

    assert seen == [{"items": [1]}]
    assert (await mission.inspect()).signals[0].payload == {"items": [1]}


async def test_events_are_copies(open_commander: OpenCommander) -> None:
    """Changing what `ctx.events` gave changes neither the next look at it nor the record."""
    seen: list[Any] = []

    def give(ctx: MissionContext[int]) -> dict[str, list[int]]:
        return {"items": [1]}

    def spoil(ctx: MissionContext[int]) -> None:
        ctx.events["start"].output["items"].append(2)
        seen.append(ctx.events["start"].output)

    definition = m.define("it").start(input=int, run=give).step("spoil", spoil).end()
    commander = await open_commander([definition])

    mission = await commander.start(definition, 5)

    assert seen == [{"items": [1]}]
    assert (await mission.snapshot()).events["start"].output == {"items": [1]}


async def test_an_attempt_has_a_copy_of_its_own(open_commander: OpenCommander) -> None:
    """What it changes in its input, outputs and signals it sees itself; nobody after it does."""
    seen: list[Any] = []

    def give(ctx: MissionContext[list[int]]) -> list[int]:
        ctx.input.append(2)
        return ctx.input

    def spoil(ctx: MissionContext[list[int]]) -> None:
        for copied in (ctx.input, ctx.output(give), ctx.received("go")):
            copied.append(9)
        seen.append((ctx.input, ctx.output(give), ctx.received("go")))
        if ctx.attempt == 1:
            raise ValueError("again")

    definition = (
        m.define("it")
        .start(input=list[int], run=give)
        .need_to("go", list[int])
        .step("spoil", spoil, retry=RetryPolicy(max_attempts=2))
        .step("after", lambda ctx: [ctx.input, ctx.output("start"), ctx.received("go")])
        .end()
    )
    mission = await (await open_commander([definition])).start(definition, [1])
    await mission.signal("go", [3])

    assert seen == [([1, 9], [1, 2, 9], [3, 9])] * 2
    assert await mission.output() == [[1], [1, 2], [3]]


async def test_snapshots_and_inspections_are_copies(open_commander: OpenCommander) -> None:
    """Changing what a caller was given changes nothing for the next caller or for the mission."""
    seen: list[Any] = []

    def give(ctx: MissionContext[list[int]]) -> list[int]:
        return [*ctx.input, 2]

    def look(ctx: MissionContext[list[int]]) -> None:
        seen.append((ctx.input, ctx.output(give)))

    definition = m.define("it").start(input=list[int], run=give).need_to("go", None).step("look", look).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, [1])
    snapshot, inspection = await mission.snapshot(), await mission.inspect()
    for shown in (snapshot, inspection.snapshot):
        shown.events["start"].input.append(9)
        shown.events["start"].output.append(9)
        shown.output.append(9)
    for record in inspection.history:
        for spoilt in (record.details.get("input"), record.details.get("output")):
            if spoilt is not None:
                spoilt.append(9)
    await mission.signal("go", None)

    assert seen == [([1], [1, 2])]
    again = await mission.inspect()
    assert again.snapshot.events["start"] == EventRecord(input=[1], output=[1, 2])
    succeeded = next(record for record in again.history if record.type is HistoryType.STEP_SUCCEEDED)
    assert succeeded.details["output"] == [1, 2]


async def test_output_of_a_mission_is_its_callers(open_commander: OpenCommander) -> None:
    """Changing what `output()` gave does not change what it gives next."""

    def give(ctx: MissionContext[int]) -> list[int]:
        return [1]

    definition = m.define("it").start(input=int, run=give).end()
    mission = await (await open_commander([definition])).start(definition, 5)

    (await mission.output()).append(2)

    assert await mission.output() == [1]


# What a context knows


async def test_events_hold_what_went_in_and_came_out(open_commander: OpenCommander) -> None:
    """A wait has its input, a step its output, start and update both, as plain JSON; a sleep is absent."""
    seen: list[dict[str, EventRecord]] = []

    def give(ctx: MissionContext[Point]) -> Point:
        return Point(2)

    def look(ctx: MissionContext[Point]) -> None:
        seen.append(dict(ctx.events))

    def move(ctx: MissionContext[Any], input: Point) -> Point:
        return Point(input.x + 1)

    definition = (
        m.define("it")
        .update("move", Point, move)
        .start(input=Point, run=give)
        .sleep("nap", 0)
        .step("give", give)
        .need_to("go", Point)
        .step("look", look)
        .end()
    )
    commander = await open_commander([definition])
    mission = await commander.start(definition, Point(1))
    await mission.update("move", {"x": 3})
    await mission.signal("go", Point(5))

    one, two, three, four, five = ({"x": x, "y": 0.5} for x in (1, 2, 3, 4, 5))
    expected = {
        "start": EventRecord(input=one, output=two),
        "give": EventRecord(output=two),
        "move": EventRecord(input=three, output=four),
        "go": EventRecord(input=five),
    }
    assert seen == [expected]
    assert (await mission.snapshot()).events == {**expected, "look": EventRecord()}


async def test_everything_that_is_shown_is_plain_json(open_commander: OpenCommander) -> None:
    """Snapshots, histories and inspections of typed missions go through `json.dumps` as dictionaries."""

    def give(ctx: MissionContext[Tree]) -> Pair:
        return Pair(Point(1), (2, "b"))

    definition = m.define("it").start(input=Tree, run=give).need_to("go", Point, timeout=60).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, Tree("root", seen=datetime(2024, 2, 29, tzinfo=UTC)))

    inspection = await mission.inspect()

    assert json.loads(json.dumps(inspection.to_dict())) == inspection.to_dict()
    assert inspection.snapshot.events["start"].input["seen"] == "2024-02-29T00:00:00+00:00"
    assert type(inspection.snapshot.events["start"].output) is dict


async def outcome_of(open_commander: OpenCommander, look: Look) -> tuple[MissionStatus, Any, int]:
    """Return how a mission ends whose third step is `look`: its status, its output or error, and the attempts."""

    def twice(ctx: MissionContext[int]) -> int:
        return ctx.input * 2

    policy = RetryPolicy(max_attempts=3)
    definition = (
        m.define("it")
        .update("change", int, lambda ctx, number: number + 1)
        .start(input=int, run=twice)
        .step("once", NAMED["once"])
        .step("twice", NAMED["serves two"])
        .step("again", NAMED["serves two"])
        .sleep("nap", 0)
        .step("look", look, retry=policy)
        .step("ahead", NAMED["ahead"])
        .need_to("signal", int)
        .end()
    )
    mission = await (await open_commander([definition])).start(definition, 5, wait=False)
    await mission.status()
    while (await mission.snapshot()).status == MissionStatus.RUNNING:
        await asyncio.sleep(0.001)
    inspection = await mission.inspect()
    attempts = [attempt for attempt in inspection.step_attempts if attempt.step_name == "look"]
    snapshot = inspection.snapshot
    result = snapshot.error.message if snapshot.error else snapshot.events["look"].output
    return snapshot.status, result, len(attempts)


def once(ctx: MissionContext[int]) -> int:
    return 1


def serves_two(ctx: MissionContext[int]) -> str:
    return ctx.step_name


def ahead(ctx: MissionContext[int]) -> int:
    return 99


def stranger(ctx: MissionContext[int]) -> int:
    return 0


NAMED: Mapping[str, Look] = {
    "once": once,
    "serves two": serves_two,
    "ahead": ahead,
}


FOUND: list[tuple[Look, object]] = [
    (lambda ctx: ctx.output(once), 1),
    (lambda ctx: ctx.output("once"), 1),
    (lambda ctx: ctx.output("start"), 10),
    (lambda ctx: ctx.output("twice") + ctx.output("again"), "twiceagain"),
    (lambda ctx: ctx.output(once, default=7), 1),
    (lambda ctx: ctx.output(ahead, default=7), 7),
    (lambda ctx: ctx.output("ahead", default=None), None),
    (lambda ctx: ctx.output("nowhere", default=7), 7),
    (lambda ctx: ctx.output("look", default=7), 7),
    (lambda ctx: ctx.output("nap", default=7), 7),
]


@pytest.mark.parametrize(("look", "output"), FOUND)
async def test_outputs_are_found(open_commander: OpenCommander, look: Look, output: object) -> None:
    """`ctx.output` takes a function or a name, and gives the default where there is no output."""
    assert await outcome_of(open_commander, look) == (MissionStatus.WAITING, output, 1)


MISSING: list[tuple[Look, list[str]]] = [
    (lambda ctx: ctx.output(ahead), ["no output", "'ahead'"]),
    (lambda ctx: ctx.output("nowhere"), ["no output", "'nowhere'", "'once'"]),
    (lambda ctx: ctx.output("look"), ["no output", "'look'"]),
    (lambda ctx: ctx.output("nap"), ["no output", "'nap'"]),
    (lambda ctx: ctx.output("signal"), ["no output", "'signal'"]),
    (lambda ctx: ctx.output(serves_two), ["serves_two", "'twice'", "'again'"]),
    (lambda ctx: ctx.output(stranger), ["stranger"]),
    (lambda ctx: ctx.received("signal"), ["no signal", "'signal'"]),
    (lambda ctx: ctx.received("nowhere"), ["no signal", "'nowhere'"]),
    (lambda ctx: ctx.received(Signal("signal", int)), ["no signal", "'signal'"]),
]


@pytest.mark.parametrize(("look", "words"), MISSING)
async def test_output_that_is_not_there_fails_the_mission_at_once(
    open_commander: OpenCommander, look: Look, words: list[str]
) -> None:
    """Asking for what the mission has not, or for one of two, is told by name and not tried again."""
    status, message, attempts = await outcome_of(open_commander, look)

    assert (status, attempts) == (MissionStatus.FAILED, 1)
    assert [word for word in words if word not in message] == []


async def test_output_of_nothing_is_an_output(open_commander: OpenCommander) -> None:
    """A step that returned None has an output, which a default does not replace."""
    definition = (
        m.define("it").start(input=int, run=begin).step("look", lambda ctx: [ctx.output(begin, default=7)]).end()
    )

    mission = await (await open_commander([definition])).start(definition, 5)

    assert await mission.output() == [None]


async def test_context_says_where_it_is(open_commander: OpenCommander) -> None:
    """Ids, names, the attempt and the idempotency key are those of the attempt that runs."""
    seen: list[tuple[object, ...]] = []

    async def look(ctx: MissionContext[int]) -> None:
        seen.append((ctx.mission_id, ctx.mission_name, ctx.step_name, ctx.attempt, ctx.idempotency_key))
        if ctx.attempt == 1:
            raise ValueError("again")

    definition = m.define("it").start(input=int, run=begin).step("look", look, retry=RetryPolicy(max_attempts=2)).end()
    await (await open_commander([definition])).start(definition, 5, mission_id="x")

    assert seen == [("x", "it", "look", 1, "x:look"), ("x", "it", "look", 2, "x:look")]


# Values that change their type while they are stored


async def test_restoring_ignores_unknown_fields_and_applies_defaults(open_commander: OpenCommander) -> None:
    """A type that lost a field and gained one with a default reads what was stored under the old one."""

    @define
    class Before:
        x: int
        gone: str = "old"

    @define
    class After:
        x: int
        new: list[int] = field(factory=list[int])

    seen: list[Any] = []

    def give_before(ctx: MissionContext[Before]) -> Before:
        return ctx.input

    def give_after(ctx: MissionContext[After]) -> After:
        return ctx.input

    def look(ctx: MissionContext[After]) -> None:
        seen.append((ctx.input, ctx.output("start"), ctx.received("first")))

    before = m.define("it").start(input=Before, run=give_before).need_to("first", Before).need_to("go", None).end()
    after = (
        m.define("it")
        .start(input=After, run=give_after)
        .need_to("first", After)
        .need_to("go", None)
        .step("look", look)
        .end()
    )
    mission = await (await open_commander([before])).start(before, Before(1), mission_id="x")
    await mission.signal("first", Before(2))

    mission = await found(open_commander, after)
    await mission.signal("go", None)

    assert seen == [(After(1, []), After(1, []), After(2, []))]


async def test_stored_value_that_fits_no_more_leaves_the_mission_as_it_is(open_commander: OpenCommander) -> None:
    """An operation that needs the definition names event and field; under one that fits the mission goes on."""

    @define
    class Before:
        x: int

    @define
    class After:
        x: str

    def give(ctx: MissionContext[int]) -> Any:
        return {"x": 1}

    def definition(output: type) -> Any:
        return m.define("it").start(input=int, run=begin).step("give", give, output=output).need_to("go", None).end()

    before, after = definition(Before), definition(After)
    await (await open_commander([before])).start(before, 5, mission_id="x")

    mission = await found(open_commander, after)
    history = await mission.history()
    with pytest.raises(MissionDefinitionMismatchError, match=r"'give'(.|\n)*\$\.x: expected str"):
        await mission.signal("go", None)
    assert await mission.history() == history
    assert await mission.status() == MissionStatus.WAITING

    mission = await found(open_commander, before)
    await mission.signal("go", None)
    assert await mission.status() == MissionStatus.COMPLETED


async def test_schema_with_parse_is_asked_again(open_commander: OpenCommander) -> None:
    """An object with `parse` decides alone: at the border, for what is stored, and on every restore."""
    parsed: list[Any] = []

    class Doubling:
        def parse(self, value: Any, /) -> Any:
            parsed.append(value)
            if isinstance(value, str):
                return {"text": value}
            if value == {"text": "hello"}:
                return value
            raise ValueError("expected text")

    schema = Doubling()
    seen: list[Any] = []

    def look(ctx: MissionContext[Any]) -> None:
        seen.append(ctx.input)

    definition = m.define("it").start(input=schema, run=look).end()
    commander = await open_commander([definition])
    with pytest.raises(MissionValidationError, match="expected text"):
        await commander.start(definition, 5)

    mission = await commander.start(definition, "hello")

    assert seen == [{"text": "hello"}]
    assert (await mission.snapshot()).events["start"].input == {"text": "hello"}
    assert parsed[-1] == {"text": "hello"}
    created = next(it for it in await mission.history() if it.type is HistoryType.MISSION_CREATED)
    assert created.details["input"] == {"text": "hello"}
