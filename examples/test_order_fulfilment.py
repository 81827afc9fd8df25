"""The order example does what it shows."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path


def test_the_order_is_charged_once_and_completes(run_example: Callable[..., str]) -> None:
    """The charge fails, is retried, and the order goes on to its end."""
    shown = run_example()

    assert "3900 cents charged, parcel parcel-1 on its way" in shown
    assert "order-1 (order): completed" in shown
    assert "STEP_FAILED: ConnectionError: the line broke before the answer came" in shown
    assert shown.count("step-retry-scheduled") == 1
    assert "charge #2         3900" in shown


def test_the_order_that_cannot_be_filled_fails_at_once(run_example: Callable[..., str]) -> None:
    """The second order ends with the message of the step that gave up."""
    shown = run_example()

    assert shown.endswith("'order-2' (order) failed at 'start' (STEP_FAILED): NonRetryableError: no teapot in stock\n")


def test_the_payment_service_has_one_charge(run_example: Callable[..., str], tmp_path: Path) -> None:
    """Both attempts reached the service's own database, under one key."""
    run_example("--folder", str(tmp_path))

    with closing(sqlite3.connect(tmp_path / "charges.db")) as charges:
        assert charges.execute("SELECT * FROM charges").fetchall() == [("order-1:charge", "card-1", 3900, 2)]
    assert (tmp_path / "missions.db").stat().st_size > 0
