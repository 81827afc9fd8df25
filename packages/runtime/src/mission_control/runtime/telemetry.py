"""OpenTelemetry: a span for each time a mission is in motion, one for each attempt, and the runtime's metrics.

They go to whatever the application has configured. Without `opentelemetry-api` this module is not imported.

A mission that waits keeps no span open: it may wait for months, and in another process. All its spans belong to one
trace, which begins where it was started and is kept with it, so that they are found together after any restart.
"""

from __future__ import annotations

import contextvars

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mission_control.core import MissionFailure, MissionStatus
from mission_control.core.engine import Stop
from mission_control.core.log import ContainedLogger, contained

from .records import RuntimeMetric

_logger: ContainedLogger = ContainedLogger("mission_control.runtime")

_SCOPE = "mission_control.runtime"
_ID, _NAME, _STATUS = "mission_control.mission_id", "mission_control.mission_name", "mission_control.status"
_STEP, _UPDATE, _ATTEMPT = "mission_control.step", "mission_control.update", "mission_control.attempt"
_STOPPED = "mission_control.stopped"


_contained = contained(_logger, "a span could not be recorded")


class SpanTracer:
    """Draws the missions of one commander as spans."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer(_SCOPE)
        self._propagator = TraceContextTextMapPropagator()
        self._missions: dict[str, trace.Span] = {}

    @_contained
    def mission_started(self, mission_id: str, mission_name: str, /) -> str | None:
        """Begin the first span of a mission, in the trace of whoever starts it; return where later ones belong."""
        span = self._begin(mission_id, mission_name, None, [])
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, trace.set_span_in_context(span))
        return carrier.get("traceparent")

    @_contained
    def mission_moved(self, mission_id: str, mission_name: str, stored: str | None, /) -> None:
        """Begin another span of a mission, under its first and linked to it, whichever process that was in."""
        carrier = {} if stored is None else {"traceparent": stored}
        context = self._propagator.extract(carrier, otel_context.Context())
        first = trace.get_current_span(context).get_span_context()
        self._begin(mission_id, mission_name, context, [trace.Link(first)] if first.is_valid else [])

    def _begin(
        self, mission_id: str, mission_name: str, context: otel_context.Context | None, links: list[trace.Link]
    ) -> trace.Span:
        span = self._missions[mission_id] = self._tracer.start_span(
            f"mission {mission_name}",
            context,
            attributes={_ID: mission_id, _NAME: mission_name},
            links=links,
        )
        return span

    @_contained
    def mission_rested(self, mission_id: str, status: MissionStatus | None, error: MissionFailure | None, /) -> None:
        """End the mission's span; one of a mission that never became durable is forgotten."""
        span = self._missions.pop(mission_id, None)
        if span is None or status is None:
            return
        span.set_attribute(_STATUS, status.value)
        if error is not None and status is MissionStatus.FAILED:
            span.set_status(trace.StatusCode.ERROR, error.code)
        span.end()

    @_contained
    def attempt_began(
        self, mission_id: str, name: str, number: int | None, context: contextvars.Context, /
    ) -> trace.Span:
        """Begin the attempt's span, and make it the current one of the code that is about to run."""
        mission = self._missions.get(mission_id)
        parent = otel_context.Context() if mission is None else trace.set_span_in_context(mission)
        kind, key = ("update", _UPDATE) if number is None else ("step", _STEP)
        attributes: dict[str, str | int] = {_ID: mission_id, key: name, _ATTEMPT: number or 1}
        span = self._tracer.start_span(f"{kind} {name}", parent, attributes=attributes)
        context.run(otel_context.attach, trace.set_span_in_context(span, parent))
        return span

    @_contained
    def attempt_ended(self, began: object, error: BaseException | None, stopped: str | None, /) -> None:
        """End the attempt's span; what failed has the exception."""
        if not isinstance(began, trace.Span):
            return
        if stopped is not None:
            began.set_attribute(_STOPPED, stopped)
        if stopped == Stop.TIMEOUT.value:
            began.set_status(trace.StatusCode.ERROR, stopped)
        elif stopped is None and error is not None:
            began.record_exception(error)
            began.set_status(trace.StatusCode.ERROR, type(error).__name__)
        began.end()


class MetricRecorder:
    """A hook that counts a runtime's metrics, and records its durations."""

    def __init__(self) -> None:
        self._meter = metrics.get_meter(_SCOPE)
        self._duration = self._meter.create_histogram("runtime.tick.duration", "s", "how long ticks took")
        self._counters: dict[str, metrics.Counter] = {}

    def __call__(self, metric: RuntimeMetric) -> None:
        """Record one measurement."""
        if metric.name == "runtime.tick.duration":
            self._duration.record(metric.value, metric.tags)
            return
        counter = self._counters.get(metric.name)
        if counter is None:
            counter = self._counters[metric.name] = self._meter.create_counter(metric.name)
        counter.add(metric.value, metric.tags)
