"""Hold each package to its branch coverage, from the data of the last `coverage run`."""

import subprocess
import sys

from workspace import Package, read_packages

LEAST = 95  # percent of lines and branches
LEAST_OF = {"mission_control.core": 100}  # where every rule lives


def covered(package: Package) -> bool:
    """Report a package's coverage and say whether it suffices."""
    least = LEAST_OF.get(package.module, LEAST)
    print(f"\n{package.module}, at least {least} %", flush=True)
    report = [sys.executable, "-m", "coverage", "report", f"--include={package.source}/*", f"--fail-under={least}"]
    return subprocess.run(report, check=False).returncode == 0


def main() -> int:
    """Check every package, also after the first that falls short."""
    short = [package.module for package in read_packages() if not covered(package)]
    if short:
        print(f"\nbelow the gate: {', '.join(short)}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
