"""What a mission is: a named procedure as data, built with `m.define(...)`, and what its code sees (`MissionContext`).

A definition knows payloads and names; it does not know that anything ever runs.
"""

from .builder import MissionBuilder, MissionDraft, m
from .context import MissionContext
from .definition import I, MissionDefinition, Signal, StoredDefinition
from .names import checked_name, exact_text, flag, is_a, new_mission_id, sought
from .nodes import Node, SignalNode, StepNode, UpdateHandler, UserCode, is_same_code
from .retry import LONGEST_DURATION, RetryPolicy, seconds

__all__ = [
    "LONGEST_DURATION",
    "I",
    "MissionBuilder",
    "MissionContext",
    "MissionDefinition",
    "MissionDraft",
    "Node",
    "RetryPolicy",
    "Signal",
    "SignalNode",
    "StepNode",
    "StoredDefinition",
    "UpdateHandler",
    "UserCode",
    "checked_name",
    "exact_text",
    "flag",
    "is_a",
    "is_same_code",
    "m",
    "new_mission_id",
    "seconds",
    "sought",
]
