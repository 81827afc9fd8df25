"""The pages of the documentation do what they say."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import rooms_drawing
from pages import DEV_SERVER, PAGES, PageRun, check_commands, read_blocks
from state_diagram import PAGES as STATE_DIAGRAMS
from state_diagram import outdated, write
from workspace import ROOT, Package, read_packages

DOCUMENTS = sorted(PAGES.rglob("*.md"))
READMES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(package.folder / "README.md" for package in read_packages())]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The module that a page is while it runs: what is defined in it must be found by its name."""
    page = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", page)
    yield page
    for name, imported in list(sys.modules.items()):
        if (getattr(imported, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


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
    path: Path, module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Every block of the page runs, in order, and prints what stands below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    if DEV_SERVER in path.read_text("utf-8"):
        PageRun(path, tmp_path, module, request.getfixturevalue("dev_server_address")).run()
    else:
        PageRun(path, tmp_path, module).run()


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_readme_shows_commands_that_exist(path: Path) -> None:
    """A page outside the documentation shows Python, which test_readme.py runs, and commands of the kinds we know."""
    for block in read_blocks(path):
        assert block.language in {"python", "sh", "mermaid"}
        if block.language == "sh":
            check_commands(block.code)


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_readme_links_to_files_that_exist(path: Path) -> None:
    """A link of a page outside the documentation leads somewhere."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text("utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("package", read_packages(), ids=lambda package: package.folder.name)
def test_readme_gives_a_reason_for_each_dependency(package: Package) -> None:
    """A package's README lists what it depends on, and why, and says how to install it."""
    text = (package.folder / "README.md").read_text("utf-8")
    _, _, table = text.partition("| dependency | reason |\n|---|---|\n")
    reasons = dict(re.findall(r"^\| ([\w-]+) \| (.+) \|$", table, re.MULTILINE))

    assert set(reasons) == {re.split(r"[^\w-]", requirement)[0] for requirement in package.dependencies}
    assert f"pip install {package.distribution}\n" in text


def test_state_diagrams_are_those_of_the_machine() -> None:
    """The diagrams in the README and in the documentation are drawn from the machine's own table."""
    assert outdated() == []


def test_state_diagram_is_written_where_it_is_outdated(tmp_path: Path) -> None:
    """A page whose diagram differs is found, and put right, and nothing else of it is changed."""
    for page in STATE_DIAGRAMS:
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / page).write_text((ROOT / page).read_text("utf-8").replace("sleeping", "dozing"), "utf-8")
    assert outdated(tmp_path) == [str(page) for page in STATE_DIAGRAMS]

    write(tmp_path)

    assert outdated(tmp_path) == []
    assert (tmp_path / "README.md").read_text("utf-8") == (ROOT / "README.md").read_text("utf-8")


def test_drawing_of_the_rooms_is_true() -> None:
    """What is drawn of the packages is what their imports and docstrings say."""
    assert rooms_drawing.outdated() == []


def test_drawing_of_the_rooms_is_written_where_it_is_outdated(tmp_path: Path) -> None:
    """A drawing that is missing or tells something else is found, and made anew."""
    path = tmp_path / rooms_drawing.DRAWING
    path.parent.mkdir(parents=True)
    assert rooms_drawing.outdated(tmp_path) == [str(rooms_drawing.DRAWING)]
    path.write_text(rooms_drawing.drawing().replace("engine", "motor"), "utf-8")
    assert rooms_drawing.outdated(tmp_path) == [str(rooms_drawing.DRAWING)]

    rooms_drawing.write(tmp_path)

    assert path.read_bytes() == (ROOT / rooms_drawing.DRAWING).read_bytes()


def test_promises_are_all_there() -> None:
    """The page for users has every rule, under the number that tests and issues use."""
    promises = (PAGES / "promises.md").read_text("utf-8")

    assert [int(number) for number in re.findall(r"^(\d+)\. ", promises, re.MULTILINE)] == list(range(1, 62))


def test_navigation_has_every_page() -> None:
    """A page that the site's navigation leaves out is a page that nobody finds."""
    navigation = (ROOT / "docs" / "mkdocs.yml").read_text("utf-8")

    assert sorted(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)) == [
        str(page.relative_to(PAGES)) for page in sorted(PAGES.rglob("*.md"), key=str)
    ]
