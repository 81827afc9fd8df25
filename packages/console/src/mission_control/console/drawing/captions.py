"""What is said of a node beside its name: its kind, its times and its limits, in a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mission_control.core.definition import StaticNode

from ..spans import shown_span

_ENDLESS = 10**12
"""From how many seconds on nobody wants them in days."""


def caption(node: StaticNode) -> str:
    """Return what is said of a node of a static form; the kind alone where that is unknown."""
    kind = str(node["kind"])
    say = _CAPTIONS.get(kind)
    parts = [kind] if say is None else say(node)
    return " · ".join(part for part in parts if part)


def duration(seconds: object) -> str:
    """Return a number of seconds in its two largest units: `1 d 12 h`; a text, as "computed", as it is."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return str(seconds)
    return shown_span(seconds) if 1 <= seconds < _ENDLESS else f"{seconds:g} s"


def _schema(node: StaticNode, key: str) -> str:
    named = str(node.get(key, ""))
    return "" if named == "any" else named


def _signal(node: StaticNode) -> list[str]:
    timeout = node.get("timeout")
    return ["signal", _schema(node, "schema"), "" if timeout is None else f"within {duration(timeout)}"]


def _sleep(node: StaticNode) -> list[str]:
    length: Any = node.get("duration")
    return ["sleep, computed" if length == "computed" else f"sleep {duration(length)}"]


def _each(node: StaticNode) -> list[str]:
    at_once, lost = node.get("max_concurrency"), node.get("max_failures", 0)
    failures = "any may fail" if lost is None else f"{lost} may fail" if lost else ""
    return ["each", "" if at_once is None else f"{at_once} at a time", failures]


def _repeat(node: StaticNode) -> list[str]:
    every, most = node.get("every"), node.get("max_rounds")
    return [
        "repeat",
        "" if every is None else f"every {duration(every)}",
        "" if most is None else f"{most} rounds at most",
    ]


def _mission(node: StaticNode) -> list[str]:
    return [f"mission {node.get('definition', '')}", "" if node.get("wait", True) else "not waited for"]


_CAPTIONS: Mapping[str, Callable[[StaticNode], list[str]]] = {
    "start": lambda node: [_schema(node, "input")],
    "step": lambda node: [],
    "need_to": _signal,
    "sleep": _sleep,
    "parallel": lambda node: ["parallel"],
    "race": lambda node: ["race", "the first wins"],
    "branch": lambda node: ["branch"],
    "each": _each,
    "repeat": _repeat,
    "mission": _mission,
    "end": lambda node: [],
}
