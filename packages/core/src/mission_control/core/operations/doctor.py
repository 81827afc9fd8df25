"""Whether what is stored beside the histories of missions is what these say, and what else is wrong with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import attrs

from ..definition import MissionDefinition
from ..errors import CorruptMissionError, MissionDefinitionMismatchError
from ..history import MissionSummary, OpenWait, Record, failing, iso
from ..machine import State, check_carries, load, open_waits
from ..schedules import StoredSchedule
from ..storage import MissionRows, ReadPort, StoredMission
from .pages import Turns, paged

FindingKind: TypeAlias = Literal[
    "corrupt history",
    "wrong rows",
    "not registered",
    "stranded",
    "old wait",
    "failing schedule",
]

_PAGE = 32
"""How many whole missions are in memory at once."""

_OLD = timedelta(days=365)


@attrs.frozen(kw_only=True)
class Finding(Record):
    """One thing that is not as it should be, of a mission where it is one's; `repaired` where it was put right.

    "corrupt history" (it does not fold), "wrong rows" (what is stored beside it is not what it says; the one kind that
    is repaired), "not registered", "stranded" (its definition cannot carry it on), "old wait" (open without a deadline
    for more than a year), "failing schedule" (the last slots that it came to started no mission).
    """

    mission_id: str | None
    kind: FindingKind
    message: str
    repaired: bool = False


def rows_of(state: State) -> MissionRows:
    """Return what is stored beside a history that folds to `state`."""
    return MissionRows(
        summary=state.summary(), version=state.version, ran_under=state.ran_under, waits=open_waits(state)
    )


async def examine(
    port: ReadPort,
    definitions: Mapping[str, MissionDefinition[Any]],
    now: datetime,
    progress: Callable[[int, int], None] | None,
) -> AsyncIterator[Finding]:
    """Yield what is found, and tell `progress(done, total)` of missions, page by page.

    Each mission is read at one moment, and others on the event loop get their turns.
    """
    done, total, turns = 0, 0, Turns()
    if progress is not None:
        total = sum(one.count for one in (await port.statistics(now)).missions)
    async for page in paged(lambda after: port.audit(limit=_PAGE, after=after), _PAGE):
        for mission in page:
            for finding in _examined(mission, definitions, now):
                yield finding
            await turns.taken()
        done += len(page)
        if progress is not None:
            progress(done, max(done, total))
    for schedule, _ in await port.list_schedules():
        if (failing := _failing(schedule)) is not None:
            yield failing


# A mission


def _examined(
    mission: StoredMission, definitions: Mapping[str, MissionDefinition[Any]], now: datetime
) -> Iterator[Finding]:
    mission_id = mission.mission_id
    try:
        state = _folded(mission)
    except CorruptMissionError as error:
        yield Finding(mission_id=mission_id, kind="corrupt history", message=str(error))
        return
    wrong = "; ".join(_differences(mission.rows, rows_of(state)))
    if wrong:
        yield Finding(mission_id=mission_id, kind="wrong rows", message=f"mission {mission_id!r}: {wrong}")
    if not state.is_terminal:
        yield from _not_carried(state, definitions)
        yield from _old_waits(state, now)


def right_rows(mission: StoredMission) -> MissionRows | None:
    """Return what should be stored beside a history; None where that is so, and where the history does not fold."""
    try:
        told = rows_of(_folded(mission))
    except CorruptMissionError:
        return None
    return told if any(_differences(mission.rows, told)) else None


def _folded(mission: StoredMission) -> State:
    """Return the state that a stored history folds to. Raises `CorruptMissionError`."""
    if isinstance(mission.history, CorruptMissionError):
        raise mission.history
    if not mission.history:
        raise CorruptMissionError(
            f"mission {mission.mission_id!r}: it has a row and no history; restore that from a backup"
        )
    return load(mission.mission_id, mission.history)


def _differences(stored: MissionRows | CorruptMissionError, told: MissionRows) -> Iterator[str]:
    """Yield what is stored that the history does not tell."""
    if isinstance(stored, CorruptMissionError):
        yield f"its row cannot be read ({stored})"
        return
    for name in attrs.fields_dict(MissionSummary):
        yield from _difference(name, getattr(stored.summary, name), getattr(told.summary, name))
    yield from _difference("version", stored.version, told.version)
    yield from _difference("ran_under", stored.ran_under, told.ran_under)
    kept, open_now = _by_name(stored.waits), _by_name(told.waits)
    for name in sorted(kept.keys() | open_now.keys()):
        if name not in open_now:
            yield f"the wait {name!r} is stored as open, and is not"
        elif name not in kept:
            yield f"the wait {name!r} is open, and is not stored"
        else:
            for field in attrs.fields_dict(OpenWait):
                yield from _difference(
                    f"{field} of the wait {name!r}", getattr(kept[name], field), getattr(open_now[name], field)
                )


def _difference(name: str, stored: object, told: object) -> Iterator[str]:
    if stored != told:
        yield f"{name} is stored as {_text(stored)}, and its history says {_text(told)}"


def _text(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else repr(str(value)) if isinstance(value, str) else repr(value)


def _by_name(waits: Iterable[OpenWait]) -> dict[str, OpenWait]:
    return {wait.event_name: wait for wait in waits}


def _not_carried(state: State, definitions: Mapping[str, MissionDefinition[Any]]) -> Iterator[Finding]:
    mission_id, name = state.mission_id, state.mission_name
    definition = definitions.get(name)
    if definition is None:
        remedy = "register it, or cancel the mission"
        message = f"mission {mission_id!r}: no definition of the name {name!r} is registered; {remedy}"
        yield Finding(mission_id=mission_id, kind="not registered", message=message)
        return
    try:
        check_carries(definition, state)
    except MissionDefinitionMismatchError as error:
        yield Finding(mission_id=mission_id, kind="stranded", message=str(error))


def _old_waits(state: State, now: datetime) -> Iterator[Finding]:
    for wait in open_waits(state):
        if wait.timeout_at is None and now - wait.since > _OLD:
            message = (
                f"mission {state.mission_id!r} has waited for {wait.event_name!r} since {iso(wait.since)}, and has no "
                f"deadline: send the signal, or cancel the mission"
            )
            yield Finding(mission_id=state.mission_id, kind="old wait", message=message)


# A schedule


def _failing(schedule: StoredSchedule) -> Finding | None:
    """Return what is wrong with a schedule that fires still, and whose last slots started no mission for a fault."""
    last = None if schedule.is_absent else failing(schedule.last_slot, schedule.passed_over)
    if last is None:
        return None
    slots = f"{last.count:,} from {iso(last.first)} to {iso(last.last)}"
    message = (
        f"schedule {schedule.name!r}: its last slots, {slots}, started no mission, since the function that makes the "
        f"input of {schedule.mission_name!r} failed; see the log"
    )
    return Finding(mission_id=None, kind="failing schedule", message=message)
