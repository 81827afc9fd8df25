"""What user code is handed: read-only, typed, and bound to its attempt."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define

from mission_control.core import (
    EventRecord,
    MissionContext,
    MissionDefinition,
    MissionExecutionError,
    NonRetryableError,
    Signal,
    m,
)
from mission_control.core.history.ledger import Ledger
from mission_control.core.machine.state import State


@define
class Request:
    email: str
    tags: list[str]


def opened(ctx: MissionContext[Request]) -> Request:
    return ctx.input


def change(ctx: MissionContext[Any], input: int) -> list[int]:
    return [input]


NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
GO = Signal("go", Request)
DEFINITION = (
    m.define("it")
    .update("change", int, change)
    .start(input=Request, run=opened)
    .step("plain", lambda ctx: None)
    .need_to(GO)
    .step("work", opened)
    .end()
)
STORED: dict[str, Any] = {"email": "ann@example.com", "tags": ["new"]}


def context(**events: EventRecord | None) -> MissionContext[Request]:
    """Return the context of the third attempt of `work`, in a mission that has these events."""
    ledger = Ledger().with_entry("start", EventRecord(input=STORED, output=STORED))
    for name, event in events.items():
        ledger = ledger.with_entry(name, event)
    state = State(mission_id="x", mission_name="it", cursor="work", events=ledger)
    definition: MissionDefinition[Request] = DEFINITION
    return MissionContext(definition, state, "work", 3, lambda: NOW)


def test_context_says_where_it_is() -> None:
    """Ids, names, attempt and key are plain attributes; the key is the same for every attempt."""
    ctx = context()

    assert (ctx.mission_id, ctx.mission_name, ctx.step_name, ctx.attempt) == ("x", "it", "work", 3)
    assert ctx.idempotency_key == "x:work"
    assert ctx.now() is NOW
    assert ctx.index is None
    assert repr(ctx) == "<MissionContext of work of mission 'x' (it), attempt 3>"


@pytest.mark.parametrize("name", ["input", "events", "mission_id", "attempt", "log", "anything"])
def test_context_is_read_only(name: str) -> None:
    """Nothing can be set on a context, and nothing added."""
    with pytest.raises(AttributeError):
        setattr(context(), name, "spoilt")


def test_input_is_restored_once_an_attempt() -> None:
    """A loop over the input looks at one copy of it."""
    ctx = context()

    assert ctx.input == Request("ann@example.com", ["new"])
    assert ctx.input is ctx.input


def test_output_and_signal_are_restored_once_an_attempt() -> None:
    """However they are asked for, while a token of another type gives another copy."""
    ctx = context(go=EventRecord(input=STORED), plain=EventRecord(output=STORED))

    assert ctx.output("start") is ctx.output("start")
    assert ctx.output("plain") is ctx.output("plain")
    assert ctx.received(GO) is ctx.received("go")
    assert ctx.received(Signal("go", dict[str, Any])) == STORED


def test_changed_copy_stays_within_its_attempt() -> None:
    """The attempt sees its change; the next attempt, and what is recorded, do not."""
    ctx = context()
    ctx.input.tags.append("spoilt")
    ctx.output("start").tags.append("spoilt")

    assert ctx.input.tags == ctx.output("start").tags == ["new", "spoilt"]
    assert context().input.tags == context().output("start").tags == STORED["tags"] == ["new"]


def test_events_are_a_read_only_mapping_of_plain_copies() -> None:
    """Events are found by name, sleeps are absent, and what is changed in a copy stays there."""
    ctx = context(go=EventRecord(input=STORED), nap=None)
    ctx.events["go"].input["tags"].append("spoilt")

    assert dict(ctx.events) == {"start": EventRecord(input=STORED, output=STORED), "go": EventRecord(input=STORED)}
    assert (len(ctx.events), "nap" in ctx.events, ctx.events.get("nap")) == (2, False, None)
    assert repr(ctx.events) == repr(dict(ctx.events))
    assert not hasattr(ctx.events, "__setitem__")
    with pytest.raises(KeyError, match="nowhere"):
        _ = ctx.events["nowhere"]


def test_outputs_are_typed_by_what_they_are_asked_with() -> None:
    """A step without annotation gives plain JSON, an update its own type, and a name the type of its node."""
    ctx = context(plain=EventRecord(output=STORED), change=EventRecord(input=5, output=[5]))

    assert ctx.output("start") == Request("ann@example.com", ["new"])
    assert ctx.output("plain") == STORED
    assert ctx.output(change) == [5]


def test_output_of_a_step_that_is_gone_is_plain_json() -> None:
    """What a step recorded that the definition has no more stays readable by its name."""
    assert context(gone=EventRecord(output=STORED)).output("gone") == STORED


def test_function_of_two_nodes_is_ambiguous() -> None:
    """The error names both nodes, and neither a default nor another attempt helps."""
    with pytest.raises(MissionExecutionError, match=r"opened.*'start' and 'work'") as raised:
        context().output(opened, default=None)

    assert isinstance(raised.value, NonRetryableError)


def test_function_that_no_node_runs_is_an_error() -> None:
    """The error names the function and what there is, and neither a default nor another attempt helps."""

    def stranger(ctx: MissionContext[Request]) -> None:
        """A step of some other definition."""

    with pytest.raises(MissionExecutionError, match=r"no step that runs .*stranger; it has 'start'") as raised:
        context().output(stranger, default=None)

    assert isinstance(raised.value, NonRetryableError)


class _Strange:
    """Something to call that nobody can name."""

    def __init__(self, raised: BaseException) -> None:
        self.raised = raised

    def __call__(self, ctx: MissionContext[Any]) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> Any:
        raise self.raised

    def __repr__(self) -> str:
        raise self.raised


def test_what_cannot_be_named_is_an_error_all_the_same() -> None:
    """Whatever the object raises when it is looked at, short of what ends the program."""
    with pytest.raises(MissionExecutionError, match="no step that runs _Strange; it has 'start'"):
        context().output(_Strange(GeneratorExit()))
    with pytest.raises(KeyboardInterrupt):
        context().output(_Strange(KeyboardInterrupt()))


def test_function_that_serves_two_nodes_is_told_to_be_asked_by_name() -> None:
    """The error says that there is more than one output, not one, and how to ask for each."""

    def noop(ctx: MissionContext[int]) -> None:
        """Both steps."""

    definition = m.define("tw").start(input=int, run=noop).step("n2", noop).end()
    ctx: MissionContext[int] = MissionContext(
        definition, State(mission_id="x", mission_name="tw"), "n2", 1, lambda: NOW
    )

    with pytest.raises(
        MissionExecutionError,
        match=r"mission 'x' \(tw\) has more than one output of .*noop, which serves 'start' and 'n2': "
        r"ask by name, as in ctx.output\('start'\)",
    ):
        ctx.output(noop)


def test_name_that_the_definition_does_not_know_is_told_apart() -> None:
    """A misspelt name is answered with the names that there are, and one whose turn has not come is not."""
    with pytest.raises(MissionExecutionError, match=r"no output of 'plane'.*has none of this name, it has: .*'plain'"):
        context().output("plane")
    with pytest.raises(MissionExecutionError, match=r"no signal 'gone'.*has none of this name, it has: 'go'$"):
        context().received("gone")
    with pytest.raises(MissionExecutionError, match=r"no output of 'plain'; it has 'start'$"):
        context().output("plain")
    with pytest.raises(MissionExecutionError, match=r"no signal 'go'; it has none$"):
        context().received("go")


def test_names_that_are_listed_can_be_asked_for() -> None:
    """What is missing is answered with what is of its kind: outputs for an output, signals for a signal."""
    ctx = context(go=EventRecord(input=STORED), change=EventRecord(input=5, output=[5]), work=EventRecord(input=1))

    with pytest.raises(MissionExecutionError, match=r"no output of 'plain'; it has 'start', 'change'$"):
        ctx.output("plain")
    with pytest.raises(MissionExecutionError, match=r"no signal 'change'; it has 'go'; its definition has none"):
        ctx.received("change")


def test_received_is_typed_by_the_token_or_the_name() -> None:
    """Token and name give the signal's type; what was not received is an error, which no attempt helps."""
    ctx = context(go=EventRecord(input=STORED))

    assert ctx.received(GO) == ctx.received("go") == Request("ann@example.com", ["new"])
    with pytest.raises(MissionExecutionError, match="no signal 'go'; it has none") as raised:
        context().received(GO)
    assert isinstance(raised.value, NonRetryableError)


def test_signal_that_was_not_received_may_have_a_default() -> None:
    """As an output that is not there; what is there, is given."""
    assert context().received(GO, default=None) is context().received("go", default=None) is None
    assert context(go=EventRecord(input=STORED)).received(GO, default=None) == Request("ann@example.com", ["new"])


def test_signal_has_no_output() -> None:
    """What came in is not what came out."""
    ctx = context(go=EventRecord(input=STORED))

    assert ctx.output("go", default="none") == "none"
    with pytest.raises(MissionExecutionError, match=r"no output of 'go'; it has 'start'$"):
        ctx.output("go")


def test_step_has_not_received_anything() -> None:
    """A step, an update or the start is no signal, whatever has gone into it."""
    ctx = context(plain=EventRecord(output=STORED), change=EventRecord(input=5, output=[5]))

    for name in ("start", "plain", "change"):
        with pytest.raises(MissionExecutionError, match=f"no signal '{name}'"):
            ctx.received(name)


def test_log_lines_carry_the_attempt(caplog: pytest.LogCaptureFixture) -> None:
    """`ctx.log` writes to the standard library's logger, each line with id, name, step and attempt."""
    with caplog.at_level(logging.INFO, "mission_control.mission"):
        context().log.info("sent", to="ann")

    (record,) = caplog.records
    fields = vars(record)
    assert record.name == "mission_control.mission"
    assert {name: fields[name] for name in ("mission_id", "mission_name", "step", "attempt", "to")} == {
        "mission_id": "x",
        "mission_name": "it",
        "step": "work",
        "attempt": 3,
        "to": "ann",
    }
