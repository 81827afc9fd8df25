"""Kill a program that runs missions, many times, and audit what it leaves behind: `hatch run soak --kills 100`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from crash.audit import Findings
from crash.kills import kill_and_audit

MOST_PROBLEMS = 40


def main() -> int:
    """Run, print a report, and return 1 where something is not as it was promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="how often the program is killed (60)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="chooses the moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        began = time.perf_counter()
        findings = kill_and_audit(Path(folder), kills=options.kills, seed=options.seed, report=_progress)
        _print_report(findings, options.kills, options.seed, time.perf_counter() - began)
    return 1 if findings.problems else 0


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")


def _print_report(findings: Findings, kills: int, seed: int, seconds: float) -> None:
    print(f"\n{kills} kills at random moments, seed {seed}, {seconds:.0f} s (synchronous=FULL)\n")
    for name, number in sorted(findings.counts.items()):
        print(f"  {name:<32}{number:>10,}")
    print(f"\n  {'problems':<32}{len(findings.problems):>10,}")
    for problem in findings.problems[:MOST_PROBLEMS]:
        print(f"    {problem}")


if __name__ == "__main__":
    sys.exit(main())
