"""Definitions as pictures."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from .conftest import Run


def test_a_definition_is_drawn_with_how_many_stand_where(run: Run) -> None:
    """By its name."""
    text = run("graph", "order").stdout

    assert text.startswith("order\n")
    assert "delivered" in text


def test_a_mission_is_drawn_with_where_it_stands(run: Run) -> None:
    """By its id, also one whose definition has the name of another mission."""
    assert run("graph", "order-3").stdout != run("graph", "order-2").stdout


def test_a_picture_is_made_for_other_programs(run: Run) -> None:
    """As SVG and for Mermaid."""
    assert ET.fromstring(run("graph", "order-2", "--format", "svg").stdout).tag.endswith("svg")
    assert run("graph", "order-2", "--format", "mermaid").stdout.startswith("flowchart")


def test_a_definition_as_json_has_its_places(run: Run) -> None:
    """Its form, and what is marked."""
    document = json.loads(run("graph", "order-2", "--json").stdout)

    assert document["definition"]["name"] == "order"
    assert document["marks"]["invoice"]["state"] == "failed"


def test_what_is_neither_mission_nor_definition_is_not_there(run: Run) -> None:
    """With what is close."""
    assert "no mission or definition 'order-22'. Did you mean order-2?" in run("graph", "order-22", status=3).stderr
