"""Run the tests that need Temporal's dev server, with coverage: `temporal_tests.py [PYTEST'S ARGUMENTS]`."""

from __future__ import annotations

import os
import subprocess
import sys

PATHS = ("tests-integration/semantics", "tests-integration/operations", "packages/temporal/tests")
STEPS = (
    ("-m", "coverage", "erase"),
    ("-m", "coverage", "run", "-m", "pytest", "-n", "auto", *(sys.argv[1:] or PATHS)),
    ("-m", "coverage", "combine", "-q"),
    ("scripts/coverage_gate.py", "mission_control.temporal"),
)


def main() -> int:
    """Take one step after another, until one fails."""
    environment = {**os.environ, "MISSIONS_ON": "temporal", "COVERAGE_FILE": ".coverage.temporal"}
    codes = (subprocess.run([sys.executable, *step], env=environment, check=False).returncode for step in STEPS)
    return next(filter(None, codes), 0)


if __name__ == "__main__":
    sys.exit(main())
