"""The form of a payload with a list, as it grows."""

from __future__ import annotations

from typing import Any

from mission_control.console.forms import fields_of
from mission_control.console.page.entry import Entry, entered
from mission_control.console.page.guards import Form

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        }
    },
    "required": ["lines"],
}
(LINES,) = fields_of(SCHEMA).children


def test_a_list_that_is_needed_has_a_blank_item() -> None:
    """One to begin with, and none where it may be left out."""
    assert len(Entry.empty(SCHEMA).items(LINES)) == 1
    (optional,) = fields_of({**SCHEMA, "required": []}).children
    assert Entry.empty(SCHEMA).items(optional) == []


def test_a_list_has_what_was_entered_and_one_more() -> None:
    """Where its button was pressed; the numbers of the items are without gaps."""
    form = Form((("v:lines[0].n", "1"), ("v:lines[7].n", "2"), ("more", "lines")))
    value, entry = entered(SCHEMA, form)

    assert value == {"lines": [{"n": 1}, {"n": 2}]}
    assert [field.name for field in entry.items(LINES)] == ["lines[0]", "lines[1]", "lines[2]"]
    assert entry.texts["lines[1].n"] == "2"


def test_issues_are_at_their_fields() -> None:
    """Those of a place that has no field are told above the form, with where they are."""
    _, entry = entered(SCHEMA, Form((("v:lines[0].n", "many"),)))
    (field,) = entry.items(LINES)[0].children

    assert entry.issues_at(field)
    assert entry.is_first_wrong(field)
    assert entry.other_issues == []
    assert entry.with_issues(entry.issues).other_issues == []


def test_what_is_not_of_the_payload_is_left_alone() -> None:
    """Fields of the page itself are none of the form's."""
    value, entry = entered({"type": "string"}, Form((("since", "x"), ("v:$", "said"), ("form_token", "y"))))

    assert (value, dict(entry.texts)) == ("said", {"$": "said"})
