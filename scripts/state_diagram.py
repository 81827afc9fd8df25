"""Check that the state diagrams in the pages are those of the machine, or write them: `state_diagram.py [--write]`."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mission_control.core.machine import ANYWHERE, STATUS, TRANSITIONS, Phase
from workspace import ROOT

_PLACE = re.compile(r"(?<=<!-- state diagram -->\n\n).*?(?=\n<!-- end of state diagram -->)", re.DOTALL)


def lines() -> str:
    """Return the transitions as lines: phase, record, phase that follows, by the status that people see."""
    return "\n".join(["```text", *_lines(), "```", ""])


def mermaid() -> str:
    """Return the transitions as a flowchart, in which each status is a box around its phases."""
    drawn = ["```mermaid", "flowchart LR"]
    for status, phases in _by_status().items():
        if status in phases:
            drawn += [f"  {status}([{status}])"]
        else:
            members = "; ".join(f"{_id(phase)}[{phase}]" for phase in phases)
            drawn += [f"  subgraph {status}", f"    {members}", "  end"]
    for (source, target), records in _merged().items():
        drawn += [f"  {_id(source)} -- {'<br>'.join(records)} --> {_id(target)}"]
    return "\n".join([*drawn, "```", ""])


PAGES: Mapping[Path, Callable[[], str]] = {
    Path("README.md"): mermaid,
    Path("docs/pages/promises.md"): lines,
}
"""Each page that shows the machine, and how."""


def outdated(root: Path = ROOT) -> list[str]:
    """Return the pages whose diagram is missing or is not that of the machine."""
    return [str(page) for page, draw in PAGES.items() if _PLACE.findall((root / page).read_text("utf-8")) != [draw()]]


def write(root: Path = ROOT) -> None:
    """Write the diagrams between their marks."""
    for page, draw in PAGES.items():
        text = (root / page).read_text("utf-8")
        for drawn in _PLACE.findall(text):
            text = text.replace(drawn, draw())
        (root / page).write_text(text, "utf-8")


def main() -> int:
    """Write if that is asked for, then check."""
    if sys.argv[1:] == ["--write"]:
        write()
    found = outdated()
    for page in found:
        print(f"{page}: its state diagram is not the machine's: run hatch run diagram --write", file=sys.stderr)
    return 1 if found else 0


def _lines() -> Iterator[str]:
    for status, phases in _by_status().items():
        for phase in phases:
            shown = str(status) if phase == status else f"{status}: {phase}"
            for record, target in TRANSITIONS[phase].items() or [("", "")]:
                yield f"{shown:<22}{record:<22}{'→ ' if target else ''}{target}".rstrip()
                shown = ""
    *others, last = sorted(ANYWHERE)
    yield ""
    yield f"{', '.join(others)} and {last} may come in every phase"
    yield "between mission-created and the end, and lead to no other phase."


def _by_status() -> dict[str, list[Phase]]:
    statuses: dict[str, list[Phase]] = {}
    for phase in TRANSITIONS:
        statuses.setdefault(STATUS[phase], []).append(phase)
    return statuses


def _merged() -> dict[tuple[Phase, Phase], list[str]]:
    edges: dict[tuple[Phase, Phase], list[str]] = {}
    for source, targets in TRANSITIONS.items():
        for record, target in targets.items():
            edges.setdefault((source, target), []).append(record)
    return edges


def _id(phase: Phase) -> str:
    return phase.replace(" ", "_")


if __name__ == "__main__":
    sys.exit(main())
