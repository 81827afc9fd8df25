"""The contract of a commander: what it has, and what another one has to bring."""

from __future__ import annotations

from mission_control.core import Commander


def test_commander_has_the_names_of_the_contract_and_no_others() -> None:
    """What a commander is made of does not show."""
    assert [name for name in dir(Commander) if not name.startswith("_")] == [
        *("cancel_mission", "close", "closed", "create_mission", "get_mission", "get_summary", "inspect_mission"),
        *("iter_missions", "iter_waits", "list_definitions", "list_missions", "list_scheduled", "list_waiting"),
        *(
            "list_waits",
            "load_definition",
            "operations",
            "register",
            "schedules",
            "settled",
            "start",
            "wait_until_ready",
        ),
    ]


def test_another_commander_brings_a_port_its_definitions_and_its_life() -> None:
    """What can be asked of missions is written for every commander."""
    life = {"close", "closed", "settled", "wait_until_ready"}

    assert Commander.__abstractmethods__ == life | {"_port", "create_mission", "register"}
