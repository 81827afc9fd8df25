"""Install what lies in dist/ the way its users will, away from the repository, and use it.

Each wheel goes with its siblings into a clean environment of its own, so that an undeclared dependency shows. Then all
sdists go into one environment with plain pip, which runs the README's first program and is shown to a type checker.
Files are handed by path: asked for by name, pip would prefer an old build of the same version from its cache.
"""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from workspace import ROOT, Package, closure, python_blocks, read_packages

PROBE = """
import importlib, importlib.resources, sys

import mission_control

assert getattr(mission_control, "__file__", None) is None, f"{mission_control.__file__} shadows the namespace"
for argument in sys.argv[1:]:
    name, version = argument.split("==")
    module = importlib.import_module(name)
    assert module.__version__ == version, f"{name} says it is {module.__version__}, not {version}"
    assert importlib.resources.files(module).joinpath("py.typed").is_file(), f"{name} ships no py.typed"
    missing = [public for public in module.__all__ if not hasattr(module, public)]
    assert not missing, f"{name} lacks {missing}"
"""
PAGE = "[page]"
"""What the console's own name has behind it where its page is wanted, too."""
FIXTURES = ("fake_clock", "in_memory_commander", "mission_id_sequence")
FORGETFUL = """
import pytest

from mission_control.core.storage.memory import InMemoryAdapter
from mission_control.testing import PersistenceAdapterContract


class Forgetful(InMemoryAdapter):
    async def load_definition(self, fingerprint):
        return None


class TestForgetful(PersistenceAdapterContract):
    @pytest.fixture
    def adapter_factory(self):
        adapter = Forgetful()
        return lambda: adapter
"""


def smoke_wheel(package: Package, packages: tuple[Package, ...], folder: Path) -> None:
    """Install one wheel and its siblings, nothing else, and import it."""
    uv = os.environ.get("HATCH_UV") or shutil.which("uv") or "uv"
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder), cwd=folder.parent)
    python = _python_of(folder)
    wheels = [str(sibling.wheel) for sibling in closure(package, packages)]
    _run(uv, "pip", "install", "--quiet", "--python", python, *wheels, cwd=folder.parent)
    if package.module == "mission_control.console":
        smoke_console(package, uv, python, folder.parent)
    _probe(python, (package,), cwd=folder.parent)
    if package.module == "mission_control.adapter_sqlite":
        _run(python, "-I", _first_program(folder.parent), cwd=folder.parent)
    if package.module == "mission_control.testing":
        smoke_testing(python, folder.parent)


def smoke_testing(python: str, folder: Path) -> None:
    """See that pytest loads the plugin, and that the shipped contract explains what is wrong with an adapter."""
    fixtures = _run(python, "-I", "-m", "pytest", "--fixtures", "--quiet", cwd=folder, codes=(0, 5))
    lacking = [fixture for fixture in FIXTURES if f"\n{fixture} " not in fixtures]
    if lacking:
        raise SystemExit(f"the pytest plugin does not offer {', '.join(lacking)}")
    (folder / "test_forgetful.py").write_text(FORGETFUL, "utf-8")
    told = _run(python, "-I", "-m", "pytest", "--quiet", "test_forgetful.py", cwd=folder, codes=(1,))
    if "assert None ==" not in told:
        raise SystemExit(f"the contract does not explain what a forgetful adapter does wrong\n{told}")


def smoke_console(package: Package, uv: str, python: str, folder: Path) -> None:
    """See the command tell of a mission and say what the page needs, and the page come once that is there."""
    _run(python, "-I", _first_program(folder), cwd=folder)
    command = (str(Path(python).with_name("mission-control")), "--db", "missions.db")
    told = _run(*command, "status", cwd=folder)
    if "purchase" not in told:
        raise SystemExit(f"the status does not tell of the mission that ran\n{told}")
    told = _run(*command, "serve", cwd=folder, codes=(1,))
    if f"{package.distribution}{PAGE}" not in told:
        raise SystemExit(f"it is not said what the page needs\n{told}")
    _run(uv, "pip", "install", "--quiet", "--python", python, f"{package.wheel}{PAGE}", cwd=folder)
    with subprocess.Popen([*command, "serve", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            (address,) = re.findall(r"http://[^/]+", serving.stdout.readline())
            with urlopen(address, timeout=30) as response:
                page = response.read().decode()
        finally:
            serving.terminate()
    if "purchase" not in page or serving.returncode:
        raise SystemExit(f"the page does not tell of the mission, or did not end well ({serving.returncode})\n{page}")


def smoke_sdists(packages: tuple[Package, ...], folder: Path) -> None:
    """Install all sdists with plain pip, run the README's first program and check its types."""
    venv.create(folder, with_pip=True)
    python = _python_of(folder)
    files = (str(package.sdist) + PAGE * (package.module == "mission_control.console") for package in packages)
    _run(python, "-m", "pip", "install", "--quiet", *files, cwd=folder.parent)
    _run(python, "-m", "pip", "check", cwd=folder.parent)
    _probe(python, packages, cwd=folder.parent)

    program = _first_program(folder.parent)
    print(_run(python, "-I", program, cwd=folder.parent), end="")
    checker = (sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={folder.parent / 'mypy'}")
    _run(*checker, f"--python-executable={python}", program, cwd=folder.parent)


def main() -> None:
    """Smoke-test every package of the workspace."""
    packages = read_packages()
    with TemporaryDirectory() as temporary:
        for package in packages:
            smoke_wheel(package, packages, Path(temporary) / package.folder.name)
            print(f"{package.distribution}: the wheel stands alone", flush=True)
        smoke_sdists(packages, Path(temporary) / "everything")
        print("all sdists together: installed, run, typed")


def _first_program(folder: Path) -> str:
    program = folder / "first_program.py"
    program.write_text(python_blocks(ROOT / "README.md")[0], "utf-8")
    return str(program)


def _probe(python: str, packages: tuple[Package, ...], cwd: Path) -> None:
    _run(python, "-I", "-c", PROBE, *(f"{package.module}=={package.version}" for package in packages), cwd=cwd)


def _python_of(environment: Path) -> str:
    return str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _run(*command: str, cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        command, cwd=cwd, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(command)} failed\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
