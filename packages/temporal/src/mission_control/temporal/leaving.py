"""Lets the threads of Temporal's client come to their end before the interpreter does."""

from __future__ import annotations

import atexit
import time

MOMENT = 0.05
"""Seconds that a thread has which has just handed over an answer."""


def leave_in_order() -> None:
    """Have this process end in order: a thread that wants Python while that ends aborts the process (before 3.14).

    That can be the answer to whatever a program asked last, also that nobody is at an address.
    """
    atexit.register(time.sleep, MOMENT)
