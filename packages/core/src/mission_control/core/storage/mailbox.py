"""The mailbox of a storage: how other processes reach the commander that owns it.

There are two sides. Who asks has a `Mailbox`, opens it, and posts requests into the `Outbox` that it gets; it reads
what the storage has by itself, and without the owner. The owner gets an `OwnedMailbox` from its adapter, takes what has
come, and answers. Neither side waits for the other, or can be held up by it:

- A request is durable in the mailbox before its sender goes on. It stays there until it is answered.
- That a request was applied is written in the commit that applies it (`MissionCommit.answers`): where the owner dies
  before it has answered, the next one finds that, and does not apply it again.
- Whoever has something for the other side rings it. A bell that nobody hears costs nothing, and none is needed to be
  right: who opens a side looks at everything that there is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

from ..history import Owner
from .answers import Answer
from .reads import ReadPort
from .requests import PostedRequest, RefusedRequest, Request


class Mailbox(Protocol):
    """Where the owner of a storage can be reached. Making one touches nothing; it may be carried through a fork."""

    async def open(self, rung: Callable[[], None], /) -> Outbox:
        """Return the sender's side, for this process and this event loop, making the mailbox where there is none.

        `rung()` is called on the loop when there may be an answer to something that was posted, and when an owner has
        started; spurious calls happen. Raises `PersistenceError` where the storage cannot be read, or was written by a
        newer release. Each call returns a side of its own, whose requests have an order of their own.
        """
        ...


class Outbox(ReadPort, Protocol):
    """The sender's side of a mailbox, open.

    Its reads are of what is durable, as for an empty storage before there is one. It needs no owner, and waits
    for none.
    """

    async def post(self, request: Request, /, *, is_awaited: bool) -> str:
        """Make the request durable in the mailbox, ring the owner, and return the request's id.

        Requests are accepted in the order of the calls. A caller that is cancelled withdraws nothing. `is_awaited` says
        that its sender wants to know what comes of it; what is answered to others is kept where it is a refusal.

        Raises `PersistenceError` where it could not be made durable, as on a full disk, and was not sent, and
        `MissionValidationError` where it is larger than 16 MiB, or nested more than 200 levels deep.
        """
        ...

    async def answers(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        """Return what is answered to these requests of this outbox; those without an answer are missing.

        An answer that is final may be gone soon after it was returned here, unless it is a refusal.
        """
        ...

    async def list_refused(self, *, limit: int, after: str | None) -> Sequence[RefusedRequest]:
        """Return up to `limit` requests of any sender that were refused within the last 7 days, the newest first.

        `after` is the id of the last one seen.
        """
        ...

    async def owner(self) -> Owner | None:
        """Return who owns the storage now, whether it hears what is posted or not, and None where nobody does.

        It takes nothing to look, and leaves nothing behind; who becomes the owner just then is not disturbed. Where a
        lock cannot be looked at without taking it, only an owner that hears what is posted is known.
        """
        ...

    async def close(self) -> None:
        """Finish what is being posted, and give everything up. A second call does nothing."""
        ...


class OwnedMailbox(Protocol):
    """The owner's side of a mailbox, of an adapter that is open."""

    async def open(self, rung: Callable[[], None], /) -> None:
        """Make the mailbox where there is none, and ring every client. `rung()` is called when something has come.

        Raises `PersistenceError`.
        """
        ...

    def take(self) -> AsyncIterator[Sequence[tuple[PostedRequest, Answer | None]]]:
        """Yield what has come by now and was not taken before, of each sender in the order in which it was accepted.

        What storage knows to be applied or answered, and is still in the mailbox, comes with that answer. A request
        that was made for another storage, or by a newer release, is refused here, and one that cannot be read is set
        aside: neither is yielded. Raises `PersistenceError`; then only what was yielded is taken.
        """
        ...

    async def known(self, request_ids: Sequence[str], /) -> Mapping[str, Answer]:
        """Return what storage knows of these requests: for some whose commit failed, and may have taken effect."""
        ...

    async def record(self, answers: Sequence[tuple[PostedRequest, Answer]], /) -> None:
        """Make final answers durable that no commit made durable: refusals, and those that come after the commit.

        Raises `PersistenceError`, where it is not known which are durable; recording them again is right.
        """
        ...

    async def end(self, answered: Sequence[PostedRequest], /) -> None:
        """Take requests out of the mailbox whose final answers are durable, and ring their senders.

        Raises `PersistenceError`, where they may be there still; ending them again is right.
        """
        ...

    async def close(self) -> None:
        """Give the bell up: from now on there is no owner. A second call does nothing."""
        ...
