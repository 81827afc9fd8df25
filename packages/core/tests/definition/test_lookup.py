"""What code finds by a name or a function, from the path, item or round that it stands in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define, evolve

from mission_control.core import (
    EventRecord,
    MissionContext,
    MissionDefinition,
    MissionExecutionError,
    MissionFailure,
    NonRetryableError,
    PathResult,
    Reminder,
    Signal,
    m,
)
from mission_control.core.history import Ledger, Opened

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
BEGUN = Ledger().with_entry("start", EventRecord(input=0))
STARTED = BEGUN.with_entry("start", EventRecord(input=0))
ERROR = MissionFailure(message="no", at=NOW, code="STEP_FAILED")


@define
class Device:
    name: str


@define
class Answer:
    by: str


@define
class Mission:
    """What is on record of a mission: made by hand, so that it is nothing but this."""

    mission_id: str = "x"
    mission_name: str = "it"
    cursor: str | None = None
    events: Ledger = STARTED
    opened: Opened | None = None

    def having(self, **outputs: Any) -> Mission:
        """Add what came out, by instance."""
        return self.having_all(outputs)

    def having_all(self, outputs: dict[str, Any]) -> Mission:
        events = self.events
        for instance, output in outputs.items():
            events = events.with_entry(instance, EventRecord(output=output))
        return evolve(self, events=events)

    def having_received(self, payloads: dict[str, Any]) -> Mission:
        """Add what came in, by instance."""
        events = self.events
        for instance, payload in payloads.items():
            events = events.with_entry(instance, EventRecord(input=payload))
        return evolve(self, events=events)

    def seen_from(self, definition: MissionDefinition[Any], instance: str) -> MissionContext[Any]:
        return MissionContext(definition, self, instance, 1, lambda: NOW)


def begin(ctx: MissionContext[int]) -> None:
    """Begin."""


def work(ctx: MissionContext[Any]) -> str:
    return ""


def check(ctx: MissionContext[Any]) -> str:
    return ""


def devices(ctx: MissionContext[Any]) -> list[Device]:
    return []


def rooms(ctx: MissionContext[Any]) -> tuple[str, ...]:
    return ()


def is_content(ctx: MissionContext[Any]) -> bool:
    return True


def which(ctx: MissionContext[Any]) -> str:
    return "left"


def remind(ctx: MissionContext[Any]) -> None:
    """Send a mail."""


def child_input(ctx: MissionContext[Any]) -> int:
    return 0


answered = Signal("answered", Answer)
CHILD = m.define("child").start(input=int, run=begin).step("pay", check).end()

DEFINITION = (
    m.define("it")
    .query("status", lambda ctx: None)
    .update("change", int, lambda ctx, value: [value])
    .start(input=int, run=begin)
    .step("shared", check)
    .parallel(
        "both",
        {
            "one": m.path().step("shared", work).step("after", check),
            "two": m.path().step("shared", work).step("alone", lambda ctx: None).need_to("ready", str),
        },
    )
    .each(
        "devices",
        devices,
        m.path()
        .step("configure", work)
        .branch("kind", which, {"left": m.path().step("ship", lambda ctx: 1), "right": m.path()})
        .repeat("survey", m.path().step("ask", lambda ctx: None).need_to(answered), until=is_content)
        .each("rooms", rooms, m.path().step("enter", lambda ctx: None)),
        max_failures=None,
    )
    .repeat("rounds", m.path().step("model", lambda ctx: None), until=lambda ctx: True)
    .race("first", {"came": m.path().need_to("came", str), "never": m.path().sleep("a-week", 60)})
    .mission("payroll", CHILD, child_input)
    .need_to("signed", Answer, reminder=Reminder(remind, every=60))
    .end()
)
MISSION = Mission()


def refused(ask: Callable[[], object]) -> str:
    """Return what an error says that no other attempt would help against."""
    with pytest.raises(MissionExecutionError) as raised:
        ask()
    assert isinstance(raised.value, NonRetryableError)
    return str(raised.value)


@pytest.mark.parametrize(
    ("instance", "index"),
    [
        ("devices[3]/configure", 3),
        ("devices[3]/survey[12]/ask", 12),
        ("devices[3]/survey[12]", 12),
        ("devices[3]/kind", 3),
        ("devices[3]/kind/left/ship", 3),
        ("signed/reminder[2]", 2),
        ("undo:devices[4]/configure", 4),
        ("both/one/shared", None),
        ("shared", None),
        ("status", None),
    ],
)
def test_index_is_that_of_the_innermost_item_round_or_reminder(instance: str, index: int | None) -> None:
    """Outside of any, and in queries, there is none; `until` counts the round that it ends."""
    ctx = MISSION.seen_from(DEFINITION, instance)

    assert ctx.index == index
    assert ctx.step_name == instance
    assert ctx.idempotency_key == f"x:{instance}"


def test_nearest_is_found_first() -> None:
    """In the path where the code stands, else in the line around it, as a program looks up a variable."""
    mission = MISSION.having_all({"shared": "main", "both/one/shared": "one", "both/two/shared": "two"})

    assert mission.seen_from(DEFINITION, "both/one/after").output("shared") == "one"
    assert mission.seen_from(DEFINITION, "both/two/alone").output("shared") == "two"
    assert mission.seen_from(DEFINITION, "devices[0]/configure").output("shared") == "main"
    assert mission.seen_from(DEFINITION, "payroll").output("shared") == "main"
    assert mission.seen_from(DEFINITION, "both/two/alone").output(work) == "two"


def test_name_of_a_nearer_node_hides_one_further_out() -> None:
    """Also while that node has no output yet: what is found does not depend on how far the mission is."""
    ctx = MISSION.having(shared="main").seen_from(DEFINITION, "both/one/shared")

    assert ctx.output("shared", default=None) is None
    assert "has no output of 'both/one/shared'" in refused(lambda: ctx.output("shared"))


def test_only_one_of_the_definition_is_found_from_anywhere() -> None:
    """Where no line around the code has one; of an `each` or `repeat` around the code it is that of its own item."""
    mission = MISSION.having_all(
        {"both/two/alone": 2, "devices[1]/kind/left/ship": 10, "devices[2]/kind/left/ship": 20}
    )

    assert mission.seen_from(DEFINITION, "payroll").output("alone") == 2
    assert mission.seen_from(DEFINITION, "status").output("alone") == 2
    assert mission.seen_from(DEFINITION, "devices[1]/survey[0]/ask").output("ship") == 10
    assert mission.seen_from(DEFINITION, "devices[2]/survey").output("ship") == 20
    assert mission.seen_from(DEFINITION, "undo:devices[2]/configure").output("ship") == 20


def test_item_sees_its_own_and_round_sees_its_own() -> None:
    """Neither sees the others' by the plain name; `until` stands in the round that it ends."""
    mission = MISSION.having_all(
        {
            "devices[0]/configure": "zero",
            "devices[1]/configure": "one",
            "devices[1]/survey[0]/ask": "first",
            "devices[1]/survey[1]/ask": "second",
        }
    )
    until = mission.seen_from(DEFINITION, "devices[1]/survey[1]")

    assert mission.seen_from(DEFINITION, "devices[0]/kind").output("configure") == "zero"
    assert until.output("configure") == "one"
    assert until.output("ask") == "second"
    assert mission.seen_from(DEFINITION, "devices[1]/survey[2]").output("ask", default=None) is None


def test_whole_instance_name_is_that_very_one() -> None:
    """From anywhere, with or without code of that place in the definition."""
    mission = MISSION.having_all({"rounds[0]/model": "first", "devices[1]/gone": 1, "devices[1]/configure": "one"})
    ctx = mission.seen_from(DEFINITION, "rounds[1]/model")

    assert ctx.output(f"rounds[{(ctx.index or 0) - 1}]/model") == "first"
    assert ctx.output("devices[1]/gone") == 1
    assert mission.seen_from(DEFINITION, "devices[0]/kind").output("devices[1]/configure") == "one"
    assert "no output of 'devices[7]/configure'; it has" in refused(lambda: ctx.output("devices[7]/configure"))


def test_what_is_in_others_items_is_not_found_by_its_plain_name() -> None:
    """The error says how all of them, and how one of them, can be had; a default is what is asked for instead."""
    mission = MISSION.having_all({"devices[0]/configure": "zero"}).having_received(
        {"devices[0]/survey[0]/answered": {}}
    )
    ctx = mission.seen_from(DEFINITION, "payroll")

    assert refused(lambda: ctx.output("configure")) == (
        "mission 'x' (it) has one output of 'configure' for each item or round, at 'devices[]/configure', and this "
        "code stands in none of them: ctx.outputs('configure') has all of them, ctx.output('devices[0]/configure') has "
        "that of one"
    )
    assert "is_content for each item or round, at 'devices[]/survey[]'" in refused(lambda: ctx.output(is_content))
    assert "ctx.all_received('answered') has all of them" in refused(lambda: ctx.received(answered))
    assert ctx.output("configure", default=1) == 1
    assert ctx.received(answered, default=2) == 2


def test_several_that_are_equally_far_are_named() -> None:
    """Also with a default, which would hide that nobody can know which one is meant."""
    ctx = MISSION.seen_from(DEFINITION, "payroll")
    twice = (
        m.define("it")
        .start(input=int, run=begin)
        .parallel(
            "both",
            {"one": m.path().step("a", work).step("b", work).need_to(answered), "two": m.path().need_to(answered)},
        )
    )

    assert refused(lambda: ctx.output(work, default=None)) == (
        "mission 'x' (it) has more than one output of work, which serves "
        "'both/one/shared', 'both/two/shared' and 'devices[]/configure': ask by name, as in "
        "ctx.output('both/one/shared')"
    )
    near = MISSION.seen_from(twice.end(), "both/one/b")
    assert "which serves 'both/one/a' and 'both/one/b'" in refused(lambda: near.output(work))
    assert refused(lambda: MISSION.seen_from(twice.end(), "both").received("answered", default=None)) == (
        "mission 'x' (it) has more than one signal 'answered', which is at 'both/one/answered' and "
        "'both/two/answered': ask by name, as in ctx.received('both/one/answered')"
    )


def test_of_very_many_only_some_are_named() -> None:
    """A path that is used a thousand times does not make an error of a thousand names."""
    path = m.path().step("same", work)
    definition = m.define("it").start(input=int, run=begin).parallel("all", {f"p{n}": path for n in range(1_000)}).end()

    text = refused(lambda: MISSION.seen_from(definition, "all").output("same"))
    assert "'all/p19/same' and 980 others: ask" in text
    many = MISSION.having_all({f"step-{n}": n for n in range(100)}).seen_from(definition, "all")
    assert "'step-18', ...;" in refused(lambda: many.output("nowhere"))


def test_removed_step_stays_readable_where_it_was() -> None:
    """By its name, from its path and from what is in it; a path has it for itself."""
    mission = MISSION.having_all({"gone": "main", "both/one/gone": "one", "both/two/old": "two"})

    assert mission.seen_from(DEFINITION, "payroll").output("gone") == "main"
    assert mission.seen_from(DEFINITION, "both/one/after").output("gone") == "one"
    assert mission.seen_from(DEFINITION, "both/two/alone").output("gone") == "main"
    assert mission.seen_from(DEFINITION, "both/one/after").output("old", default=None) is None


def test_signal_does_not_hide_a_step_that_has_its_name() -> None:
    """What is asked for is an output, and a signal has none."""
    path = m.path().need_to("same", str).step("last", lambda ctx: None)
    definition = m.define("it").start(input=int, run=begin).step("same", check).parallel("both", {"one": path}).end()
    mission = MISSION.having(same="main").having_received({"both/one/same": "signal"})
    ctx = mission.seen_from(definition, "both/one/last")

    assert (ctx.output("same"), ctx.received("same")) == ("main", "signal")


def test_received_looks_as_output_does() -> None:
    """The nearest, then the only one; typed by the token or by the node."""
    mission = MISSION.having_received(
        {
            "devices[0]/survey[0]/answered": {"by": "ann"},
            "devices[0]/survey[1]/answered": {"by": "bob"},
            "both/two/ready": "yes",
        }
    )

    assert mission.seen_from(DEFINITION, "devices[0]/survey[1]").received(answered) == Answer("bob")
    assert mission.seen_from(DEFINITION, "devices[0]/survey[0]").received("answered") == Answer("ann")
    assert mission.seen_from(DEFINITION, "devices[0]/rooms").received("devices[0]/survey[0]/answered") == Answer("ann")
    assert mission.seen_from(DEFINITION, "payroll").received("ready") == "yes"


def test_output_of_a_construct_is_its_decision() -> None:
    """The items, the key, the winner, the child's own output; a child's input is not the output of anything."""
    mission = MISSION.having_all(
        {"devices": [{"name": "a"}], "devices[0]/kind": "left", "first": "came", "payroll": "ok"}
    )
    ctx = mission.seen_from(DEFINITION, "devices[0]/rooms")

    assert ctx.output("devices") == ctx.output(devices) == [Device("a")]
    assert ctx.output(which) == ctx.output("kind") == "left"
    assert ctx.output("first") == "came"
    assert ctx.output("payroll") == "ok"
    assert "no step that runs" in refused(lambda: ctx.output(child_input))
    assert "no step that runs" in refused(lambda: ctx.output(remind))


def test_list_of_an_each_is_seen_by_its_items_while_the_mission_stands_there() -> None:
    """The main line's place is that of the construct all the while."""
    mission = evolve(MISSION.having_all({"devices": [{"name": "a"}]}), cursor="devices")

    assert mission.seen_from(DEFINITION, "devices[0]/configure").output("devices") == [Device("a")]


def test_start_has_an_output_when_it_has_succeeded() -> None:
    """Its input is on record from the beginning, and an undo wants to know whether there was more."""
    begun = evolve(MISSION, events=BEGUN, cursor="start")
    failed = evolve(begun, cursor="undo:start")
    succeeded = evolve(MISSION, cursor="undo:start")

    assert begun.seen_from(DEFINITION, "start").output("start", default="none") == "none"
    assert begun.seen_from(DEFINITION, "status").output(begin, default="none") == "none"
    assert failed.seen_from(DEFINITION, "undo:start").output("start", default="none") == "none"
    assert succeeded.seen_from(DEFINITION, "undo:start").output("start", default="none") is None
    assert failed.seen_from(DEFINITION, "undo:start").outputs("start") == []


OPENED = (
    Opened()
    .with_construct("both", "parallel", ("one", "two"), 2)
    .with_begun("both")
    .with_begun("both")
    .with_end("both/one", "completed")
    .with_end("both/two", "stopped")
    .with_construct("devices", "each", None, 6)
    .with_begun("devices")
    .with_begun("devices")
    .with_begun("devices")
    .with_begun("devices")
    .with_end("devices[0]", "completed")
    .with_end("devices[1]", "failed", ERROR)
    .with_end("devices[2]", "completed")
    .with_construct("devices[2]/rooms", "each", None, 1)
    .with_begun("devices[2]/rooms")
    .with_end("devices[2]/rooms[0]", "completed")
    .with_construct("devices[3]/rooms", "each", None, 2)
    .with_begun("devices[3]/rooms")
    .with_begun("devices[3]/rooms")
)
FAR = evolve(MISSION, opened=OPENED).having_all(
    {
        "devices[3]/configure": "three",
        "devices[2]/configure": "two",
        "devices[1]/configure": "lost",
        "devices[0]/configure": "zero",
        "both/one/shared": "one",
        "both/two/shared": "lost",
        "shared": "main",
        "devices[2]/rooms[0]/enter": 20,
        "devices[3]/rooms[0]/enter": 30,
        "devices[3]/rooms[1]/enter": 31,
        "devices[0]/survey[0]/ask": "a",
        "devices[0]/survey[0]": False,
        "devices[0]/survey[1]/ask": "b",
        "devices[2]/survey[0]/ask": "c",
        "devices[2]/survey[0]": True,
        "rounds[0]": False,
        "rounds[1]": True,
    }
)


def test_outputs_are_those_of_all_items_in_order() -> None:
    """Those of failed and stopped items and paths are left out, and those that have none yet."""
    ctx = FAR.seen_from(DEFINITION, "payroll")

    assert ctx.outputs("configure") == ["zero", "two", "three"]
    assert ctx.outputs("enter") == [20, 30, 31]
    assert ctx.outputs("ship") == []


def test_outputs_of_rounds_go_up_to_the_one_that_is_under_way() -> None:
    """The verdicts are outputs of the repeat itself, one for each round that is over."""
    ctx = FAR.seen_from(DEFINITION, "payroll")

    assert ctx.outputs("ask") == ["a", "b", "c"]
    assert ctx.outputs("rounds") == [False, True]
    assert ctx.outputs(is_content) == ctx.outputs("survey") == [False, True]


def test_outputs_are_within_the_items_and_rounds_around_the_code() -> None:
    """An item sees its own rounds and items, not those of the others, whatever became of itself."""
    assert FAR.seen_from(DEFINITION, "devices[0]/rooms").outputs("ask") == ["a", "b"]
    assert FAR.seen_from(DEFINITION, "devices[0]/survey[1]").outputs("ask") == ["b"]
    assert FAR.seen_from(DEFINITION, "devices[3]/rooms[0]/enter").outputs("enter") == [30]
    assert FAR.seen_from(DEFINITION, "devices[3]/kind").outputs("enter") == [30, 31]
    assert FAR.seen_from(DEFINITION, "undo:devices[1]/configure").outputs("configure") == ["lost"]
    assert FAR.seen_from(DEFINITION, "undo:both/two/shared").outputs("shared") == ["main", "one", "lost"]


def test_outputs_of_a_reused_path_are_in_the_order_of_the_definition() -> None:
    """First the places, as the definition has them, then the items in each."""
    assert FAR.seen_from(DEFINITION, "payroll").outputs(work) == ["one", "zero", "two", "three"]
    assert FAR.seen_from(DEFINITION, "payroll").outputs("shared") == ["main", "one"]


def test_outputs_without_a_node_are_an_error() -> None:
    """A misspelt name is answered with those that there are; a mission that has opened nothing has no items."""
    ctx = MISSION.seen_from(DEFINITION, "payroll")

    assert ctx.outputs("configure") == ctx.outputs("shared") == []
    assert ctx.outputs("start") == [None]
    assert "no output of 'confgure'; its definition has: 'start', 'shared', " in refused(
        lambda: ctx.outputs("confgure")
    )
    assert "no step that runs" in refused(lambda: ctx.outputs(remind))
    assert "no signal 'ask'; its definition has: 'ready', " in refused(lambda: ctx.all_received("ask"))


def test_outputs_are_restored_once_an_attempt() -> None:
    """Each is the copy that `output` gives under its whole name."""
    mission = evolve(MISSION, opened=OPENED).having_all({"devices": [{"name": "a"}]})
    ctx = mission.seen_from(DEFINITION, "payroll")

    assert ctx.outputs(devices) == [[Device("a")]]
    assert ctx.outputs(devices)[0] is ctx.output("devices")


def test_all_received_are_the_payloads_of_all_rounds() -> None:
    """As outputs are, typed by the token or by the node."""
    mission = FAR.having_received(
        {
            "devices[2]/survey[0]/answered": {"by": "cid"},
            "devices[0]/survey[1]/answered": {"by": "bob"},
            "devices[0]/survey[0]/answered": {"by": "ann"},
        }
    )
    ctx = mission.seen_from(DEFINITION, "payroll")

    assert ctx.all_received(answered) == ctx.all_received("answered") == [Answer("ann"), Answer("bob"), Answer("cid")]
    assert mission.seen_from(DEFINITION, "devices[0]/survey[0]").all_received(answered) == [Answer("ann")]
    assert ctx.all_received(Signal("answered", dict[str, str])) == [{"by": "ann"}, {"by": "bob"}, {"by": "cid"}]


def test_results_are_those_of_all_that_have_begun() -> None:
    """Items by their numbers, paths in the order of the definition; those that have not begun have none."""
    ctx = FAR.seen_from(DEFINITION, "payroll")

    assert ctx.results("devices") == [
        PathResult(path="devices[0]", index=0, status="completed"),
        PathResult(path="devices[1]", index=1, status="failed", error=ERROR),
        PathResult(path="devices[2]", index=2, status="completed"),
        PathResult(path="devices[3]", index=3, status="running"),
    ]
    assert ctx.results("both") == [
        PathResult(path="both/one", index=0, status="completed"),
        PathResult(path="both/two", index=1, status="stopped"),
    ]
    assert ctx.results("first") == []
    assert MISSION.seen_from(DEFINITION, "payroll").results("devices") == []


def test_results_are_looked_for_as_outputs_are() -> None:
    """The construct of this item, or the one of a whole name; that of a removed construct stays readable."""
    inner = [PathResult(path="devices[2]/rooms[0]", index=0, status="completed")]
    opened = OPENED.with_construct("old", "race", ("a", "b"), 2).with_begun("old")

    assert FAR.seen_from(DEFINITION, "devices[2]/survey[0]").results("rooms") == inner
    assert FAR.seen_from(DEFINITION, "payroll").results("devices[2]/rooms") == inner
    assert len(FAR.seen_from(DEFINITION, "devices[0]/configure").results("devices")) == 4
    ctx = evolve(MISSION, opened=opened).seen_from(DEFINITION, "both/one/after")
    assert ctx.results("old") == [PathResult(path="old/a", index=0, status="running")]


def test_results_without_a_construct_are_an_error() -> None:
    """It says which have results, and how to ask for one in an item that is not around the code."""
    ctx = FAR.seen_from(DEFINITION, "payroll")

    assert (
        "no results of 'shared'; those that have results in its definition, each, parallel and race, are: 'both', "
        in (refused(lambda: ctx.results("shared")))
    )
    assert "no results of 'devices[1]/configure'" in refused(lambda: ctx.results("devices[1]/configure"))
    assert refused(lambda: ctx.results("rooms")) == (
        "mission 'x' (it) has one construct 'rooms' for each item or round, at 'devices[]/rooms', and this code stands "
        "in none of them: ctx.results('devices[0]/rooms') has that of one"
    )


LISTED = MISSION.having_all({"devices": [{"name": "a"}, {"name": "b"}], "devices[1]/rooms": ["hall", "attic"]})


def test_item_is_the_one_that_the_code_stands_in() -> None:
    """Typed as the function declares its items, alone; the same copy all through the attempt."""
    ctx = LISTED.seen_from(DEFINITION, "devices[1]/kind/left/ship")

    assert ctx.item(devices) == ctx.item("devices") == Device("b")
    assert ctx.item(devices) is ctx.item("devices")
    inner = LISTED.seen_from(DEFINITION, "devices[1]/rooms[1]/enter")
    assert (inner.item(devices), inner.item(rooms), inner.item("devices[1]/rooms")) == (Device("b"), "attic", "attic")
    assert LISTED.seen_from(DEFINITION, "undo:devices[0]/configure").item(devices) == Device("a")
    assert LISTED.seen_from(DEFINITION, "devices[0]/survey[3]").item(devices) == Device("a")


def test_item_outside_of_its_each_is_an_error() -> None:
    """It says where the code stands; an `each` that the definition has no more is not around anything."""
    assert refused(lambda: LISTED.seen_from(DEFINITION, "payroll").item(devices)) == (
        "mission 'x' (it) has no item of devices where this code stands, which is in: none; ask in the "
        "path of that each, and for all items with ctx.output"
    )
    inner = LISTED.seen_from(DEFINITION, "devices[1]/survey[0]/ask")
    assert "which is in: 'devices[1]/survey[0]', 'devices[1]'" in refused(lambda: inner.item("rooms"))
    assert "no item of 'gone'" in refused(lambda: LISTED.seen_from(DEFINITION, "gone[1]/a").item("gone"))


def test_methods_are_found_by_the_object_that_they_are_of() -> None:
    """Each look at a method makes another object; two objects of a class are two steps."""

    class Shop:
        def pay(self, ctx: MissionContext[Any]) -> str:
            return ""

        def list(self, ctx: MissionContext[Any]) -> list[int]:
            return []

    one, other = Shop(), Shop()
    path = m.path().step("b", other.pay)
    definition = m.define("it").start(input=int, run=begin).step("a", one.pay).each("all", one.list, path).end()
    ctx = MISSION.having_all({"a": "one", "all[0]/b": "other", "all": [7]}).seen_from(definition, "all[0]/b")

    assert (ctx.output(one.pay), ctx.output(other.pay), ctx.item(one.list)) == ("one", "other", 7)


def test_update_is_found_from_a_path() -> None:
    """Updates are the mission's own, so their place is the main line."""
    mission = MISSION.having_all({"change": [5]})

    assert mission.seen_from(DEFINITION, "devices[0]/configure").output("change") == [5]
    assert mission.seen_from(DEFINITION, "change").output("change") == [5]
