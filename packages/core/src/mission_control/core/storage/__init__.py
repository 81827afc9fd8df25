"""What is asked of an adapter, and the values that it is handed.

The adapter in memory, `storage.memory`, is imported where it is used: a program with a database need not read it.
Other adapters live in distributions of their own.
"""

from .persistence import CommitOutcome, DueKind, LoadOutcome, MissionCommit, PersistenceAdapter, due_kind, next_due_kind

__all__ = [
    "CommitOutcome",
    "DueKind",
    "LoadOutcome",
    "MissionCommit",
    "PersistenceAdapter",
    "due_kind",
    "next_due_kind",
]
