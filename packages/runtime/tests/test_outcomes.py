"""What a runtime reports of failed attempts, and of missions that end."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mission_control.core import (
    MissionContext,
    MissionFailedError,
    MissionStatus,
    RetryPolicy,
    Signal,
    create_commander,
    m,
)
from mission_control.runtime import RuntimeEvent
from mission_control.testing import FakeClock

from .harness import Runtimes, sleeping

REPORTED = ("step-failed", "mission-failed", "mission-completed", "mission-cancelled")
DECLINED = ValueError("declined")


async def decline(ctx: MissionContext[Any]) -> None:
    raise DECLINED


def declined(**policy: Any) -> Any:
    return m.define("d").start(input=str, run=lambda ctx: None).step("pay", decline, retry=RetryPolicy(**policy)).end()


def reported(runtimes: Runtimes) -> list[RuntimeEvent]:
    return [event for event in runtimes.events if event.event in REPORTED]


async def test_failed_attempts_and_the_failed_mission_are_events(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """An attempt that is tried again is an info, the last one a warning, and so is the mission; each has its error."""
    runtime = await runtimes([declined(max_attempts=2, initial_interval=60)])

    await runtime.commander.start("d", "x", mission_id="mine")
    await fake_clock.advance(60)

    first, last, mission = reported(runtimes)
    assert [(event.event, event.level) for event in (first, last, mission)] == [
        ("step-failed", "info"),
        ("step-failed", "warning"),
        ("mission-failed", "warning"),
    ]
    assert {event.mission_id for event in (first, last, mission)} == {"mine"}
    assert first.error is last.error is DECLINED
    assert isinstance(mission.error, MissionFailedError)
    assert (mission.error.failure.code, mission.error.snapshot.cursor) == ("STEP_FAILED", "pay")
    assert mission.error.__cause__ is DECLINED


async def test_missions_that_complete_and_are_cancelled_are_events(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """Each end is reported once, without an error."""
    runtime = await runtimes([sleeping()])
    await runtime.commander.start("sleeping", "x", mission_id="first")
    cancelled = await runtime.commander.start("sleeping", "x", mission_id="second")

    await cancelled.cancel("enough")
    await cancelled.cancel("again")
    await fake_clock.advance(60)

    assert [(event.event, event.level, event.mission_id, event.error) for event in reported(runtimes)] == [
        ("mission-cancelled", "info", "second", None),
        ("mission-completed", "info", "first", None),
    ]


async def test_mission_whose_wait_times_out_is_a_failed_one(runtimes: Runtimes, fake_clock: FakeClock) -> None:
    """A mission fails without a step that does, and its error says why."""
    definition = m.define("d").start(input=str, run=lambda ctx: None).need_to(Signal("go", str), timeout=60).end()
    runtime = await runtimes([definition])
    await runtime.commander.start("d", "x")

    await fake_clock.advance(60)

    (event,) = reported(runtimes)
    assert event.event == "mission-failed"
    assert isinstance(event.error, MissionFailedError)
    assert event.error.failure.code == "SIGNAL_TIMEOUT"


async def test_line_of_a_failure_names_everything_but_payloads(
    runtimes: Runtimes, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning for the attempt and one for the mission: name, id, step, class and first line of the error."""

    async def leak(ctx: MissionContext[Any]) -> object:
        return object()

    definition = m.define("d").start(input=str, run=lambda ctx: None).step("pay", leak).end()
    runtime = await runtimes([definition])

    with pytest.raises(MissionFailedError):
        await runtime.commander.start("d", "x", mission_id="mine")

    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage().partition(" error=")[0] for record in warnings] == [
        "step-failed identity=test mission_id=mine mission_name=d step=pay attempt=1",
        "mission-failed identity=test mission_id=mine mission_name=d step=pay",
    ]
    for record in warnings:
        fields = vars(record)
        assert fields["error"].startswith("PayloadError: the output of step 'pay'")
        assert "\n" not in fields["error"]


async def test_line_of_an_attempt_says_when_the_next_one_is(
    runtimes: Runtimes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the log knows that the step is tried again, and when."""
    runtime = await runtimes([declined(max_attempts=2, initial_interval=60)])

    with caplog.at_level(logging.INFO, "mission_control"):
        await runtime.commander.start("d", "x", mission_id="mine")

    (record,) = [record for record in caplog.records if record.getMessage().startswith("step-failed")]
    assert vars(record)["retry_at"] == "1970-01-01T00:01:00+00:00"


async def test_commander_without_a_runtime_logs_failures(caplog: pytest.LogCaptureFixture) -> None:
    """The same lines come from the engine where nobody else reports them."""
    async with create_commander() as commander:
        with caplog.at_level(logging.INFO, "mission_control"):
            mission = await commander.start(declined(max_attempts=2), "x", mission_id="mine", wait=False)
            assert (await mission.result()).status == MissionStatus.FAILED

    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("INFO", "mission mine (d): step 'pay' failed at attempt 1, and is tried again at once: ValueError: declined"),
        ("WARNING", "mission mine (d): step 'pay' failed at attempt 2, for good: ValueError: declined"),
        ("WARNING", "mission mine (d) failed at 'pay': ValueError: declined"),
    ]
    fields = vars(caplog.records[0])
    assert (fields["mission_id"], fields["mission_name"], fields["step"], fields["attempt"]) == ("mine", "d", "pay", 1)
