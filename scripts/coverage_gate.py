"""Hold each package to its branch coverage, from the data of the last `coverage run`."""

import subprocess
import sys

from workspace import Package, read_packages

LEAST = 95  # percent of lines and branches
LEAST_OF = {"mission_control.core": 100}  # where every rule lives
APART = {"mission_control.temporal"}  # whose tests need a server: `hatch run temporal:test`


def covered(package: Package) -> bool:
    """Report a package's coverage and say whether it suffices."""
    least = LEAST_OF.get(package.module, LEAST)
    print(f"\n{package.module}, at least {least} %", flush=True)
    report = [sys.executable, "-m", "coverage", "report", f"--include={package.source}/*", f"--fail-under={least}"]
    return subprocess.run(report, check=False).returncode == 0


def main() -> int:
    """Check the packages that are named, or all but those with a run of their own, also after one that falls short."""
    named = sys.argv[1:]
    wanted = [it for it in read_packages() if (it.module in named if named else it.module not in APART)]
    short = [package.module for package in wanted if not covered(package)]
    if short:
        print(f"\nbelow the gate: {', '.join(short)}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
