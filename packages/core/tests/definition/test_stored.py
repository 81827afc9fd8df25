"""What the static form of a definition says of its signals is what the definition itself does."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.core import MissionContext, m
from mission_control.core.definition import SignalNode, signal_json_schema


def run(ctx: MissionContext[Any]) -> Any:
    return None


class Parsed:
    def parse(self, value: Any, /) -> str:
        return str(value)


def wait(schema: Any) -> Any:
    return m.path().need_to("go", schema)


DEFINITION = (
    m.define("d")
    .start(input=int, run=run)
    .need_to("go", int, timeout=9, on_timeout=wait(bytes))
    .parallel("both", {"a": wait(str), "b": wait(float)})
    .race("first", {"a": wait(bool), "z": m.path().sleep("nap", 9)})
    .branch("way", run, {"w": wait(list[int]), "x": m.path().each("all", run, wait(list[str]))}, otherwise=wait(None))
    .repeat("again", wait(dict[str, int]), until=run, max_rounds=2, on_exhausted=wait(dict[str, str]))
    .need_to("parsed", Parsed())
    .end()
)


def test_each_signal_is_found_where_it_is() -> None:
    """In each path of each construct, items and rounds by any number, the schema is that of the node."""
    found: dict[str, Any] = {}
    for template, site in DEFINITION.sites.items():
        if isinstance(site.node, SignalNode):
            instance = template.replace("[]", "[17]")
            found[instance] = signal_json_schema(DEFINITION.stored.static, instance)
            assert found[instance] == site.node.schema.json_schema
    assert len(found) == 11
    assert [name for name, schema in found.items() if schema is None] == ["parsed"]


@pytest.mark.parametrize(
    "instance", ["", "go/go", "both", "both/go", "both/c/go", "start", "way/all[0]/go", "again/go"]
)
def test_there_is_none_where_no_signal_is(instance: str) -> None:
    """Other nodes, and what the definition does not have, have no schema of a signal."""
    assert signal_json_schema(DEFINITION.stored.static, instance) is None
