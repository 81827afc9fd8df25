"""What an owner finds wrong is told at the field that it is about."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, make_class
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.console.forms import Issue, fields_of, issues_of
from mission_control.core import MissionValidationError
from mission_control.core.payloads import PayloadType, payload_type

from . import shapes


def refused(declared: Any, value: object) -> list[Issue]:
    payload: PayloadType = payload_type(declared, subject="it")
    with pytest.raises(MissionValidationError) as caught:
        payload.validate(value, event_name="it", subject="it")
    return issues_of(caught.value)


def error(*issues: str) -> MissionValidationError:
    return MissionValidationError("no", event_name="it", issues=issues)


def test_each_line_of_an_error_is_an_issue_at_its_field() -> None:
    """Its path is the field's own."""
    value: dict[str, Any] = {
        "customer": {"email": 5},
        "lines": [{"sku": "a"}, {"count": "x"}],
        "pair": [1, "a"],
        "grid": [[]],
    }

    issues = refused(shapes.Order, value)

    assert {issue.path for issue in issues} == {"$.customer.email", "$.lines[1].sku", "$.lines[1].count"}
    assert Issue("$.lines[1].sku", "required field missing") in issues


@pytest.mark.parametrize(
    "name",
    ["odd name", "a: b", "it's", 'say "x"', "]", "['x']", "a]: b", "back\\slash", "\\']: x", "5", "", "\udce9", "…"],
)
def test_odd_names_are_read_as_they_are_written(name: str) -> None:
    """Quotes, brackets and colons in a name are not what ends a path."""
    (issue,) = refused(dict[str, int], {name: "x"})

    form = fields_of({"type": "object", "properties": {name: {"type": "integer"}}})
    assert issue == Issue(form.children[0].path, "expected int, got str 'x'")


@settings(max_examples=100, deadline=None, database=None)
@given(st.text(max_size=100), st.integers(0, 5))
def test_any_name_is_found_again(name: str, places: int) -> None:
    """Also a name that was cut, and what is below it."""
    value: dict[str, list[Any]] = {name: [*([0] * places), "x"]}
    schema = {"type": "object", "properties": {name: {"type": "array", "items": {"type": "integer"}}}}

    (issue,) = refused(dict[str, list[int]], value)

    assert issue.path == fields_of(schema).children[0].item(places).path
    assert issue.message == "expected int, got str 'x'"


def test_what_is_about_the_whole_is_at_the_whole() -> None:
    """So is what bears no path."""
    assert issues_of(error("$: expected int, got str 'x'", "no path at all", "$ here: neither")) == [
        Issue("$", "expected int, got str 'x'"),
        Issue("$", "no path at all"),
        Issue("$", "$ here: neither"),
    ]


def test_what_a_class_says_itself_is_at_its_field() -> None:
    """A validator's message may be anything."""

    def check(*_: object) -> None:
        raise ValueError("it: [odd] 'too'")

    @define
    class Checked:
        inner: Any

        def __attrs_post_init__(self) -> None:
            check()

    holder = make_class("Holder", {"checked": __import__("attrs").field(type=Checked)})
    assert refused(holder, {"checked": {"inner": 1}}) == [Issue("$.checked", "it: [odd] 'too'")]
