"""Run the tests with coverage, and hold the packages to it: `measured_tests.py [PYTEST'S ARGUMENTS]`.

Where MEASURED is set, they have run so before, as in `.ci/run`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

Step = tuple[str, ...]
"""What Python is called with."""


def run_tests(arguments: Sequence[str]) -> list[Step]:
    """Return the steps that run tests and leave what they covered."""
    return [("-m", "coverage", "erase"), ("-m", "coverage", "run", "-m", "pytest", "-n", "auto", *arguments)]


def hold(*modules: str) -> list[Step]:
    """Return the steps that hold packages to what the tests have covered."""
    return [("-m", "coverage", "combine", "-q"), ("scripts/coverage_gate.py", *modules)]


def take(steps: Sequence[Step], **variables: str) -> int:
    """Take one step after another, until one fails; return its code."""
    environment = {**os.environ, **variables}
    codes = (subprocess.run([sys.executable, *step], env=environment, check=False).returncode for step in steps)
    return next(filter(None, codes), 0)


if __name__ == "__main__":
    sys.exit(take(([] if "MEASURED" in os.environ else run_tests(sys.argv[1:])) + hold()))
