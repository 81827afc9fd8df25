"""What a mission is: a named procedure as data, built with `m.define(...)`, and what its code sees (`MissionContext`).

A definition knows payloads and names; it does not know that anything ever runs.
"""

from .builder import MissionBuilder, MissionDraft, m
from .checks import checked_code
from .constructs import OTHERWISE, BranchNode, ChildNode, EachNode, ForkNode, Node, RepeatNode
from .context import MissionContext
from .definition import I, MissionDefinition, Signal, StoredDefinition
from .flow import MissionPath
from .instants import checked_instant
from .labels import checked_labels
from .names import checked_name, exact_text, flag, is_a, new_mission_id, sought, sought_id, with_article
from .nodes import EndNode, Place, Role, SignalNode, SleepNode, StartNode, StepNode, UpdateHandler
from .reminders import Reminder, ReminderPlan
from .retry import LONGEST_DURATION, RetryPolicy, seconds
from .sites import Site, template
from .stored import signal_json_schema
from .work import MOST_ITEMS, UserCode, Work, is_same_code

__all__ = [
    "LONGEST_DURATION",
    "MOST_ITEMS",
    "OTHERWISE",
    "BranchNode",
    "ChildNode",
    "EachNode",
    "EndNode",
    "ForkNode",
    "I",
    "MissionBuilder",
    "MissionContext",
    "MissionDefinition",
    "MissionDraft",
    "MissionPath",
    "Node",
    "Place",
    "Reminder",
    "ReminderPlan",
    "RepeatNode",
    "RetryPolicy",
    "Role",
    "Signal",
    "SignalNode",
    "Site",
    "SleepNode",
    "StartNode",
    "StepNode",
    "StoredDefinition",
    "UpdateHandler",
    "UserCode",
    "Work",
    "checked_code",
    "checked_instant",
    "checked_labels",
    "checked_name",
    "exact_text",
    "flag",
    "is_a",
    "is_same_code",
    "m",
    "new_mission_id",
    "seconds",
    "signal_json_schema",
    "sought",
    "sought_id",
    "template",
    "with_article",
]
