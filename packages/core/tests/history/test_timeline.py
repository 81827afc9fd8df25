"""The page that a person reads of a mission with paths: its header, and the details of each record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from mission_control.core import (
    ChildWait,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionInspection,
    MissionSnapshot,
    MissionStatus,
    Position,
    RetryWait,
    SignalWait,
    TimerWait,
)
from mission_control.core.history import inspected, iso

T = HistoryType
NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
SNAPSHOT = MissionSnapshot(
    mission_id="m-1",
    mission_name="it",
    status=MissionStatus.WAITING,
    cursor="all",
    waiting=None,
    error=None,
    created_at=NOW,
    updated_at=NOW,
)
ERROR = {"message": "no", "code": "STEP_FAILED", "type": "ValueError"}

Happened = tuple[HistoryType, str | None, int | None, dict[str, Any]]


def page(*happened: Happened, **snapshot: Any) -> list[str]:
    """Return the lines of a timeline."""
    history = records(*happened)
    inspection = MissionInspection(
        snapshot=attrs.evolve(SNAPSHOT, **snapshot), history=history, step_attempts=(), signals=(), timers=()
    )
    return str(inspection).splitlines()


def records(*happened: Happened) -> tuple[HistoryRecord, ...]:
    return tuple(
        HistoryRecord(seq=seq, type=kind, at=NOW, event_name=name, attempt_number=attempt, details=details)
        for seq, (kind, name, attempt, details) in enumerate(happened, 1)
    )


def waits(name: str, days: int | None = None) -> Position:
    until = None if days is None else NOW + timedelta(days=days)
    wait = SignalWait(event_name=name, node_index=0, timeout_at=until)
    return Position(path=name.rpartition("/")[0], cursor=name, status="waiting", waiting=wait)


def runs(name: str | None, path: str) -> Position:
    return Position(path=path, cursor=name, status="running", attempt_number=1)


def header(*positions: Position, **snapshot: Any) -> str:
    (line,) = page(positions=positions, **snapshot)
    return line


def test_records_of_paths_are_marked_with_their_text() -> None:
    """Interleaved paths are told apart by a column of their own, in which the main line has nothing."""
    lines = page(
        (T.PATHS_OPENED, "all", None, {"kind": "parallel", "paths": ["a", "bee"]}),
        (T.STEP_STARTED, "all/a/work", 1, {}),
        (T.STEP_STARTED, "all/bee/work", 1, {}),
        (T.STEP_SUCCEEDED, "all/a/work", 1, {"output": 1}),
        (T.PATH_COMPLETED, "all/a", None, {}),
        (T.STEP_STARTED, "undo:all/a/work", 1, {}),
        (T.STEP_STARTED, "undo:pay", 1, {}),
    )[1:]

    assert [line.removeprefix("2024-02-29 12:00:00.000Z  ") for line in lines] == [
        "paths-opened             all           parallel, paths a, bee",
        "step-started    all/a    work #1",
        "step-started    all/bee  work #1",
        "step-succeeded  all/a    work #1       1",
        "path-completed  all/a",
        "step-started    all/a    undo:work #1",
        "step-started             undo:pay #1",
    ]


def test_linear_mission_has_no_column_for_paths() -> None:
    """Its page is what it always was."""
    (_, line) = page((T.STEP_STARTED, "pay", 2, {"definition": "f"}))

    assert line == "2024-02-29 12:00:00.000Z  step-started  pay #2  definition f"


UNTIL = "2024-03-01 12:00:00.000Z"
DUE = iso(NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("kind", "details", "shown"),
    [
        (T.PATHS_OPENED, {"kind": "race", "paths": ["came", "never"]}, "race, paths came, never"),
        (T.PATHS_OPENED, {"kind": "each", "count": 120, "limit": 5}, "each, 120 items, 5 at a time"),
        (T.PATH_COMPLETED, {"limits": {"e": 3, "p/f": None}}, "e now 3 at a time, p/f now all at a time"),
        (T.PATHS_JOINED, {"winner": "came"}, "winner came"),
        (T.PATH_STOPPED, {"reason": "lost"}, "reason lost"),
        (T.PATH_FAILED, {"error": ERROR}, "STEP_FAILED: ValueError: no"),
        (T.CHILD_STARTED, {"id": "m-1/payroll"}, "mission m-1/payroll"),
        (T.CHILD_STARTED, {"id": "m-1/payroll", "wait": False}, "mission m-1/payroll, not waited for"),
        (T.CHILD_STARTED, {"id": "m-1/payroll", "wait": True}, "mission m-1/payroll"),
        (T.CHILD_ENDED, {"id": "m-2", "status": "completed", "output": 42}, "mission m-2, completed, 42"),
        (
            T.CHILD_ENDED,
            {"id": "m-2", "status": "failed", "error": ERROR},
            "mission m-2, failed, STEP_FAILED: ValueError: no",
        ),
        (
            T.MISSION_UNDOING,
            {"error": ERROR, "steps": ["b", "a"], "children": ["m-1/c"]},
            "STEP_FAILED: ValueError: no, undoes b, a, after missions m-1/c",
        ),
        (T.MISSION_UNDOING, {"cancellation": "withdrawn", "steps": ["a"]}, "cancelled: withdrawn, undoes a"),
        (T.MISSION_UNDOING, {"cancellation": None, "steps": ["a"]}, "undoes a"),
        (T.MISSION_CREATED, {"parent": "m-0", "awaited": True, "input": 1, "definition": "f"}, "child of m-0, 1"),
        (T.STEP_STARTED, {"kind": "branch"}, "kind branch"),
        (T.STEP_STARTED, {"undo": True}, ""),
        (T.STEP_FAILED, {"error": ERROR, "undo": "failed"}, "STEP_FAILED: ValueError: no, undo failed"),
        (T.STEP_SUCCEEDED, {"output": 1, "next": "pay"}, "1, next pay"),
        (T.STEP_SUCCEEDED, {"output": 1, "next": "which", "kind": "branch"}, "1, next which (branch)"),
        (T.STEP_SUCCEEDED, {"output": 1, "remind_at": DUE}, f"1, reminds at {UNTIL}"),
        (T.WAITING_FOR_SIGNAL, {"timeout_at": DUE, "remind_at": DUE}, f"until {UNTIL}, reminds at {UNTIL}"),
    ],
)
def test_details_are_shown_for_people(kind: HistoryType, details: dict[str, Any], shown: str) -> None:
    """What was opened, who won, what became of a child, what is undone, and what comes when."""
    (_, line) = page((kind, "it", None, details))

    assert " ".join(line.split()) == f"2024-02-29 12:00:00.000Z {kind} it {shown}".rstrip()


def test_many_names_are_cut_as_payloads_are() -> None:
    """A thousand paths do not make a line of a thousand names."""
    names = [f"path-{index}" for index in range(1_000)]
    (_, line) = page((T.PATHS_OPENED, "all", None, {"kind": "parallel", "paths": names}))

    assert line.endswith("...")
    assert len(line) < 200


def test_header_lists_the_open_waits_of_all_lines() -> None:
    """Each with its whole instance name, which is what a signal is sent to, and until when it is waited for."""
    timer = TimerWait(event_name="nap", node_index=0, due_at=NOW)
    retry = RetryWait(event_name="all/c/pay", node_index=0, due_at=NOW, attempt_number=2)
    child = ChildWait(event_name="all/d/child", node_index=0, mission_id="m-1/all/d/child")

    assert header(
        waits("all/a/go"),
        waits("all/b/go", days=1),
        Position(path=None, cursor="nap", status="waiting", waiting=timer),
        Position(path="all/c", cursor="all/c/pay", status="waiting", waiting=retry, attempt_number=2),
        Position(path="all/d", cursor="all/d/child", status="waiting", waiting=child),
    ) == (
        f"m-1 (it): waiting for signal all/a/go, for signal all/b/go until {UNTIL}, "
        "on timer nap until 2024-02-29 12:00:00.000Z, to retry all/c/pay until 2024-02-29 12:00:00.000Z, "
        "for mission m-1/all/d/child"
    )


def test_header_says_what_runs_beside_the_waits() -> None:
    """A path that waits for a slot is named by its text."""
    assert header(
        runs("all/a/work", "all/a"), runs(None, "all/b"), waits("all/c/go"), status=MissionStatus.RUNNING
    ) == ("m-1 (it): running at all/a/work, all/b; waiting for signal all/c/go")


def test_header_counts_what_is_too_much_to_list() -> None:
    """Of many waits it says how many there are of which name, and which of them ends first by itself."""
    many = [waits(f"items[{index}]/go", days=index or None) for index in range(98)]
    running = [runs(f"others[{index}]/work", f"others[{index}]") for index in range(7)]

    assert header(*many, waits("ask/first/go"), waits("stop"), status=MissionStatus.WAITING) == (
        f"m-1 (it): waiting for signal go (99 times), for signal stop, the first until {UNTIL}"
    )
    assert header(*running, *many, status=MissionStatus.RUNNING) == (
        f"m-1 (it): running at 7 places; waiting for signal go (98 times), the first until {UNTIL}"
    )
    assert header(*map(waits, "aaabcdefgh")) == (
        "m-1 (it): waiting for signal a (3 times), for signal b, for signal c, for signal d, for signal e, and 3 others"
    )


def test_header_of_one_line_is_what_it_was() -> None:
    """A linear mission has one position, and its header says no more than it always did."""
    wait = waits("go").waiting

    assert header(waits("go"), waiting=wait) == header(waiting=wait) == "m-1 (it): waiting for signal go"
    running = MissionStatus.RUNNING
    assert header(runs("pay", ""), cursor="pay", status=running) == header(cursor="pay", status=running)
    assert header(cursor=None, status=MissionStatus.COMPLETED) == "m-1 (it): completed"


def test_header_of_a_mission_that_is_undone_says_why() -> None:
    """Also while an undo backs off; in the end it names the steps whose undo was given up."""
    error = MissionFailure(message="no", at=NOW, code="STEP_FAILED", type="ValueError")
    retry = RetryWait(event_name="undo:pay", node_index=0, due_at=NOW, attempt_number=2)

    assert header(waiting=retry, error=error) == (
        "m-1 (it): waiting to retry undo:pay until 2024-02-29 12:00:00.000Z: ValueError: no"
    )
    assert header(cursor="undo:pay", error=error, status=MissionStatus.RUNNING) == (
        "m-1 (it): running at undo:pay: ValueError: no"
    )
    given_up = attrs.evolve(error, undo_failed=("pay", "book"))
    assert header(cursor="pay", error=given_up, status=MissionStatus.FAILED) == (
        "m-1 (it): failed at pay: ValueError: no; undo failed: pay, book"
    )


def child(name: str, **details: Any) -> list[Happened]:
    return [(T.CHILD_STARTED, name, None, {"id": f"m-1/{name}", **details})]


def test_header_names_parent_and_children() -> None:
    """But for the child that it was just said to wait for; of many it says how many there are."""

    def told(*happened: Happened, **snapshot: Any) -> str:
        inspection = inspected(attrs.evolve(SNAPSHOT, waiting=wait, **snapshot), records(*happened))
        return str(inspection).splitlines()[0]

    wait = ChildWait(event_name="a", node_index=0, mission_id="m-1/a")
    ended: Happened = (T.CHILD_ENDED, "b", None, {"id": "m-1/b", "status": "completed"})

    assert told(*child("a"), *child("b"), ended, *child("c", wait=False), parent_id="m-0") == (
        "m-1 (it, child of m-0): waiting for mission m-1/a; children: m-1/b (completed), m-1/c (not waited for)"
    )
    assert told(*child("a")) == "m-1 (it): waiting for mission m-1/a"
    many = [record for name in "abcdefg" for record in child(name)]
    assert told(*many) == "m-1 (it): waiting for mission m-1/a; 6 children"


def test_page_of_paths_can_be_written_on_any_terminal() -> None:
    """What is not the mission's own text is ASCII."""
    inspection = MissionInspection(
        snapshot=attrs.evolve(SNAPSHOT, positions=(waits("all/a/go", 1), runs("all/b/work", "all/b"))),
        history=(HistoryRecord(seq=1, type=T.PATHS_OPENED, at=NOW, event_name="all", details={"kind": "each"}),),
        step_attempts=(),
        signals=(),
        timers=(),
    )

    assert str(inspection).isascii()
