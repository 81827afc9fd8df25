"""A report each night at two o'clock in Berlin, over a year of crashes, holidays and changes of the clock.

    hatch run example:nightly_report -- --catch-up 6

A year passes within seconds, on a clock that the program moves. In the night in which the clocks go forward a process
is killed, and nothing runs for some hours; in July it is closed for four days. A night that was missed by no more than
`--catch-up` hours has its report when a process opens the file again; the others are on record as missed.
"""

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionContext, Schedule, m
from mission_control.testing import FakeClock, crash


@define
class Night:
    day: str
    offset: str


async def collect(ctx: MissionContext[Night]) -> str:
    return f"the figures of {ctx.input.day}"


async def send(ctx: MissionContext[Night]) -> str:
    return f"{ctx.output(collect)}, sent by Berlin's clocks at UTC{ctx.input.offset}"


report = m.define("report").start(input=Night, run=collect).step("send", send).end()


def night(slot: datetime) -> Night:
    """Return what the report of a slot is about; the slot is in the schedule's zone."""
    return Night(day=f"{slot - timedelta(days=1):%Y-%m-%d}", offset=f"{slot:%z}")


def define_schedule(catch_up: timedelta) -> Schedule[Night]:
    return Schedule(
        "nightly-report",
        report,
        input=night,
        cron="0 2 * * *",
        time_zone="Europe/Berlin",
        overlap="allow",
        catch_up=catch_up,
    )


# A year of three processes over one file.

BEGINS = datetime(2026, 1, 1, 12, tzinfo=UTC)
KILLED, BACK = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 4, tzinfo=UTC)
CLOSED, REOPENED = datetime(2026, 7, 10, 12, tzinfo=UTC), datetime(2026, 7, 14, 6, tzinfo=UTC)
ENDS = datetime(2027, 1, 1, 12, tzinfo=UTC)


async def play(database: Path, schedule: Schedule[Night]) -> None:
    """Let the year pass, and print what became of its nights."""
    clock = FakeClock(BEGINS)

    def commander() -> SQLiteCommander:
        return SQLiteCommander(database_path=database, schedules=[schedule], clock=clock)

    first = commander()
    await first.wait_until_ready()
    await clock.advance_to(KILLED)
    await crash(first)
    await clock.advance_to(BACK)

    async with commander():
        await clock.advance_to(CLOSED)
    await clock.advance_to(REOPENED)

    async with commander() as last:
        await clock.advance_to(ENDS)
        await show(last)


async def show(commander: SQLiteCommander) -> None:
    """Print how many reports there are, those that came late, and those that never came."""
    missions = [mission async for mission in commander.iter_missions()]
    print(f"{len(missions)} reports, the first and the last of them")
    for mission in (missions[0], missions[-1]):
        handle = await commander.get_mission(mission.mission_id)
        assert handle is not None
        print(f"  {mission.mission_id}: {await handle.output()}")
    for mission in missions:
        assert mission.slot is not None
        assert mission.created_at is not None
        if (late := mission.created_at - mission.slot) > timedelta(minutes=1):
            print(f"late by {late}: {mission.mission_id}")
    (summary,) = await commander.schedules.list()
    for passed in summary.passed_over:
        print(f"{passed.count} {passed.reason}: from {passed.first} to {passed.last}")
    print(f"next: {summary.next_slot}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A report each night, over a year in seconds.")
    parser.add_argument("--catch-up", type=float, default=6, help="hours (default: %(default)s)")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder, "missions.db"), define_schedule(timedelta(hours=options.catch_up))))
