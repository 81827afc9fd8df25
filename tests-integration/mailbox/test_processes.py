"""Real processes that are stopped and killed at any moment, on both sides of a mailbox: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import random
import signal as signals
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailbox_program import job
from mission_control.adapter_sqlite import SQLiteCommander, open_mission_reader, sqlite_mailbox
from mission_control.client.patience import is_heard
from mission_control.core import HistoryType, MissionStatus
from sending import Sender, end, signal, start

PROGRAM = Path(__file__).parent.with_name("mailbox_program.py")


async def begin(*arguments: object) -> Process:
    """Start a process, and return when it has said something."""
    process, _ = await begin_and_hear(*arguments)
    return process


async def begin_and_hear(*arguments: object) -> tuple[Process, str]:
    """Start a process, and return what it says first."""
    process = await asyncio.create_subprocess_exec(sys.executable, PROGRAM, *map(str, arguments), stdout=PIPE)
    assert process.stdout is not None
    said = await process.stdout.readline()
    assert said
    return process, said.decode().strip()


async def kill(process: Process) -> list[str]:
    """Kill a process, and return what it has said since its first line."""
    process.kill()
    said, _ = await process.communicate()
    whole, _, _ = said.decode().rpartition("\n")
    return whole.split()


@asynccontextmanager
async def sender_of(database: Path) -> AsyncGenerator[Sender]:
    sender = await Sender.of(sqlite_mailbox(database))
    yield sender
    await sender.outbox.close()


async def check(database: Path, accepted: list[str]) -> None:
    """Every mission that was accepted has run to its end, and nothing was refused, which a second time would be."""
    async with sender_of(database) as sender:
        if accepted:
            await asyncio.gather(*(sender.ask(end(mission_id)) for mission_id in accepted))
        assert await sender.refusals() == []
    async with open_mission_reader(database) as reader:
        completed = [one.mission_id async for one in reader.iter_missions(status=MissionStatus.COMPLETED)]
    assert set(accepted) <= set(completed)


@pytest.mark.parametrize("seed", range(4))
async def test_senders_are_killed(database_path: Path, seed: int) -> None:
    """At any moment: what one of them said to be accepted is done, and what it left behind holds up nobody."""
    chance = random.Random(seed)
    accepted: list[str] = []
    async with SQLiteCommander(database_path=database_path, definitions=[job]):
        for number in range(3):
            process = await begin("send", database_path, f"s{number}")
            await asyncio.sleep(chance.random() * 0.2)
            accepted += [f"s{number}-0", *await kill(process)]
        await check(database_path, accepted)
        async with asyncio.timeout(20):
            while list(database_path.with_name("missions.db-mailbox").glob("*.json")):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", range(3))
async def test_the_owner_is_killed(database_path: Path, seed: int) -> None:
    """At any moment while it applies and answers: the next one goes on, and applies nothing twice."""
    chance = random.Random(seed)
    sending = await begin("send", database_path, "s")
    for _ in range(4):
        owner = await begin("own", database_path)
        await asyncio.sleep(chance.random() * 0.3)
        await kill(owner)
    accepted = ["s-0", *await kill(sending)]
    async with SQLiteCommander(database_path=database_path, definitions=[job]):
        await check(database_path, accepted)


@pytest.mark.parametrize("seed", range(2))
async def test_the_owner_is_killed_while_it_is_told_to_pause_and_resume(database_path: Path, seed: int) -> None:
    """Each is on record as often as it was asked for: one that came again would leave a mission paused for good."""
    chance = random.Random(seed)
    sending = await begin("operate", database_path, "s")
    for _ in range(3):
        owner = await begin("own", database_path)
        await asyncio.sleep(chance.random() * 0.3)
        await kill(owner)
    accepted = ["s-0", *await kill(sending)]
    async with SQLiteCommander(database_path=database_path, definitions=[job]) as commander:
        await check(database_path, accepted)
        for mission_id in accepted:
            inspection = await commander.inspect_mission(mission_id)
            assert inspection is not None
            types = [one.type for one in inspection.history if one.details.get("by") == "s"]
            assert types == [HistoryType.MISSION_PAUSED, HistoryType.MISSION_RESUMED] * 2


async def test_a_sender_that_is_stopped_holds_up_nobody(database_path: Path) -> None:
    """Not the owner, and no other sender, wherever it stands; when it goes on, so do its requests."""
    chance = random.Random(1)
    async with (
        SQLiteCommander(database_path=database_path, definitions=[job]) as commander,
        sender_of(database_path) as sender,
    ):
        process = await begin("send", database_path, "s")
        for number in range(10):
            await asyncio.sleep(chance.random() * 0.05)
            process.send_signal(signals.SIGSTOP)
            await commander.start(job, 1, mission_id=f"local-{number}")
            assert (await sender.ask(start(f"m-{number}", "job"))).error is None
            assert (await sender.ask(signal(f"m-{number}", "go"))).error is None
            process.send_signal(signals.SIGCONT)
        await check(database_path, ["s-0", *await kill(process)])


async def test_a_sender_on_another_mailbox_hears_of_its_owner(database_path: Path) -> None:
    """A pipe dies with its process: who asks knows at once whether there is an owner."""
    async with sender_of(database_path) as sender:
        assert not await is_heard(sender.outbox)
        owner = await begin("own", database_path)
        assert await is_heard(sender.outbox)
        await asyncio.wait_for(sender.rung.wait(), 5)
        await kill(owner)
        assert not await is_heard(sender.outbox)


async def test_a_forked_child_is_no_owner(database_path: Path) -> None:
    """Where the owner dies and a child that it has forked lives on, nobody hears what is sent."""
    async with sender_of(database_path) as sender:
        owner, child = await begin_and_hear("fork", database_path)
        try:
            assert await is_heard(sender.outbox)
            owner.kill()
            await owner.wait()
            assert not await is_heard(sender.outbox)
        finally:
            os.kill(int(child), signals.SIGKILL)
