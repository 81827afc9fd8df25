"""Missions of every construct that an operator does anything to, at any moment, over processes that die: R3 for him."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lives import EPOCH, check_rows, check_waits, inbox_of, look, new_storage, rows_of
from mission_control.core import Commander, MissionControlError, MissionDefinition, MissionStatus
from mission_control.core.engine import bell, families, recorder
from mission_control.testing import FakeClock
from random_flows import World, missions
from storages import OpenCommander

BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
SECONDS = 60
ENDS = (MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED)


@pytest.fixture(scope="module", autouse=True)
def _impatience() -> Iterator[None]:
    """Storage that failed is tried again at once."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (bell, families, recorder):
            patch.setattr(module, "_FIRST_BACKOFF", 0.001)
        yield


@attrs.define
class Operator:
    """Somebody who does something to missions, without looking much at what they are."""

    chance: random.Random
    definition: MissionDefinition[Any]
    clock: FakeClock
    cancelling: list[asyncio.Future[Any]] = attrs.field(factory=list[asyncio.Future[Any]])

    async def act(self, commander: Commander) -> None:
        """Do something; what is refused changes nothing."""
        summary = self.chance.choice([one async for one in commander.iter_missions()])
        snapshot = await commander.inspect_mission(summary.mission_id)
        assert snapshot is not None
        places = [one.cursor for one in snapshot.snapshot.positions] or [summary.cursor]
        mission_id, operations = summary.mission_id, commander.operations
        nodes = [node.name for node in self.definition.nodes]
        with suppress(MissionControlError):
            match self.chance.choice(
                ["pause", "resume", "resume", "wake", "skip", "reopen", "reopen", "again", "cancel"]
            ):
                case "pause":
                    await operations.pause_mission(mission_id, by="eve")
                case "resume":
                    await operations.resume_mission(mission_id, by="eve")
                case "wake":
                    await operations.wake_mission(mission_id, path=self.chance.choice([None, *filter(None, places)]))
                case "skip":
                    await operations.skip_step(mission_id, output={"of": "eve"}, step=self.chance.choice(places))
                case "reopen":
                    await operations.reopen_mission(mission_id, by="eve")
                case "again":
                    await operations.reopen_mission(mission_id, step=self.chance.choice(nodes))
                case "cancel":  # which may have to wait for an undo that backs off
                    self.cancelling.append(asyncio.ensure_future(commander.cancel_mission(mission_id, by="eve")))
                    await asyncio.sleep(0)
                case _:
                    raise AssertionError

    async def answer(self, commander: Commander) -> None:
        """Send a signal that some mission waits for."""
        waits = [wait async for wait in commander.iter_waits()]
        if waits:
            wait = self.chance.choice(waits)
            mission = await commander.get_mission(wait.mission_id)
            assert mission is not None
            with suppress(MissionControlError):
                await mission.signal(wait.event_name, 7, wait=False)

    async def let_go(self, commander: Commander) -> None:
        """Let everything come to its end."""
        while left := [one async for one in commander.iter_missions() if one.status not in ENDS]:
            for one in left:
                if one.paused:
                    await commander.operations.resume_mission(one.mission_id)
            await self.answer(commander)
            await self.clock.advance(3_000)


@pytest.mark.parametrize("storage", ["memory", "sqlite"])
@BOUNDED
@given(mission=missions(is_apart=False), seed=st.integers(0, 2**32))
def test_missions_that_are_operated_on_are_what_their_histories_say(
    storage: str, mission: tuple[World, MissionDefinition[Any]], seed: int
) -> None:
    """Rows, waits and snapshots fold from them; no attempt is numbered twice; and all of them can come to an end."""
    _world, definition = mission
    chance, clock = random.Random(seed), FakeClock(EPOCH)
    operator = Operator(chance, definition, clock)

    async def live() -> None:
        with new_storage(storage) as adapters:
            opener = OpenCommander(adapters, clock)
            try:
                commander = await opener([definition])
                await commander.start(definition, 5, mission_id="mission", wait=False)
                for _ in range(chance.randrange(4, 16)):
                    commander = await turn(opener, commander)
                await commander.settled()
                await check(commander)
                await operator.let_go(commander)
                await check(commander)
            finally:
                await opener.close()
                await asyncio.gather(*operator.cancelling, return_exceptions=True)

    async def turn(opener: OpenCommander, commander: Commander) -> Commander:
        match chance.randrange(8):
            case 0:
                await opener.crash()
                commander = await opener([definition])
            case 1:
                await clock.advance(chance.choice([1, 1_000, 10_000]))
            case 2:
                await operator.answer(commander)
            case 3:
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
            case _:
                await operator.act(commander)
        return commander

    async def check(commander: Commander) -> None:
        found = await look(commander)
        check_rows(found, await rows_of(commander))
        check_waits(found, await inbox_of(commander))
        for one in found.values():
            attempts = Counter((it.step_name, it.attempt_number) for it in one.step_attempts)
            assert set(attempts.values()) <= {1}
            assert str(one)
        assert [finding for finding in await commander.operations.doctor() if finding.kind != "old wait"] == []

    asyncio.run(asyncio.wait_for(live(), SECONDS))
