"""What a mission shows of itself, and what the program says and does not say (rules 31 to 33)."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
from typing import Any

import pytest
from attrs import define

from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionDefinitionMismatchError,
    MissionFailedError,
    PayloadError,
    PersistenceError,
    RetryPolicy,
    m,
)
from mission_control.core.engine import recorder
from mission_control.testing import FakeClock, FaultInjectingAdapter
from storages import Gate, OpenCommander, ThreadGate

SECRET = "hush-4711"


@define
class Request:
    email: str


async def begin(ctx: MissionContext[Request]) -> Request:
    return ctx.input


async def flaky(ctx: MissionContext[Request]) -> dict[str, str]:
    if ctx.attempt == 1:
        raise ConnectionError("the mail server is away")
    return {"sent_to": ctx.input.email}


async def annotate(ctx: MissionContext[Any], text: str) -> str:
    return text.upper()


FULL: MissionDefinition[Request] = (
    m.define("full")
    .update("annotate", str, annotate)
    .start(input=Request, run=begin)
    .step("send", flaky, retry=RetryPolicy(max_attempts=2, initial_interval=30))
    .need_to("approve", str, timeout=3600)
    .sleep("cooldown", 60)
    .step("last", begin)
    .end()
)

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z"


async def test_timeline_has_a_header_and_one_line_a_record(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The header says where the mission stands and until when; each record's line says when, what and where."""
    commander = await open_commander()
    mission = await commander.start(FULL, Request("ops@example.com"), mission_id="mine")
    header, *lines = str(await mission.inspect()).splitlines()
    until = "1970-01-01 00:00:30.000Z"
    assert header == f"mine (full): waiting to retry send until {until}: ConnectionError: the mail server is away"
    await fake_clock.advance(30)
    header, *lines = str(await mission.inspect()).splitlines()
    assert header == "mine (full): waiting for signal approve until 1970-01-01 01:00:30.000Z"
    await mission.update("annotate", "note")
    await mission.signal("approve", "yes")
    header, *lines = str(await mission.inspect()).splitlines()
    assert header == "mine (full): waiting on timer cooldown until 1970-01-01 00:01:30.000Z"
    await fake_clock.advance(60)

    inspection = await mission.inspect()
    header, *lines = str(inspection).splitlines()
    assert header == "mine (full): completed"
    assert len(lines) == len(inspection.history)
    for line, record in zip(lines, inspection.history, strict=True):
        assert re.match(TIME, line)
        assert record.type.value in line
        assert (record.event_name or "") in line
        assert line == line.rstrip()
    text = str(inspection)
    for shown in ("ops@example.com", "send #1", "send #2", "the mail server is away", '"yes"', "NOTE"):
        assert shown in text


async def test_timeline_shortens_payloads_and_keeps_each_record_on_its_line(open_commander: OpenCommander) -> None:
    """Neither a large payload nor one with line ends or control characters breaks the page."""
    nasty = "line\nend\r\x1b[31m\u2028" + "x" * 10_000
    commander = await open_commander()
    mission = await commander.start(FULL, Request(nasty), mission_id="mine")
    inspection = await mission.inspect()
    lines = str(inspection).splitlines()

    assert len(lines) == 1 + len(inspection.history)
    assert max(len(line) for line in lines) < 400
    assert "\x1b" not in str(inspection)


@pytest.mark.parametrize("end", ["failed", "cancelled", "idle", "running"])
async def test_header_of_every_status(open_commander: OpenCommander, end: str) -> None:
    """The header says why a mission ended, and where it runs."""
    gate = Gate()

    async def fail(ctx: MissionContext[Request]) -> None:
        raise LookupError("nothing there")

    step: Any = fail if end == "failed" else gate
    definition = m.define("d").start(input=Request, run=begin).step("work", step).end()
    commander = await open_commander()
    mission = commander.create_mission(definition, mission_id="mine")
    if end != "idle":
        await mission.start(Request("x"), wait=False)
    if end == "failed":
        await mission.result()
    elif end != "idle":
        await gate.begun.wait()
    if end == "cancelled":
        await mission.cancel("changed my mind")
    header = str(await mission.inspect()).splitlines()[0]

    assert (
        header
        == {
            "failed": "mine (d): failed at work: LookupError: nothing there",
            "cancelled": "mine (d): cancelled at work: the mission was cancelled: changed my mind",
            "idle": "mine (d): idle",
            "running": "mine (d): running at work",
        }[end]
    )
    gate.opened.set()


async def test_everything_turns_into_json(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """`to_dict` of an inspection, its parts, and of summaries is what `json.dumps` takes, and says the same."""
    commander = await open_commander()
    mission = await commander.start(FULL, Request("ops@example.com"))
    for _ in range(2):
        inspection = await mission.inspect()
        form = json.loads(json.dumps(inspection.to_dict(), allow_nan=False))
        assert form == inspection.to_dict()
        assert set(form) == {"snapshot", "history", "step_attempts", "signals", "timers", "children"}
        assert form["snapshot"]["status"] == str(await mission.status())
        assert [record["seq"] for record in form["history"]] == list(range(1, len(form["history"]) + 1))
        assert json.dumps((await mission.snapshot()).to_dict())
        for summary in await commander.list_missions():
            assert json.loads(json.dumps(summary.to_dict())) == summary.to_dict()
        await fake_clock.advance(30)
        await mission.update("annotate", "note")


async def test_text_that_cannot_be_encoded_can_be_shown_and_sent(open_commander: OpenCommander) -> None:
    """A file name that is no UTF-8, in a payload or an error, stays exact for code and is an escape for others."""
    name = os.fsdecode(b"caf\xe9.txt")
    read: list[str] = []

    async def fail(ctx: MissionContext[dict[str, str]]) -> None:
        read.append(ctx.input["file"])
        raise ValueError(f"cannot read {ctx.input['file']}")

    definition = m.define("reading").start(input=dict[str, str], run=fail).end()
    commander = await open_commander([definition])
    mission = await commander.start(definition, {"file": name}, mission_id="mine", wait=False)
    with pytest.raises(MissionFailedError) as raised:
        await mission.output()
    await open_commander.crash()
    commander = await open_commander([definition])
    inspection = await commander.inspect_mission("mine")
    assert inspection is not None
    summaries = await commander.list_missions()

    for record in (inspection, inspection.snapshot, *summaries, *inspection.history):
        json.dumps(record.to_dict(), ensure_ascii=False).encode()
    for text in (inspection, inspection.timeline(width=None), raised.value):
        assert r"caf\udce9.txt" in str(text).encode().decode()
    assert summaries[0].error == inspection.snapshot.error
    assert (inspection.history[0].details["input"], read) == ({"file": name}, [name])
    assert inspection.snapshot.error is not None
    assert inspection.snapshot.error.message == f"cannot read {name}"


async def test_timeline_can_be_printed_on_any_terminal(open_commander: OpenCommander, fake_clock: FakeClock) -> None:
    """Whatever the code page is, what is not the user's own text is ASCII, a cut payload and a failure included."""
    commander = await open_commander()
    mission = await commander.start(FULL, Request("x" * 1_000), mission_id="mine")
    await fake_clock.advance(30)
    await fake_clock.advance(3600)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    print(await mission.inspect(), await mission.inspect(), FULL, file=terminal, flush=True)

    assert "failed at approve" in str(await mission.inspect())


async def test_inspection_lists_attempts_signals_and_timers(
    open_commander: OpenCommander, fake_clock: FakeClock
) -> None:
    """The views of an inspection agree with its history, after a restart too."""
    commander = await open_commander([FULL])
    mission = await commander.start(FULL, Request("ops@example.com"), mission_id="mine")
    await fake_clock.advance(30)
    await mission.signal("approve", "yes")
    await fake_clock.advance(60)
    before = await mission.inspect()
    await open_commander.crash()
    commander = await open_commander([])
    inspection = await commander.inspect_mission("mine")
    assert inspection is not None

    assert inspection == before
    assert [(a.step_name, a.attempt_number, a.status) for a in inspection.step_attempts] == [
        ("start", 1, "succeeded"),
        ("send", 1, "failed"),
        ("send", 2, "succeeded"),
        ("last", 1, "succeeded"),
    ]
    assert inspection.step_attempts[1].error is not None
    assert inspection.step_attempts[1].error.type == "ConnectionError"
    assert [(s.event_name, s.payload) for s in inspection.signals] == [("approve", "yes")]
    assert [(t.event_name, t.kind, t.status) for t in inspection.timers] == [
        ("send", "retry", "completed"),
        ("cooldown", "sleep", "completed"),
    ]


async def test_definition_can_be_drawn_from_storage_alone(open_commander: OpenCommander) -> None:
    """The static form of what ran is stored, and is JSON."""
    commander = await open_commander([FULL])
    mission = await commander.start(FULL, Request("x"), mission_id="mine")
    await mission.cancel()
    commander = await open_commander([])
    inspection = await commander.inspect_mission("mine")
    assert inspection is not None
    fingerprint = inspection.snapshot.definition_created_with
    assert fingerprint is not None
    static = await commander.load_definition(fingerprint)

    assert static is not None
    assert static == json.loads(json.dumps(FULL.to_static()))
    assert [node["kind"] for node in static["nodes"]] == ["start", "step", "need_to", "sleep", "step", "end"]


# What is said


async def live_a_secret_life(
    open_commander: OpenCommander, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Do with secret payloads whatever makes the program say something."""
    monkeypatch.setattr(recorder, "_FIRST_BACKOFF", 0.01)
    thread = ThreadGate()

    async def secret(ctx: MissionContext[str]) -> str:
        return ctx.input

    async def wrong(ctx: MissionContext[str]) -> int:
        return SECRET  # type: ignore[return-value]

    async def fail(ctx: MissionContext[str]) -> None:
        raise ValueError("no")

    async def broken_update(ctx: MissionContext[Any], text: str) -> int:
        return text  # type: ignore[return-value]

    definitions = {
        "mistyped": m.define("mistyped").start(input=str, run=secret).step("wrong", wrong).end(),
        "failing": m.define("failing").start(input=str, run=secret).step("fail", fail).end(),
        "waiting": (
            m.define("waiting").update("u", str, broken_update).start(input=str, run=secret).need_to("go", int).end()
        ),
        "napping": m.define("napping").start(input=str, run=secret).sleep("nap", 60).step("last", secret).end(),
        "slow": m.define("slow").start(input=str, run=thread).end(),
    }
    commander = await open_commander(
        definitions.values(), wrap=lambda inner: FaultInjectingAdapter(inner, fail_commits={2, 5, 9}, when="after")
    )
    for name, definition in definitions.items():
        try:
            await commander.start(definition, SECRET, mission_id=name, wait=name != "slow")
        except (MissionFailedError, PersistenceError):
            await asyncio.sleep(0.03)
    waiting = await commander.get_mission("waiting")
    assert waiting is not None
    for call in (waiting.signal("go", SECRET), waiting.update("u", SECRET), waiting.update("u", [SECRET])):
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, it is not logged
            await call
    slow = await commander.get_mission("slow")
    assert slow is not None
    await slow.cancel()
    thread.opened.set()
    # The same missions under definitions whose types do not read what is stored.
    changed = m.define("napping").start(input=int, run=lambda ctx: 1).sleep("nap", 60).end()
    commander = await open_commander([changed])
    await fake_clock.advance(60)
    napping = await commander.get_mission("napping")
    assert napping is not None
    with pytest.raises(MissionDefinitionMismatchError):
        await napping.signal("go", 1)


async def test_no_payload_is_logged_above_debug(
    open_commander: OpenCommander,
    fake_clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Inputs, outputs, signals and what is stored of them never get into a log line of level info or more."""
    with caplog.at_level(logging.INFO):
        await live_a_secret_life(open_commander, fake_clock, monkeypatch)

    assert caplog.records
    formatter = logging.Formatter()
    assert [text for text in map(formatter.format, caplog.records) if SECRET in text] == []


async def test_nothing_is_written_to_stdout_and_loggers_are_ours(
    open_commander: OpenCommander,
    fake_clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whatever happens, standard output stays empty, and lines come from the `mission_control` loggers alone."""
    with caplog.at_level(logging.DEBUG):
        await live_a_secret_life(open_commander, fake_clock, monkeypatch)
    await open_commander.close()

    assert capfd.readouterr().out == ""
    assert {record.name.split(".")[0] for record in caplog.records} <= {"mission_control", "asyncio"}


async def test_log_of_a_step_carries_mission_step_and_attempt(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """`ctx.log` goes to the standard library, with keys for machines and a line for people."""

    async def step(ctx: MissionContext[Request]) -> None:
        ctx.log.info("sent", to=ctx.input.email)

    definition = m.define("d").start(input=Request, run=step).end()
    commander = await open_commander()
    with caplog.at_level(logging.INFO):
        await commander.start(definition, Request("ops@example.com"), mission_id="mine")

    (record,) = [record for record in caplog.records if record.name == "mission_control.mission"]
    fields: Any = record
    assert (fields.mission_id, fields.mission_name, fields.step, fields.attempt) == ("mine", "d", "start", 1)
    assert record.getMessage() == ("sent mission_id=mine mission_name=d step=start attempt=1 to=ops@example.com")


async def test_failure_of_a_mission_is_never_silent(
    open_commander: OpenCommander, caplog: pytest.LogCaptureFixture
) -> None:
    """What made a mission fail is on record, with message, type and traceback."""

    async def fail(ctx: MissionContext[Request]) -> None:
        raise LookupError("nothing there")

    definition = m.define("d").start(input=Request, run=fail).end()
    commander = await open_commander()
    mission = await commander.start(definition, Request("x"), wait=False)
    error = (await mission.result()).error

    assert error is not None
    assert (error.message, error.code, error.type) == ("nothing there", "STEP_FAILED", "LookupError")
    assert error.traceback is not None
    assert "raise LookupError" in error.traceback
    assert PayloadError.code == "MISSION_PAYLOAD_ERROR"
