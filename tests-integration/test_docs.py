"""The pages of the documentation do what they say."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pages import PAGES, PageRun, check_commands, read_blocks
from workspace import ROOT, read_packages

DOCUMENTS = sorted(PAGES.rglob("*.md"))
READMES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(package.folder / "README.md" for package in read_packages())]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that a page is while it runs: what is defined in it must be found by its name."""
    page = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", page)
    return page


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a page does to logging: it configures it as a program does."""
    root = logging.getLogger()
    level, handlers, disabled = root.level, root.handlers[:], logging.root.manager.disable
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.disable(disabled)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_does_what_it_says(
    path: Path, module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block of the page runs, in order, and prints what stands below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    PageRun(path, tmp_path, module).run()


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_readme_shows_commands_that_exist(path: Path) -> None:
    """A page outside the documentation shows Python, which test_readme.py runs, and commands of the kinds we know."""
    for block in read_blocks(path):
        assert block.language in {"python", "sh", "mermaid"}
        if block.language == "sh":
            check_commands(block.code)
