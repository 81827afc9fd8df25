"""What is sent as a signal's payload, or in place of a step's output: checked by the definition, as far as it is known.

What the definition has not, or has not yet, is for whoever runs the mission to judge, and so is which wait or step is
meant, where that is not said: then there has to be one that takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..definition import MissionDefinition, SignalNode
from ..errors import MissionValidationError
from ..history import MissionSnapshot
from ..payloads import PLAIN, PayloadType


def stored_payload(definition: MissionDefinition[Any] | None, instance: str, payload: object, *, subject: str) -> Any:
    """Return the JSON form of a payload; `instance` is the name of the signal, or that of the wait.

    Raises `MissionValidationError` where no wait takes it.
    """
    refused: MissionValidationError | None = None
    for schema in _payloads(definition, instance):
        try:
            return schema.validate(payload, event_name=instance, subject=subject)
        except MissionValidationError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return PLAIN.validate(payload, event_name=instance, subject=subject)


def stored_output(
    definition: MissionDefinition[Any] | None, snapshot: MissionSnapshot, step: str | None, output: object
) -> Any:
    """Return the JSON form of the output of a step: of `step`, or else of one that the mission stands on.

    Raises `MissionValidationError` where none of them returns it.
    """
    refused: MissionValidationError | None = None
    mission = f"mission {snapshot.mission_id!r} ({snapshot.mission_name})"
    types = _outputs(definition, snapshot, step) or {step or "skip": PLAIN}
    for instance, returned in types.items():
        try:
            return returned.validate(
                output, event_name=instance, subject=f"the output of step {instance!r} of {mission}"
            )
        except MissionValidationError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _payloads(definition: MissionDefinition[Any] | None, instance: str) -> Iterator[PayloadType]:
    if definition is None:
        return
    if "/" in instance:
        site = definition.site(instance)
        sites = [] if site is None else [site]
    else:
        sites = [site for site in definition.sites.values() if site.node.name == instance]
    for site in sites:
        if isinstance(site.node, SignalNode):
            yield site.node.schema


def _outputs(
    definition: MissionDefinition[Any] | None, snapshot: MissionSnapshot, step: str | None
) -> Mapping[str, PayloadType]:
    standing = (snapshot.cursor, *(position.cursor for position in snapshot.positions))
    types: dict[str, PayloadType] = {}
    for instance in standing if step is None else (step,):
        if instance is not None and definition is not None:
            with suppress(LookupError):
                types[instance] = definition.work(instance).output
    return types
