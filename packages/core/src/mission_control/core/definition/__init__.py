"""What a mission is: a named procedure as data, built with `m.define(...)`, and what its code sees (`MissionContext`).

A definition knows payloads and names; it does not know that anything ever runs.
"""

from .builder import MissionBuilder, MissionDraft, m
from .checks import checked_code
from .constructs import OTHERWISE, BranchNode, ChildNode, EachNode, ForkNode, Node, RepeatNode
from .context import MissionContext
from .definition import I, MissionDefinition, Signal, StoredDefinition
from .flow import MissionPath
from .gathering import checked_definition, gathered, listed_definitions, new_with
from .instants import checked_instant
from .labels import checked_labels
from .names import LONGEST_NAME, checked_name, exact_text, flag, is_a, new_mission_id, sought, sought_id, with_article
from .nodes import EndNode, Place, Role, SignalNode, SleepNode, StartNode, StepNode, UpdateHandler
from .reminders import Reminder, ReminderPlan
from .retry import LONGEST_DURATION, RetryPolicy, seconds
from .sites import Site, template
from .stored import NESTED, StaticNode, StaticSite, fingerprint_of, signal_json_schema, static_places, static_sites
from .work import MOST_ITEMS, UserCode, Work, is_same_code

__all__ = [
    "LONGEST_DURATION",
    "LONGEST_NAME",
    "MOST_ITEMS",
    "NESTED",
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
    "StaticNode",
    "StaticSite",
    "StepNode",
    "StoredDefinition",
    "UpdateHandler",
    "UserCode",
    "Work",
    "checked_code",
    "checked_definition",
    "checked_instant",
    "checked_labels",
    "checked_name",
    "exact_text",
    "fingerprint_of",
    "flag",
    "gathered",
    "is_a",
    "is_same_code",
    "listed_definitions",
    "m",
    "new_mission_id",
    "new_with",
    "seconds",
    "signal_json_schema",
    "sought",
    "sought_id",
    "static_places",
    "static_sites",
    "template",
    "with_article",
]
