"""The order example does what it shows."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example leaves what it writes."""
    return tmp_path_factory.mktemp("orders")


@pytest.fixture(scope="module")
def shown(run_example: Callable[..., str], folder: Path) -> str:
    """What the example prints."""
    return run_example("--folder", str(folder))


def test_the_order_is_charged_once_and_completes(shown: str) -> None:
    """The charge fails, is retried, and the order goes on to its end."""
    assert shown.startswith("1 kettle and 6 cup on the way to Main Street 1\n\norder-1 (order): completed\n")
    assert "STEP_FAILED: ConnectionError: the line broke before the answer came" in shown
    assert shown.count("step-retry-scheduled") == 1
    assert "charged card-1: 6600, asked for 2 times\n" in shown


def test_the_order_that_cannot_be_shipped_is_undone(shown: str) -> None:
    """It is paid back and its items are released, the last thing first."""
    last = shown.partition("'order-2' (order) failed at 'ship'")[2].splitlines()
    assert last[0] == " (STEP_FAILED): NonRetryableError: no carrier goes to the moon"
    assert sorted(last[1:3]) == ["reserved cup: 6", "reserved kettle: 1"]
    assert last[3:5] == ["charged card-2: 6600", "paid back to card-2: -6600"]
    assert sorted(last[5:]) == ["released cup: -6", "released kettle: -1"]


@pytest.mark.usefixtures("shown")
def test_the_services_have_one_booking_for_each_key(folder: Path) -> None:
    """Both attempts to charge reached the service's own database, under one key; undoing has keys of its own."""
    with closing(sqlite3.connect(folder / "outside.db")) as outside:
        bookings = dict(outside.execute("SELECT key, requests FROM bookings"))
    assert bookings["order-1:charge"] == 2
    assert bookings["order-2:undo:charge"] == 1
    assert bookings["order-2:undo:items[0]/reserve"] == 1
    assert len(bookings) == 9
    assert (folder / "missions.db").stat().st_size > 0
