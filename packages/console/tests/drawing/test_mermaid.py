"""Definitions are drawn as Mermaid flowcharts."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings

from mission_control.console.drawing import END, Mark, PlaceState, mermaid
from mission_control.core import MissionDefinition
from mission_control.core.definition import static_sites
from random_flows import World, missions

from . import missions as flows

STATIC = flows.everything().to_static()
NODE = re.compile(r'^  (n\d+)\W+"(.*)"\W+(:::\w+)?$')
ARROW = re.compile(r'^  (n\d+) (-->|-->\|".*"\||-\. "?.*"? \.->) (n\d+)$')


def test_a_line_of_nodes_is_a_line_of_arrows() -> None:
    """From each to the next."""
    static = {"name": "x", "nodes": [{"kind": "start", "name": "start"}, {"kind": "step", "name": "a b"}]}

    assert mermaid(static) == 'flowchart TD\n  n0(["start"])\n  n1["a b"]\n  n0 --> n1\n'


def test_paths_part_and_join() -> None:
    """Their arrows bear their names; one that is empty leads past."""
    step = {"kind": "step", "name": "s"}
    paths = {"a": [step], "b": []}
    branch = {"kind": "branch", "name": "way", "paths": paths}

    assert mermaid({"name": "x", "nodes": [branch, {"kind": "end", "name": "end"}]}).splitlines()[1:] == [
        '  n0{"way<br>branch"}',
        '  n1["s"]',
        '  n0 -->|"a"| n1',
        '  n2(("end"))',
        "  n1 --> n2",
        '  n0 -->|"b"| n2',
    ]


def test_rounds_come_back_and_side_paths_are_dotted() -> None:
    """So a reader sees what is taken now and then."""
    chart = mermaid(STATIC)

    assert chart.count("-. again .->") == 2
    assert chart.count('-. "timeout" .->') == 1
    assert chart.count('-. "exhausted" .->') == 1


def test_states_are_classes() -> None:
    """Those that there are; counts are words."""
    chart = mermaid(STATIC, {"start": Mark(state=PlaceState.DONE), "approve": Mark(count=3), END: Mark()})

    assert '(["start<br>list#91;str#93;"]):::done' in chart
    assert "<br>3 here" in chart
    assert [line.split()[1] for line in chart.splitlines() if line.startswith("  classDef")] == ["done"]


def test_names_cannot_break_out() -> None:
    """Each sign that means something to Mermaid, Markdown or HTML is a code."""
    name = 'a"]; click n0 "x" <b>`#quot;`\n--> end %% {c}'
    chart = mermaid({"name": name, "nodes": [{"kind": name, "name": name, "paths": {name: []}}]})

    (line,) = chart.splitlines()[1:]
    assert NODE.match(line)
    assert not re.search(r'["<>`;#\]{}%]', re.sub(r"#\d+;|<br>", "", NODE.match(line)[2]))  # type: ignore[index] # it matches


@settings(max_examples=50, deadline=None, database=None)
@given(missions(is_apart=False))
def test_any_definition_is_nodes_and_arrows_between_them(drawn: tuple[World, MissionDefinition[Any]]) -> None:
    """Every node once, every arrow between two of them, and all are reached."""
    static = drawn[1].to_static()
    lines = mermaid(static).splitlines()[1:]

    names = [found[1] for line in lines if (found := NODE.match(line))]
    arrows = [(found[1], found[3]) for line in lines if (found := ARROW.match(line))]
    assert len(names) + len(arrows) == len(lines)
    assert len(names) == len([name for name in static_sites(static) if not name.endswith("]")]) + 1
    reached = {"n0"} | {end for _, end in arrows}
    assert reached == set(names)
