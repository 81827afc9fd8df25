"""Who runs the missions of a storage."""

from __future__ import annotations

from datetime import datetime

import attrs

from .records import Record


@attrs.frozen(kw_only=True)
class Owner(Record):
    """The process that owns a storage, and runs the missions in it.

    `pid` is 0 where the storage does not tell it. `since` is when it took the storage, by the system's clock (UTC), and
    `is_listening` says whether it hears what other processes ask through the mailbox.
    """

    pid: int
    since: datetime
    is_listening: bool
