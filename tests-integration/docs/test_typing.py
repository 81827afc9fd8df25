"""What mypy and pyright, both strict, say of programs that use the packages: right ones pass, wrong ones do not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pages import PAGES, read_blocks
from workspace import ROOT

CASES = ROOT / "tests-integration" / "docs" / "typing_cases"
OF_FRAMEWORKS = {"django_app.py"}  # which has no types

Place = tuple[str, int]


def write_programs(folder: Path) -> None:
    """Write the programs of the documentation: a file for each that has a name, and one for the rest of each page.

    Of one that its page changes, it is the last.
    """
    others: set[str] = set()
    for page in sorted(PAGES.rglob("*.md")):
        rest, own = "", set[str]()
        for block in read_blocks(page):
            if block.language != "python":
                continue
            if block.title is None:
                rest += block.code
            elif block.title not in OF_FRAMEWORKS:
                assert block.title not in others, f"two files of the documentation are called {block.title}"
                own.add(block.title)
                (folder / block.title).write_text(block.code, "utf-8")
        others |= own
        (folder / f"page_{page.stem}.py").write_text(rest, "utf-8")


def complaints_of_mypy(folder: Path) -> set[Place]:
    """Return where mypy finds errors in the cases and in the programs of `folder`."""
    programs = [*CASES.glob("*.py"), *folder.glob("*.py")]
    command = [sys.executable, "-m", "mypy", "--no-pretty", "--no-error-summary", "--show-absolute-path"]
    done = subprocess.run(
        [*command, *map(str, programs)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(folder)},
        check=False,
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^(\S+):(\d+): error: ", done.stdout, flags=re.MULTILINE)
    assert found or done.returncode == 0, done.stdout + done.stderr
    return {(Path(file).name, int(line)) for file, line in found}


def complaints_of_pyright(folder: Path) -> set[Place]:
    """Return where pyright finds errors in the cases and in the programs of `folder`."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pyright"]
    settings |= {"include": [".", os.path.relpath(CASES, folder)], "exclude": []}  # it takes relative paths only
    settings |= {"extraPaths": [str(folder)], "venvPath": str(ROOT / settings["venvPath"])}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--project", str(folder)]
    done = subprocess.run(
        [*command, "--pythonpath", sys.executable], cwd=ROOT, check=False, capture_output=True, text=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["generalDiagnostics"]
    return {
        (Path(complaint["file"]).name, complaint["range"]["start"]["line"] + 1)
        for complaint in found
        if complaint["severity"] == "error"
    }


@pytest.mark.parametrize("complaints", [complaints_of_mypy, complaints_of_pyright], ids=["mypy", "pyright"])
def test_checker_refuses_what_is_wrong_and_nothing_else(
    complaints: Callable[[Path], set[Place]], tmp_path: Path
) -> None:
    """Each marked line of refused.py is an error; accepted.py and the programs of the documentation have none."""
    write_programs(tmp_path)
    lines = (CASES / "refused.py").read_text("utf-8").splitlines()
    wrong = {("refused.py", number) for number, line in enumerate(lines, start=1) if line.endswith("# error")}

    found = complaints(tmp_path)

    assert found - wrong == set(), "refused, although it is right"
    assert wrong - found == set(), "accepted, although it is wrong"
    assert len(wrong) > 60
