"""What is sent to whoever runs a mission is checked by the definition, as far as it is known."""

from __future__ import annotations

import pytest

from mission_control.core import MissionContext, MissionDefinition, MissionValidationError, m
from mission_control.core.commander import stored_payload


def begin(ctx: MissionContext[int]) -> int:
    return ctx.input


path = m.path().need_to("go", int)
definition = (
    m.define("it").start(input=int, run=begin).step("make", begin).parallel("both", {"a": path, "b": path}).end()
)


@pytest.mark.parametrize("instance", ["go", "both/a/go"])
def test_a_payload_fits_a_wait(instance: str) -> None:
    """Of that name, or of that place."""
    assert stored_payload(definition, instance, 5, subject="it") == 5
    with pytest.raises(MissionValidationError, match="expected int"):
        stored_payload(definition, instance, "five", subject="it")


@pytest.mark.parametrize(
    ("known", "instance"), [(None, "go"), (definition, "make"), (definition, "nothing"), (definition, "both/c/go")]
)
def test_what_no_wait_is_known_for_is_sent_as_it_is(known: MissionDefinition[int] | None, instance: str) -> None:
    """Whoever runs the mission judges; it has to be JSON."""
    assert stored_payload(known, instance, {"a": "five"}, subject="it") == {"a": "five"}
    with pytest.raises(MissionValidationError):
        stored_payload(known, instance, object(), subject="it")
