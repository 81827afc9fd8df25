"""The end of a program, to which Temporal's client has just answered."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio

import mission_control.temporal
from temporalio.client import Client

asyncio.run(Client.connect("127.0.0.1:9"))
"""


def test_programs_that_reach_nobody_end_in_order() -> None:
    """Each with its error; none aborts, as some would that leave at once while the machine is busy."""
    command = [sys.executable, "-c", PROGRAM]
    programs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    ends = [(program.communicate(timeout=60)[1], program.returncode) for program in programs]

    assert [code for _, code in ends] == [1] * len(programs)
    assert all("Connection refused" in said for said, _ in ends)
