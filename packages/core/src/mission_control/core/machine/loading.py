"""A stored history, whole: the state that it folds to, and all that it tells."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import CorruptMissionError
from ..history import HistoryRecord, MissionInspection, inspected
from .places import AS_IT_IS
from .reopening import last_reopening, reopened
from .state import State
from .transitions import apply


def load(mission_id: str, history: Iterable[HistoryRecord], *, mission_name: str = "") -> State:
    """Return the state that a stored history folds to. Raises `CorruptMissionError` where it does not fold."""
    records = tuple(history)
    try:
        state, first = State(mission_id=mission_id, mission_name=mission_name), last_reopening(records)
        if first:
            state = reopened(mission_id, records[:first])
        for record in records[first:]:
            apply(state, record)  # nobody else has seen it: no copy is needed
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise CorruptMissionError(
            f"mission {mission_id!r}: its stored history does not fold: {error!r}. {AS_IT_IS}"
        ) from error
    return state


def inspect_history(mission_id: str, history: Iterable[HistoryRecord], *, mission_name: str = "") -> MissionInspection:
    """Return all that a stored history tells; an empty one tells of an idle mission named `mission_name`.

    Raises `CorruptMissionError` where it does not fold.
    """
    records = tuple(history)
    return inspected(load(mission_id, records, mission_name=mission_name).snapshot(), records)
