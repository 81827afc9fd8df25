"""Run the test suite on each Python version that this machine has, and say which it did not find.

An interpreter is looked for on the PATH and where pyenv keeps its own. Nothing is downloaded but packages.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from workspace import ROOT, read_packages

VERSIONS = ("3.11", "3.12", "3.13")


def main(arguments: list[str]) -> int:
    """Test on every version that is found; return 1 where one fails, or none was found."""
    found = {version: interpreter for version in VERSIONS if (interpreter := find(version)) is not None}
    failed = [version for version, interpreter in found.items() if not test(version, interpreter, arguments)]
    for version in VERSIONS:
        outcome = "not found on this machine" if version not in found else "failed" if version in failed else "passed"
        print(f"Python {version}: {outcome}")
    return 1 if failed or not found else 0


def find(version: str) -> str | None:
    """Return an interpreter of that version which runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}*/bin/python"), reverse=True)]
    return next(
        (str(candidate) for candidate in candidates if candidate is not None and runs(candidate, version)), None
    )


def runs(interpreter: str | Path, version: str) -> bool:
    """True where the interpreter answers, and is of that version."""
    asked = [str(interpreter), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == version


def test(version: str, interpreter: str, arguments: list[str]) -> bool:
    """Run the suite in an environment of its own; True where it passes."""
    print(f"Python {version}: {interpreter}", flush=True)
    environment = ROOT / ".hatch" / f"matrix-{version}"
    uv = os.environ.get("HATCH_UV", "uv")
    subprocess.run([uv, "venv", "-q", "--clear", "--python", interpreter, str(environment)], check=True)
    python = environment / "bin" / "python"
    members = [part for package in read_packages() for part in ("-e", str(package.folder))]
    subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *dev_tools(), *members], check=True)
    return subprocess.run([str(python), "-m", "pytest", "-q", *arguments], cwd=ROOT, check=False).returncode == 0


def dev_tools() -> list[str]:
    """Return the pinned tools of the default environment."""
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    tools: list[str] = hatch["envs"]["default"]["dependencies"]
    return tools


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
