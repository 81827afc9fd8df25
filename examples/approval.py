"""An approval that survives the death of its process.

    hatch run example:approval -- --email you@example.com

A process starts a mission that waits for a person's approval, and is killed. Another process opens the same file, sees
what happened and what is awaited, and takes the approval.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionContext, MissionStatus, MissionValidationError, RetryPolicy, Signal, m

# The mission: what a request is, what an approval is, and what happens in which order.


@define
class Request:
    email: str


@define
class Opened:
    ticket: str
    email: str


@define
class Approval:
    approved_by: str


receive_approval = Signal("receive-approval", Approval)


async def open_request(ctx: MissionContext[Request]) -> Opened:
    return Opened(ticket=f"ticket of {ctx.mission_id}", email=ctx.input.email)


async def send_email(ctx: MissionContext[Request]) -> dict[str, str]:
    # A mail server would be given ctx.idempotency_key, so that a repeated attempt sends nothing twice.
    return {"sent_to": ctx.output(open_request).email, "approved_by": ctx.received(receive_approval).approved_by}


approval_mission = (
    m.define("approval")
    .start(input=Request, run=open_request)
    .need_to(receive_approval, timeout=timedelta(days=7), timeout_message="nobody approved within a week")
    .step("send-email", send_email, retry=RetryPolicy(max_attempts=3, initial_interval=1.0), timeout=30)
    .sleep("cooldown", 0.5)
    .end()
)


# The first process: starts the mission, and would now wait for a week.


async def request_approval(database: Path, email: str) -> None:
    async with SQLiteCommander(database_path=database, definitions=[approval_mission]) as commander:
        mission = await commander.start(approval_mission, Request(email=email), mission_id="approval-1")
        print(f"the mission is {await mission.status()}", flush=True)
        await mission.result()


# Another process, after the first one was killed: the file is all that is left of it.


async def approve(database: Path) -> None:
    async with SQLiteCommander(database_path=database, definitions=[approval_mission]) as commander:
        mission = await commander.get_mission("approval-1")
        assert mission is not None
        print(f"\nWhat happened, and what is awaited:\n{await mission.inspect()}")

        try:
            await mission.signal("receive-approval", {"aproved_by": "reviewer-1"})
        except MissionValidationError as error:
            print(f"\nAn approval with a typing error changes nothing:\n{error}")

        await mission.signal(receive_approval, Approval(approved_by="reviewer-1"))
        ended = await mission.wait_for_completion()
        assert ended.status is MissionStatus.COMPLETED
        print(f"\nApproved, and done:\n{await mission.inspect()}")


def main(email: str, database: Path) -> None:
    command = [sys.executable, __file__, "--email", email, "--database", str(database), "--request"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        print(f"Process {first.pid} asks for an approval for {email}: {first.stdout.readline().strip()}.")
        first.send_signal(signal.SIGKILL)
    print(f"Process {first.pid} is killed (exit status {first.returncode}). Nothing of it is left but {database.name}.")
    asyncio.run(approve(database))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An approval that survives the death of its process.")
    parser.add_argument("--email", default="ops@example.com", help="who asks (default: %(default)s)")
    parser.add_argument("--database", type=Path, help="a file to keep (default: one that is thrown away)")
    parser.add_argument("--request", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.request:
        asyncio.run(request_approval(options.database, options.email))
    elif options.database is not None:
        main(options.email, options.database)
    else:
        with TemporaryDirectory() as folder:
            main(options.email, Path(folder) / "missions.db")
