"""The JSON form of requests, which is read with suspicion."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.core import MissionStatus
from mission_control.core.storage import (
    CancelRequest,
    EndRequest,
    ImportRequest,
    PauseRequest,
    PurgeRequest,
    ReopenRequest,
    RepairRequest,
    Request,
    RequestKind,
    ResumeRequest,
    ScheduleRequest,
    SignalRequest,
    SkipRequest,
    StartRequest,
    UpdateRequest,
    WakeRequest,
    read_request,
    request_form,
)

UPDATE: dict[str, Any] = request_form(UpdateRequest(mission_id="x", name="n", input=1))


START: dict[str, Any] = request_form(StartRequest(mission_id="x", mission_name="n", input=1, labels={"a": "b"}))

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BACKFILL: dict[str, Any] = request_form(
    ScheduleRequest(name="n", action="backfill", since=NOON, until=NOON + timedelta(microseconds=1))
)


PURGE: dict[str, Any] = request_form(PurgeRequest(ended_before=NOON, statuses=(MissionStatus.FAILED,)))
SKIP: dict[str, Any] = request_form(SkipRequest(mission_id="x", output=1))

REQUESTS: list[Request] = [
    UpdateRequest(mission_id="x", name="n", input=1),
    StartRequest(mission_id="x", mission_name="n", input=1),
    StartRequest(mission_id="x", mission_name="n", input=1, labels={"a": "b", "é": "c"}),
    SignalRequest(mission_id="x", name="n", payload={"a": [None]}, at="devices[3]", key="k", by="ops"),
    CancelRequest(mission_id="x", reason="enough"),
    EndRequest(mission_id="x"),
    ScheduleRequest(name="n", action="pause", by="ops"),
    ScheduleRequest(name="n", action="resume"),
    ScheduleRequest(name="n", action="trigger", since=NOON + timedelta(microseconds=1)),
    ScheduleRequest(name="n", action="backfill", since=NOON, until=NOON + timedelta(days=1)),
    ReopenRequest(mission_id="x", by="ops"),
    ReopenRequest(mission_id="x", step="pack"),
    PauseRequest(mission_id="x", by="ops"),
    ResumeRequest(mission_id="x", by="ops"),
    WakeRequest(mission_id="x", path="devices[3]", by="ops"),
    WakeRequest(mission_id="x"),
    SkipRequest(mission_id="x", output={"a": [1.5, None, "\ud800"]}, step="devices[3]/configure", by="ops"),
    SkipRequest(mission_id="x", output=None),
    ImportRequest(mission_id="x", form={"format": 1, "history": []}, by="ops"),
    PurgeRequest(
        ended_before=NOON + timedelta(microseconds=1),
        statuses=(MissionStatus.FAILED, MissionStatus.COMPLETED),
        mission_name="order",
        limit=7,
        by="ops",
    ),
    PurgeRequest(ended_before=NOON, statuses=(MissionStatus.CANCELLED,)),
    RepairRequest(mission_id="x", by="ops"),
]


def test_each_kind_is_here() -> None:
    """So that no kind is left out of what follows."""
    assert {request.kind for request in REQUESTS} == set(get_args(RequestKind))


@pytest.mark.parametrize("request_", REQUESTS)
def test_form_is_read_back(request_: Request) -> None:
    """What was asked comes out as it went in."""
    assert read_request(json.loads(json.dumps(request_form(request_)))) == request_


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ([], "expected an object"),
        ({**UPDATE, "kind": "no"}, "kind: expected one of"),
        ({"kind": "update"}, "expected the fields"),
        ({**UPDATE, "name": 5}, "name: expected a text"),
        ({**UPDATE, "timeout": "soon"}, "timeout: expected a number"),
        ({**START, "labels": None}, "labels: expected an object, found None"),
        ({**START, "labels": ["a"]}, "labels: expected an object, found list"),
        ({**START, "labels": {"a": 5}}, "labels, 'a': expected a text, found int 5"),
        ({**BACKFILL, "action": "delete"}, "action: expected one of pause, resume, trigger, backfill, found 'delete'"),
        ({**BACKFILL, "action": None}, "action: expected a text"),
        ({**BACKFILL, "name": ["n"]}, "name: expected a text"),
        ({**BACKFILL, "since": 0}, "since: expected a text"),
        ({**BACKFILL, "since": "yesterday"}, "yesterday"),
        ({**BACKFILL, "until": "2026-11-22T12:00:00"}, "expected an instant with its offset"),
        ({**BACKFILL, "by": 5}, "by: expected a text"),
        ({**BACKFILL, "mission_id": "n@1"}, "expected the fields name, action, since, until, by"),
        ({**SKIP, "step": 5}, "step: expected a text, found int 5"),
        ({**SKIP, "mission_id": None}, "mission_id: expected a text"),
        ({"kind": "skip", "mission_id": "x"}, "expected the fields mission_id, output, step, by, found 'mission_id'"),
        ({**PURGE, "mission_id": "x"}, "expected the fields ended_before, statuses, mission_name, limit, by"),
        ({**PURGE, "ended_before": None}, "ended_before: expected a text"),
        ({**PURGE, "ended_before": "2026-11-22T12:00:00"}, "expected an instant with its offset"),
        ({**PURGE, "ended_before": "0001-01-01T00:00:00+14:00"}, "beyond what a datetime in UTC holds"),
        ({**PURGE, "statuses": []}, "statuses: expected a list of statuses"),
        ({**PURGE, "statuses": "failed"}, "statuses: expected a list of statuses, found str 'failed'"),
        ({**PURGE, "statuses": {"failed": 1}}, "statuses: expected a list of statuses, found dict"),
        ({**PURGE, "statuses": [5]}, "statuses: expected a text, found int 5"),
        ({**PURGE, "statuses": ["over"]}, "'over' is not a valid MissionStatus"),
        (
            {**PURGE, "statuses": ["failed", "waiting"]},
            "expected completed, failed or cancelled, found failed, waiting",
        ),
        ({**PURGE, "limit": 0}, "limit: expected an int from 1 to 1,000, found int 0"),
        ({**PURGE, "limit": 1_001}, "limit: expected an int from 1 to 1,000, found int 1001"),
        ({**PURGE, "limit": 10**400}, "limit: expected an int from 1 to 1,000, found int"),
        ({**PURGE, "limit": True}, "limit: expected an int from 1 to 1,000, found bool True"),
        ({**PURGE, "limit": 1.0}, "limit: expected an int from 1 to 1,000, found float"),
        ({**PURGE, "mission_name": ["order"]}, "mission_name: expected a text"),
        ({"kind": "reopen", "mission_id": "x", "step": [], "by": None}, "step: expected a text"),
        ({"kind": "pause", "mission_id": "x", "by": 5}, "by: expected a text"),
        ({"kind": "resume", "mission_id": 5, "by": None}, "mission_id: expected a text"),
        ({"kind": "wake", "mission_id": "x", "path": 5, "by": None}, "path: expected a text"),
        ({"kind": "import", "mission_id": ["x"], "form": {}, "by": None}, "mission_id: expected a text"),
        ({"kind": "repair", "mission_id": "x", "by": None, "rows": {}}, "expected the fields mission_id, by"),
    ],
)
def test_what_is_no_request_is_refused(form: object, problem: str) -> None:
    """The error says what was expected."""
    with pytest.raises(ValueError, match=problem):
        read_request(form)


def test_a_status_that_is_named_twice_is_asked_for_once() -> None:
    """However often it stands there."""
    request = read_request({**PURGE, "statuses": ["failed"] * 1_000 + ["completed"]})
    assert isinstance(request, PurgeRequest)
    assert request.statuses == (MissionStatus.FAILED, MissionStatus.COMPLETED)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(("failed", "2026-11-22")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """Forms of requests of which some fields are something else, or are missing."""
    form = request_form(draw(st.sampled_from(REQUESTS)))
    for name in draw(st.lists(st.sampled_from(sorted(form)), max_size=3)):
        form[name] = draw(JSON)
    if draw(st.booleans()):
        form.pop(draw(st.sampled_from(sorted(form))))
    return form


@given(st.one_of(damaged(), JSON))
def test_whatever_comes_is_read_or_refused(form: Any) -> None:
    """What is read is as it was sent, each field as its request says that it is; there is no other way out."""
    try:
        request = read_request(form)
    except ValueError:
        return
    again = read_request(json.loads(json.dumps(request_form(request))))
    assert repr(again) == repr(request)  # NaN is like no other
    if isinstance(request, PurgeRequest):
        assert request.statuses
        assert all(status.is_terminal for status in request.statuses)
        assert request.ended_before.tzinfo is UTC
        assert 1 <= request.limit <= 1_000
