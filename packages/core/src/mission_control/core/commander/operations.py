"""What an operator does on a bad day, wherever missions run: the place where each is written, and typed."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from ..definition import MissionDefinition, checked_instant, exact_text, flag, sought, sought_id
from ..history import MissionSnapshot, MissionStatistics, MissionStatus, MissionSummary, Owner
from ..payloads import found
from ..storage import (
    MOST_PURGED,
    ChangeRequest,
    ImportRequest,
    PauseRequest,
    PurgeRequest,
    ReopenRequest,
    RepairRequest,
    ResumeRequest,
    SkipRequest,
    Standing,
    WakeRequest,
)
from .notes import noted
from .port import MissionPort
from .reads import checked_limit, checked_statuses

if TYPE_CHECKING:  # else where it is used: programs that run missions need none of it
    from ..operations import DeployPlan, Finding


class Operations:
    """Puts missions right, and tells how all of them are. Each change is durable before a method returns.

    `by` is a note of who asks for it, 1 to 255 characters, which is recorded. A mission that is not there is a
    `MissionNotFoundError`. What needs the definition of a mission raises `MissionNotRegisteredError` or
    `MissionDefinitionMismatchError` where that is not registered, or cannot carry the mission on.
    """

    __slots__ = ("_by", "_port")

    def __init__(self, port: Callable[[], Awaitable[MissionPort]], by: str | None = None) -> None:
        self._port = port
        self._by = by

    # One mission

    async def reopen_mission(
        self, mission_id: str, /, *, step: str | None = None, by: str | None = None
    ) -> MissionSnapshot:
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
        wanted = None if step is None else exact_text(step, subject="step")
        return await self._change(ReopenRequest(mission_id=_id(mission_id), step=wanted, by=self._noted(by)))

    async def pause_mission(self, mission_id: str, /, *, by: str | None = None) -> MissionSnapshot:
        """Let nothing of a mission begin or fire any more, and return its state.

        What runs is left to end, and signals and updates are taken as always. Its children are not paused. Cancelling
        ends the pause. A second call does nothing; a mission that has ended is a `MissionTerminalError`.
        """
        return await self._change(PauseRequest(mission_id=_id(mission_id), by=self._noted(by)))

    async def resume_mission(self, mission_id: str, /, *, by: str | None = None) -> MissionSnapshot:
        """Let a paused mission go on, and return its state. What is overdue happens at once.

        A mission that is not paused is left alone; one that has ended is a `MissionTerminalError`.
        """
        return await self._change(ResumeRequest(mission_id=_id(mission_id), by=self._noted(by)))

    async def wake_mission(
        self, mission_id: str, /, *, path: str | None = None, by: str | None = None
    ) -> MissionSnapshot:
        """End the backoff, the sleep or the delayed start that a mission waits for, and return its state.

        `path` is the place of the wait, as its position or its record has it; it is needed where several wait. Raises
        `MissionExecutionError` where nothing waits for a time there, as one that waits for a signal. A paused mission
        goes on from there when it is resumed.
        """
        wanted = None if path is None else exact_text(path, subject="path")
        return await self._change(WakeRequest(mission_id=_id(mission_id), path=wanted, by=self._noted(by)))

    async def skip_step(
        self, mission_id: str, /, *, output: object, step: str | None = None, by: str | None = None
    ) -> MissionSnapshot:
        """Let a mission that has failed, or backs off, go on as if its step had returned `output`; return its state.

        `output` is what the step returns, typed or in its JSON form. `step` is the instance name, needed where more
        than one stands. Raises `MissionValidationError` for an output that does not fit, and `MissionExecutionError`
        where no such step failed, as a wait, which cannot be skipped. A paused mission goes on from there when it is
        resumed.
        """
        wanted, who = None if step is None else exact_text(step, subject="step"), self._noted(by)
        return await self._change(SkipRequest(mission_id=_id(mission_id), output=output, step=wanted, by=who))

    async def _change(self, request: ChangeRequest) -> MissionSnapshot:
        return await (await self._port()).change(request)

    def _noted(self, by: str | None) -> str | None:
        return noted(by, self._by)

    # A mission elsewhere

    async def export_mission(self, mission_id: str, /) -> dict[str, Any]:
        """Return everything that is stored of a mission as JSON-ready values: its definitions' forms, and its history.

        Its children are exported by themselves.
        """
        from ..operations import export_form

        return await export_form(await self._port(), sought_id(mission_id, subject="a mission id"))

    async def import_mission(self, form: object, /, *, mission_id: str | None = None) -> MissionSnapshot:
        """Take in a mission that was exported, under another id where one is given, and return its state.

        One that has not ended is paused; resume it where it is to go on here. Raises `ValueError` for a form that is
        none, is of a newer release, does not fold, or has a definition's form whose fingerprint is not its own, and
        `MissionAlreadyExistsError` for an id that is in use.
        """
        from ..operations import form_id

        wanted = form_id(form) if mission_id is None else exact_text(mission_id, subject="a mission id")
        port = await self._port()
        return await port.import_mission(ImportRequest(mission_id=wanted, form=form, by=self._by))

    # All missions

    async def owner(self) -> Owner | None:
        """Return who runs the missions: of a commander this process, else who owns the storage now, or None.

        An owner that does not listen yet, or any more, is known on Linux alone; elsewhere a lock cannot be looked at
        without taking it.
        """
        return await (await self._port()).owner()

    async def change_token(self) -> str:
        """Return a text that is another one after anything was committed, and the same while nothing was.

        For a view that is to be read again when something has happened: take the token first, then read. It costs
        next to nothing, takes no lock, and leaves nothing behind. When an owner opens or closes the storage it may be
        another one although nothing was committed.
        """
        return await (await self._port()).change_token()

    async def list_due(
        self, *, until: datetime | None = None, limit: int = 100, after: str | None = None
    ) -> list[MissionSummary]:
        """Return up to `limit` missions that go on by themselves, the earliest first, by `next_due` and then by id.

        That are sleeps, backoffs and delayed starts, deadlines of waits, and reminders, those that are overdue too; not
        what is paused. With `until` (aware) those alone that are due then or earlier. `after` is the id of the last one
        seen: where that is due no longer, it stands where its last change puts it.
        """
        last = _EVER if until is None else checked_instant(until, subject="until")
        last_seen, most = None if after is None else sought_id(after, subject="after"), checked_limit(limit)
        port = await self._port()
        if last_seen is None:
            return list(await port.due(last, limit=most, after=None))
        seen = await port.load_summary(last_seen)
        at = None if seen is None else seen.next_due or seen.updated_at
        return [] if at is None else list(await port.due(last, limit=most, after=(at, last_seen)))

    async def purge_missions(
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
        before = checked_instant(ended_before, subject="ended_before")
        statuses = checked_statuses(status) or _ENDS
        if not all(one.is_terminal for one in statuses):
            raise ValueError(f"status: expected completed, failed or cancelled, found {', '.join(statuses)}")
        name = None if mission_name is None else sought(mission_name, subject="mission_name")
        left = None if limit is None else checked_limit(limit)
        port, deleted = await self._port(), 0
        while left is None or deleted < left:
            portion = MOST_PURGED if left is None else min(MOST_PURGED, left - deleted)
            request = PurgeRequest(
                ended_before=before, statuses=tuple(statuses), mission_name=name, limit=portion, by=self._by
            )
            gone = await port.purge(request)
            deleted += gone
            if gone < portion:
                break
        return deleted

    async def plan(self, definitions: Iterable[MissionDefinition[Any]], /) -> DeployPlan:
        """Return what registering these definitions would do to missions that are under way; nothing is registered."""
        from ..operations import make_plan

        return await make_plan(await self._port(), definitions)

    async def doctor(
        self, *, repair: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> list[Finding]:
        """Read everything that is stored of each mission, and return what is not as it should be.

        `repair` rewrites what is stored beside the histories from these, and nothing else. `progress(done, total)` is
        told how many missions have been looked at: on the thread of the event loop, which for a client of callers that
        wait is the one in the background.
        """
        from ..operations import examine

        repair = flag(repair, subject="repair")
        if progress is not None and not callable(progress):
            raise TypeError(f"progress: expected a function of two numbers, found {found(progress)}")
        port = await self._port()
        findings = examine(port, port.definitions, port.clock(), progress)
        return [await self._repaired(port, finding) if repair else finding async for finding in findings]

    async def _repaired(self, port: MissionPort, finding: Finding) -> Finding:
        if finding.kind != "wrong rows" or finding.mission_id is None:
            return finding
        is_repaired = await port.repair(RepairRequest(mission_id=finding.mission_id, by=self._by))
        return attrs.evolve(finding, repaired=is_repaired)

    async def statistics(self) -> MissionStatistics:
        """Return what there is, counted: missions, open waits, failures, and what is due."""
        port = await self._port()
        return await port.statistics(port.clock())

    async def standing(self, mission_name: str, /, *, limit: int = 100_000) -> list[Standing]:
        """Return where missions of a name stand that have not ended: how many, by definition and cursor.

        Those that stand on paths, or ran under several definitions, are not among them. No more than `limit` missions
        are looked at, the newest, so that it takes a moment however many there are.
        """
        name, most = sought(mission_name, subject="mission_name"), checked_limit(limit)
        return list(await (await self._port()).list_standing(mission_name=name, limit=most))

    async def backup(self, path: str | os.PathLike[str], /) -> None:
        """Write a copy of everything as of one instant to `path` while missions go on, and check it.

        It has the permissions of the database, and is one itself: put in the other's place, while nobody runs missions
        there, it goes on from that instant, with what waits in the mailbox. Raises `PersistenceError` where something
        is at `path` already, where it cannot be written, and where there is no file to copy; `path` is as it was then.
        """
        await (await self._port()).backup(_path(path))


_EVER = datetime.max.replace(tzinfo=UTC)
_ENDS = (MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED)


def _id(mission_id: str) -> str:
    return exact_text(mission_id, subject="a mission id")


def _path(path: str | os.PathLike[str]) -> str:
    """Return a path as text. Raises `TypeError` for what is none."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"path: expected a str or another path, found {found(path)}") from None
