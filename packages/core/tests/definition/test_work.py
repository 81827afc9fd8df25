"""What attempts run: what is recorded of what user code returned, and what is refused."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import attrs
import pytest

from mission_control.core import MissionContext, PayloadError, m
from mission_control.core.definition import Work
from mission_control.core.history import iso

PATH: Any = m.path()
SUBJECT = "step 'n' of mission 'x'"


def run(ctx: MissionContext[Any]) -> None:
    pass


def now(ctx: MissionContext[Any]) -> Any:
    return 5


def numbers(ctx: MissionContext[Any]) -> list[int]:
    return []


@attrs.frozen
class Order:
    count: int


CHILD = m.define("child").start(input=Order, run=run).end()

WORKS: dict[str, Work] = {
    "branch": PATH.branch("n", now, {"a": PATH, "b": PATH}).nodes[0].decision,
    "each": PATH.each("n", now, PATH).nodes[0].decision,
    "typed each": PATH.each("n", numbers, PATH).nodes[0].decision,
    "repeat": PATH.repeat("n", PATH, until=run).nodes[0].decision,
    "mission": PATH.mission("n", CHILD, run).nodes[0].decision,
    "sleep": PATH.sleep("n", run).nodes[0].decision,
    "deadline": PATH.need_to("n", int, timeout=run).nodes[0].decision,
    "step": PATH.step("n", numbers).nodes[0],
}

RECORDED: list[tuple[str, Any, Any]] = [
    ("branch", "b", "b"),
    ("each", [], []),
    ("each", [1, "a", None], [1, "a", None]),
    ("each", (1, Order(2)), [1, {"count": 2}]),
    ("typed each", [1, 2], [1, 2]),
    ("repeat", True, True),
    ("repeat", False, False),
    ("mission", Order(2), {"count": 2}),
    ("mission", {"count": 2}, {"count": 2}),
    ("sleep", timedelta(minutes=1.5), 90.0),
    ("sleep", 5, 5.0),
    ("sleep", 0, 0.0),
    ("sleep", 0.25, 0.25),
    ("sleep", timedelta(days=365_250), 31_557_600_000.0),
    ("sleep", datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01T00:00:00.000000+00:00"),
    ("sleep", datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2019-12-31T22:00:00.000000+00:00"),
    ("deadline", None, None),
    ("deadline", 5, 5.0),
    ("step", [1], [1]),
]


@pytest.mark.parametrize(("kind", "returned", "recorded"), RECORDED, ids=str)
def test_what_is_returned_is_recorded_as_json(kind: str, returned: Any, recorded: Any) -> None:
    """Keys, lists, truths, inputs, durations in seconds, and times in UTC."""
    stored = WORKS[kind].recorded(returned, subject=SUBJECT)

    assert stored == recorded
    assert type(stored) is type(recorded)


class Nowhere(tzinfo):
    tzname: Any = None
    dst: Any = None

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        raise RuntimeError("nowhere")


REFUSED: list[tuple[str, Any, str]] = [
    ("branch", "c", r"chose str 'c', for which the branch has no path \(it has \"a\", \"b\"\); return one of these"),
    ("branch", None, "chose None"),
    ("branch", True, "chose bool True"),
    ("each", "text", "returned str 'text'; it lists the items, so return a list"),
    ("each", None, "returned None"),
    ("each", {"a": 1}, "returned dict"),
    ("each", {1, 2}, "returned set"),
    ("each", deque([1]), "returned deque"),
    ("each", iter([1]), "returned list_iterator"),
    ("each", [object()], "has no JSON form"),
    ("typed each", ["a"], r"does not fit list\[int\]"),
    ("repeat", None, "returned None; it says whether the repeat is over, so return a bool"),
    ("repeat", 1, "returned int 1"),
    ("repeat", "yes", "returned str 'yes'"),
    ("mission", {"count": "2"}, r"does not fit Order:\n  \$\.count: expected int"),
    ("mission", None, "does not fit Order"),
    *(
        (kind, value, "expected a duration from 0 to 1,000 years")
        for kind in ("sleep", "deadline")
        for value in (
            -1,
            timedelta(seconds=-1),
            math.nan,
            math.inf,
            1e12,
            timedelta(days=365_251),
            True,
            "5",
            [5],
            datetime(2026, 1, 1),  # noqa: DTZ001 - naive is what is refused
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
            datetime(2026, 1, 1, tzinfo=Nowhere()),
        )
    ),
    ("sleep", datetime(2026, 1, 1), "naive: it has no time zone; expected .* with its time zone$"),  # noqa: DTZ001
    ("deadline", datetime(2026, 1, 1), "naive: it has no time zone; expected .*, or None$"),  # noqa: DTZ001
    ("sleep", None, r"returned None; .* with its time zone$"),
    ("deadline", "soon", r"returned str 'soon'; .* with its time zone, or None$"),
]


@pytest.mark.parametrize(("kind", "returned", "message"), REFUSED)
def test_what_cannot_be_recorded_is_refused(kind: str, returned: Any, message: str) -> None:
    """The error names the step and what it returned."""
    with pytest.raises(PayloadError, match=rf"step 'n' of mission 'x'(.|\n)*{message}"):
        WORKS[kind].recorded(returned, subject=SUBJECT)


def test_list_has_a_hundred_thousand_items_at_most() -> None:
    """The bound itself is inside; the error says how many there were."""
    assert len(WORKS["each"].recorded([0] * 100_000, subject=SUBJECT)) == 100_000

    with pytest.raises(PayloadError, match=rf"{SUBJECT} returned 100,001 items, and an each goes over 100,000"):
        WORKS["each"].recorded([0] * 100_001, subject=SUBJECT)


def test_recorded_list_is_a_copy() -> None:
    """What user code keeps of it changes nothing."""
    returned: list[Any] = [[1]]
    stored = WORKS["each"].recorded(returned, subject=SUBJECT)
    returned[0].append(2)

    assert stored == [[1]]


async def later(ctx: MissionContext[Any]) -> Any:
    return 5


DECIDING: dict[str, Callable[[Any], Any]] = {
    "branch": lambda fn: PATH.branch("n", fn, {"p": PATH}),
    "each": lambda fn: PATH.each("n", fn, PATH),
    "repeat": lambda fn: PATH.repeat("n", PATH, until=fn),
    "mission": lambda fn: PATH.mission("n", CHILD, fn),
    "sleep": lambda fn: PATH.sleep("n", fn),
    "need_to": lambda fn: PATH.need_to("n", int, timeout=fn),
}


@pytest.mark.parametrize("kind", DECIDING)
@pytest.mark.parametrize("fn", [now, later])
def test_decision_is_work(kind: str, fn: Any) -> None:
    """What runs as a node's own decision, async or not."""
    node = DECIDING[kind](fn).nodes[0]

    assert node.kind == kind
    assert isinstance(node.decision, Work)
    assert (node.decision.run, node.decision.is_async) == (fn, fn is later)


@pytest.mark.parametrize(
    "line",
    [
        PATH.step("n", run),
        PATH.sleep("n", 5),
        PATH.need_to("n", int, timeout=5),
        PATH.need_to("n", int),
        PATH.parallel("n", {"p": PATH}),
        m.define("it").start(input=int, run=run),
    ],
    ids=["step", "sleep", "deadline", "signal", "parallel", "start"],
)
def test_nodes_that_ask_nobody_have_no_decision(line: Any) -> None:
    """Neither does the end have one."""
    assert line._parts.nodes[0].decision is None
    assert CHILD.nodes[-1].decision is None


def test_time_more_than_a_thousand_years_ahead_is_refused() -> None:
    """An instant may be as far ahead as a duration may be long."""
    now = datetime(2020, 1, 1, tzinfo=UTC)
    late = now + timedelta(days=365_250)

    assert WORKS["sleep"].recorded(late, subject=SUBJECT, now=now) == iso(late)
    with pytest.raises(PayloadError, match="expected a duration from 0 to 1,000 years"):
        WORKS["sleep"].recorded(late + timedelta(days=1), subject=SUBJECT, now=now)
