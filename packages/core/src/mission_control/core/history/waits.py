"""An open wait for a signal, as an inbox shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from .records import Record


@attrs.frozen(kw_only=True)
class OpenWait(Record):
    """A mission waits for a signal: `event_name` is the instance name of the wait, and `path` where it is, as text.

    `since` is the time of its `waiting-for-signal` record, `timeout_at` its deadline, where it has one. `schema` is the
    JSON Schema (draft 2020-12) of the payload; None where anything is accepted, where a `parse` object decides, or
    where nobody knows the definition. The owner's check decides.
    """

    mission_id: str
    mission_name: str
    event_name: str
    path: str | None
    since: datetime
    timeout_at: datetime | None = None
    schema: Mapping[str, Any] | None = None

    @property
    def signal(self) -> str:
        """The node's own name, behind the last `/`: what a signal is sent by."""
        return self.event_name.rpartition("/")[2]
