"""Events, metrics and log lines."""

from __future__ import annotations

import json
import logging

import attrs
import pytest
import structlog

from mission_control.core import m
from mission_control.runtime import RuntimeEvent, RuntimeMetric, create_commander_runtime
from mission_control.testing import FakeClock

from .harness import Runtimes, sleeping

LOGGER = "mission_control.runtime"


async def test_event_says_who_what_and_when(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """An event carries its runtime's identity, its mission and the clock's time."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", mission_id="asleep")
    await first.stop()
    await fake_clock.advance(60)

    await runtimes([sleeping()])

    (event,) = [event for event in runtimes.events if event.event == "mission-resume-started"]
    assert event == RuntimeEvent(
        level="info",
        event="mission-resume-started",
        identity="test",
        mission_id="asleep",
        error=None,
        at=fake_clock.now(),
    )
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.identity = "other"  # type: ignore[misc]  # refused is the test


async def test_metric_has_few_tags(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """A metric is tagged with what has few values: the runtime, and the kind of mission."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x")
    await first.stop()
    await fake_clock.advance(60)

    await runtimes([sleeping()])

    resumed = RuntimeMetric(
        name="runtime.mission.resume.started", value=1, tags={"identity": "test", "mission_name": "sleeping"}
    )
    assert resumed in runtimes.metrics
    assert RuntimeMetric(name="runtime.tick", value=1, tags={"identity": "test"}) in runtimes.metrics


async def test_duration_of_each_tick_is_measured(runtimes: Runtimes) -> None:
    """Each tick gives its seconds."""
    runtime = await runtimes()
    await runtime.tick()

    durations = runtimes.measured("runtime.tick.duration")
    assert len(durations) == 2
    assert all(0 < duration < 60 for duration in durations)


async def test_hooks_that_raise_are_logged_and_harm_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The runtime goes on, and each failure of a hook is on the log with its traceback."""

    def broken(report: RuntimeEvent | RuntimeMetric) -> None:
        raise ValueError("broken")

    async with create_commander_runtime(on_event=broken, on_metric=broken) as runtime:
        assert await runtime.tick() is True

    failures = [record for record in caplog.records if record.exc_info is not None]
    assert {vars(record)["hook"] for record in failures} == {"on_event", "on_metric"}
    assert all(record.name == LOGGER for record in failures)


@pytest.mark.parametrize("name", ["on_event", "on_metric"])
def test_coroutine_function_is_refused_as_a_hook(name: str) -> None:
    """Nobody would await what it returns, so it is an error at once."""

    async def hook(report: object) -> None: ...

    with pytest.raises(TypeError, match=name):
        create_commander_runtime(**{name: hook})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # so is the test


async def test_events_are_logged_with_and_without_hooks(caplog: pytest.LogCaptureFixture) -> None:
    """Each event is one line of the logger `mission_control.runtime`, with its keys."""
    with caplog.at_level(logging.INFO, LOGGER):
        async with create_commander_runtime(identity="worker-1"):
            pass

    assert caplog.messages == [
        "runtime-started identity=worker-1",
        "tick-started identity=worker-1",
        "tick-completed identity=worker-1 resumes=0",
        "runtime-stopped identity=worker-1",
    ]


async def test_failure_is_logged_with_its_mission_and_reason(
    runtimes: Runtimes, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The line of a mission that cannot be resumed names it, where it stands and why; machines get them as fields."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "x", mission_id="lost")
    await first.stop()
    await fake_clock.advance(60)

    await runtimes()

    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    fields = json.loads(formatter.format(record))
    assert fields["event"] == "mission-resume-failed"
    assert (fields["identity"], fields["mission_id"]) == ("test", "lost")
    assert (fields["mission_name"], fields["step"]) == ("sleeping", "nap")
    assert fields["error"].startswith("MissionNotRegisteredError: ")
    assert record.getMessage().startswith("mission-resume-failed identity=test mission_id=lost mission_name=sleeping")


async def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """An application that configures no logging sees nothing of a runtime that has no trouble."""
    async with create_commander_runtime() as runtime:
        await runtime.tick()

    assert capfd.readouterr().out == ""


async def test_lines_about_a_mission_name_it_and_show_no_payload(
    runtimes: Runtimes, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What the engine and the runtime log of a mission carries ids and names as fields, and no stored value."""
    first = await runtimes([sleeping()])
    await first.commander.start("sleeping", "a secret", mission_id="asleep")
    await first.stop()
    await fake_clock.advance(60)
    changed = m.define("sleeping").start(input=int, run=lambda ctx: None).sleep("nap", 60).end()

    await runtimes([changed])

    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert sorted(record.name for record in records) == ["mission_control.engine", LOGGER]
    for record in records:
        fields = vars(record)
        assert (fields["mission_id"], fields["mission_name"], fields["step"]) == ("asleep", "sleeping", "nap")
        assert "asleep" in record.getMessage()
        assert "secret" not in record.getMessage()
    (event,) = [event for event in runtimes.events if event.event == "mission-resume-failed"]
    assert "secret" in str(event.error)
