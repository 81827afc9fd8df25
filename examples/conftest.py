"""Runs the example that a test is about: that of `test_<name>.py` is `<name>.py`."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FAILURE = re.compile(r"mission \S+ \(\S+\)(: step '\S+')? failed at ")


@pytest.fixture(scope="module")
def example(request: pytest.FixtureRequest) -> Path:
    """The program that the test is about."""
    return request.path.with_name(request.path.name.removeprefix("test_"))


@pytest.fixture(scope="module")
def run_example(example: Path) -> Callable[..., str]:
    """Run the example as a reader would, with warnings as errors, and return what it prints.

    Beside that, it may only log what failed.
    """

    def run(*arguments: str) -> str:
        command = [sys.executable, "-I", "-X", "utf8", "-W", "error", str(example), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8", timeout=60)
        assert [line for line in done.stderr.splitlines() if not FAILURE.match(line)] == []
        return done.stdout

    return run
