"""Build the sdist and the wheel of every package into dist/, and prove that they are complete and reproducible."""

import filecmp
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from workspace import DIST, Package, read_packages


def build(package: Package, target: Path) -> None:
    """Build an sdist, and the wheel from the unpacked sdist: so the sdist stands alone."""
    _hatchling("sdist", package.folder, target)
    with TemporaryDirectory() as temporary:
        with tarfile.open(target / package.sdist.name) as archive:
            archive.extractall(temporary, filter="data")
        _hatchling("wheel", Path(temporary) / package.file_stem, target)


def pack(packages: tuple[Package, ...]) -> list[Path]:
    """Build everything twice, compare byte by byte, and put one copy into an empty dist/."""
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        for target in (first, second):
            for package in packages:
                build(package, Path(target))
        names = sorted(path.name for path in Path(first).iterdir())
        _, different, missing = filecmp.cmpfiles(first, second, names, shallow=False)
        if different or missing:
            raise SystemExit(f"two builds of the same sources differ: {', '.join(different + missing)}")
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(first, DIST)
    return [DIST / name for name in names]


def main() -> None:
    """Pack, then let the checkers of the index read the result."""
    files = pack(read_packages())
    _run("twine", "check", "--strict", *map(str, files))
    _run("check_wheel_contents", *(str(path) for path in files if path.suffix == ".whl"))
    for path in files:
        print(f"{path.relative_to(DIST.parent)}  {path.stat().st_size:,} bytes")


def _hatchling(kind: str, folder: Path, target: Path) -> None:
    _run("hatchling", "build", "--target", kind, "--directory", str(target), cwd=folder, quiet=True)


def _run(module: str, *arguments: str, cwd: Path | None = None, quiet: bool = False) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=cwd, check=False, capture_output=quiet, text=True
    )
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed\n{done.stdout or ''}{done.stderr or ''}")


if __name__ == "__main__":
    main()
