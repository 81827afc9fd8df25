"""A database to look at: a few thousand missions of the other examples, in every state, and the page on it.

    hatch run demo
    hatch run demo --fill-only --db missions.db

Days pass within seconds, on a clock that the program moves: missions begin by day more often than by night, people
answer or do not, and some things go wrong. Then the page is served on the file, while an owner with a real clock goes
on with the missions, so that there is always something new to see. Control-C ends it.
"""

import argparse
import asyncio
import logging
import math
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import redirect_stdout, suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve, field, frozen

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter
from mission_control.core import (
    Clock,
    Commander,
    MissionContext,
    MissionDefinition,
    MissionSignalError,
    MissionStatus,
    MissionTerminalError,
    NonRetryableError,
    OpenWait,
    RetryPolicy,
    create_commander,
    m,
)
from mission_control.testing import FakeClock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a program has only its own folder there, if that

from examples import agent, approval, durable_reminder, nightly_report, onboarding
from examples import order_fulfilment as orders

DAYS = 9
SHARE_OF_THE_LAST_DAY = 0.5
STEP, FINE_STEP = timedelta(hours=1), timedelta(minutes=20)
NAMES = ("Ada", "Bob", "Chinua", "Dana", "Emre", "Farid", "Grace", "Hedy", "Ines", "Jun")
REGIONS = ("north", "south", "east", "west")

# What the missions are.


class Quick(orders.Outside):
    """Other people's services that answer at once: some refuse, some are out of order."""

    def book(self, key: str, what: str, amount: int) -> None:
        if what.startswith("charged card-blocked"):
            raise NonRetryableError("the card is blocked")
        if what.startswith("charged card-offline"):
            raise ConnectionError("the payment service does not answer")
        if what == "reserved unicorn":
            raise LookupError("no shelf has a unicorn")


def define_stocktaking(pace: float) -> MissionDefinition[list[str]]:
    """Return a definition that counts shelf after shelf, `pace` seconds each; now and then a scanner is not there."""

    async def begin(ctx: MissionContext[list[str]]) -> int:
        return len(ctx.input)

    async def shelves(ctx: MissionContext[list[str]]) -> list[str]:
        return ctx.input

    async def count(ctx: MissionContext[list[str]]) -> int:
        await asyncio.sleep(pace)
        shelf = int(ctx.item(shelves).rpartition("-")[2])
        if shelf % 17 == 5:
            raise NonRetryableError("the shelf is locked")
        if shelf % 11 == 3 and ctx.attempt == 1:
            raise ConnectionError("the scanner does not answer")
        return 7 * shelf % 100

    async def add_up(ctx: MissionContext[list[str]]) -> int:
        return sum(ctx.outputs(count))

    retry = RetryPolicy(max_attempts=5, initial_interval=timedelta(minutes=5), jitter=0.2)
    each = m.path().step("count", count, retry=retry)
    return (
        m.define("stocktaking")
        .start(input=list[str], run=begin)
        .each("shelves", shelves, each, max_concurrency=4, max_failures=None)
        .step("add-up", add_up)
        .end()
    )


def _order() -> MissionDefinition[Any]:
    return orders.define_order(Quick(Path("nowhere")))


def _onboarding() -> MissionDefinition[Any]:
    return onboarding.define_onboarding(timedelta(days=1))


def _agent() -> MissionDefinition[Any]:
    return agent.define_agent(agent.ScriptedModel(agent.TIDY_UP), most_rounds=10)


@frozen
class Missions:
    """The definitions, and the schedule that starts missions of one more."""

    stocktaking: MissionDefinition[Any]
    order: MissionDefinition[Any] = field(factory=_order)
    onboarding: MissionDefinition[Any] = field(factory=_onboarding)
    agent: MissionDefinition[Any] = field(factory=_agent)
    approval: MissionDefinition[Any] = approval.approval_mission
    reminder: MissionDefinition[Any] = durable_reminder.reminder

    def commander(self, database: Path, clock: Clock | None = None) -> Commander:
        """Return an owner of the file; a demonstration need not survive a power failure."""
        definitions = [self.order, self.onboarding, self.agent, self.approval, self.reminder, self.stocktaking]
        return create_commander(
            persistence=create_sqlite_persistence_adapter(database, synchronous="normal"),
            definitions=definitions,
            schedules=[nightly_report.define_schedule(timedelta(hours=6))],
            clock=clock,
        )


# What people do.

Act = Callable[[Commander, str], Awaitable[object]]


@frozen
class Story:
    """A mission that is started, and what is done about it, each so many hours later."""

    definition: MissionDefinition[Any]
    input: Any
    acts: tuple[tuple[float, Act], ...] = ()


def signals(signal: Any, payload: Any, by: str = "ada") -> Act:
    """Return what sends a signal to a mission."""

    async def act(commander: Commander, mission_id: str) -> None:
        mission = await commander.get_mission(mission_id)
        if mission is not None:
            await mission.signal(signal, payload, by=by, wait=False)

    return act


def cancels(reason: str) -> Act:
    """Return what cancels a mission."""
    return lambda commander, mission_id: commander.cancel_mission(mission_id, reason, by="bob")


def an_order(missions: Missions, chance: Random) -> Story:
    things = [("kettle", 3900), ("cup", 450), ("lamp", 5200), ("chair", 12900)]
    items = [
        orders.Item(sku=sku, count=chance.randint(1, 6), cents=cents)
        for sku, cents in chance.sample(things, chance.randint(1, 4))
    ]
    fate = chance.random()
    order = orders.Order(items, address="the moon" if fate < 0.05 else f"Main Street {chance.randint(1, 99)}")
    if 0.05 <= fate < 0.08:
        order.items[0].sku = "unicorn"
    if 0.08 <= fate < 0.11:
        return Story(missions.order, order, ((chance.uniform(0, 5), cancels("the customer has changed her mind")),))
    if 0.11 <= fate < 0.18:
        return Story(missions.order, order)
    card = "card-blocked" if fate < 0.22 else "card-offline" if fate < 0.24 else "card-1"
    pays = signals(orders.payment_received, orders.Payment(card=card), by="shop")
    return Story(missions.order, order, ((chance.expovariate(0.8), pays),))


def an_approval(missions: Missions, chance: Random) -> Story:
    name = chance.choice(NAMES)
    request = approval.Request(email=f"{name.lower()}@example.com")
    fate = chance.random()
    if fate < 0.06:
        return Story(missions.approval, request, ((chance.uniform(1, 40), cancels("asked for twice")),))
    if fate < 0.16:
        return Story(missions.approval, request)
    approves = signals(approval.receive_approval, approval.Approval(approved_by=chance.choice(NAMES)))
    return Story(missions.approval, request, ((chance.expovariate(0.12), approves),))


def an_onboarding(missions: Missions, chance: Random) -> Story:
    devices = ["fax"] * 3 if chance.random() < 0.12 else chance.sample(["laptop", "phone", "tablet", "fax"], 3)
    employee = onboarding.Employee(chance.choice(NAMES), chance.choice(["office", "remote"]), devices)
    acts = what_people_do(employee, chance, grade=chance.choice([2, 4, 5]))
    if chance.random() < 0.08:
        acts = (acts[0], (chance.uniform(31, 80), cancels("has found something else")))
    return Story(missions.onboarding, employee, acts[: chance.choice([0, 1, 2, 4, 4, 4])])


def what_people_do(employee: onboarding.Employee, chance: Random, *, grade: int) -> tuple[tuple[float, Act], ...]:
    """Return all that an onboarding takes."""
    came = chance.uniform(90, 120)
    return (
        (chance.uniform(2, 30), signals(onboarding.badge_done, f"badge {chance.randint(1_000, 9_999)}", by="facility")),
        (chance.uniform(6, 90), signals(onboarding.signed, employee.name)),
        (came, signals(onboarding.came, True)),
        (came + 24, signals(onboarding.answered, onboarding.Answers(grade))),
    )


def an_agent(missions: Missions, chance: Random) -> Story:
    decisions = [agent.Decision(chance.random() < 0.7, by=chance.choice(NAMES)) for _ in range(2)]
    first, second = chance.expovariate(0.5), chance.expovariate(0.5)
    acts = (
        (first, signals(agent.approval, decisions[0])),
        (first + second + 1, signals(agent.approval, decisions[1])),
    )
    goal = agent.Task(goal=chance.choice(["tidy up", "make room", "find what is old"]))
    return Story(missions.agent, goal, acts[: chance.choice([0, 1, 2, 2, 2, 2])])


def a_reminder(missions: Missions, chance: Random) -> Story:
    return Story(missions.reminder, chance.choice(["renew the certificate", "water the plants", "call the bank"]))


STORIES = {an_order: 45, an_approval: 22, an_agent: 13, an_onboarding: 10, a_reminder: 10}
"""How many of a hundred missions each of them is."""


def a_story(missions: Missions, chance: Random) -> Story:
    (tell,) = chance.choices(list(STORIES), list(STORIES.values()))
    return tell(missions, chance)


# The days that have passed.


def beginnings(count: int, chance: Random, until: datetime) -> list[datetime]:
    """Return when missions begin: half of them within the last day, and by day more often than by night."""
    found: list[datetime] = []
    while len(found) < count:
        is_late = len(found) < SHARE_OF_THE_LAST_DAY * count
        begins = until - timedelta(hours=chance.uniform(0, 24) if is_late else chance.uniform(24, 24 * DAYS))
        if chance.random() < 0.15 + 0.85 * max(0, math.sin(math.pi * (begins.hour - 6) / 14)):
            found.append(begins)
    return sorted(found)


@frozen
class Past:
    """The days that pass on the file."""

    commander: Commander
    clock: FakeClock
    chance: Random

    async def pass_by(self, stories: Sequence[tuple[datetime, str, Story]], until: datetime) -> None:
        """Let each story begin at its time, and go on as it is told."""
        left = list(reversed(stories))
        acts: list[tuple[datetime, str, Act]] = []
        for now in _steps(self.clock.now(), until):
            begun = [left.pop() for _ in range(len(left)) if left[-1][0] <= now]
            await asyncio.gather(*(self._begin(mission_id, story) for _, mission_id, story in begun))
            for begins, mission_id, story in begun:
                acts += [(begins + timedelta(hours=hours), mission_id, act) for hours, act in story.acts]
            due = sorted((one for one in acts if one[0] <= now), key=lambda one: one[0])
            acts = [one for one in acts if one[0] > now]
            await self.clock.advance_to(now)
            for _, mission_id, act in due:
                await attempt(act, self.commander, mission_id)

    async def _begin(self, mission_id: str, story: Story) -> None:
        labels = {"region": self.chance.choice(REGIONS), "customer": f"c-{self.chance.randint(1, 40)}"}
        await self.commander.start(
            story.definition, story.input, mission_id=mission_id, labels=labels, wait=False, by="demo"
        )


def _steps(begins: datetime, until: datetime) -> Iterator[datetime]:
    now = begins
    while now < until:
        now = min(until, now + (STEP if until - now > timedelta(days=1) else FINE_STEP))
        yield now


async def attempt(act: Act, commander: Commander, mission_id: str) -> None:
    """Do what somebody does; it may be too early or too late for it."""
    with suppress(MissionSignalError, MissionTerminalError):
        await act(commander, mission_id)


async def fill(database: Path, count: int, now: datetime) -> None:
    """Fill a new file with missions: most of them long begun, some that have just begun."""
    chance, missions = Random(7), Missions(define_stocktaking(0.02))
    clock = FakeClock(now - timedelta(days=DAYS))
    told = [a_story(missions, chance) for _ in range(count)]  # the same ones at any time of the day
    first = onboarding.Employee("Ada", "remote", ["laptop"])
    whole = Story(missions.onboarding, first, what_people_do(first, chance, grade=5))
    begins = [clock.now(), *beginnings(count, chance, now)]
    stories = [
        (begins[number], f"{story.definition.name}-{number:05}", story) for number, story in enumerate([whole, *told])
    ]
    async with missions.commander(database, clock) as commander:
        await Past(commander, clock, chance).pass_by(stories, now)
        await pause_some(commander, chance)
        await begin_now(commander, missions, chance, max(2, count // 300), now)


async def pause_some(commander: Commander, chance: Random) -> None:
    """Let an operator pause some of the missions that wait."""
    waiting = [mission.mission_id async for mission in commander.iter_missions(status=MissionStatus.WAITING)]
    for mission_id in chance.sample(waiting, max(1, len(waiting) // 60)):
        await commander.operations.pause_mission(mission_id, by="ada")


async def begin_now(commander: Commander, missions: Missions, chance: Random, count: int, now: datetime) -> None:
    """Begin what sleeps, backs off and runs when the file is opened next."""
    for number in range(count):
        await commander.start(missions.reminder, "look at the page", mission_id=f"reminder-now-{number}", wait=False)
        later = now + timedelta(hours=chance.uniform(1, 60))
        request = approval.Request(email=f"{chance.choice(NAMES).lower()}@example.com")
        await commander.start(missions.approval, request, mission_id=f"approval-later-{number}", start_at=later)
        order = evolve(an_order(missions, chance).input, address=f"Main Street {number}")
        await commander.start(missions.order, order, mission_id=f"order-now-{number}", wait=False)
    shelves = [f"shelf-{number}" for number in range(120)]
    for number in range(count):
        mission_id = f"stocktaking-{number}"
        await commander.start(missions.stocktaking, shelves[: 30 * (number % 4 + 1)], mission_id=mission_id, wait=False)
    await asyncio.sleep(0.2)  # so many shelves are counted as there is time for


# What goes on while the page is open.


async def keep_moving(database: Path, until: Callable[[], bool]) -> None:
    """Own the file, begin a mission now and then, and answer what others wait for."""
    missions, chance = Missions(define_stocktaking(2.0)), Random()
    async with missions.commander(database) as commander:
        number = 0
        while not until():
            number += 1
            story = a_story(missions, chance)
            mission_id = f"{story.definition.name}-live-{time.time_ns() // 10**6}"
            await commander.start(story.definition, story.input, mission_id=mission_id, wait=False, by="demo")
            waits = await commander.list_waits(limit=200)
            if waits:
                await answer(commander, chance.choice(waits), chance)
            await asyncio.sleep(chance.uniform(0.5, 3))


async def answer(commander: Commander, wait: OpenWait, chance: Random) -> None:
    """Send what a mission waits for."""
    name = chance.choice(NAMES)
    payloads: dict[str, Any] = {
        "payment-received": orders.Payment(card="card-1"),
        "receive-approval": approval.Approval(approved_by=name),
        "approval": agent.Decision(chance.random() < 0.7, by=name),
        "badge-done": f"badge {chance.randint(1_000, 9_999)}",
        "signed": name,
        "came": True,
        "answered": onboarding.Answers(grade=chance.randint(1, 5)),
    }
    if wait.signal in payloads:
        await attempt(signals(wait.event_name, payloads[wait.signal], by=name.lower()), commander, wait.mission_id)


def end(number: int, frame: object) -> None:
    """End the program as Control-C does: the page goes with it."""
    sys.exit()


def serve(database: Path, port: int) -> None:
    """Serve the page on the file, and keep its missions moving, until one of both is ended."""
    program = Path(sys.executable).with_name("mission-control")
    command = [str(program), "--db", str(database), "serve", "--port", str(port)]
    signal.signal(signal.SIGTERM, end)
    with subprocess.Popen(command) as page:
        try:
            with redirect_stdout(StringIO()):
                asyncio.run(keep_moving(database, lambda: page.poll() is not None))
        except KeyboardInterrupt:
            pass
        finally:
            page.terminate()


def main(database: Path, count: int, port: int, *, fill_only: bool) -> None:
    if database.exists():
        sys.exit(f"{database} is there already; name a file that is not")
    logging.getLogger("mission_control").setLevel(logging.CRITICAL)  # what goes wrong here is meant to
    begun = time.monotonic()
    with redirect_stdout(StringIO()):  # the reminders say what they remind of
        asyncio.run(fill(database, count, datetime.now(UTC)))
    print(f"{count} missions within {time.monotonic() - begun:.0f} s: {database}", flush=True)
    print(f"look at them: mission-control --db {database} status", flush=True)
    if not fill_only:
        print(f"or open http://127.0.0.1:{port}/ (Control-C ends it)", flush=True)
        serve(database, port)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A database to look at, and the page on it.")
    parser.add_argument("--db", type=Path, help="a file that is not there yet (default: one that is thrown away)")
    parser.add_argument("--missions", type=int, default=3_000, help="how many (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8321, help="where the page is (default: %(default)s)")
    parser.add_argument("--fill-only", action="store_true", help="fill the file, and serve nothing")
    options = parser.parse_args()
    if options.db is not None:
        main(options.db, options.missions, options.port, fill_only=options.fill_only)
    else:
        with TemporaryDirectory() as folder:
            main(Path(folder, "missions.db"), options.missions, options.port, fill_only=options.fill_only)
