"""Records: reading them back, and what is told from a summary."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import attrs
import pytest

from mission_control.core import (
    ChildRecord,
    ChildWait,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionInspection,
    MissionStatus,
    MissionSummary,
    PathResult,
    Position,
    RetryWait,
    SignalWait,
    TimerWait,
    Wait,
    is_recoverable,
    is_scheduled,
    is_waiting,
)
from mission_control.core.history import due_at, failure_of
from mission_control.core.history.records import Record, iso, parse_iso
from mission_control.core.machine import inspect_history

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
RECORD = HistoryRecord(seq=1, type=HistoryType.MISSION_CREATED, at=NOW, details={"name": "it"})


def test_record_is_read_back_from_its_form() -> None:
    """What `to_dict(exact=True)` writes, `from_dict` reads."""
    assert HistoryRecord.from_dict(RECORD.to_dict(exact=True)) == RECORD


@pytest.mark.parametrize("details", [None, ["name"], "name"])
def test_record_whose_details_are_no_object_is_refused(details: Any) -> None:
    """Another program's row says what is wrong with it."""
    with pytest.raises(TypeError, match="details must be an object"):
        HistoryRecord.from_dict({**RECORD.to_dict(), "details": details})


def test_instant_with_another_offset_is_read_in_utc() -> None:
    """The same instant is the same record, wherever it was written."""
    elsewhere = NOW.astimezone(timezone(timedelta(hours=2)))

    assert parse_iso(iso(elsewhere)) == NOW
    assert parse_iso(iso(elsewhere)).tzinfo is UTC


def test_instant_without_an_offset_is_refused() -> None:
    """Nobody could know when that was."""
    with pytest.raises(ValueError, match="with its offset"):
        parse_iso("2024-02-29T12:00:00")


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("mission-created", None, None),
        ("step-started", "pay", None),
        ("step-started", "prepare/it/create-account", "prepare/it"),
        ("step-started", "survey[0]", None),
        ("step-started", "devices[3]/survey[0]", "devices[3]"),
        ("step-started", "signed/reminder[2]", "signed"),
        ("step-started", "undo:pay", None),
        ("step-started", "undo:devices[3]/configure", "devices[3]"),
        ("paths-opened", "devices[3]/both", "devices[3]"),
        ("paths-joined", "both", None),
        ("path-completed", "both/left", "both/left"),
        ("path-failed", "devices[3]", "devices[3]"),
        ("path-stopped", "devices[3]/both/left", "devices[3]/both/left"),
    ],
)
def test_record_tells_the_path_that_it_is_of(kind: str, name: str | None, path: str | None) -> None:
    """It is the place in the instance name, and of a path's own records the path itself."""
    record = HistoryRecord(seq=1, type=HistoryType(kind), at=NOW, event_name=name)

    assert record.path == path
    assert set(record.to_dict()) == {"seq", "type", "at", "event_name", "attempt_number", "details"}


@pytest.mark.parametrize("kind", HistoryType)
def test_record_of_every_type_is_read_back(kind: HistoryType) -> None:
    """Also those that only missions with paths have."""
    record = HistoryRecord(seq=1, type=kind, at=NOW, event_name="both/left", details={"steps": ["a"], "winner": None})

    assert HistoryRecord.from_dict(json.loads(json.dumps(record.to_dict(exact=True)))) == record


def test_failure_tells_which_undos_were_given_up() -> None:
    """The names are those of the steps; of a record that has none it is empty."""
    error = {"message": "no", "code": "STEP_FAILED"}
    record = HistoryRecord(seq=1, type=HistoryType.MISSION_FAILED, at=NOW, details={"error": error})
    given_up = attrs.evolve(record, details={"error": {**error, "undo_failed": ["pay", "book"]}})

    assert failure_of(record).undo_failed == ()
    assert failure_of(given_up).undo_failed == ("pay", "book")
    assert failure_of(given_up).to_dict()["undo_failed"] == ["pay", "book"]


WAITS: list[tuple[Wait, datetime | None, bool]] = [
    (SignalWait(event_name="go", node_index=1), None, False),
    (SignalWait(event_name="go", node_index=1, timeout_at=NOW), NOW, False),
    (TimerWait(event_name="nap", node_index=1, due_at=NOW), NOW, True),
    (RetryWait(event_name="pay", node_index=1, due_at=NOW, attempt_number=2), NOW, True),
    (ChildWait(event_name="payroll", node_index=1, mission_id="m-1/payroll"), None, False),
]


@pytest.mark.parametrize(("wait", "due", "scheduled"), WAITS)
def test_wait_tells_whether_it_ends_by_itself(wait: Wait, due: datetime | None, scheduled: bool) -> None:
    """A timer and a retry do, a signal may have a deadline, and a child takes as long as it takes."""
    assert due_at(wait) == due
    assert is_scheduled(summary(MissionStatus.WAITING, wait)) == scheduled
    assert due_at(None) is None


def test_forms_of_positions_results_and_children_are_plain() -> None:
    """They turn into JSON as every record does, waits and errors included."""
    wait = ChildWait(event_name="payroll", node_index=1, mission_id="m-1/payroll")
    position = Position(path="both/left", cursor="both/left/payroll", status="waiting", waiting=wait)
    result = PathResult(path="devices[3]", index=3, status="failed", error=failure("no"))
    child = ChildRecord(event_name="payroll", mission_id="m-1/payroll", started_at=NOW)

    for part in (position, result, child):
        assert json.loads(json.dumps(part.to_dict())) == part.to_dict()
    assert position.to_dict()["waiting"]["kind"] == "child"
    assert result.to_dict()["error"]["message"] == "no"
    assert child.to_dict()["status"] == "running"


def summary(status: MissionStatus, wait: Wait | None = None) -> MissionSummary:
    return MissionSummary(
        mission_id="x",
        mission_name="it",
        status=status,
        cursor=None,
        waiting=wait,
        error=None,
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize("status", MissionStatus)
def test_status_tells_what_is_left_to_do(status: MissionStatus) -> None:
    """A running or waiting mission has something left; of these only a waiting one waits."""
    assert is_waiting(summary(status)) == (status == "waiting")
    assert is_recoverable(summary(status)) == (status in ("running", "waiting"))


def failure(message: str, kind: str | None = None) -> MissionFailure:
    return MissionFailure(message=message, at=NOW, code="STEP_FAILED", type=kind)


@pytest.mark.parametrize(
    ("message", "kind", "shown"),
    [
        ("'iban'", "KeyError", "KeyError: 'iban'"),
        ("no", "shop.payments.DeclinedError", "DeclinedError: no"),
        ("no", "test.<locals>.DeclinedError", "DeclinedError: no"),
        ("KeyError", "KeyError", "KeyError"),
        ("the mission was cancelled", None, "the mission was cancelled"),
        ("cannot read caf\udce9.txt", "ValueError", r"ValueError: cannot read caf\udce9.txt"),
    ],
)
def test_failure_is_shown_with_its_class(message: str, kind: str | None, shown: str) -> None:
    """A message alone may say nothing; the module of the class is not for people, and nothing is said twice."""
    assert str(failure(message, kind)) == shown


ODD = "caf\udce9 \u00e9"


def odd_inspection() -> MissionInspection:
    """Return an inspection that has a lone surrogate wherever a user's text can be."""
    error = {"message": ODD, "code": "STEP_FAILED", "type": "ValueError", "traceback": ODD}
    details: list[tuple[HistoryType, str | None, int | None, dict[str, Any]]] = [
        (HistoryType.MISSION_CREATED, None, None, {"mission_name": "it", "input": {ODD: [ODD]}, "definition": "f"}),
        (HistoryType.MISSION_STARTED, None, None, {}),
        (HistoryType.STEP_STARTED, "start", 1, {}),
        (HistoryType.STEP_SUCCEEDED, "start", 1, {"output": ODD}),
        (HistoryType.WAITING_FOR_SIGNAL, "go", None, {"node_index": 1, "timeout_at": None}),
        (HistoryType.SIGNAL_RECEIVED, "go", None, {"payload": ODD, "next": "pay"}),
        (HistoryType.STEP_STARTED, "pay", 1, {}),
        (HistoryType.STEP_FAILED, "pay", 1, {"error": error}),
        (HistoryType.MISSION_FAILED, "pay", None, {"error": error}),
    ]
    return inspect_history(
        "m-1",
        (
            HistoryRecord(seq=place, type=kind, at=NOW, event_name=name, attempt_number=attempt, details=more)
            for place, (kind, name, attempt, more) in enumerate(details, 1)
        ),
    )


def parts(value: object) -> Iterator[Record]:
    """Yield a record and all records in it."""
    if isinstance(value, Record):
        yield value
        for name in attrs.fields_dict(type(value)):
            yield from parts(getattr(value, name))
    elif isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from parts(item)


def test_form_can_be_sent_whatever_is_in_it() -> None:
    """A web framework that writes UTF-8 itself takes every part; a lone surrogate arrives as its escape."""
    for part in parts(odd_inspection()):
        json.dumps(part.to_dict(), ensure_ascii=False, allow_nan=False).encode()
    form = odd_inspection().to_dict()

    assert form["history"][0]["details"]["input"] == {"caf\\udce9 \u00e9": ["caf\\udce9 \u00e9"]}
    assert form["snapshot"]["error"]["message"] == "caf\\udce9 \u00e9"


def test_records_and_their_exact_form_keep_every_character() -> None:
    """What storage is to keep, and what code is given, is what was handed in."""
    inspection = odd_inspection()
    stored = json.loads(json.dumps([one.to_dict(exact=True) for one in inspection.history]))

    assert inspection.history[0].details["input"] == {ODD: [ODD]}
    assert inspection.signals[0].payload == ODD
    assert tuple(map(HistoryRecord.from_dict, stored)) == inspection.history


def test_timeline_can_be_written_whatever_is_in_it() -> None:
    """Surrogates are shown as escapes, and the user's own letters as they are."""
    text = str(odd_inspection())

    assert text.splitlines()[0] == r"m-1 (it): failed at pay: ValueError: caf\udce9 \u00e9".replace(r"\u00e9", "\u00e9")
    assert "\u00e9" in text.encode().decode()
    assert text.replace("\u00e9", "").isascii()


def long_inspection() -> MissionInspection:
    text = " ".join(["word"] * 100)
    details = {"mission_name": "it", "input": text, "definition": "f"}
    return inspect_history("m-1", [HistoryRecord(seq=1, type=HistoryType.MISSION_CREATED, at=NOW, details=details)])


@pytest.mark.parametrize(("width", "shown"), [(None, 501), (1_000, 501), (501, 501), (100, 100), (7, 7), (1, 1)])
def test_timeline_is_as_wide_as_asked(width: int | None, shown: int) -> None:
    """A payload takes at most so many characters, and all that it needs for None; the default is 100."""
    (_, line) = long_inspection().timeline(width=width).splitlines()

    payload = line.rpartition("mission-created")[2].strip()
    assert len(payload) == shown
    assert payload.endswith("..."[:shown] if shown < 501 else 'word"')
    assert long_inspection().timeline() == str(long_inspection()) == long_inspection().timeline(width=100)


@pytest.mark.parametrize("width", [0, -1, True, 2.5, "wide"])
def test_width_that_is_none_is_refused(width: Any) -> None:
    """A width is a number of characters, or None."""
    with pytest.raises(ValueError, match="width: expected a number of characters from 1 up, or None, found"):
        long_inspection().timeline(width=width)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_records_can_be_pickled_and_copied(protocol: int) -> None:
    """What a process pool or a cache is given comes back equal."""
    for part in parts(odd_inspection()):
        assert pickle.loads(pickle.dumps(part, protocol)) == copy.copy(part) == copy.deepcopy(part) == part
