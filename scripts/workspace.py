"""The workspace as its own files describe it: the packages in publishing order, and the programs of a README."""

import re
import tomllib
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


@dataclass(frozen=True, kw_only=True)
class Package:
    """One distribution under packages/."""

    folder: Path
    distribution: str
    version: str
    dependencies: tuple[str, ...]

    @property
    def module(self) -> str:
        """The import name."""
        return f"mission_control.{self.folder.name}"

    @property
    def source(self) -> Path:
        """The folder of the import package."""
        return self.folder / "src" / "mission_control" / self.folder.name

    @property
    def file_stem(self) -> str:
        """What the names of its wheel and its sdist begin with."""
        return f"{self.distribution.replace('-', '_')}-{self.version}"

    @property
    def sdist(self) -> Path:
        """The packed source distribution."""
        return DIST / f"{self.file_stem}.tar.gz"

    @property
    def wheel(self) -> Path:
        """The packed wheel."""
        return DIST / f"{self.file_stem}-py3-none-any.whl"


def read_packages(root: Path = ROOT) -> tuple[Package, ...]:
    """Read the members of the workspace, each after the siblings that it depends on."""
    hatch = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    folders = [root / member for member in hatch["envs"]["default"]["workspace"]["members"]]
    by_name = {package.distribution: package for package in map(_read_package, folders)}
    graph = {name: [s for s in sibling_pins(package) if s in by_name] for name, package in by_name.items()}
    return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())


def sibling_pins(package: Package) -> dict[str, str]:
    """Map each sibling that a package depends on to the version specifier that it names."""
    requirements = (re.match(r"(mission-control-[a-z-]+)(.*)", text) for text in package.dependencies)
    return {match[1]: match[2].strip() for match in requirements if match}


def closure(package: Package, packages: tuple[Package, ...]) -> tuple[Package, ...]:
    """Return a package and every sibling that installing it takes."""
    needed = {package.distribution}
    for candidate in reversed(packages):
        if candidate.distribution in needed:
            needed.update(sibling_pins(candidate))
    return tuple(candidate for candidate in packages if candidate.distribution in needed)


def python_blocks(markdown: Path) -> tuple[str, ...]:
    """Return the Python programs that a Markdown file shows, in order."""
    return tuple(re.findall(r"^```python\n(.*?)^```$", markdown.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL))


def _read_package(folder: Path) -> Package:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return Package(
        folder=folder,
        distribution=project["name"],
        version=project["version"],
        dependencies=tuple(project["dependencies"]),
    )
