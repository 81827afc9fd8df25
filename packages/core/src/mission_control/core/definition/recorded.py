"""What is on record of a mission, as its code sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from ..history import UNDO, EventRecord, Ledger, Opened, PathResult
from ..payloads import copy_json


class Recorded(Protocol):
    """What is on record of a mission, for its code to see."""

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        ...

    @property
    def mission_name(self) -> str:
        """The name of its definition."""
        ...

    @property
    def cursor(self) -> str | None:
        """The instance of the node that its main line stands on."""
        ...

    @property
    def events(self) -> Ledger:
        """What went into its nodes and updates, and what came out, by instance.

        A node that has an output is there when it has it; `start` is there from the beginning, with its input, and is
        replaced when it has succeeded.
        """
        ...

    @property
    def opened(self) -> Opened | None:
        """Which constructs have opened paths, and how these ended; None where none has."""
        ...


def has_only_begun(state: Recorded, step_name: str, instance: str) -> bool:
    """True where what is recorded under a name is only what went into what runs now, or into a start that failed.

    `step_name` is what asks: an update may ask for what it returned before.
    """
    cursor = state.cursor
    if instance != "start":
        return instance == cursor and instance == step_name
    return cursor == "start" or (
        cursor is not None and cursor.startswith(UNDO) and not state.events.has_replaced("start")
    )


class RecordedEvents(Mapping[str, EventRecord]):
    """The events of a mission, each a copy that user code may keep and change."""

    def __init__(self, state: Recorded) -> None:
        self._events = state.events

    def __getitem__(self, name: str) -> EventRecord:
        event = self._events[name]
        return EventRecord(input=copy_json(event.input), output=copy_json(event.output))

    def __iter__(self) -> Iterator[str]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return repr(dict(self))


def path_results(opened: Opened, construct: str) -> list[PathResult]:
    """Return what became of the paths or items of a construct that have begun, in order."""
    known = opened.construct(construct)
    names = None if known is None else known[1]
    results: list[PathResult] = []
    for index in range(opened.begun(construct)):
        path = f"{construct}[{index}]" if names is None else f"{construct}/{names[index]}"
        status, error = opened.end(path) or ("running", None)
        results.append(PathResult(path=path, index=index, status=status, error=error))
    return results
