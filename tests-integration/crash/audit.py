"""The audit: whether what the database says is whole, and agrees with what callers and the world have seen."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import attrs

from crash.families import disagreements_of_families, missteps_of_paths, missteps_of_undoing
from crash.ledger import Entry, read_ledger
from mission_control.adapter_sqlite import open_mission_reader
from mission_control.core import HistoryRecord, MissionInspection, MissionStatus, PersistenceError
from mission_control.core.machine import load

Histories = dict[str, tuple[HistoryRecord, ...]]


@attrs.define
class Findings:
    """What the audit has counted, and everything that is not as it was promised, a line each."""

    counts: Counter[str] = attrs.field(factory=Counter[str])
    problems: list[str] = attrs.field(factory=list[str])


async def read_histories(folder: Path) -> Histories:
    """Return the histories as they are now, in a database that a killed process may have left behind, or not yet.

    One that was killed before its first commit leaves an empty file, which the next one prepares.
    """
    database = folder / "missions.db"
    if not database.exists() or _is_empty(database):
        return {}
    async with open_mission_reader(database) as reader:
        inspections = [await reader.inspect_mission(summary.mission_id) async for summary in reader.iter_missions()]
        return {one.snapshot.mission_id: one.history for one in inspections if one is not None}


def _is_empty(database: Path) -> bool:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


async def audit(folder: Path, seen: Sequence[Histories]) -> Findings:
    """Hold the database against the ledger, and against the histories that were seen after earlier kills."""
    findings = Findings()
    findings.problems += _integrity(folder / "missions.db")
    async with open_mission_reader(folder / "missions.db") as reader:
        found: dict[str, MissionInspection] = {}
        async for summary in reader.iter_missions():
            try:
                inspection = await reader.inspect_mission(summary.mission_id)
                assert inspection is not None  # it is listed
                found[summary.mission_id] = inspection
                state = load(summary.mission_id, inspection.history)
            except PersistenceError as error:
                findings.problems.append(str(error))
            else:
                if state.summary() != summary:
                    findings.problems.append(f"{summary.mission_id}: its row is not what its history folds to")
    entries = tuple(read_ledger(folder / "ledger.jsonl"))
    findings.problems += _losses(found, entries, seen)
    for inspection in found.values():
        findings.problems += missteps(inspection)
    findings.problems += _disagreements(found, entries)
    findings.problems += disagreements_of_families(found)
    _count(findings.counts, found.values(), entries)
    return findings


def _integrity(database: Path) -> Iterator[str]:
    with closing(sqlite3.connect(database)) as connection:
        for (line,) in connection.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"integrity_check: {line}"


def _losses(found: dict[str, MissionInspection], entries: Iterable[Entry], seen: Iterable[Histories]) -> Iterator[str]:
    for entry in entries:
        if entry.kind == "accepted" and entry.mission_id not in found:
            yield f"{entry.mission_id}: it was accepted, and is lost"
    for histories in seen:
        for mission_id, history in histories.items():
            now = found[mission_id].history if mission_id in found else ()
            if now[: len(history)] != history:
                yield f"{mission_id}: records that were durable after a kill are lost or changed"


def missteps(inspection: MissionInspection) -> Iterator[str]:
    """Where a mission is not at its end, or its history tells of what must not be."""
    mission_id, history = inspection.snapshot.mission_id, inspection.history
    if not inspection.snapshot.status.is_terminal:
        yield f"{mission_id}: it has not ended: {inspection.snapshot.status}, {inspection.snapshot.waiting}"
    if [record.seq for record in history] != list(range(1, len(history) + 1)):
        yield f"{mission_id}: its history has gaps"
    if any(after.at < before.at for before, after in pairwise(history)):
        yield f"{mission_id}: its times decrease"
    received = Counter(record.event_name for record in history if record.type == "signal-received")
    for signal, times in received.items():
        if times > 1:
            yield f"{mission_id}: the signal {signal} was applied {times} times"
    for problem in (
        *_missteps_of_steps(history),
        *missteps_of_paths(history),
        *missteps_of_undoing(inspection),
    ):
        yield f"{mission_id}: {problem}"


def _missteps_of_steps(history: Iterable[HistoryRecord]) -> Iterator[str]:
    attempts: defaultdict[str | None, list[int | None]] = defaultdict(list[int | None])
    succeeded: set[str | None] = set()
    for record in history:
        if record.type == "step-started":
            attempts[record.event_name].append(record.attempt_number)
            if record.event_name in succeeded:
                yield f"{record.event_name} had succeeded, and ran again"
        elif record.type == "step-succeeded":
            succeeded.add(record.event_name)
    for step, numbers in attempts.items():
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"the attempts of {step} are numbered {numbers}"


def _disagreements(found: dict[str, MissionInspection], entries: Sequence[Entry]) -> Iterator[str]:
    """Where the ledger says one thing and a history another."""
    effects = Counter((entry.mission_id, entry.subject, entry.token) for entry in entries if entry.kind == "effect")
    attempts = {
        (one.snapshot.mission_id, attempt.step_name, attempt.attempt_number): attempt.status
        for one in found.values()
        for attempt in one.step_attempts
    }
    for effect, times in effects.items():
        if times > 1:
            yield f"{effect}: the attempt ran {times} times"
        if effect not in attempts:
            yield f"{effect}: the attempt ran and is not on record"
    for attempt, status in attempts.items():
        if status in ("succeeded", "failed") and attempt not in effects:
            yield f"{attempt}: it has {status}, and never ran"
    for entry in entries:
        if entry.mission_id in found:
            yield from _broken_promises(found[entry.mission_id], entry)


def _broken_promises(inspection: MissionInspection, entry: Entry) -> Iterator[str]:
    if entry.kind == "signalled":
        payloads = [signal.payload for signal in inspection.signals if signal.event_name == entry.subject]
        if payloads != [entry.token]:
            yield f"{entry.mission_id}: {entry.subject} was taken with {entry.token!r}, and has {payloads}"
    elif entry.kind == "updated":
        tokens = [record.details["input"] for record in inspection.history if record.type == "mission-update"]
        if tokens.count(entry.token) != 1:
            yield f"{entry.mission_id}: the update {entry.token!r} was made, and is there {tokens.count(entry.token)} x"
    elif entry.kind == "cancelled" and inspection.snapshot.status is not MissionStatus.CANCELLED:
        yield f"{entry.mission_id}: it was cancelled, and is {inspection.snapshot.status}"


def _count(counts: Counter[str], inspections: Iterable[MissionInspection], entries: Iterable[Entry]) -> None:
    for inspection in inspections:
        counts["missions"] += 1
        counts[f"missions {inspection.snapshot.status}"] += 1
        counts["records"] += len(inspection.history)
        counts["attempts"] += len(inspection.step_attempts)
        counts["attempts interrupted by a kill"] += sum(
            record.type == "step-interrupted" and record.details["reason"] == "process ended"
            for record in inspection.history
        )
        counts["signals applied"] += len(inspection.signals)
        counts["timers fired"] += sum(timer.status == "completed" for timer in inspection.timers)
        counts["child missions"] += inspection.snapshot.parent_id is not None
        counts["paths"] += sum(record.type.startswith("path-") for record in inspection.history)
        counts["paths stopped"] += sum(record.type == "path-stopped" for record in inspection.history)
        counts["missions undone"] += any(record.type == "mission-undoing" for record in inspection.history)
        counts["reminders"] += sum("/reminder[" in attempt.step_name for attempt in inspection.step_attempts)
        counts["updates"] += sum(record.type == "mission-update" for record in inspection.history)
    counts["side effects"] = sum(entry.kind == "effect" for entry in entries)
