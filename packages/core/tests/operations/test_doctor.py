"""What is stored beside histories goes with them, or is found not to; and what else is wrong with missions."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import attrs
import pytest

from mission_control.core import MissionDefinition, MissionStatus, RetryPolicy, m
from mission_control.core.errors import CorruptMissionError
from mission_control.core.history import PassedOver
from mission_control.core.machine import Cancel, Start
from mission_control.core.operations import Finding, examine, right_rows, rows_of
from mission_control.core.schedules import Spec, StoredSchedule

from ..machine.conftest import NOW, Driver
from ..machine.unrun import run
from .judged import Missions

YEAR = timedelta(days=365)
ORDER: MissionDefinition[Any] = m.define("order").start(input=int, run=run).need_to("go", int).end()
FORKED: MissionDefinition[Any] = (
    m.define("forked")
    .start(input=int, run=run)
    .parallel("p", {"a": m.path().need_to("one", int), "b": m.path().need_to("two", int, timeout=60)})
    .end()
)


def waiting(definition: MissionDefinition[Any] = ORDER) -> Driver:
    it = Driver(definition)
    it.begin()
    return it


def stored(*missions: Driver) -> Missions:
    known = Missions()
    for number, it in enumerate(missions):
        assert it.definition is not None
        known.add(f"x{number}", it.history, it.definition)
    return known


def found(
    missions: Missions, *definitions: MissionDefinition[Any], at: Any = NOW, progress: Any = None
) -> list[Finding]:
    async def run_through() -> list[Finding]:
        known = {definition.name: definition for definition in definitions}
        return [finding async for finding in examine(missions.port(), known, at, progress)]

    return asyncio.run(run_through())


def only_finding(missions: Missions, *definitions: MissionDefinition[Any], at: Any = NOW) -> tuple[Any, str, str]:
    (finding,) = found(missions, *definitions, at=at)
    assert not finding.repaired
    return finding.mission_id, finding.kind, finding.message


def test_missions_that_are_as_they_should_be_are_no_findings() -> None:
    """Those that wait, run, back off, stand on live paths, and have ended."""
    running, ended = Driver(ORDER), waiting()
    running.go(Start("order", 5, None))
    ended.go(Cancel("no more", at_once=True))
    patient = (
        m.define("patient").start(input=int, run=run, retry=RetryPolicy(max_attempts=3, initial_interval=60)).end()
    )
    trying = Driver(patient)
    trying.go(Start("patient", 5, None))
    trying.fail("start", is_retryable=True)

    assert found(stored(waiting(), running, ended, trying, waiting(FORKED)), ORDER, FORKED, patient) == []


def test_history_that_does_not_fold_is_found() -> None:
    """Its error says where; nothing else is said of that mission, and the others are looked at."""
    missions = stored(waiting(), waiting(), waiting(), waiting())
    missions.broken["x0"] = CorruptMissionError("mission 'x0': broken JSON")
    missions.broken["x1"] = missions.histories["x1"][1:]
    missions.broken["x2"] = ()

    messages = [(one.mission_id, one.kind, one.message) for one in found(missions, ORDER)]

    assert [(mission_id, kind) for mission_id, kind, _ in messages] == [(f"x{n}", "corrupt history") for n in range(3)]
    assert messages[0][2] == "mission 'x0': broken JSON"
    assert "record 1 was expected" in messages[1][2]
    assert messages[2][2] == "mission 'x2': it has a row and no history; restore that from a backup"


@pytest.mark.parametrize(
    ("summary", "rows", "message"),
    [
        (
            {"status": MissionStatus.RUNNING},
            {},
            "status is stored as 'running', and its history says 'waiting'",
        ),
        ({"cursor": None}, {}, "cursor is stored as None, and its history says 'go'"),
        (
            {"next_due": NOW},
            {},
            "next_due is stored as 2024-02-29T12:00:00.000000+00:00, and its history says None",
        ),
        (
            {"paused": True, "cursor": "x"},
            {},
            "cursor is stored as 'x', and its history says 'go'; paused is stored as True, and its history says False",
        ),
        ({}, {"version": 3}, "version is stored as 3, and its history says 5"),
        ({}, {"ran_under": None}, f"ran_under is stored as None, and its history says '{ORDER.fingerprint}'"),
        ({}, {"waits": ()}, "the wait 'go' is open, and is not stored"),
    ],
)
def test_rows_that_differ_from_the_history_are_found(
    summary: dict[str, Any], rows: dict[str, Any], message: str
) -> None:
    """The message says what is stored, and what should be."""
    it = waiting()
    missions = stored(it)
    right = rows_of(it.state)
    changed = attrs.evolve(right.summary, mission_id="x0", **summary)
    missions.stored_rows["x0"] = attrs.evolve(right_of(missions), summary=changed, **rows)

    assert only_finding(missions, ORDER) == ("x0", "wrong rows", f"mission 'x0': {message}")


def right_of(missions: Missions) -> Any:
    """Return what should be stored of the first mission."""
    (mission,) = asyncio.run(missions.audit(limit=1, after=None))
    return mission.rows


def test_waits_that_are_not_open_are_found_whatever_their_order() -> None:
    """Each is compared by its instance."""
    missions = stored(waiting(FORKED))
    one, two = right_of(missions).waits
    missions.stored_rows["x0"] = attrs.evolve(right_of(missions), waits=(two, one))
    assert found(missions, FORKED) == []

    moved = attrs.evolve(two, timeout_at=None)
    other = attrs.evolve(one, event_name="p/c/three")
    missions.stored_rows["x0"] = attrs.evolve(right_of(missions), waits=(moved, one, other))

    assert only_finding(missions, FORKED)[2] == (
        "mission 'x0': timeout_at of the wait 'p/b/two' is stored as None, and its history says "
        "2024-02-29T12:01:00.000000+00:00; the wait 'p/c/three' is stored as open, and is not"
    )


def test_row_that_cannot_be_read_is_a_wrong_one() -> None:
    """Its history says what it should be."""
    missions = stored(waiting())
    missions.stored_rows["x0"] = CorruptMissionError("no JSON")

    assert only_finding(missions, ORDER) == ("x0", "wrong rows", "mission 'x0': its row cannot be read (no JSON)")


def test_only_rows_that_are_wrong_are_made_right() -> None:
    """A history that does not fold says nothing of them."""
    missions = stored(waiting())
    (mission,) = asyncio.run(missions.audit(limit=1, after=None))
    wrong = attrs.evolve(mission, rows=attrs.evolve(right_of(missions), version=3))

    assert right_rows(mission) is None
    assert right_rows(wrong) == mission.rows
    assert right_rows(attrs.evolve(wrong, history=())) is None


def test_mission_without_a_registered_definition_is_found_unless_it_has_ended() -> None:
    """It stays as it is until there is one."""
    ended = waiting()
    ended.go(Cancel(None, at_once=True))

    assert only_finding(stored(waiting(), ended)) == (
        "x0",
        "not registered",
        "mission 'x0': no definition of the name 'order' is registered; register it, or cancel the mission",
    )


def test_mission_that_its_definition_cannot_carry_is_found() -> None:
    """By place, and by what is stored of it."""
    other = m.define("order").start(input=int, run=run).end()
    typed = m.define("order").start(input=str, run=run).need_to("go", int).end()

    mission_id, kind, message = only_finding(stored(waiting()), other)
    assert (mission_id, kind) == ("x0", "stranded")
    assert "it stands on the need_to 'go', and the definition has no node of that name" in message

    assert only_finding(stored(waiting()), typed)[1] == "stranded"


def test_wait_without_a_deadline_is_found_after_a_year() -> None:
    """One that has a deadline is not, and each open one is."""
    assert found(stored(waiting()), ORDER, at=NOW + YEAR) == []

    assert only_finding(stored(waiting(FORKED)), FORKED, at=NOW + YEAR + timedelta(seconds=1)) == (
        "x0",
        "old wait",
        (
            "mission 'x0' has waited for 'p/a/one' since 2024-02-29T12:00:00.000000+00:00, and has no deadline: "
            "send the signal, or cancel the mission"
        ),
    )


SCHEDULE = StoredSchedule(
    name="nightly",
    mission_name="report",
    spec=Spec(cron=None, every=60, time_zone="UTC", starts_at=None),
    decided=NOW,
    next_slot=NOW,
    passed_over=(PassedOver(NOW, NOW, 1, "missed"), PassedOver(NOW, NOW + timedelta(minutes=2), 3, "failed")),
)


def test_schedule_whose_last_slots_failed_is_found() -> None:
    """It is of no mission."""
    missions = Missions(schedules=[SCHEDULE])

    assert only_finding(missions) == (
        None,
        "failing schedule",
        (
            "schedule 'nightly': its last slots, 3 from 2024-02-29T12:00:00.000000+00:00 to "
            "2024-02-29T12:02:00.000000+00:00, started no mission, since the function that makes the input of 'report' "
            "failed; see the log"
        ),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"passed_over": ()},
        {"passed_over": SCHEDULE.passed_over[::-1]},
        {"last_slot": NOW + timedelta(minutes=3)},
        {"is_absent": True},
    ],
)
def test_schedule_that_fails_no_more_is_none(changes: dict[str, Any]) -> None:
    """Its last slots were passed over for other reasons, or started missions, or nobody defines it any more."""
    assert found(Missions(schedules=[attrs.evolve(SCHEDULE, **changes)])) == []


def test_progress_is_told_of_all_missions() -> None:
    """How many are done, and how many there are."""
    told: list[tuple[int, int]] = []
    missions = stored(*(waiting() for _ in range(70)))

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    assert found(missions, ORDER, progress=tell) == []
    assert told == [(32, 70), (64, 70), (70, 70)]


def test_others_have_their_turns_meanwhile() -> None:
    """However many missions there are: the loop goes on."""

    async def beside() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        async for _ in examine(missions.port(), {"order": ORDER}, NOW, None):
            pass
        counting.cancel()
        return turns

    missions = stored(*(waiting() for _ in range(3_000)))
    assert asyncio.run(beside()) > 1


def test_finding_is_json_for_machines() -> None:
    """As every record."""
    assert Finding(mission_id=None, kind="old wait", message="m").to_dict() == {
        "mission_id": None,
        "kind": "old wait",
        "message": "m",
        "repaired": False,
    }
