"""Run with `hatch run bench` or `hatch run bench:peers`; `--help` says what can be asked."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from . import (
    w1_throughput,
    w2_latency,
    w3_signal,
    w4_long_mission,
    w5_parked,
    w6_overload,
    w7_import,
    w8_install,
    w9_growth,
    w10_each,
    w11_parallel,
    w12_repeat,
    w13_mailbox,
    w14_schedules,
    w15_console,
    w16_temporal,
    w17_open_waits,
)
from .figures import Line
from .peers.dbos import Dbos
from .plan import Plan
from .processes import ROOT
from .table import table

WORKLOADS: Mapping[str, Callable[[Plan], Awaitable[list[Line]]]] = {
    "W1": w1_throughput.measure,
    "W2": w2_latency.measure,
    "W3": w3_signal.measure,
    "W4": w4_long_mission.measure,
    "W5": w5_parked.measure,
    "W6": w6_overload.measure,
    "W7": w7_import.measure,
    "W8": w8_install.measure,
    "W9": w9_growth.measure,
    "W10": w10_each.measure,
    "W11": w11_parallel.measure,
    "W12": w12_repeat.measure,
    "W13": w13_mailbox.measure,
    "W14": w14_schedules.measure,
    "W15": w15_console.measure,
    "W16": w16_temporal.measure,
    "W17": w17_open_waits.measure,
}
PEERS_HAVE = ("W1", "W2", "W3", "W4", "W5")
ON_REQUEST = ("W8",)
"""What is only measured when it is asked for: it downloads."""


def main() -> None:
    """Measure what was asked for, and print it."""
    options = _parser().parse_args()
    plan = _plan(options)
    default = PEERS_HAVE if plan.peers else tuple(name for name in WORKLOADS if name not in ON_REQUEST)
    lines: list[Line] = []
    for name in options.only or default:
        begun = time.perf_counter()
        lines += asyncio.run(_measure(name, plan))
        print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    if options.json:
        print(json.dumps({**_machine(), "lines": [line.to_dict() for line in lines]}, indent=2))
    else:
        print(f"{', '.join(f'{key} {value}' for key, value in _machine().items())}; {plan.rounds} rounds\n")
        print(table(lines))


async def _measure(name: str, plan: Plan) -> list[Line]:
    return await WORKLOADS[name](plan)


def _machine() -> Mapping[str, str]:
    return {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version, "system": platform.platform()}


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        rounds=options.rounds or (3 if options.quick else 5),
        is_quick=options.quick,
        directory=options.dir,
        peers=(Dbos,) if options.peers else (),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hatch run bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(WORKLOADS), help="a workload; may be repeated")
    parser.add_argument("--quick", action="store_true", help="less work, 3 rounds: about a minute")
    parser.add_argument("--rounds", type=_positive, help="rounds that count (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--dir", type=Path, default=ROOT, help="where the databases go (default: the repository)")
    parser.add_argument("--peers", action="store_true", help="measure the peers beside ours: `hatch run bench:peers`")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
