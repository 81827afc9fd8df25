"""The client for asyncio applications: missions of a runtime, or of another process, in the words of an application."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from mission_control.core import Commander, CommanderError, Mailbox, MissionDefinition, RefusedRequest
from mission_control.core.commander import Missions, NotedMissions
from mission_control.core.definition import is_a
from mission_control.core.payloads import found

from .async_methods import ClientMethods
from .mailbox_missions import MailboxMissions
from .patience import Patience

if TYPE_CHECKING:  # else where one is given: through a mailbox it is another process'
    from mission_control.runtime import CommanderRuntime


class CommanderClient(ClientMethods):
    """Starts, finds, lists and cancels missions. Made by `create_commander_client`.

    A context manager, which closes what the client has of a mailbox. Over a runtime there is nothing to close: whoever
    made the runtime starts and stops it.
    """

    async def close(self) -> None:
        """Finish what is being sent, and give the mailbox up; over a runtime, do nothing. A second call does nothing.

        Others that still wait for something get `CommanderClosedError`, and what they sent takes its course.
        """
        if isinstance(self._asked, MailboxMissions):
            await self._asked.close()

    async def list_refused(self, *, limit: int = 100, after: str | None = None) -> list[RefusedRequest]:
        """Return up to `limit` requests of any client that their owner refused within 7 days, the newest first.

        They are there whether or not anybody waited for their answers. `after` is the id of the last one seen. Raises
        `CommanderError` over a runtime.
        """
        return await refused_of(self._asked, limit=limit, after=after)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.close()


def create_commander_client(
    *,
    runtime: CommanderRuntime | None = None,
    commander: Commander | None = None,
    mailbox: Mailbox | None = None,
    definitions: Iterable[MissionDefinition[Any]] = (),
    answer_timeout: float = 30.0,
    unowned_timeout: float | None = None,
    by: str | None = None,
) -> CommanderClient:
    """Return a client for the missions of `runtime` or `commander`, or for those behind `mailbox`, whoever runs them.

    Args:
        runtime: A runtime of this process, on whose event loop the client is used.
        commander: A commander instead, such as one whose missions another engine runs; it stays the caller's to close.
        mailbox: That of a database, as `sqlite_mailbox` makes it: the client works in any process, beside the one that
            owns the database or without one. It opens at its first operation, and belongs to that process and that
            event loop then; before, it may be carried through a fork.
        definitions: With a mailbox, the definitions that this process knows. Inputs and payloads are checked by them
            before they are sent, and queries run here. What is not known is sent as it is, and checked by the owner.
        answer_timeout: With a mailbox, how many seconds to wait for what the owner answers, before
            `NotAnsweredError`; the request is durable then, and will be applied.
        unowned_timeout: How many seconds to wait instead while no process owns the database, and none can answer: a
            page that people look at says at once that what they asked for is accepted. By default as long.
        by: The note of who asks in all that the client and its handles command, unless a call names somebody else.

    Raises `TypeError` unless exactly one of `runtime`, `commander` and `mailbox` is given.
    """
    if sum(given is not None for given in (runtime, commander, mailbox)) > 1:
        raise TypeError("pass either a runtime or a mailbox, or a commander: those of a process are asked directly")
    if mailbox is not None:
        patience = Patience.checked(answer_timeout, unowned_timeout)
        return CommanderClient(MailboxMissions(mailbox, definitions, patience, by))
    if list(definitions):
        raise TypeError("definitions: a runtime has its own, and so has a commander; pass them to what makes it")
    if commander is not None:
        return CommanderClient(noted_missions(checked_commander(commander), by))
    from mission_control.runtime import CommanderRuntime

    if not is_a(runtime, CommanderRuntime):
        raise TypeError(f"runtime: expected a CommanderRuntime, or a mailbox instead, found {found(runtime)}")
    return CommanderClient(noted_missions(runtime.commander, by))


def checked_commander(commander: Commander) -> Commander:
    """Return a commander. Raises `TypeError` for what is none."""
    if not isinstance(cast("object", commander), Commander):
        raise TypeError(f"commander: expected a Commander, found {found(commander)}")
    return commander


def noted_missions(commander: Commander, by: str | None) -> Missions:
    """Return what a client asks: a commander's missions, with a note of who asks where one is given."""
    return commander if by is None else NotedMissions(commander, by)


async def refused_of(missions: Missions, *, limit: int, after: str | None) -> list[RefusedRequest]:
    """Return what was refused of what came through a mailbox. Raises `CommanderError` where missions have none."""
    if isinstance(missions, MailboxMissions):
        return await missions.list_refused(limit=limit, after=after)
    raise CommanderError(
        "a client over a runtime or a commander asks directly, and is told at once what is refused; for what was "
        "refused of others' "
        "requests, make a client with mailbox=, in this process or another"
    )
