"""A reminder that comes when it is due, although the process that set it is dead.

    hatch run example:durable_reminder -- "renew the certificate" --down 2

A process sets a reminder and is killed. For `--down` seconds nothing runs. Then another process opens the file: the
sleep goes on and does not begin anew, and a reminder that fell due while nothing ran comes at once.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionContext, m

NAP = timedelta(seconds=1)


async def note(ctx: MissionContext[str]) -> str:
    return ctx.input


async def remind(ctx: MissionContext[str]) -> str:
    print(f"{clock(datetime.now(UTC))}  REMINDER: {ctx.output(note)}")
    return "reminded"


reminder = m.define("reminder").start(input=str, run=note).sleep("nap", NAP).step("remind", remind).end()


def clock(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"


# The first process: sets the reminder. It would wait for it, if it were left alone.


async def set_reminder(database: Path, text: str) -> None:
    async with SQLiteCommander(database_path=database, definitions=[reminder]) as commander:
        mission = await commander.start(reminder, text, mission_id="reminder-1")
        (nap,) = (await mission.inspect()).timers
        print(f"due at {clock(nap.due_at)}", flush=True)
        await mission.result()


# Another process, later: opening the file is all that it takes.


async def keep_reminder(database: Path) -> None:
    opened_at = datetime.now(UTC)
    print(f"{clock(opened_at)}  another process opens {database.name}")
    async with SQLiteCommander(database_path=database, definitions=[reminder]) as commander:
        mission = await commander.get_mission("reminder-1")
        assert mission is not None
        await mission.wait_for_completion()
        inspection = await mission.inspect()

    (nap,) = inspection.timers
    assert nap.resumed_at is not None
    print(f"\nIt was due at {clock(nap.due_at)}, and the sleep ended at {clock(nap.resumed_at)}.")
    print(f"A sleep that began anew would have ended at {clock(opened_at + NAP)}.\n\n{inspection}")


def main(text: str, down: float, database: Path) -> None:
    command = [sys.executable, __file__, text, "--database", str(database), "--set"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        due = first.stdout.readline().strip()
        print(f"{clock(datetime.now(UTC))}  process {first.pid} sets a reminder, {due}")
        first.send_signal(signal.SIGKILL)
    print(f"{clock(datetime.now(UTC))}  process {first.pid} is killed (exit status {first.returncode})")
    time.sleep(down)
    asyncio.run(keep_reminder(database))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A reminder that comes when it is due, whatever dies meanwhile.")
    parser.add_argument("text", nargs="?", default="renew the certificate", help="of what (default: %(default)s)")
    parser.add_argument("--down", type=float, default=0.4, help="seconds in which nothing runs (default: %(default)s)")
    parser.add_argument("--database", type=Path, help="a file to keep (default: one that is thrown away)")
    parser.add_argument("--set", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.set:
        asyncio.run(set_reminder(options.database, options.text))
    elif options.database is not None:
        main(options.text, options.down, options.database)
    else:
        with TemporaryDirectory() as folder:
            main(options.text, options.down, Path(folder) / "missions.db")
