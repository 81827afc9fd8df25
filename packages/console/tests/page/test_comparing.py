"""What differs between two definitions, node by node."""

from __future__ import annotations

from mission_control.console.page.comparing import compare

START = {"kind": "start", "name": "start"}
END = {"kind": "end", "name": "end"}


def test_each_node_is_the_same_added_removed_or_changed() -> None:
    """Also those in paths; a construct is not changed by what is in it."""
    one = {
        "nodes": [
            START,
            {"kind": "step", "name": "a", "timeout": 1},
            {"kind": "parallel", "name": "both", "paths": {"left": [{"kind": "step", "name": "b"}]}},
            END,
        ]
    }
    other = {
        "nodes": [
            START,
            {"kind": "step", "name": "a", "timeout": 2},
            {"kind": "parallel", "name": "both", "paths": {"left": [{"kind": "step", "name": "c"}]}},
            END,
        ]
    }

    assert [(one.place, one.state) for one in compare(one, other)] == [
        ("both/left/b", "removed"),
        ("start", "same"),
        ("a", "changed"),
        ("both", "same"),
        ("both/left/c", "added"),
    ]
    assert compare(one, other)[2].parts == (("timeout", "1", "2"),)
