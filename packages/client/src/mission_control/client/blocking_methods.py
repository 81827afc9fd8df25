"""Core's methods, for callers that wait. Written by `hatch run clients --write` from core's: change those."""

from __future__ import annotations

import builtins
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, overload

from typing_extensions import TypeVar

from mission_control.core import (
    DeployPlan,
    Finding,
    HistoryRecord,
    MissionDefinition,
    MissionInspection,
    MissionSnapshot,
    MissionStatistics,
    MissionStatus,
    MissionSummary,
    OpenWait,
    Operations,
    Owner,
    Schedules,
    ScheduleSummary,
    Signal,
    Standing,
    StoredDefinition,
)
from mission_control.core.commander import Missions
from mission_control.core.definition import I

from .waiting import Waiting, WaitingHandle

T = TypeVar("T")
U = TypeVar("U")


class BlockingMissionHandle(WaitingHandle[I]):
    """One mission, by its id, for callers that wait. It can be handed from thread to thread.

    What is raised is what the mission's `MissionHandle` raises, and `CommanderClosedError` once the client is closed.
    """

    __slots__ = ()

    @property
    def mission_id(self) -> str:
        """The mission's id."""
        return self._asked.mission_id

    @property
    def mission_name(self) -> str:
        """The name of the mission's definition."""
        return self._asked.mission_name

    @overload
    def signal(
        self,
        signal: Signal[T],
        payload: T | Mapping[str, object],
        /,
        *,
        at: str | None = None,
        key: str | None = None,
        by: str | None = None,
        wait: bool = True,
    ) -> None: ...
    @overload
    def signal(
        self,
        signal: str,
        payload: object,
        /,
        *,
        at: str | None = None,
        key: str | None = None,
        by: str | None = None,
        wait: bool = True,
    ) -> None: ...
    def signal(
        self,
        signal: str | Signal[Any],
        payload: object,
        /,
        *,
        at: str | None = None,
        key: str | None = None,
        by: str | None = None,
        wait: bool = True,
    ) -> None:
        """Deliver a signal that the mission waits for, or that a wait ahead of it takes early.

        Where several of its lines wait for a signal of that name, `at` says which is meant, by the place of the wait:
        `devices[3]`, or `prepare/contract`. The name of the whole instance, `devices[3]/approved`, says it too.

        Of the signals and updates with one `key` exactly one is applied, for as long as the mission's history is
        kept: the same signal again returns and changes nothing, also when the mission has gone on or ended. A refused
        one does not use its key. `by` is a note of who sends it. Both are recorded, and have 1 to 255 characters.

        With `wait` it returns when what the signal set in motion next waits or has ended, otherwise when the signal is
        durable. One that comes before its wait is kept where that says `early=True`, and moves nothing: the call
        returns when it is durable. It is for the first such wait that begins outside of every `each`; one inside of an
        `each` takes it only where `at` says so, which may name an item that does not exist yet.

        Raises `MissionSignalError` where the mission neither waits for it nor keeps it, or has more than one open wait
        of the name, or where the key is used for another name, `at` or payload, and `MissionValidationError` where the
        payload does not fit; the mission stays as it was.
        """
        return self._ask(self._asked.signal, signal, payload, at=at, key=key, by=by, wait=wait)

    @overload
    def query(self, query: str, /) -> Any: ...
    @overload
    def query(self, query: Callable[..., Awaitable[T]], /) -> T: ...
    @overload
    def query(self, query: Callable[..., T], /) -> T: ...
    def query(self, query: str | Callable[..., object], /) -> Any:
        """Run a query on the mission's last durable state and return what it returns.

        Raises `MissionExecutionError` for an unknown query or one that raises.
        """
        return self._ask(self._asked.query, query)

    @overload
    def update(
        self,
        update: str,
        input: object,
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> Any: ...
    @overload
    def update(
        self,
        update: Callable[[Any, U], Awaitable[T]],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> T: ...
    @overload
    def update(
        self,
        update: Callable[[Any, U], T],
        input: U | Mapping[str, object],
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> T: ...
    def update(
        self,
        update: str | Callable[..., object],
        input: object,
        /,
        *,
        timeout: timedelta | float | None = 30,
        key: str | None = None,
        by: str | None = None,
    ) -> Any:
        """Run an update between other things and return what it returned, once that is durable.

        `timeout` bounds its code, in seconds or as a `timedelta`. Of the signals and updates with one `key` exactly one
        is applied: the same update again returns the recorded output. `by` is a note of who asks for it, as with
        `signal`.

        Raises `MissionValidationError`, `MissionTerminalError` where the mission has ended, `MissionSignalError` where
        the key is used for something else, and `MissionExecutionError` for an unknown update or one that raises;
        nothing is recorded then.
        """
        return self._ask(self._asked.update, update, input, timeout=timeout, key=key, by=by)

    def cancel(self, reason: str | None = None, *, by: str | None = None) -> MissionSnapshot:
        """End the mission and return its state; one that has completed or failed stays as it is.

        A running coroutine is cancelled first. `by` is a note of who asks for it, 1 to 255 characters; that of the
        first who asks is recorded, with the reason. Raises `MissionNotFoundError` where it was never started.
        """
        return self._ask(self._asked.cancel, reason, by=by)

    def status(self) -> MissionStatus:
        """Return the mission's status; `idle` where it was never started."""
        return self._ask(self._asked.status)

    def snapshot(self) -> MissionSnapshot:
        """Return the mission's durable state."""
        return self._ask(self._asked.snapshot)

    def inspect(self) -> MissionInspection:
        """Return everything there is to see of the mission; `print` it for a timeline."""
        return self._ask(self._asked.inspect)

    def history(self) -> tuple[HistoryRecord, ...]:
        """Return the mission's records, in order."""
        return self._ask(self._asked.history)

    def wait_for_completion(self) -> MissionSnapshot:
        """Wait for the mission's end and return its state. Raises `MissionFailedError` where it failed."""
        return self._ask(self._asked.wait_for_completion)

    def output(self) -> Any:
        """Wait for the mission's end and return what its last step returned, as plain JSON.

        Raises `MissionFailedError` or `MissionCancelledError`.
        """
        return self._ask(self._asked.output)


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


class BlockingClientMethods(Waiting[Missions]):
    """What a client for callers that wait asks."""

    __slots__ = ()

    @property
    def schedules(self) -> BlockingSchedules:
        """The schedules by which missions start here."""
        return BlockingSchedules(self._asked.schedules, self._background)

    @property
    def operations(self) -> BlockingOperations:
        """What an operator does with the missions here."""
        return BlockingOperations(self._asked.operations, self._background)

    @overload
    def start_mission(
        self,
        definition: MissionDefinition[I],
        input: I | Mapping[str, object],
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        by: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> BlockingMissionHandle[I]: ...
    @overload
    def start_mission(
        self,
        definition: str,
        input: object,
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        by: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> BlockingMissionHandle[Any]: ...
    def start_mission(
        self,
        definition: MissionDefinition[Any] | str,
        input: object,
        /,
        *,
        mission_id: str | None = None,
        if_exists: Literal["raise", "return"] = "raise",
        start_at: datetime | None = None,
        by: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> BlockingMissionHandle[Any]:
        """Start a mission with `input`, typed or in its JSON form; at `start_at` (aware), where that is given.

        With `wait` it returns when the mission waits or ends, otherwise when it is durable. With
        `if_exists="return"` a mission of the same id, name and input is returned as it is. `by` is a note of who asks
        for it, 1 to 255 characters, which is recorded. `labels`, up to 16, are its own and its children's for good.

        Raises `MissionValidationError`, `MissionNotRegisteredError` for an unknown name,
        `MissionAlreadyExistsError` where the id is in use, `MissionFailedError` where the mission fails within the
        call, and `PersistenceError` where it is unknown whether it was accepted.
        """
        return BlockingMissionHandle(
            self._ask(
                self._asked.start,
                definition,
                input,
                mission_id=mission_id,
                if_exists=if_exists,
                start_at=start_at,
                by=by,
                labels=labels,
                wait=wait,
            ),
            self._background,
        )

    def get_mission(self, mission_id: str, /) -> BlockingMissionHandle[Any] | None:
        """Return a handle, or None where no mission has the id.

        Raises `MissionNotRegisteredError` where its definition is not registered.
        """
        answer = self._ask(self._asked.get_mission, mission_id)
        return None if answer is None else BlockingMissionHandle(answer, self._background)

    def cancel_mission(
        self, mission_id: str, /, reason: str | None = None, *, by: str | None = None
    ) -> MissionSnapshot:
        """End a mission and return its state; works without its definition. Raises `MissionNotFoundError`.

        `by` is a note of who asks for it, 1 to 255 characters, which is recorded.
        """
        return self._ask(self._asked.cancel_mission, mission_id, reason, by=by)

    def inspect_mission(self, mission_id: str, /) -> MissionInspection | None:
        """Return everything there is to see of a mission, or None. Works without its definition."""
        return self._ask(self._asked.inspect_mission, mission_id)

    def get_summary(self, mission_id: str, /) -> MissionSummary | None:
        """Return a mission on one row, or None. Its history is not read, however long that is."""
        return self._ask(self._asked.get_summary, mission_id)

    def list_missions(
        self,
        *,
        status: MissionStatus | Iterable[MissionStatus] | None = None,
        mission_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        id_prefix: str | None = None,
        parent_id: str | None = None,
        schedule: str | None = None,
        error: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> list[MissionSummary]:
        """Return up to `limit` missions in order of creation, or against it, from behind the id `after` on.

        They fit all that is given: a status or one of several, a name, all of the labels, the beginning of the id, the
        parent whose children they are, the schedule that started them, the code of the failure that they bear, and a
        creation at `since` or later and before `until` (aware).
        """
        return self._ask(
            self._asked.list_missions,
            status=status,
            mission_name=mission_name,
            labels=labels,
            id_prefix=id_prefix,
            parent_id=parent_id,
            schedule=schedule,
            error=error,
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
            after=after,
        )

    def list_waiting_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for anything, in order of creation."""
        return self._ask(self._asked.list_waiting, limit=limit, after=after)

    def list_scheduled_missions(self, *, limit: int = 100, after: str | None = None) -> list[MissionSummary]:
        """Return up to `limit` missions that wait for a timer or a retry, the earliest first."""
        return self._ask(self._asked.list_scheduled, limit=limit, after=after)

    def iter_missions(
        self,
        *,
        status: MissionStatus | Iterable[MissionStatus] | None = None,
        mission_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        id_prefix: str | None = None,
        parent_id: str | None = None,
        schedule: str | None = None,
        error: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
    ) -> Iterator[MissionSummary]:
        """Iterate over the missions that `list_missions` returns, in the same order, page by page."""
        return self._each(
            self._asked.iter_missions,
            status=status,
            mission_name=mission_name,
            labels=labels,
            id_prefix=id_prefix,
            parent_id=parent_id,
            schedule=schedule,
            error=error,
            since=since,
            until=until,
            newest_first=newest_first,
        )

    def list_waits(
        self,
        *,
        signal: str | Signal[Any] | None = None,
        mission_name: str | None = None,
        limit: int = 100,
        after: OpenWait | None = None,
    ) -> list[OpenWait]:
        """Return up to `limit` open waits for signals of all missions, by `since`, then mission id, then instance name.

        With `signal`, only those for a signal of that own name, in whatever path; with `mission_name`, only those of
        such missions. `after` is the last one seen, open still or not.
        """
        return self._ask(self._asked.list_waits, signal=signal, mission_name=mission_name, limit=limit, after=after)

    def iter_waits(
        self, *, signal: str | Signal[Any] | None = None, mission_name: str | None = None
    ) -> Iterator[OpenWait]:
        """Iterate over the open waits for signals in the same order, page by page."""
        return self._each(self._asked.iter_waits, signal=signal, mission_name=mission_name)

    def load_definition(self, fingerprint: str, /) -> dict[str, Any] | None:
        """Return the static form of a definition that has run, or None."""
        return self._ask(self._asked.load_definition, fingerprint)

    def list_definitions(self, *, mission_name: str | None = None) -> list[StoredDefinition]:
        """Return all definitions that missions ran under, in the order in which they were stored, the newest last.

        With `mission_name`, those of that name. What no mission names any more, since those were purged, is not there.
        """
        return self._ask(self._asked.list_definitions, mission_name=mission_name)
