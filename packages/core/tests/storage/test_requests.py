"""The JSON form of requests, which is read with suspicion."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.core.storage import UpdateRequest, read_request, request_form

UPDATE: dict[str, Any] = request_form(UpdateRequest(mission_id="x", name="n", input=1))


def test_form_is_read_back() -> None:
    """What was asked comes out as it went in."""
    assert read_request(UPDATE) == UpdateRequest(mission_id="x", name="n", input=1)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ([], "expected an object"),
        ({**UPDATE, "kind": "no"}, "kind: expected one of"),
        ({"kind": "update"}, "expected the fields"),
        ({**UPDATE, "name": 5}, "name: expected a text"),
        ({**UPDATE, "timeout": "soon"}, "timeout: expected a number"),
    ],
)
def test_what_is_no_request_is_refused(form: object, problem: str) -> None:
    """The error says what was expected."""
    with pytest.raises(ValueError, match=problem):
        read_request(form)
