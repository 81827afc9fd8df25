"""Missions to commit: short ways to say what one adds, and what was found of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mission_control.core.definition import StoredDefinition
from mission_control.core.history import (
    NO_LABELS,
    START_AT,
    ChildWait,
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionStatus,
    MissionSummary,
    OpenWait,
    RetryWait,
    SignalWait,
    TimerWait,
    Wait,
    due_at,
    labels_of,
)
from mission_control.core.schedules import Spec, StoredSchedule
from mission_control.core.storage import LoadOutcome, MissionCommit, MissionQuery, PersistenceAdapter

START = datetime(2024, 2, 29, 23, 59, 58, tzinfo=UTC)

NAMES = (
    "x" * 255,
    "🚀" * 255,
    "Robert'); DROP TABLE missions;--",
    '"',
    "`",
    "%",
    "_",
    "*",
    "a",
    "A",
    "a ",
    " a",
    "7",
    "07",
    "7.0",
    "1e2",
    "100",
    "null",
    "None",
    "true",
    "é",
    "e\u0301",
    "../../etc",
    "C:\\x\\y",
    "a/b",
    "{}",
    "\ufeff",
    "\U0001f600",
)
"""Ids that loose storage mistakes for one another, for numbers, for patterns, or for commands."""


def after(seconds: float) -> datetime:
    """Return the instant `seconds` after the start of the test's time."""
    return START + timedelta(seconds=seconds)


def record(seq: int, details: Mapping[str, Any] | None = None, **fields: Any) -> HistoryRecord:
    """Return a record with this number; a step's start, unless told otherwise."""
    fields = {"type": HistoryType.STEP_STARTED, "at": after(seq), **fields}
    return HistoryRecord(seq=seq, details={"number": seq} if details is None else details, **fields)


def summary(mission_id: str, **fields: Any) -> MissionSummary:
    """Return a row for the mission: running, or waiting where a wait is given, which is the next one, and due, then."""
    waiting: Wait | None = fields.get("waiting")
    next_wait: Wait | None = fields.get("next_wait", waiting)
    shown: dict[str, Any] = {
        "mission_name": "order",
        "status": MissionStatus.RUNNING if waiting is None else MissionStatus.WAITING,
        "cursor": "pack" if waiting is None else waiting.event_name,
        "waiting": None,
        "error": None,
        "created_at": START,
        "updated_at": after(1),
        "next_wait": next_wait,
        "next_due": None if fields.get("paused") else due_at(next_wait),
    }
    return MissionSummary(mission_id=mission_id, **{**shown, **fields})


def adds(
    mission_id: str,
    *,
    version: int = 0,
    count: int = 1,
    records: Sequence[HistoryRecord] | None = None,
    definition: StoredDefinition | None = None,
    children: Sequence[MissionCommit] = (),
    is_awaited: bool = False,
    let_go: Sequence[str] = (),
    awaited: Sequence[str] = (),
    opened: Sequence[OpenWait] = (),
    closed: Sequence[OpenWait] = (),
    ran_under: str | None = None,
    definitions: Sequence[StoredDefinition] = (),
    **fields: Any,
) -> MissionCommit:
    """Return what a mission adds to its first `version` records: `count` of them, and a row with `fields`.

    The definition that it has run under alone comes with its beginning, where no other one does.
    """
    if definition is None and ran_under is not None and version == 0:
        definition = _stored(ran_under)
    numbered = [record(version + place) for place in range(1, count + 1)]
    return MissionCommit(
        mission_id=mission_id,
        expected_version=version,
        records=tuple(numbered if records is None else records),
        summary=summary(mission_id, **fields),
        definition=definition,
        children=tuple(children),
        is_awaited=is_awaited,
        let_go=tuple(let_go),
        awaited=tuple(awaited),
        opened=tuple(opened),
        closed=tuple(closed),
        ran_under=ran_under,
        definitions=tuple(definitions),
    )


def child(parent_id: str, name: str, *, is_awaited: bool = True, **fields: Any) -> MissionCommit:
    """Return what creates a child of that mission, for its node of that name."""
    return adds(f"{parent_id}/{name}", is_awaited=is_awaited, parent_id=parent_id, **fields)


def wait(mission_id: str, event_name: str = "approval", seconds: float = 1, **fields: Any) -> OpenWait:
    """Return an open wait of the mission, since so many seconds after the start of the test's time."""
    shown: dict[str, Any] = {"mission_name": "order", "path": event_name.rpartition("/")[0] or None, **fields}
    return OpenWait(mission_id=mission_id, event_name=event_name, since=after(seconds), **shown)


def schedule(name: str, **fields: Any) -> StoredSchedule:
    """Return the row of a schedule that fires each night, decided up to the start of the test's time."""
    spec = Spec(cron="0 2 * * *", every=None, time_zone="Europe/Berlin", starts_at=None)
    shown: dict[str, Any] = {"mission_name": "order", "spec": spec, "decided": START, "next_slot": after(60)}
    return StoredSchedule(name=name, **{**shown, **fields})


def ended(status: MissionStatus = MissionStatus.COMPLETED) -> dict[str, Any]:
    """Return the fields of a row of a mission that has ended so."""
    if status is MissionStatus.COMPLETED:
        return {"status": status, "cursor": None}
    failure = MissionFailure(message="gone wrong", at=after(2), code="STEP_FAILED", type="ValueError", traceback="…")
    return {"status": status, "error": failure}


def signal(timeout_at: datetime | None = None) -> SignalWait:
    """Return a wait for a signal, with a deadline or without."""
    return SignalWait(event_name="approval", node_index=2, timeout_at=timeout_at)


def sleep(due_at: datetime) -> TimerWait:
    """Return a sleep until `due_at`."""
    return TimerWait(event_name="cooldown", node_index=3, due_at=due_at)


def delayed_start(due_at: datetime) -> TimerWait:
    """Return a delayed start at `due_at`."""
    return TimerWait(event_name=START_AT, node_index=0, due_at=due_at)


def retry(due_at: datetime) -> RetryWait:
    """Return a wait for another attempt at `due_at`."""
    return RetryWait(event_name="pack", node_index=1, due_at=due_at, attempt_number=2)


def child_end(parent_id: str) -> ChildWait:
    """Return a wait for the end of a child."""
    return ChildWait(event_name="billing", node_index=4, mission_id=f"{parent_id}/billing")


def definition(fingerprint: str = "f-1", **static: Any) -> StoredDefinition:
    """Return a definition to store under `fingerprint`."""
    return _stored(fingerprint, **static)


def _stored(fingerprint: str, **static: Any) -> StoredDefinition:
    return StoredDefinition(fingerprint=fingerprint, name="order", static={"name": "order", **static})


async def commit(adapter: PersistenceAdapter, *batch: MissionCommit) -> None:
    """Commit the members, none of which is stale."""
    assert list(await adapter.commit(batch)) == [None] * len(batch)


async def history(adapter: PersistenceAdapter, mission_id: str) -> list[int] | None:
    """Return the numbers of the mission's records, in the order in which they are loaded, or None."""
    (loaded,) = await adapter.load([mission_id])
    assert not isinstance(loaded, Exception)
    return None if loaded is None else [one.seq for one in loaded]


def ids(found: Iterable[MissionSummary]) -> list[str]:
    """Return the ids of a listing, in order."""
    return [one.mission_id for one in found]


def query(*, labels: Mapping[str, str] = NO_LABELS, **wanted: Any) -> MissionQuery:
    """Return what is looked for."""
    return MissionQuery(labels=labels_of(labels), **wanted)


async def fitting(adapter: PersistenceAdapter, *, limit: int, after: str | None = None, **wanted: Any) -> list[str]:
    """Return the ids of the missions that are found by what a query wants, in the order in which they are listed."""
    return ids(await adapter.list_missions(query(**wanted), limit=limit, after=after))


def text(loaded: LoadOutcome) -> list[str]:
    """Return a history as texts that tell 1 from 1.0 and from True, which `==` does not."""
    assert isinstance(loaded, tuple), f"expected a history, found {loaded!r}"
    return [json.dumps(one.to_dict(exact=True), sort_keys=True) for one in loaded]


LIFE: Sequence[dict[str, Any]] = (
    {},
    {"cursor": "post"},
    {"waiting": signal(), "next_due": after(5)},
    {"waiting": sleep(after(9))},
    {},
    ended(),
)
"""What the row of a mission shows after its commits, from the first to the last: it runs, reminds, sleeps, and ends."""
