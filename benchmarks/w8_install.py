"""W8: what a fresh environment with adapter_sqlite, runtime and client weighs, beyond pip. It downloads."""

from __future__ import annotations

import asyncio
import sys
import venv
from importlib.metadata import Distribution, distributions
from pathlib import Path

from .figures import OURS, Line
from .plan import Plan
from .processes import ROOT

_PACKAGES = ("core", "adapter_sqlite", "runtime", "client")
_BUNDLED = ("pip", "setuptools")
"""What a fresh environment has already."""


async def measure(plan: Plan) -> list[Line]:
    """Install once, and weigh each distribution that came."""
    with plan.folder() as folder:
        environment = Path(folder) / "environment"
        await asyncio.to_thread(venv.create, environment, with_pip=True)
        pip = environment / ("Scripts" if sys.platform == "win32" else "bin") / "pip"
        sources = [str(ROOT / "packages" / package) for package in _PACKAGES]
        process = await asyncio.create_subprocess_exec(str(pip), "install", "--quiet", *sources)
        if await process.wait():
            raise SystemExit("W8: pip install failed")
        (site,) = environment.glob("[Ll]ib/**/site-packages")
        weights = {
            distribution.name: _megabytes(distribution)
            for distribution in distributions(path=[str(site)])
            if distribution.name not in _BUNDLED
        }
    weights = {"everything": sum(weights.values()), **dict(sorted(weights.items(), key=lambda item: -item[1]))}
    return [
        Line(
            workload="W8",
            what=f"installed beyond pip: {name}",
            subject=OURS,
            unit="MB",
            values=[megabytes],
            target="<= 10 MB" if name == "everything" else "",
            durability="",
        )
        for name, megabytes in weights.items()
    ]


def _megabytes(distribution: Distribution) -> float:
    paths = [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
