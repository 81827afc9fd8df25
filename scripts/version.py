"""Verify that all packages agree on one version, or set it: `version.py [NEW_VERSION]`."""

import re
import sys
from pathlib import Path

from workspace import ROOT, Package, read_packages, sibling_pins

VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")


def problems(root: Path = ROOT) -> list[str]:
    """Say what keeps the packages from being released together; an empty list when nothing does."""
    packages = read_packages(root)
    versions = {package.version for package in packages}
    if len(versions) > 1:
        return ["the packages differ in version: " + ", ".join(f"{p.distribution} {p.version}" for p in packages)]
    version = versions.pop()
    found = [problem for package in packages for problem in _pin_problems(package, version)]
    if not _has_changelog_section(root, version):
        found.append(_missing_section(version))
    return found


def set_version(version: str, root: Path = ROOT) -> None:
    """Write a version into every package and into every pin between them.

    Raises:
        ValueError: The version is malformed, or CHANGELOG.md has no section for it; nothing is written.
    """
    if not VERSION.fullmatch(version):
        raise ValueError(f"expected a version such as 1.2.3 or 1.2.3rc1, found {version!r}")
    if not _has_changelog_section(root, version):
        raise ValueError(_missing_section(version))
    for package in read_packages(root):
        path = package.folder / "pyproject.toml"
        text = re.sub(r'^version = "[^"]*"', f'version = "{version}"', path.read_text("utf-8"), flags=re.MULTILINE)
        path.write_text(re.sub(r'"(mission-control-[a-z-]+)==[^"]*"', rf'"\1=={version}"', text), "utf-8")


def main() -> int:
    """Set the version if one is given, then verify."""
    try:
        for version in sys.argv[1:2]:
            set_version(version)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{len(read_packages())} packages at {read_packages()[0].version}")
    return 1 if found else 0


def _pin_problems(package: Package, version: str) -> list[str]:
    return [
        f"{package.distribution} must pin {sibling}=={version}, found {sibling}{specifier}"
        for sibling, specifier in sibling_pins(package).items()
        if specifier != f"=={version}"
    ]


def _has_changelog_section(root: Path, version: str) -> bool:
    heading = rf"^## \[?{re.escape(version)}\]? - \d{{4}}-\d{{2}}-\d{{2}}$"
    return re.search(heading, (root / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE) is not None


def _missing_section(version: str) -> str:
    return f"CHANGELOG.md has no section for {version}: add the heading '## {version} - YYYY-MM-DD' and what changed"


if __name__ == "__main__":
    sys.exit(main())
