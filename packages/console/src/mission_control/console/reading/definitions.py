"""The definition that one mission runs under."""

from __future__ import annotations

from typing import Any

from mission_control.client import CommanderClient
from mission_control.core import MissionSnapshot


async def static_of(client: CommanderClient, snapshot: MissionSnapshot) -> dict[str, Any] | None:
    """Return the static form of the definition that a mission last ran under; None where nobody has it."""
    fingerprint = snapshot.definition_last_run or snapshot.definition_created_with
    return None if fingerprint is None else await client.load_definition(fingerprint)
