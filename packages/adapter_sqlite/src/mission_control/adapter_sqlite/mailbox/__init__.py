"""The mailbox of a database: a directory beside it, with a file for each request, and named pipes that are bells.

No file is written by two processes, so that one that is stopped holds up nobody: a sender writes a request under a name
that nobody looks at, flushes it, and renames it; the owner alone takes it away. What it answers are rows of the
database, which the sender reads as any reader does.
"""

from . import answers
from .outbox import SQLiteMailbox, sqlite_mailbox
from .owned import SQLiteOwnedMailbox

__all__ = ["SQLiteMailbox", "SQLiteOwnedMailbox", "answers", "sqlite_mailbox"]
