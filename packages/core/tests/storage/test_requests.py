"""The JSON form of requests, which is read with suspicion."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.core.storage import (
    Request,
    ScheduleRequest,
    StartRequest,
    UpdateRequest,
    read_request,
    request_form,
)

UPDATE: dict[str, Any] = request_form(UpdateRequest(mission_id="x", name="n", input=1))


START: dict[str, Any] = request_form(StartRequest(mission_id="x", mission_name="n", input=1, labels={"a": "b"}))

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BACKFILL: dict[str, Any] = request_form(
    ScheduleRequest(name="n", action="backfill", since=NOON, until=NOON + timedelta(microseconds=1))
)


@pytest.mark.parametrize(
    "request_",
    [
        UpdateRequest(mission_id="x", name="n", input=1),
        StartRequest(mission_id="x", mission_name="n", input=1),
        StartRequest(mission_id="x", mission_name="n", input=1, labels={"a": "b", "é": "c"}),
        ScheduleRequest(name="n", action="pause", by="ops"),
        ScheduleRequest(name="n", action="resume"),
        ScheduleRequest(name="n", action="trigger", since=NOON + timedelta(microseconds=1)),
        ScheduleRequest(name="n", action="backfill", since=NOON, until=NOON + timedelta(days=1)),
    ],
)
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
    ],
)
def test_what_is_no_request_is_refused(form: object, problem: str) -> None:
    """The error says what was expected."""
    with pytest.raises(ValueError, match=problem):
        read_request(form)
