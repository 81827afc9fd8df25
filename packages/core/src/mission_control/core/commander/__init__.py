"""What people hold: the contract of a commander, the one that runs missions in this process, and handles of missions.

It checks what callers hand in, asks the engine and storage, and turns their answers into snapshots and errors.
"""

from .commander import Commander
from .embedded import EmbeddedCommander, checked_limit, checked_status, create_commander
from .handle import MissionHandle
from .operations import ended_error

__all__ = [
    "Commander",
    "EmbeddedCommander",
    "MissionHandle",
    "checked_limit",
    "checked_status",
    "create_commander",
    "ended_error",
]
