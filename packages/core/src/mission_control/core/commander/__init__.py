"""What people hold: the contract of a commander, the one that runs missions in this process, and handles of missions.

It checks what callers hand in, asks the engine and storage, and turns their answers into snapshots and errors.

What can be asked is written once, typed, in `MissionReads`, `Missions`, `MissionHandle`, `Schedules` and `Operations`;
what answers is a port. So another commander is a `Commander` over a `MissionPort` of its own, with a `Registry` for its
definitions, and a reader of missions is `MissionReads` over a `ReadPort`.
"""

from .commander import Commander
from .embedded import EmbeddedCommander, create_commander
from .handle import MissionHandle
from .missions import Missions, NotedMissions
from .notes import noted
from .operations import Operations
from .options import check_has, checked_if_exists, checked_start_at
from .port import Found, MissionPort, ReadPort, SchedulePort, WaitPlace
from .querying import answer_query, name_of
from .reads import MissionReads, checked_limit, checked_statuses
from .registry import Registry
from .schedules import Schedules
from .sent_payloads import stored_output, stored_payload
from .shared import check_same, command_of, ended_error, refuse_itself

__all__ = [
    "Commander",
    "EmbeddedCommander",
    "Found",
    "MissionHandle",
    "MissionPort",
    "MissionReads",
    "Missions",
    "NotedMissions",
    "Operations",
    "ReadPort",
    "Registry",
    "SchedulePort",
    "Schedules",
    "WaitPlace",
    "answer_query",
    "check_has",
    "check_same",
    "checked_if_exists",
    "checked_limit",
    "checked_start_at",
    "checked_statuses",
    "command_of",
    "create_commander",
    "ended_error",
    "name_of",
    "noted",
    "refuse_itself",
    "stored_output",
    "stored_payload",
]
