"""An order that is paid once, whatever goes wrong, and one that fails at once.

    hatch run example:order_fulfilment

The order waits for the customer's payment, charges it, and waits for the carrier. The first attempt to charge breaks
off after the money has moved; the second one bears the same idempotency key, so the payment service charges nothing.
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

STOCK = {"kettle": 3, "teapot": 0}


@frozen
class PaymentService:
    """Stands for somebody else's service: a database of its own, and one charge for each idempotency key."""

    database: Path

    def charge(self, key: str, card: str, cents: int) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS charges (key TEXT PRIMARY KEY, card, cents, requests)")
            connection.execute(
                "INSERT INTO charges VALUES (?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET requests = requests + 1",
                (key, card, cents),
            )

    def charges(self) -> list[tuple[str, int, int]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute("SELECT key, cents, requests FROM charges").fetchall()


@define
class Order:
    sku: str
    cents: int


@define
class Payment:
    card: str


@define
class Pickup:
    tracking_number: str


payment_received = Signal("payment-received", Payment)
parcel_picked_up = Signal("parcel-picked-up", Pickup)


def define_order(payments: PaymentService) -> MissionDefinition[Order]:
    """Return the definition; what its steps need from outside comes in here."""

    async def reserve(ctx: MissionContext[Order]) -> str:
        if not STOCK[ctx.input.sku]:
            raise NonRetryableError(f"no {ctx.input.sku} in stock")  # trying again would not fill the shelf
        return f"one {ctx.input.sku} reserved"

    def charge(ctx: MissionContext[Order]) -> int:  # a plain function has a thread of its own, and may block
        payments.charge(ctx.idempotency_key, ctx.received(payment_received).card, ctx.input.cents)
        if ctx.attempt == 1:
            raise ConnectionError("the line broke before the answer came")
        return ctx.input.cents

    async def notify(ctx: MissionContext[Order]) -> str:
        return f"{ctx.output(charge)} cents charged, parcel {ctx.received(parcel_picked_up).tracking_number} on its way"

    retry = RetryPolicy(max_attempts=5, initial_interval=0.2, backoff_multiplier=2)
    return (
        m.define("order")
        .start(input=Order, run=reserve, retry=retry)
        .need_to(payment_received)
        .step("charge", charge, retry=retry, timeout=10)
        .need_to(parcel_picked_up)
        .step("notify", notify, retry=retry)
        .end()
    )


async def main(folder: Path) -> None:
    payments = PaymentService(folder / "charges.db")
    order = define_order(payments)
    async with SQLiteCommander(database_path=folder / "missions.db", definitions=[order]) as commander:
        mission = await commander.start(order, Order(sku="kettle", cents=3900), mission_id="order-1")
        await mission.signal(payment_received, Payment(card="card-1"))
        while is_scheduled(await mission.snapshot()):  # during the backoff of a retry a signal is refused
            await asyncio.sleep(0.05)
        await mission.signal(parcel_picked_up, Pickup(tracking_number="parcel-1"))
        print(f"{await mission.output()}\n\n{await mission.inspect()}\n")
        for key, cents, requests in payments.charges():
            print(f"The payment service was asked {requests} times under {key!r}, and charged {cents} cents once.\n")

        try:
            await commander.start(order, Order(sku="teapot", cents=4900), mission_id="order-2")
        except MissionFailedError as error:
            print(f"Another order fails at once, without a retry:\n{error}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An order that is paid once, and one that fails at once.")
    parser.add_argument("--folder", type=Path, help="where to keep the databases (default: they are thrown away)")
    options = parser.parse_args()
    if options.folder is not None:
        asyncio.run(main(options.folder))
    else:
        with TemporaryDirectory() as temporary:
            asyncio.run(main(Path(temporary)))
