"""The onboarding of an employee: paths side by side, reminders, a race, device after device, a survey that comes back.

    hatch run example:onboarding -- --day 0.1

Months pass in seconds: `--day` says how long a day is. One employee is taken to the end; another one withdraws on the
third day, and what had been done for him is undone, the last thing first.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

from attrs import define

from mission_control.core import Commander, MissionContext, MissionDefinition, Reminder, RetryPolicy, Signal, m
from mission_control.in_memory_commander import InMemoryCommander


@define
class Employee:
    name: str
    works_at: Literal["office", "remote"]
    devices: list[str]


@define
class Payee:
    name: str
    account: str


@define
class Answers:
    grade: int


badge_done = Signal("badge-done", str)
signed = Signal("signed", str)
signed_late = Signal("signed-late", str)
came = Signal("came", bool)
answered = Signal("answered", Answers)


async def welcome(ctx: MissionContext[Employee]) -> str:
    return f"a folder for {ctx.input.name}"


# What is prepared, side by side.


async def create_account(ctx: MissionContext[Employee]) -> str:
    return f"{ctx.input.name.lower()}@example.com"


async def delete_account(ctx: MissionContext[Employee]) -> str:
    return f"{ctx.output(create_account, default='whatever there is')} deleted"


async def order_badge(ctx: MissionContext[Employee]) -> str:
    return f"badge of {ctx.input.name}"


async def send_contract(ctx: MissionContext[Employee]) -> str:
    return f"contract for {ctx.input.name}"


async def remind(ctx: MissionContext[Employee]) -> str:
    return f"{ctx.input.name} is asked to sign, reminder {ctx.index}"


async def escalate(ctx: MissionContext[Employee]) -> str:
    return "the manager calls"


# Where she works, and with what.


async def kind_of_work(ctx: MissionContext[Employee]) -> Literal["office", "remote"]:
    return ctx.input.works_at


async def desk(ctx: MissionContext[Employee]) -> str:
    return "desk 12"


async def ship(ctx: MissionContext[Employee]) -> str:
    return "a chair is on its way"


async def devices(ctx: MissionContext[Employee]) -> list[str]:
    return ctx.input.devices


async def configure(ctx: MissionContext[Employee]) -> str:
    device = ctx.item(devices)
    if device == "fax":
        raise ValueError("nobody knows how")
    return f"{device} configured for {ctx.output(create_account)}"


async def wipe(ctx: MissionContext[Employee]) -> str:
    return f"{ctx.item(devices)} wiped"


# How it goes.


async def ask(ctx: MissionContext[Employee]) -> str:
    return f"survey {ctx.index} for {ctx.input.name}"


async def is_content(ctx: MissionContext[Employee]) -> bool:
    return ctx.received(answered).grade >= 4


async def register(ctx: MissionContext[Payee]) -> str:
    return f"{ctx.input.name} is paid on the last of the month"


payroll = m.define("payroll").start(input=Payee, run=register).end()


async def payroll_input(ctx: MissionContext[Employee]) -> Payee:
    return Payee(ctx.input.name, ctx.output(create_account))


def define_onboarding(day: timedelta) -> MissionDefinition[Employee]:
    """Return the definition for days of this length."""
    it = m.path().step("create-account", create_account, undo=delete_account)
    badge = m.path().step("order", order_badge).need_to(badge_done)
    late = m.path().step("escalate", escalate).need_to(signed_late)
    contract = (
        m.path()
        .step("send", send_contract)
        .need_to(signed, reminder=Reminder(remind, every=3 * day, at_most=4), timeout=14 * day, on_timeout=late)
    )
    setup = m.path().step("configure", configure, retry=RetryPolicy(max_attempts=2), undo=wipe)
    return (
        m.define("onboarding")
        .start(input=Employee, run=welcome)
        .parallel("prepare", {"it": it, "badge": badge, "contract": contract})
        .branch("kind", kind_of_work, {"office": m.path().step("desk", desk), "remote": m.path().step("ship", ship)})
        .each("devices", devices, setup, max_concurrency=5, max_failures=2)
        .race("first-day", {"came": m.path().need_to(came), "never": m.path().sleep("a-week", 7 * day)})
        .repeat("survey", m.path().step("ask", ask).need_to(answered), until=is_content, every=30 * day, max_rounds=3)
        .mission("payroll", payroll, payroll_input)
        .end()
    )


async def play(commander: Commander, day: timedelta, pass_days: Callable[[int], Awaitable[None]]) -> None:
    """Play what people do, while `pass_days` lets time pass, and print what became of it."""
    onboarding = define_onboarding(day)
    ada = Employee("Ada", works_at="remote", devices=["laptop", "phone", "fax"])
    mission = await commander.start(onboarding, ada, mission_id="ada")
    print(f"Day  0: {str(await mission.inspect()).splitlines()[0]}")
    await pass_days(1)
    await mission.signal(badge_done, "badge 4711")
    await pass_days(6)
    await mission.signal(signed, "Ada Lovelace")
    print(f"Day  7: {str(await mission.inspect()).splitlines()[0]}")
    await mission.signal(came, True)
    await mission.signal(answered, Answers(grade=2))
    print(f"Day  7: {str(await mission.inspect()).splitlines()[0]}")
    await pass_days(31)
    await mission.signal(answered, Answers(grade=5))
    await mission.wait_for_completion()
    print(f"\n{await mission.inspect()}\n")

    bob = Employee("Bob", works_at="office", devices=["laptop", "phone"])
    mission = await commander.start(onboarding, bob, mission_id="bob")
    await mission.signal(badge_done, "badge 4712")
    await mission.signal(signed, "Bob")
    await pass_days(3)
    await mission.cancel("has found something else")
    timeline = str(await mission.inspect())
    print(
        f"{timeline.splitlines()[0]}\n{timeline[timeline.rindex(chr(10), 0, timeline.index('mission-undoing')) + 1 :]}"
    )


async def main(day: timedelta) -> None:
    async def pass_days(days: int) -> None:
        await asyncio.sleep((days * day).total_seconds())

    async with InMemoryCommander() as commander:
        await play(commander, day, pass_days)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The onboarding of an employee, in seconds.")
    parser.add_argument("--day", type=float, default=0.1, help="seconds that a day takes (default: %(default)s)")
    asyncio.run(main(timedelta(seconds=parser.parse_args().day)))
