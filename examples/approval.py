"""An approval that survives a deploy: a request waits for a person, the process ends, another one takes it up.

Run it with `hatch run example:approval [DATABASE]`; without a database file it cleans up behind itself.
"""

import asyncio
import logging
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import MissionContext, RetryPolicy, Signal, m


@define
class Request:
    email: str
    wish: str


@define
class Approval:
    approved_by: str


approve = Signal("approve", Approval)


async def open_request(ctx: MissionContext[Request]) -> str:
    return f"{ctx.input.wish} for {ctx.input.email}"


async def order(ctx: MissionContext[Request]) -> dict[str, str]:
    ctx.log.info("ordering", key=ctx.idempotency_key)  # an outside system would get the key, and do it once
    return {"ordered": ctx.output(open_request), "approved_by": ctx.received(approve).approved_by}


purchase = (
    m.define("purchase")
    .start(input=Request, run=open_request)
    .need_to(approve, timeout=timedelta(days=7), timeout_message="nobody approved within a week")
    .step("order", order, retry=RetryPolicy(max_attempts=3, initial_interval=1.0), timeout=30)
    .end()
)


async def before_the_deploy(database: Path) -> str:
    async with SQLiteCommander(database_path=database, definitions=[purchase]) as commander:
        mission = await commander.start(purchase, {"email": "ada@example.com", "wish": "a laptop"})
        print(f"before the deploy: {await mission.status()}")
        return mission.mission_id


async def after_the_deploy(database: Path, mission_id: str) -> None:
    async with SQLiteCommander(database_path=database, definitions=[purchase]) as commander:
        mission = await commander.get_mission(mission_id)
        assert mission is not None
        print(f"after the deploy: {await mission.status()}")
        await mission.signal(approve, Approval(approved_by="grace@example.com"))
        print(await mission.inspect())


def main(database: Path) -> None:
    mission_id = asyncio.run(before_the_deploy(database))
    asyncio.run(after_the_deploy(database, mission_id))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if sys.argv[1:]:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as folder:
            main(Path(folder) / "approval.db")
