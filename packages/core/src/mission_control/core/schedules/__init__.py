"""Schedules: when they fire, what is decided of each slot, and what storage keeps of that.

Nothing here reads a clock or starts anything.
"""

from .deciding import Sorter, decide_slot, decided, joined, known_as, passed_over, resumed, started
from .schedule import Overlap, Schedule
from .stored import MOST_PASSED_OVER, Spec, StoredSchedule, read_schedule, schedule_form

__all__ = [
    "MOST_PASSED_OVER",
    "Overlap",
    "Schedule",
    "Sorter",
    "Spec",
    "StoredSchedule",
    "decide_slot",
    "decided",
    "joined",
    "known_as",
    "passed_over",
    "read_schedule",
    "resumed",
    "schedule_form",
    "started",
]
