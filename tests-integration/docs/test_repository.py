"""The repository keeps its own rules."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from not_on_temporal import TESTS as NOT_ON_TEMPORAL
from rooms import WITH_ROOMS, Import, read_imports, room_of
from version import problems, set_version
from workspace import ROOT, Package, read_packages, sibling_pins

PACKAGES = pytest.mark.parametrize("package", read_packages(), ids=lambda package: package.folder.name)
ROOMS = [
    path
    for name in WITH_ROOMS
    for path in sorted(ROOT.glob(f"packages/{name}/src/mission_control/{name}/*/**/__init__.py"))
]
IN_MEMORY = "mission_control.core.storage.memory"  # beside its room: a program with a database need not read it
TESTS = sorted(
    path for folder in ("packages", "tests-integration", "examples") for path in ROOT.glob(f"{folder}/**/test_*.py")
)


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the absolute imports of a file, wherever they stand."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def is_given(found: Import) -> bool:
    """Return whether a room means others to have what is imported from it."""
    given = getattr(importlib.import_module(found.imported), "__all__", None)
    return all(not name.startswith("_") if given is None else name in given for name in found.names)


def undocumented_tests(path: Path) -> Iterator[str]:
    """Yield the tests of a file that do not say in one line what they check."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            docstring = ast.get_docstring(node) or ""
            if len(docstring.splitlines()) != 1:
                yield f"{path.relative_to(ROOT)}::{node.name}"


def test_packages_agree_on_one_version_that_the_changelog_describes() -> None:
    """All packages and the pins between them name one version, and CHANGELOG.md has its section."""
    assert problems() == []


@pytest.mark.parametrize("version", ["99.0.0", "1.0", "latest"])
def test_version_without_changelog_section_is_refused(version: str) -> None:
    """A version that is malformed or undescribed is never written."""
    with pytest.raises(ValueError, match=version):
        set_version(version)

    assert problems() == []


def test_version_is_set_in_every_package_and_every_pin(tmp_path: Path) -> None:
    """One command moves all packages and the pins between them to a version that the changelog describes."""
    for path in (ROOT / "pyproject.toml", *(package.folder / "pyproject.toml" for package in read_packages())):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tmp_path / "CHANGELOG.md").write_text("## 99.0.0rc1 - 2030-01-31\n", "utf-8")

    set_version("99.0.0rc1", tmp_path)

    assert problems(tmp_path) == []
    assert {package.version for package in read_packages(tmp_path)} == {"99.0.0rc1"}


@PACKAGES
def test_package_imports_only_siblings_that_it_declares(package: Package) -> None:
    """The arrows between packages are those of their pyprojects."""
    modules = {sibling.distribution: sibling.module for sibling in read_packages()}
    allowed = {package.module, *(modules[name] for name in sibling_pins(package))}
    imported = {name for path in package.source.rglob("*.py") for name in imported_modules(path)}

    assert {".".join(name.split(".")[:2]) for name in imported if name.startswith("mission_control")} <= allowed


@PACKAGES
def test_package_ships_license_types_and_no_namespace_file(package: Package) -> None:
    """Each distribution carries the licence and its type marker, and leaves the namespace alone."""
    assert (package.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (package.source / "py.typed").is_file()
    assert not (package.source.parent / "__init__.py").exists()


def test_import_from_another_room_names_the_room() -> None:
    """What is inside a room is its own: who needs its names has them from the room."""
    crossing = [found for found in read_imports() if found.crosses_rooms]

    assert [str(found) for found in crossing if found.imported not in (room_of(found.imported), IN_MEMORY)] == []


def test_rooms_use_of_each_other_what_is_given() -> None:
    """A name that another room imports is in `__all__`, or, of a module that has none, without an underscore."""
    crossing = [found for found in read_imports() if found.crosses_rooms]

    assert [str(found) for found in crossing if not is_given(found)] == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.parent.name)
def test_room_says_what_it_is_for_and_what_it_gives(room: Path) -> None:
    """A room has a docstring, and `__all__` is what its `__init__` imports from its modules, sorted."""
    module = ast.parse(room.read_text("utf-8"))
    # what comes on first use is imported in a block for checkers
    statements = [each for node in module.body for each in (node.body if isinstance(node, ast.If) else [node])]
    imports = [node for node in statements if isinstance(node, ast.ImportFrom) and node.level]
    (exported,) = (node.value for node in module.body if isinstance(node, ast.Assign))

    assert ast.get_docstring(module)
    assert {node.level for node in imports} == {1}
    assert sorted(ast.literal_eval(exported)) == sorted(alias.name for node in imports for alias in node.names)


def texts_beyond_ascii(path: Path) -> Iterator[str]:
    """Yield the texts of a program, its docstrings aside, that not every terminal can show."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            shown = "".join(filter(str.isprintable, node.value))  # which leaves out bounds of sorting and the like
            if not shown.isascii():
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {shown}"


@PACKAGES
def test_what_people_are_shown_of_ourselves_is_ascii(package: Package) -> None:
    """A terminal of any code page takes our messages, log lines and pages."""
    # The conformance suite holds odd data, and the console's drawings have ASCII for terminals that know no more.
    sources = [path for path in package.source.rglob("*.py") if path.parent.name not in ("conformance", "drawing")]

    assert [text for path in sources for text in texts_beyond_ascii(path)] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/[!t]*.py")), ids=lambda path: path.name)
def test_what_examples_print_is_ascii(path: Path) -> None:
    """The first thing that a newcomer runs does not end in a UnicodeEncodeError."""
    assert list(texts_beyond_ascii(path)) == []


def test_every_test_says_what_it_checks() -> None:
    """Every test has a docstring of one line."""
    assert [name for path in TESTS for name in undocumented_tests(path)] == []


def test_what_cannot_hold_on_temporal_is_a_test_each() -> None:
    """Nothing is listed twice, or has another name now."""
    listed = [test for tests in NOT_ON_TEMPORAL.values() for test in tests]
    shared = "".join(path.read_text("utf-8") for path in TESTS if path.is_relative_to(ROOT / "tests-integration"))

    assert sorted(listed) == sorted({*listed})
    assert [test for test in listed if f"def {test.partition('[')[0]}(" not in shared] == []
