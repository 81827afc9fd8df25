"""The examples are all listed, and the commands that are shown for them exist."""

import re
import tomllib
from pathlib import Path

FOLDER = Path(__file__).parent


def test_each_example_has_its_row_its_test_and_its_command() -> None:
    """The table in README.md, the scripts of the environment `example` and the tests name the same programs."""
    programs = {path.stem for path in FOLDER.glob("*.py") if not path.name.startswith("test_")} - {"conftest", "demo"}
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))
    rows = re.findall(r"^\| \[`(\w+)\.py`\]\(\1\.py\) \| .+ \| `hatch run example:\1` \|$", _readme(), re.MULTILINE)

    assert sorted(rows) == sorted(programs)
    assert project["tool"]["hatch"]["envs"]["example"]["scripts"] == {
        name: f"python examples/{name}.py {{args}}" for name in programs
    }
    assert all((FOLDER / f"test_{name}.py").is_file() for name in programs)


def test_the_demonstration_has_its_test_and_its_command() -> None:
    """It needs the console, which is in the default environment, and does not end by itself."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))

    assert project["tool"]["hatch"]["envs"]["default"]["scripts"]["demo"] == "python examples/demo.py {args}"
    assert "`hatch run demo`" in _readme()
    assert (FOLDER / "test_demo.py").is_file()


def _readme() -> str:
    return (FOLDER / "README.md").read_text("utf-8")
