"""The order example does what it shows."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path


def test_the_order_is_charged_once_and_completes(run_example: Callable[..., str]) -> None:
    """The charge fails, is retried, and the order goes on to its end."""
    shown = run_example()

    assert shown.startswith("1 kettle and 6 cup on the way to Main Street 1\n\norder-1 (order): completed\n")
    assert "STEP_FAILED: ConnectionError: the line broke before the answer came" in shown
    assert shown.count("step-retry-scheduled") == 1
    assert "charged card-1: 6600, asked for 2 times\n" in shown


def test_the_order_that_cannot_be_shipped_is_undone(run_example: Callable[..., str]) -> None:
    """It is paid back and its items are released, the last thing first."""
    shown = run_example()

    last = shown.partition("'order-2' (order) failed at 'ship'")[2].splitlines()
    assert last[0] == " (STEP_FAILED): NonRetryableError: no carrier goes to the moon"
    assert sorted(last[1:3]) == ["reserved cup: 6", "reserved kettle: 1"]
    assert last[3:5] == ["charged card-2: 6600", "paid back to card-2: -6600"]
    assert sorted(last[5:]) == ["released cup: -6", "released kettle: -1"]


def test_the_services_have_one_booking_for_each_key(run_example: Callable[..., str], tmp_path: Path) -> None:
    """Both attempts to charge reached the service's own database, under one key; undoing has keys of its own."""
    run_example("--folder", str(tmp_path))

    with closing(sqlite3.connect(tmp_path / "outside.db")) as outside:
        bookings = dict(outside.execute("SELECT key, requests FROM bookings"))
    assert bookings["order-1:charge"] == 2
    assert bookings["order-2:undo:charge"] == 1
    assert bookings["order-2:undo:items[0]/reserve"] == 1
    assert len(bookings) == 9
    assert (tmp_path / "missions.db").stat().st_size > 0
