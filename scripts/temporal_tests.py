"""Run the tests that need Temporal's dev server, with coverage: `temporal_tests.py [PYTEST'S ARGUMENTS]`."""

from __future__ import annotations

import sys

from measured_tests import hold, run_tests, take

PATHS = ("tests-integration/semantics", "tests-integration/operations", "packages/temporal/tests")

if __name__ == "__main__":
    steps = run_tests(sys.argv[1:] or PATHS) + hold("mission_control.temporal")
    sys.exit(take(steps, MISSIONS_ON="temporal", COVERAGE_FILE=".coverage.temporal"))
