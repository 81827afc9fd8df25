"""Spans and metrics, as OpenTelemetry's own SDK gets them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mission_control.core import MissionContext, MissionFailedError, RetryPolicy, m
from mission_control.runtime import create_commander_runtime
from mission_control.testing import FakeClock

from .harness import Gate, Runtimes, gated, waiting


def application() -> trace.Tracer:
    """A tracer of user code; made anew because it remembers its provider."""
    return trace.get_tracer("application")


class Spans:
    """What was exported."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of a name, in the order in which they ended."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield Spans(exporter)
    provider.shutdown()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", provider)
    yield reader
    provider.shutdown()


def is_under(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert span.parent is not None
    assert parent.context is not None
    return (span.parent.trace_id, span.parent.span_id) == (parent.context.trace_id, parent.context.span_id)


async def test_mission_is_a_span_over_its_attempts(runtimes: Runtimes, spans: Spans) -> None:
    """A mission in motion is a span, and each attempt of it one below, with ids, names and numbers."""
    gate = Gate()
    gate.opened.set()
    runtime = await runtimes([gated(gate)])

    await runtime.commander.start("gated", "x", mission_id="mission-1")
    await runtimes.stop()

    mission, start, step = spans.one("mission gated"), spans.one("step start"), spans.one("step pass")
    assert is_under(start, mission)
    assert is_under(step, mission)
    assert mission.parent is None
    assert mission.attributes == {
        "mission_control.mission_id": "mission-1",
        "mission_control.mission_name": "gated",
        "mission_control.status": "completed",
    }
    assert step.attributes == {
        "mission_control.mission_id": "mission-1",
        "mission_control.step": "pass",
        "mission_control.attempt": 1,
    }


async def test_spans_of_a_mission_are_linked_across_restarts(runtimes: Runtimes, spans: Spans) -> None:
    """What runs after a wait in another process belongs to the trace that the start began, and links to its span."""
    definitions = [waiting()]
    first = await runtimes(definitions)
    with application().start_as_current_span("request"):
        await first.commander.start("waiting", "x", mission_id="mission-1")

    second = await runtimes(definitions)
    mission = await second.commander.get_mission("mission-1")
    assert mission is not None
    await mission.signal("go", "on")
    await runtimes.stop()

    before, after = spans.named("mission waiting")
    assert is_under(before, spans.one("request"))
    assert is_under(after, before)
    assert [link.context.span_id for link in after.links] == [before.context and before.context.span_id]
    assert [span.attributes and span.attributes["mission_control.status"] for span in (before, after)] == [
        "waiting",
        "completed",
    ]


async def test_interrupted_step_is_two_attempts_of_one_trace(runtimes: Runtimes, spans: Spans) -> None:
    """An attempt that its runtime stopped says so; the one after the restart is in the same trace."""
    gate = Gate()
    first = await runtimes([gated(gate)])
    await first.commander.start("gated", "x", wait=False)
    await gate.begun.wait()
    await runtimes.stop()
    gate.opened.set()

    second = await runtimes([gated(gate)])
    await second.commander.settled()
    await runtimes.stop()

    stopped, done = spans.named("step pass")
    assert stopped.attributes is not None
    assert done.attributes is not None
    assert (stopped.attributes["mission_control.attempt"], done.attributes["mission_control.attempt"]) == (1, 2)
    assert stopped.attributes["mission_control.stopped"] == "closed"
    assert stopped.context is not None
    assert done.context is not None
    assert stopped.context.trace_id == done.context.trace_id


@pytest.mark.parametrize("is_async", [True, False])
async def test_spans_of_a_step_nest(runtimes: Runtimes, spans: Spans, is_async: bool) -> None:
    """Spans that user code begins, on the loop or on a thread, are below its attempt's."""

    def work(ctx: MissionContext[str]) -> None:
        with application().start_as_current_span("work"):
            pass

    async def awaited(ctx: MissionContext[str]) -> None:
        work(ctx)

    runtime = await runtimes([gated(awaited if is_async else work)])
    await runtime.commander.start("gated", "x")

    assert is_under(spans.one("work"), spans.one("step pass"))


async def test_failed_attempt_has_its_exception(runtimes: Runtimes, spans: Spans, fake_clock: FakeClock) -> None:
    """Each failed attempt is an error with the exception, and so is the mission that failed of it."""

    async def fail(ctx: MissionContext[str]) -> None:
        raise ValueError("no")

    failing = (
        m.define("failing")
        .start(input=str, run=lambda ctx: None)
        .step("fail", fail, retry=RetryPolicy(max_attempts=2, initial_interval=60))
        .end()
    )
    runtime = await runtimes([failing])
    await runtime.commander.start("failing", "x")
    await fake_clock.advance(60)
    await runtime.commander.settled()

    for number, attempt in enumerate(spans.named("step fail"), 1):
        assert attempt.attributes is not None
        assert attempt.attributes["mission_control.attempt"] == number
        assert attempt.status.status_code is trace.StatusCode.ERROR
        assert [event.attributes and event.attributes["exception.type"] for event in attempt.events] == ["ValueError"]
    first, second = spans.named("mission failing")
    assert first.status.status_code is trace.StatusCode.UNSET
    assert (second.status.status_code, second.status.description) == (trace.StatusCode.ERROR, "STEP_FAILED")


async def test_update_is_a_span(runtimes: Runtimes, spans: Spans) -> None:
    """An update runs user code, and is drawn like a step."""

    def rename(ctx: MissionContext[Any], name: str) -> str:
        return name

    definition = m.define("named").update("rename", str, rename).start(input=str, run=str).need_to("go", str).end()
    runtime = await runtimes([definition])
    mission = await runtime.commander.start(definition, "x")
    await mission.update(rename, "y")

    assert is_under(spans.one("update rename"), spans.named("mission named")[-1])


async def test_timed_out_attempt_is_an_error(runtimes: Runtimes, spans: Spans) -> None:
    """An attempt that was stopped at its deadline says so."""

    async def hang(ctx: MissionContext[str]) -> None:
        await asyncio.Event().wait()

    hanging = m.define("hanging").start(input=str, run=hang, timeout=0.01).end()
    async with create_commander_runtime(definitions=[hanging]) as runtime:
        with pytest.raises(MissionFailedError):
            await runtime.commander.start(hanging, "x")

    attempt = spans.one("step start")
    assert (attempt.status.status_code, attempt.status.description) == (trace.StatusCode.ERROR, "timed out")


async def test_start_that_is_refused_leaves_no_span(runtimes: Runtimes, spans: Spans) -> None:
    """Where the id is in use, nothing was in motion."""
    first = await runtimes([waiting()])
    await first.commander.start("waiting", "x", mission_id="mission-1")

    second = await runtimes([waiting()])
    await second.commander.start("waiting", "x", mission_id="mission-1", if_exists="return")
    await runtimes.stop()

    assert len(spans.named("mission waiting")) == 1


async def test_sampling_of_the_start_decides_for_the_mission(
    runtimes: Runtimes, monkeypatch: pytest.MonkeyPatch, spans: Spans
) -> None:
    """A mission that was started in a trace that nobody records is not recorded later."""
    first = await runtimes([waiting()])
    context = trace.set_span_in_context(
        trace.NonRecordingSpan(
            trace.SpanContext(trace_id=1, span_id=2, is_remote=True, trace_flags=trace.TraceFlags(0))
        )
    )
    with trace.use_span(trace.get_current_span(context)):
        await first.commander.start("waiting", "x", mission_id="mission-1")

    second = await runtimes([waiting()])
    mission = await second.commander.get_mission("mission-1")
    assert mission is not None
    await mission.signal("go", "on")
    await runtimes.stop()

    assert spans.named("mission waiting") == []


async def test_processor_that_raises_harms_no_mission(
    runtimes: Runtimes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What an application's own processor raises is logged."""

    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise ValueError("broken")

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    gate = Gate()
    gate.opened.set()
    runtime = await runtimes([gated(gate)])

    mission = await runtime.commander.start("gated", "x")

    assert await mission.output() == "passed"
    assert "a span could not be recorded" in caplog.text


async def test_without_an_sdk_nothing_is_stored(runtimes: Runtimes) -> None:
    """Where the application configures no tracing, a mission's history has no trace of it."""
    runtime = await runtimes([waiting()])
    mission = await runtime.commander.start("waiting", "x")

    assert "trace" not in (await mission.history())[0].details


async def test_metrics_are_recorded(runtimes: Runtimes, reader: InMemoryMetricReader) -> None:
    """The runtime's metrics are instruments with the same names and tags."""
    runtime = await runtimes()
    await runtime.tick()

    data = reader.get_metrics_data()
    assert data is not None
    recorded = {
        metric.name: metric.data.data_points
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert set(recorded) == {"runtime.tick", "runtime.tick.empty", "runtime.tick.duration"}
    (ticks,) = recorded["runtime.tick"]
    assert isinstance(ticks, NumberDataPoint)
    assert (ticks.value, ticks.attributes) == (2, {"identity": "test"})


def test_runtime_works_without_opentelemetry() -> None:
    """The extra is optional: without it a runtime is made and says nothing of it."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from mission_control.runtime import create_commander_runtime\n"
        "print(create_commander_runtime(identity='bare'))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("<CommanderRuntime 'bare' (idle)>\n", "")
