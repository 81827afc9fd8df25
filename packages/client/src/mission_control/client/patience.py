"""How long a client waits for an answer."""

from __future__ import annotations

import attrs

from mission_control.core.definition import seconds
from mission_control.core.storage import Outbox


@attrs.frozen
class Patience:
    """The seconds to wait for what an owner answers, and those to wait where there is none, if they are others."""

    with_owner: float
    without_owner: float | None

    @classmethod
    def checked(cls, answer_timeout: float, unowned_timeout: float | None) -> Patience:
        """Return the patience that a caller asks for. Raises `MissionDefinitionError` for what is no time."""
        return cls(
            seconds(answer_timeout, subject="answer_timeout"),
            None if unowned_timeout is None else seconds(unowned_timeout, subject="unowned_timeout"),
        )

    async def seconds(self, outbox: Outbox) -> float:
        """Return how long to wait now."""
        if self.without_owner is None or await is_heard(outbox):
            return self.with_owner
        return self.without_owner


async def is_heard(outbox: Outbox) -> bool:
    """Return whether a process owns the storage now, and hears what is posted."""
    owner = await outbox.owner()
    return owner is not None and owner.is_listening
