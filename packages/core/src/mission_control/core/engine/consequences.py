"""What a decision means for the attempts that run here, and for the children of its mission."""

from __future__ import annotations

from ..history import HistoryRecord, HistoryType
from ..machine import Phase, State
from .flight import Flight, Run

_ATTEMPTING = Phase.ATTEMPTING


def is_on_record(state: State, run: Run) -> bool:
    """True where the attempt is on record, and its end is not."""
    line = state if state.lines is None else state.line_at(run.instance)
    is_attempting = line.phase is _ATTEMPTING
    return is_attempting and line.cursor == run.instance and line.attempt_number == run.number


def is_lent(run: Run) -> bool:
    """True where code that runs has lent its slot to others."""
    return run.attempt is not None and not run.attempt.has_slot


def slots_of(flight: Flight, attempts: tuple[tuple[str, int], ...]) -> int:
    """Return how many of these attempts run here, and have a slot."""
    runs = ((flight.run_of(instance), number) for instance, number in attempts)
    return sum(1 for run, number in runs if run is not None and run.number == number and not is_lent(run))


def orphans_of(let_go: tuple[str, ...], records: tuple[HistoryRecord, ...]) -> tuple[str, ...]:
    """Return those children of which it is not just the end that was recorded."""
    ended = {record.details["id"] for record in records if record.type is HistoryType.CHILD_ENDED}
    return tuple(child for child in let_go if child not in ended)
