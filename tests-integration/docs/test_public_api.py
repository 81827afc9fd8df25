"""What each package exports is exactly what it says it exports."""

import importlib
import pkgutil
import re
import subprocess
import sys
from types import ModuleType

import pytest

from workspace import ROOT, Package, read_packages

PACKAGES = pytest.mark.parametrize("package", read_packages(), ids=lambda package: package.folder.name)


def public_names(module: ModuleType) -> set[str]:
    """Return the names that a reader would take for public: no underscore, and no submodule."""
    submodules = {info.name for info in pkgutil.iter_modules(module.__path__)}
    names = {name for name in vars(module) if name.isidentifier()}  # pytest adds others to what it rewrites
    return {name for name in names if not name.startswith("_")} - submodules - {"TYPE_CHECKING"}


@PACKAGES
def test_all_is_sorted_and_without_repetition(package: Package) -> None:
    """`__all__` reads like an index."""
    exported = importlib.import_module(package.module).__all__

    assert list(exported) == sorted(set(exported))


@PACKAGES
def test_all_is_what_can_be_imported(package: Package) -> None:
    """Every name in `__all__` exists, and no public name is missing from it."""
    module = importlib.import_module(package.module)

    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert public_names(module) <= set(module.__all__)


@PACKAGES
def test_reference_documents_all_that_is_exported(package: Package) -> None:
    """The reference has an entry for every name in `__all__`, and for no other name of the package's top module."""
    reference = (ROOT / "docs" / "pages" / "reference" / f"{package.folder.name}.md").read_text("utf-8")
    entries = re.findall(rf"^::: {re.escape(package.module)}\.(\w+)$", reference, flags=re.MULTILINE)

    assert "`__version__`" in reference
    assert sorted([*entries, "__version__"]) == list(importlib.import_module(package.module).__all__)


@PACKAGES
def test_version_is_that_of_the_distribution(package: Package) -> None:
    """`__version__` is exported and is the version in the package's pyproject."""
    module = importlib.import_module(package.module)

    assert "__version__" in module.__all__
    assert module.__version__ == package.version


@PACKAGES
def test_unknown_name_is_an_attribute_error(package: Package) -> None:
    """The lazy version does not make every other name exist."""
    module = importlib.import_module(package.module)

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


@PACKAGES
def test_import_prints_nothing_and_does_not_load_its_slow_parts(package: Package) -> None:
    """Importing a package is silent, and leaves the libraries that only some programs need for later."""
    slow = {"cronsim", "importlib.metadata", "sqlite_utils", "zoneinfo"}
    program = f"import {package.module}, sys; sys.exit(str({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", program], check=False, capture_output=True, text=True)

    assert (done.stdout, done.stderr.strip()) == ("", "set()")


def test_namespace_is_bare() -> None:
    """`mission_control` itself is a namespace: no distribution ships a file for it."""
    namespace = importlib.import_module("mission_control")

    assert getattr(namespace, "__file__", None) is None
    assert {info.name for info in pkgutil.iter_modules(namespace.__path__)} == {
        package.folder.name for package in read_packages()
    }
