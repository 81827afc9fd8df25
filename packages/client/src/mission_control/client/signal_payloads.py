"""What is sent as a signal's payload: checked by the definition, as far as that tells which wait it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mission_control.core import MissionDefinition, MissionValidationError
from mission_control.core.definition import SignalNode
from mission_control.core.payloads import PLAIN, PayloadType


def stored_payload(definition: MissionDefinition[Any] | None, instance: str, payload: object, *, subject: str) -> Any:
    """Return the JSON form of a payload. Raises `MissionValidationError` where no wait takes it.

    `instance` is the name of the signal, or that of the wait. One that the definition has not, or has not yet, is for
    the owner to judge.
    """
    refused: MissionValidationError | None = None
    for schema in _schemas(definition, instance):
        try:
            return schema.validate(payload, event_name=instance, subject=subject)
        except MissionValidationError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return PLAIN.validate(payload, event_name=instance, subject=subject)


def _schemas(definition: MissionDefinition[Any] | None, instance: str) -> Iterator[PayloadType]:
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
