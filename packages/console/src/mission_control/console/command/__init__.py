"""The command `mission-control`: what operators do with one database file, from a shell.

`group` finds the commands and says how they end, `console` is what they share, and the other modules are theirs. A
command's module is imported when it is called for, so that none pays for the others.
"""

from .entry import main

__all__ = ["main"]
