"""A definition as the text of a Mermaid flowchart, to be pasted into Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mission_control.core.readable import encodable

from .flow import Lane, Static, Step, flow_of
from .marks import BLANK, Mark, Marks, PlaceState
from .telling import captioned

_SHAPES: Mapping[str, tuple[str, str]] = {
    "start": ("([", "])"),
    "end": ("((", "))"),
    "need_to": ("[/", "/]"),
    "sleep": ("([", "])"),
    "mission": ("[[", "]]"),
    "branch": ("{", "}"),
    "parallel": ("{{", "}}"),
    "race": ("{{", "}}"),
}
"""What is around the text of a node of a kind; brackets for every other."""

_CLASSES: Mapping[PlaceState, tuple[str, str]] = {
    PlaceState.AHEAD: ("ahead", "stroke:#b9c3cc"),
    PlaceState.DONE: ("done", "fill:#eef8f2,stroke:#1c7a4b,color:#1f2933"),
    PlaceState.RUNNING: ("running", "fill:#ebf2fe,stroke:#1c5fd0,stroke-width:3px,color:#1f2933"),
    PlaceState.WAITING: ("waiting", "fill:#fff8e6,stroke:#93630a,stroke-dasharray:6 4,color:#1f2933"),
    PlaceState.FAILED: ("failed", "fill:#fdeeee,stroke:#bd2530,stroke-width:3px,color:#1f2933"),
    PlaceState.STOPPED: ("stopped", "fill:#eef0f2,stroke:#5c6672,stroke-dasharray:2 3,color:#1f2933"),
    PlaceState.SKIPPED: ("skipped", "stroke:#b9c3cc,stroke-dasharray:1 4"),
}


def mermaid(static: Static, marks: Marks | None = None) -> str:
    """Return the definition's static form as a flowchart, with classes for how nodes stand where that is marked.

    Raises `ValueError` for what is no static form.
    """
    chart = _Chart(marks or {})
    chart.line(flow_of(static), [])
    return "\n".join(["flowchart TD", *chart.lines, *chart.classes(), ""])


class _Chart:
    """The lines of a chart, while they are written."""

    def __init__(self, marks: Marks) -> None:
        self.lines: list[str] = []
        self._marks = marks
        self._used: set[PlaceState] = set()
        self._count = 0

    def line(self, steps: Sequence[Step], comes_from: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Write a line of nodes behind others, each given with the arrow from it; return what the next comes from."""
        for step in steps:
            name = self._node(step)
            self.lines += [f"  {before} {arrow} {name}" for before, arrow in comes_from]
            comes_from = self._behind(step, name)
        return comes_from

    def _node(self, step: Step) -> str:
        name = f"n{self._count}"
        self._count += 1
        mark = self._marks.get(step.place, BLANK)
        opening, closing = _SHAPES.get(step.kind, ("[", "]"))
        class_ = ""
        if mark.state is not None:
            self._used.add(mark.state)
            class_ = f":::{_CLASSES[mark.state][0]}"
        self.lines.append(f'  {name}{opening}"{_label(step, mark)}"{closing}{class_}')
        return name

    def _behind(self, step: Step, name: str) -> list[tuple[str, str]]:
        """Write the paths of a node, and return what comes behind it."""
        if not step.lanes:
            return [(name, "-->")]
        ends: list[tuple[str, str]] = [(name, "-->")] if step.kind == "need_to" else []
        for lane in step.lanes:
            last = self.line(lane.steps, [(name, _arrow(lane))])
            if lane.role in ("item", "round"):
                self.lines += [f"  {end} -. again .-> {name}" for end, _ in last if end != name]
                ends.append((name, "-->"))
            else:
                ends += [(end, "-->" if end != name else _arrow(lane)) for end, _ in last]
        return ends

    def classes(self) -> Iterator[str]:
        """Yield what the classes of the states look like that there are."""
        for state, (name, style) in _CLASSES.items():
            if state in self._used:
                yield f"  classDef {name} {style}"


def _arrow(lane: Lane) -> str:
    text = _escaped(lane.label)
    return f'-. "{text}" .->' if lane.role in ("timeout", "exhausted") else f'-->|"{text}"|'


def _label(step: Step, mark: Mark) -> str:
    said = captioned(step, mark)
    counted = f"{mark.count:,} here" if mark.count else ""
    return "<br>".join(_escaped(part) for part in (step.name, said, counted) if part)


def _escaped(text: str) -> str:
    """Return a text with every character that Mermaid or HTML could take for its own as a code."""
    return "".join(map(_code, encodable(text)))


def _code(character: str) -> str:
    if character.isalnum() or character in " -_.,·":
        return character
    return " " if character.isspace() else f"#{ord(character)};"
