"""The inbox: every open wait for a signal, of every mission, in order, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from flows import Stage, begin, flow, path
from inbox import Audited
from mission_control.adapter_sqlite import SQLiteCommander, open_mission_reader
from mission_control.core import (
    Commander,
    MissionContext,
    MissionDefinition,
    MissionValidationError,
    NonRetryableError,
    OpenWait,
    PersistenceAdapter,
    PersistenceError,
    Reminder,
    RetryPolicy,
    Signal,
    m,
)
from mission_control.core.engine import recorder
from mission_control.testing import FakeClock, FaultInjectingAdapter, Life, crash_everywhere
from storages import NewStorage, OpenCommander

START = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.define
class Verdict:
    by: str
    is_fine: bool = True


verdict = Signal("verdict", Verdict)


class Parsed:
    def parse(self, value: Any, /) -> str:
        return str(value)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def two(ctx: MissionContext[Any]) -> list[int]:
    return [1, 2]


def fails(ctx: MissionContext[Any]) -> None:
    raise NonRetryableError("no")


def names(waits: list[OpenWait]) -> list[tuple[str, str]]:
    return [(wait.mission_id, wait.event_name) for wait in waits]


async def listed(commander: Commander, **filters: Any) -> list[tuple[str, str]]:
    """Return whose waits are listed, and their names."""
    return names(await commander.list_waits(**filters))


# What is listed


async def test_a_wait_says_all_that_an_inbox_shows(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Whose it is, its instance name and path, since when, until when, and what it takes."""
    definition = flow().parallel("both", {"a": path().need_to(verdict, timeout=60), "b": path().need_to("go", int)})
    commander = await open_commander([definition.end()])
    await fake_clock.advance(7)
    await commander.start("flow", 1, mission_id="x")

    expected: dict[str, Any] = {"mission_id": "x", "mission_name": "flow", "since": at(7)}
    first, second = await commander.list_waits()
    assert attrs.evolve(first, schema=None) == OpenWait(
        **expected, event_name="both/a/verdict", path="both/a", timeout_at=at(67)
    )
    assert second == OpenWait(**expected, event_name="both/b/go", path="both/b", schema={"type": "integer"})
    assert first.schema == verdict.payload.json_schema
    assert (first.signal, second.signal) == ("verdict", "go")


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (flow().need_to("go", int), ["go"]),
        (flow().branch("way", lambda ctx: "it", {"it": path().need_to("go", int)}), ["way/it/go"]),
        (flow().each("all", two, path().need_to("go", int)), ["all[0]/go", "all[1]/go"]),
        (flow().repeat("again", path().need_to("go", int), until=begin), ["again[0]/go"]),
        (
            flow().parallel(
                "both", {"a": path().each("all", two, path().need_to("go", int)), "b": path().sleep("z", 9)}
            ),
            ["both/a/all[0]/go", "both/a/all[1]/go"],
        ),
        (flow().need_to("go", int, reminder=Reminder(begin, every=20)), ["go"]),
        (flow().sleep("nap", 9), []),
        (flow().step("tries", begin, retry=RetryPolicy(max_attempts=2)), []),
        (flow().mission("child", m.define("child").start(input=int, run=begin).sleep("nap", 9).end(), begin), []),
    ],
    ids=["line", "branch", "each", "repeat", "both", "reminded", "sleep", "step", "child"],
)
async def test_only_open_waits_for_signals_are_listed(
    open_commander: OpenCommander, definition: Any, expected: list[str]
) -> None:
    """Wherever they are; what waits for a time, for a retry or for a child does not wait for a signal."""
    commander = await open_commander([definition.end()])
    await commander.start("flow", 1, mission_id="x")

    assert await listed(commander) == [("x", name) for name in expected]


async def test_a_wait_with_other_paths_that_run_is_listed(open_commander: OpenCommander) -> None:
    """A mission need not wait as a whole, and its row shows one of its waits only."""
    stage = Stage()
    paths = {"a": path().step("a", stage), "b": path().need_to("go", int), "c": path().need_to("come", int)}
    commander = await open_commander([flow().parallel("all", paths).end()])
    await commander.start("flow", 1, mission_id="x", wait=False)
    await stage.entered("all/a/a")

    assert await listed(commander) == [("x", "all/b/go"), ("x", "all/c/come")]
    stage.let_all_go()


async def test_since_is_the_time_of_its_record(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """What happens to the mission while it waits does not move it: updates, other paths, reminders, restarts."""
    paths = {
        "a": path().need_to("go", int, reminder=Reminder(begin, every=20)),
        "b": path().need_to("come", int).need_to("late", int),
    }
    noted = m.define("flow").update("note", str, lambda ctx, note: note)
    definition = noted.start(input=int, run=begin).parallel("both", paths).end()
    commander = await open_commander([definition])
    mission = await commander.start("flow", 1, mission_id="x")
    await fake_clock.advance(30)
    await mission.update("note", "y")
    await mission.signal("come", 1)
    commander = await open_commander([definition])

    waits = await commander.list_waits()
    assert [(wait.event_name, wait.since) for wait in waits] == [("both/a/go", at(0)), ("both/b/late", at(30))]
    history = await (await open_mission(commander)).history()
    begun = {record.event_name: record.at for record in history if record.type == "waiting-for-signal"}
    assert {wait.event_name: wait.since for wait in waits} == {
        name: begun[name] for name in ("both/a/go", "both/b/late")
    }


async def open_mission(commander: Commander, mission_id: str = "x") -> Any:
    mission = await commander.get_mission(mission_id)
    assert mission is not None
    return mission


# Order, pages and filters


async def test_the_longest_open_comes_first(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """By `since`, then by mission id, then by instance name; not in the order of creation."""
    each = flow("many").each("all", two, path().need_to("go", int)).end()
    late = flow("late").sleep("nap", 20).need_to("go", int).end()
    commander = await open_commander([each, late])
    await commander.start("late", 1, mission_id="l")
    await fake_clock.advance(10)
    await commander.start("many", 1, mission_id="b")
    await commander.start("many", 1, mission_id="a")
    await fake_clock.advance(10)

    many = [("a", "all[0]/go"), ("a", "all[1]/go"), ("b", "all[0]/go"), ("b", "all[1]/go")]
    assert await listed(commander) == [*many, ("l", "go")]


async def test_pages_follow_the_last_one_seen(open_commander: OpenCommander) -> None:
    """`after` is a wait, open still or not, and a page is as long as its limit, 100 unless told otherwise."""
    commander = await open_commander(
        [flow().each("all", lambda ctx: list(range(120)), path().need_to("go", int)).end()]
    )
    mission = await commander.start("flow", 1, mission_id="x")

    everything = await commander.list_waits(limit=1_000)
    assert len(everything) == 120
    assert await commander.list_waits() == everything[:100]
    assert await commander.list_waits(after=everything[99]) == everything[100:]
    await mission.signal(everything[50].event_name, 1)
    assert await commander.list_waits(limit=3, after=everything[50]) == everything[51:54]
    assert await commander.list_waits(after=everything[-1]) == []


async def test_all_are_iterated_over_page_by_page(open_commander: OpenCommander) -> None:
    """`iter_waits` yields each once, more than are on one page, with filters too."""
    count = 1_001
    many = path().need_to("go", int)
    commander = await open_commander([flow().each("all", lambda ctx: list(range(count)), many).end()])
    await commander.start("flow", 1, mission_id="x")
    await commander.start("flow", 1, mission_id="y")

    found = [(wait.mission_id, wait.event_name) async for wait in commander.iter_waits(signal="go")]
    instances = sorted(f"all[{number}]/go" for number in range(count))
    assert found == [(mission_id, name) for mission_id in "xy" for name in instances]
    assert [wait async for wait in commander.iter_waits(mission_name="other")] == []


async def test_waits_are_filtered_by_signal_and_by_mission(open_commander: OpenCommander) -> None:
    """`signal` is compared with the node's own name, by token or by name, `mission_name` with the definition's."""
    one = flow("one").parallel("both", {"a": path().need_to(verdict), "b": path().need_to("go", int)}).end()
    other = flow("other").need_to(verdict).end()
    commander = await open_commander([one, other])
    await commander.start("one", 1, mission_id="x")
    await commander.start("other", 1, mission_id="y")

    assert await listed(commander, signal=verdict) == [("x", "both/a/verdict"), ("y", "verdict")]
    assert await listed(commander, signal="verdict", mission_name="other") == [("y", "verdict")]
    assert await listed(commander, mission_name="one") == [("x", "both/a/verdict"), ("x", "both/b/go")]
    assert await listed(commander, signal="both/b/go") == await listed(commander, signal="a") == []


async def test_what_is_no_place_is_refused(open_commander: OpenCommander) -> None:
    """An `after` that is no open wait, a signal that is none, and a limit of nothing say what was expected."""
    commander = await open_commander([flow().need_to("go", int).end()])
    await commander.start("flow", 1, mission_id="x")
    (wait,) = await commander.list_waits()
    with pytest.raises(TypeError, match=r"after: expected an OpenWait, as list_waits returned it, found str 'x'"):
        await commander.list_waits(after="x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"after\.since: expected an aware datetime"):
        await commander.list_waits(after=attrs.evolve(wait, since=datetime(2026, 1, 1)))  # noqa: DTZ001 - it is naive
    with pytest.raises(TypeError, match="a signal's name, or a Signal: expected a str, found int 5"):
        await commander.list_waits(signal=5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="limit: expected an int of 1 or more, found int 0"):
        await commander.list_waits(limit=0)


# What closes waits

Definition = MissionDefinition[int]


def race() -> Any:
    return flow().race("first", {"a": path().need_to("go", int), "b": path().need_to("come", int)})


CLOSED: dict[str, tuple[Any, Callable[[Any, FakeClock], Any], list[str]]] = {
    "received": (flow().need_to("go", int).need_to("next", int), lambda it, _: it.signal("go", 1), ["next"]),
    "received, last": (flow().need_to("go", int), lambda it, _: it.signal("go", 1), []),
    "timed out": (flow().need_to("go", int, timeout=5), lambda _, clock: clock.advance(6), []),
    "on timeout": (
        flow().need_to("go", int, timeout=5, on_timeout=path().need_to("instead", int)),
        lambda _, clock: clock.advance(6),
        ["go/timeout/instead"],
    ),
    "timed out with a reminder": (
        flow().need_to("go", int, timeout=50, reminder=Reminder(begin, every=20), on_timeout=path().need_to("z", int)),
        lambda _, clock: clock.advance(60),
        ["go/timeout/z"],
    ),
    "race": (race().need_to("after", int), lambda it, _: it.signal("come", 1), ["after"]),
    "path failed": (
        flow().parallel("both", {"a": path().need_to("go", int).step("s", fails), "b": path().need_to("come", int)}),
        lambda it, _: it.signal("go", 1),
        [],
    ),
    "item lost": (
        flow().each("all", two, path().need_to("go", int, timeout=60).step("s", fails), max_failures=None),
        lambda it, _: it.signal("go", 1, at="all[0]"),
        ["all[1]/go"],
    ),
    "item stopped": (
        flow().each(
            "all",
            two,
            path().parallel("p", {"a": path().need_to("go", int).step("s", fails), "b": path().need_to("come", int)}),
            max_failures=None,
        ),
        lambda it, _: it.signal("go", 1, at="all[0]/p/a"),
        ["all[1]/p/a/go", "all[1]/p/b/come"],
    ),
    "cancelled": (flow().need_to("go", int), lambda it, _: it.cancel(), []),
    "cancelled with a reminder": (
        flow().need_to("go", int, reminder=Reminder(begin, every=20)),
        lambda it, _: it.cancel(),
        [],
    ),
    "cancelled with paths": (race(), lambda it, _: it.cancel(), []),
    "undone": (
        m.define("flow").start(input=int, run=begin, undo=begin).need_to("go", int),
        lambda it, _: it.cancel(),
        [],
    ),
    "undone with paths": (
        m.define("flow")
        .start(input=int, run=begin, undo=fails)
        .parallel("both", {"a": path().need_to("go", int).step("s", fails), "b": path().need_to("come", int)}),
        lambda it, _: it.signal("go", 1),
        [],
    ),
    "round": (
        flow().repeat("again", path().need_to("go", int), until=lambda ctx: False),
        lambda it, _: it.signal("go", 1),
        ["again[1]/go"],
    ),
}


@pytest.mark.parametrize("name", CLOSED)
async def test_a_wait_is_listed_until_it_is_over(
    open_commander: OpenCommander, fake_clock: FakeClock, name: str
) -> None:
    """However it ends: by its signal, its deadline, its path, its mission; what begins in its place is listed."""
    definition, happens, left = CLOSED[name]
    commander = await open_commander([definition.end()])
    mission = await commander.start("flow", 1, mission_id="x")
    assert await commander.list_waits()
    await happens(mission, fake_clock)
    await commander.settled()

    assert await listed(commander) == [("x", event) for event in left]
    commander = await open_commander([definition.end()])
    assert await listed(commander) == [("x", event) for event in left]


# Schemas


async def test_a_schema_says_what_the_wait_takes(open_commander: OpenCommander) -> None:
    """Down to what is not taken beside it; None where a `parse` object decides."""
    paths = {"a": path().need_to(verdict), "b": path().need_to("parsed", Parsed())}
    commander = await open_commander([flow().parallel("both", paths).end()])
    mission = await commander.start("flow", 1, mission_id="x")
    first, second = await commander.list_waits()

    assert second.schema is None
    assert first.schema == {
        "title": "Verdict",
        "type": "object",
        "properties": {"by": {"type": "string"}, "is_fine": {"type": "boolean"}},
        "required": ["by"],
        "additionalProperties": False,
    }
    with pytest.raises(MissionValidationError):
        await mission.signal(verdict, {"by": "y", "more": 1})
    await mission.signal(verdict, {"by": "y", "is_fine": False})


async def test_schemas_belong_to_the_caller(open_commander: OpenCommander) -> None:
    """Changing one changes neither the definition nor what others are given."""
    commander = await open_commander([flow().need_to(verdict).end()])
    for mission_id in "xy":
        await commander.start("flow", 1, mission_id=mission_id)
    first, second = await commander.list_waits()
    assert isinstance(first.schema, dict)
    first.schema.clear()
    assert second.schema == verdict.payload.json_schema == (await commander.list_waits())[0].schema


async def test_a_commander_goes_by_the_definition_that_is_registered(open_commander: OpenCommander) -> None:
    """That of today decides; where there is none, and where it has no such signal, nobody knows."""
    await (await open_commander([flow().need_to("go", int).end()])).start("flow", 1, mission_id="x")
    schemas = [
        [wait.schema for wait in await (await open_commander(definitions)).list_waits()]
        for definitions in ([flow().need_to("go", str).end()], [flow().need_to("other", str).end()], [])
    ]
    assert schemas == [[{"type": "string"}], [None], [None]]


async def test_a_reader_goes_by_the_definition_that_the_mission_last_ran_under(tmp_path: Any) -> None:
    """It may be a deploy behind; paths, items, rounds and ways of a branch are found in it by their names."""

    def definition(schema: Any) -> Any:
        wait = path().need_to("go", schema)
        way = path().branch("way", lambda ctx: "it", {"it": path().each("all", two, wait)})
        late = path().need_to("soon", str, timeout=0, on_timeout=path().need_to("go", schema))
        paths = {"a": way, "b": late, "c": path().need_to("parsed", Parsed())}
        start = flow().need_to("first", schema)
        return start.repeat("again", path().parallel("both", paths), until=begin).end()

    database = tmp_path / "missions.db"

    async def schemas() -> dict[str, Any]:
        async with open_mission_reader(database) as reader:
            return {wait.event_name: wait.schema async for wait in reader.iter_waits()}

    async with SQLiteCommander(database_path=database, definitions=[definition(int)]) as commander:
        await commander.start("flow", 1, mission_id="x")
        assert await schemas() == {"first": {"type": "integer"}}
    async with SQLiteCommander(database_path=database, definitions=[definition(str)]) as commander:
        assert await schemas() == {"first": {"type": "integer"}}
        mission = await open_mission(commander)
        await mission.signal("first", "1")
        await commander.settled()
        text = {"type": "string"}
        assert await schemas() == {
            "again[0]/both/a/way/it/all[0]/go": text,
            "again[0]/both/a/way/it/all[1]/go": text,
            "again[0]/both/b/soon/timeout/go": text,
            "again[0]/both/c/parsed": None,
        }
        listed = {wait.event_name: wait.schema for wait in await commander.list_waits()}
        assert listed == await schemas()


# Crashes and failing storage


async def waits_come_and_go(life: Life) -> None:
    """Waits in paths, items and rounds, with deadlines and reminders, one after another and at once, and undoing."""
    wait = path().need_to("go", int, timeout=30, reminder=Reminder(begin, every=10, at_most=2))
    paths = {
        "a": path().each("all", two, wait.step("s", begin), max_failures=None),
        "b": path().race("first", {"x": path().need_to("x", int), "y": path().need_to("y", int)}).need_to("z", int),
        "c": path().need_to("late", int, timeout=5, on_timeout=path().need_to("instead", int)),
    }
    first = m.define("d").start(input=int, run=begin, undo=begin).need_to("first", int)
    definition = first.parallel("both", paths).step("fails", fails).end()
    linear = m.define("linear").start(input=int, run=begin).need_to("one", int).need_to("two", int, timeout=50).end()
    for one in (definition, linear):
        life.commander.register(one)
    mission = await life.commander.start(definition, 1, mission_id="x", if_exists="return")
    other = await life.commander.start(linear, 1, mission_id="y", if_exists="return")
    await life.signal(mission, "first", 1)
    await life.advance(6)
    await life.signal(mission, "go", 1, at="both/a/all[1]")
    await life.signal(mission, "both/b/first/x/x", 1)
    await life.signal(other, "one", 1)
    await life.advance(20)
    await life.signal(mission, "z", 1)
    await life.signal(mission, "instead", 1)
    await life.advance(60)
    assert (await mission.result()).status == "failed"
    assert (await other.result()).status == "failed"


async def test_open_waits_survive_a_crash_at_every_commit(new_storage: NewStorage) -> None:
    """After each commit, and each restart, what is listed is what the histories fold to."""
    opened: list[Audited] = []

    def audited() -> PersistenceAdapter:
        # Two runs for each commit follow the undisturbed one; what comes before a crash was audited there.
        opened.append(Audited(new_storage(), since=max(1, (len(opened) + 1) // 2)))
        return opened[-1]

    report = await crash_everywhere(waits_come_and_go, new_storage=audited)

    assert len(report.crashes) >= 30
    assert max(storage.most for storage in opened) == 6


@pytest.mark.parametrize("when", ["before", "after"])
async def test_open_waits_are_those_of_commits_that_took_effect(
    adapter_factory: Callable[[], PersistenceAdapter], fake_clock: FakeClock, when: Any, monkeypatch: Any
) -> None:
    """Where every second commit fails, before it took effect or after, none is listed that is not open, or twice."""
    monkeypatch.setattr(recorder, "_FIRST_BACKOFF", 0.001)

    def failing(inner: PersistenceAdapter) -> PersistenceAdapter:
        return FaultInjectingAdapter(Audited(inner), fail_commits=lambda number: number % 2 == 0, when=when)

    opener = OpenCommander(adapter_factory, fake_clock)
    paths = {"a": path().need_to("go", int), "b": path().need_to("come", int)}
    definition = flow().parallel("both", paths).need_to("last", int).end()
    commander = await opener([definition], wrap=failing)
    mission = await commander.start("flow", 1, mission_id="x", if_exists="return")
    for name in ("go", "come", "last"):
        while not [wait for wait in await commander.list_waits() if wait.signal == name]:
            await commander.settled()
        while [wait for wait in await commander.list_waits() if wait.signal == name]:
            try:
                await mission.signal(name, 1)
            except PersistenceError:
                await commander.settled()
    assert (await mission.result()).status == "completed"
    assert await commander.list_waits() == []
    await opener.close()
