"""Definitions are drawn as SVG that is well-formed, escaped, told apart without colours, and the same every time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.console.drawing import (
    END,
    Mark,
    Marks,
    PlaceState,
    mermaid,
    node_id,
    places,
    stylesheet,
    svg,
    text,
)
from mission_control.core import MissionDefinition
from mission_control.core.definition import static_sites
from random_flows import World, missions

from . import missions as flows

Link = Callable[[str], str | None] | None
NAMESPACE = "{http://www.w3.org/2000/svg}"
STATIC = flows.everything().to_static()


def drawn(static: Any, marks: Marks | None = None, *, link: Link = None, standalone: bool = False) -> ET.Element:
    return ET.fromstring(svg(static, marks, link=link, standalone=standalone))


def nodes(picture: ET.Element) -> dict[str, ET.Element]:
    return {node.attrib["data-node"]: node for node in picture.iter(f"{NAMESPACE}g") if "data-node" in node.attrib}


def texts(element: ET.Element) -> list[str]:
    return [one.text or "" for one in element.iter(f"{NAMESPACE}text")]


def line_of(*named: dict[str, Any]) -> dict[str, Any]:
    return {"name": "flow", "nodes": list(named), "queries": [], "updates": []}


def test_each_node_is_one_group_that_can_be_linked_to() -> None:
    """By its template, and by an id that can stand in an address."""
    found = nodes(drawn(STATIC))

    assert set(found) == {name for name in static_sites(STATIC) if not name.endswith("]")} | {END}
    assert {node.attrib["id"] for node in found.values()} == {node_id(place) for place in found}
    assert node_id("a/b[]/c d_é") == "node-a_2f_b_5b__5d__2f_c_20_d_5f__e9_"


@given(st.lists(st.text(), unique=True))
def test_no_two_places_have_one_id(places_: list[str]) -> None:
    """Whatever their names are."""
    assert len(set(map(node_id, places_))) == len(places_)


def test_what_is_said_of_nodes_is_drawn() -> None:
    """Their kinds, times and limits; the names of their paths."""
    found = texts(drawn(STATIC))

    for said in ("within 7 d", "sleep 1 d", "the first wins", "2 at a time", "any may fail", "5 rounds at most"):
        assert any(said in one for one in found), said
    assert {"a", "b", "quick", "left", "otherwise", "timeout", "exhausted"} <= set(found)
    assert "mission child" in found


def test_it_is_told_where_a_mission_stands() -> None:
    """In one sentence, to who cannot see it, and at each node."""
    marks = {
        "start": Mark(state=PlaceState.DONE),
        "approve": Mark(state=PlaceState.WAITING, note="reminded once"),
        "both": Mark(state=PlaceState.RUNNING),
        "both/a/one": Mark(state=PlaceState.FAILED, note="attempt 3"),
        "prepare": Mark(state=PlaceState.DONE, undo=PlaceState.DONE),
    }
    picture = drawn(STATIC, marks)

    assert picture.findtext(f"{NAMESPACE}title") == "everything"
    assert picture.findtext(f"{NAMESPACE}desc") == (
        "everything: failed at one, waiting at approve, 2 of 21 nodes done."
    )
    assert nodes(picture)["approve"].findtext(f"{NAMESPACE}title") == (
        "approve (need to), signal · bool · within 7 d, waiting, reminded once"
    )
    assert nodes(picture)["prepare"].findtext(f"{NAMESPACE}title") == "prepare (step), done, undo done"


def test_states_are_told_apart_by_shape() -> None:
    """Each has an icon of its own, beside its class."""
    icons: set[str] = set()
    for state in PlaceState:
        picture = drawn(line_of({"kind": "step", "name": "a"}), {"a": Mark(state=state)})
        node = nodes(picture)["a"]
        assert state in node.attrib["class"].split()
        icons.add("".join(path.attrib["d"] for path in node.iter(f"{NAMESPACE}path")))

    assert len(icons) == len(PlaceState)


def test_a_page_may_have_a_strict_policy() -> None:
    """No style in the markup, no script, nothing from elsewhere; each class is in the style sheet or needs no style."""
    markup = svg(STATIC, {"start": Mark(state=PlaceState.DONE)}, link=lambda place: f"#{node_id(place)}")

    assert "style" not in markup
    assert "script" not in markup
    assert re.findall(r'"https?:[^"]*"', markup) == ['"http://www.w3.org/2000/svg"']
    for state in PlaceState:
        assert f".{state} > .icon" in stylesheet() or f".{state} >" in stylesheet()
    assert "prefers-color-scheme: dark" in stylesheet()
    assert "url(" not in stylesheet()


def test_a_picture_can_stand_alone() -> None:
    """With its colours in it, and a ground."""
    picture = drawn(STATIC, standalone=True)

    assert picture.findtext(f"{NAMESPACE}style") == stylesheet()
    assert picture.attrib["role"] == "img"
    assert picture.attrib["viewBox"] == f"0 0 {picture.attrib['width']} {picture.attrib['height']}"


def test_nodes_lead_where_the_page_says() -> None:
    """Those without an address lead nowhere; what has links is no mere image."""
    picture = drawn(STATIC, link=lambda place: "?a=1&b=2" if place == "start" else None)

    assert [link.attrib["href"] for link in picture.iter(f"{NAMESPACE}a")] == ["?a=1&b=2"]
    assert picture.attrib["role"] == "group"


def test_counts_of_missions_are_drawn() -> None:
    """On the nodes where they stand."""
    picture = drawn(STATIC, {"approve": Mark(count=1_234), "both": Mark(count=1), "start": Mark(count=2)})

    assert "1,234" in texts(nodes(picture)["approve"])
    assert picture.findtext(f"{NAMESPACE}desc") == (
        "everything: 1,237 missions under way, at start (2), approve (1,234), both (1)."
    )
    assert "1 mission here" in (nodes(picture)["both"].findtext(f"{NAMESPACE}title") or "")


def test_small_marks_are_for_reminders_and_undos() -> None:
    """Each says what it is."""
    picture = drawn(STATIC, {"prepare": Mark(state=PlaceState.DONE, undo=PlaceState.FAILED)})
    said = [title.text for title in picture.iter(f"{NAMESPACE}title")]

    assert "reminds while it waits" in said
    assert "can be undone, its undo: failed" in said
    assert "can be undone" in said


HOSTILE = [
    "<script>alert(1)</script>",
    '"><g onload="x">',
    "&amp;",
    "]]>",
    "a\0b",
    "\ud800",
    "\x1b[31m",
    "\u202e",
    "x" * 5_000,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_text(name: str) -> None:
    """Of the definition, nodes, kinds, paths, types, and what is marked."""
    inner = {"kind": "need_to", "name": name, "schema": name, "timeout": name, "timeout_message": name}
    static = {
        "name": name,
        "nodes": [
            {"kind": name, "name": name},
            {"kind": "branch", "name": f"{name}2", "paths": {name: [inner]}},
            {"kind": "mission", "name": f"{name}3", "definition": name},
        ],
    }
    picture = drawn(static, {name: Mark(state=PlaceState.DONE, note=name)}, link=lambda place: name)

    assert {element.tag.removeprefix(NAMESPACE) for element in picture.iter()} <= {
        *("svg", "title", "desc", "g", "a", "rect", "path", "text", "circle")
    }
    assert not any(key.startswith("on") for element in picture.iter() for key in element.attrib)
    assert all(len(one) <= 60 for one in texts(picture))


@settings(max_examples=60, deadline=None, database=None)
@given(missions(is_apart=False))
def test_any_definition_is_drawn(given_: tuple[World, MissionDefinition[Any]]) -> None:
    """Well-formed, every node once and within the picture, the same every time."""
    static = given_[1].to_static()
    picture = drawn(static, places(static, None))

    assert set(nodes(picture)) == {name for name in static_sites(static) if not name.endswith("]")} | {END}
    assert svg(static) == svg(static)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for box in picture.iter(f"{NAMESPACE}rect"):
        x, y = float(box.attrib["x"]), float(box.attrib["y"])
        assert x >= 0
        assert y >= 0
        assert x + float(box.attrib["width"]) <= width
        assert y + float(box.attrib["height"]) <= height


@settings(max_examples=60, deadline=None, database=None)
@given(missions(is_apart=False))
def test_no_two_nodes_are_in_one_place(given_: tuple[World, MissionDefinition[Any]]) -> None:
    """Boxes are apart, or one is within the other."""
    picture = drawn(given_[1].to_static())
    boxes = [_corners(box) for box in picture.iter(f"{NAMESPACE}rect") if box.attrib["class"] in ("box", "chip")]

    for place, one in enumerate(boxes):
        for other in boxes[place + 1 :]:
            assert _is_apart(one, other) or _is_within(one, other) or _is_within(other, one)


def _corners(box: ET.Element) -> tuple[float, float, float, float]:
    x, y = float(box.attrib["x"]), float(box.attrib["y"])
    return x, y, x + float(box.attrib["width"]), y + float(box.attrib["height"])


def _is_apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def _is_within(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one[2] <= other[2] and one[3] <= other[3]


def test_many_paths_are_drawn_in_rows() -> None:
    """So that the picture is not as wide as all of them."""
    paths = {f"path-{number}": [{"kind": "step", "name": "a-step"}] for number in range(60)}
    picture = drawn(line_of({"kind": "parallel", "name": "all", "paths": paths}))

    assert float(picture.attrib["width"]) < 1_300
    assert len(nodes(picture)) == 61


def test_a_box_is_as_wide_as_its_name() -> None:
    """Letters of some scripts are wider than others."""

    def width(name: str) -> float:
        picture = drawn(line_of({"kind": "step", "name": name}))
        return float(picture.attrib["width"])

    assert width("a") < width("iiiiiiiiiiiiiiiiiiiiiiii") < width("mmmmmmmmmmmmmmmmmmmmmmmm")
    assert width("n" * 24) < width("\u540d" * 24)


def test_a_wide_picture_stays_legible() -> None:
    """The style sheet knows how far each may be scaled down."""
    paths = {f"path-{number}": [{"kind": "step", "name": "a-step"}] for number in range(5)}
    picture = drawn(line_of({"kind": "parallel", "name": "all", "paths": paths}))

    (wide,) = picture.attrib["class"].split()[1:]
    assert f".drawing.{wide} {{ min-width:" in stylesheet()
    assert drawn(line_of()).attrib["class"] == "drawing"


def test_ten_thousand_nodes_are_drawn() -> None:
    """One below the other."""
    picture = drawn(line_of(*({"kind": "step", "name": f"step-{number}"} for number in range(10_000))))

    assert len(nodes(picture)) == 10_000


def test_what_is_deep_is_drawn_and_what_is_deeper_is_one_box() -> None:
    """However deep a stored form is."""

    def nested(depth: int) -> dict[str, Any]:
        inner: list[Any] = [{"kind": "step", "name": "inmost"}]
        for _ in range(depth):
            inner = [{"kind": "each", "name": "n", "path": inner}]
        return line_of(*inner)

    assert "inmost" in texts(drawn(nested(50)))
    assert "…" in texts(drawn(nested(5_000), places(nested(5_000), None)))
    assert "…" in text(nested(5_000))
    assert "…" in mermaid(nested(5_000)).replace("#8230;", "…")


def test_a_kind_of_a_later_release_is_a_plain_box() -> None:
    """With its paths, where it has some under a name that is known."""
    strange = {"kind": "when/ever", "name": "new", "paths": {"a": [{"kind": "step", "name": "inner"}]}}
    picture = drawn(line_of({"kind": "later", "name": "other"}, strange))

    assert "later" in texts(nodes(picture)["other"])
    assert nodes(picture)["new"].attrib["class"] == "frame kind-other"
    assert "new/a/inner" in nodes(picture)


def test_an_empty_definition_is_an_empty_picture() -> None:
    """It says so."""
    assert drawn(line_of()).findtext(f"{NAMESPACE}desc") == "flow: 0 nodes, from start to the end."


def test_a_completed_mission_is_told_as_such() -> None:
    """And how much of the definition it took."""
    marks = {"a": Mark(state=PlaceState.DONE), END: Mark(state=PlaceState.DONE)}
    picture = drawn(line_of({"kind": "step", "name": "a"}, {"kind": "end", "name": "end"}), marks)

    assert picture.findtext(f"{NAMESPACE}desc") == "flow: completed, 1 of 1 nodes done."


def test_a_sentence_names_a_few_nodes_only() -> None:
    """However many there are."""
    names = [f"n{number}" for number in range(9)]
    random.Random(0).shuffle(names)
    marks = {name: Mark(state=PlaceState.RUNNING) for name in names}
    picture = drawn(line_of(*({"kind": "step", "name": name} for name in sorted(names))), marks)

    assert picture.findtext(f"{NAMESPACE}desc") == "flow: running at n0, n1, n2 and 6 more, 0 of 9 nodes done."
