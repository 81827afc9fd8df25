"""The views for people, as SQLite shows them."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from mission_control.core import (
    HistoryRecord,
    HistoryType,
    MissionFailure,
    MissionStatus,
    PassedOver,
    PersistenceAdapter,
)
from mission_control.core.history.records import Wait, iso
from mission_control.testing.conformance.missions import (
    START,
    adds,
    after,
    child,
    child_end,
    commit,
    ended,
    record,
    retry,
    schedule,
    signal,
    sleep,
    wait,
)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)


async def test_waiting_missions_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see which missions wait, for what and until when."""
    await commit(adapter, adds("m-1", waiting=signal()), adds("m-2", waiting=sleep(after(9))), adds("m-3"))
    await commit(adapter, adds("m-4", waiting=retry(after(7))))
    found = query(path, "SELECT mission_id, wait_kind, waits_for, due_at, attempt_number FROM waiting_missions")
    assert found == [
        ("m-1", "signal", "approval", None, None),
        ("m-2", "sleep", "cooldown", iso(after(9)), None),
        ("m-4", "retry", "pack", iso(after(7)), 2),
    ]


async def test_a_mission_that_runs_is_not_among_the_waiting_ones(adapter: PersistenceAdapter, path: Path) -> None:
    """What it waits for beside what runs is on its row all the same."""
    await commit(adapter, adds("m-1", next_wait=sleep(after(9))))
    assert query(path, "SELECT * FROM waiting_missions") == []
    found = query(path, "SELECT status, wait_kind, waits_for, due_at FROM all_missions")
    assert found == [("running", "sleep", "cooldown", iso(after(9)))]


async def test_open_waits_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see every open wait for a signal, where it is, since when and until when."""
    opened = [wait("m-1", "checks[3]/legal/approval", 2, timeout_at=after(60)), wait("m-1", "é")]
    gone = wait("m-1", "gone")
    await commit(adapter, adds("m-1", opened=[*opened, gone]))
    await commit(adapter, adds("m-1", version=1, closed=[gone]), adds("m-2", waiting=signal()))
    assert query(path, "SELECT * FROM open_waits ORDER BY since") == [
        ("m-1", "order", "é", None, iso(after(1)), None),
        ("m-1", "order", "checks[3]/legal/approval", "checks[3]/legal", iso(after(2)), iso(after(60))),
    ]


WAITS = [
    (HistoryType.WAITING_FOR_SIGNAL, signal()),
    (HistoryType.TIMER_SCHEDULED, sleep(after(90))),
    (HistoryType.STEP_RETRY_SCHEDULED, retry(after(90))),
    (HistoryType.CHILD_STARTED, child_end("m-1")),
]


@pytest.mark.parametrize(("kind", "waiting"), WAITS)
async def test_a_mission_waits_since_its_wait_began(
    adapter: PersistenceAdapter, path: Path, kind: HistoryType, waiting: Wait
) -> None:
    """What happens during a wait, such as an update or another wait, does not move its beginning."""
    before = record(1, {}, type=HistoryType.WAITING_FOR_SIGNAL, event_name="approval")
    received = record(2, {}, type=HistoryType.SIGNAL_RECEIVED, event_name="approval")
    begins = record(3, {}, type=kind, event_name=waiting.event_name)
    update = record(4, {}, type=HistoryType.MISSION_UPDATE, event_name="note", at=after(50))
    beside = record(5, {}, type=HistoryType.WAITING_FOR_SIGNAL, event_name="paths/other/answer", at=after(50))
    await commit(adapter, adds("m-1", records=[before]))
    await commit(adapter, adds("m-1", version=1, records=[received, begins], waiting=waiting))
    await commit(adapter, adds("m-1", version=3, records=[update, beside], waiting=waiting, updated_at=after(50)))
    assert query(path, "SELECT since FROM waiting_missions") == [(iso(after(3)),)]


async def test_all_missions_view(adapter: PersistenceAdapter, path: Path) -> None:
    """Each has what it waits for and failed of, whose child it is, its slot, its labels, whether it rests."""
    await commit(
        adapter,
        adds("m-1", schedule="nightly", slot=after(-9), labels={"employee": "e-17", "é": "x"}),
        adds("m-2", waiting=signal(), children=[child("m-2", "billing")]),
    )
    await commit(adapter, adds("m-3", **ended(MissionStatus.FAILED)), adds("m-4", paused=True))
    times, labels = (iso(START), iso(after(1))), r'{"employee":"e-17","\u00e9":"x"}'
    assert query(path, "SELECT * FROM all_missions") == [
        ("m-1", "order", "running", "pack", None, None, None, None, *times, None, "nightly", iso(after(-9)), labels, 0),
        ("m-2", "order", "waiting", "approval", "signal", "approval", None, None, *times, None, None, None, None, 0),
        ("m-2/billing", "order", "running", "pack", None, None, None, None, *times, "m-2", None, None, None, 0),
        ("m-3", "order", "failed", "pack", None, None, None, "ValueError: gone wrong", *times, *[None] * 4, 0),
        ("m-4", "order", "running", "pack", None, None, None, None, *times, *[None] * 4, 1),
    ]


async def test_all_schedules_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see every schedule, when it fires next, what it started last, and passed over; damage is empty."""
    passed = PassedOver(after(1), after(2), 2, "overlap")
    fires = schedule("a", last_slot=after(-60), last_mission_id="m-1", passed_over=(passed,))
    others = [schedule("b", is_paused=True), schedule("c", is_absent=True), schedule("d", next_slot=None)]
    await commit(adapter, attrs.evolve(adds("m-1"), schedule=fires))
    await adapter.record_schedules([*others, schedule("e")])
    query(path, "UPDATE schedules SET schedule = '{' WHERE name = 'e'")
    spec = ("0 2 * * *", None, "Europe/Berlin")
    started = (iso(after(-60)), "m-1", "running")
    passed_over = f'[["{iso(after(1))}","{iso(after(2))}",2,"overlap"]]'
    assert query(path, "SELECT * FROM all_schedules WHERE name = 'a'") == [
        ("a", "order", *spec, "active", iso(after(60)), None, *started, passed_over)
    ]
    assert query(path, "SELECT name, status, next_slot FROM all_schedules WHERE name > 'a'") == [
        *((name, status, None) for name, status in (("b", "paused"), ("c", "absent"), ("d", "ended"))),
        ("e", None, None),
    ]


async def test_failed_missions_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see the failed missions with code, class and message, also where no step failed."""
    timed_out = MissionFailure(message="no approval came", at=after(5), code="SIGNAL_TIMEOUT")
    await commit(
        adapter,
        adds("m-1", **ended(MissionStatus.FAILED)),
        adds("m-2", status=MissionStatus.FAILED, error=timed_out),
        adds("m-3", **ended(MissionStatus.CANCELLED)),
        adds("m-4", children=[child("m-4", "billing", **ended(MissionStatus.FAILED))]),
    )
    assert query(path, "SELECT * FROM failed_missions") == [
        ("m-1", "order", "STEP_FAILED", "ValueError", "gone wrong", iso(after(2)), None),
        ("m-2", "order", "SIGNAL_TIMEOUT", None, "no approval came", iso(after(5)), None),
        ("m-4/billing", "order", "STEP_FAILED", "ValueError", "gone wrong", iso(after(2)), "m-4"),
    ]


async def test_a_damaged_row_does_not_keep_a_view_from_being_read(adapter: PersistenceAdapter, path: Path) -> None:
    """The other missions are seen, and of the damaged one what is left."""
    await commit(adapter, adds("m-1", **ended(MissionStatus.FAILED)), adds("m-2", **ended(MissionStatus.FAILED)))
    change(path, "UPDATE missions SET error = '{' WHERE mission_id = 'm-1'")
    assert query(path, "SELECT mission_id, class FROM failed_missions") == [("m-1", None), ("m-2", "ValueError")]
    assert query(path, "SELECT mission_id, error FROM all_missions")[0] == ("m-1", None)


MESSAGES = [
    (os.fsdecode(b"caf\xe9.txt"), "caf\\udce9.txt"),
    ("\ud83d alone, and \U0001f680", "\\ud83d alone, and \\ud83d\\ude80"),
    ("\\ud800 as text, and \ud800", "\\ud800 as text, and \\ud800"),
    ("\\", "\\"),
    ("\U0001f680 and ü", "\U0001f680 and ü"),
]


@pytest.mark.parametrize(("message", "shown"), MESSAGES)
async def test_an_error_that_is_no_text_for_sqlite(
    adapter: PersistenceAdapter, path: Path, message: str, shown: str
) -> None:
    """Half of a surrogate pair, as in a file name that is not UTF-8, is shown as its escape in every view."""
    failure = MissionFailure(message=message, at=after(2), code="STEP_FAILED", type="KeyError")
    details = {"error": failure.to_dict(exact=True)}
    failed = record(2, details, type=HistoryType.STEP_FAILED, event_name="pack", attempt_number=1)
    started = record(1, {}, type=HistoryType.STEP_STARTED, event_name="pack", attempt_number=1)
    await commit(adapter, adds("m-1", records=[started, failed], status=MissionStatus.FAILED, error=failure))
    for view in ("step_attempts", "all_missions"):
        assert query(path, f"SELECT error FROM {view}") == [(f"KeyError: {shown}",)]
    assert query(path, "SELECT class, message FROM failed_missions") == [("KeyError", shown)]
    ((stored,),) = query(path, "SELECT details FROM mission_history WHERE seq = 2")
    assert json.loads(stored) == details


async def test_step_attempts_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see each attempt of a step, how it ended and why."""
    kinds: tuple[tuple[HistoryType, int, dict[str, Any]], ...] = (
        (HistoryType.STEP_STARTED, 1, {}),
        (HistoryType.STEP_FAILED, 1, {"error": {"message": "no paper", "code": "STEP_FAILED", "type": "a.Jam"}}),
        (HistoryType.STEP_STARTED, 2, {}),
        (HistoryType.STEP_INTERRUPTED, 2, {"reason": "closed"}),
        (HistoryType.STEP_STARTED, 3, {}),
        (HistoryType.STEP_SUCCEEDED, 3, {"output": 1}),
    )
    records = [
        record(seq, details, type=kind, event_name="pack", attempt_number=attempt)
        for seq, (kind, attempt, details) in enumerate(kinds, 1)
    ]
    running = record(7, type=HistoryType.STEP_STARTED, event_name="ship", attempt_number=1)
    await commit(adapter, adds("m-1", records=[*records, running]))
    found = query(path, "SELECT step_name, attempt_number, status, started_at, finished_at, error FROM step_attempts")
    assert found == [
        ("pack", 1, "failed", iso(after(1)), iso(after(2)), "a.Jam: no paper"),
        ("pack", 2, "interrupted", iso(after(3)), iso(after(4)), None),
        ("pack", 3, "succeeded", iso(after(5)), iso(after(6)), None),
        ("ship", 1, "running", iso(after(7)), None, None),
    ]


async def test_attempts_of_paths_that_run_side_by_side(adapter: PersistenceAdapter, path: Path) -> None:
    """Each attempt ends with the record of its own instance, whatever other paths recorded between."""
    kinds: tuple[tuple[HistoryType, str, int], ...] = (
        (HistoryType.STEP_STARTED, "devices[0]/wipe", 1),
        (HistoryType.STEP_STARTED, "devices[1]/wipe", 1),
        (HistoryType.STEP_INTERRUPTED, "devices[1]/wipe", 1),
        (HistoryType.STEP_STARTED, "devices[1]/wipe", 2),
        (HistoryType.STEP_SUCCEEDED, "devices[0]/wipe", 1),
        (HistoryType.STEP_STARTED, "undo:devices[0]/wipe", 1),
    )
    records = [
        record(seq, {}, type=one[0], event_name=one[1], attempt_number=one[2]) for seq, one in enumerate(kinds, 1)
    ]
    await commit(adapter, adds("m-1", records=records))
    found = query(path, "SELECT step_name, attempt_number, status, started_at, finished_at FROM step_attempts")
    assert found == [
        ("devices[0]/wipe", 1, "succeeded", iso(after(1)), iso(after(5))),
        ("devices[1]/wipe", 1, "interrupted", iso(after(2)), iso(after(3))),
        ("devices[1]/wipe", 2, "running", iso(after(4)), None),
        ("undo:devices[0]/wipe", 1, "running", iso(after(6)), None),
    ]


async def test_timers_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see each timer, when it was due and what became of it."""
    kinds = (
        (HistoryType.TIMER_SCHEDULED, "start_at"),
        (HistoryType.TIMER_FIRED, "start_at"),
        (HistoryType.STEP_RETRY_SCHEDULED, "pack"),
        (HistoryType.TIMER_FIRED, "pack"),
        (HistoryType.TIMER_SCHEDULED, "cooldown"),
        (HistoryType.MISSION_CANCELLED, "cooldown"),
    )
    records = [
        record(seq, {"due_at": iso(after(60))}, type=kind, event_name=name) for seq, (kind, name) in enumerate(kinds, 1)
    ]
    waiting = record(1, {"due_at": iso(after(60))}, type=HistoryType.TIMER_SCHEDULED, event_name="cooldown")
    await commit(adapter, adds("m-1", records=records, **ended(MissionStatus.CANCELLED)))
    await commit(adapter, adds("m-2", records=[waiting]))
    found = query(path, "SELECT mission_id, event_name, kind, status, scheduled_at, due_at, resumed_at FROM timers")
    assert found == [
        ("m-1", "start_at", "start_at", "completed", iso(after(1)), iso(after(60)), iso(after(2))),
        ("m-1", "pack", "retry", "completed", iso(after(3)), iso(after(60)), iso(after(4))),
        ("m-1", "cooldown", "sleep", "cancelled", iso(after(5)), iso(after(60)), None),
        ("m-2", "cooldown", "sleep", "scheduled", iso(after(1)), iso(after(60)), None),
    ]


def timer(seq: int, kind: HistoryType, name: str) -> HistoryRecord:
    """Return a record of a timer, or of what ends it."""
    return record(seq, {"due_at": iso(after(60))}, type=kind, event_name=name)


async def timers(adapter: PersistenceAdapter, path: Path, *told: tuple[HistoryType, str], **row: Any) -> dict[str, str]:
    """Commit a history, each record alone, and return the timers in it, with what became of each."""
    last = len(told) - 1
    for version, (kind, name) in enumerate(told):
        fields = row if version == last else {}
        await commit(adapter, adds("m-1", version=version, records=[timer(version + 1, kind, name)], **fields))
    return dict(query(path, "SELECT event_name, status FROM timers"))


SLEEPS, BACKS_OFF, FIRES, STOPPED = (
    HistoryType.TIMER_SCHEDULED,
    HistoryType.STEP_RETRY_SCHEDULED,
    HistoryType.TIMER_FIRED,
    HistoryType.PATH_STOPPED,
)


async def test_timers_of_paths_that_run_side_by_side(adapter: PersistenceAdapter, path: Path) -> None:
    """Each timer ends with the record of its own instance, and one of an instance may follow another."""
    found = await timers(
        adapter,
        path,
        (BACKS_OFF, "devices[0]/wipe"),
        (SLEEPS, "devices[1]/rest"),
        (FIRES, "devices[0]/wipe"),
        (SLEEPS, "survey[0]"),
    )
    assert found == {"devices[0]/wipe": "completed", "devices[1]/rest": "scheduled", "survey[0]": "scheduled"}


async def test_a_path_that_is_stopped_ends_its_timers(adapter: PersistenceAdapter, path: Path) -> None:
    """All within it, however deep, and no others: not of paths whose text only begins alike, nor what has fired."""
    found = await timers(
        adapter,
        path,
        (SLEEPS, "devices[1]/rest"),
        (SLEEPS, "devices[1]/kind/office/rest"),
        (FIRES, "devices[1]/kind/office/rest"),
        (BACKS_OFF, "devices[1]/kind/office/wipe"),
        (SLEEPS, "devices[10]/rest"),
        (STOPPED, "devices[1]"),
        (SLEEPS, "rounds[1]/paths/a/rest"),
        (STOPPED, "rounds[0]/paths/a"),
        (STOPPED, "rounds[1]/paths/b"),
    )
    assert found == {
        "devices[1]/rest": "cancelled",
        "devices[1]/kind/office/rest": "completed",
        "devices[1]/kind/office/wipe": "cancelled",
        "devices[10]/rest": "scheduled",
        "rounds[1]/paths/a/rest": "scheduled",
    }


async def test_a_path_that_is_stopped_in_the_commit_that_began_its_timer(
    adapter: PersistenceAdapter, path: Path
) -> None:
    """What is recorded behind the timer counts, within its commit too, and what is before it does not."""
    kinds = ((STOPPED, "race/a"), (SLEEPS, "race/a/rest"), (SLEEPS, "race/b/rest"), (STOPPED, "race/b"))
    await commit(adapter, adds("m-1", records=[timer(seq, *one) for seq, one in enumerate(kinds, 1)]))
    found = query(path, "SELECT event_name, status FROM timers")
    assert found == [("race/a/rest", "scheduled"), ("race/b/rest", "cancelled")]


@pytest.mark.parametrize("end", [HistoryType.SIGNAL_RECEIVED, HistoryType.SIGNAL_TIMED_OUT])
async def test_a_wait_that_ends_ends_its_reminders_backoff(
    adapter: PersistenceAdapter, path: Path, end: HistoryType
) -> None:
    """A reminder that waited for its next attempt gets none, and what else is on a path of that name goes on."""
    found = await timers(
        adapter,
        path,
        (BACKS_OFF, "signed/reminder[0]"),
        (BACKS_OFF, "other/reminder[0]"),
        (SLEEPS, "signed/timeout/rest"),
        (end, "signed"),
    )
    assert found == {
        "signed/reminder[0]": "cancelled",
        "other/reminder[0]": "scheduled",
        "signed/timeout/rest": "scheduled",
    }


@pytest.mark.parametrize("status", [MissionStatus.CANCELLED, MissionStatus.FAILED])
async def test_an_ended_mission_has_no_open_timers(
    adapter: PersistenceAdapter, path: Path, status: MissionStatus
) -> None:
    """What was still scheduled never fires."""
    told = ((SLEEPS, "cooldown"), (SLEEPS, "paths/a/rest"), (FIRES, "paths/a/rest"))
    assert await timers(adapter, path, *told, **ended(status)) == {"cooldown": "cancelled", "paths/a/rest": "completed"}


async def test_a_mission_that_is_undone_has_timers_of_its_undos_alone(adapter: PersistenceAdapter, path: Path) -> None:
    """While its steps are undone nothing else of it fires."""
    told = ((SLEEPS, "cooldown"), (BACKS_OFF, "undo:devices[0]/wipe"))
    error = ended(MissionStatus.FAILED)["error"]
    waiting = attrs.evolve(retry(after(60)), event_name="undo:devices[0]/wipe")
    found = await timers(adapter, path, *told, waiting=waiting, error=error)
    assert found == {"cooldown": "cancelled", "undo:devices[0]/wipe": "scheduled"}


async def test_a_mission_that_backs_off_has_its_timers_and_has_not_failed(
    adapter: PersistenceAdapter, path: Path
) -> None:
    """It bears the error of its step, and will try it again."""
    told = ((SLEEPS, "paths/a/rest"), (BACKS_OFF, "pack"))
    found = await timers(adapter, path, *told, waiting=retry(after(60)), error=ended(MissionStatus.FAILED)["error"])
    assert found == {"paths/a/rest": "scheduled", "pack": "scheduled"}
    assert query(path, "SELECT * FROM failed_missions") == []
    assert query(path, "SELECT status, error FROM all_missions") == [("waiting", "ValueError: gone wrong")]


async def test_a_step_that_is_skipped_is_not_tried_again(adapter: PersistenceAdapter, path: Path) -> None:
    """Its backoff is over, and others are not."""
    told = ((BACKS_OFF, "paths/a/pack"), (SLEEPS, "paths/b/rest"), (HistoryType.STEP_SKIPPED, "paths/a/pack"))
    assert await timers(adapter, path, *told) == {"paths/a/pack": "cancelled", "paths/b/rest": "scheduled"}


async def test_a_mission_that_is_reopened_begins_its_timers_anew(adapter: PersistenceAdapter, path: Path) -> None:
    """What was scheduled before its end does not fire; the history goes on, and tells each timer."""
    told = [(SLEEPS, "cooldown"), (SLEEPS, "paths/a/rest"), (HistoryType.MISSION_FAILED, "pack")]
    told += [(HistoryType.MISSION_REOPENED, "pack"), (SLEEPS, "cooldown")]
    for version, (kind, name) in enumerate(told):
        await commit(adapter, adds("m-1", version=version, records=[timer(version + 1, kind, name)]))
    found = query(path, "SELECT event_name, status FROM timers")
    assert found == [("cooldown", "cancelled"), ("paths/a/rest", "cancelled"), ("cooldown", "scheduled")]


PATHS = [
    ("pack", HistoryType.STEP_STARTED, None),
    (None, HistoryType.MISSION_CREATED, None),
    ("survey[0]", HistoryType.TIMER_SCHEDULED, None),
    ("prepare/it/create-account", HistoryType.STEP_STARTED, "prepare/it"),
    ("undo:prepare/it/create-account", HistoryType.STEP_FAILED, "prepare/it"),
    ("undo:pack", HistoryType.STEP_FAILED, None),
    ("devices[3]", HistoryType.PATH_STOPPED, "devices[3]"),
    ("prepare/it", HistoryType.PATH_COMPLETED, "prepare/it"),
    ("devices[3]/inner/a", HistoryType.PATH_FAILED, "devices[3]/inner/a"),
    ("signed/reminder[2]", HistoryType.STEP_SUCCEEDED, "signed"),
    ("/", HistoryType.STEP_STARTED, None),
    ("a//b", HistoryType.STEP_STARTED, "a/"),
]


@pytest.mark.parametrize(("name", "kind", "text"), PATHS)
async def test_the_path_of_a_record(
    adapter: PersistenceAdapter, path: Path, name: str | None, kind: HistoryType, text: str | None
) -> None:
    """A record is shown with the path that it says it happened in."""
    one = record(1, {}, type=kind, event_name=name)
    await commit(adapter, adds("m-1", records=[one]))
    assert query(path, "SELECT path FROM mission_history") == [(text,)] == [(one.path,)]


async def test_mission_history_view(adapter: PersistenceAdapter, path: Path) -> None:
    """People see the records under the mission's id, and empty details as nothing."""
    await commit(adapter, adds("m-1", records=[record(1, {}), record(2, {"output": "ä"})]))
    found = query(path, "SELECT mission_id, mission_name, seq, details FROM mission_history")
    assert found == [("m-1", "order", 1, None), ("m-1", "order", 2, '{"output":"\\u00e4"}')]
