"""The programs that the READMEs show are whole, and do what the page says."""

import subprocess
import sys
from pathlib import Path

import pytest

from pages import SHOWN_ADDRESS
from workspace import ROOT, python_blocks, read_packages

FIRST_PROGRAM = python_blocks(ROOT / "README.md")[0]
PACKAGE_PROGRAMS = [
    pytest.param(program, id=f"{package.folder.name}-{number}")
    for package in read_packages()
    for number, program in enumerate(python_blocks(package.folder / "README.md"), start=1)
]


def run_program(program: str, folder: Path) -> str:
    """Run a program in a process that sees the installed packages and nothing of this folder; return what it prints."""
    path = folder / "program.py"
    path.write_text(program, "utf-8")
    command = [sys.executable, "-I", "-W", "error", "-X", "utf8", str(path)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_first_program_prints_the_timeline_of_an_approved_mission(tmp_path: Path) -> None:
    """The first program of the README starts, waits, is approved, completes, and says so."""
    header, *timeline = run_program(FIRST_PROGRAM, tmp_path).splitlines()

    assert "purchase" in header
    assert "completed" in header
    assert any("order" in line for line in timeline)
    assert any("reviewer-1" in line for line in timeline)


def test_first_program_runs_again_on_the_database_it_left(tmp_path: Path) -> None:
    """A newcomer who runs the first program twice gets a second mission, not an error."""
    first = run_program(FIRST_PROGRAM, tmp_path)
    second = run_program(FIRST_PROGRAM, tmp_path)

    assert first.splitlines()[0] != second.splitlines()[0]


def test_first_program_has_at_most_twenty_lines() -> None:
    """A first program that does not fit one glance is not a first program."""
    assert len(FIRST_PROGRAM.splitlines()) <= 20


@pytest.mark.parametrize("program", PACKAGE_PROGRAMS)
def test_program_of_a_package_readme_runs(program: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every Python block in a package's README is a whole program that ends well."""
    if SHOWN_ADDRESS in program:  # it needs Temporal's dev server
        program = program.replace(SHOWN_ADDRESS, request.getfixturevalue("dev_server_address"))
    run_program(program, tmp_path)
