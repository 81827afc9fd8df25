"""Core's methods, for callers that wait. Written by `hatch run clients --write` from core's: change those."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from mission_control.core import (
    DeployPlan,
    Finding,
    MissionDefinition,
    MissionSnapshot,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    Operations,
    Owner,
    Schedules,
    ScheduleSummary,
    Standing,
)

from .waiting import Waiting


class BlockingSchedules(Waiting[Schedules]):
    """The schedules of a client, for callers that wait: shows them, and changes what they do.

    What is raised is what `Schedules` raises, and `CommanderClosedError` once the client is closed.
    """

    __slots__ = ()

    def list(self) -> builtins.list[ScheduleSummary]:
        """Return all schedules that storage knows, by name, also those that the code no longer names."""
        return self._ask(self._asked.list)

    def pause(self, name: str, /, *, by: str | None = None) -> None:
        """Let a schedule start nothing but what is triggered and backfilled. A second call does nothing."""
        return self._ask(self._asked.pause, name, by=by)

    def resume(self, name: str, /, *, by: str | None = None) -> None:
        """Let a paused schedule fire again; slots that came meanwhile stay passed over. A second call does nothing."""
        return self._ask(self._asked.resume, name, by=by)

    def trigger(self, name: str, /, *, by: str | None = None) -> str:
        """Start a mission of a schedule now, whatever its other missions do, and return that mission's id."""
        return self._ask(self._asked.trigger, name, by=by)

    def backfill(self, name: str, /, *, since: datetime, until: datetime, by: str | None = None) -> builtins.list[str]:
        """Start the missions of all slots from `since` on and before `until` (aware), and return their ids.

        At most 10,000 of them. Missions that exist are left alone, and their ids are returned with the others. Raises
        `ValueError` for more slots, for a naive instant, and for an `until` that lies before `since`.
        """
        return self._ask(self._asked.backfill, name, since=since, until=until, by=by)


class BlockingOperations(Waiting[Operations]):
    """What an operator does with the missions of a client, for callers that wait.

    What is raised is what `Operations` raises, and `CommanderClosedError` once the client is closed.
    """

    __slots__ = ()

    def reopen_mission(self, mission_id: str, /, *, step: str | None = None, by: str | None = None) -> MissionSnapshot:
        """Let a mission that has failed or was cancelled go on, and return its state.

        Without `step` each path that the end stopped goes on at its node; where steps were undone, the mission goes on
        at the earliest of them on the main line instead. `step` names a node of the main line, a construct as a whole,
        from which on everything is done anew, also of a completed mission: what was recorded since that node began is
        forgotten by the mission, signals and their keys included, and stays in its history.

        Attempts are numbered on, failures count anew, and waits begin anew. A child mission that failed or was
        cancelled is reopened with the node that waits for it, and one that has completed gives its output.

        Raises `MissionTerminalError` for a completed mission without `step`, and `MissionExecutionError` for a mission
        that has not ended, and for a step that the main line does not have or that has not begun.
        """
        return self._ask(self._asked.reopen_mission, mission_id, step=step, by=by)

    def pause_mission(self, mission_id: str, /, *, by: str | None = None) -> MissionSnapshot:
        """Let nothing of a mission begin or fire any more, and return its state.

        What runs is left to end, and signals and updates are taken as always. Its children are not paused. Cancelling
        ends the pause. A second call does nothing; a mission that has ended is a `MissionTerminalError`.
        """
        return self._ask(self._asked.pause_mission, mission_id, by=by)

    def resume_mission(self, mission_id: str, /, *, by: str | None = None) -> MissionSnapshot:
        """Let a paused mission go on, and return its state. What is overdue happens at once.

        A mission that is not paused is left alone; one that has ended is a `MissionTerminalError`.
        """
        return self._ask(self._asked.resume_mission, mission_id, by=by)

    def wake_mission(self, mission_id: str, /, *, path: str | None = None, by: str | None = None) -> MissionSnapshot:
        """End the backoff, the sleep or the delayed start that a mission waits for, and return its state.

        `path` is the place of the wait, as its position or its record has it; it is needed where several wait. Raises
        `MissionExecutionError` where nothing waits for a time there, as one that waits for a signal. A paused mission
        goes on from there when it is resumed.
        """
        return self._ask(self._asked.wake_mission, mission_id, path=path, by=by)

    def skip_step(
        self, mission_id: str, /, *, output: object, step: str | None = None, by: str | None = None
    ) -> MissionSnapshot:
        """Let a mission that has failed, or backs off, go on as if its step had returned `output`; return its state.

        `output` is what the step returns, typed or in its JSON form. `step` is the instance name, needed where more
        than one stands. Raises `MissionValidationError` for an output that does not fit, and `MissionExecutionError`
        where no such step failed, as a wait, which cannot be skipped. A paused mission goes on from there when it is
        resumed.
        """
        return self._ask(self._asked.skip_step, mission_id, output=output, step=step, by=by)

    def export_mission(self, mission_id: str, /) -> dict[str, Any]:
        """Return everything that is stored of a mission as JSON-ready values: its definitions' forms, and its history.

        Its children are exported by themselves.
        """
        return self._ask(self._asked.export_mission, mission_id)

    def import_mission(self, form: object, /, *, mission_id: str | None = None) -> MissionSnapshot:
        """Take in a mission that was exported, under another id where one is given, and return its state.

        One that has not ended is paused; resume it where it is to go on here. Raises `ValueError` for a form that is
        none, is of a newer release, does not fold, or has a definition's form whose fingerprint is not its own, and
        `MissionAlreadyExistsError` for an id that is in use.
        """
        return self._ask(self._asked.import_mission, form, mission_id=mission_id)

    def owner(self) -> Owner | None:
        """Return who runs the missions: of a commander this process, else who owns the storage now, or None.

        An owner that does not listen yet, or any more, is known on Linux alone; elsewhere a lock cannot be looked at
        without taking it.
        """
        return self._ask(self._asked.owner)

    def change_token(self) -> str:
        """Return a text that is another one after anything was committed, and the same while nothing was.

        For a view that is to be read again when something has happened: take the token first, then read. It costs
        next to nothing, takes no lock, and leaves nothing behind. When an owner opens or closes the storage it may be
        another one although nothing was committed.
        """
        return self._ask(self._asked.change_token)

    def list_due(
        self, *, until: datetime | None = None, limit: int = 100, after: str | None = None
    ) -> list[MissionSummary]:
        """Return up to `limit` missions that go on by themselves, the earliest first, by `next_due` and then by id.

        That are sleeps, backoffs and delayed starts, deadlines of waits, and reminders, those that are overdue too; not
        what is paused. With `until` (aware) those alone that are due then or earlier. `after` is the id of the last one
        seen: where that is due no longer, it stands where its last change puts it.
        """
        return self._ask(self._asked.list_due, until=until, limit=limit, after=after)

    def purge_missions(
        self,
        *,
        ended_before: datetime,
        status: MissionStatus | Iterable[MissionStatus] | None = None,
        mission_name: str | None = None,
        limit: int | None = None,
    ) -> int:
        """Delete missions that ended before an instant (aware), with all that is theirs, and return how many.

        Only those of one of these statuses, and of that name, where given. Children go with their parents, and never
        before, when all of the family have ended. At most `limit` are deleted, and with them what is left of a family.
        Raises `ValueError` for a naive instant, and for a status that is not an end.
        """
        return self._ask(
            self._asked.purge_missions, ended_before=ended_before, status=status, mission_name=mission_name, limit=limit
        )

    def plan(self, definitions: Iterable[MissionDefinition[Any]], /) -> DeployPlan:
        """Return what registering these definitions would do to missions that are under way; nothing is registered."""
        return self._ask(self._asked.plan, definitions)

    def doctor(self, *, repair: bool = False, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
        """Read everything that is stored of each mission, and return what is not as it should be.

        `repair` rewrites what is stored beside the histories from these, and nothing else. `progress(done, total)` is
        told how many missions have been looked at: on the thread of the event loop, which for a client of callers that
        wait is the one in the background.
        """
        return self._ask(self._asked.doctor, repair=repair, progress=progress)

    def statistics(self) -> MissionStatistics:
        """Return what there is, counted: missions, open waits, failures, and what is due."""
        return self._ask(self._asked.statistics)

    def standing(self, mission_name: str, /, *, limit: int = 100000) -> list[Standing]:
        """Return where missions of a name stand that have not ended: how many, by definition and cursor.

        Those that stand on paths, or ran under several definitions, are not among them. No more than `limit` missions
        are looked at, the newest, so that it takes a moment however many there are.
        """
        return self._ask(self._asked.standing, mission_name, limit=limit)

    def backup(self, path: str | os.PathLike[str], /) -> None:
        """Write a copy of everything as of one instant to `path` while missions go on, and check it.

        It has the permissions of the database, and is one itself: put in the other's place, while nobody runs missions
        there, it goes on from that instant, with what waits in the mailbox. Raises `PersistenceError` where something
        is at `path` already, where it cannot be written, and where there is no file to copy; `path` is as it was then.
        """
        return self._ask(self._asked.backup, path)
