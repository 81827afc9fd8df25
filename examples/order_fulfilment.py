"""An order of several items that is paid once, whatever goes wrong, and one that is undone when it fails.

    hatch run example:order_fulfilment

Each item is reserved beside the others. The first attempt to charge breaks off after the money has moved; the second
one bears the same idempotency key, so the payment service charges nothing. The second order cannot be shipped: it is
paid back, and what was reserved for it is released, the last thing first.
"""

import argparse
import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define, frozen

from mission_control.adapter_sqlite import SQLiteCommander
from mission_control.core import (
    MissionContext,
    MissionDefinition,
    MissionFailedError,
    NonRetryableError,
    RetryPolicy,
    Signal,
    is_scheduled,
    m,
)


@frozen
class Outside:
    """Stands for other people's services: a database of its own, and one entry for each idempotency key."""

    database: Path

    def book(self, key: str, what: str, amount: int) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS bookings (key TEXT PRIMARY KEY, what, amount, requests)")
            connection.execute(
                "INSERT INTO bookings VALUES (?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET requests = requests + 1",
                (key, what, amount),
            )

    def bookings(self, mission_id: str) -> list[tuple[str, int, int]]:
        with closing(sqlite3.connect(self.database)) as connection:
            found = "SELECT what, amount, requests FROM bookings WHERE key LIKE ? || ':%' ORDER BY rowid"
            return connection.execute(found, (mission_id,)).fetchall()


@define
class Item:
    sku: str
    count: int
    cents: int


@define
class Order:
    items: list[Item]
    address: str


@define
class Payment:
    card: str


payment_received = Signal("payment-received", Payment)


def define_order(outside: Outside) -> MissionDefinition[Order]:
    """Return the definition; what its steps need from outside comes in here. Plain functions may block."""

    def check(ctx: MissionContext[Order]) -> int:
        return sum(item.count * item.cents for item in ctx.input.items)

    def items(ctx: MissionContext[Order]) -> list[Item]:
        return ctx.input.items

    def reserve(ctx: MissionContext[Order]) -> str:
        item = ctx.item(items)
        outside.book(ctx.idempotency_key, f"reserved {item.sku}", item.count)
        return f"{item.count} {item.sku}"

    def release(ctx: MissionContext[Order]) -> None:
        item = ctx.item(items)
        outside.book(ctx.idempotency_key, f"released {item.sku}", -item.count)

    def charge(ctx: MissionContext[Order]) -> int:
        outside.book(ctx.idempotency_key, f"charged {ctx.received(payment_received).card}", ctx.output(check))
        if ctx.attempt == 1:
            raise ConnectionError("the line broke before the answer came")
        return ctx.output(check)

    def pay_back(ctx: MissionContext[Order]) -> None:
        outside.book(ctx.idempotency_key, f"paid back to {ctx.received(payment_received).card}", -ctx.output(check))

    def ship(ctx: MissionContext[Order]) -> str:
        if ctx.input.address == "the moon":
            raise NonRetryableError("no carrier goes to the moon")  # trying again would not bring it nearer
        return f"{' and '.join(ctx.outputs(reserve))} on the way to {ctx.input.address}"

    retry = RetryPolicy(max_attempts=5, initial_interval=0.2, backoff_multiplier=2)
    return (
        m.define("order")
        .start(input=Order, run=check)
        .each("items", items, m.path().step("reserve", reserve, retry=retry, undo=release), max_concurrency=5)
        .need_to(payment_received)
        .step("charge", charge, retry=retry, timeout=10, undo=pay_back)
        .step("ship", ship, retry=retry)
        .end()
    )


async def main(folder: Path) -> None:
    outside = Outside(folder / "outside.db")
    order = define_order(outside)
    basket = [Item(sku="kettle", count=1, cents=3900), Item(sku="cup", count=6, cents=450)]
    async with SQLiteCommander(database_path=folder / "missions.db", definitions=[order]) as commander:
        mission = await commander.start(order, Order(basket, address="Main Street 1"), mission_id="order-1")
        await mission.signal(payment_received, Payment(card="card-1"))
        print(f"{await mission.output()}\n\n{await mission.inspect()}\n")
        for what, amount, requests in outside.bookings("order-1"):
            print(f"{what}: {amount}, asked for {requests} times")

        mission = await commander.start(order, Order(basket, address="the moon"), mission_id="order-2")
        await mission.signal(payment_received, Payment(card="card-2"))
        while is_scheduled(await mission.snapshot()):
            await asyncio.sleep(0.05)
        try:
            await mission.output()
        except MissionFailedError as error:
            print(f"\n{error}")
        for what, amount, _ in outside.bookings("order-2"):
            print(f"{what}: {amount}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An order that is paid once, and one that is undone.")
    parser.add_argument("--folder", type=Path, help="where to keep the databases (default: they are thrown away)")
    options = parser.parse_args()
    if options.folder is not None:
        asyncio.run(main(options.folder))
    else:
        with TemporaryDirectory() as temporary:
            asyncio.run(main(Path(temporary)))
