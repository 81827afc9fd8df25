"""Parents and children: a child's end is brought to the parent that waits for it; what nobody wants is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import CorruptMissionError, MissionExecutionError, MissionNotFoundError, PersistenceError
from ..history import ChildWait, MissionStatus, MissionSummary
from ..log import ContainedLogger
from ..machine import ChildEnded, Reopen, State
from .asked import CancelOperation, ChangeOperation, Order
from .flight import Flight
from .recorder import Recorder
from .roster import Roster

logger: ContainedLogger = ContainedLogger("mission_control.engine")

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0


class Families:
    """Brings the ends of children to their parents; `advance(flight)` goes on with a mission."""

    def __init__(self, roster: Roster, recorder: Recorder, advance: Callable[[Flight], None]) -> None:
        self._roster = roster
        self._recorder = recorder
        self._advance = advance
        self._loop = asyncio.get_running_loop()
        self._retries: dict[str, asyncio.TimerHandle] = {}
        """Children whose cancelling failed, and is tried again."""

    def let_go(self, flight: Flight, orphans: tuple[str, ...]) -> None:
        """Cancel the children that a mission wants no more."""
        for child in orphans:
            self._cancel(flight.mission_id, child, is_awaited=False)

    def let_go_if_unwanted(self, flight: Flight, state: State) -> None:
        """Cancel the orphans that the mission does not wait for: it had let go of them where nobody knew of it."""
        waits = (line.waiting for line in state.every_line())
        wanted = {*state.ending.children, *(wait.mission_id for wait in waits if isinstance(wait, ChildWait))}
        orphans, flight.orphans = flight.orphans, ()
        self.let_go(flight, tuple(child for child in orphans if child not in wanted))

    def end_children(self, flight: Flight, state: State) -> None:
        """Cancel the children that must have ended before the mission undoes what it did, unless they were told."""
        if not flight.ends_children:
            flight.ends_children = True
            for child in filter(state.must_end, state.ending.children):
                self._cancel(flight.mission_id, child, is_awaited=True)

    def _cancel(self, parent_id: str, child: str, delay: float = _FIRST_BACKOFF, *, is_awaited: bool) -> None:
        self._retries.pop(child, None)
        operation = CancelOperation(self._loop.create_future(), f"its parent mission {parent_id!r} needs it no more")
        answered = partial(self._was_cancelled, parent_id, child, delay, is_awaited=is_awaited)
        operation.answer.add_done_callback(answered)
        self.submit(child, operation)

    def submit(self, mission_id: str, operation: Order) -> None:
        """Put an order to a mission, which is read into memory first where need be."""
        flight = self._recorder.flight(mission_id)
        flight.put(operation)
        self._recorder.hurry(flight)
        self._recorder.guard(flight, self._advance)

    def _was_cancelled(
        self, parent_id: str, child: str, delay: float, answer: asyncio.Future[Any], *, is_awaited: bool
    ) -> None:
        """A child was cancelled or had ended before, or could not be cancelled."""
        if answer.cancelled() or self._roster.is_closing:
            return
        error = answer.exception()
        if error is None or isinstance(error, MissionNotFoundError):
            if is_awaited:
                self._tell(parent_id, _end_of(child, answer.result() if error is None else None))
        elif isinstance(error, PersistenceError) and not isinstance(error, CorruptMissionError):
            again = partial(self._cancel, parent_id, child, min(_LONGEST_BACKOFF, delay * 2), is_awaited=is_awaited)
            self._retries[child] = self._loop.call_later(delay, again)
        else:
            self._stays(parent_id, child, error, "cancelled")

    def _stays(self, parent_id: str, child: str, error: BaseException, what: str) -> None:
        """A child cannot be changed as things are: that is tried again when its parent is looked at, or it is."""
        logger.warning(
            "mission %s, a child of %s, was to be %s and cannot be yet: %s",
            child,
            parent_id,
            what,
            str(error).partition("\n")[0],
            extra={"mission_id": child},
        )
        parent = self._roster.get(parent_id)
        if parent is not None:
            parent.ends_children = False

    def await_again(self, child: str) -> None:
        """Bring the end of a child that is there to its parent, which waits for it again, whenever that is."""
        flight = self._recorder.flight(child)
        flight.is_stray = True
        self._recorder.guard(flight, self._advance)

    def await_all_again(self, parent: State) -> None:
        """Do that for all children that a mission which was reopened waits for again."""
        if parent.past is None or parent.is_terminal or self._roster.is_closing:
            return
        waits = [line.waiting for line in parent.every_line()]
        for child in (wait.mission_id for wait in waits if isinstance(wait, ChildWait)):
            if parent.past.children.get(child):
                self.await_again(child)

    def reopen(self, parent: State, ends: tuple[ChildEnded, ...]) -> None:
        """Reopen children that had ended before their parent waited for them again."""
        assert parent.past is not None  # it was reopened
        for end in ends:
            self._reopen(parent.mission_id, end.mission_id, parent.past.children[end.mission_id])

    def _reopen(self, parent_id: str, child: str, parent_seq: int, delay: float = _FIRST_BACKOFF) -> None:
        self._retries.pop(child, None)
        operation = ChangeOperation(self._loop.create_future(), Reopen(parent_seq=parent_seq))
        operation.answer.add_done_callback(partial(self._was_reopened, parent_id, child, parent_seq, delay))
        self.submit(child, operation)

    def _was_reopened(
        self, parent_id: str, child: str, parent_seq: int, delay: float, answer: asyncio.Future[Any]
    ) -> None:
        """A child goes on, or could not be reopened; what somebody else has reopened tells of its end by itself."""
        if answer.cancelled() or self._roster.is_closing:
            return
        error = answer.exception()
        if isinstance(error, PersistenceError) and not isinstance(error, CorruptMissionError):
            again = partial(self._reopen, parent_id, child, parent_seq, min(_LONGEST_BACKOFF, delay * 2))
            self._retries[child] = self._loop.call_later(delay, again)
        elif error is not None and not isinstance(error, MissionExecutionError):
            self._stays(parent_id, child, error, "reopened")

    def child_ended(self, parent_id: str, child: State) -> None:
        """A child has ended that its parent may wait for."""
        self._tell(parent_id, _end_of(child.mission_id, child))

    def _tell(self, parent_id: str, command: ChildEnded) -> None:
        if self._roster.is_closing:
            return  # the next process finds that the parent does not know
        parent = self._recorder.flight(parent_id)
        parent.child_ends += (command,)
        self._recorder.hurry(parent)
        self._recorder.guard(parent, self._advance)

    def settle(self, stray: MissionSummary) -> None:
        """Bring a child's end to its parent, or cancel a child that nobody wants any more."""
        if stray.status.is_terminal:
            flight = self._recorder.flight(stray.mission_id)
            flight.is_stray = True
            self._recorder.guard(flight, self._advance)
        else:
            self._cancel(stray.parent_id or "", stray.mission_id, is_awaited=False)

    def close(self) -> None:
        """Try nothing again any more: the next process finds the children that have not ended."""
        for retry in self._retries.values():
            retry.cancel()


def _end_of(child: str, state: State | None) -> ChildEnded:
    """Return what a parent is told of the end of a child; one that is not there any more counts as cancelled."""
    if state is None:
        return ChildEnded(child, MissionStatus.CANCELLED, None, None)
    reopened_for = 0 if state.past is None else state.past.reopened_for
    return ChildEnded(child, state.status, state.output, state.error, reopened_for)
